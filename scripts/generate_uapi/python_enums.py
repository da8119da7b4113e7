"""pyzbpf/uapi/enums.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scripts.generate_uapi.c_source import Enum


NAME_TABLES = (
    ("COMMAND_NAMES", "bpf_cmd", "BPF_", "BPF_* commands"),
    ("MAP_TYPE_NAMES", "bpf_map_type", "BPF_MAP_TYPE_", "BPF_MAP_TYPE_*"),
    ("PROG_TYPE_NAMES", "bpf_prog_type", "BPF_PROG_TYPE_", "BPF_PROG_TYPE_*"),
    ("ATTACH_TYPE_NAMES", "bpf_attach_type", "BPF_", "attach types"),
    ("LINK_TYPE_NAMES", "bpf_link_type", "BPF_LINK_TYPE_", "BPF_LINK_TYPE_*"),
)


def short_names(enum: Enum, prefix: str) -> dict[int, str]:
    """Number -> lower-case name without prefix; of several names the first that is not deprecated.

    What comes after the enum's end mark is no member (BPF_COMMON_ATTRS is a flag).
    """
    names: dict[int, str] = {}
    for name, number in enum.values.items():
        if name.startswith("__MAX"):
            break
        if names.get(number, "_deprecated").endswith("_deprecated"):
            names[number] = name.removeprefix(prefix).lower()
    return names


def enums_module(enums: list[Enum]) -> str:
    """pyzbpf/uapi/enums.py: the constants, then the tables of short names."""
    lines = [
        '"""Numbers of the kernel\'s BPF interface, with the names linux/bpf.h gives them."""',
        "",
        "from __future__ import annotations",
    ]
    for enum in enums:
        public = {name: number for name, number in enum.values.items() if not name.startswith("_")}
        lines += ["", *([f"# enum {enum.name}"] if enum.name else [])]
        lines += [f"{name} = {python_number(number)}" for name, number in public.items()]
    by_name = {enum.name: enum for enum in enums}
    for table, enum_name, prefix, noun in NAME_TABLES:
        names = short_names(by_name[enum_name], prefix)
        lines += ["", f"# {noun} -> lower-case name", f"{table} = {{"]
        lines += [f'    {number}: "{name}",' for number, name in names.items()]
        lines += ["}"]
    return "\n".join(lines) + "\n"


def python_number(number: int) -> str:
    """Large numbers are flags and masks: hexadecimal; others decimal."""
    return f"0x{number:X}" if number >= 1 << 12 else str(number)
