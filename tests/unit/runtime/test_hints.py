"""Every row of the table of hints, by what kernel/bpf/verifier.c says."""

from __future__ import annotations

import pytest

from pyzbpf.runtime.hints import HINTS
from pyzbpf.runtime.verifier import explain
from tests.unit.runtime.test_verifier import program

# What the verifier says -> words of the advice.
MESSAGES = {
    "Unreleased reference id=2 alloc_insn=1": "submit or discard",
    "R0 invalid mem access 'map_value_or_null'": "orelse return",
    "Possibly NULL pointer passed to trusted arg0": "orelse return",
    "the call stack of 9 frames is too deep !": "eight deep",
    "tail_calls are not allowed when call stack of previous frames is 272 bytes. Too large": "leaves the function",
    "function calls are not allowed while holding a lock": "on every path",
    "bpf_spin_unlock is missing": "on every path",
    "BPF_EXIT instruction in main prog cannot be used inside bpf_spin_lock-ed region": "on every path",
    "helper call might sleep in a non-sleepable prog": "ends in `.s`",
    "program must be sleepable to call sleepable kfunc bpf_copy_from_user_str": "ends in `.s`",
    "calling kernel function bpf_task_acquire is not allowed": "other kinds of programs",
    "R1 must be referenced or trusted": "vouches for",
    "kernel function bpf_task_acquire args#0 expected pointer to STRUCT task_struct but R1 has a pointer to UNKNOWN": (
        "vouches for"
    ),
    "write into map forbidden, value_size=8 off=0 size=8": "`.rodata` is frozen",
    "only read is supported": "`.rodata` is frozen",
    "access beyond struct task_struct at off 99999 size 8": "pyzbpf types",
    "func 'vfs_read' doesn't have 9-th argument": "pyzbpf types",
    "misaligned stack access off (0x0; 0x0)+0+-7 size 8": "byte by byte",
    "R2 invalid zero-sized read: u64=[0,4096]": "length == 0",
    "Global function f() doesn't return scalar. Only those are supported.": "leave `export` off",
    "At callback return the register R0 has smin=5 smax=5 should have been in [0, 1]": "1 to stop",
    "Expected an initialized dynptr as arg #0": "Make it first",
    "expected an initialized iter_num as arg #0": "Make it first",
    "R4 is not a known constant'": "comptime",
    "cannot pass map_type 2 into func bpf_map_push_elem#87": "a queue is pushed",
    "BPF_ATOMIC uses invalid atomic opcode 01": "--cpu v2",
    "BPF_STX uses reserved fields": "--cpu v2",
    "same insn cannot be used with different pointers": "noinline",
    "corrupted spill memory": "packed",
    "R1 invalid rdonly buffer access: off=0, size=8": "check its length",
    "exception callback type id not found in func_info": "may hold nothing",
    "invalid access to packet, off=0 size=1, R2(id=0,off=0,r=0)": "data_end",
    "failed to find the address for kernel symbol 'x'.": "CONFIG_KALLSYMS_ALL",
    "cannot call GPL-restricted function from non-GPL compatible program": "licence",
    "program of this type cannot use helper bpf_redirect#23": "not for this kind",
    "JIT is required for calling kernel function": "bpf_jit_enable",
    "combined stack size of 2 calls is 640. Too large": "512 bytes",
    "invalid indirect read from stack R2 off -16+8 size 16": "std.mem.zeroes",
    "back-edge from insn 4 to 2": "for (0..64)",
    "BPF program is too large. Processed 1000001 insn": "million instructions",
    "unreachable insn 2": "never run",
    "misaligned packet access off 0+14+1 size 4": "align(1)",
    "R0 unbounded memory access, make sure to bounds check any such access": "items.len",
    "invalid access to map value, value_size=4 off=4 size=4": "`<`, not `<=`",
    "R1 invalid mem access 'scalar'": "probe_read",
    "R0 !read_ok": "every path",
    "R3 !read_ok": "r1 to r5",
    "invalid bpf_context access off=9000 size=8": "context type",
    "At program exit the register R0 has smin=7 smax=7 should have been in [0, 3]": "verdicts",
    "R2 leaks addr into map": "CAP_PERFMON",
    "R1 tried to subtract pointer from scalar": "adding to and subtracting",
    "R1 type=scalar expected=map_ptr": "another kind of pointer",
    "last insn is not an exit or jmp": "damaged",
}


@pytest.mark.parametrize("message", MESSAGES)
def test_advice(message: str) -> None:
    spec, ready, btf = program()
    hint = explain(spec, ready, btf, log=f"0: (95) exit\n{message}\n", errno=22).hint
    assert hint is not None
    assert MESSAGES[message] in hint


def test_every_row_is_shown() -> None:
    first = [next(row for row in HINTS if row[0].search(message)) for message in MESSAGES]
    assert [pattern.pattern for pattern, advice in HINTS if not any(row[1] == advice for row in first)] == []
    assert len(HINTS) >= 40
