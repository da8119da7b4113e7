"""Why there are passes: what the kernel or libbpf says to an object for which one was left out."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import pyzbpf
from pyzbpf.build import compiler
from pyzbpf.build.compile import build_probe
from pyzbpf.finish import unit as units
from pyzbpf.finish.passes import (
    aliases,
    externals,
    members,
    parameters,
    trap_declarations,
    traps,
    type_names,
    variables,
)
from pyzbpf.finish.pipeline import PASSES
from tests.support import zig_probes
from tests.support.bpf_fs import mounted
from tests.support.bpftool import bpftool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyzbpf.finish.unit import Unit

    Without = Callable[[str, Callable[[Unit], None] | None], bytes]


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Without:
    """A probe of the tests as it is when one pass is left out (None: none)."""
    zig_probes.need_compiler()
    folder = tmp_path_factory.mktemp("raw")

    def finished(name: str, left_out: Callable[[Unit], None] | None) -> bytes:
        kept = folder / f"{name}.{compiler.ARCHITECTURES[sys.byteorder]}.raw.o"
        if not kept.exists():
            source = zig_probes.FOLDERS[0] / f"{name}.zig"
            build_probe(
                source, endian="little", output_directory=folder / "out", cache=folder / "cache", keep=folder
            )
        work = units.read(kept.read_bytes(), file=f"{name}.zig")
        for step in PASSES:
            if step is not left_out:
                step(work)
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
    with pytest.raises(AssertionError, match=message.replace(".", r"\.")):
        bpftool("prog", "loadall", path, bpffs / "p")
    path.write_bytes(without(probe, None))
    bpftool("prog", "loadall", path, bpffs / "p")
