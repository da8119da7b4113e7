"""Excerpts of real logs (Linux 6.18 unless the case says otherwise) -> reason, place, hint."""

from __future__ import annotations

import sys

import pytest

from pyzbpf.adapt.adapt import adapt
from pyzbpf.btf.decode import decode
from pyzbpf.runtime.verifier import explain, reason_of
from pyzbpf.spec import traps
from tests.support.assemble import R0, Asm, add_function, add_program, object_spec
from tests.support.btf_bytes import BtfBytes
from tests.support.btf_writer import Writer

PROCESSED = (
    "processed 6 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n"
)

MAYBE_NULL = """\
arg#0 reference type('UNKNOWN ') size cannot be determined: -22
0: R1=ctx() R10=fp0
; const value = values.lookup(&key); @ probe.zig:4
3: (18) r1 = 0xffff888104382400       ; R1=map_ptr(map=m,ks=4,vs=16)
5: (85) call bpf_map_lookup_elem#1    ; R0=map_value_or_null(id=1,map=m,ks=4,vs=16)
; value.* += 1; @ probe.zig:5
6: (79) r1 = *(u64 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'
"""

NO_TYPES = """\
Validating decide() func#1...
btf_vmlinux is malformed
16: R1=mem_or_null(id=2,off=0,imm=0) R10=fp0
; return @intCast(ctx.len & 0xff);
16: (61) r0 = *(u32 *)(r1 +0)
R1 invalid mem access 'mem_or_null'
"""

OTHERWISE_WITHOUT_TYPES = """\
btf_vmlinux is malformed
16: R1=mem_or_null(id=2,off=0,imm=0) R10=fp0
R1 invalid mem access 'scalar'
"""

UNBOUNDED = """\
8: (0f) r0 += r6                      ; R0=map_value(map=m,ks=4,vs=16,smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff))
9: (71) r1 = *(u8 *)(r0 +0)
R0 unbounded memory access, make sure to bounds check any such access
"""

NEGATIVE = """\
10: (65) if r6 s> 0x8 goto pc+2       ; R6=scalar(smin=0xffffffff80000000,smax=smax32=8)
11: (0f) r0 += r6
value -2147483648 makes map_value pointer be out of bounds
"""

SCALAR = """\
0: (b7) r1 = 0                        ; R1=0
1: (79) r0 = *(u64 *)(r1 +0)
R1 invalid mem access 'scalar'
"""

STACK = """\
0: R1=ctx() R10=fp0
0: (7a) *(u64 *)(r10 -600) = 0
invalid write to stack R10 off=-600 size=8
"""

TOO_LARGE = """\
3: (2d) if r1 > r0 goto pc-2          ; R0=0x51615 R1=0x51615
BPF program is too large. Processed 1000001 insn
"""

PACKET = """\
0: (61) r2 = *(u32 *)(r1 +0)          ; R1=ctx() R2=pkt(r=0)
1: (71) r0 = *(u8 *)(r2 +0)
invalid access to packet, off=0 size=1, R2(id=0,off=0,r=0)
R2 offset is outside of the packet
"""

LEAK = """\
4: (85) call bpf_ringbuf_reserve#131          ; R0=ringbuf_mem_or_null(id=2,ref_obj_id=2,sz=8) refs=2
5: (b7) r0 = 0                        ; R0=0 refs=2
6: (95) exit
Unreleased reference id=2 alloc_insn=1
BPF_EXIT instruction in main prog would lead to reference leak
"""

