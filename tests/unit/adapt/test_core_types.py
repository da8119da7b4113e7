"""The three relations between a type of the probe and one of the kernel."""

from __future__ import annotations

import pytest

from pyzbpf.adapt._core_types import Matcher, fields_agree, kinds_agree, size_of
from pyzbpf.adapt.target import LocalTypes
from pyzbpf.btf.decode import decode
from pyzbpf.errors import ObjectError
from tests.support.btf_writer import Writer
from tests.support.core import lazy


def table() -> tuple[Writer, dict[str, int]]:
    """One type of each shape, by a name for the tests; both sides use the same table."""
    w = Writer()
    i = {"void": 0}
    i["int"], i["uint"] = w.int("int", 4, 1), w.int("unsigned int", 4)
    i["ulong"], i["long"] = w.int("long unsigned int", 8), w.int("int", 8, 1)
    i["bits"] = w._add("bits", 1, 4, tail=w._words(4 << 16 | 3))  # bit-field-like: at bit 4 of the word
    i["float"], i["double"] = w.float("float", 4), w.float("double", 8)
    i["t_int"] = w.typedef("t_int", w.const(i["int"]))
    i["t_uint"] = w.typedef("t_uint", i["uint"])
    i["int*"], i["ulong*"] = w.ptr(i["int"]), w.ptr(i["ulong"])
    i["void*"] = w.ptr(0)
    i["int[2]"], i["int[3]"] = w.array(i["int"], i["uint"], 2), w.array(i["int"], i["uint"], 3)
    i["ulong[2]"], i["int*[2]"] = w.array(i["ulong"], i["uint"], 2), w.array(i["int*"], i["uint"], 2)
    i["s"] = w.struct("s", 8, [("a", i["int"], 0), ("b", i["int*"], 64)])
    i["s___2"] = w.struct("s___2", 16, [("b", i["int*"], 0), ("a", i["int"], 64), ("c", i["uint"], 96)])
    i["other"] = w.struct("other", 4, [("a", i["int"], 0)])
    i["u"] = w.struct("u", 4, [("a", i["int"], 0)], union=True)
    i["e"], i["e___2"] = (
        w.enum("e", [("A", 0), ("B", 1)]),
        w.enum("e___2", [("C", 5), ("A___x", 3), ("B", 3)]),
    )
    i["f"], i["enum"] = w.enum("f", [("A", 0)]), w.enum("", [("A", 0)])
    i["e64"] = w.enum64("e", [("A", 0), ("B", 1)])
    i["e8"] = w.enum("e", [("A", 0), ("B", 1)], size=8)
    i["fwd s"], i["fwd u"], i["fwd s___3"] = w.fwd("s"), w.fwd("u", union=True), w.fwd("s___3")
    i["s*"], i["fwd s*"], i["other*"] = w.ptr(i["s"]), w.ptr(i["fwd s"]), w.ptr(i["other"])
    i["s___2*"], i["u*"], i["fwd u*"] = w.ptr(i["s___2"]), w.ptr(i["u"]), w.ptr(i["fwd u"])
    i["int(int)"] = w.prototype(i["int"], [("x", i["int"])])
    i["int(uint)"] = w.prototype(i["t_int"], [("y", i["t_uint"])])
    i["int(int*)"] = w.prototype(i["int"], [("x", i["int*"])])
    i["int()"] = w.prototype(i["int"], [])
    i["void(int)"] = w.prototype(0, [("x", i["int"])])
    i["func"] = w.func("func", i["int(int)"])
    i["deep"] = w.struct("deep", 8, [("p", i["fwd s*"], 0)])
    i["deep___2"] = w.struct("deep___2", 8, [("p", i["s*"], 0)])
    i["deep___3"] = w.struct("deep___3", 8, [("p", i["other*"], 0)])
    pointer = i["int*"]
    for _ in range(40):
        pointer = w.ptr(pointer)
    i["many*"] = pointer
    return w, i


WRITER, IDS = table()
LOCAL = LocalTypes(decode(WRITER.bytes(), "little"))
KERNEL = lazy(WRITER)


def both(local: str, target: str):
    return LOCAL, LOCAL.get(IDS[local]), KERNEL, KERNEL.get(IDS[target])


