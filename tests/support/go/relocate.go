// CO-RE by cilium/ebpf for the types in a file, without a kernel: of either byte order.
//
//	relocate OBJECT BTF
//
// Prints as JSON, for each program, every relocated instruction: what it then holds.
// Needs cilium/ebpf 0.22.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

type relocated struct {
	Index    uint64 `json:"index"` // of the instruction, in units of eight bytes
	Question string `json:"question"`
	Call     bool   `json:"call"`
	Constant int64  `json:"constant"`
	Offset   int16  `json:"offset"`
	Error    string `json:"error"`
}

func main() {
	found, err := relocate(os.Args[1], os.Args[2])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(found)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func relocate(object, types string) (map[string][]relocated, error) {
	spec, err := ebpf.LoadCollectionSpec(object)
	if err != nil {
		return nil, err
	}
	kernel, err := btf.LoadSpec(types)
	if err != nil {
		return nil, err
	}
	found := map[string][]relocated{}
	for name, program := range spec.Programs {
		var builder btf.Builder
		iterator := program.Instructions.Iterate()
		for iterator.Next() {
			record := btf.CORERelocationMetadata(iterator.Ins)
			if record == nil {
				continue
			}
			one := relocated{Index: uint64(iterator.Offset), Question: record.String()}
			fixups, err := btf.CORERelocate([]*btf.CORERelocation{record}, []*btf.Spec{kernel}, spec.ByteOrder, builder.Add)
			if err == nil {
				err = fixups[0].Apply(iterator.Ins)
			}
			if err != nil {
				one.Error = err.Error()
			}
			one.Call = iterator.Ins.OpCode.JumpOp() == asm.Call && iterator.Ins.OpCode.Class() == asm.JumpClass
			one.Constant, one.Offset = iterator.Ins.Constant, iterator.Ins.Offset
			found[name] = append(found[name], one)
		}
	}
	return found, nil
}
