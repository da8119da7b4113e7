"""Types of every shape: each has a name that C could spell and a value that Python reads, in both byte orders."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pyzbpf
from pyzbpf.btf import types as kinds
from pyzbpf.build.compile import build_probe
from pyzbpf.errors import BuildError, ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Compile = Callable[..., dict[str, bytes]]

PROBE = Path(__file__).parent / "probes" / "shapes.zig"
ENDIANS = ["little", "big"]
HEAD = 'const bpf = @import("bpf");\n'
PROG = 'export fn prog(_: *bpf.XdpMd) linksection("xdp") c_int {{ {} return 2; }}\n'


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pyzbpf.ObjectSpec]:
    folder = tmp_path_factory.mktemp("shapes")
    paths = build_probe(PROBE, output_directory=folder, cache=folder / "cache")
    return {endian: pyzbpf.open(path) for path, endian in zip(paths, ENDIANS, strict=True)}


@pytest.mark.parametrize("endian", ENDIANS)
def test_values_are_what_the_source_says(specs: dict[str, pyzbpf.ObjectSpec], endian: str) -> None:
    def plain(value: object) -> object:
        return value._asdict() if hasattr(value, "_asdict") else value

    values = {name: plain(v.value) for name, v in specs[endian].variables.items()}
    assert values["quoted"] == {"a_b": 1, "u00fc": 2, "_1st": 3}
    assert values["unicode"] == {"x": 4} and values["header"] == {"a": 5} and values["odd_name"] == 13
    assert values["deep"] == {"a": {"b": {"c": {"d": {"e": 6}}}}}
    assert values["flags"] == {"bits": 1 | 2 << 1 | 3 << 4 | 4 << 16}
    assert [getattr(values[n], "name", None) for n in ("wide", "negative", "small", "three", "failure")] == [
        "huge", "low", "minus", "b", "B",
    ]  # fmt: skip
    assert (values["wide"], values["negative"]) == (0x123456789ABCDEF0, -0x123456789ABC)
    assert values["widest"] == (1).to_bytes(16, endian)  # type: ignore[arg-type]
    assert values["tagged"]["tag"] == "number" and values["tagged"]["payload"]["number"] == 7
    assert values["tuple"] == {"_0": 1, "_1": 2, "_2": 3}
    assert values["anonymous"] == {"x": 1, "inner": {"y": 2}} and values["public"] == {"value": 8}
    assert (values["unsigned128"], values["signed128"]) == (1 << 100, -1)
    assert (values["unsigned24"], values["signed7"]) == (9, -9)
    assert values["unsigned256"] == (1).to_bytes(32, endian)  # type: ignore[arg-type]
    assert values["vector"] == [1, 2, 3, 4]
    assert values["vectors"] == {"bools": "ffff", "numbers": [1, -2, 3, -4], "one": 1}
    assert (values["half"], values["double"], len(values["quadruple"])) == (0.5, 1.5, 16)
    assert values["optional"] == {"payload": 10, "some": 1}
    assert values["optional_struct"] == {"payload": {"a2": 1, "b": 2, "c": 3, "d": 4}, "some": 1}
    assert values["result"] == {"payload": 11, "error": "null"} and values["results"]["nothing"] == {
        "error": "null"
    }
    assert values["by_enum"] == {"values": [12, 12, 12]} and values["pointers"] == [0, 0]


@pytest.mark.parametrize("endian", ENDIANS)
def test_names_are_readable_and_stand_for_one_type(specs: dict[str, pyzbpf.ObjectSpec], endian: str) -> None:
    btf = specs[endian].btf
    assert btf is not None
    named = [
        t
        for t in btf.types
        if t is not None and t.kind in (kinds.STRUCT, kinds.UNION, kinds.ENUM, kinds.ENUM64)
    ]
    names = [t.name for t in named if t.name]
    assert len(set(names) - {"anyerror"}) == len([n for n in names if n != "anyerror"])
    assert all(re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) for name in names)
    assert {
        "Header", "quoted_type", "u00dcnu00ef", "Deep", "Tagged", "Tagged_tag", "Tagged_Payload", "chosen_name", "public_name",
        "Ring_Type2_0_2", "Ring_Ring_Type2_0_2_minus_1_1", "Ring_Ring_Type2_0_2_0_1", "Type2", "optional_Type2",
        "slice_const_Type2", "error_A_B_or_u32", "struct_u32_u8_i64",
    } <= set(names)  # fmt: skip


COLLISION = "const A = struct { const Same = extern struct { a: u32 }; };\nconst B = struct { const Same = extern struct { GIVEN b: u64 }; };\n"
MAPS = (
    'export var one: bpf.Array(A.Same, 4) linksection(".maps") = .{};\n'
    'export var two: bpf.Array(B.Same, 4) linksection(".maps") = .{};\n'
)


def test_one_name_for_two_types_is_refused_unless_one_is_given(compile_text: Compile) -> None:
    body = MAPS + PROG.format("_ = one.lookup(1); _ = two.lookup(1);")
    with pytest.raises(
        ObjectError, match=r"'probe\.[AB]\.Same' \(\S+\) and 'probe\.[AB]\.Same' \(\S+\) are both 'Same' in C"
    ) as caught:
        compile_text(HEAD + COLLISION.replace("GIVEN", "") + body)
    line = HEAD.count("\n") + 1
    for name, place in (("A", line), ("B", line + 1)):
        assert f"'probe.{name}.Same' (probe.zig:{place})" in str(caught.value)
    given = COLLISION.replace("GIVEN", 'pub const btf = "other";')
    for data in compile_text(HEAD + given + body).values():
        btf = pyzbpf.open(data).btf
        assert btf is not None and btf.find("Same", kinds.STRUCT) and btf.find("other", kinds.STRUCT)
    with pytest.raises(BuildError) as wrong:
        compile_text(HEAD + COLLISION.replace("GIVEN", 'pub const btf = "a b";') + body)
    assert "`btf` of probe.B.Same is no C identifier: 'a b'" in wrong.value.output


def test_exported_names_that_are_no_identifiers_are_refused(compile_text: Compile) -> None:
    text = HEAD + 'export var @"two words": u32 = 1;\n' + PROG.format('@"two words" +%= 1;')
    with pytest.raises(ObjectError, match=r"'two words'.*an exported name that C could not spell"):
        compile_text(text)


@pytest.mark.parametrize(
    ("type_", "why"),
    [
        ("u256", "is wider than any number of C"), ("f128", "is wider than C's double"), ("f80", "is wider than C's double"),
        ("enum(u128) { a }", "is wider than any enum of C"), ("[]const u8", "is a slice"), ("?*u32", "is a pointer"),
        ("struct { u32, u8 }", "has no defined layout"), ("union(enum) { a: u8 }", "the variant 'a' of the event type probe.T of a map is not an extern struct"),
        ("error{A}!u32", "no layout that C and Python know"), ("@Vector(4, u32)", "no layout that C and Python know"),
        ("error{A}", "no layout that C and Python know"), ("extern struct { inner: extern struct { p: ?*u8 } }", "is a pointer"),
    ],
)  # fmt: skip
def test_what_cannot_be_in_an_event_is_refused(compile_text: Compile, type_: str, why: str) -> None:
    with pytest.raises(BuildError) as caught:
        compile_text(
            HEAD
            + f'const T = {type_};\nexport var ring: bpf.RingBuf(T) linksection(".maps") = .{{}};\n'
            + PROG.format("")
        )
    assert why in caught.value.output