HELPER = "0: (85) call unknown#9999\ninvalid func unknown#9999\n"
WRONG_HELPER = "2: (85) call bpf_redirect#23\nprogram of this type cannot use helper bpf_redirect#23\n"
NO_JIT = "JIT is required for calling kernel function\n"
OLD_HELPER = "2: (85) call unknown#195\nunknown func unknown#195\n"
GPL = (
    "4: (85) call bpf_probe_read_kernel#113\n"
    "cannot call GPL-restricted function from non-GPL compatible program\n"
)
NOT_READ = "0: R1=ctx() R10=fp0\n0: (95) exit\nR0 !read_ok\n"
CONTEXT = "0: (79) r0 = *(u64 *)(r1 +9000)\ninvalid bpf_context access off=9000 size=8\n"
ARGUMENT = "2: (85) call bpf_map_lookup_elem#1\nR1 type=scalar expected=map_ptr\n"
POINTER = "1: (9f) r0 %= r1\nR0 pointer arithmetic with %= operator prohibited\n"
BACK_EDGE = "back-edge from insn 4 to 2\n"  # Linux 5.2
UNREACHABLE = "unreachable insn 2\n"
STATISTICS = "verification time 1234 usec\nstack depth 16+0\nsubprog 0 insns_self 12\n"

CASES = [
    (MAYBE_NULL, "R0 invalid mem access 'map_value_or_null'", "orelse return"),
    (OTHERWISE_WITHOUT_TYPES, "R1 invalid mem access 'scalar'", "probe_read"),
    (NO_TYPES, "R1 invalid mem access 'mem_or_null'", "CONFIG_DEBUG_INFO_BTF=y"),
    (UNBOUNDED, "R0 unbounded memory access, make sure to bounds check any such access", "items.len"),
    (NEGATIVE, "value -2147483648 makes map_value pointer be out of bounds", "unsigned"),
    (SCALAR, "R1 invalid mem access 'scalar'", "probe_read"),
    (STACK, "invalid write to stack R10 off=-600 size=8", "512 bytes"),
    (TOO_LARGE, "BPF program is too large. Processed 1000001 insn", "million instructions"),
    (
        PACKET,
        "invalid access to packet, off=0 size=1, R2(id=0,off=0,r=0); R2 offset is outside of the packet",
        "data_end",
    ),
    (LEAK, "BPF_EXIT instruction in main prog would lead to reference leak", "submit or discard"),
    (HELPER, "invalid func unknown#9999", "does not exist in this kernel"),
    (WRONG_HELPER, "program of this type cannot use helper bpf_redirect#23", "not for this kind"),
    (
        OLD_HELPER,
        "unknown func unknown#195",
        "map_lookup_percpu_elem, which does not exist in this kernel: it came with Linux 5.19",
    ),
    (NO_JIT, "JIT is required for calling kernel function", "net.core.bpf_jit_enable"),
    (GPL, "cannot call GPL-restricted function from non-GPL compatible program", "licence"),
    (NOT_READ, "R0 !read_ok", "every path"),
    (CONTEXT, "invalid bpf_context access off=9000 size=8", "context"),
    (ARGUMENT, "R1 type=scalar expected=map_ptr", "another kind of pointer"),
    (POINTER, "R0 pointer arithmetic with %= operator prohibited", "adding"),
    (BACK_EDGE, "back-edge from insn 4 to 2", "5.3"),
    (UNREACHABLE, "unreachable insn 2", "never run"),
    ("3: (b7) r0 = 0\ninfinite loop detected at insn 3\n", "infinite loop detected at insn 3", "for (0..64)"),
    (
        "infinite loop detected at insn 3\ncur state: R1=ctx() R10=fp0\nold state: R1=ctx() R10=fp0\n",
        "infinite loop detected at insn 3",
        "for (0..64)",
    ),
    ("a sentence that nobody knows\n", "a sentence that nobody knows", None),
]


def program(lines: bool = True):
    """Two functions, 4 + 3 instructions: (spec of the program, adapted, btf)."""
    btf = BtfBytes()
    file = btf.string("probe.zig")
    spec = object_spec()
    main, helper = Asm(), Asm()
    if lines:
        main.line(file, btf.string("export fn main() i32 {"), 3, 1)
    main.mov_imm(R0, 0)
    if lines:
        main.line(file, btf.string("    return helper();"), 4, 12)
    main.call_function("helper").mov_imm(R0, 0).exit_()
    if lines:
        helper.line(file, btf.string("fn helper() i32 {"), 9, 1)
    helper.mov_imm(R0, 0).mov_imm(R0, 0)
    if lines:
        helper.line(file, btf.string("    return 1;"), 11, 5)
    program = add_program(spec, "main", "socket", main.exit_())
    add_function(spec, "helper", helper.exit_())
    return program, adapt(spec, program), decode(btf.data(), sys.byteorder)


