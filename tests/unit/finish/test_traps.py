"""Traps become exits: the rewriting, step by step, on code written by hand."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from pyzbpf.elf import reader
from pyzbpf.errors import ObjectError
from pyzbpf.finish import unit as units
from pyzbpf.finish import verdicts
from pyzbpf.finish.analysis import registers
from pyzbpf.finish.analysis.arguments import takes_fifth
from pyzbpf.finish.analysis.frames import make_room
from pyzbpf.finish.code import Function, Instruction, decode
from pyzbpf.finish.pipeline import PASSES, finish
from pyzbpf.spec import traps
from pyzbpf.spec.model import ProgramSpec
from pyzbpf.spec.read import program, read
from pyzbpf.spec.section_table import SECTIONS
from tests.support import elf_writer
from tests.support.assemble import Asm
from tests.support.btf_writer import Writer
from tests.support.elf_writer import EXEC, LOCAL, R_64_32, Section, Symbol

ENDIANS = ["little", "big"]
ROOT = Path(__file__).parents[3]
TRAP = "__bpf_trap"
RESERVE, DISCARD = 131, 133
CALL, EXIT, JA = 0x85, 0x95, 0x05
ABS64 = 2
XDP_PASS = 2


class Probe:
    """An object under construction: code by section, with traps and marks where they are asked for."""

    def __init__(self, endian: str = "little") -> None:
        self.endian = endian
        self.code: dict[str, Asm] = {}
        self.functions: list[tuple[str, str, int]] = []
        self.relocations: dict[str, list[tuple[int, int, str]]] = {}
        self.marks: dict[str, list[tuple[str, int, str]]] = {}
        self.from_namespace: set[tuple[str, int]] = set()

    def function(self, name: str, section: str = ".text") -> Asm:
        asm = self.code.setdefault(section, Asm(self.endian))
        self.functions.append((name, section, len(asm.code)))
        return asm

    def mark(self, section: str, text: str, kind: str = "trap") -> None:
        self.marks.setdefault(kind, []).append((section, len(self.code[section].code), text))

    def trap(self, section: str, text: str | None = None) -> Asm:
        asm = self.code[section]
        if text is not None:
            self.mark(section, text)
            self.from_namespace.add((section, len(asm.code)))
        self.relocations.setdefault(section, []).append((len(asm.code), R_64_32, TRAP))
        return asm.raw(CALL, source=1, imm=-1)

    def call(self, section: str, callee: str) -> Asm:
        asm = self.code[section]
        _, home, start = next(found for found in self.functions if found[0] == callee)
        if home == section:
            return asm.raw(CALL, source=1, imm=(start - len(asm.code)) // 8 - 1)
        self.relocations.setdefault(section, []).append((len(asm.code), R_64_32, f"section:{home}"))
        return asm.raw(CALL, source=1, imm=start // 8 - 1)

    def build(self) -> bytes:
        btf = Writer(self.endian)
        number = btf.int("int", 4, 1)
        functions: dict[str, list[tuple[int, int]]] = {}
        lines = {}
        for section, asm in self.code.items():
            for name, home, start in self.functions:
                if home == section:
                    kind = btf.func(name, btf.prototype(number, [("", number)]), 0)
                    functions.setdefault(section, []).append((start, kind))
            lines[section] = [
                (at, self.file(section, at), f"  line {at // 8 + 1};", (at // 8 + 1) << 10 | 3)
                for at in range(0, len(asm.code), 8)
            ]
        sections = [
            Section(name, bytes(asm.code), EXEC, relocations=tuple(self.relocations.get(name, ())))
            for name, asm in self.code.items()
        ]
        for kind_of_mark, marks in self.marks.items():
            data, relocations = b"", []
            for section, at, text in marks:
                relocations.append((len(data), ABS64, f"section:{section}"))
                data += struct.pack("<Q" if self.endian == "little" else ">Q", at) + text.encode() + b"\0"
            sections.append(Section(f".pyzbpf.{kind_of_mark}", data, 0, relocations=tuple(relocations)))
        ext = btf.ext(functions, lines)
        sections += [
            Section("license", b"GPL\0"),
            Section(".BTF", btf.bytes(), 0),
            Section(".BTF.ext", ext, 0),
        ]
        return elf_writer.write(sections, [*self.symbols(), Symbol(TRAP, None)], endian=self.endian)

    def file(self, section: str, at: int) -> str:
        """The SDK's for a trap that is marked: it was inlined from there."""
        return "pyzbpf/zig/bpf/panic.zig" if (section, at) in self.from_namespace else "probe.zig"

    def symbols(self) -> list[Symbol]:
        found = []
        for section, asm in self.code.items():
            starts = [(name, start) for name, home, start in self.functions if home == section]
            ends = [start for _, start in starts[1:]] + [len(asm.code)]
            for (name, start), end in zip(starts, ends, strict=True):
                options = {"binding": LOCAL} if section.startswith(".text") else {}
                found.append(Symbol(name, section, start, end - start, **options))
        return found


