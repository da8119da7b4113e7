"""zig/bpf/constants.zig."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyzbpf.uapi import since
from scripts.generate_uapi.python_enums import python_number, short_names

if TYPE_CHECKING:
    from scripts.generate_uapi.c_source import Enum

# The first kernel with a number, by enum.
_FIRST = {"bpf_prog_type": since.PROGRAMS}


def constants_zig(enums: list[Enum]) -> str:
    """zig/bpf/constants.zig: all constants without BPF_, the map types as an enum."""
    lines = ["//! The numbers of linux/bpf.h, without their prefix BPF_.", ""]
    taken: set[str] = set()
    for enum in enums:
        if enum.name == "bpf_map_type":
            members = short_names(enum, "BPF_MAP_TYPE_").items()
            lines += [
                "/// `enum bpf_map_type`: what `type` of a map is.",
                "pub const MapType = enum(u32) {",
                *(
                    f"    /// Linux {since.MAPS[n]}.\n    {name} = {n},"
                    if n in since.MAPS
                    else f"    {name} = {n},"
                    for n, name in members
                ),
                "};",
                "",
            ]
            continue
        lines += [f"// enum {enum.name}"] if enum.name else []
        for name, number in enum.values.items():
            if name.startswith("_"):
                continue
            short = name.removeprefix("BPF_")
            if short in taken or not short[0].isalpha():
                short = name
            taken.add(short)
            home = f" of `enum {enum.name}`" if enum.name else ""
            first = _FIRST.get(enum.name, {}).get(number)
            lines.append(f"/// `{name}`{home}{f' (Linux {first})' if first else ''}.")
            lines.append(f"pub const {short}: {'i64' if number < 0 else 'u64'} = {zig_number(number)};")
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def zig_number(number: int) -> str:
    """As in Python, with lower-case hexadecimal digits."""
    return python_number(number).lower()