@pytest.mark.parametrize(
    "end", ["", PROCESSED, PROCESSED + STATISTICS], ids=["bare", "counted", "statistics"]
)
@pytest.mark.parametrize(("log", "reason", "hint"), CASES, ids=[reason for _, reason, _ in CASES])
def test_reason_and_hint(log, reason, hint, end):
    spec, ready, btf = program()
    error = explain(spec, ready, btf, log=log + end, errno=13)
    assert error.program == "main"
    assert error.reason == reason
    assert error.log == log + end
    assert error.errno == 13
    assert hint in error.hint if hint else error.hint is None


@pytest.mark.parametrize(
    ("index", "source"),
    [
        (0, "probe.zig:3:1: export fn main() i32 {"),
        (1, "probe.zig:4:12: return helper();"),
        (3, "probe.zig:4:12: return helper();"),
        (5, "probe.zig:9:1: fn helper() i32 {"),
        (6, "probe.zig:9:1: fn helper() i32 {"),
        (7, "probe.zig:11:5: return 1;"),
    ],
)
def test_place_comes_from_the_line_records(index, source):
    spec, ready, btf = program()
    log = f"0: (b7) r0 = 0\n{index}: (b7) r0 = 0   ; R0=0\nsome reason\n{PROCESSED}"
    assert explain(spec, ready, btf, log=log, errno=22).source == source


def test_checked_counters_are_named_where_the_verifier_gives_up():
    """Those of this program, whose records it refers to; other checks and other programs' are not."""
    spec, ready, _ = program()
    writer = Writer()
    variable = writer.var(traps.VARIABLE, writer.int("u64", 8), 0)
    writer.datasec(traps.SECTION, [(variable, 0, 120)], 120)
    for number, (kind, text) in enumerate(
        [("integerOverflow", "n += 1;"), ("outOfBounds", "a[n + 1] = 0;"), ("integerOverflow", "k = i - 1;"),
         ("integerOverflow", "other += 1;"), ("integerOverflow", "sum += n;")]
    ):  # fmt: skip
        writer.decl_tag(f"{traps.TAG}{number}:{kind}:0:{7 + number}:5:main:probe.zig:{text}", variable)
    btf = decode(writer.bytes(), "little")
    ready.references += [(0, "data", traps.SECTION, traps.RECORD_SIZE * number) for number in (0, 1, 2, 4)]
    hint = explain(spec, ready, btf, log=TOO_LARGE, errno=7).hint
    assert hint.endswith("`sum += n`. This program checks probe.zig:7:5: n += 1;, probe.zig:11:5: sum += n;")
    assert "+%=" not in explain(spec, program()[1], btf, log=TOO_LARGE, errno=7).hint


def test_place_of_a_fault_of_the_control_flow():
    spec, ready, btf = program()
    assert explain(spec, ready, btf, log=UNREACHABLE, errno=22).source == "probe.zig:4:12: return helper();"


def test_where_a_leak_was_acquired():
    spec, ready, btf = program()
    hint = explain(spec, ready, btf, log=LEAK, errno=22).hint
    assert hint.endswith("It was acquired at probe.zig:4:12: return helper();")


def test_place_comes_from_the_log_where_there_are_no_records():
    spec, ready, _ = program(lines=False)
    error = explain(spec, ready, None, log=MAYBE_NULL, errno=13)
    assert error.source == "probe.zig:5: value.* += 1;"
    older = MAYBE_NULL.replace(" @ probe.zig:5", "")
    assert explain(spec, ready, None, log=older, errno=13).source == "value.* += 1;"


def test_no_place_at_all():
    spec, ready, _ = program(lines=False)
    assert explain(spec, ready, None, log=SCALAR, errno=13).source is None


