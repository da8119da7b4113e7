"""BTF bytes -> types -> bytes: every kind, both byte orders, damage named with its place."""

from __future__ import annotations

import pytest

from pyzbpf.btf import decode, encode, ext
from pyzbpf.btf import types as kinds
from pyzbpf.errors import ObjectError
from tests.support.btf_writer import Writer

ENDIANS = ["little", "big"]


def every_kind(endian: str) -> Writer:
    btf = Writer(endian)
    u32 = btf.int("u32", 4)
    s8 = btf.int("s8", 1, kinds.SIGNED)
    array = btf.array(s8, u32, 16)
    struct = btf.struct("Event", 32, [("pid", u32, 0), ("name", array, 32)])
    btf.bit_struct("Bits", 4, [("low", u32, 0, 3), ("high", u32, 3, 29)])
    btf.struct("Choice", 4, [("a", u32, 0), ("b", s8, 0)], union=True)
    btf.ptr(struct)
    btf.enum("Kind", [("one", 1), ("two", 2)])
    btf.enum("Signed", [("minus", -1)], signed=True)
    btf.enum64("Wide", [("big", 1 << 40), ("minus", -5)], signed=True)
    btf.fwd("later")
    btf.typedef("event_t", struct)
    btf.const(u32)
    prototype = btf.prototype(u32, [("ctx", 7), ("", u32)])
    btf.func("prog", prototype, kinds.GLOBAL)
    var = btf.var("counter", u32, kinds.GLOBAL)
    btf.datasec(".bss", [(var, 0, 4)], 4)
    btf.float("double", 8)
    btf.decl_tag("pyzbpf.event:events", struct)
    return btf


@pytest.mark.parametrize("endian", ENDIANS)
def test_every_kind_is_read(endian: str) -> None:
    btf = decode.decode(every_kind(endian).bytes(), endian)
    found = {(t.kind, t.name) for t in btf.types if t is not None}
    assert (kinds.STRUCT, "Event") in found and (kinds.DATASEC, ".bss") in found
    event = btf.get(btf.find("Event", kinds.STRUCT))
    assert [(m.name, m.bit_offset, m.bits) for m in event.members] == [("pid", 0, 0), ("name", 32, 0)]
    bits = btf.get(btf.find("Bits", kinds.STRUCT))
    assert [(m.bit_offset, m.bits) for m in bits.members] == [(0, 3), (3, 29)]
    assert btf.get(btf.find("Signed", kinds.ENUM)).values == [("minus", -1)]
    assert btf.get(btf.find("Wide", kinds.ENUM64)).values == [("big", 1 << 40), ("minus", -5)]
    assert btf.get(btf.find("prog", kinds.FUNC)).linkage == kinds.GLOBAL
    assert btf.get(btf.find("pyzbpf.event:events", kinds.DECL_TAG)).component == -1


@pytest.mark.parametrize("endian", ENDIANS)
def test_encoding_gives_the_same_types_again(endian: str) -> None:
    btf = decode.decode(every_kind(endian).bytes(), endian)
    data = encode.encode(btf.types, encode.Strings(), endian)
    again = decode.decode(data, endian)
    assert [_facts(t) for t in again.types] == [_facts(t) for t in btf.types]
    assert encode.encode(again.types, encode.Strings(), endian) == data


def _facts(found: kinds.Type | None) -> object:
    if found is None:
        return None
    members = [(m.name, m.type, m.bit_offset, m.bits) for m in found.members]
    plain = [
        getattr(found, name) for name in kinds.Type.__slots__ if name not in ("members", "flag", "place")
    ]
    return plain, members


@pytest.mark.parametrize(
    ("name", "kind", "size"),
    [
        ("Event", kinds.STRUCT, 32),
        ("event_t", kinds.TYPEDEF, 32),
        ("Kind", kinds.ENUM, 4),
        ("double", kinds.FLOAT, 8),
    ],
)
def test_sizes(name: str, kind: int, size: int) -> None:
    btf = decode.decode(every_kind("little").bytes(), "little")
    assert btf.size_of(btf.find(name, kind)) == size


