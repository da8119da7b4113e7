"""What CMake is told, and the index that is written for Python."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from pyzbpf.build import index, plan, settings
from pyzbpf.build.compile import build_probe
from pyzbpf.errors import BuildError


def test_statements(tmp_path: Path) -> None:
    source = tmp_path / "with space" / "first.zig"
    options = settings.Options(
        mode="small", cpu="v2", modules={"wire": tmp_path / "wire.zig"}, include=[tmp_path]
    )
    found = settings.Settings(
        probes={"first": source},
        patterns=["with space/*.zig", "deep/**/*.zig"],
        options={"first": options},
        common=options,
        endian="big",
        package="my.tool",
    )
    root = tmp_path.as_posix()
    assert plan.cmake_text(found, tmp_path).splitlines() == [
        f"pyzbpf_add_probe(first SOURCE [==[{source.as_posix()}]==] ENDIAN big MODE small CPU v2 PACKAGE my.tool "
        f"MODULES [==[wire={root}/wire.zig]==] INCLUDE [==[{root}]==])",
        f"file(GLOB pyzbpf_trigger CONFIGURE_DEPENDS [==[{root}/with space/*.zig]==])",
        f"file(GLOB_RECURSE pyzbpf_trigger CONFIGURE_DEPENDS [==[{root}/deep/*.zig]==])",
    ]


def test_a_mistake(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert plan.main([str(tmp_path), str(tmp_path / "plan.cmake")]) == 1
    assert "there is no such file" in capfd.readouterr().err


@pytest.mark.zig
def test_index(zig: Path, tmp_path: Path) -> None:
    for name in ("beta", "alpha"):
        source = tmp_path / f"{name}.zig"
        source.write_text(
            'comptime { _ = @import("bpf"); }\n'
            "export var seen: u64 = 0;\n"
            f'export fn {name}_program(_: *anyopaque) linksection("socket") c_int {{ seen +%= 1; return 0; }}\n'
        )
        for path in build_probe(source, output_directory=tmp_path):
            index.write_entry(path, name)
    objects = sorted(tmp_path.glob("*.o"))
    text = index.index_text(objects)
    assert text == index.index_text(reversed(objects))
    probes = ast.literal_eval(text.split("PROBES = ", 1)[1])
    assert [(name, list(found)) for name, found in probes.items()] == [
        ("alpha", ["little", "big"]),
        ("beta", ["little", "big"]),
    ]
    assert probes["beta"]["big"]["endian"] == "big"
    target = tmp_path / index.FILE
    job = tmp_path / "job.json"
    texts = {"objects": ";".join(map(str, objects)), "index": str(target), "stamp": str(tmp_path / "stamp")}
    job.write_text(json.dumps(texts))
    assert index.main([str(job)]) == 0
    assert (tmp_path / "stamp").is_file()
    assert target.read_text() == text
    assert str(tmp_path) not in text


def test_an_object_of_another_name(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"the name of an object ends in \.bpfel\.o or \.bpfeb\.o"):
        index.index_text([tmp_path / "x.o"])