def test_damaged_lines_do_not_hide_the_reason():
    spec, ready, btf = program()
    ready.places[0][1].lines[:] = [(0, 1 << 20, 1 << 20, 0)]
    error = explain(spec, ready, btf, log="0: (95) exit\nR0 !read_ok\n", errno=13)
    assert error.reason == "R0 !read_ok"
    assert error.source is None


# Of Linux 7.3.4, with the source and instruction contexts shortened.
REPORT = """\
0: R1=ctx() R10=fp0
6: (85) call bpf_map_lookup_elem#1    ; R0=map_value_or_null(id=1,map=table,ks=4,vs=8)
; value.* += 1; @ probe.zig:9
10: (79) r2 = *(u64 *)(r1 +0)
R1 invalid mem access 'scalar'

Verification failed: Register Type Safety: Invalid dereference

Reason:
  R1 is an integer scalar here,
  not a pointer to memory.

At:
  prog @ probe.zig:9:5
  Source context:
       8 |     const found: *u64 = table.lookup(ctx.len) orelse @ptrFromInt(8);
  >>>  9 |     found.* += 1;
         |     ^-- error: invalid dereference of R1 (an integer scalar)
  Instruction context:
       9 | (bf) r1 = r0
  >>> 10 | (79) r2 = *(u64 *)(r1 +0)

Causal path:
  insn 7
       | ^-- update: R1 changed from uninitialized value to integer scalar value 8

Suggestion:
  Preserve the verified pointer value before using it for
  this memory access.

BPF_EXIT instruction in main prog would lead to reference leak
processed 8 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""


def test_reports_of_newer_kernels_do_not_hide_what_all_kernels_say():
    spec, ready, btf = program()
    error = explain(spec, ready, btf, log=REPORT, errno=13)
    assert error.reason == reason_of(REPORT) == "R1 invalid mem access 'scalar'"
    assert error.hint.startswith("What is dereferenced is a number"), "our words are for Zig"
    assert error.source.startswith("probe.zig:")
    assert error.log == REPORT


def test_the_kernels_own_suggestion_where_there_is_none_of_ours():
    spec, ready, btf = program()
    log = REPORT.replace("R1 invalid mem access 'scalar'", "something new is wrong")
    error = explain(spec, ready, btf, log=log, errno=13)
    assert error.reason == "something new is wrong"
    assert error.hint == "Preserve the verified pointer value before using it for this memory access."


POISONED = """\
0: R1=ctx() R10=fp0
; offset = @offsetOf(task_struct, "nope"); @ probe.zig:4
3: (85) call unknown#195896080
invalid func unknown#195896080
"""


@pytest.mark.parametrize("text", [POISONED, POISONED.replace("invalid func", "unknown func")])
def test_a_relocation_without_an_answer(text):
    spec, ready, btf = program()
    ready.unresolved[3] = (
        "<byte_off> struct task_struct.nope (0:3): the kernel's struct task_struct has no 'nope'"
    )
    error = explain(spec, ready, btf, log=text + PROCESSED, errno=22)
    assert error.reason == f"CO-RE relocation {ready.unresolved[3]}"
    assert error.source.startswith("probe.zig:")
    assert error.hint.startswith("This kernel has nothing that fits")
    assert error.log == text + PROCESSED
    # The same call where nothing was relocated is somebody else's.
    del ready.unresolved[3]
    assert "195896080" in explain(spec, ready, btf, log=text, errno=22).reason


@pytest.mark.parametrize("log", ["", "\n", "  \n"])
def test_empty_logs(log):
    assert reason_of(log) == ""


def test_log_of_nothing_but_noise():
    assert reason_of(PROCESSED) == PROCESSED.strip()


def test_a_traceback_shows_the_end_of_the_log():
    spec, ready, btf = program()
    log = "".join(f"{n}: (b7) r0 = {n}\n" for n in range(50)) + PACKET + PROCESSED
    error = explain(spec, ready, btf, log=log, errno=13)
    (note,) = error.__notes__
    assert note.endswith(
        "invalid access to packet, off=0 size=1, R2(id=0,off=0,r=0)\nR2 offset is outside of the packet"
    )
    assert note.count("\n") == 12
    assert "processed" not in note
    assert error.log == log
