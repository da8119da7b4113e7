"""zig/bpf/types.zig."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scripts.generate_uapi.header import Record
from scripts.generate_uapi.layout import SCALARS, lay_out
from scripts.generate_uapi.python_attrs import OTHER_TABLES
from scripts.generate_uapi.zig_names import PROGRAM_NAMES, zig_name

if TYPE_CHECKING:
    from scripts.generate_uapi.header import Field, Prototype


# What only user space or the kernel handles, or has no use in a program.
NOT_FOR_PROGRAMS = {
    *("bpf_attr", "bpf_common_attr", "bpf_core_relo", "bpf_func_info", "bpf_insn", "bpf_iter_link_info"),
    *("bpf_line_info", *OTHER_TABLES),
}


def zig_field_type(field: Field, records: dict[str, Record], indent: str) -> str:
    """The Zig type of a member."""
    if isinstance(field.type, Record):
        return zig_record(field.type, records, indent)
    if field.type.endswith("*"):
        target = field.type.removesuffix("*").split()[-1]
        element = "?*anyopaque" if target == "void" else f"?*{target}"
    elif field.type in SCALARS:
        element = SCALARS[field.type][1]
    else:
        element = field.type.split()[-1]
    return element if field.length is None else f"[{field.length}]{element}"


def zig_record(record: Record, records: dict[str, Record], indent: str = "") -> str:
    """``extern struct {...}`` with every byte of padding that C names, and names for the nameless."""
    lines = [f"extern {record.kind} {{"]
    unnamed = padding = 0
    for field in record.fields:
        name, kind = field.name, zig_field_type(field, records, indent + "    ")
        if field.bits is not None:
            if field.name or field.bits % 8:
                raise ValueError(f"{record.name}.{field.name}: only nameless bit fields of whole bytes")
            name, kind = f"padding_{padding}", f"[{field.bits // 8}]u8"
            padding += 1
        elif not name:
            name = f"unnamed_{unnamed}"
            unnamed += 1
        lines.append(f"{indent}    {zig_name(name)}: {kind},")
    return "\n".join([*lines, indent + "}"])


def types_zig(records: dict[str, Record], prototypes: dict[str, Prototype]) -> str:
    """zig/bpf/types.zig: the structs a program shares with the kernel, then the kernel's own as opaque."""
    shared = {name: record for name, record in records.items() if name not in NOT_FOR_PROGRAMS}
    mentioned = set(re.findall(r"struct (\w+)", repr(prototypes.values())))
    opaque = sorted(mentioned - set(shared) - set(PROGRAM_NAMES) - {"bpf_map"})
    lines = [
        "//! Structs that a program shares with the kernel, laid out and named as in linux/bpf.h.",
        "//!",
        "//! A nameless struct or union in C is here a field `unnamed_N`, nameless bits are `padding_N`,",
        "//! and a pointer that the verifier widens to 64 bits (`__bpf_md_ptr` in C) is a u64.",
        "",
        'const assert = @import("std").debug.assert;',
    ]
    for name, record in shared.items():
        lines += ["", f"/// `{record.kind} {name}` of linux/bpf.h."]
        lines += [f"pub const {name} = {zig_record(record, records)};"]
    lines += ["", "// The kernel's own: known by pointer only."]
    for name in opaque:
        lines += [f"/// The kernel's `struct {name}`.", f"pub const {name} = opaque {{}};"]
    lines += ["", "comptime {"]
    for name, record in shared.items():
        lines.append(f"    assert(@sizeOf({name}) == {lay_out(record, records)[1]});")
    return "\n".join([*lines, "}"]) + "\n"