def finished(probe: Probe) -> dict[str, Function]:
    """The functions of the finished object, by name; that it stays as it is is checked on the way."""
    data = finish(probe.build(), file="probe.zig")
    assert finish(data, file="probe.zig") == data
    assert TRAP.encode() not in data
    code, _ = decode(reader.read(data, file="probe.o"))
    return {function.symbol.name: function for function in code.functions}


def opcodes(function: Function) -> list[int]:
    return [instruction.opcode for instruction in function.instructions]


def one_check(endian: str = "little", text: str | None = "outOfBounds r1 r2") -> Probe:
    """If r1 > 5 goto trap; r0 = 1; exit; trap: r2 = 6; call __bpf_trap; exit"""
    probe = Probe(endian)
    probe.function("prog", "xdp").raw(0x25, 1, offset=2, imm=5).mov_imm(0, 1).raw(EXIT).mov_imm(2, 6)
    probe.trap("xdp", text).raw(EXIT)
    return probe


@pytest.mark.parametrize("endian", ENDIANS)
def test_a_check_becomes_an_exit(endian: str) -> None:
    program = finished(one_check(endian))["prog"]
    # r1 > 5, r0 = 1, exit | r2 = 6, record: address, two operands, 1, atomic add; r0 = verdict, exit
    assert opcodes(program) == [0x25, 0xB7, EXIT, 0xB7, 0x18, 0x7B, 0x7B, 0xB7, 0xDB, 0xB7, EXIT]
    load, first, second, one, add, verdict, _ = program.instructions[4:]
    assert (load.symbol and load.symbol.name, load.immediate) == (traps.SECTION, 0)
    assert [(i.source, i.offset) for i in (first, second)] == [(1, 8), (2, 16)]
    assert {first.destination, second.destination, add.destination} == {load.destination}
    assert (one.immediate, add.source, add.immediate) == (1, one.destination, 0)
    assert len({load.destination, one.destination, 1, 2}) == 4
    assert (verdict.destination, verdict.immediate) == (0, XDP_PASS)
    assert program.instructions[0].target is program.instructions[3]


@pytest.mark.parametrize("endian", ENDIANS)
def test_the_place_reaches_the_spec(endian: str) -> None:
    spec = read(finish(one_check(endian).build(), file="probe.zig"), file="a", name="a")
    (trap,) = spec.traps
    # The line of the jump that decides: the trap's own record names the SDK.
    assert (trap.file, trap.line, trap.column, trap.text) == ("probe.zig", 1, 3, "line 1;")
    assert (trap.kind, trap.operands, trap.function) == ("outOfBounds", 2, "prog")
    assert trap.describe((99, 16)).endswith(": index out of bounds: index 99, len 16")
    assert "index ?, len ?" in trap.describe()
    assert [m.value_size for m in spec.maps.values() if m.name == traps.SECTION] == [traps.RECORD_SIZE]


def test_an_unmarked_trap() -> None:
    program = finished(one_check(text=None))["prog"]
    assert opcodes(program) == [0x25, 0xB7, EXIT, 0xB7, 0x18, 0xB7, 0xDB, 0xB7, EXIT]


def test_a_trap_that_nothing_comes_to_goes() -> None:
    probe = Probe()
    probe.function("prog", "xdp").mov_imm(0, 0).raw(EXIT)
    probe.trap("xdp", "call").raw(EXIT)
    data = finish(probe.build(), file="probe.zig")
    assert opcodes(decode(reader.read(data, file="a"))[0].functions[0]) == [0xB7, EXIT]
    assert traps.SECTION.encode() not in data


