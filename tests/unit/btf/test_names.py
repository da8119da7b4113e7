"""Zig's names -> C's."""

from __future__ import annotations

import pytest

from pyzbpf.btf.names import c_name, c_scalar, is_c_name


@pytest.mark.parametrize(
    ("zig", "c"),
    [
        ("", ""), ("Event", "Event"), ("probe.Event", "Event"), ("bpf.types.__sk_buff", "__sk_buff"),
        ("probe.Pair(u32,u64)", "Pair_u32_u64"), ("probe.Pair(u32,probe.Key)", "Pair_u32_Key"),
        ("[]const u8", "slice_const_u8"), ("?u32", "optional_u32"), ("error{A,B}!void", "error_A_B_or_void"),
        ("a1.T", "T"), ("with space", "with_space"), ("probe.loose.0", "loose_0"), ("probe.x.12.3", "x_12_3"),
        ('probe.Map("counts"[0..6])', "Map_counts_0_6"), ("9lives", "_9lives"), ("{}", "anonymous"), ("é", "u00e9"), ("probe.größe", "gru00f6u00dfe"),
    ],
)  # fmt: skip
def test_c_name(zig: str, c: str) -> None:
    assert c_name(zig) == c
    assert c == "" or is_c_name(c)
    assert c_name(c) == c


@pytest.mark.parametrize(
    ("zig", "c"),
    [("u8", "unsigned char"), ("u32", "unsigned int"), ("c_char", "char"), ("usize", "unsigned long"),
     ("unsigned int", "unsigned int"), ("u24", "u24"), ("__ARRAY_SIZE_TYPE__", "__ARRAY_SIZE_TYPE__")],
)  # fmt: skip
def test_c_scalar(zig: str, c: str) -> None:
    assert c_scalar(zig) == c
