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
        ('probe.Map("counts"[0..6])', "Map_counts_0_6"), ("9lives", "_9lives"), ("{}", "anonymous"),
        ("?probe.Event", "optional_Event"), ("[]probe.Event", "slice_Event"), ("*probe.Event", "ptr_Event"), ("[]const probe.Event", "slice_const_Event"),
        ("?*const fn (*p.Tree) p.Loose", "optional_ptr_const_fn_ptr_Tree_Loose"), ("p.Ring(-1)", "Ring_minus_1"), ("p.Ring(1)", "Ring_1"),
        ("p.Tagged:Payload", "Tagged_Payload"), ('@typeInfo(p.Tagged).@"union".tag_type.?', "Tagged_tag"), ("struct { u32, p.Key }", "struct_u32_Key"),
        ("error{A}!p.Event", "error_A_or_Event"), ('p.Of(p.@"odd.name")', "Of_odd_name"), ("p.my-var", "my_var"), ("p.Outer.Inner(p.A(u8),2)", "Inner_A_u8_2"),
        ("p.V4.Header2", "Header2"), ("p.anonymous__struct_5", "anonymous__struct_5"), ("[*c]p.T", "c_ptr_T"), ("?[*:0]const u8", "optional_string_const_u8"),
        ("é", "u00e9"), ("probe.größe", "gru00f6u00dfe"),
    ],
)  # fmt: skip
def test_c_name(zig: str, c: str) -> None:
    assert c_name(zig) == c
    assert c == "" or is_c_name(c)
    assert c_name(c) == c


@pytest.mark.parametrize(
    ("zig", "c"),
    [("u8", "unsigned char"), ("u32", "unsigned int"), ("c_char", "char"), ("usize", "unsigned long"),
     ("unsigned int", "unsigned int"), ("u24", "u24"), ("@Vector(4, u32)", "unsigned int"), ("@Vector(2, bool)", "_Bool"), ("f128", "f128"), ("__ARRAY_SIZE_TYPE__", "__ARRAY_SIZE_TYPE__")],
)  # fmt: skip
def test_c_scalar(zig: str, c: str) -> None:
    assert c_scalar(zig) == c
