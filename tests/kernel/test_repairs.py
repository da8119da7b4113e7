"""Why there are passes: what the kernel or libbpf says to an object for which one was left out, or that is as it would
be without.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import pyzbpf
from pyzbpf.btf import types as kinds
from pyzbpf.btf.types import Member, Type
from pyzbpf.build import compiler
from pyzbpf.build.compile import build_probe
from pyzbpf.errors import Error
from pyzbpf.finish import unit as units
from pyzbpf.finish.passes import (
    aliases,
    externals,
    leftovers,
    members,
    parameters,
    targets,
    trap_declarations,
    traps,
    type_names,
    variables,
    void_types,
)
from pyzbpf.finish.pipeline import PASSES
from tests.support import zig_probes
from tests.support.bpf_fs import mounted
from tests.support.bpftool import bpftool, bpftool_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyzbpf.finish.unit import Unit

    Without = Callable[..., bytes]


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Without:
    """A probe of the tests as it is when one pass is left out (None: none), or with damage done to it at the end."""
    zig_probes.need_compiler()
    folder = tmp_path_factory.mktemp("raw")

    def finished(
        name: str,
        left_out: Callable[[Unit], None] | None = None,
        damage: Callable[[Unit], None] = lambda _: None,
    ) -> bytes:
        kept = folder / f"{name}.{compiler.ARCHITECTURES[sys.byteorder]}.raw.o"
        if not kept.exists():
            source = next(f / f"{name}.zig" for f in zig_probes.FOLDERS if (f / f"{name}.zig").exists())
            build_probe(
                source, endian="little", output_directory=folder / "out", cache=folder / "cache", keep=folder
            )
        work = units.read(kept.read_bytes(), file=f"{name}.zig")
        for step in PASSES:
            if step is not left_out:
                step(work)
        damage(work)
        return units.write(work)

    return finished


@pytest.mark.parametrize(
    ("left_out", "probe", "message"),
    [
        (parameters.run, "hostile", "Invalid arg#1"),
        (type_names.run, "hostile", "Invalid name"),
        (variables.run, "hostile", "Invalid name"),
        (members.run, "shapes", "Invalid member bits_offset"),
    ],
)
def test_the_kernel_takes_no_type_information_without(
    without: Without, left_out: Callable[[Unit], None], probe: str, message: str
) -> None:
    with pyzbpf.open(without(probe, left_out)) as spec, spec.load() as loaded:
        assert message in str(loaded.btf_error)
    with pyzbpf.open(without(probe, None)) as spec, spec.load() as loaded:
        assert loaded.btf_error is None


@pytest.fixture
def bpffs(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "bpf") as folder:
        yield folder


@pytest.mark.parametrize(
    "case",
    [
        (aliases.run, "tracepoints", "is static and not supported"),
        (variables.run, "tracepoints", "unsupported map linkage static"),
        (void_types.run, "declarations", "extern (var ksym) '_stext': not found in kernel BTF"),
        (externals.run, "facilities", "failed to find BTF for extern 'bpf_iter_num_new'"),
        (trap_declarations.run, "safe", "Error finalizing .BTF"),
        (traps.run, "safe", "failed to find BTF for extern '__bpf_trap'"),
        (externals.run, "externals", "failed to find BTF for extern 'CONFIG_HZ'"),
    ],
)
def test_libbpf_opens_nothing_without(
    without: Without, case: tuple[Callable[[Unit], None], str, str], bpffs: Path, tmp_path: Path
) -> None:
    left_out, probe, message = case
    path = tmp_path / "probe.o"
    path.write_bytes(without(probe, left_out))
    with pytest.raises(AssertionError, match=re.escape(message)):
        bpftool("prog", "loadall", path, bpffs / "p")
    path.write_bytes(without(probe, None))
    bpftool("prog", "loadall", path, bpffs / "p")


def test_libbpf_takes_another_map_without(without: Without, bpffs: Path, tmp_path: Path) -> None:
    """It finds a map by the symbol's place, and there is none but the section's."""
    path = tmp_path / "probe.o"
    path.write_bytes(without("exec", targets.run))
    # The ring buffer is handed to the functions of the hash table.
    with pytest.raises(AssertionError, match=r"invalid zero-sized read|cannot pass map_type 27 into func"):
        bpftool("prog", "loadall", path, bpffs / "p")
    path.write_bytes(without("exec"))
    bpftool("prog", "loadall", path, bpffs / "p")


def test_libbpf_wonders_at_what_is_left_over_without(without: Without, bpffs: Path, tmp_path: Path) -> None:
    path, said = tmp_path / "probe.o", "skipping unrecognized data section"
    for left_out in (leftovers.run, None):
        path.write_bytes(without("tracepoints", left_out))
        words = bpftool_words("-d", "prog", "loadall", path, bpffs / f"p{left_out is None:d}")
        assert (said in words) == (left_out is not None)


def a_name_of_zig(work: Unit) -> None:
    number, _ = next(work.each(kinds.INT))
    work.add_type(Type(kinds.TYPEDEF, "?*Node", type=number))


def a_member_of_no_type(work: Unit) -> None:
    result = Type(kinds.STRUCT, "Result", size=8)
    result.members = [Member("payload", 0, 16)]
    work.add_type(result)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (a_name_of_zig, r"TYPEDEF \?\*Node type_id=\d+ Invalid name"),
        (a_member_of_no_type, "payload type_id=0 bits_offset=16 Invalid type_id"),
    ],
)
def test_the_kernel_takes_no_such_type(
    without: Without, damage: Callable[[Unit], None], message: str
) -> None:
    with pyzbpf.open(without("tracepoints", None, damage)) as spec, spec.load() as loaded:
        assert re.search(message, str(loaded.btf_error))


def variables_in_disorder(work: Unit) -> None:
    units._give_variables(work)
    work.variables = {}
    for _, found in work.each(kinds.DATASEC):
        found.variables.reverse()


def test_the_kernel_wants_variables_in_order(without: Without) -> None:
    with pyzbpf.open(without("core", None, variables_in_disorder)) as spec, spec.load() as loaded:
        assert re.search(r"type_id=\d+ offset=\d+ size=\d+ Invalid offset", str(loaded.btf_error))
    with pyzbpf.open(without("core")) as spec:
        assert spec.btf is not None
        for found in spec.btf.types:
            if found is not None and found.kind == kinds.DATASEC and found.name == ".bss":
                assert found.size == len(spec.maps[".bss"].contents)


def another_value(work: Unit) -> None:
    marked = next(i for _, i in work.code.instructions() if i.core is not None and i.core.kind == 0)
    marked.immediate += 4


def test_the_value_that_is_relocated_is_looked_at(without: Without, bpffs: Path, tmp_path: Path) -> None:
    path = tmp_path / "probe.o"
    path.write_bytes(without("core", None, another_value))
    with pytest.raises(AssertionError, match=r"unexpected insn #\d+ \(ALU/ALU64\) value: got 4, exp 0"):
        bpftool("prog", "loadall", path, bpffs / "p")
    with pytest.raises(Error, match="the instruction holds 4, expected was 0"), pyzbpf.open(path) as spec:
        spec.load()


def test_an_instruction_has_one_line(
    without: Without, bpffs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inline assembly that emits nothing gives one instruction two."""
    records = units._records

    def two_lines(*given: object) -> object:
        ext = records(*given)
        lines = next(iter(ext.lines.values()))
        lines[1] = (lines[0][0], *lines[1][1:])
        return ext

    path = tmp_path / "probe.o"
    with monkeypatch.context() as patched:
        patched.setattr(units, "_records", two_lines)
        path.write_bytes(without("tracepoints"))
    with pytest.raises(AssertionError, match=r"Invalid line_info\[1\]\.insn_off:0"):
        bpftool("prog", "loadall", path, bpffs / "p")
    path.write_bytes(units.write(units.read(path.read_bytes(), file="probe.o")))
    bpftool("prog", "loadall", path, bpffs / "p")