def test_checks_that_share_a_call_are_told_apart() -> None:
    """If r1 > 5 goto a; if r1 > 4 goto b; exit; a: (mark) goto shared; b: (mark) shared: call"""
    probe = Probe()
    probe.function("prog", "xdp").mov_imm(0, 1).raw(0x25, 1, offset=2, imm=5).raw(
        0x25, 1, offset=2, imm=4
    ).raw(EXIT)
    probe.mark("xdp", "integerOverflow")
    probe.code["xdp"].raw(JA, offset=0)
    probe.trap("xdp", "divideByZero").raw(EXIT)
    spec = read(finish(probe.build(), file="probe.zig"), file="a", name="a")
    assert {trap.kind for trap in spec.traps} == {"integerOverflow", "divideByZero"}
    assert opcodes(finished(probe)["prog"]).count(0xDB) == 2


@pytest.mark.parametrize("endian", ENDIANS)
@pytest.mark.parametrize("section", [".text", "xdp"])
def test_a_subprogram_tells_its_caller(endian: str, section: str) -> None:
    probe = Probe(endian)
    if section == "xdp":
        probe.function("other", "xdp").mov_imm(0, 0).raw(EXIT)
    probe.function("sub", ".text").mov_imm(0, 5).raw(0x25, 1, offset=1, imm=5).raw(EXIT)
    probe.trap(".text", "unwrapNull")
    asm = probe.function("prog", "xdp").store(8, 10, 1, -8)
    probe.call("xdp", "sub")
    asm.load(8, 1, 10, -8).raw(0x0F, 0, 1).raw(EXIT)
    found = finished(probe)
    sub, caller = found["sub"], found["prog"]
    keep, *_ = sub.instructions
    assert (keep.opcode, keep.destination, keep.source, keep.offset) == (0x7B, 10, 5, -8)
    load, tell, value, end = sub.instructions[-4:]
    assert (load.opcode, load.source, load.offset) == (0x79, 10, -8)
    assert (tell.opcode, tell.destination, tell.immediate) == (0x7A, load.destination, 1)
    assert (value.destination, value.immediate, end.opcode) == (0, 0, EXIT)
    # The caller's frame has moved down by the word that it passes.
    spill, clear, copy, address, call, test_load, test, verdict, left, reload, _, last = caller.instructions
    assert (spill.offset, reload.offset) == (-16, -16)
    assert (clear.opcode, clear.offset, clear.immediate) == (0x7A, -8, 0)
    assert (copy.destination, copy.source, address.immediate) == (5, 10, -8)
    assert call.callee is sub
    assert (test_load.destination, test_load.offset, test.opcode, test.target) == (5, -8, 0x15, reload)
    assert (verdict.immediate, left.opcode, last.opcode) == (XDP_PASS, EXIT, EXIT)


@pytest.mark.parametrize("endian", ENDIANS)
def test_a_subprogram_without_a_result_tells_by_it(endian: str) -> None:
    """Two deep: nobody looks at r0 of either, though the one ends with what the other returns."""
    probe = Probe(endian)
    probe.function("inner", ".text").raw(0x25, 1, offset=1, imm=5).raw(EXIT)
    probe.trap(".text", "unwrapNull")
    probe.function("outer", ".text")
    probe.call(".text", "inner").raw(EXIT)
    asm = probe.function("prog", "xdp").mov_imm(5, 1)
    probe.call("xdp", "outer")
    asm.mov_imm(0, 7).raw(EXIT)
    found = finished(probe)
    assert opcodes(found["inner"]) == [0x25, 0xB7, EXIT, 0x18, 0xB7, 0xDB, 0xB7, EXIT]
    check, none, _, *_, left, _ = found["inner"].instructions
    assert check.target is found["inner"].instructions[3]
    assert (none.immediate, left.immediate) == (0, 1)
    call, test, told, _, none, _ = found["outer"].instructions
    assert (call.callee, test.opcode, test.destination, test.target) == (found["inner"], 0x15, 0, none)
    assert (told.immediate, none.immediate) == (1, 0)
    assert opcodes(found["prog"]) == [0xB7, CALL, 0x15, 0xB7, EXIT, 0xB7, EXIT]
    assert found["prog"].instructions[3].immediate == XDP_PASS


def test_a_function_that_never_returns() -> None:
    probe = Probe()
    probe.function("fail", ".text")
    probe.trap(".text", "call")
    probe.function("prog", "xdp").mov_imm(0, 1).raw(0x25, 1, offset=1, imm=5).raw(EXIT)
    probe.call("xdp", "fail").mov_imm(0, 7).raw(EXIT)
    caller = finished(probe)["prog"]
    assert opcodes(caller) == [0xB7, 0x25, EXIT, CALL, 0xB7, EXIT]
    assert caller.instructions[-2].immediate == XDP_PASS


