"""`pyzbpf profile` and the names of functions: a process at work is seen, with its own names and the kernel's."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pyzbpf
from pyzbpf.build import compiler
from pyzbpf.cli import profile
from pyzbpf.cli.main import main
from pyzbpf.elf.functions import Functions
from pyzbpf.kernel import kallsyms
from pyzbpf.symbols import process as symbols
from pyzbpf.symbols.stacks import Symbolizer
from tests.support import zig_probes

SOURCE = """
#include <unistd.h>
__attribute__((noinline)) long turn_of_the_wheel(long n) {
    for (int i = 0; i < 1000; i++) { n = n * 31 + i; __asm__ volatile("" : "+r"(n)); }
    return n;
}
int main(int argc, char **argv) {
    volatile long n = 0;
    write(1, "ready", 5);
    for (;;) { n = turn_of_the_wheel(n); if (!(n & 7)) getppid(); }
}
"""


@pytest.fixture(autouse=True)
def probes_of_this_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheel holds them in the package `pyzbpf.probes`; here they are compiled."""
    monkeypatch.setattr(
        profile,
        "open_spec",
        lambda target: pyzbpf.open(zig_probes.path(target.removeprefix("pyzbpf.probes:"))),
    )


def compiled(folder: Path, name: str, *options: str) -> Path:
    zig_probes.need_compiler()
    source, target = folder / "wheel.c", folder / name
    source.write_text(SOURCE)
    command = [
        compiler.find_zig(), "cc", "-O1", "-fno-omit-frame-pointer", "-Wl,--build-id=0x1234abcd", *options,
        "-o", target, source,
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return target


@pytest.fixture
def worker(tmp_path):
    process = subprocess.Popen([compiled(tmp_path, "wheel")], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.read(5) == b"ready"
        yield process
    finally:
        process.kill()
        process.communicate()


def samples(text: str) -> dict[tuple[str, ...], int]:
    return {
        tuple(frames.split(";")): int(count)
        for frames, _, count in (line.rpartition(" ") for line in text.splitlines())
    }


def test_folded_stacks_of_one_process(worker, capsys):
    assert main(["profile", "-F", "999", "-d", "2", "-p", str(worker.pid)]) == 0
    out, err = capsys.readouterr()
    found = samples(out)
    assert {frames[0] for frames in found} == {"wheel"}
    assert any("turn_of_the_wheel" in frames and "main" in frames for frames in found), out
    assert f"{sum(found.values())} samples" in err


def test_only_the_kernels_part(worker, capsys):
    assert main(["profile", "-F", "999", "-d", "2", "-p", str(worker.pid), "--kernel"]) == 0
    found = samples(capsys.readouterr().out)
    assert all(frame.endswith("_[k]") for frames in found for frame in frames[1:])


def test_sampling_ends_before_processes_are_looked_at_for_the_last_time(monkeypatch):
    """That takes long on a machine of many processes, and would be in the profile."""
    steps = []
    remember, detach = Symbolizer.remember, profile.detach

    def slowly(self, pid, *, again=False):
        steps.append("again" if again else "first")
        time.sleep(0 if "detach" in steps else 0.3)
        remember(self, pid, again=again)

    monkeypatch.setattr(Symbolizer, "remember", slowly)
    monkeypatch.setattr(profile, "detach", lambda probe: (steps.append("detach"), detach(probe)))
    with subprocess.Popen(
        [sys.executable, "-c", "while True: pass"]
    ) as busy:  # an idle machine has no samples
        try:
            assert main(["profile", "-F", "99", "-d", "0.4"]) == 0
        finally:
            busy.kill()
    end = steps.index("detach")
    assert steps[:end].count("first") <= 2
    assert "again" not in steps[:end]
    assert "again" in steps[end:]


@pytest.mark.parametrize("end", [".svg", ".folded", ".speedscope.json"])
def test_files(worker, tmp_path, end):
    target = tmp_path / ("out" + end)
    assert main(["profile", "-F", "499", "-d", "2", "-o", str(target)]) == 0
    text = target.read_text()
    assert "turn_of_the_wheel" in text
    if end.endswith("json"):
        assert json.loads(text)["profiles"]


def test_a_file_of_no_known_kind_is_refused_before_anything_is_measured(tmp_path, capsys):
    assert main(["profile", "-o", str(tmp_path / "out.png")]) == 2
    assert ".speedscope.json" in capsys.readouterr().err


def test_symbols_that_were_cut_off_are_found_by_the_build(tmp_path, monkeypatch):
    whole = compiled(tmp_path, "whole")
    stripped = compiled(tmp_path, "stripped", "-s")
    assert Functions(stripped.read_bytes()).build_id == "1234abcd"
    process = subprocess.Popen([stripped], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.read(5)
        own = Functions(whole.read_bytes())
        place = own._starts[own._names.index(b"turn_of_the_wheel")]
        offset = next(o + place - a for o, size, a in own._segments if a <= place < a + size)
        region = next(
            r
            for r in symbols.processes.regions(process.pid)
            if r.path == str(stripped) and r.offset <= offset < r.offset + r.end - r.start
        )
        address = region.start + offset - region.offset
        assert symbols.ProcessSymbols(process.pid, symbols.Files()).name(address) == "[stripped]"
        debug = tmp_path / "debug" / "12" / "34abcd.debug"
        debug.parent.mkdir(parents=True)
        debug.write_bytes(whole.read_bytes())
        monkeypatch.setattr(symbols, "DEBUG_FILES", str(tmp_path / "debug"))
        assert symbols.ProcessSymbols(process.pid, symbols.Files()).name(address) == "turn_of_the_wheel"
    finally:
        process.kill()
        process.communicate()


def test_code_made_while_running_has_the_names_that_its_maker_tells():
    numbers = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("NSpid:")
    )
    path = Path(f"/tmp/perf-{numbers.split()[-1]}.map")
    # A function that Python itself does not call: else the address may be that of a stub in its program.
    address = ctypes.cast(ctypes.CDLL(None).strfry, ctypes.c_void_p).value
    assert address is not None
    assert "strfry" in Symbolizer().user(os.getpid(), address)
    path.write_text(f"{address:x} 10 py::made up\nnot a line\n")
    try:
        assert Symbolizer().user(os.getpid(), address + 1) == "py::made up"
    finally:
        path.unlink()


def test_names_of_the_kernel():
    starts, names = kallsyms.functions()
    index = names.index("schedule")
    assert Symbolizer().kernel(starts[index] + 1) in {
        name for start, name in zip(starts, names, strict=True) if start == starts[index]
    }


def test_an_address_that_is_nowhere_is_unknown():
    assert Symbolizer().user(os.getpid(), 16) == "[unknown]"
    assert not symbols.ProcessSymbols(1 << 22, symbols.Files())


def test_a_damaged_file_has_no_functions():
    data = Path(sys.executable).read_bytes()
    for broken in (b"", b"\x7fELF", data[:5000]):
        assert Functions(broken).at(0x1000) is None
