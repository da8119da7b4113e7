"""What `pyzbpf run` does before a kernel is asked, and how it shows values."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from pyzbpf.btf import codec, decode
from pyzbpf.btf import types as kinds
from pyzbpf.cli import assign, columns, output, target
from pyzbpf.cli.contents import is_zero
from pyzbpf.cli.main import main
from pyzbpf.finish.pipeline import finish
from tests.support.btf_writer import Writer
from tests.support.objects import sample

TYPES = {}


def make() -> decode.Btf:
    writer = Writer()
    TYPES["u8"] = u8 = writer.int("unsigned char", 1)
    TYPES["u16"] = u16 = writer.int("unsigned short", 2)
    TYPES["u32"] = u32 = writer.int("unsigned int", 4)
    TYPES["i32"] = i32 = writer.int("int", 4, kinds.SIGNED)
    TYPES["u64"] = u64 = writer.int("unsigned long long", 8)
    TYPES["bool"] = flag = writer.int("_Bool", 1, kinds.BOOL)
    char = writer.int("char", 1, kinds.SIGNED)
    TYPES["kind"] = kind = writer.enum("Kind", [("plain", 0), ("special", 7)])
    TYPES["pointer"] = pointer = writer.ptr(0)
    TYPES["text"] = text = writer.array(char, u32, 8)
    TYPES["address"] = writer.array(u8, u32, 4)
    TYPES["address6"] = writer.array(u8, u32, 16)
    TYPES["mac"] = mac = writer.array(u8, u32, 6)
    TYPES["limits"] = limits = writer.array(u16, u32, 3)
    TYPES["many"] = writer.array(u16, u32, 100)
    TYPES["grid"] = writer.array(limits, u32, 2)
    TYPES["flags"] = writer.array(flag, u32, 2)
    TYPES["pair"] = pair = writer.struct("Pair", 8, [("low", u32, 0), ("high", i32, 32)])
    either = writer.struct("", 8, [("number", u64, 0), ("small", u8, 0)], union=True)
    TYPES["event"] = writer.struct(
        "Event",
        64,
        [("time", u64, 0), ("command", text, 64), ("pair", pair, 128), ("either", either, 192), ("kind", kind, 256),
         ("flag", flag, 288), ("mac", mac, 296), ("where", pointer, 384), ("limits", limits, 448)],
    )  # fmt: skip
    return decode.decode(writer.bytes(), "little")


BTF = make()


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("u8", "255", 255), ("u64", "0xff", 255), ("u64", "0b101", 5), ("u32", "0o17", 15), ("i32", "-5", -5),
        ("u32", "10.0.0.1", int.from_bytes(b"\x0a\0\0\x01", "little")),
        ("bool", "true", True), ("bool", "OFF", False), ("bool", "1", True),
        ("kind", "special", 7), ("kind", "9", 9), ("pointer", "0xffff888000000000", 0xFFFF888000000000),
        ("text", "sh", "sh"), ("text", "", ""), ("text", "0x41", "0x41"),
        ("address", "192.168.0.1", b"\xc0\xa8\0\x01"), ("address", "0a000001", b"\x0a\0\0\x01"),
        ("address6", "::1", bytes(15) + b"\x01"), ("mac", "de:ad:be:ef:00:01", bytes.fromhex("deadbeef0001")),
        ("limits", "1, 2,0x3", [1, 2, 3]), ("flags", "true,no", [True, False]),
    ],
)  # fmt: skip
def test_text_becomes_a_value(type_: str, text: str, value: object) -> None:
    found = assign.value(BTF, TYPES[type_], text)
    assert found == value
    codec.encode(BTF, TYPES[type_], found)


@pytest.mark.parametrize(
    ("type_", "text", "message"),
    [
        ("u32", "ten", "'ten' is no number"),
        ("u32", "010", "'010' is no number"),
        ("u64", "10.0.0.1", "is no number"),
        ("bool", "2", "true or false is wanted"),
        ("kind", "spezial", "it has no value 'spezial'; did you mean special"),
        ("address", "10.0.0.300", "neither hex digits nor an address of 4 bytes"),
        ("mac", "dead", "6 bytes are wanted, 'dead' is 2"),
        ("limits", "1,x", "'x' is no number"),
        ("limits", "1,2", "3 values are wanted, as 1,2,3; here are 2"),
        ("limits", "1,2,3,4", "3 values are wanted, as 1,2,3; here are 4"),
        ("limits", "", "3 values are wanted, as 1,2,3; here are 0"),
        ("many", "1", "100 values are wanted, as 1,2,…,100; here are 1"),
        ("grid", "1,2", "arrays of arrays have no form as text"),
        ("pair", "1", "no form as text; set it from Python"),
    ],
)
def test_what_does_not_fit_is_said(type_: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        assign.value(BTF, TYPES[type_], text)


def event() -> object:
    raw = bytearray(64)
    raw[0:8] = (123).to_bytes(8, "little")
    raw[8:16] = b"a\x1b[2J\n\0\0"
    raw[16:24] = b"\x01\0\0\0\xff\xff\xff\xff"
    raw[24], raw[32], raw[36], raw[37], raw[56] = 3, 7, 1, 0xAB, 9
    return codec.decode(BTF, TYPES["event"], bytes(raw))


def test_rows_stand_under_the_names_of_the_members() -> None:
    row = columns.columns(BTF, TYPES["event"], "event")
    first, second = columns.header(row), columns.line(row, event())
    assert first.split() == [
        "time", "command", "pair.low", "pair.high", "either", "kind", "flag", "mac", "where", "limits",
    ]  # fmt: skip
    assert second.split(maxsplit=4)[:4] == [
        "123",
        "a\\x1b[2J\\n",
        "1",
        "-1",
    ]  # a terminal is not given the escape
    rest = second.split(maxsplit=4)[4]
    assert rest == "{number=3 small=3}  special  true  ab0000000000" + " " * 17 + "0x0  [9 0 0]"
    # What was wider than its column has made it wider.
    assert columns.header(row).index("kind") == second.index("special")


def test_values_without_members_have_one_column() -> None:
    assert [c.title for c in columns.columns(BTF, TYPES["u64"], "value")] == ["value"]
    (raw,) = columns.columns(None, 0, "bytes")
    assert columns.line([raw], b"\x01\xff") == "01ff"


def test_zero_is_no_data() -> None:
    empty = codec.decode(BTF, TYPES["event"], bytes(64))
    assert is_zero(empty) and is_zero([0, bytes(4), "", False, 0.0]) and not is_zero(event())
    assert not is_zero(b"\0\x01") and not is_zero([0, 1])


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "tool-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("first", "second"):
            for endian, suffix in (("little", "bpfel"), ("big", "bpfeb")):
                data = finish(sample(endian, section="kprobe/x"), file=f"{name}.zig", name=name)
                archive.writestr(f"tool/{name}.{suffix}.o", data)
    return path


def test_a_wheel_is_asked_for_one_probe(wheel: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(wheel)]) == 2
    assert f"say which: {wheel}:first or {wheel}:second" in capsys.readouterr().err
    assert target.one(f"{wheel}:second").name == "second"
    assert main(["run", f"{wheel}:secnd"]) == 1
    assert "holds no probe 'secnd'; did you mean second?" in capsys.readouterr().err


def test_what_cannot_be_attached_is_said_before_loading(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "first.o"
    path.write_bytes(finish(sample(section="lwt_out"), file="probe.zig", name="probe"))
    assert main(["run", str(path)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "first.o: not every program can be attached" in err
    assert "prog in 'lwt_out': this kind is not attached; pin it, and name it in a route" in err


def test_a_misspelt_section_is_told_the_nearest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "first.o"
    path.write_bytes(sample(section="tracpoint/sched/sched_switch"))
    assert main(["run", str(path)]) == 1
    err = capsys.readouterr().err
    assert "section 'tracpoint/sched/sched_switch', symbol 'prog': unknown section name" in err
    assert "did you mean 'tracepoint/sched/sched_switch'" in err


@pytest.mark.parametrize("half", ["some.tool", "latency"])
def test_half_of_an_installed_probes_name_is_told_the_whole(
    half: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ["some.tool:latency", "some.tool2:latency2", "a:some"]
    monkeypatch.setattr("pyzbpf.cli.list.installed", lambda: iter(found))
    assert main(["run", half]) == 2
    assert capsys.readouterr().err == f"pyzbpf: error: {half} is no file; did you mean some.tool:latency?\n"
    assert main(["run", "some"]) == 2
    assert main(["run", "tool"]) == 1


def test_a_package_that_cannot_be_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is raised there, also by the index, whose import is what builds an editable install."""
    build = "import subprocess; subprocess.run(['false'], check=True)"
    for name, text, index, why in (
        ("breaks_at_import", "import what_nobody_has", "", "No module named 'what_nobody_has'"),
        ("breaks_at_build", build, "", "Command '['false']' returned non-zero exit status 1."),
        ("breaks_at_index", "", build, "Command '['false']' returned non-zero exit status 1."),
        ("breaks_in_silence", "assert False", "", "AssertionError"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(text)
        (tmp_path / name / "_pyzbpf_index.py").write_text(index)
        (tmp_path / name / "probe.bpfel.o").write_bytes(b"")
        monkeypatch.syspath_prepend(str(tmp_path))
        assert main(["run", f"{name}:probe"]) == 1
        assert capsys.readouterr().err == f"pyzbpf: error: package '{name}' cannot be imported: {why}\n"
        assert main(["--traceback", "inspect", f"{name}:probe"]) == 1
        assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_what_a_package_prints_is_no_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "talks").mkdir()
    (tmp_path / "talks" / "__init__.py").write_text("print('Running cmake --build')\n")
    for machine in ("bpfel", "bpfeb"):
        data = finish(sample(), file="probe.zig", name="probe")
        (tmp_path / "talks" / f"probe.{machine}.o").write_bytes(data)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert main(["inspect", "talks:probe", "--json"]) == 0
    out, err = capsys.readouterr()
    assert [probe["name"] for probe in json.loads(out)] == ["probe"]
    assert err == "Running cmake --build\n"


def test_nothing_to_attach(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "probe.o"
    path.write_bytes(finish(sample(section="?socket"), file="probe.zig", name="probe"))
    assert main(["run", str(path)]) == 1
    assert (
        "there is no program to attach\n  Name one that is loaded on demand: --program prog"
        in capsys.readouterr().err
    )


def test_every_line_of_json_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    values = {"ratio": float("nan"), "parts": [1.5, float("inf"), {"low": float("-inf")}]}
    output.Json([], None).put([{"record": "event", "value": values}])
    (line,) = capsys.readouterr().out.splitlines()

    def refuse(word: str) -> None:
        raise AssertionError(word)

    found = json.loads(line, parse_constant=refuse)
    assert found["value"] == {"ratio": "NaN", "parts": [1.5, "Infinity", {"low": "-Infinity"}]}
