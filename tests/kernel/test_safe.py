"""Safe mode on the real kernel: what fast mode cannot load or gets wrong is caught, reported and survived."""

from __future__ import annotations

import json
import re
import struct
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from pyzbpf.errors import VerifierError
from tests.support import features, zig_probes
from tests.support.bpf_fs import mounted
from tests.support.bpftool import bpftool, pinned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyzbpf.runtime.object import Object

PROBES = Path(__file__).parents[1] / "zig" / "probes"
NEUTRAL = 0  # of a raw tracepoint
BIG = 1 << 32


def unsigned(value: int) -> int:
    return value & (1 << 64) - 1


# Programs that older verifiers are not convinced of, the first kernel known to take them, and what it learnt.
NOT_BEFORE = {
    "slice_index": ("6.8", "a length that is compared with another variable"),
    "returned_record": ("6.12", "an optional ring-buffer record, tested after it was returned,"),
    "callback": ("5.17", "bpf_loop"),
}


def obstacle(program: str) -> str:
    """Why this kernel does not take a program of the tests; "" where it does."""
    version, feature = NOT_BEFORE.get(program, ("", ""))
    if version and features.is_older(version):
        return f"{feature} needs Linux {version}, this is {features.RELEASE}"
    if program == "callback" and not features.has_jit():
        return "callbacks need the JIT compiler: CONFIG_BPF_JIT=y, net.core.bpf_jit_enable=1"
    return ""


def need(*programs: str) -> None:
    """Skip where the kernel does not take one of them."""
    for program in programs:
        if obstacle(program):
            pytest.skip(obstacle(program))


def whole(probe: str) -> Object:
    """The probe with all of its programs that this kernel takes."""
    spec = zig_probes.spec(probe)
    for name, found in spec.programs.items():
        found.autoload = not obstacle(name)
    return spec.load()


def alone(probe: str, program: str, mode: str = "safe") -> Object:
    """The probe with only this program loaded."""
    if mode == "safe":
        need(program)
    spec = zig_probes.spec(probe, mode)
    for name, found in spec.programs.items():
        found.autoload = name == program
    return spec.load()


def call(probe: Object, program: str, *arguments: int) -> int:
    """Run a raw tracepoint program; what it returns, signed."""
    padded = [*map(unsigned, arguments), *[0] * 12][:12]
    value = probe.programs[program].test_run(context=struct.pack("=12Q", *padded)).retval
    return value - BIG if value >= BIG // 2 else value


def traps(probe: Object) -> list[str]:
    return [str(trap) for trap in probe.traps]


class Check(NamedTuple):
    """Good arguments and what the program returns for them; bad ones, what is said of them, and the source
    from the column on that is named.
    """

    good: tuple[int, ...]
    value: int
    bad: tuple[int, ...]
    message: str
    at: str


