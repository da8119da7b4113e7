"""Every row of the table of hints, by what kernel/bpf/verifier.c says."""

from __future__ import annotations

import pytest

from pyzbpf.runtime.hints import HINTS
from pyzbpf.runtime.verifier import explain
from tests.unit.runtime.test_verifier import program

# What the verifier says -> words of the advice.
MESSAGES = {
    "R2 type=ctx expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_": "const key = ctx.member",
    "R1 type=scalar expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_": "of a variable (`&x`)",
    "R1 type=fp expected=ctx": "pass `ctx` itself",
    "R1 type=ctx expected=sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_": "vouches for",
    "R1 type=sock_common_or_null expected=sock_common, sock, tcp_sock, xdp_sock": "orelse return",
    "R0 invalid mem access 'ptr_or_null_'": "orelse return",
    "R0 pointer arithmetic on map_value_or_null prohibited, null-check it first": "orelse return",
    "At program exit the register R0 is not a known value (trusted_ptr_)": "one of the kind's verdicts",
    "bpf_spin_lock at off=16 must be held for bpf_list_head": "with their lock held",
    "tracing progs cannot use bpf_{list_head,rb_root} yet": "another kind",
    "tracing progs cannot use bpf_timer yet": "another kind",
    "bpf_spin_lock cannot be accessed directly by load/store": "only the functions made for it",
    "direct access to bpf_list_head is disallowed": "only the functions made for it",
    "map 'array' has no valid bpf_spin_lock": "only the functions made for it",
    "off 4 doesn't point to 'struct bpf_spin_lock' that is at 0": "only the functions made for it",
    "store to referenced kptr disallowed": "bpf_kptr_xchg",
    "off=8 kptr isn't referenced kptr": "bpf_kptr_xchg",
    "bpf_list_head not found at offset=0": "where they are declared",
    "operation on bpf_list_head expects arg#1 bpf_list_node at offset=48 in struct foo, but arg is at offset=0 in struct bar": (
        "where they are declared"
    ),
    "R1 doesn't have constant offset. bpf_list_head has to be at the constant offset": "where they are declared",
    "release kernel function bpf_task_release expects refcounted PTR_TO_BTF_ID": "Only what was acquired",
    "arg 1 is an unacquired reference": "Only what was acquired",
    "string is not zero-terminated": "string literal",
    "read from map forbidden, value_size=48 off=0 size=8": "BPF_F_WRONLY_PROG",
    "BPF_ATOMIC stores into R1 ctx is not allowed": "plain stores",
    "helper access to the packet is not allowed": "packet.load",
    "workqueue pointer in R1 map_uid=0 doesn't match map pointer in R2 map_uid=0": "the map that the value is from",
    "BPF_EXIT instruction in main prog cannot be used inside bpf_preempt_disable-ed region": "on every path",
    "use static function instead": "on every path",
    "exception cb only supports single integer argument": "may hold nothing",
    "R2 is of type task_struct but cgroup is expected": "vouches for",
    "only read from bpf_array is supported": "reading only",
    "no write support to nf_conn at off 128": "reading only",
    "access beyond the end of member comm (mend:1768) in struct task_struct with off 1752 size 17": "pyzbpf types",
    "cannot overwrite referenced dynptr": "Make it first",
    "R6 invalid variable buffer offset: off=0, var_off=(0x0; 0xffffffff)": "check its length",
    "invalid variable-offset read from stack R2 var_off=(0xfffffffffffffff8; 0x4) off=0 size=8": "items.len",
    "arg#2 arg#3 memory, len pair leads to invalid memory access": "`<`, not `<=`",
    "R2 bitwise operator &= on pointer prohibited": "@setRuntimeSafety(false)",
    "R0 pointer += pointer prohibited": "Only adding to",
    "R0 invalid tcp_sock access off=96 size=8": "the kind's context type",
    "math between map_value pointer and 4294967295 is not allowed": "went below zero",
    "negative offset ctx ptr R1 off=-1 disallowed": "went below zero",
    "div by zero": "always 0",
    "fd 1 is not pointing to valid bpf_map": "damaged",
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
    "invalid read from stack R2 off=-16 size=216": "key_size",
    "invalid write to stack R10 off=-600 size=8": "512 bytes",
    "back-edge from insn 4 to 2": "for (0..64)",
    "BPF program is too large. Processed 1000001 insn": "million instructions",
    "The sequence of 8193 jumps is too complex.": "fewer branches in a loop",
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
