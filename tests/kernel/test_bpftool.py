"""Another loader as a witness: Debian's bpftool (libbpf) must take our finished objects as they are."""

from __future__ import annotations

import json
import os
import re
import sys

import pytest

import pyzbpf
from pyzbpf.adapt import externs
from pyzbpf.kernel import commands, kconfig
from pyzbpf.uapi.enums import BPF_PSEUDO_KFUNC_CALL
from tests.support import c_probes, features, zig_probes
from tests.support.bpftool import BPFTOOL, bpftool, mounted, pinned
from tests.support.require import missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NEEDS_TYPES = pytest.mark.skipif(not features.has_types(), reason="needs /sys/kernel/btf/vmlinux")
NEEDS_KFUNC = pytest.mark.skipif(
    features.is_older("6.2"), reason="the kernel function bpf_task_from_pid needs Linux 6.2"
)
NEEDS = {
    "core": NEEDS_TYPES,
    "externals": (NEEDS_TYPES, NEEDS_KFUNC),
    "declarations": (NEEDS_TYPES, NEEDS_KFUNC),
    "tp_btf": NEEDS_TYPES,
}
# libbpf has dropped what the historic example uses: the `maps` section and numbered `socket1`.
STANDARD = (
    "exec",
    "loopback",
    "constants",
    "subprograms",
    "tracepoints",
    "core",
    "externals",
    "declarations",
    "shapes",
    "tp_btf",
    "twins",
)
LOADED = [pytest.param(name, marks=NEEDS.get(name, ())) for name in STANDARD]


@pytest.fixture(autouse=True)
def _witness() -> None:
    if BPFTOOL is None:
        missing("bpftool", "needs bpftool: apt-get install bpftool")


@pytest.fixture(autouse=True)
def _of_its_age(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before 1.2 libbpf leaves the call of a missing function a kfunc call with the id 0, and takes the version
    from the release, which is not the true one on Debian's kernels up to 6.1.
    """
    found = re.search(r"libbpf v(\d+)\.(\d+)", bpftool("version"))
    if found is not None and (int(found[1]), int(found[2])) < (1, 2):
        monkeypatch.setattr(
            externs, "poison", lambda code, index, _: code.set_call(index, BPF_PSEUDO_KFUNC_CALL, 0)
        )
        major, minor, patch = map(int, re.findall(r"\d+", os.uname().release + ".0")[:3])
        monkeypatch.setattr(kconfig, "version", lambda: major << 16 | minor << 8 | min(patch, 255))


@pytest.fixture
def bpffs(tmp_path: Path) -> Iterator[Path]:
    yield from mounted(tmp_path / "bpf")


@pytest.mark.parametrize("name", [*STANDARD, "hostile", "historic"])
def test_type_information_is_read(name: str) -> None:
    text = bpftool("btf", "dump", "file", zig_probes.path(name))
    assert "FUNC" in text and "DATASEC" in text
    bpftool("btf", "dump", "file", zig_probes.path(name), "format", "c")


@pytest.mark.parametrize("name", LOADED)
def test_objects_load(name: str, bpffs: Path) -> None:
    bpftool("prog", "loadall", zig_probes.path(name), bpffs / "p")
    spec = zig_probes.spec(name)
    assert sorted(os.listdir(bpffs / "p")) == sorted(spec.programs)


def type_information(program: dict[str, object]) -> str:
    return bpftool("btf", "dump", "id", str(program["btf_id"]))


@pytest.mark.parametrize("name", LOADED)
def test_the_kernel_gets_the_same_type_information(name: str, bpffs: Path) -> None:
    bpftool("prog", "loadall", zig_probes.path(name), bpffs / "p")
    with zig_probes.spec(name).load() as probe:
        assert probe.btf_error is None
        for program_name, program in probe.programs.items():
            assert type_information(program.info) == type_information(pinned(bpffs / "p" / program_name))


def test_externs_as_clang_declares_them(bpffs: Path) -> None:
    features.since("5.14", "a program of the section syscall")
    features.needs_types()
    path = c_probes.path("externs")
    bpftool("prog", "loadall", path, bpffs / "p")
    shown = pinned(bpffs / "p" / "ask")
    with pyzbpf.open(path).load() as probe:
        program = probe.programs["ask"]
        assert program.info["tag"].to_bytes(8, sys.byteorder).hex() == shown["tag"]
        assert program.info["xlated_prog_len"] == shown["bytes_xlated"]
        assert program.test_run().retval == 0
        value = {name: variable.value for name, variable in probe.variables.items()}
        ours = bytes(commands.map_lookup(probe.maps[".kconfig"].fileno(), bytes(4), 39) or b"")
    assert (value["tristate"], value["missing_tristate"], chr(value["letter"])) == (1, 0, "y")
    assert (value["no_symbol"], value["no_variable"], value["called"]) == (0, 0, 0)
    assert value["address"] and value["text"]
    assert value["found"] == (not features.is_older("6.2")), "bpf_task_from_pid"
    for number in shown["map_ids"]:
        found = json.loads(bpftool("-j", "map", "show", "id", str(number)))
        if found["name"].endswith(".kconfig"):
            (element,) = json.loads(bpftool("-j", "map", "dump", "id", str(number)))
            assert bytes(int(byte, 16) for byte in element["value"]) == ours


def test_programs_refer_to_the_right_maps(bpffs: Path) -> None:
    bpftool("prog", "loadall", zig_probes.path("exec"), bpffs / "p")
    used = {}
    for name in ("remember", "report"):
        program = pinned(bpffs / "p" / name)
        maps = [json.loads(bpftool("-j", "map", "show", "id", str(number))) for number in program["map_ids"]]
        used[name] = {(found["type"], found.get("name")) for found in maps}
    assert used["remember"] == {("lru_hash", "parents")}
    assert {("lru_hash", "parents"), ("ringbuf", "events")} <= used["report"]
    code = bpftool("prog", "dump", "xlated", "pinned", bpffs / "p" / "report")
    assert "map[id:" in code


@pytest.mark.parametrize("name", LOADED)
def test_the_loader_sends_what_libbpf_sends(name: str, bpffs: Path) -> None:
    """The same translated program, tag by tag: the kernel hashes the instructions without map addresses."""
    bpftool("prog", "loadall", zig_probes.path(name), bpffs / name)
    with zig_probes.spec(name).load() as probe:
        for program_name, program in probe.programs.items():
            shown = pinned(bpffs / name / program_name)
            assert program.info["tag"].to_bytes(8, sys.byteorder).hex() == shown["tag"], program_name
            assert program.info["xlated_prog_len"] == shown["bytes_xlated"], program_name
