"""The code that comes out: small probes in Zig, modes fast and safe, beside the same in C.

    sudo python benchmarks/codegen.py [--markdown] [--rounds N] [NAME ...]

Each probe of ``benchmarks/code/`` stands there in both languages and goes through the same build. On the
same inputs all three must return the same and leave the same in their maps, else nothing is measured.
Then they take turns on one CPU, loaded anew in each round; every time is the median of the rounds, less
that of a program that only returns. C is timed twice, as if it were two: that is the noise. Needs root and
the ``ziglang`` package.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import statistics
import struct
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

HERE = Path(__file__).parent
sys.path[0] = str(HERE.parent)  # this folder has a module `code`, as the standard library has

import pyzbpf  # noqa: E402
from pyzbpf.btf.record import plain  # noqa: E402
from pyzbpf.build.compile import build_probe  # noqa: E402
from pyzbpf.finish import unit  # noqa: E402
from pyzbpf.finish.analysis import flow  # noqa: E402
from pyzbpf.finish.passes import traps  # noqa: E402
from pyzbpf.finish.pipeline import PASSES  # noqa: E402
from pyzbpf.insn.instruction import EXIT, SIZE  # noqa: E402
from pyzbpf.kernel import commands  # noqa: E402
from pyzbpf.kernel.fd import Fd  # noqa: E402
from pyzbpf.kernel.syscall import bpf  # noqa: E402
from pyzbpf.uapi import attrs, enums  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pyzbpf.finish.code import Function
    from pyzbpf.runtime.object import Object
    from pyzbpf.runtime.program import Program

SOURCES = HERE / "code"
# Column -> source suffix, mode of the build.
VARIANTS = {"C": (".c", "fast"), "fast": (".zig", "fast"), "safe": (".zig", "safe")}
# What must hold: (variant, measure) -> at most so many times C.
GOALS = {("fast", "code"): 1.0, ("fast", "time"): 1.0, ("safe", "code"): 1.25, ("safe", "time"): 1.1}
# What is timed beside them: C once more, and a program that only returns.
AGAIN, EMPTY = "C again", "empty"

ETHERNET = bytes(12) + b"\x08\x00"
ADDRESSES = struct.pack("!II", 0x0A000001, 0x0A000002)


def ip(
    rest: bytes = b"",
    *,
    protocol: int = 17,
    service: int = 0,
    words: int = 5,
    addresses: bytes = ADDRESSES,
    right: bool = True,
) -> bytes:
    """An Ethernet frame with an IPv4 header of ``words`` words, its checksum right or not."""
    options = bytes(range(4 * (words - 5)))
    length = 4 * words + len(rest)
    head = struct.pack("!BBHHHBBH", 0x40 | words, service, length, 7, 0, 64, protocol, 0) + addresses
    total = sum(struct.unpack(f"!{2 * words}H", head + options))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    checksum = struct.pack("!H", total ^ 0xFFFF if right else total)
    return ETHERNET + head[:10] + checksum + head[12:] + options + rest


def udp(port: int, **options: Any) -> bytes:
    """The same with a UDP header."""
    return ip(struct.pack("!HHHH", 4000, port, 8, 0), **options)


def request(line: bytes) -> bytes:
    """A frame with 64 bytes of text."""
    return ETHERNET + line.ljust(64, b".")[:64]


def words(*values: int) -> bytes:
    """A frame with 64-bit numbers from its byte 16 on."""
    return ETHERNET + bytes(2) + struct.pack(f"={len(values)}Q", *values)


def order(when: int, size: int, queue: int) -> bytes:
    """A frame that asks a token bucket."""
    return ETHERNET + bytes(2) + struct.pack("=QII", when, size, queue)


def short() -> list[bytes]:
    """Frames that end early."""
    return [bytes(size) for size in range(14, 90, 7)]


def rename(name: bytes) -> bytes:
    """Give this thread a name, which the probe of this input sees."""
    Path("/proc/self/comm").write_bytes(name)
    return bytes(96)


def tracepoint(_: bytes) -> bytes:
    """The arguments of a raw tracepoint."""
    return bytes(96)


def nothing(_: Object) -> None:
    """Maps begin empty."""


class Case(NamedTuple):
    """A probe: what it is run on, the first of the inputs being the one to be timed, and what its maps
    hold before. ``repeat`` is how often it runs between two looks at the clock.
    """

    inputs: Sequence[bytes]
    fill: Callable[[Object], None] = nothing
    repeat: int = 200_000
    context: Callable[[bytes], bytes] | None = None


def block(probe: Object) -> None:
    """Ports for the filter."""
    for port in (53, 9, 4500):
        probe.maps["blocked"][port] = 0


def cases() -> dict[str, Case]:
    """Every probe by name."""
    rnd = random.Random(1)
    lines = [
        b"GET /index.html?number=12345 HTTP/1.1\r\n",
        b"POST / HTTP/2\r\n",
        b"get / HTTP/1.1\r\n",
        b"PUT " + b"x" * 80,
        b"A B 99999999999999999999\r",
        b"\r",
    ]
    numbers = [rnd.getrandbits(rnd.randrange(1, 65)) for _ in range(64)]
    orders = [
        order(1000 * n + rnd.randrange(900), rnd.choice((64, 1500, 60_000)), rnd.randrange(20))
        for n in range(200)
    ]
    pairs = [struct.pack("=II", rnd.getrandbits(32), rnd.getrandbits(32)) for _ in range(24)]
    return {
        "protocols": Case([ip(), *(ip(protocol=n) for n in range(0, 256, 5)), *short()]),
        "ports": Case(
            [udp(4500), *map(udp, range(100)), udp(9, words=9), udp(9, protocol=6), *short()], fill=block
        ),
        "events": Case([ip(b"x" * 30), *(ip(bytes(n), protocol=n) for n in range(40)), *short()],
                       repeat=40_000),
        "histogram": Case([words(1 << 21), *(words(n) for n in (0, 1, 2, 3, *numbers)), *short()]),
        "command": Case([b"python", b"python3", b"pytho", b"ruby", b"sixteen-letters"],
                        repeat=4_000, context=rename),
        "processes": Case([b""] * 5, repeat=4_000, context=tracepoint),
        "flows": Case([udp(53), *(udp(n, addresses=pair) for n, pair in enumerate(pairs * 2)), *short()]),
        "checksum": Case([ip(), *(ip(words=n, right=n % 3 > 0) for n in range(5, 16)), ip(right=False),
                          ip(words=15)[:60], *short()]),
        "request": Case([*map(request, lines), *short()], repeat=50_000),
        "classes": Case([ip(service=5 << 2), *(ip(service=n) for n in range(0, 256, 3)), *short()]),
        "functions": Case([ip(), *(ip(addresses=pair, protocol=n) for n, pair in enumerate(pairs * 9)),
                           *short()]),
        "fields": Case([b""] * 3, repeat=4_000, context=tracepoint),
        "mix": Case([words(1, 2, 3, 4), *(words(*numbers[n : n + 4]) for n in range(60)), *short()]),
        "tokens": Case([order(0, 0, 3), *orders, order(1 << 40, 60_000, 3), *short()]),
    }  # fmt: skip


# -- running --------------------------------------------------------------------------------------------


def call(case: Case, program: Program, given: bytes, repeat: int = 1) -> int:
    """Run a program on an input; what it returns."""
    if case.context is None:
        return program.test_run(given, repeat=repeat).retval
    context = case.context(given)
    for _ in range(repeat - 1):
        program.test_run(context=context)
    return program.test_run(context=context).retval


def outcome(case: Case, path: Path) -> tuple[list[int], dict[str, Any]]:
    """What a probe returns for each input, and what its maps and variables hold after them."""
    with pyzbpf.open(path).load() as probe:
        case.fill(probe)
        returned = [call(case, probe.programs["prog"], given) for given in case.inputs]
        left: dict[str, Any] = {}
        for name, spec in probe.spec.maps.items():
            if spec.type == enums.BPF_MAP_TYPE_RINGBUF:
                left[name] = plain(probe.maps[name].read(timeout=0))
            elif spec.contents is None:
                left[name] = sorted(
                    str((plain(key), plain(value))) for key, value in probe.maps[name].items()
                )
        for name, variable in probe.spec.variables.items():
            if not name.endswith("lost"):
                home = probe.maps[variable.map.name]
                raw = commands.map_lookup(home.fileno(), bytes(4), home.spec.value_size) or b""
                left[name] = bytes(raw[variable.offset : variable.offset + variable.size])
        if probe.traps:
            raise SystemExit(f"{path}: a check failed: {probe.traps[0]}")
        return returned, left


def check(name: str, case: Case, paths: dict[str, Path]) -> None:
    """All variants must do the same."""
    expected, *others = [(variant, outcome(case, path)) for variant, path in paths.items()]
    for variant, found in others:
        for part, (one, other) in enumerate(zip(expected[1], found, strict=True)):
            if one != other:
                what = ("values returned", "maps")[part]
                raise SystemExit(f"{name}: {what} of {expected[0]} and {variant} differ:\n{one}\n{other}")


def timed(case: Case, path: Path) -> float:
    """Nanoseconds of one run, the overhead of running it included.

    Packets: the thread's CPU time for a long BPF_PROG_TEST_RUN, finer than the kernel's own answer (whole
    nanoseconds) and without the time of other processes. A raw tracepoint runs once for each call: there
    the kernel's statistics say how long the program took.
    """
    with pyzbpf.open(path).load() as probe:
        case.fill(probe)
        program, given = probe.programs["prog"], case.inputs[0]
        if case.context is None:
            call(case, program, given)
            start = time.thread_time_ns()
            call(case, program, given, case.repeat)
            return (time.thread_time_ns() - start) / case.repeat
        with statistics_on():
            call(case, program, given, 50)
            before = program.info
            call(case, program, given, case.repeat)
            after = program.info
        spent, count = (int(after[key]) - int(before[key]) for key in ("run_time_ns", "run_cnt"))
        return spent / count


def statistics_on() -> Fd:
    """The kernel counts the time of programs while this is open (Linux 5.8)."""
    result = bpf(enums.BPF_ENABLE_STATS, commands.pack(attrs.ENABLE_STATS, {"type": 0}))
    if result < 0:
        raise SystemExit(f"BPF_ENABLE_STATS: {os.strerror(-result)}")
    return Fd(result, "statistics")


# -- counting -------------------------------------------------------------------------------------------


def linked(found: unit.Unit) -> Iterator[Function]:
    """The program and all functions that it calls."""
    waiting = [function for function in found.code.functions if function.symbol.name == "prog"]
    seen = set(waiting)
    while waiting:
        function = waiting.pop()
        yield function
        for instruction in function.instructions:
            if instruction.callee is not None and instruction.callee not in seen:
                seen.add(instruction.callee)
                waiting.append(instruction.callee)


def counted(path: Path) -> tuple[int, int]:
    """Instructions on the ways without a failed check, and the others; of 8 bytes, as the kernel counts.

    Before the last pass every check that has failed ends in a trap: what leads there only is one of the others.
    """
    raw = path.with_name(path.name.replace(".o", ".raw.o")).read_bytes()
    found = unit.read(raw, file=str(path))
    for step in PASSES[: PASSES.index(traps.run)]:
        step(found)
    warm = 0
    for function in linked(found):
        code = function.instructions
        following = flow.successors(function)
        before = flow.predecessors(following)
        ends = [index for index in flow.reachable(following) if code[index].opcode == EXIT]
        useful: set[int] = set()
        while ends:
            index = ends.pop()
            if index not in useful:
                useful.add(index)
                ends.extend(before[index])
        warm += sum(2 if code[index].is_wide else 1 for index in useful & flow.reachable(following))
    finished = unit.read(path.read_bytes(), file=str(path))
    return warm, sum(function.size // SIZE for function in linked(finished)) - warm


def processed(path: Path) -> int:
    """How many instructions the verifier walked over."""
    with pyzbpf.open(path).load(log_level=4) as probe:
        match = re.search(r"processed (\d+) insns", probe.programs["prog"].log)
        return int(match[1]) if match else 0


# -- the table ------------------------------------------------------------------------------------------


class Row(NamedTuple):
    """All that was measured of a variant."""

    code: int
    cold: int
    processed: int
    time: float


def build(name: str, folder: Path) -> dict[str, Path]:
    """The objects of a probe by variant."""
    return {
        variant: build_probe(
            SOURCES / (name + suffix),
            endian="host",
            mode=mode,
            output_directory=folder / variant,
            cache=folder / "cache",
            keep=folder / variant,
        )[0]
        for variant, (suffix, mode) in VARIANTS.items()
        if (SOURCES / (name + suffix)).exists()
    }


def measure(
    names: Sequence[str], folder: Path, rounds: int
) -> tuple[dict[str, dict[str, Row]], dict[str, float]]:
    """Rows by probe and variant; and by how much the times of C and of the same C differ."""
    every = cases()
    paths = {name: build(name, folder) for name in names}
    for name in names:
        check(name, every[name], paths[name])
    kinds = {name: pyzbpf.open(paths[name]["C"]).programs["prog"].kind for name in names}
    empty = {kind: build(f"{EMPTY}_{kind}", folder)["C"] for kind in sorted(set(kinds.values()))}
    times: dict[tuple[str, str], list[float]] = {}
    for turn in range(rounds):
        for name in names:
            order = [*paths[name].items(), (AGAIN, paths[name]["C"]), (EMPTY, empty[kinds[name]])]
            first = turn % len(order)
            for variant, path in order[first:] + order[:first]:
                case = every[name] if variant != EMPTY else every[name]._replace(fill=nothing)
                times.setdefault((name, variant), []).append(timed(case, path))
    median = {key: statistics.median(values) for key, values in times.items()}
    rows = {
        name: {
            variant: Row(*counted(path), processed(path), median[name, variant] - median[name, EMPTY])
            for variant, path in paths[name].items()
        }
        for name in names
    }
    return rows, {name: abs(median[name, "C"] - median[name, AGAIN]) for name in names}


def ratio(rows: dict[str, Row], variant: str, what: str) -> float:
    """How many times C."""
    return float(getattr(rows[variant], what) / getattr(rows["C"], what))


def table(found: dict[str, dict[str, Row]], noise: dict[str, float]) -> Iterator[str]:
    """The lines of the Markdown table; what misses its goal by more than the noise is bold."""
    yield "| probe | instructions | | | verifier | | | ns a run | | |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    yield "| | C | fast | safe | C | fast | safe | C | fast | safe |"
    for name, rows in found.items():
        cells = [name, str(rows["C"].code)]
        for variant in ("fast", "safe"):
            cold = f" + {rows[variant].cold}" if rows[variant].cold else ""
            cells.append(f"{rows[variant].code}{cold} ({marked(rows, variant, 'code')})")
        cells.append(str(rows["C"].processed))
        cells += [f"{rows[v].processed} ({marked(rows, v, 'processed')})" for v in ("fast", "safe")]
        cells.append(f"{rows['C'].time:.1f}")
        cells += [f"{rows[v].time:.1f} ({marked(rows, v, 'time', noise[name])})" for v in ("fast", "safe")]
        yield f"| {' | '.join(cells)} |"
    middles = []
    for what in ("code", "processed", "time"):
        middles.append("")
        for variant in ("fast", "safe"):
            ratios = [max(ratio(rows, variant, what), 0.01) for rows in found.values()]
            middles.append(f"{statistics.geometric_mean(ratios):.2f}")
    yield f"| geometric mean | {' | '.join(middles)} |"


def marked(rows: dict[str, Row], variant: str, what: str, noise: float = 0) -> str:
    """A ratio, bold where it misses its goal."""
    value = ratio(rows, variant, what)
    allowed = GOALS.get((variant, what), float("inf")) * getattr(rows["C"], what) + noise
    return f"**{value:.2f}**" if getattr(rows[variant], what) > allowed else f"{value:.2f}"


def plainly(lines: Iterator[str]) -> Iterator[str]:
    """The same table for a terminal: columns in line, no signs."""
    cells = [[cell.strip().replace("**", "") for cell in line.strip("|").split("|")] for line in lines]
    del cells[1]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    for row in cells:
        first, *rest = (cell.ljust(width) if not n else cell.rjust(width)
                        for n, (cell, width) in enumerate(zip(row, widths, strict=True)))  # fmt: skip
        yield "  ".join([first, *rest]).rstrip()


def main() -> None:
    """Build, compare, measure, print."""
    parser = argparse.ArgumentParser(description="Probes in Zig beside the same in C.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a probe of benchmarks/code (default: all)")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    parser.add_argument("--rounds", type=int, default=31, help="how often each is timed (default 31)")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in cases()]
    if unknown:
        parser.error(f"there is no probe {unknown[0]}; there is: {', '.join(cases())}")
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        found, apart = measure(options.names or list(cases()), Path(folder), options.rounds)
    usual = statistics.median(apart.values())
    lines = table(found, {name: max(noise, usual) for name, noise in apart.items()})
    print("\n".join(lines if options.markdown else plainly(lines)))
    print(
        f"\nLinux {os.uname().release.partition('-')[0]}, median of {options.rounds} rounds. Two measurements of "
        f"the same C differ by {usual:.1f} ns, at most by {max(apart.values()):.1f} ns."
    )


if __name__ == "__main__":
    main()