def test_what_has_no_size_is_named() -> None:
    btf = decode.decode(every_kind("little").bytes(), "little")
    with pytest.raises(ObjectError, match="struct later"):
        btf.size_of(btf.find("later", kinds.FWD))
    with pytest.raises(ObjectError, match="void"):
        btf.size_of(0)


def test_a_typedef_of_itself_ends() -> None:
    writer = Writer()
    writer.typedef("loop", 1)
    btf = decode.decode(writer.bytes(), "little")
    with pytest.raises(ObjectError, match="refers to itself"):
        btf.size_of(1)


def test_an_array_of_itself_ends() -> None:
    writer = Writer()
    writer.array(1, 1, 4)
    btf = decode.decode(writer.bytes(), "little")
    with pytest.raises(ObjectError, match="holds itself"):
        btf.size_of(1)


def test_the_other_byte_order_is_refused() -> None:
    with pytest.raises(ObjectError, match="magic 0x9feb is not BTF's"):
        decode.decode(every_kind("big").bytes(), "little")


def test_every_cut_is_named_with_its_offset() -> None:
    data = every_kind("little").bytes()
    for length in range(len(data)):
        with pytest.raises(ObjectError) as caught:
            decode.decode(data[:length], "little", file="a.o")
        assert caught.value.file == "a.o" and caught.value.section == ".BTF"


def test_an_unknown_kind_is_named() -> None:
    writer = Writer()
    writer._add("new", 25, 0)
    with pytest.raises(ObjectError, match="type 1: unknown kind 25"):
        decode.decode(writer.bytes(), "little")


def test_a_reference_outside_of_the_table_is_refused() -> None:
    writer = Writer()
    writer.ptr(7)
    with pytest.raises(ObjectError, match="type 1 refers to type 7"):
        decode.decode(writer.bytes(), "little")


@pytest.mark.parametrize(
    ("type_id", "text"),
    [(0, "void"), (3, "s8[16]"), (4, "struct Event"), (7, "struct Event *"), (13, "const u32")],
)
def test_description(type_id: int, text: str) -> None:
    assert decode.decode(every_kind("little").bytes(), "little").describe(type_id) == text


@pytest.mark.parametrize("endian", ENDIANS)
def test_extension_both_ways(endian: str) -> None:
    writer = every_kind(endian)
    raw = writer.ext(
        {"xdp": [(0, 15)]},
        {"xdp": [(0, "probe.zig", "return 0;", 7 << 10 | 5), (8, "probe.zig", "}", 8 << 10)]},
    )
    btf = decode.decode(writer.bytes(), endian)
    found = ext.decode(raw, btf)
    assert found.functions == {"xdp": [(0, 15)]}
    offsets = [(r[0], btf.string(r[1]), btf.string(r[2]), r[3] >> 10) for r in found.lines["xdp"]]
    assert offsets == [(0, "probe.zig", "return 0;", 7), (8, "probe.zig", "}", 8)]
    strings = encode.Strings()
    data = encode.encode(btf.types, strings, endian)
    for text in ("probe.zig", "return 0;", "}"):
        strings.add(text)
    moved = ext.Ext()
    moved.functions = found.functions
    moved.lines = {
        "xdp": [
            (r[0], strings.add(btf.string(r[1])), strings.add(btf.string(r[2])), r[3])
            for r in found.lines["xdp"]
        ]
    }
    ext_data = ext.encode(moved, strings, endian)
    data = encode.encode(btf.types, strings, endian)
    again = decode.decode(data, endian)
    assert [again.string(r[2]) for r in ext.decode(ext_data, again).lines["xdp"]] == ["return 0;", "}"]


def test_a_cut_extension_is_named() -> None:
    writer = every_kind("little")
    raw = writer.ext({"xdp": [(0, 15)]})
    btf = decode.decode(writer.bytes(), "little")
    for length in range(len(raw)):
        with pytest.raises(ObjectError):
            ext.decode(raw[:length], btf)