# Every kind of check, but for the one that needs floating point (tests/zig/test_safe.py holds that).
CHECKS = {
    "index": Check((3,), 14, (99,), "index out of bounds: index 99, len 16", "[ctx.args[0]] +%= 1;"),
    "slice_index": Check((3, 5), 13, (5, 5), "index out of bounds: index 5, len 5", "[ctx.args[0]]);"),
    "slice_end": Check((7,), 5, (17,), "index out of bounds: index 17, len 16", "[2..ctx.args[0]].len"),
    "slice_start": Check(
        (2, 5), 3, (5, 2), "start index 5 is larger than end index 2", "[ctx.args[0] & 7 .."
    ),
    "cast": Check((200,), 200, (300,), "integer does not fit in destination type", "@intCast(ctx.args[0])"),
    "cast_sign": Check((200,), 200, (-1,), "integer does not fit in destination type", "@intCast(signed)"),
    "add": Check((1, 2), 3, (BIG - 1, 6), "integer overflow", "+ b);"),
    "subtract": Check((5, 2), 3, (2, 5), "integer overflow", "- ctx.args[1]"),
    "multiply": Check((6, 7), 42, (1 << 16, (1 << 16) + 1), "integer overflow", "* b);"),
    "multiply_64": Check((6, 7), 42, (BIG + 1, BIG + 1), "integer overflow", "(ctx.args[0], ctx.args[1])"),
    "multiply_signed": Check(
        (-6, 7), -42, (BIG + 1, BIG + 1), "integer overflow", "(@bitCast(ctx.args[0]), @bitCast(ctx.args[1]))"
    ),
    "negate": Check(
        (-5,), 5, (1 << 31,), "integer overflow", "return -a;"
    ),  # negation has no place of its own
    "shift": Check((3, 2), 12, ((1 << 31) + 1, 1), "left shift overflowed bits", "@truncate(by)"),
    "shift_right": Check((8,), 2, (9,), "right shift overflowed bits", "[0], 2)"),
    "shift_amount": Check((3, 2), 13, (1, 24), "shift amount is greater than the type size", "<< by"),
    "divide": Check((42, 2), 21, (1, 0), "division by zero", "/ ctx.args[1]"),
    "remainder": Check((42, 5), 2, (3, 0), "division by zero", "% ctx.args[1]"),
    "divide_exactly": Check((40,), 10, (41,), "exact division produced remainder", "@divExact("),
    "unwrap_null": Check((9,), 9, (1,), "attempt to use null value", ".?)"),
    "unwrap_error": Check((8,), 4, (9,), "attempt to unwrap error", "unreachable;"),
    "unreachable_case": Check((2,), 333, (3,), "reached unreachable code", "unreachable,"),
    "enum_cast": Check((2,), 17, (77,), "invalid enum value", "@fromBackingInt("),
    "error_cast": Check((2,), 60, (3,), "unexpected error code", "@errorCast(all)"),
    "error_code": Check((1,), 31, (900,), "invalid error code", "@truncate(ctx.args[0])"),
    "switched": Check((2,), 42, (9,), "switch on corrupt value", "read.*)"),
    "null_pointer": Check((4,), 7, (0,), "cast causes pointer to be null", "@ptrFromInt("),
    "alignment": Check((8,), 11, (9,), "incorrect alignment", "@ptrFromInt("),
    "union_field": Check((9,), 9, (1,), "access of inactive union field: field 1, active field 0", ".large)"),
    "sentinel": Check((4,), 5, (5,), "sentinel mismatch: expected 0, found 7", "[0..at :0]"),
    "copy_length": Check((8,), 7, (9,), "source and destination have different lengths", "[0..length])"),
    "copy_alias": Check((3,), 5, (9,), "@memcpy arguments alias", "[16..24])"),
    "slice_cast": Check(
        (8,), 3, (9,), "slice length 9 does not divide exactly into destination elements", "@ptrCast(part)"
    ),
    "for_length": Check((8,), 56, (9,), "for loop over objects of different lengths", "[16 .. 16 +"),
    "no_value": Check((0,), 1, (1,), "load of an uninstantiable type", "_ = nobody.*;"),
    "returned": Check((0,), 1, (1,), "'noreturn' function returned", "();"),
    "asked": Check((1,), 1, (3,), "panic: three is too many", "@panic("),
    "trapped": Check((1,), 1, (3,), "reached a trap", "@trap()"),
}
# Those that every mode leaves in the object. LLVM makes a trap of its own of what follows a call that must not
# return.
KEPT_BY_ALL = {"asked": "panic: three is too many", "trapped": "reached a trap", "returned": "reached a trap"}
# Neutral by chance are x / 0, which is 0 on these machines, and the low half of a word on a big-endian one, where
# the union's other field is in the high half.
BY_CHANCE = ("divide", *(("union_field",) if sys.byteorder == "big" else ()))
# What the verifier refuses without the check; everything else runs and is wrong.
REFUSED_WITHOUT = ("index", "slice_index")


def place(program: str, at: str) -> tuple[int, int]:
    """Line and column, from 1, where the text stands in a program of safe.zig."""
    lines = (PROBES / "safe.zig").read_text().splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"export fn {program}("))
    end = start + lines[start:].index("}")
    ((line, column),) = ((n + 1, lines[n].index(at) + 1) for n in range(start, end) if at in lines[n])
    return line, column


