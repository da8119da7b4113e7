"""What a probe is made of, read off its source; held against the compiler's own list."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pyzbpf.build import dependencies
from pyzbpf.build.compile import own_files

SOURCE = r"""
const std = @import("std");
const a = @import("a.zig"); // @import("comment.zig")
const text =
    \\ @import("multi-line.zig")
;
const quoted = "@import(\"string.zig\")";
const character = '"'; const b = @import ( // here
    "folder/b\x2ezig" );
const @"@import" = 1;
const data = @embedFile("data.bin");
const zon = @import("table.zon");
"""


def test_names(tmp_path: Path) -> None:
    files = [Path(name) for name in ("a.zig", "folder/b.zig", "data.bin", "table.zon")]
    assert dependencies.named_files(SOURCE, {}) == files
    wire = tmp_path / "wire.zig"
    assert dependencies.named_files('const w = @import("wire");', {"wire": wire, "other": wire}) == [wire]


def test_a_computed_name_is_not_known() -> None:
    assert dependencies.named_files('const d = @embedFile(name ++ ".bin");', {}) is None
    assert dependencies.named_files('const d = @embedFile("a" ++ "b");', {}) is None


def project(folder: Path) -> Path:
    (folder / "folder").mkdir(parents=True)
    (folder / "probe.zig").write_text('const a = @import("a.zig");\nconst m = @import("wire");\n')
    (folder / "a.zig").write_text('pub const b = @import("folder/b.zig");\nconst p = @import("probe.zig");\n')
    (folder / "folder" / "b.zig").write_text('const d = @embedFile("data.bin");\n')
    (folder / "folder" / "data.bin").write_bytes(b'\xff@import("no.zig")')
    (folder / "wire.zig").write_text('const c = @import("folder/c.zig");\n')
    (folder / "folder" / "c.zig").write_text("")
    (folder / "unrelated.zig").write_text("")
    return folder / "probe.zig"


def test_transitively(tmp_path: Path) -> None:
    """A module counts where it is imported, with what it imports; one of the project's that is not does not."""
    modules = {"wire": tmp_path / "wire.zig", "unused": tmp_path / "unrelated.zig"}
    found = dependencies.zig_files(project(tmp_path), modules)
    assert found is not None
    names = {path.relative_to(tmp_path).as_posix() for path in found}
    assert names == {"probe.zig", "a.zig", "folder/b.zig", "folder/data.bin", "folder/c.zig", "wire.zig"}


def test_a_missing_file_is_the_compilers_to_name(tmp_path: Path) -> None:
    (tmp_path / "probe.zig").write_text('const a = @import("none.zig");')
    found = dependencies.zig_files(tmp_path / "probe.zig", {})
    assert found == [tmp_path / "none.zig", tmp_path / "probe.zig"]


def test_a_dependency_file_comes_back(tmp_path: Path) -> None:
    files = [tmp_path / "with space" / "a.zig", tmp_path / "with#sign", tmp_path / "with$dollar"]
    assert dependencies.listed(dependencies.depfile(tmp_path / "out put", files).decode()) == files
    assert dependencies.listed("out.o: a.c \\\n  b.h\n") == [Path("a.c"), Path("b.h")]


@pytest.mark.zig
def test_the_compiler_opens_these_files_and_no_other(zig: Path, tmp_path: Path) -> None:
    """A file or module that is named is opened, also where nothing uses it; a module that is not named never is."""
    (tmp_path / "probe.zig").write_text('const unused = @import("a.zig");\n')
    (tmp_path / "a.zig").write_text('const also = @import("b.zig");\n')
    (tmp_path / "b.zig").write_text("const x = ;\n")
    found = dependencies.zig_files(tmp_path / "probe.zig", {})
    assert found == [tmp_path / name for name in ("a.zig", "b.zig", "probe.zig")]
    command = [zig, "build-obj", "-fno-emit-bin", "--dep", "b", "-Mroot=probe.zig", "-Mb=b.zig"]

    def errors() -> str:
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stderr

    assert "b.zig:1:11: error" in errors()
    (tmp_path / "a.zig").write_text("")
    assert not errors()
    (tmp_path / "a.zig").write_text('const also = @import("b");\n')
    assert "b.zig:1:11: error" in errors()


@pytest.mark.zig
def test_what_goes_in_of_ours(zig: Path) -> None:
    names = {path.name for path in own_files()}
    assert {zig.name, "root.zig", "bpf_helpers.h", "pipeline.py", "compiler.py"} <= names