def held(register: int, *, checked: bool, text: str = "unwrapNull") -> Probe:
    """r0 = reserve(); register = r0; [if r0 == 0 exit]; if r7 > 5 goto trap; submit(register); exit"""
    probe = Probe()
    asm = probe.function("prog", "xdp").mov(7, 1).mov_imm(2, 8).mov_imm(3, 0).call(RESERVE).mov(register, 0)
    if checked:
        asm.jump_if_not_equal_imm(0, 0, 1).raw(EXIT)
    asm.raw(0x25, 7, offset=5, imm=5).mov(1, register).mov_imm(2, 0).call(132).mov_imm(0, 1).raw(EXIT)
    probe.trap("xdp", text)
    return probe


@pytest.mark.parametrize("register", [0, 4, 6])
def test_a_record_is_given_back(register: int) -> None:
    stub = finished(held(register, checked=True))["prog"].instructions[-9:]
    copy, flags, discard, verdict, end = stub[-5:]
    assert (copy.opcode, copy.destination) == (0xBF, 1)
    assert copy.source in (0, register)
    assert (flags.destination, flags.immediate) == (2, 0)
    assert (discard.opcode, discard.immediate) == (CALL, DISCARD)
    assert (verdict.immediate, end.opcode) == (XDP_PASS, EXIT)


def test_a_record_that_may_be_null_is_tested() -> None:
    stub = finished(held(6, checked=False))["prog"].instructions[-6:]
    copy, test, _, discard, verdict, _ = stub
    assert (copy.destination, test.opcode, test.destination, test.target) == (1, 0x15, 1, verdict)
    assert discard.immediate == DISCARD


def test_a_record_whose_register_takes_an_operand_is_saved() -> None:
    """LLVM needs the record no more behind the jump to the trap."""
    probe = Probe()
    asm = probe.function("prog", "xdp").mov(7, 1).mov_imm(2, 8).mov_imm(3, 0).call(RESERVE)
    asm.jump_if_not_equal_imm(0, 0, 1).raw(EXIT)
    asm.raw(0x25, 7, offset=5, imm=5).mov(1, 0).mov_imm(2, 0).call(132).mov_imm(0, 1).raw(EXIT)
    asm.mov_imm(0, 16)
    probe.trap("xdp", "outOfBounds r7 r0")
    program = finished(probe)["prog"]
    save, operand = program.instructions[12:14]
    assert (save.opcode, save.source) == (0xBF, 0) and save.destination not in (0, 7)
    assert (operand.destination, operand.immediate) == (0, 16)
    given = program.instructions[-5]
    assert (given.destination, given.source) == (1, save.destination)


def test_a_distance_is_no_helper() -> None:
    """A call over 93 instructions, which is the number of the helper that takes a spin lock."""
    probe = Probe()
    middle = probe.function("middle", ".text").mov_imm(2, 8).mov_imm(3, 0).call(RESERVE)
    middle.jump_if_not_equal_imm(0, 0, 1).raw(EXIT).mov(1, 0).mov_imm(2, 0).call(DISCARD)
    middle.raw(CALL, source=1, imm=93)
    for _ in range(92):
        middle.mov_imm(0, 0)
    middle.raw(EXIT)
    probe.function("leaf", ".text").mov_imm(0, 0).raw(0x25, 1, offset=1, imm=5).raw(EXIT)
    probe.trap(".text", "unwrapNull")
    probe.function("prog", "xdp")
    probe.call("xdp", "middle").mov_imm(0, 1).raw(EXIT)
    assert sorted(finished(probe)) == ["leaf", "middle", "prog"]


def test_a_record_that_no_register_keeps_is_kept_in_the_stack() -> None:
    """Behind a call, where the check is certain to fail, LLVM needs it no more."""
    probe = Probe()
    asm = probe.function("prog", "xdp").mov(7, 1).mov_imm(2, 8).mov_imm(3, 0).call(RESERVE)
    asm.jump_if_not_equal_imm(0, 0, 1).raw(EXIT).mov(6, 0)
    asm.raw(0x25, 7, offset=5, imm=5).mov(1, 6).mov_imm(2, 0).call(132).mov_imm(0, 1).raw(EXIT)
    asm.mov_imm(6, 3).call(7)  # the random number is not asked for
    probe.trap("xdp", "unwrapNull")
    program = finished(probe)["prog"]
    (acquire,) = [
        n for n, i in enumerate(program.instructions) if i.opcode == CALL and i.immediate == RESERVE
    ]
    kept = program.instructions[acquire + 1]
    assert (kept.opcode, kept.destination, kept.source, kept.offset) == (0x7B, 10, 0, -8)
    load, flags, discard, verdict, _ = program.instructions[-5:]
    assert (load.opcode, load.destination, load.source, load.offset) == (0x79, 1, 10, -8)
    assert (flags.immediate, discard.immediate, verdict.immediate) == (0, DISCARD, XDP_PASS)


