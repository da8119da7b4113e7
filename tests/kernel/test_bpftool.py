"""Another loader as a witness: Debian's bpftool and libbpf must take our finished objects as they are.

Every probe of the repository is shown to them. What they refuse is in a table with their own words, and a
row that is not true any more fails, too.
"""

from __future__ import annotations

import functools
import json
import os
import re
import sys

import pytest

import pyzbpf
from pyzbpf.adapt import externs
from pyzbpf.errors import Error, UnsupportedError, VerifierError
from pyzbpf.kernel import commands, kconfig
from pyzbpf.uapi.enums import BPF_PSEUDO_KFUNC_CALL
from tests.support import c_probes, features, libbpf, zig_probes
from tests.support.bpf_fs import mounted
from tests.support.bpftool import BPFTOOL, bpftool, bpftool_refuses, pinned, type_information, xlated
from tests.support.require import missing
from tests.support.sent import listing, sent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyzbpf.runtime.object import Object

# What libbpf does not open, and what it says: it has dropped the `maps` section of the historic form.
HISTORIC = "legacy map definitions in 'maps' section are not supported by libbpf v1.0+"
LIBBPF_REFUSES = {"historic": HISTORIC, "hostile": HISTORIC}
# What an older libbpf does not open: the first version that does, and what it says before.
OLD_LIBBPF_REFUSES = {"network": ((1, 3), "failed to guess program type from ELF section 'tc/")}
# A weak kernel function of another prototype than the kernel's, which it takes for a missing one since 1.3.
WEAK_OF_ANOTHER_PROTOTYPE = "incompatible with kernel"
# What the verifier refuses, whoever loads it; it has to be refused.
VERIFIER_REFUSES = {"rejected"}
STANDARD = [name for name in zig_probes.EVERY if name not in LIBBPF_REFUSES]
MODES = ["safe", "small", "fast"]


@pytest.fixture(autouse=True)
def _witness() -> None:
    if BPFTOOL is None:
        missing("bpftool", "needs bpftool: apt-get install bpftool")


@functools.cache
def libbpf_version() -> tuple[int, int]:
    """The version in bpftool, the newest where it does not say."""
    found = re.search(r"libbpf v(\d+)\.(\d+)", bpftool("version"))
    return (int(found[1]), int(found[2])) if found is not None else (99, 0)


@pytest.fixture(autouse=True)
def _of_its_age(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before 1.2 libbpf leaves the call of a missing function a kfunc call with the id 0, and takes the version
    from the release, which is not the true one on Debian's kernels up to 6.1.
    """
    if libbpf_version() < (1, 2):
        monkeypatch.setattr(
            externs, "poison", lambda code, index, _: code.set_call(index, BPF_PSEUDO_KFUNC_CALL, 0)
        )
        major, minor, patch = map(int, re.findall(r"\d+", os.uname().release + ".0")[:3])
        monkeypatch.setattr(kconfig, "version", lambda: major << 16 | minor << 8 | min(patch, 255))


@pytest.fixture
def bpffs(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "bpf") as folder:
        yield folder


@pytest.mark.parametrize("name", zig_probes.ALL)
def test_type_information_is_read(name: str) -> None:
    text = bpftool("btf", "dump", "file", zig_probes.path(name))
    assert "FUNC" in text and "DATASEC" in text
    bpftool("btf", "dump", "file", zig_probes.path(name), "format", "c")


def loaded(name: str) -> Object | None:
    """A probe, or None where our loader cannot load it on this kernel: others cannot either, then."""
    probe = why = None
    try:
        probe = zig_probes.spec(name).load()
    except Error as error:
        why = error
    if name in VERIFIER_REFUSES or (features.has_jit() and not features.is_older("6.12")):
        assert (name in VERIFIER_REFUSES) == isinstance(why, VerifierError), why
    return probe


@pytest.mark.parametrize("name", [name for name in zig_probes.EVERY if name != "indexes"])  # 212 alike
def test_it_loads_what_we_load_as_we_load_it(name: str, bpffs: Path) -> None:
    """The same programs, type information and translated code, down to the maps they refer to."""
    path = zig_probes.path(name)
    words = LIBBPF_REFUSES.get(name)
    if name in OLD_LIBBPF_REFUSES and libbpf_version() < OLD_LIBBPF_REFUSES[name][0]:
        words = OLD_LIBBPF_REFUSES[name][1]
    probe = loaded(name)
    if probe is None:
        assert (words or "") in bpftool_refuses("prog", "loadall", path, bpffs / "p")
        return
    with probe:
        if words is not None:
            assert words in bpftool_refuses("prog", "loadall", path, bpffs / "p")
            return
        bpftool("prog", "loadall", path, bpffs / "p")
        assert probe.btf_error is None
        assert sorted(os.listdir(bpffs / "p")) == sorted(probe.programs)
        for program_name, program in probe.programs.items():
            shown = pinned(bpffs / "p" / program_name)
            info = program.info
            assert info["tag"].to_bytes(8, sys.byteorder).hex() == shown["tag"], program_name
            assert xlated(info["id"]) == xlated(shown["id"]), program_name
            assert type_information(info["btf_id"]) == type_information(shown["btf_id"])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", [*STANDARD, *zig_probes.NEWER])
def test_libbpf_sends_the_same_instructions(name: str, mode: str) -> None:
    """Byte for byte, with maps by name; also where the kernel refuses them afterwards."""
    same_instructions(name, mode)


@pytest.mark.parametrize("name", zig_probes.LINKS)
def test_libbpf_sends_the_same_instructions_of_kinds_it_may_not_know(name: str) -> None:
    """A section that an older libbpf does not know is refused at the load, when the instructions are there."""
    old = libbpf_version() < (1, 3)
    if name == "links/many" and old and not features.is_older("6.10"):  # it knows no flavours of functions
        return
    said = libbpf.relocated(zig_probes.path(name), everything=True).said
    if name == "links/streams" and old and WEAK_OF_ANOTHER_PROTOTYPE in said:
        return
    same_instructions(name, "safe")


def same_instructions(name: str, mode: str) -> None:
    """Libbpf makes the maps first, so there is nothing to see where the kernel lacks one."""
    path = zig_probes.path(name, mode)
    for type_ in {map.type for map in pyzbpf.open(path).maps.values()}:
        features.needs_map(type_)
    theirs = libbpf.relocated(path, everything=True)
    if "failed to get kernel version" in theirs.said:  # it wants three numbers, and 7.3-s390x has two
        assert not re.match(r"\d+\.\d+\.\d+", os.uname().release)
        return
    if "failed to find valid kernel BTF" in theirs.said:  # before it looks at the instructions
        assert not features.has_types()
        return
    if re.search(r"map '\w+': failed to create", theirs.said):  # as storages of files without CONFIG_BPF_LSM
        with pytest.raises(Error, match="map"):
            pyzbpf.open(path).load()
        return
    try:
        ours = sent(path)
    except UnsupportedError:  # what the kernel does not have: types of its own, a function
        assert theirs.refusal
        return
    assert sorted(theirs.code) == sorted(ours.code)
    known = not theirs.refusal  # a load that failed has closed its maps
    cut = {number: name[:15] for number, name in theirs.maps.items()}  # as the kernel has them
    for program, code in ours.code.items():
        assert listing(code, ours.maps if known else None) == listing(
            theirs.code[program], cut if known else None
        ), program


def test_externs_as_clang_declares_them(bpffs: Path) -> None:
    features.since("5.14", "a program of the section syscall")
    features.needs_types()
    features.needs_jit("a call of a kernel function")
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
