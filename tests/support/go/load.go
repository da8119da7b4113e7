// Another loader of BPF objects, with ELF and BTF readers of its own: cilium/ebpf.
//
//	load OBJECT           prints what it reads, as JSON
//	load OBJECT FOLDER    loads the programs, too, and pins each as FOLDER/NAME
//
// Builds with 0.9.1 as with 0.22, so it uses what both have.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"
)

type program struct {
	Type    uint32 `json:"type"`
	Section string `json:"section"`
}

type mapping struct {
	Type    uint32 `json:"type"`
	Key     uint32 `json:"key"`
	Value   uint32 `json:"value"`
	Entries uint32 `json:"entries"`
}

type report struct {
	Order    string             `json:"order"`
	Programs map[string]program `json:"programs"`
	Maps     map[string]mapping `json:"maps"`
	Error    string             `json:"error"`
	Refused  map[string]string  `json:"refused"` // by program
}

func main() {
	found := report{Programs: map[string]program{}, Maps: map[string]mapping{}, Refused: map[string]string{}}
	if err := examine(os.Args[1], os.Args[2:], &found); err != nil {
		found.Error = fmt.Sprintf("%v", err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func examine(path string, folders []string, found *report) error {
	spec, err := ebpf.LoadCollectionSpec(path)
	if err != nil {
		return err
	}
	found.Order = spec.ByteOrder.String()
	for name, p := range spec.Programs {
		found.Programs[name] = program{uint32(p.Type), p.SectionName}
	}
	for name, m := range spec.Maps {
		found.Maps[name] = mapping{uint32(m.Type), m.KeySize, m.ValueSize, m.MaxEntries}
	}
	for _, folder := range folders {
		for name := range spec.Programs {
			if err := pin(alone(spec, name), name, folder); err != nil {
				found.Refused[name] = err.Error()
			}
		}
	}
	return nil
}

// alone is the collection with one program: one that is refused must not hide the others.
func alone(spec *ebpf.CollectionSpec, name string) *ebpf.CollectionSpec {
	spec = spec.Copy()
	for other := range spec.Programs {
		if other != name {
			delete(spec.Programs, other)
		}
	}
	return spec
}

func pin(spec *ebpf.CollectionSpec, name, folder string) error {
	collection, err := ebpf.NewCollection(spec)
	if err != nil {
		return err
	}
	defer collection.Close()
	return collection.Programs[name].Pin(filepath.Join(folder, name))
}