FIELDS = {
    True: [
        ("int", "ulong"), ("t_int", "uint"), ("int*", "ulong*"), ("void*", "int*"), ("float", "double"),
        ("int[2]", "ulong[2]"), ("int[2]", "int[3]"), ("int*[2]", "int*[2]"), ("s", "other"), ("s", "u"),
        ("e", "e___2"), ("e", "e64"), ("enum", "e"), ("e", "enum"), ("fwd s", "fwd s___3"),
    ],
    False: [
        ("int", "int*"), ("int", "int[2]"), ("int", "e"), ("int", "s"), ("e", "f"), ("int[2]", "int*[2]"),
        ("fwd s", "fwd u"), ("int", "bits"), ("bits", "int"), ("float", "int"), ("void", "int"),
        ("void", "void"), ("int(int)", "int(int)"), ("s", "fwd s"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("local", "target", "agree"), [(*pair, agree) for agree in FIELDS for pair in FIELDS[agree]]
)
def test_fields(local, target, agree):
    assert fields_agree(*both(local, target)) is agree


KINDS = {
    True: [
        ("int", "ulong"), ("t_int", "t_uint"), ("void*", "void*"), ("int*", "ulong*"), ("s", "other"),
        ("e", "f"), ("e", "e64"), ("int[2]", "ulong[2]"), ("fwd s", "fwd u"), ("s*", "other*"),
        ("int(int)", "int(uint)"), ("void(int)", "void(int)"), ("void", "void"),
    ],
    False: [
        ("s", "u"), ("s", "fwd s"), ("t_int", "int"), ("int", "t_int"), ("int*", "void*"), ("s*", "u*"),
        ("int[2]", "int*[2]"), ("int(int)", "int()"), ("int(int)", "int(int*)"), ("int(int)", "void(int)"),
        ("float", "float"), ("func", "func"), ("int", "bits"), ("void", "int"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("local", "target", "agree"), [(*pair, agree) for agree in KINDS for pair in KINDS[agree]]
)
def test_kinds(local, target, agree):
    assert kinds_agree(*both(local, target)) is agree


MATCHES = {
    True: [
        ("s", "s"), ("s", "s___2"), ("t_int", "int"), ("int*", "int*"), ("int[2]", "int[2]"), ("e", "e___2"),
        ("s*", "fwd s*"), ("fwd s*", "s*"), ("fwd s*", "fwd s*"), ("s*", "s___2*"), ("u*", "fwd u*"),
        ("fwd u*", "u*"), ("e8", "e64"), ("e64", "e8"), ("int(int)", "int(int)"), ("fwd s", "fwd s___3"),
        ("deep", "deep___2"), ("deep___2", "deep"), ("void", "void"), ("void*", "void*"),
    ],
    False: [
        ("s___2", "s"), ("s", "other"), ("int", "uint"), ("int", "long"), ("int[2]", "int[3]"), ("int*", "ulong*"),
        ("e", "f"), ("e___2", "e"), ("e", "e64"), ("s", "fwd s"), ("fwd s", "s"), ("s*", "other*"),
        ("fwd s", "fwd u"), ("fwd u*", "s*"), ("u*", "fwd s*"), ("int(int)", "int(uint)"), ("int(int)", "int()"),
        ("int(int)", "void(int)"), ("u", "s"), ("deep", "deep___3"), ("float", "float"), ("e", "int"),
        ("int", "int*"), ("void", "int"), ("int*", "void*"), ("s*", "int*"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("local", "target", "agree"), [(*pair, agree) for agree in MATCHES for pair in MATCHES[agree]]
)
def test_matches(local, target, agree):
    assert Matcher(LOCAL, KERNEL).match(LOCAL.get(IDS[local]), KERNEL.get(IDS[target])) is agree


def test_depth_is_limited():
    with pytest.raises(ObjectError, match="nested too deeply"):
        kinds_agree(*both("many*", "many*"))
    with pytest.raises(ObjectError, match="nested too deeply"):
        Matcher(LOCAL, KERNEL).match(LOCAL.get(IDS["many*"]), KERNEL.get(IDS["many*"]))
    circle = Writer()
    circle.typedef("a", 2)
    circle.typedef("b", 1)
    types = lazy(circle)
    with pytest.raises(ObjectError, match="refers to itself"):
        kinds_agree(types, types.get(1), types, types.get(1))
    with pytest.raises(ObjectError, match="typedef a has no size"):
        size_of(types, types.get(1))


def test_sizes():
    sizes = {"int": 4, "t_int": 4, "int*": 8, "int*[2]": 16, "int[3]": 12, "s": 8, "e64": 8, "double": 8}
    for name, size in sizes.items():
        assert size_of(LOCAL, LOCAL.get(IDS[name])) == size_of(KERNEL, KERNEL.get(IDS[name])) == size
    for name in ("void", "fwd s", "int(int)", "func"):
        with pytest.raises(ObjectError, match="has no size"):
            size_of(LOCAL, LOCAL.get(IDS[name]))