def rounds(*registers: int) -> Probe:
    """An unrolled loop: each round has its record in another register, and all share the trap."""
    probe = Probe()
    asm = probe.function("prog", "xdp").mov(7, 1)
    size = 13
    for number, register in enumerate(registers):
        asm.mov_imm(2, 8).mov_imm(3, 0).call(RESERVE).mov(register, 0).jump_if_not_equal_imm(0, 0, 1).raw(
            EXIT
        )
        asm.mov_imm(0, 0).raw(0x25, 7, offset=size * (len(registers) - number) - 6, imm=number)
        asm.mov(1, register).mov_imm(2, 0).call(132).mov_imm(register, 0).mov_imm(0, 1)
    asm.mov_imm(0, 1).raw(EXIT)
    probe.trap("xdp", "unwrapNull")
    return probe


@pytest.mark.parametrize(("registers", "kept"), [((6, 6, 6), 0), ((6, 8, 6), 3)])
def test_records_of_the_rounds_of_a_loop(registers: tuple[int, ...], kept: int) -> None:
    """In one register they are one; in different ones each is kept in the same word of the stack."""
    program = finished(rounds(*registers))["prog"]
    stores = [i for i in program.instructions if i.opcode == 0x7B and i.destination == 10]
    assert [(i.source, i.offset) for i in stores] == [(0, -8)] * kept
    assert [i.immediate for i in program.instructions if i.opcode == CALL].count(DISCARD) == 1


def test_records_on_one_way_only_are_refused() -> None:
    probe = Probe()
    asm = probe.function("prog", "xdp").mov(7, 1).raw(0x25, 7, offset=5, imm=9)
    asm.mov_imm(2, 8).mov_imm(3, 0).call(RESERVE).mov(6, 0).raw(JA, offset=1).mov_imm(6, 5)
    asm.raw(0x25, 7, offset=2, imm=5).mov_imm(0, 1).raw(EXIT)
    probe.trap("xdp", "unwrapNull")
    with pytest.raises(ObjectError) as caught:
        finish(probe.build(), file="probe.zig")
    error = caught.value
    assert (error.section, error.symbol) == ("xdp", "prog") and error.offset is not None
    assert "probe.zig:9: " in str(error) and "ring-buffer record acquired at probe.zig:5" in str(error)


@pytest.mark.parametrize("step", PASSES, ids=lambda step: step.__module__.rpartition(".")[2])
@pytest.mark.parametrize("make", [one_check, lambda: held(0, checked=True)], ids=["check", "record"])
def test_each_pass_may_run_twice(step: object, make: object) -> None:
    raw = make().build()  # type: ignore[operator]
    results = []
    for again in (False, True):
        work = units.read(raw, file="probe.zig")
        for done in PASSES:
            done(work)
            if again and done is step:
                done(work)
        results.append(units.write(work))
    assert results[0] == results[1]


def test_make_room_moves_every_use_of_the_frame() -> None:
    asm = Asm("little").store(8, 10, 1, -8).mov(2, 10).add_imm(2, -16).mov(3, 10).raw(0x0F, 3, 1)
    asm.store_imm(4, 10, 7, -12).load(8, 0, 10, -8).raw(EXIT)
    work = units.read(
        elf_writer.write(
            [Section("xdp", bytes(asm.code), EXEC)], [Symbol("prog", "xdp", size=len(asm.code))]
        ),
        file="a",
    )
    (function,) = work.code.functions
    make_room(work, function, 8)
    shown = [(i.opcode, i.destination, i.offset, i.immediate) for i in function.instructions]
    assert shown == [
        (0x7B, 10, -16, 0), (0xBF, 2, 0, 0), (0x07, 2, 0, -24), (0xBF, 3, 0, 0), (0x07, 3, 0, -8), (0x0F, 3, 0, 0),
        (0x62, 10, -20, 7), (0x79, 0, -16, 0), (EXIT, 0, 0, 0),
    ]  # fmt: skip
    with pytest.raises(ObjectError, match="512"):
        make_room(work, function, 496)