@pytest.mark.parametrize("name", CHECKS)
def test_a_failed_check_is_neutral_and_reported(name: str) -> None:
    check = CHECKS[name]
    with alone("safe", name) as probe:
        assert probe.btf_error is None or features.is_older("5.16")  # which brought decl tags
        assert call(probe, name, *check.good) == check.value
        assert probe.traps == []
        assert [call(probe, name, *check.bad) for _ in range(2)] == [NEUTRAL, NEUTRAL]
        (trap,) = probe.traps
        line, column = place(name, check.at)
        assert str(trap) == f"safe.zig:{line}:{column}: {check.message} (x2)"
        assert (trap.count, trap.file, trap.function) == (2, "safe.zig", name)
        assert (trap.line, trap.column) == (line, column)
        assert trap.text == (PROBES / "safe.zig").read_text().splitlines()[line - 1].strip()
        assert trap.operands == tuple(map(int, re.findall(r" (\d+)\b", check.message)))
        assert call(probe, name, *check.good) == check.value + (name == "index")  # it counts


@pytest.mark.parametrize("mode", ["fast", "small"])
@pytest.mark.parametrize("name", [name for name in CHECKS if name not in BY_CHANCE])
def test_without_the_check_it_is_refused_or_wrong(name: str, mode: str) -> None:
    check = CHECKS[name]
    if name in REFUSED_WITHOUT:
        with pytest.raises(VerifierError) as caught:
            alone("safe", name, mode)
        assert caught.value.hint is not None and "--mode safe" in caught.value.hint
        return
    with alone("safe", name, mode) as probe:
        wrong = call(probe, name, *check.bad)
        if name in KEPT_BY_ALL:
            assert wrong == NEUTRAL and probe.traps[0].spec.describe().endswith(KEPT_BY_ALL[name])
        else:
            assert wrong != NEUTRAL and probe.traps == []


