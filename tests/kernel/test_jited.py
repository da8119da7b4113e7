"""Machine code of loaded programs as text: complete, with every line of the source and the names of what is called.

The witness is objdump, which takes the code apart at the same places: Debian's bpftool is built without a disassembler
(`prog dump jited` says "No libbfd support").
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import sys

import pytest

from pyzbpf.cli.main import main
from pyzbpf.errors import Error
from pyzbpf.kernel.privilege import sysctl
from pyzbpf.runtime import listing
from tests.kernel.test_safe import whole
from tests.support import features, zig_probes
from tests.support.bpf_fs import mounted
from tests.support.require import missing, optional

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.runtime.object import Object
    from pyzbpf.runtime.program import Program

PROBES = ["network", "subprograms", "safe", "shapes"]
# What objdump calls the machines: the options for bytes without a format.
OBJDUMP = {
    "x86_64": ("-m", "i386:x86-64"),
    "aarch64": ("-m", "aarch64"),
    "s390x": ("-m", "s390:64-bit", "-EB"),
}


@pytest.fixture(autouse=True)
def _tools() -> None:
    features.needs_jit("machine code")
    optional("capstone")


def some(probe: Object) -> list[Program]:
    """Up to eight of its programs: for the names in each listing all of /proc/kallsyms is read."""
    programs = list(probe.programs.values())
    return programs[:: -(-len(programs) // 8)]


def source(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(";")]


def functions(text: str) -> dict[str, list[int]]:
    """The offsets of the instructions of each function of a listing."""
    found: dict[str, list[int]] = {}
    for line in text.splitlines():
        if line.startswith(";"):
            continue
        if line.endswith(":"):
            found[line[:-1]] = offsets = []
        else:
            offsets.append(int(line.partition(":")[0], 16))
    return found


@pytest.mark.parametrize("probe", PROBES)
def test_every_line_and_every_byte(probe):
    """The lines are those of the translated code, in its order, and no byte is left out or no instruction."""
    with whole(probe) as loaded:
        for program in some(loaded):
            text = program.listing("jited")
            assert source(text) == source(program.listing()), program.name
            assert len(source(text)) == program.info["nr_line_info"]
            assert ".byte" not in text, program.name
            lengths = [
                n for (n,) in listing.records(program.fileno(), "jited_func_lens", struct.Struct("=I"))
            ]
            assert sum(lengths) == len(program.machine_code()) == program.info["jited_prog_len"]
            found = functions(text)
            assert list(found) == listing.functions(program.fileno())
            assert len(found) == len(lengths)
            for offsets, length in zip(found.values(), lengths, strict=True):
                assert offsets[0] == 0
                assert 0 < length - offsets[-1] <= 8


@pytest.mark.parametrize("probe", PROBES)
def test_objdump_finds_the_same_instructions(probe, tmp_path):
    objdump, machine = shutil.which("objdump"), os.uname().machine
    if objdump is None:
        missing("objdump", "needs objdump: apt-get install binutils")
    path = tmp_path / "code"
    with whole(probe) as loaded:
        for program in some(loaded):
            code, at = program.machine_code(), 0
            lengths = listing.records(program.fileno(), "jited_func_lens", struct.Struct("=I"))
            for offsets, (length,) in zip(functions(program.listing("jited")).values(), lengths, strict=True):
                path.write_bytes(code[at : at + length])
                at += length
                shown = subprocess.run(
                    [objdump, "-D", "-z", "-w", "-b", "binary", *OBJDUMP[machine], path],
                    capture_output=True, text=True, check=True,
                ).stdout  # fmt: skip
                theirs = [int(found, 16) for found in re.findall(r"^ +([0-9a-f]+):\t", shown, re.MULTILINE)]
                assert offsets == theirs, program.name


def test_calls_have_names():
    """Of the program's own functions, and of the kernel's."""
    with zig_probes.spec("subprograms").load() as probe:
        text = probe.programs["one"].listing("jited")
        assert next(iter(functions(text))) == "one"
        assert set(functions(text)) == {"one", "sum", "scaled", "count"}
        for name, times in (("sum", 1), ("scaled", 2)):
            assert text.count(f" <{name}>") == times, text
    with zig_probes.spec("samples").load() as probe:
        program = next(iter(probe.programs.values()))
        helpers = set(re.findall(r"call (bpf_\w+)", program.listing()))
        assert helpers
        assert helpers <= set(re.findall(r"<(\w+)>$", program.listing("jited"), re.MULTILINE))


def test_the_command(tmp_path, capsys):
    with zig_probes.spec("subprograms").load() as probe, mounted(tmp_path / "bpf") as folder:
        program = probe.programs["two"]
        for code in ("xlated", "jited"):
            assert main(["inspect", "--listing", code, str(program.info["id"])]) == 0
            assert capsys.readouterr().out == program.listing(code) + "\n"
        program.pin(folder / "two")
        assert main(["inspect", "--listing", "jited", str(folder / "two")]) == 0
        assert capsys.readouterr().out == program.listing("jited") + "\n"
        with pytest.raises(ValueError, match=r"^code is 'xlated' or 'jited', not 'native'$"):
            program.listing("native")
    for target, code, words in (
        (str((1 << 32) - 1), 1, "prog 4294967295"),
        (str(1 << 32), 2, "a number of 0 to 2^32-1, not 4294967296"),
        (str(tmp_path / "none"), 1, "none"),
    ):
        assert main(["inspect", "--listing", "jited", target]) == code
        assert words in capsys.readouterr().err


HIDDEN = """
import sys
from pyzbpf.cli.main import main
sys.exit(main(["inspect", "--listing", "jited", sys.argv[1]]))
"""


def test_a_process_that_sees_no_addresses():
    if sysctl("kernel.kptr_restrict") == "0" and int(sysctl("kernel.perf_event_paranoid") or 2) <= 1:
        pytest.skip(
            "this kernel shows its addresses to everybody: kernel.kptr_restrict=1 or perf_event_paranoid=2"
        )
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        missing("setpriv", "needs setpriv of util-linux, to run a process without a capability")
    with zig_probes.spec("subprograms").load() as probe:
        done = subprocess.run(
            [setpriv, "--bounding-set=-syslog", "--inh-caps=-syslog", sys.executable, "-c", HIDDEN,
             str(probe.programs["two"].info["id"])],
            cwd=zig_probes.ROOT, capture_output=True, text=True,
        )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert "does not show this program's machine code: it takes CAP_SYSLOG" in done.stderr


def test_without_capstone(monkeypatch):
    monkeypatch.setitem(sys.modules, "capstone", None)
    with zig_probes.spec("subprograms").load() as probe:
        assert probe.programs["two"].machine_code()
        with pytest.raises(Error, match=r"pip install 'pyzbpf\[disassembly\]'"):
            probe.programs["two"].listing("jited")
