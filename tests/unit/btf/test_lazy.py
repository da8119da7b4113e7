"""Types found without reading the rest: the same ones that reading everything finds."""

from __future__ import annotations

import random
import struct
import sys

import pytest

from pyzbpf.btf import types as kinds
from pyzbpf.btf.decode import decode
from pyzbpf.btf.flavour import essential
from pyzbpf.btf.lazy import LazyBtf
from pyzbpf.btf.memory import Bytes
from pyzbpf.errors import ObjectError
from tests.support.btf_writer import Writer
from tests.support.core import lazy

ENDIANS = ("little", "big")

FLAVOURS = {
    "task_struct": "task_struct", "task_struct___old": "task_struct", "a___b___c": "a___b", "___a": "___a",
    "a___": "a___", "a____b": "a____b", "a___b_": "a", "_a___b": "_a", "a__b": "a__b", "a": "a", "": "",
    "a_____b___c": "a_____b", "x___y____z": "x", "___": "___", "a___b____": "a",
}  # fmt: skip


@pytest.mark.parametrize("name", FLAVOURS)
def test_essential_names(name):
    assert essential(name) == FLAVOURS[name]


def random_types(seed: int, endian: str, *, many: int = 300, shift: int = 0) -> Writer:
    """Types of all kinds; ids and offsets are small, so that they collide with each other."""
    pick = random.Random(seed)
    w = Writer(endian)
    w.text("padding" * pick.randrange(4))
    names = [f"n{number}" for number in range(40)] + ["n1___a", "n2___b", "n2___b___c", "n3____d"]

    def type_id() -> int:
        return pick.randrange(shift + w.count + 1)

    def members(bits: bool) -> list[tuple[int | str, ...]]:
        found = []
        for number in range(pick.randrange(6)):
            place = (pick.choice(("", *names)), type_id(), pick.randrange(400))
            found.append((*place, pick.randrange(20)) if bits else place)
            assert number < 6
        return found

    makers = [
        lambda name: w.int(name, pick.choice((1, 2, 4, 8)), pick.randrange(2)),
        lambda _: w.ptr(type_id()),
        lambda _: w.array(type_id(), type_id(), pick.randrange(50)),
        lambda name: w.struct(name, pick.randrange(99), members(bits=False), union=pick.random() < 0.4),
        lambda name: w.bit_struct(name, pick.randrange(99), members(bits=True)),
        lambda name: w.enum(name, [(n, pick.randrange(1 << 31)) for n in pick.sample(names, 3)]),
        lambda name: w.enum64(name, [(n, pick.randrange(1 << 60)) for n in pick.sample(names, 3)]),
        w.fwd,
        lambda name: w.typedef(name, type_id()),
        lambda _: w.const(type_id()),
        lambda name: w.func(name, type_id(), pick.randrange(3)),
        lambda _: w.prototype(type_id(), [("", type_id()), ("n5", type_id())]),
        lambda name: w.var(name, type_id()),
        lambda name: w.datasec(name, [(type_id(), pick.randrange(99), 4)]),
        lambda name: w.float(name, 8),
        lambda name: w.decl_tag(name, type_id()),
    ]
    for _ in range(many):
        pick.choice(makers)(pick.choice(names))
    return w


def same(one: object, other: object) -> bool:
    assert type(one) is type(other)
    if isinstance(one, (kinds.Type, kinds.Member)):
        slots = [name for name in type(one).__slots__ if name != "place"]
        return all(same(getattr(one, name), getattr(other, name)) for name in slots)
    if isinstance(one, list) and len(one) == len(other):  # type: ignore[arg-type]
        return all(map(same, one, other))  # type: ignore[arg-type]
    return one == other


@pytest.mark.parametrize("endian", ENDIANS)
@pytest.mark.parametrize("seed", range(12))
def test_everything_is_found_as_in_a_full_reading(seed, endian):
    w = random_types(seed, endian)
    whole = decode(w.bytes(), endian)
    for walked in (False, True):
        partial = lazy(w)
        assert partial.endian == endian
        if walked:
            assert partial.count == len(whole.types)
        for kind in range(1, 20):
            wanted = {kinds.ENUM, kinds.ENUM64} if kind in (kinds.ENUM, kinds.ENUM64) else {kind}
            for name in [f"n{number}" for number in range(41)]:
                expected = [
                    number
                    for number, found in enumerate(whole.types)
                    if found is not None and found.kind in wanted and essential(found.name) == name
                ]
                assert [partial.id_of(found) for found in partial.find(name, kind)] == expected
        order = list(range(1, len(whole.types)))
        random.Random(seed).shuffle(order)
        for number in order:
            assert same(partial.get(number), whole.types[number])
        assert partial.get(0) is None


def test_only_as_far_as_needed():
    w = random_types(1, "little")
    partial = lazy(w)
    partial.find("n7", kinds.STRUCT)
    assert not partial._starts
    partial.get(5)
    assert len(partial._starts) == 5


def test_words_that_look_like_a_type_are_none():
    """A member whose type equals the name's offset, and whose bit field makes its offset a header."""
    w = Writer()
    w.text("x" * 70)
    for name in ("a", "b", "c"):
        w.text(name)
    name = w.text("wanted")
    u32 = w.int("u32", 4)
    members = [("a", name, 0, 4), ("b", name, 4, 4), ("c", u32, 8, 4)]
    for number in range(3):
        w.bit_struct(f"s{number}", 4, members)  # 4 << 24: the info word of a STRUCT without members
    w.array(u32, name, 0x04000000)
    real = w.struct("wanted", 4, [("a", u32, 0)])
    partial = lazy(w)
    found = partial.find("wanted", kinds.STRUCT)
    assert [partial.id_of(one) for one in found] == [real]
    assert [found.name for found in lazy(w, unique=True).find("s1", kinds.STRUCT)] == ["s1"]


