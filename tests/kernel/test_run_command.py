"""`pyzbpf run` as a process: what it prints, how it ends, and that nothing of it stays."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pyzbpf.cli.main import main
from pyzbpf.kernel import commands
from tests.support import zig_probes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
GETPPID = {"x86_64": 110, "s390x": 64}.get(os.uname().machine, 173)
TRAP = "command.zig:54:10: index out of bounds: index {}, len 4 (x{})"
WAIT_S = 60  # generous: the machine may be busy with compilers


class Run:
    """A running `pyzbpf run`, which is attached when this is made."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stderr is not None and process.stdout is not None
        self.first = process.stderr.readline()
        self.stdout = process.stdout

    def cause(self, count: int) -> None:
        """Make the system call that the probe looks at."""
        for _ in range(count):
            os.getppid()

    def note(self) -> str:
        """The next line for the user, waited for."""
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def end(self, number: int = signal.SIGINT) -> tuple[int, str, str]:
        """(exit code, stdout, stderr) after a signal."""
        self.process.send_signal(number)
        return self.result()

    def result(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, out, err


def start(*arguments: str, probe: str = "command") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pyzbpf", "run", str(zig_probes.path(probe)), *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def here(capsys: pytest.CaptureFixture[str], *arguments: str, probe: str = "command") -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of a run to its end, within this process: starting another one takes its time."""
    try:
        code = main(["run", str(zig_probes.path(probe)), *arguments])
    except SystemExit as ended:
        code = int(ended.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def run() -> Iterator[object]:
    """Start the probe for this process's calls of getppid."""
    started: list[subprocess.Popen[str]] = []

    def make(*arguments: str) -> Run:
        target = ("--set", f"target={os.getpid()}", "--set", f"wanted={GETPPID:#x}")
        started.append(start(*target, *arguments))
        return Run(started[-1])

    yield make
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def records(out: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.splitlines()]


def test_text(run) -> None:
    probe = run(
        "--set", "kind=special", "--set", "address=10.0.0.1", "--set", "level=-5", "--set", "limits=7,0,1"
    )
    assert probe.first == "pyzbpf: command runs: enter on raw tracepoint 'sys_enter'; Ctrl-C ends it\n"
    probe.cause(6)
    # Told while it runs, once, and all of it at the end.
    assert probe.note().startswith("pyzbpf: note: command.zig:54:10: index out of bounds: index ")
    code, out, err = probe.end()
    assert code == 0
    events, *maps = out.split("\n\n")
    lines = [line.split() for line in events.splitlines()]
    assert sorted(lines[:2]) == [
        ["calls", "number", "pid", "kind", "pair.low", "pair.high", "address", "command"],
        ["numbers", "event"],
    ]
    command = Path("/proc/self/comm").read_text().split()
    assert [line for line in lines[2:] if line[0] == "calls"] == [
        ["calls", str(number), str(os.getpid()), "special", "9", "-5", "0a000001", *command]
        for number in range(1, 7)
    ]
    assert [line for line in lines[2:] if line[0] == "numbers"] == [["numbers", str(n)] for n in range(1, 7)]
    printed = {part.split()[0]: [line.split() for line in part.splitlines()[1:]] for part in maps}
    assert printed["by_pid"] == [["key", "low", "high"], [str(os.getpid()), "7", "-1"]]
    assert printed["slots"] == [["key", "value"], ["5", "6"]]
    assert printed["per_cpu"][0] == ["key", "cpu", "value"]
    assert sum(int(value) for _, _, value in printed["per_cpu"][1:]) == 6
    assert ["seen", "=", "6"] in printed["variables"]
    assert ["table", "=", "[1", "1", "1", "1]"] in printed["variables"]
    assert set(printed) == {"by_pid", "slots", "per_cpu", "variables"}  # no buffer, nothing empty, no counter
    assert err == TRAP.format(5, 2) + "\n"


def test_columns_are_aligned(run) -> None:
    probe = run()
    probe.cause(3)
    _, out, _ = probe.end()
    rows = [line for line in out.partition("\n\n")[0].splitlines() if line.startswith("calls")]
    at = rows[0].index("kind")
    assert len(rows) == 4 and all(row[at:].startswith("plain") for row in rows[1:])


def test_json(run) -> None:
    probe = run("-o", "json")
    probe.cause(5)
    assert "index out of bounds" in probe.note()
    code, out, err = probe.end(signal.SIGTERM)
    assert (code, err) == (143, "")
    found = records(out)
    events = [record for record in found if record["record"] == "event"]
    calls = [event["value"] for event in events if event["map"] == "calls"]
    assert calls[0] == {
        "number": 1, "pid": os.getpid(), "kind": "plain", "pair": {"low": 9, "high": 0},
        "address": "00000000", "command": Path("/proc/self/comm").read_text().strip(),
    }  # fmt: skip
    assert [event["value"] for event in events if event["map"] == "numbers"] == [1, 2, 3, 4, 5]
    entries = {record["map"]: record for record in found if record["record"] == "entry"}
    assert entries["by_pid"]["key"] == os.getpid() and entries["by_pid"]["value"] == {"low": 0, "high": -1}
    assert entries["slots"] == {"record": "entry", "map": "slots", "key": 5, "value": 5}
    assert set(entries["per_cpu"]) == {"record", "map", "key", "cpu", "value"}
    variables = {record["name"]: record["value"] for record in found if record["record"] == "variable"}
    assert (variables["seen"], variables["table"]) == (5, [1, 1, 1, 1])
    (trap,) = [record for record in found if record["record"] == "trap"]
    assert trap == {
        "record": "trap", "file": "command.zig", "line": 54, "column": 10, "kind": "outOfBounds",
        "function": "enter", "operands": [4, 4], "count": 1, "text": "table[seen - 1] += 1;",
        "message": "index out of bounds: index 4, len 4",
    }  # fmt: skip


def test_csv_has_all_records_and_exact_losses(run) -> None:
    probe = run("-o", "csv")
    probe.process.send_signal(signal.SIGSTOP)
    probe.cause(6000)
    probe.process.send_signal(signal.SIGCONT)
    code, out, _ = probe.end()
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    members = ["event", "number", "pid", "kind", "pair.low", "pair.high", "address", "command"]
    assert out.splitlines()[0].split(",") == ["record", "map", *members, "detail"]
    calls = [row for row in rows if (row["record"], row["map"]) == ("event", "calls")]
    assert (calls[0]["number"], calls[0]["kind"], calls[0]["pair.low"]) == ("1", "plain", "9")
    assert calls[0]["detail"] == calls[0]["event"] == ""
    lost = [json.loads(row["detail"]) for row in rows if (row["record"], row["map"]) == ("lost", "calls")]
    assert len(calls) + sum(one["count"] for one in lost) == 6000
    entry = next(row for row in rows if row["record"] == "entry" and row["map"] == "by_pid")
    assert json.loads(entry["detail"])["key"] == os.getpid()
    assert {row["record"] for row in rows} == {"event", "lost", "entry", "variable", "trap"}


def test_losses_are_told_and_exact(run) -> None:
    """While the reader is stopped the ring buffer fills; what is lost and what is read make the whole."""
    for form in ("json", "text"):
        probe = run("-o", form)
        probe.process.send_signal(signal.SIGSTOP)
        probe.cause(6000)  # the buffers hold fewer
        probe.process.send_signal(signal.SIGCONT)
        code, out, err = probe.end()
        assert code == 0
        if form == "text":
            lost = {
                line.split(":")[0]: int(line.split()[1]) for line in err.splitlines() if "were lost" in line
            }
            events = [line.split() for line in out.partition("\n\n")[0].splitlines()[2:]]
            read = {name: sum(event[0] == name for event in events) for name in lost}
        else:
            found = records(out)
            lost = {record["map"]: record["total"] for record in found if record["record"] == "lost"}
            counts = [record["count"] for record in found if record["record"] == "lost"]
            assert sum(counts) == sum(lost.values())
            read = {name: sum(r["record"] == "event" and r["map"] == name for r in found) for name in lost}
        assert "calls" in lost
        assert {name: lost[name] + read[name] for name in lost} == dict.fromkeys(lost, 6000)


def test_count(run) -> None:
    probe = run("-o", "json", "--count", "3")
    probe.cause(5)
    code, out, _ = probe.result()
    assert code == 0
    assert sum(record["record"] == "event" for record in records(out)) == 3


def test_duration(run) -> None:
    probe = run("-o", "json", "--duration", "0.5")
    probe.cause(2)
    code, out, _ = probe.result()
    assert code == 0
    assert len([r for r in records(out) if r["record"] == "event"]) == 4


def test_no_events_are_no_hindrance(run) -> None:
    probe = run("--set", "quiet=true")
    probe.cause(2)
    code, out, _ = probe.end()
    assert code == 0 and "seen = 2" in out


@pytest.mark.parametrize("form", ["text", "json", "csv"])
def test_a_reader_that_has_enough_ends_it_quietly(run, form: str) -> None:
    """Also when nothing more is printed that the closed pipe could refuse."""
    probe = run("-o", form)
    probe.cause(1)
    assert probe.stdout.readline()
    probe.stdout.close()
    assert probe.process.wait(WAIT_S) == 1
    assert probe.process.stderr.read() == ""


def test_an_interface_and_a_program_can_be_chosen() -> None:
    arguments = (
        "--interface",
        "lo",
        "--program",
        "bpf_prog",
        "--set",
        "port=9",
        "-o",
        "json",
        "--count",
        "1",
    )
    process = start(*arguments, probe="loopback")
    try:
        probe = Run(process)
        assert probe.first.startswith("pyzbpf: loopback runs: bpf_prog on packets of interface 'lo'")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"x", ("127.0.0.1", 9))
        code, out, err = probe.result()
    finally:
        process.kill()
        process.communicate()
    assert (code, err) == (0, "")
    assert json.loads(out)["value"]["target_port"] == 9


def test_an_interface_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = here(capsys, "--interface", "nosuch0", probe="loopback")
    assert (code, out) == (1, "")
    assert "no network interface 'nosuch0' in this network namespace; there is: " in err


def test_nothing_stays_in_the_kernel(run) -> None:
    probe = run()
    programs = [number for number in ids("prog") if number in own_ids(probe.process.pid, "prog_id")]
    maps = own_ids(probe.process.pid, "map_id")
    assert programs and len(maps) >= 8
    probe.end()
    deadline = time.monotonic() + WAIT_S
    while set(programs) & ids("prog") or maps & ids("map"):  # the kernel frees in its own time
        assert time.monotonic() < deadline
        time.sleep(0.02)


def own_ids(process: int, key: str) -> set[int]:
    """The ids that a process's descriptors stand for."""
    found = set()
    for entry in Path(f"/proc/{process}/fdinfo").iterdir():
        try:
            text = entry.read_text()
        except FileNotFoundError:  # the process is running: one that it has just closed
            continue
        for line in text.splitlines():
            name, _, value = line.partition(":")
            if name == key:
                found.add(int(value))
    return found


def ids(kind: str) -> set[int]:
    found, number = set(), commands.next_id(kind, 0)
    while number is not None:
        found.add(number)
        number = commands.next_id(kind, number)
    return found


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--set", "targte=1"], 2, "no such variable; did you mean target?\n  There is: target, wanted,"),
        (
            ["--set", "target=-1"],
            2,
            "--set target=-1: target: -1 does not fit unsigned int (0 to 4294967295)",
        ),
        (["--set", "target"], 2, "'target' is not NAME=VALUE"),
        (["--set", "target=x"], 2, "'target' is unsigned int: 'x' is no number"),
        (["--program", "entre"], 2, "no program 'entre'; did you mean enter?"),
        (["--interface", "lo"], 2, "--interface: no program of"),
        (["--duration", "0"], 2, "not a number of seconds above 0"),
        (["--count", "-1"], 2, "not a whole number from 1 up"),
        (["-o", "xml"], 2, "there is no 'xml'\n  There is: text, json, csv."),
    ],
)
def test_wrong_use(arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    found, out, err = here(capsys, *arguments)
    assert (found, out) == (code, "")
    assert message in err and "Traceback" not in err


def test_a_source_is_built_and_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    zig_probes.need_compiler()
    source = tmp_path / "calls.zig"
    source.write_text("""const bpf = @import("bpf");
pub const programs = .{ .entered = "raw_tp/sys_enter" };
export var calls: u64 = 0;
export var process: u32 linksection(".rodata") = 0;
pub fn entered() void {
    if (bpf.process.pid() == process) calls += 1;
}
""")
    assert (
        main(["run", str(source), "--set", f"process={os.getpid()}", "--duration", "0.2", "-o", "json"]) == 0
    )
    out, err = capsys.readouterr()
    assert err == "pyzbpf: calls runs: entered on raw tracepoint 'sys_enter'; Ctrl-C ends it\n"
    (record,) = records(out)
    assert record["name"] == "calls" and record["value"] > 0
    assert main(["verify", str(source)]) == 0
    assert capsys.readouterr().out == "entered: accepted\n"
    assert [path.name for path in tmp_path.iterdir()] == ["calls.zig"]


def test_the_verifiers_refusal_is_5(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = here(capsys, probe="rejected")
    assert (code, out) == (5, "")
    assert "the verifier says" in err
