"""A probe's whole way, and files that are replaced only when they change."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from pyzbpf.build import compile as compile_room
from pyzbpf.build import dependencies, sdk
from pyzbpf.build.compile import build_probe, replace
from pyzbpf.errors import BuildError
from pyzbpf.spec.open import open as open_spec

PROBE = """
const std = @import("std");
const bpf = @import("bpf");
const more = @import("more/sum.zig");
export var seen: u64 linksection(".data") = 0;
export fn count(ctx: *bpf.SkBuff) linksection("socket") c_int {
    seen = more.sum(std.math.sub(u64, bpf.ktime_get_ns(), ctx.len) catch 1, ctx.protocol);
    return 0;
}
"""
SUM = "pub noinline fn sum(a: u64, b: u64) u64 {\n    return a *% 3 +% b;\n}\n"
C_PROBE = """
static const char _license[] __attribute__((used, section("license"))) = "GPL";
unsigned long long seen = 1;
__attribute__((section("socket"), used)) int count(void *ctx) { seen += 1; return 0; }
"""


def project(folder: Path) -> Path:
    (folder / "more").mkdir(parents=True)
    (folder / "more" / "sum.zig").write_text(SUM)
    probe = folder / "count.zig"
    probe.write_text(PROBE)
    return probe


@pytest.mark.zig
def test_both_byte_orders(zig: Path, tmp_path: Path) -> None:
    paths = build_probe(project(tmp_path), output_directory=tmp_path / "out", keep=tmp_path / "keep")
    assert [path.name for path in paths] == ["count.bpfel.o", "count.bpfeb.o"]
    assert [open_spec(path).endian for path in paths] == ["little", "big"]
    kept = {path.name for path in (tmp_path / "keep").iterdir()}
    assert {"count.bpfeb.raw.o", "count.bpfel.raw.o", "count.bpfel.repeat.sh"} <= kept


@pytest.mark.zig
@pytest.mark.parametrize(
    ("endian", "names"),
    [
        ("little", ["count.bpfel.o"]),
        ("big", ["count.bpfeb.o"]),
        ("host", ["count.bpfel.o" if sys.byteorder == "little" else "count.bpfeb.o"]),
    ],
)
def test_one_byte_order(zig: Path, tmp_path: Path, endian: str, names: list[str]) -> None:
    paths = build_probe(project(tmp_path), endian=endian, mode="small", cpu="v4", output_directory=tmp_path)
    assert [path.name for path in paths] == names


@pytest.mark.zig
def test_nothing_of_the_place_is_in_the_object(zig: Path, tmp_path: Path) -> None:
    """Two folders, two caches, two temporary folders: the same bytes."""
    found = []
    for number in (1, 2):
        place = tmp_path / f"place{number}" / ("deeper" * number)
        build_probe(project(place), output_directory=place / "out", cache=place / "cache")
        found.append({path.name: path.read_bytes() for path in (place / "out").iterdir()})
    assert found[0] == found[1]
    for data in found[0].values():
        for folder in (tmp_path, zig.parent, sdk.root()):
            assert os.fsencode(folder) not in data
    spec = open_spec(tmp_path / "place1" / "deeper" / "out" / "count.bpfel.o")
    assert spec.btf is not None
    files = {spec.btf.string(line[1]) for function in spec.functions.values() for line in function.lines}
    assert files >= {"count.zig", "more/sum.zig", "zig/std/math.zig"}
    assert all(file.startswith(("count.zig", "more/", "zig/std/", "pyzbpf/zig/")) for file in files), files


@pytest.mark.zig
def test_an_unchanged_probe_leaves_its_objects_alone(zig: Path, tmp_path: Path) -> None:
    probe = project(tmp_path)
    (path,) = build_probe(probe, endian="host", output_directory=tmp_path)
    os.utime(path, (1, 1))
    build_probe(probe, endian="host", output_directory=tmp_path)
    assert path.stat().st_mtime == 1
    (tmp_path / "more" / "sum.zig").write_text(SUM.replace("3", "5"))
    build_probe(probe, endian="host", output_directory=tmp_path)
    assert path.stat().st_mtime > 1


@pytest.mark.zig
def test_a_further_module(zig: Path, tmp_path: Path) -> None:
    probe = tmp_path / "count.zig"
    probe.write_text(PROBE.replace("more/sum.zig", "more"))
    elsewhere = tmp_path / "elsewhere" / "sum.zig"
    elsewhere.parent.mkdir()
    elsewhere.write_text('const bpf = @import("bpf");\n' + SUM)
    (path,) = build_probe(probe, endian="host", output_directory=tmp_path, modules={"more": elsewhere})
    assert list(open_spec(path).programs) == ["count"]


@pytest.mark.zig
def test_c(zig: Path, tmp_path: Path) -> None:
    probe = tmp_path / "count.c"
    probe.write_text(C_PROBE)
    paths = build_probe(probe, output_directory=tmp_path / "out")
    assert [list(open_spec(path).programs) for path in paths] == [["count"], ["count"]]
    assert not any(os.fsencode(tmp_path) in path.read_bytes() for path in paths)


@pytest.mark.zig
def test_a_job(
    zig: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path.parent)  # CMake starts it in the project, from which the source is named
    job = {
        "source": str(project(tmp_path).relative_to(tmp_path.parent)),
        "name": "other",
        "endian": "both",
        "mode": "fast",
        "cpu": "v3",
        "modules": "",
        "include": "",
        "stamp": str(tmp_path / "stamps" / "other"),
        "output_directory": str(tmp_path / "out"),
        "cache": str(tmp_path / "cache"),
    }
    path = tmp_path / "job.json"
    path.write_text(json.dumps(job))
    assert compile_room.main([str(path)]) == 0
    assert sorted(found.name for found in (tmp_path / "out").iterdir()) == [
        "other.bpfeb.index", "other.bpfeb.o", "other.bpfel.index", "other.bpfel.o", "other_skel.py", "other_skel.pyi",
    ]  # fmt: skip
    assert (tmp_path / "stamps" / "other").is_file()
    made_of = dependencies.listed((tmp_path / "stamps" / "other.d").read_text())
    assert {tmp_path / "count.zig", tmp_path / "more" / "sum.zig", zig} <= set(made_of)
    (tmp_path / "count.zig").write_text("const x = ;")
    assert compile_room.main([str(path)]) == 1
    assert not (tmp_path / "stamps" / "other").exists()
    error = capfd.readouterr().err
    assert error.startswith(
        f"{tmp_path.name}/count.zig:1:11: error: expected expression, found ';'\nconst x = ;\n"
    )
    assert error.endswith(
        f"pyzbpf: error: {tmp_path.name}/count.zig:1:11: Zig could not compile the probe for bpfel\n"
    )


def test_a_job_of_another_release(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "job.json"
    path.write_text('{"source": "x"}')
    assert compile_room.main([str(path)]) == 1
    assert "must have the keys source, name" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"endian": "litle"}, "endian cannot be 'litle'; did you mean 'little'"),
        ({"mode": "quick"}, "mode cannot be 'quick'"),
        ({"cpu": "3"}, "cpu cannot be '3'"),
    ],
)
def test_wrong_options(tmp_path: Path, options: dict[str, str], message: str) -> None:
    with pytest.raises(BuildError, match=message):
        build_probe(tmp_path / "x.zig", output_directory=tmp_path, **options)  # type: ignore[arg-type]


def test_a_missing_source(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"x\.zig: there is no such file"):
        build_probe(tmp_path / "x.zig", output_directory=tmp_path)


def test_replace(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file"
    assert replace(target, b"one")
    assert not replace(target, b"one")
    assert replace(target, b"two")
    assert target.read_bytes() == b"two"
    assert [path.name for path in target.parent.iterdir()] == ["file"]


def test_a_failed_replacement_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    with pytest.raises(OSError, match="folder"):
        replace(target, b"")
    assert list(tmp_path.iterdir()) == [target]
