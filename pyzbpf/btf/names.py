"""What a name may be in BTF, and the C name of a Zig type.

The kernel's rule is `btf_name_valid_identifier` of kernel/bpf/btf.c.
"""

from __future__ import annotations

import re

_C_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
# What Zig's names are made of: a sign of a type without a name of its own, or identifiers with dots between.
_IDENTIFIER = r'(?:@?"[^"]*"|\w+)'
_PIECE = re.compile(
    rf"(\?\*|\[\*:0\]|\[\*c?\]|\[\]|[?*!]|(?<!\w)-(?=\d))|({_IDENTIFIER}(?:\.{_IDENTIFIER})*)"
)
_SIGNS = {
    "?*": "optional_ptr", "[*:0]": "string", "[*c]": "c_ptr", "[*]": "many", "[]": "slice", "?": "optional",
    "*": "ptr", "!": "or", "-": "minus",
}  # fmt: skip
# The enum that Zig makes for a tagged union.
_TAG = re.compile(r'@typeInfo\(([^@]*)\)\.@"union"\.tag_type\.\?')
_VECTOR = re.compile(r"@Vector\(\d+, (\w+)\)\Z")

_SCALARS = {
    "u8": "unsigned char", "u16": "unsigned short", "u32": "unsigned int", "u64": "unsigned long long",
    "i8": "signed char", "i16": "short", "i32": "int", "i64": "long long",
    "u128": "unsigned __int128", "i128": "__int128", "usize": "unsigned long", "isize": "long",
    "c_char": "char", "c_short": "short", "c_ushort": "unsigned short", "c_int": "int",
    "c_uint": "unsigned int", "c_long": "long", "c_ulong": "unsigned long", "c_longlong": "long long",
    "c_ulonglong": "unsigned long long", "bool": "_Bool", "f16": "_Float16", "f32": "float",
    "f64": "double",
}  # fmt: skip


def is_c_name(name: str) -> bool:
    """Whether the name is a C identifier."""
    return _C_NAME.match(name) is not None


def c_scalar(name: str) -> str:
    """C's name of a Zig number type: ``u32`` is ``unsigned int``; others become identifiers.

    ``@Vector(4, u32)`` is what Zig calls each of a vector's numbers: ``unsigned int``.
    """
    if " " in name and all(is_c_name(word) for word in name.split()):
        return name  # already C's
    name = c_name(_VECTOR.sub(r"\1", name))
    return _SCALARS.get(name, name)


def c_name(name: str) -> str:
    """The C identifier for a Zig name: the last identifier, generic arguments made readable.

    ``probe.Event`` -> ``Event``; ``probe.Pair(u32,probe.Key)`` -> ``Pair_u32_Key``; ``[]const u8`` ->
    ``slice_const_u8``. A C identifier stays as it is; "" stays "".
    """
    if not name or is_c_name(name):
        return name
    name = "".join(letter if letter.isascii() else f"u{ord(letter):04x}" for letter in name)
    if is_c_name(name):
        return name
    parts = [
        _SIGNS[sign] if sign else _last(dotted) for sign, dotted in _PIECE.findall(_TAG.sub(r"\1:tag", name))
    ]
    parts = [part for part in parts if part]
    result = "_".join(parts)
    if not result:
        return "anonymous"
    return result if not result[0].isdigit() else "_" + result


def _last(dotted: str) -> str:
    """The last of identifiers with dots between; what stands in quotes is one, whatever it holds."""
    identifiers = [re.sub(r"\W+", "_", part).strip("_") if part[:1] in '@"' else part
                   for part in re.findall(_IDENTIFIER, dotted)]  # fmt: skip
    # "probe.loose.0": a piece of the variable `loose`, which LLVM has split.
    while len(identifiers) > 1 and identifiers[-1][:1].isdigit():
        identifiers[-2:] = [f"{identifiers[-2]}_{identifiers[-1]}"]
    return identifiers[-1]