@pytest.mark.parametrize(
    ("instruction", "reads", "writes"),
    [
        (Instruction(0xBF, destination=1, source=2), {2}, {1}),
        (Instruction(0xB7, destination=1), set(), {1}),
        (Instruction(0x0F, destination=1, source=2), {1, 2}, {1}),
        (Instruction(0x07, destination=1), {1}, {1}),
        (Instruction(0x87, destination=1), {1}, {1}),
        (Instruction(0xDC, destination=1, immediate=16), {1}, {1}),
        (Instruction(0x79, destination=1, source=2), {2}, {1}),
        (Instruction(0x7B, destination=1, source=2), {1, 2}, set()),
        (Instruction(0x7A, destination=1), {1}, set()),
        (Instruction(0xDB, destination=1, source=2), {1, 2}, set()),
        (Instruction(0xDB, destination=1, source=2, immediate=0x01), {1, 2}, {2}),
        (Instruction(0xDB, destination=1, source=2, immediate=0xF1), {0, 1, 2}, {0}),
        (Instruction(0x18, destination=3), set(), {3}),
        (Instruction(0x20), {6}, set(range(6))),
        (Instruction(0x40, source=3), {3, 6}, set(range(6))),
        (Instruction(CALL, immediate=5), set(), set(range(6))),
        (Instruction(EXIT), {0}, set()),
        (Instruction(JA), set(), set()),
        (Instruction(0x15, destination=4), {4}, set()),
        (Instruction(0x1D, destination=4, source=5), {4, 5}, set()),
        (Instruction(0x16, destination=4), {4}, set()),
    ],
)
def test_reads_and_writes(instruction: Instruction, reads: set[int], writes: set[int]) -> None:
    assert registers.reads(instruction) == reads
    assert registers.writes(instruction) == writes


@pytest.mark.parametrize(
    ("asm", "taken"),
    [
        (Asm("little").mov(0, 5).raw(EXIT), True),
        (Asm("little").mov_imm(5, 1).mov(0, 5).raw(EXIT), False),
        (Asm("little").call(5).raw(EXIT), False),
        (Asm("little").call(25).raw(EXIT), True),  # perf_event_output takes five
        (Asm("little").mov_imm(5, 8).call(25).raw(EXIT), False),
        (Asm("little").raw(0x25, 1, offset=1, imm=5).mov_imm(5, 1).mov(0, 5).raw(EXIT), True),
    ],
)
def test_a_fifth_argument(asm: Asm, taken: bool) -> None:
    work = units.read(
        elf_writer.write(
            [Section("xdp", bytes(asm.code), EXEC)], [Symbol("prog", "xdp", size=len(asm.code))]
        ),
        file="a",
    )
    assert takes_fifth(work, work.code.functions[0]) is taken


def example(pattern: str) -> ProgramSpec:
    """A program of a row of the section table."""
    kind = pattern.rstrip("+/")
    return program("prog", f"{kind}/x" if pattern != kind else kind)


@pytest.mark.parametrize("pattern", [row[0] for row in SECTIONS])
def test_every_kind_has_a_verdict(pattern: str) -> None:
    verdict = verdicts.of(example(pattern))
    assert verdict.meaning
    if verdict.value is None:
        assert pattern.rstrip("+") in ("struct_ops", "struct_ops.s", "freplace", "sk_skb/stream_parser")
    else:
        assert verdict.low <= verdict.value <= verdict.high


def test_the_page_has_the_verdicts_of_the_table() -> None:
    page = (ROOT / "docs" / "safe-mode.md").read_text()
    table = page.partition("| section |")[2].partition("\n\n")[0]
    rows = [line.split("|") for line in table.splitlines()[2:]]
    seen = set()
    for _, sections, value, *_ in rows:
        for name in sections.replace("`", "").split(","):
            matches = [p for p in (row[0] for row in SECTIONS) if p.rstrip("+/") == name.strip()]
            assert matches, name
            seen.add(matches[0])
            verdict = verdicts.of(example(matches[0]))
            assert value.strip() == ("–" if verdict.value is None else str(verdict.value)), name
    assert seen == {row[0] for row in SECTIONS}
