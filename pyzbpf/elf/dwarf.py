"""The little that is wanted of DWARF: who compiled the object, and the names of functions' parameters and of members of
structs behind pointers, which BTF from Zig lacks.
"""

from __future__ import annotations

import io
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.construct.core import ConstructError
from elftools.elf.elffile import ELFFile

_FAULTS = (ELFError, ConstructError, KeyError, ValueError, IndexError, AttributeError, TypeError)


def parameter_names(data: bytes) -> dict[str, list[str]]:
    """Linkage name of each function -> its parameters' names, in order.

    An object without DWARF, or with DWARF that cannot be read, has none: names are a comfort. A
    parameter that the compiler has dropped is missing from the list.
    """
    try:
        parsed = ELFFile(io.BytesIO(data))
        if not parsed.has_dwarf_info():
            return {}
        # Without relocating: all that is read here is relative to its own section already.
        units = parsed.get_dwarf_info(relocate_dwarf_sections=False).iter_CUs()
        return {
            name: names
            for unit in units
            for entry in unit.iter_DIEs()
            if entry.tag == "DW_TAG_subprogram" and (name := _name(entry))
            if (names := _parameters(entry))
        }
    except _FAULTS:
        return {}


def members(data: bytes) -> dict[str, dict[int, str]]:
    """The last part of each struct's name -> its members' names by their offset in bytes.

    Structs of the same name that differ have none, nor has an object without DWARF.
    """
    found: dict[str, dict[int, str]] = {}
    try:
        parsed = ELFFile(io.BytesIO(data))
        units = (
            parsed.get_dwarf_info(relocate_dwarf_sections=False).iter_CUs() if parsed.has_dwarf_info() else ()
        )
        for entry in (entry for unit in units for entry in unit.iter_DIEs()):
            if entry.tag != "DW_TAG_structure_type" or not (name := _name(entry).rpartition(".")[2]):
                continue
            mine = {
                member.attributes["DW_AT_data_member_location"].value: _name(member)
                for member in entry.iter_children()
                if member.tag == "DW_TAG_member" and "DW_AT_data_member_location" in member.attributes
            }
            found[name] = mine if found.get(name, mine) == mine else {}
    except _FAULTS:
        return {}
    return found


def is_from_zig(data: bytes) -> bool:
    """Whether Zig compiled the object; an object without DWARF, a finished one too, does not tell."""
    try:
        parsed = ELFFile(io.BytesIO(data))
        if not parsed.has_dwarf_info():
            return False
        units = parsed.get_dwarf_info(relocate_dwarf_sections=False).iter_CUs()
        found = [unit.get_top_DIE().attributes.get("DW_AT_producer") for unit in units]
    except _FAULTS:
        return False
    return bool(found) and all(f is not None and f.value.startswith(b"zig ") for f in found)


def _name(entry: Any) -> str:
    for key in ("DW_AT_linkage_name", "DW_AT_name"):
        if key in entry.attributes:
            return str(entry.attributes[key].value.decode(errors="replace"))
    return ""


def _parameters(entry: Any) -> list[str]:
    return [
        child.attributes["DW_AT_name"].value.decode(errors="replace")
        for child in entry.iter_children()
        if child.tag == "DW_TAG_formal_parameter" and "DW_AT_name" in child.attributes
    ]
