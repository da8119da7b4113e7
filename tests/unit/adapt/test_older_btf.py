"""Types for kernels that do not know all kinds: others of the same size, in place."""

from __future__ import annotations

import struct

import pytest

from pyzbpf.adapt import older_btf
from pyzbpf.btf import types as kinds
from pyzbpf.btf.decode import Btf, decode
from tests.support.btf_writer import Writer

ENDIANS = ("little", "big")
ALL = {kinds.FUNC, kinds.DATASEC, kinds.FLOAT, kinds.DECL_TAG, kinds.TYPE_TAG, kinds.ENUM64}


def everything(endian: str) -> tuple[Btf, dict[str, int]]:
    w = Writer(endian)
    ids = {"u32": w.int("u32", 4)}
    ids["float"] = w.float("f64", 8)
    ids["type_tag"] = w._add("user", kinds.TYPE_TAG, ids["u32"])
    ids["pointer"] = w.ptr(ids["type_tag"])
    ids["enum"] = w.enum("Sign", [("minus", -1), ("plus", 1)], signed=True)
    ids["plain"] = w.enum("Plain", [("one", 1)])
    ids["enum64"] = w.enum64("Large", [("low", 1), ("high", 1 << 40)])
    ids["prototype"] = w.prototype(ids["u32"], [("x", ids["pointer"])])
    ids["global"] = w.func("called", ids["prototype"], kinds.GLOBAL)
    ids["static"] = w.func("hidden", ids["prototype"], kinds.STATIC)
    ids["var"] = w.var("value", ids["u32"], kinds.GLOBAL)
    ids["section"] = w.datasec(".data", [(ids["var"], 0, 4)], 4)
    ids["optional"] = w.datasec("?.data", [(ids["var"], 0, 4)], 4)
    ids["tag"] = w.decl_tag("pyzbpf.event:events", ids["var"])
    return decode(w.bytes(), endian), ids


def test_what_is_recent():
    btf, _ = everything("little")
    assert older_btf.recent(btf) == ALL
    w = Writer()
    number = w.int("u32", 4)
    w.datasec(".data", [(w.var("v", number), 0, 4)], 4)
    w.func("f", w.prototype(number, []), kinds.STATIC)
    w.enum("Plain", [("one", 1)])
    assert older_btf.recent(decode(w.bytes(), "little")) == set()
    w.enum("Sign", [("minus", -1)], signed=True)
    assert older_btf.recent(decode(w.bytes(), "little")) == {kinds.ENUM64}


@pytest.mark.parametrize("endian", ENDIANS)
@pytest.mark.parametrize("lacking", sorted(ALL))
def test_one_kind_is_replaced_and_nothing_else(endian, lacking):
    btf, _ = everything(endian)
    after = decode(older_btf.without(btf, {lacking}), endian)
    assert after.strings.startswith(btf.strings), "line records refer to them"
    assert older_btf.recent(after) == ALL - {lacking}
    changed = [i for i, t in enumerate(btf.types) if t and repr(t) != repr(after.types[i])]
    assert all(btf.get(i).kind == lacking or lacking == kinds.ENUM64 for i in changed)
    assert [t.place for t in btf.types[1:] if t] == [t.place for t in after.types[1 : len(btf.types)] if t]


@pytest.mark.parametrize("endian", ENDIANS)
def test_what_becomes_of_each(endian):
    btf, ids = everything(endian)
    after = decode(older_btf.without(btf, ALL), endian)

    def of(name):
        return after.get(ids[name])

    assert (of("float").kind, of("float").name, of("float").size, of("float").members) == (
        kinds.STRUCT,
        "",
        8,
        [],
    )
    assert (of("type_tag").kind, of("type_tag").name, of("type_tag").type) == (kinds.CONST, "", ids["u32"])
    assert (of("enum").flag, of("enum").values[0][1] & 0xFFFFFFFF) == (False, 0xFFFFFFFF)
    assert of("plain").values == btf.get(ids["plain"]).values
    large = of("enum64")
    assert (large.kind, large.size, [m.name for m in large.members]) == (kinds.UNION, 8, ["low", "high"])
    member = after.get(large.members[0].type)
    assert large.members[0].type == large.members[1].type == len(btf.types)
    assert (member.kind, member.size, member.bits) == (kinds.INT, 1, 8)
    assert (of("global").linkage, of("static").linkage) == (kinds.STATIC, kinds.STATIC)
    assert (of("section").name, of("optional").name) == (".data", "_.data")
    assert (of("tag").kind, of("tag").size, of("tag").bits) == (kinds.INT, 1, 8)
    assert older_btf.recent(after) == set()


def test_nothing_lacking_is_nothing_changed():
    btf, _ = everything("little")
    assert older_btf.without(btf, ()) is btf.data


@pytest.mark.parametrize("endian", ENDIANS)
def test_a_layout_is_left_out(endian):
    order = {"little": "<", "big": ">"}[endian]
    w = Writer(endian)
    w.int("u32", 4)
    plain = w.bytes()
    types, strings, layout = plain[24:-5], plain[-5:], bytes(8)
    header = struct.pack(order + "HBBIIIII", 0xEB9F, 1, 0, 32, 0, len(types), len(types) + 8, len(strings))
    data = header + struct.pack(order + "II", len(types), 8) + types + layout + strings
    btf = decode(data, endian)
    assert older_btf.recent(btf) == {older_btf.LAYOUT}
    assert older_btf.without(btf, {older_btf.LAYOUT}) == plain
