"""What a name may be in BTF, and the C name of a Zig type.

The kernel's rule is `btf_name_valid_identifier` of kernel/bpf/btf.c.
"""

from __future__ import annotations

import re

_C_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_DOTTED = re.compile(r"[A-Za-z0-9_.@\"]+")
# What Zig writes for types without a name of their own, as words.
_WORDS = (
    ("?*", "optional_ptr_"), ("[*:0]", "string_"), ("[*]", "many_"), ("[]", "slice_"), ("?", "optional_"),
    ("*", "ptr_"), ("!", "_or_"),
)  # fmt: skip

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
    """C's name of a Zig number type: ``u32`` is ``unsigned int``; others become identifiers."""
    if " " in name and all(is_c_name(word) for word in name.split()):
        return name  # already C's
    return _SCALARS.get(name) or c_name(name)


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
    for sign, word in _WORDS:
        name = name.replace(sign, word)
    parts = []
    for dotted in _DOTTED.findall(name):
        identifiers = [part for part in re.split(r"[.@\"]+", dotted) if part]
        # "probe.loose.0": a piece of the variable `loose`, which LLVM has split.
        while len(identifiers) > 1 and identifiers[-1][0].isdigit():
            identifiers[-2:] = [f"{identifiers[-2]}_{identifiers[-1]}"]
        if identifiers:
            parts.append(identifiers[-1])
    result = re.sub(r"_+", "_", "_".join(parts)).strip("_") if len(parts) > 1 else "".join(parts)
    if not result:
        return "anonymous"
    return result if not result[0].isdigit() else "_" + result
