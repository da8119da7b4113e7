"""BTF -> Zig declarations."""

from __future__ import annotations

import pytest

from pyzbpf.btf import decode, zig
from pyzbpf.btf import types as kinds
from pyzbpf.errors import NotFoundError, ObjectError
from tests.support.btf_writer import Writer


@pytest.fixture
def btf() -> decode.Btf:
    writer = Writer()
    i32, u64 = writer.int("int", 4, kinds.SIGNED), writer.int("u64", 8)
    char, flag = writer.int("char", 1, kinds.SIGNED), writer.int("_Bool", 1, kinds.BOOL)
    inner = writer.struct("", 8, [("deep", u64, 0), ("other", u64, 0)], union=True)
    named = writer.struct("entity", 8, [("sum", u64, 0), ("rest", u64, 0)])
    mm = writer.struct("mm", 8, [("start", u64, 0)])
    kind = writer.enum("kind", [("one", 1), ("uno", 1), ("two", 2)])
    alias = writer.typedef("mm_t", mm)
    writer.struct(
        "task",
        64,
        [("pid", i32, 0), ("comm", writer.array(char, i32, 16), 32), ("flag", flag, 160), ("", inner, 192),
         ("se", named, 256), ("mm", writer.ptr(alias), 320), ("self", writer.ptr(writer.const(16)), 384),
         ("error", kind, 448), ("handler", writer.ptr(writer.prototype(0, [])), 480)],
    )  # fmt: skip
    writer.bit_struct("bits", 4, [("low", i32, 0, 3), ("flag", flag, 3, 1), ("kind", kind, 4, 4)])
    counter = writer.struct("", 4, [("value", i32, 0)])
    choice = writer.struct("", 8, [("small", i32, 0), ("large", u64, 0)], union=True)
    writer.struct(
        "holder",
        64,
        [("counter", writer.typedef("atomic_t", counter), 0), ("choice", choice, 64),
         ("pairs", writer.array(counter, i32, 2), 128), ("nothing", writer.struct("", 0, []), 192),
         ("names", writer.array(writer.array(char, i32, 4), i32, 2), 192),
         ("pointers", writer.array(writer.ptr(0), i32, 3), 256), ("items", writer.array(named, i32, 0), 512)],
    )  # fmt: skip
    return decode.decode(writer.bytes(), "little")


def text(btf: decode.Btf, *wanted: str) -> str:
    return "\n".join(zig.declarations(btf, [zig.parse(one) for one in wanted]))


def test_only_what_is_wanted(btf: decode.Btf) -> None:
    assert text(btf, "task:pid,comm") == (
        "pub const task = extern struct {\n    pid: i32,\n    comm: bpf.Text(16),\n};"
    )


def test_ways_through_pointers_and_inner_structs(btf: decode.Btf) -> None:
    assert text(btf, "task:mm.start,se.sum,deep") == (
        "pub const task = extern struct {\n    mm: ?*mm,\n    se: entity,\n    deep: u64,\n};\n"
        "pub const mm = extern struct {\n    start: u64,\n};\n"
        "pub const entity = extern struct {\n    sum: u64,\n};"
    )


def test_all_members_where_none_are_named(btf: decode.Btf) -> None:
    found = text(btf, "task")
    assert '    @"error": enum(u32) { _ },\n    handler: ?*anyopaque,\n' in found
    assert (
        "    deep: u64,\n    other: u64,\n    se: entity,\n" in found
    )  # those of an anonymous union beside each other
    assert found.endswith("pub const entity = extern struct {\n    sum: u64,\n    rest: u64,\n};")


def test_a_struct_that_lies_in_another_is_wanted_whole(btf: decode.Btf) -> None:
    assert text(btf, "task:se") == (
        "pub const task = extern struct {\n    se: entity,\n};\n"
        "pub const entity = extern struct {\n    sum: u64,\n    rest: u64,\n};"
    )
    assert text(btf, "task:se.sum", "task:se") == text(btf, "task:se")


def test_structs_without_names_stand_in_place(btf: decode.Btf) -> None:
    assert text(btf, "holder") == (
        "pub const holder = extern struct {\n"
        "    counter: extern struct {\n        value: i32,\n    },\n"
        "    choice: extern union {\n        small: i32,\n        large: u64,\n    },\n"
        "    pairs: [2]extern struct {\n        value: i32,\n    },\n"
        "    nothing: extern struct {\n    },\n"
        "    names: [2]bpf.Text(4),\n"
        "    pointers: [3]?*anyopaque,\n"
        "    items: [0]entity,\n"
        "};\n"
        "pub const entity = extern struct {\n    sum: u64,\n    rest: u64,\n};"
    )
    assert text(btf, "holder:choice.small") == (
        "pub const holder = extern struct {\n    choice: extern union {\n        small: i32,\n    },\n};"
    )


def test_an_enum_is_named_where_it_is_wanted(btf: decode.Btf) -> None:
    assert 'error": kind,\n' in text(btf, "task:error", "kind")


def test_enums_and_bit_fields(btf: decode.Btf) -> None:
    assert text(btf, "kind") == "pub const kind = enum(u32) {\n    one = 1,\n    two = 2,\n    _,\n};"
    assert text(btf, "bits").splitlines()[1:-1] == [
        "    low: bpf.core.Bits(i32, 3),", "    flag: bpf.core.Bits(bool, 1),", "    kind: bpf.core.Bits(enum(u32) { _ }, 4),",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("tsak", "no struct, union, enum or typedef 'tsak'; did you mean task"),
        ("task:pidd", "struct task has no member 'pidd'; did you mean pid"),
        ("task:mm.strat", "struct mm has no member 'strat'; did you mean start"),
    ],
)
def test_wrong_names_get_near_ones(btf: decode.Btf, wanted: str, message: str) -> None:
    with pytest.raises(NotFoundError, match=message):
        text(btf, wanted)


def test_typedefs(btf: decode.Btf) -> None:
    """Of a struct with a name, of one without, whole and of a member of it."""
    assert text(btf, "mm_t") == (
        'pub const mm = extern struct {\n    start: u64,\n};\npub const mm_t = bpf.core.Typedef("mm_t", mm);'
    )
    assert text(btf, "atomic_t") == text(btf, "atomic_t:value")
    assert text(btf, "atomic_t") == (
        'pub const atomic_t = bpf.core.Typedef("atomic_t", extern struct {\n    value: i32,\n});'
    )
    with pytest.raises(NotFoundError, match="has no member 'valeu'; did you mean value"):
        text(btf, "atomic_t:valeu")


def test_a_way_into_a_number_is_refused(btf: decode.Btf) -> None:
    with pytest.raises(ObjectError, match="'x' is wanted of int, which has no members"):
        text(btf, "task:pid.x")


@pytest.mark.parametrize(
    ("name", "written"), [("pid", "pid"), ("error", '@"error"'), ("u8", '@"u8"'), ("use", "use")]
)
def test_identifiers(name: str, written: str) -> None:
    assert zig.identifier(name) == written