@pytest.mark.parametrize("seed", range(4))
def test_a_module_on_top_of_its_kernel(seed):
    kernel = random_types(seed, "little")
    kernel.text("from_the_kernel")
    module = Writer("little")
    shift = len(kernel.strings)
    # Names in the kernel's strings, in the module's own, and the very first of its own.
    shared = bytes(kernel.strings).index(b"\0from_the_kernel\0") + 1
    module.strings = bytearray(b"first\0own\0own___2\0")
    for name in (shared, shift, shift + 6, shift + 10):
        module.types += struct.pack("<III", name, 4 << 24 | 1, 8)
        module.types += struct.pack("<III", shift + 6, 2, 0)
        module.count += 1
    module.types += struct.pack("<III", shift, 8 << 24, kernel.count + 2)  # typedef of the module's second
    base = lazy(kernel, unique=True)
    types = LazyBtf(Bytes(module.bytes()), name="module", base=base)
    first = kernel.count + 1
    assert (types.first, types.count) == (first, first + 5)
    expected = {"from_the_kernel": [first], "first": [first + 1], "own": [first + 2, first + 3], "n1": []}
    for name, numbers in expected.items():
        assert [types.id_of(found) for found in types.find(name, kinds.STRUCT)] == numbers
    member = types.get(first).members[0]
    assert member.name == "own" and types.get(member.type) is base.get(2)
    assert types.get(types.get(first + 4).type).name == "first"
    assert types.pointer_size == 8
    with pytest.raises(ObjectError, match=f"no BTF type has the id {first + 5}"):
        types.get(first + 5)


def test_the_width_of_pointers():
    for name, size in (("long unsigned int", 4), ("long int", 4), ("unsigned long", 8), ("int", 4)):
        w = Writer()
        w.int(name, size)
        assert lazy(w).pointer_size == (8 if name == "int" else size)


@pytest.mark.parametrize("endian", ENDIANS)
def test_kinds_that_the_table_itself_describes(endian):
    """Newer kernels list the sizes of their kinds, so that a reader may step over one that it does not know."""
    order = "<" if endian == "little" else ">"
    w = Writer(endian)
    w.int("u32", 4)
    unknown = w.text("new")
    w.types += struct.pack(order + "III", unknown, 20 << 24 | 2, 0) + bytes(4 + 2 * 8)
    w.struct("after", 4, [("m", 1, 0)])
    # (once, for each) of the known kinds in bytes, as the kernel writes them, and of the new one.
    rows = {1: (4, 0), 3: (12, 0), 4: (0, 12), 5: (0, 12), 6: (0, 8), 13: (0, 8), 14: (4, 0), 15: (0, 12),
            17: (4, 0), 19: (0, 12), 20: (4, 8)}  # fmt: skip
    table = b"".join(struct.pack(order + "BBH", *rows.get(kind, (0, 0)), 0) for kind in range(21))
    types, strings = bytes(w.types), bytes(w.strings)
    places = (0, len(types), len(types), len(strings), len(types) + len(strings), len(table))
    header = struct.pack(order + "HBBI6I", 0xEB9F, 1, 0, 32, *places)
    partial = LazyBtf(Bytes(header + types + strings + table), name="new.btf")
    assert partial.get(3).name == "after"
    assert [partial.id_of(found) for found in partial.find("after", kinds.STRUCT)] == [3]
    with pytest.raises(ObjectError, match="unknown kind 20"):
        partial.get(2)
    # Without the list there is no way past it.
    blind = lazy(w)
    with pytest.raises(ObjectError, match="unknown kind 20"):
        blind.get(3)


def test_damage():
    w = random_types(3, "little", many=20)
    data = w.bytes()
    for wrong, message in (
        (data[:20], "cut off in its header"),
        (b"\0\0" + data[2:], "not BTF"),
        (data[: len(data) // 2], "cut off"),
    ):
        with pytest.raises(ObjectError, match=message):
            LazyBtf(Bytes(wrong), name="x")
    cut = Writer()
    cut.int("u32", 4)
    cut.struct("s", 4, [("a", 1, 0)])
    for size in (4, 8, 12, 16, 20):
        short = Writer()
        short.types, short.strings = cut.types[:-size], cut.strings
        partial = lazy(short)
        with pytest.raises(ObjectError, match=r"cut off|no BTF type has the id 2"):
            partial.get(2)
    odd = Writer()
    odd.types = bytearray(13)
    with pytest.raises(ObjectError, match="not aligned"):
        lazy(odd)
    named = Writer()
    named.types += struct.pack("<IIII", 9999, 1 << 24, 4, 32)
    with pytest.raises(ObjectError, match="string offset outside"):
        lazy(named).get(1)


def test_memory_finds_aligned_words():
    word = 0x01020304
    data = b"abc" + bytes(2) + word.to_bytes(4, sys.byteorder) + bytes(3) + word.to_bytes(4, sys.byteorder)
    memory = Bytes(data)
    assert memory.find_word(word, 0, len(data)) == 12  # that at 5 is not aligned
    assert memory.find_word(word, 1, len(data)) == 5
    assert memory.find_word(word, 6, len(data)) == -1
    assert memory.find(b"c", 0, 8) == 2
