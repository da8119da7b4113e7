"""What the kernel says about programs, maps and links; statistics, code, streams; what is loaded and by whom."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pyzbpf
from pyzbpf.errors import Error, NotFoundError, SystemCallError, UnsupportedError
from pyzbpf.kernel import inventory
from tests.kernel.test_safe import whole
from tests.support import features, targets, zig_probes
from tests.support.bpf_fs import mounted
from tests.support.bpftool import BPFTOOL, bpftool
from tests.support.probes import PACKET
from tests.support.require import missing

ENOMEM = 12


@pytest.fixture
def bpffs(tmp_path):
    with mounted(tmp_path / "bpf") as folder:
        yield folder


def network():
    spec = zig_probes.spec("network")
    for name, program in spec.programs.items():
        program.autoload = name == "classifier"
    return spec.load()


def test_run_time_is_measured_while_asked_for():
    features.since("5.8", "BPF_ENABLE_STATS")
    with network() as probe:
        program = probe.programs["classifier"]
        with pyzbpf.statistics():
            program.test_run(PACKET, repeat=50)
            measured = program.statistics
        assert measured.runs == 50
        assert measured.nanoseconds > 0
        assert measured.missed == 0
        program.test_run(PACKET, repeat=50)
        if Path("/proc/sys/kernel/bpf_stats_enabled").read_text() == "0\n":
            assert program.statistics == measured


def test_code_with_lines_of_the_source():
    with network() as probe:
        program = probe.programs["classifier"]
        lines = program.listing().splitlines()
        code = [line for line in lines if not line.startswith(";")]
        assert int(code[-1].split(":")[0]) < program.info["xlated_prog_len"] // 8
        assert any("network.zig:" in line and "const ip = " in line for line in lines if line.startswith(";"))
        assert any(line.endswith(": exit") for line in code)
        assert any("map[id:" in line for line in code)
        assert not any("?" in line for line in code)
        assert bool(program.machine_code()) == features.has_jit()


@pytest.mark.parametrize("name", ["network", "samples", "safe", "subprograms", "shapes"])
def test_bpftool_shows_the_same_code(name):
    """Line by line, but for the names of calls: bpftool prints a number behind them."""
    if BPFTOOL is None:
        missing("bpftool", "needs bpftool: apt-get install bpftool")
    with whole(name) as probe:  # what this kernel takes of it
        programs = list(probe.programs.values())
        # For each bpftool reads all of /proc/kallsyms, for which an emulated processor takes seconds.
        step = max(1, len(programs) // 6) if "PYZBPF_VM" in os.environ else 1
        for program in programs[::step]:
            shown = bpftool("prog", "dump", "xlated", "id", str(program.info["id"]))
            theirs = [
                re.sub(r"^ *(\d+): \(\w\w\) ", r"\1: ", line) for line in shown.splitlines() if ": (" in line
            ]
            ours = [line.strip() for line in program.listing().splitlines() if not line.startswith(";")]
            assert len(ours) == len(theirs)
            for our, their in zip(ours, theirs, strict=True):
                assert plain(our) == plain(their), (name, program.name)


def plain(line: str) -> str:
    """A line with nothing that tools write in ways of their own: addresses, names of calls, how numbers are written."""
    line = re.sub(r"call .*", "call", line)
    line = re.sub(r"0x[0-9a-f]+", lambda number: str(int(number[0], 16)), line)
    line = re.sub(r"\b4294\d{6}\b", lambda number: str(int(number[0]) - (1 << 32)), line)
    line = line.replace("goto pc", "goto ")
    line = re.sub(
        r"= (&\(void __percpu \*\)\(|\(s\d+\))(\w+)\)?$", r"= \2", line
    )  # which older ones do not know
    return re.sub(r"(= -?\d+) ll$|(?<=\d)L+$", r"\1", line)


def test_calls_have_the_kernels_names():
    with zig_probes.spec("samples").load() as probe:
        text = probe.programs[next(iter(probe.programs))].listing()
        assert "call bpf_" in text


def test_a_cpu_of_a_test_run():
    features.since("5.10", "test runs of raw tracepoints")
    spec = zig_probes.spec("aggregates")
    for name, program in spec.programs.items():
        program.autoload = name == "sample"
    with spec.load() as probe:
        run = probe.programs["sample"].test_run
        assert run(context=bytes(16), cpu=max(os.sched_getaffinity(0))).retval == 0
        with pytest.raises(Error, match=r"CPU 1048576 is not there, or offline"):
            run(context=bytes(16), cpu=1 << 20)


def test_streams():
    if features.is_older("6.17"):
        with network() as probe, pytest.raises(UnsupportedError, match=r"6\.17"):
            probe.programs["classifier"].printed()
        return
    features.needs_jit("a call of the kernel's function that prints")
    with zig_probes.spec("links/streams").load() as probe:
        program = probe.programs["speak"]
        assert (program.printed(), program.printed("stderr")) == ("", "")
        with pytest.raises(ValueError, match="'stdout' or 'stderr', not 'log'"):
            program.printed("log")
        verdict = program.test_run(PACKET).retval - (1 << 32)
        if verdict in (-ENOMEM, -38):
            pytest.skip(
                f"this kernel lets programs print nothing (errno {-verdict}); the virtual machines do"
            )
        program.test_run(PACKET)
        assert program.printed() == "run 1/7\nrun 2/7\n"
        assert program.printed() == ""


def test_a_map_pinned_and_found_again(bpffs):
    path = bpffs / "seen"
    with network() as probe:
        map = probe.maps["seen"]
        map[1] = 7
        map.pin(path)
        identity = map.info["id"]
        with pytest.raises(Error, match=r"map 'seen' cannot be pinned: .*/seen is there already"):
            map.pin(path)
        with pytest.raises(NotFoundError, match="there is no folder"):
            map.pin(bpffs / "none" / "seen")
    with pyzbpf.open_map(path) as found:
        assert (found.info["id"], found[1]) == (identity, 7)
    with pytest.raises(ValueError, match="is closed"):
        map.pin(bpffs / "other")
    path.unlink()


def test_a_program_pinned_and_found_again(bpffs):
    with network() as probe:
        probe.programs["classifier"].pin(bpffs / "program")
        identity = probe.programs["classifier"].info["id"]
    with pyzbpf.Program.pinned(bpffs / "program") as program:
        assert (program.info["id"], program.name) == (identity, "classifier")
        assert program.test_run(PACKET).retval == 0xFFFFFFFF
        with pytest.raises(ValueError, match="option 'repeat' is a number of 0 to"):
            program.test_run(PACKET, repeat=-1)
        with pytest.raises(
            Error, match="loaded as a program of type 'sched_cls', which cannot be attached as 'xdp'"
        ):
            program.attach(kind="xdp", interface="lo")
        with pytest.raises(Error, match=r"does not say what it was loaded for\n  Give kind="):
            program.attach(interface="lo")
        with program.attach(kind="tc", interface="lo", direction="ingress") as link:
            assert link.attached
    with pytest.raises(NotFoundError, match="nothing is pinned there"):
        pyzbpf.Program.pinned(bpffs / "nothing")
    with pytest.raises(Error, match="is a pinned program, not a map"):
        pyzbpf.open_map(bpffs / "program")
    os.unlink(bpffs / "program")
    with pytest.raises(SystemCallError, match="prog 4294967294"):
        pyzbpf.Program.by_id(2**32 - 2)
    with pytest.raises(ValueError, match="the id of a prog is a number of 0 to"):
        pyzbpf.Program.by_id(-1)


@pytest.mark.parametrize("find", [pyzbpf.Program.pinned, pyzbpf.Link.pinned, pyzbpf.open_map])
def test_what_is_no_pin_is_said(tmp_path, find):
    with pytest.raises(Error, match="it is no pin of a BPF file system"):
        find(tmp_path)


def test_a_map_found_by_its_id_has_its_types():
    with zig_probes.spec("uprobes").load() as probe, network() as other:
        other.maps["seen"][3] = 77
        with pyzbpf.open_map(int(other.maps["seen"].info["id"])) as found:
            assert (found.name, found[3]) == ("seen", 77)
            found[3] = 78
        assert other.maps["seen"][3] == 78
        with pyzbpf.open_map(int(probe.maps["calls"].info["id"])) as found:
            assert found.info["type"] == 27


def test_everything_that_is_loaded_and_who_holds_it():
    with network() as probe:
        program, map = probe.programs["classifier"], probe.maps["seen"]
        link = program.attach(kind="tc", interface="lo", direction="ingress")
        found = {(thing.kind, thing.id): thing for thing in inventory.everything()}
        mine = found["program", program.info["id"]]
        assert (mine.name, mine.type) == ("classifier", "sched_cls")
        assert map.info["id"] in mine.details["maps"]
        assert os.getpid() in dict(mine.owners)
        held = found["map", map.info["id"]]
        assert (held.name, held.type, held.details["max_entries"]) == ("seen", "array", 8)
        assert os.getpid() in dict(held.owners)
        link.close()
    gone = {(thing.kind, thing.id) for thing in inventory.everything() if os.getpid() in dict(thing.owners)}
    assert ("program", mine.id) not in gone


def command(*arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "pyzbpf", "list", *arguments], capture_output=True, text=True, check=True
    ).stdout


def test_the_command_lists_what_is_loaded():
    features.since("5.15", "links of uprobes")
    with zig_probes.spec("uprobes").load() as probe:
        link = probe.programs["entered"].attach(path=str(targets.program()), symbol="target_add")
        identity = probe.programs["entered"].info["id"]
        records = [json.loads(line) for line in command("--loaded", "--json").splitlines()]
        (program,) = [r for r in records if (r["record"], r["id"]) == ("program", identity)]
        assert (program["name"], program["type"]) == ("entered", "kprobe")
        assert os.getpid() in [owner["pid"] for owner in program["owners"]]
        (found,) = [r for r in records if r["record"] == "link" and r["program"] == identity]
        assert (found["id"], found["type"]) == (link.info["id"], "perf_event")
        assert {r["record"] for r in records} >= {"program", "map", "link"}
        table = command("--loaded", "--kind", "program")
        (line,) = [line for line in table.splitlines() if line.split()[:1] == [str(identity)]]
        assert f"({os.getpid()})" in line
        assert "entered" in line