@pytest.mark.parametrize(
    ("one", "other", "fits"),
    [
        (-1 << 63, 1, True), (-1 << 62, 2, True), (1 << 62, -2, True), (0, -1 << 63, True), (-3, -5, True),
        (-1 << 63, -1, False), (-1 << 62, -2, False), (1 << 62, 2, False), (1 << 32, -(1 << 32), False),
        ((1 << 63) - 1, -1, True), ((1 << 63) - 1, -2, False), (3037000500, 3037000500, False),
    ],
)  # fmt: skip
def test_signed_products_of_64_bits(one: int, other: int, fits: bool) -> None:
    with alone("safe", "multiply_signed") as probe:
        returned = call(probe, "multiply_signed", one, other)
        low = (one * other) & (BIG - 1)
        assert returned == (low - BIG if low >= BIG // 2 else low) * fits
        assert len(probe.traps) == (not fits)


def test_all_programs_of_a_section_together() -> None:
    with whole("safe") as probe:
        checks = {name: check for name, check in CHECKS.items() if not obstacle(name)}
        for name, check in checks.items():
            assert call(probe, name, *check.bad) == NEUTRAL
        assert {trap.function: trap.count for trap in probe.traps} == dict.fromkeys(checks, 1)
        # Every kind that the object has was forced to fail.
        assert {trap.kind for trap in probe.traps} == {trap.kind for trap in zig_probes.spec("safe").traps}
        assert traps(probe) == sorted(traps(probe), key=lambda text: int(text.split(":")[1]))


def test_two_calls_deep() -> None:
    with whole("safe_calls") as probe:
        assert call(probe, "two_deep", 3) == 13 + 14
        assert probe.variables["after"].value == 1
        assert call(probe, "two_deep", 15) == call(probe, "two_deep", 77) == -7
        assert probe.variables["after"].value == 1  # the program went no further
        (trap,) = probe.traps
        assert (trap.function, trap.operands, trap.count) == ("inner", (77, 16), 2)
        assert call(probe, "in_loop", 2) == sum(10 + n + 11 + n for n in range(2, 6))
        assert call(probe, "in_loop", 12) == NEUTRAL  # in the last round
        assert probe.traps[0].operands == (16, 16)
        assert call(probe, "two_deep", -1) == -7
        assert [(t.function, t.kind, t.count) for t in probe.traps] == [
            ("inner", "outOfBounds", 4),
        ]


def test_a_record_goes_back_to_the_ring_buffer() -> None:
    with whole("safe_calls") as probe:
        events = probe.maps["events"]
        assert call(probe, "held_record", 3, 2) == 1
        (event,) = events.read(timeout=30)
        assert (event.value, event.text[:4]) == (13, b"..x.")
        assert call(probe, "held_record", 16, 2) == call(probe, "held_record", 3, 16) == NEUTRAL
        assert events.read(timeout=0) == []
        assert [(t.function, t.operands) for t in probe.traps] == [
            ("store", (16, 16)),
            ("held_record", (16, 16)),
        ]
        # Nothing was left reserved: the buffer still takes all that fits.
        for _ in range(5000):
            call(probe, "held_record", 3, 16)
        assert call(probe, "held_record", 4, 1) == 1
        assert [event.value for event in events.read(timeout=30)] == [14]
        assert events.lost == 0


class Handed(NamedTuple):
    """A program that hands a record to, or takes one from, a function that it calls."""

    program: str
    good: tuple[int, ...]
    value: int
    bad: tuple[int, ...]
    neutral: int
    sent: int


@pytest.mark.parametrize(
    "case",
    [
        Handed("passed_record", (3, 4), 15, (16, 4), 1000, 0),
        Handed("passed_record", (3, 4), 15, (3, 16), 1000, 1),
        Handed("returned_record", (3, 4), 1, (16, 4), 0, 0),
        Handed("returned_record", (3, 4), 1, (3, 16), 0, 0),
        Handed("returned_record", (2, 4), 2, (3, 99), 0, 0),
        Handed("certain_record", (3, 4), 3, (16, 4), 0, 0),
        Handed("certain_record", (3, 4), 3, (3, 16), 0, 0),
    ],
)
def test_records_that_change_hands(case: Handed) -> None:
    need(case.program)
    with whole("safe_calls") as probe:
        assert call(probe, case.program, *case.good) == case.value
        before = len(probe.maps["events"].read(timeout=0))
        assert before == (case.value != 2)
        assert call(probe, case.program, *case.bad) == case.neutral
        assert len(probe.traps) == 1 and len(probe.maps["events"].read(timeout=0)) == case.sent


# Where each program of safe_loops.zig is told to start, so that a later round of six fails; what it has sent by then.
LOOPS = {
    "fixed": (14, [24, 25]),
    "optional": (12, [22, 23, 24, 25]),
    "counted": (12, [22, 23, 24, 25]),
    "called": (12, [22, 23, 24, 25]),
    "pairs": (13, [23, 24]),
    "ahead": (12, [22, 23, 24, 25]),
}


@pytest.mark.parametrize("name", LOOPS)
def test_a_record_of_each_round_goes_back(name: str) -> None:
    start, sent = LOOPS[name]
    with alone("safe_loops", name) as probe:
        events = probe.maps["events"]
        assert call(probe, name, 0, 6) > 0
        good = events.read(timeout=0)
        assert good[:3] == [10, 11, 12]
        assert call(probe, name, start, 6) == NEUTRAL
        assert events.read(timeout=0) == sent
        (trap,) = probe.traps
        assert (trap.kind, trap.operands, trap.count) == ("outOfBounds", (16, 16), 1)
        assert (
            trap.text == "return table[index];" if name == "called" else "table[ctx.args[0] + i" in trap.text
        )
        # Nothing stays reserved: 5000 records of 16 bytes would not fit in.
        for _ in range(5000):
            assert call(probe, name, 16, 6) == NEUTRAL
            assert events.read(timeout=0) == []
        assert events.lost == 0
        assert call(probe, name, 0, 6) > 0
        assert events.read(timeout=0) == good


def test_a_callback_ends_loop_and_program() -> None:
    need("callback")
    with whole("safe_calls") as probe:
        assert call(probe, "callback", 0) == 10 + 11 + 12 + 13
        assert call(probe, "callback", 11) == 21 + 22 + 23  # stopped by the body
        assert probe.variables["after"].value == 2
        assert call(probe, "callback", 14) == call(probe, "callback", 16) == NEUTRAL
        assert probe.variables["after"].value == 2
        (trap,) = probe.traps
        assert (trap.kind, trap.operands, trap.count) == ("outOfBounds", (16, 16), 2)


def test_a_frame_that_is_written_downward() -> None:
    with whole("safe_calls") as probe:
        for number, at in ((7, 3), (12345678, 0), (10**18, 9), (2**64 - 1, 15)):
            digits = [ord("0")] * 24
            place, rest = 24, number
            while place > 4:
                place -= 1
                digits[place] = ord("0") + rest % 10
                rest //= 10
                if not rest:
                    break
            expected = digits[(10 + at + place) & 15] + digits[23] * 1000
            assert call(probe, "busy_frame", number, at) == expected
            assert call(probe, "busy_frame", number, 16 + at) == NEUTRAL
        assert [trap.count for trap in probe.traps] == [4]


def test_a_function_that_never_returns() -> None:
    with whole("safe_calls") as probe:
        assert call(probe, "never_returns", 3, 5) == 13
        assert call(probe, "never_returns", 6, 5) == NEUTRAL
        assert probe.variables["after"].value == 6
        assert [(trap.function, trap.kind) for trap in probe.traps] == [("give_up", "call")]


def test_many_checks_in_one_program_are_all_told_apart() -> None:
    with zig_probes.spec("many_checks").load() as probe:
        assert call(probe, "many") > 0
        assert probe.traps == []
        lines = (PROBES / "many_checks.zig").read_text().splitlines()
        found = {}
        for number in range(90):
            assert call(probe, "many", number + 1) == NEUTRAL
            new = {(t.line, t.column): t for t in probe.traps if t.count and (t.line, t.column) not in found}
            ((place, trap),) = new.items()
            found[place] = trap
            assert re.search(rf"// {number}$", lines[trap.line - 1]), (number, str(trap))
        assert len(found) == 90


@pytest.fixture
def bpffs(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "bpf") as folder:
        yield folder


@pytest.mark.parametrize("name", ["safe", "safe_calls", "many_checks"])
def test_libbpf_loads_the_same(name: str, bpffs: Path) -> None:
    need(*zig_probes.spec(name).programs)
    bpftool("prog", "loadall", zig_probes.path(name), bpffs / "p")
    with zig_probes.spec(name).load() as probe:
        for program_name, program in probe.programs.items():
            shown = pinned(bpffs / "p" / program_name)
            assert program.info["tag"].to_bytes(8, sys.byteorder).hex() == shown["tag"], program_name
            assert program.info["xlated_prog_len"] == shown["bytes_xlated"]
    text = bpftool("btf", "dump", "file", zig_probes.path(name))
    assert text.count("DECL_TAG 'pyzbpf.trap:") == len(zig_probes.spec(name).traps)


def test_bpftool_shows_the_counters(bpffs: Path) -> None:
    bpftool("prog", "loadall", zig_probes.path("safe_packets"), bpffs / "p")
    numbers = pinned(bpffs / "p" / "by_first_byte")["map_ids"]
    shown = [json.loads(bpftool("-j", "map", "dump", "id", str(number))) for number in numbers]
    (found,) = [value for value in shown if "pyzbpf_traps" in json.dumps(value)]
    assert json.dumps(found).count('"operands"') == len(zig_probes.spec("safe_packets").traps)


def test_a_packet_that_fails_a_check_passes() -> None:
    """XDP: the neutral verdict is not 0, which would drop the packet."""
    with zig_probes.spec("safe_packets").load() as probe:
        packet = bytes([3]) + bytes(63)
        assert probe.programs["by_first_byte"].test_run(packet).retval == 1  # XDP_DROP
        assert probe.programs["by_first_byte"].test_run(bytes([200]) + bytes(63)).retval == 2
        assert probe.programs["dropping"].test_run(bytes([200]) + bytes(63)).retval == 1
        assert probe.programs["filter"].test_run(packet).retval == 64 - 14
        assert probe.programs["filter"].test_run(packet + bytes(200)).retval == BIG - 1  # the whole packet
        assert [str(trap).partition(": ")[2] for trap in probe.traps] == [
            "index out of bounds: index 200, len 16 (x1)",
            "index out of bounds: index 200, len 16 (x1)",
            "index out of bounds: index 250, len 128 (x1)",
        ]


@pytest.mark.parametrize("mode", ["safe", "small", "fast"])
def test_the_sdks_own_helpers(mode: str) -> None:
    with alone("safe_packets", "window", mode) as probe:
        run = probe.programs["window"].test_run
        text = bytes(range(64))
        probe.variables["names"].value = text
        for offset, count in ((0, 16), (48, 3), (48, 16), (7, 0), (60, 16)):
            context = struct.pack("=12Q", offset, count, *[0] * 10)
            expected = text[offset : offset + 16][:count]
            assert run(context=context).retval == len(expected) + (100 if offset <= 48 else 0)
            assert bytes(probe.variables["copied"].value)[: len(expected)] == expected
            if offset <= 48:
                assert bytes(probe.variables["seen"].value) == text[offset : offset + 16]
        assert run(context=struct.pack("=12Q", 1 << 63, 16, *[0] * 10)).retval == 0
        assert probe.traps == []


@pytest.mark.parametrize("mode", ["safe", "small", "fast"])
@pytest.mark.parametrize(("name", "rounds"), [("called", 1000), ("ranged", 1000), ("plain", 500)])
def test_checked_counters_in_loops(name: str, rounds: int, mode: str) -> None:
    """The verifier does not tell rounds apart by them ("BPF program is too large"), and they are checked."""
    features.since("6.4", "bpf_iter_num_new")
    if name != "plain":
        features.needs_jit("a call back by the kernel, or of one of its functions,")
    spec = zig_probes.spec("newer/counters", mode)
    for other, program in spec.programs.items():
        program.autoload = other == name
    table = [4 if index % 3 else 1 for index in range(64)]
    with spec.load() as probe:
        probe.variables["table"].value = table
        assert probe.programs[name].test_run(bytes(64)).retval == 3
        assert probe.variables["counted"].value == sum(table[index & 63] > 3 for index in range(rounds))
        assert probe.traps == []
        if name != "called" or mode != "safe":
            return
        probe.variables["start"].value = 0xFFFFFFFF - 100
        assert probe.programs[name].test_run(bytes(64)).retval == 2
        (trap,) = probe.traps
        assert (trap.kind, trap.count, trap.text) == (
            "integerOverflow",
            1,
            "if (table[index & 63] > 3) state.count += 1;",
        )


@pytest.mark.parametrize("mode", ["safe", "small", "fast"])
def test_checked_sums_in_loops(mode: str) -> None:
    """Of narrow members of structs on the stack, and of sums with other than one."""
    features.since("6.4", "bpf_iter_num_new")  # of another program of this probe
    with alone("newer/counters", "member", mode) as probe:
        probe.variables["names"].value = b"x-" * 32
        run = probe.programs["member"].test_run
        assert (run(bytes(64)).retval, probe.variables["counted"].value) == (3, 32)
        probe.variables["start"].value = 0xFFFF - 32
        assert (run(bytes(64)).retval, probe.variables["counted"].value) == (3, 0xFFFF)
        assert probe.traps == []
        if mode == "safe":
            probe.variables["start"].value = 0xFFFF - 31
            assert run(bytes(64)).retval == 2
            assert [(trap.kind, trap.count, trap.text) for trap in probe.traps] == [
                ("integerOverflow", 1, "if (character == 'x') seen.count += 1;")
            ]
    with alone("newer/counters", "indexes", mode) as probe:
        probe.variables["table"].value = [4 if index % 3 else 1 for index in range(64)]
        expected = sum(index for index in range(64) if index % 3)
        run = probe.programs["indexes"].test_run
        assert run(bytes(64)).retval == 3
        assert (probe.variables["sum"].value, probe.variables["signed"].value) == (expected, 42 * 3)
        assert probe.traps == []
