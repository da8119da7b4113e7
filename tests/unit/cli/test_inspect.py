"""`pyzbpf inspect` and `pyzbpf build` on probes that are compiled here."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import pytest

from pyzbpf.build import compiler, sdk
from pyzbpf.build.compile import build_probe
from pyzbpf.cli.main import main
from pyzbpf.errors import BuildError
from pyzbpf.spec.open import SUFFIX
from tests.support import zig_probes

PROBE = """
const bpf = @import("bpf");
const Inner = extern struct { low: u32, high: i32 };
const Event = extern struct {
    time: u64,
    command: bpf.Text(16),
    pair: [2]Inner,
    next: u64,
};
export var counts: bpf.Hash(u32, Inner, 64) linksection(".maps") = .{};
export var events: bpf.PerfEventArrayOf(Event) linksection(".maps") = .{};
export var wanted: u32 linksection(".rodata") = 7;
export var table: [40]u32 linksection(".data") = @splat(1);

export fn watch(ctx: *bpf.SkBuff) linksection("socket") c_int {
    if (counts.lookup(&wanted)) |pair| pair.low +%= ctx.len;
    table[1] += 1;
    var event: Event = @import("std").mem.zeroes(Event);
    event.time = ctx.len;
    events.output(ctx, &event) catch {};
    return 0;
}
"""


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the objects of one probe."""
    try:
        compiler.find_zig()
    except BuildError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("objects")
    (folder / "watch.zig").write_text(PROBE)
    build_probe(folder / "watch.zig", output_directory=folder)
    return folder


@pytest.mark.zig
def test_text(objects: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = objects / "watch.bpfeb.o"
    assert main(["inspect", str(path)]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{path}: big-endian, licence GPL\nprograms\n  watch: socket_filter in socket, ")
    assert (
        "\n  counts: hash, key 4 B, value 8 B, max_entries 64\n    key: unsigned int\n    value: struct Inner {"
        in out
    )
    assert (
        "    event: struct Event {\n"
        "        unsigned long long time;\n"
        "        char command[16];\n"
        "        struct Inner pair[2];\n"
        "        unsigned long long next;\n"
        "    };\n"
    ) in out
    assert "\n  wanted: const unsigned int = 7\n" in out
    assert "table: unsigned int[40] = [1, 1, 1" in out
    assert "…" in out
    assert out.endswith("\ntraps\n  watch.zig:17:14: integerOverflow in watch: table[1] += 1;\n")


@pytest.mark.zig
def test_json(objects: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "--json", str(objects / "watch.bpfel.o")]) == 0
    (item,) = json.loads(capsys.readouterr().out)
    assert (item["name"], item["endian"], item["license"]) == ("watch", "little", "GPL")
    (program,) = item["programs"]
    assert (program["name"], program["type"], program["section"]) == ("watch", "socket_filter", "socket")
    assert program["instructions"] > 10
    values = {variable["name"]: variable["value"] for variable in item["variables"]}
    assert values == {"wanted": 7, "table": [1] * 40}
    types = {found["name"]: found["type"] for found in item["maps"]}
    assert types["counts"] == "hash"
    assert types["events"] == "perf_event_array"
    assert types[".rodata"] == "array"
    assert item["traps"] == [
        {
            "file": "watch.zig", "line": 17, "column": 14, "kind": "integerOverflow", "function": "watch",
            "message": "integer overflow", "text": "table[1] += 1;", "count": 1,
        }
    ]  # fmt: skip


@pytest.mark.zig
def test_an_error_that_a_program_returns_has_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(zig_probes.path("plain"))
    assert main(["inspect", "--json", path]) == 0
    (item,) = json.loads(capsys.readouterr().out)
    (error,) = [trap for trap in item["traps"] if trap["kind"] == "error.TooShort"]
    assert error == {
        "file": "plain.zig", "kind": "error.TooShort", "function": "filter", "message": "error.TooShort", "text": "",
        "count": 1,
    }  # fmt: skip
    assert main(["inspect", path]) == 0
    assert "\n  plain.zig: error.TooShort in filter\n" in capsys.readouterr().out


@pytest.mark.zig
def test_wheel(objects: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wheel = tmp_path / "tool-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in objects.glob("*.o"):
            archive.write(path, f"tool/{path.name}")
        archive.writestr("tool/__init__.py", "")
    assert main(["inspect", "--json", str(wheel)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(item["name"], item["endian"]) for item in found] == [("watch", "big"), ("watch", "little")]
    assert found[0]["file"] == f"{wheel}/tool/watch.bpfeb.o"


def test_a_wheel_without_probes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wheel = tmp_path / "tool-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tool/__init__.py", "")
    assert main(["inspect", str(wheel)]) == 1
    assert "holds no probe" in capsys.readouterr().err


def test_no_wheel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.whl").write_text("text")
    assert main(["inspect", str(tmp_path / "x.whl")]) == 1
    assert "x.whl: is no whole wheel: File is not a zip file\n  fetch it or build" in capsys.readouterr().err
    assert main(["inspect", str(tmp_path / "y.whl")]) == 1
    assert "y.whl: cannot be read: No such file or directory\n  is the name right?" in capsys.readouterr().err


@pytest.mark.zig
def test_a_check_of_which_the_place_is_not_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "merged.zig").write_text(
        """export fn prog(context: *const [2]u64) linksection("raw_tp/sys_enter") c_int {
    if (context[0] == 7) @panic("seven");
    if (context[0] == 9) @trap();
    return 0;
}
"""
    )
    (path,) = build_probe(tmp_path / "merged.zig", endian="host", output_directory=tmp_path)
    assert main(["inspect", str(path)]) == 0
    assert "\n  merged.zig: trap in prog\n  merged.zig:2:26: call in prog: if" in capsys.readouterr().out


@pytest.mark.zig
def test_checks_of_a_function_that_was_inlined_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "twice.zig").write_text(
        """const bpf = @import("bpf");
export var table: [4]u64 = @splat(0);
inline fn put(index: u64) void {
    table[index] +%= 1;
}
export fn prog(ctx: *bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    put(ctx.args[0]);
    put(ctx.args[1]);
    return 0;
}
"""
    )
    (path,) = build_probe(tmp_path / "twice.zig", endian="host", output_directory=tmp_path)
    assert main(["inspect", str(path)]) == 0
    assert "\n  twice.zig:4:10: outOfBounds in prog (x2): table[index] +%= 1;\n" in capsys.readouterr().out


