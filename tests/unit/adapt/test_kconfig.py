"""Texts of a kernel's configuration as bytes of the types that a probe gave them."""

from __future__ import annotations

import pytest

from pyzbpf.adapt.kconfig import from_number, from_text, kind_of
from pyzbpf.btf.decode import decode
from pyzbpf.errors import ObjectError
from pyzbpf.spec.externs import ExternSpec
from tests.support.btf_writer import Writer

SIGNED, CHAR, BOOL = 1, 2, 4


def of(kind: str, endian: str = "little"):
    """(types, an extern of that type)."""
    w = Writer(endian)
    made = {
        "bool": w.int("_Bool", 1, BOOL),
        "char": w.int("char", 1, SIGNED),
        "u8": w.int("u8", 1),
        "u16": w.int("u16", 2),
        "i16": w.int("i16", 2, SIGNED),
        "u32": w.int("u32", 4),
        "i64": w.int("i64", 8, SIGNED),
        "u64": w.int("u64", 8),
        "u128": w.int("u128", 16),
        "wide bool": w.int("bool", 4, BOOL),
        "tristate": w.enum("libbpf_tristate", [("TRI_NO", 0), ("TRI_YES", 1), ("TRI_MODULE", 2)]),
        "enum": w.enum("other", [("A", 0)]),
        "float": w.float("f32", 4),
    }
    made["text"] = w.array(made["char"], made["u32"], 5)
    made["bytes"] = w.array(made["u8"], made["u32"], 5)
    made["flags"] = w.array(made["bool"], made["u32"], 5)
    made["numbers"] = w.array(made["u32"], made["u32"], 2)
    made["empty"] = w.array(made["char"], made["u32"], 0)
    made["struct"] = w.struct("pair", 4, [("a", made["u32"], 0)])
    type_id = w.const(made[kind])
    btf = decode(w.bytes(), endian)
    size = btf.size_of(type_id)
    return btf, ExternSpec("CONFIG_X", kind="kconfig", weak=False, type_id=type_id, size=size)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("bool", "y", b"\1"), ("bool", "n", b"\0"),
        ("tristate", "y", b"\1\0\0\0"), ("tristate", "m", b"\2\0\0\0"), ("tristate", "n", bytes(4)),
        ("char", "m", b"m"), ("u8", "y", b"y"), ("u8", "250", b"\xfa"), ("char", "-1", b"\xff"),
        ("u16", "0x1234", b"\x34\x12"), ("i16", "-2", b"\xfe\xff"), ("u32", "250", b"\xfa\0\0\0"),
        ("u32", "010", b"\x08\0\0\0"), ("u32", "0", bytes(4)), ("u64", "0xffffffff80000000", b"\0\0\0\x80" + b"\xff" * 4),
        ("i64", "-1", b"\xff" * 8), ("u64", "-1", b"\xff" * 8), ("i64", "0xffffffffffffffff", b"\xff" * 8),
        ("text", '"abc"', b"abc\0\0"), ("bytes", '""', bytes(5)), ("text", '"too long"', b"too \0"),
    ],
)  # fmt: skip
def test_values(kind, text, expected):
    assert from_text(*of(kind), text) == expected


def test_the_byte_order_is_the_objects():
    assert from_text(*of("u32", "big"), "250") == b"\0\0\0\xfa"
    assert from_text(*of("tristate", "big"), "m") == b"\0\0\0\2"
    assert from_number(*of("u32", "big"), 0x61200) == b"\0\6\x12\0"


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("bool", "m", "a module, which bool cannot say"),
        ("u32", "y", "says y, and the probe wants an integer"),
        ("text", "m", "wants an array of char"),
        ("u32", '"abc"', "wants an integer"),
        ("text", '"abc', "closing quote"),
        ("bool", "1", "says 1, and the probe wants a bool"),
        ("tristate", "1", "wants a tristate"),
        ("u8", "256", "0 to 255"),
        ("char", "200", "-128 to 127"),
        ("i16", "32768", "-32768 to 32767"),
        ("u32", "-1", "0 to 4294967295"),
        ("u32", "12a", "no number"),
        ("u32", "0x", "no number"),
        ("u32", "089", "no number"),
        ("u32", "1_0", "no number"),
        ("u64", "0x10000000000000000", "no number"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(kind, text, message):
    with pytest.raises(ObjectError, match=message) as caught:
        from_text(*of(kind), text)
    assert "CONFIG_X" in str(caught.value)


@pytest.mark.parametrize(
    "kind", ["u128", "wide bool", "enum", "float", "flags", "numbers", "empty", "struct"]
)
def test_types_that_hold_no_value(kind):
    with pytest.raises(ObjectError, match=r"symbol 'CONFIG_X': .* cannot hold it"):
        kind_of(*of(kind))


def test_computed_numbers():
    assert from_number(*of("bool"), 1) == b"\1"
    with pytest.raises(ObjectError, match="0 to 1"):
        from_number(*of("bool"), 2)
    with pytest.raises(ObjectError, match="an array of char"):
        from_number(*of("text"), 1)
