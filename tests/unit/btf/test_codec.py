"""Values from bytes and back, for every shape an event or a variable may have."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyzbpf.btf import codec, decode
from pyzbpf.btf import types as kinds
from pyzbpf.errors import Error, ObjectError
from tests.support.btf_writer import Writer

ENDIANS = ["little", "big"]


def made(writer: Writer, endian: str = "little") -> decode.Btf:
    return decode.decode(writer.bytes(), endian)


@pytest.mark.parametrize("endian", ENDIANS)
@pytest.mark.parametrize(
    ("size", "encoding", "value"),
    [(1, 0, 200), (2, 0, 0xBEEF), (4, 0, 0xDEADBEEF), (8, 0, 1 << 63), (16, 0, 1 << 100),
     (1, kinds.SIGNED, -3), (2, kinds.SIGNED, -300), (4, kinds.SIGNED, -(1 << 31)), (8, kinds.SIGNED, -1)],
)  # fmt: skip
def test_integers(endian: str, size: int, encoding: int, value: int) -> None:
    writer = Writer(endian)
    type_id = writer.int("number", size, encoding)
    btf = made(writer, endian)
    raw = value.to_bytes(size, endian, signed=bool(encoding))  # type: ignore[arg-type]
    assert codec.decode(btf, type_id, raw) == value
    assert codec.encode(btf, type_id, value) == raw
    assert codec.encoder(btf, type_id)(value) == raw


def event_types(endian: str) -> tuple[Writer, int]:
    writer = Writer(endian)
    u8, u32, u64 = writer.int("unsigned char", 1), writer.int("u32", 4), writer.int("u64", 8)
    char, flag = writer.int("char", 1, kinds.SIGNED), writer.int("bool", 1, kinds.BOOL)
    i16, double = writer.int("short", 2, kinds.SIGNED), writer.float("double", 8)
    kind = writer.enum("Kind", [("first", 1), ("second", 2)])
    inner = writer.struct("Inner", 8, [("a", u32, 0), ("b", i16, 32)])
    union = writer.struct(
        "Choice", 8, [("number", u64, 0), ("bytes", writer.array(u8, u32, 8), 0)], union=True
    )
    pointer = writer.ptr(inner)
    event = writer.struct(
        "Event",
        88,
        [
            ("time", u64, 0), ("pid", u32, 64), ("flag", flag, 96), ("small", u8, 104), ("comm", writer.array(char, u32, 8), 128),
            ("raw", writer.array(u8, u32, 4), 192), ("list", writer.array(i16, u32, 2), 224), ("kind", kind, 256),
            ("inner", inner, 320), ("choice", union, 384), ("pointer", pointer, 448), ("ratio", double, 512),
            ("pair", writer.array(writer.typedef("inner_t", inner), u32, 1), 576),
        ],
    )  # fmt: skip
    return writer, event


@pytest.mark.parametrize("endian", ENDIANS)
def test_a_struct_becomes_a_class(endian: str) -> None:
    writer, event = event_types(endian)
    order = "<" if endian == "little" else ">"
    raw = struct.pack(
        order + "QI?Bxx8s4shhI4xIhxxQQdIhxx4x4x",
        7, 42, True, 9, b"bash\0zzz", b"\1\2\3\4", -1, 2, 2, 5, -6, 0x1122, 0xFFFF, 1.5, 8, 9,
    )[:88]  # fmt: skip
    value = codec.decode(made(writer, endian), event, raw)
    assert (value.time, value.pid, value.flag, value.small) == (7, 42, True, 9)
    assert (value.comm, value.raw, value.list) == ("bash", b"\1\2\3\4", [-1, 2])
    assert value.kind == 2 and value.kind.name == "second" and f"{value.kind}" == "second"
    assert (value.inner.a, value.inner.b) == (5, -6)
    assert value.choice.number == 0x1122 and value.choice.bytes == (0x1122).to_bytes(8, endian)  # type: ignore[arg-type]
    assert (value.pointer, value.ratio, value.pair[0].b) == (0xFFFF, 1.5, 9)
    assert type(value).__name__ == "Event" and "pid=42" in repr(value) and "comm='bash'" in repr(value)
    assert value == codec.decode(made(writer, endian), event, raw)
    plain = value._asdict()
    assert plain["kind"] == "second" and plain["raw"] == "01020304" and plain["inner"] == {"a": 5, "b": -6}
    json.dumps(plain)


@pytest.mark.parametrize("endian", ENDIANS)
def test_a_struct_goes_back_to_the_same_bytes(endian: str) -> None:
    writer, event = event_types(endian)
    btf = made(writer, endian)
    raw = codec.encode(
        btf,
        event,
        {"time": 1, "pid": 2, "comm": "x", "raw": b"ab", "list": [3, -4], "kind": "first", "inner": (5, 6),
         "choice": {"number": 9}, "flag": True, "ratio": 0.25},
    )  # fmt: skip
    value = codec.decode(btf, event, raw)
    assert (value.comm, value.raw, value.list, value.kind.name) == ("x", b"ab\0\0", [3, -4], "first")
    assert codec.encode(btf, event, value) == raw


@pytest.mark.parametrize("endian", ENDIANS)
def test_members_of_unnamed_members_are_read_and_set_by_their_names(endian: str) -> None:
    writer = Writer(endian)
    u16, u32 = writer.int("u16", 2), writer.int("u32", 4)
    halves = writer.struct("", 4, [("left", u16, 0), ("right", u16, 16)])
    choice = writer.struct("", 4, [("whole", u32, 0), ("", halves, 0), ("pid", u32, 0)], union=True)
    event = writer.struct("Event", 12, [("pid", u32, 0), ("", choice, 32), ("last", u32, 64)])
    btf = made(writer, endian)
    raw = struct.pack(("<" if endian == "little" else ">") + "IHHI", 7, 8, 9, 10)
    for value in (
        codec.decode(btf, event, raw),
        codec.records_decoder(btf, event, before=0, stride=12)(raw)[0],
    ):
        assert (value.pid, value.left, value.right, value.last) == (7, 8, 9, 10)
        assert value.whole == int.from_bytes(raw[4:8], endian) == value._1.whole  # type: ignore[arg-type]
        assert value._fields == ("pid", "_1", "last")
        assert list(value._asdict()) == ["pid", "_1", "last"]
        assert codec.encode(btf, event, value) != b""
    assert codec.encode(btf, event, {"pid": 7, "left": 8, "right": 9, "last": 10}) == raw
    assert codec.encode(btf, event, {"whole": value.whole}) == bytes(4) + raw[4:8] + bytes(4)
    with pytest.raises(Error, match="no member 'middle'; it has _1, last, left, pid, right, whole"):
        codec.encode(btf, event, {"middle": 1})


@pytest.mark.parametrize("endian", ENDIANS)
def test_bit_fields(endian: str) -> None:
    writer = Writer(endian)
    u32, s32 = writer.int("u32", 4), writer.int("s32", 4, kinds.SIGNED)
    bits = writer.bit_struct(
        "Bits", 8, [("a", u32, 0, 3), ("b", s32, 3, 5), ("c", u32, 8, 24), ("d", u32, 32, 0)]
    )
    if endian == "little":
        raw = struct.pack("<II", 5 | (-2 & 31) << 3 | 0xABCDEF << 8, 77)
    else:
        raw = struct.pack(">II", 5 << 29 | (-2 & 31) << 24 | 0xABCDEF, 77)
    btf = made(writer, endian)
    value = codec.decode(btf, bits, raw)
    assert (value.a, value.b, value.c, value.d) == (5, -2, 0xABCDEF, 77)
    assert codec.encode(btf, bits, value) == codec.encode(btf, bits, (5, -2, 0xABCDEF, 77)) == raw
    alone = codec.decode(btf, bits, codec.encode(btf, bits, {"b": -16}))
    assert (alone.a, alone.b, alone.c, alone.d) == (0, -16, 0, 0)
    for field, wrong, reason in (
        ("a", 8, r"value\.a: 8 does not fit a bit field of 3 bits \(0 to 7\)"),
        ("b", -17, r"value\.b: -17 does not fit a bit field of 5 bits \(-16 to 15\)"),
        ("c", "x", r"value\.c: 'x' does not fit"),
    ):
        with pytest.raises(Error, match=reason):
            codec.encode(btf, bits, {field: wrong})


def test_names_that_python_cannot_take_as_fields() -> None:
    writer = Writer()
    u8 = writer.int("u8", 1)
    struct_id = writer.struct("Odd", 4, [("class", u8, 0), ("", u8, 8), ("ok", u8, 16), ("__opaque", u8, 24)])
    value = codec.decode(made(writer), struct_id, b"\1\2\3\4")
    assert (value.class_, value._1, value.ok, value._opaque) == (1, 2, 3, 4)


@pytest.mark.parametrize(
    "name",
    [
        "x=a0\nimport os;os.abort()\n#",
        "a b",
        "_fields",
        "__init__",
        "__class__",
        "é",
        "9",
        "\0",
        "self.x",
        "",
        "class",
    ],
)
def test_a_name_from_a_file_is_never_executed(name: str) -> None:
    writer = Writer()
    u8 = writer.int("u8", 1)
    clean = name.partition("\0")[0]
    struct_id = writer.struct("Bad\nimport os;os.abort()", 2, [(clean, u8, 0), (clean, u8, 8)])
    value = codec.decode(made(writer), struct_id, b"\1\2")
    assert list(value) == [1, 2] and len(set(value._fields)) == 2
    assert all(field.isidentifier() and field.isascii() for field in value._fields)
    assert codec.encode(made(writer), struct_id, value) == b"\1\2"


def test_a_record_with_odd_names_goes_back() -> None:
    writer = Writer()
    u8 = writer.int("u8", 1)
    struct_id = writer.struct("Odd", 3, [("class", u8, 0), ("_fields", u8, 8), ("a b", u8, 16)])
    btf = made(writer)
    value = codec.decode(btf, struct_id, b"\1\2\3")
    assert (value.class_, value._fields_, value.a_b) == (1, 2, 3)
    assert codec.encode(btf, struct_id, value) == b"\1\2\3"


def test_sizes_that_no_machine_has_cost_nothing() -> None:
    """A damaged or hostile file may claim anything; only reading such a value fails."""
    writer = Writer()
    u8, u32 = writer.int("u8", 1), writer.int("u32", 4)
    huge = writer.struct("Huge", 0xFFFFFFF0, [("a", u8, 0)])
    deep = u32
    for _ in range(12):
        deep = writer.array(deep, u32, 64)
    nothing = writer.array(writer.struct("Empty", 0, []), u32, 0xFFFFFFFF)
    for type_id in (huge, deep):
        with pytest.raises((struct.error, ObjectError)):
            codec.decode(made(writer), type_id, bytes(64))
    assert codec.decode(made(writer), nothing, b"") == []


def test_a_long_list() -> None:
    writer = Writer()
    u16 = writer.int("u16", 2)
    array = writer.array(u16, u16, 1000)
    raw = struct.pack("<1000H", *range(1000))
    assert codec.decode(made(writer), array, raw) == list(range(1000))


def test_text_that_is_not_utf8_is_kept_readable() -> None:
    assert codec.text(b"a\xff\0b") == "a\\xff"


def test_text_that_is_no_utf_8_goes_back_as_its_bytes() -> None:
    """So that what a map has given finds its key again; the escaped text alone has four times the length."""
    writer = Writer("little")
    index = writer.int("u32", 4)
    name = writer.array(writer.int("char", 1, kinds.SIGNED), index, 4)
    btf = made(writer)
    for raw in (b"\xff" * 4, b"a\xfe\0\0", "ä\0\0".encode()):
        value = codec.decode(btf, name, raw)
        assert codec.encode(btf, name, value) == raw
        assert codec.encoder(btf, name)(value) == raw
    assert json.dumps(codec.decode(btf, name, b"a\xff\0\0")) == '"a\\\\xff"'
    with pytest.raises(Error, match="does not fit"):
        codec.encode(btf, name, "\\xff\\xff")


@pytest.mark.parametrize(
    ("value", "message"),
    [(-1, r"variable: -1 does not fit u32 \(0 to 4294967295\)"), (1 << 32, "does not fit"), ("7", "does not fit"),
     (1.5, "does not fit"), (None, "does not fit")],
)  # fmt: skip
def test_values_that_do_not_fit_are_named(value: object, message: str) -> None:
    writer = Writer()
    u32 = writer.int("u32", 4)
    btf = made(writer)
    with pytest.raises(Error, match=message):
        codec.encode(btf, u32, value, "variable")
    with pytest.raises(Error):
        codec.encoder(btf, u32)(value)


def test_what_a_struct_does_not_have_is_named() -> None:
    writer, event = event_types("little")
    btf = made(writer)
    with pytest.raises(Error, match="Event has no member 'pidd'; it has choice, comm"):
        codec.encode(btf, event, {"pidd": 1})
    with pytest.raises(Error, match=r"value\.inner\.a: 'x' does not fit"):
        codec.encode(btf, event, {"inner": {"a": "x"}})
    with pytest.raises(Error, match=r"value\.comm: .* does not fit char\[8\]"):
        codec.encode(btf, event, {"comm": "longer than eight"})
    for values in ([1], [1, 2, 3], []):
        with pytest.raises(
            Error, match=rf"value\.list: 2 values are wanted for short\[2\], not {len(values)}$"
        ):
            codec.encode(btf, event, {"list": values})
    with pytest.raises(Error, match=r"value\.kind: 'third' does not fit the type Kind"):
        codec.encode(btf, event, {"kind": "third"})


def test_a_data_section_is_a_record_of_its_variables() -> None:
    writer = Writer()
    u32, u8 = writer.int("u32", 4), writer.int("u8", 1)
    limit, flag = writer.var("limit", u32), writer.var("flag", u8)
    section = writer.datasec(".data", [(limit, 0, 4), (flag, 8, 1)], 16)
    value = codec.decode(made(writer), section, struct.pack("<I4xB7x", 7, 1))
    assert (value.limit, value.flag) == (7, 1)


def test_a_struct_that_holds_itself_is_refused() -> None:
    writer = Writer()
    u32 = writer.int("u32", 4)
    writer.struct("A", 8, [("n", u32, 0), ("a", 2, 32)])
    with pytest.raises(ObjectError, match=r"struct A.* holds itself"):
        codec.decoder(made(writer), 2)


def test_types_without_values_are_refused() -> None:
    writer = Writer()
    forward = writer.fwd("later")
    with pytest.raises(ObjectError, match="struct later"):
        codec.decoder(made(writer), forward)


@given(st.binary(min_size=88, max_size=88))
def test_any_bytes_decode_and_come_back(raw: bytes) -> None:
    writer, event = event_types("little")
    btf = made(writer)
    value = codec.decode(btf, event, raw)
    assert (
        len(codec.encode(btf, event, {"time": value.time, "inner": value.inner, "choice": value.choice}))
        == 88
    )