@pytest.mark.zig
def test_a_source_is_built_first(objects: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = objects / "watch.zig"
    assert main(["inspect", "--json", str(source)]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["file"], found["name"], found["endian"]) == (str(source), "watch", sys.byteorder)
    assert [program["name"] for program in found["programs"]] == ["watch"]
    assert main(["inspect", "--raw", str(source)]) == 0
    assert main(["inspect", "--raw", str(objects / f"watch{SUFFIX[sys.byteorder]}")]) == 0
    out = capsys.readouterr().out
    assert out[: len(out) // 2] == out[len(out) // 2 :], "the finished object"
    assert main(["inspect", "--passes", str(source)]) == 0
    assert "\n+" in capsys.readouterr().out, "what the passes change in what the compiler wrote"


def test_a_source_without_a_compiler(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PYZBPF_ZIG", raising=False)
    monkeypatch.setattr(compiler, "find_spec", lambda _: None)
    assert main(["inspect", "some.zig"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(
        "pyzbpf: error: some.zig is a source, which is built first, but the Zig compiler is missing"
    )
    assert f"pip install ziglang=={sdk.zig_version()}" in err
    assert err.endswith("name the object here: pyzbpf build some.zig\n")


@pytest.mark.zig
def test_a_source_that_is_wrong_or_not_there(
    objects: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wrong.zig"
    assert main(["inspect", str(path)]) == 1
    assert capsys.readouterr().err == f"pyzbpf: error: {path}: there is no such file\n"
    path.write_text("nonsense")
    assert main(["inspect", str(path)]) == 1
    assert "wrong.zig:1:" in capsys.readouterr().err


@pytest.mark.zig
def test_build(objects: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "build",
        str(objects / "watch.zig"),
        "-o",
        str(tmp_path),
        "--endian",
        "big",
        "--mode",
        "small",
    ]
    assert main([*arguments, "--keep", str(tmp_path / "raw")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'watch.bpfeb.o'}\n"
    assert (tmp_path / "raw" / "watch.bpfeb.raw.o").is_file()


@pytest.mark.zig
def test_build_of_a_wrong_probe(objects: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.zig"
    bad.write_text("const x = ;")
    assert main(["build", str(bad), "-o", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"{bad}:1:11: error: expected expression")
    bad.write_text('export fn prog(_: *anyopaque) linksection("kporbe/x") c_int {\n    return 0;\n}\n')
    assert main(["build", str(bad), "-o", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(f"pyzbpf: error: {bad}, section 'kporbe/x'")
    assert list(tmp_path.glob("*.o")) == []


def test_two_sources_of_one_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", str(tmp_path / "a" / "x.zig"), str(tmp_path / "b" / "x.zig")]) == 1
    assert "would make the same object" in capsys.readouterr().err
