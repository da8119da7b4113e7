"""The little that is wanted of DWARF: who compiled the object, where types are declared, and the names of functions'
parameters and of members of structs behind pointers, which BTF from Zig lacks.
"""

from __future__ import annotations

import io
import os
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.construct.core import ConstructError
from elftools.elf.elffile import ELFFile

_FAULTS = (ELFError, ConstructError, KeyError, ValueError, IndexError, AttributeError, TypeError)


_DECLARED = ("DW_TAG_structure_type", "DW_TAG_union_type", "DW_TAG_enumeration_type")


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


def declarations(data: bytes) -> dict[str, tuple[str, int]]:
    """Name of each struct, union and enum that is declared in a source -> (path, line).

    An object without DWARF, or with DWARF that cannot be read, has none.
    """
    found: dict[str, tuple[str, int]] = {}
    try:
        parsed = ELFFile(io.BytesIO(data))
        if not parsed.has_dwarf_info():
            return {}
        information = parsed.get_dwarf_info(relocate_dwarf_sections=False)
        for unit in information.iter_CUs():
            paths = _paths(information.line_program_for_CU(unit))
            for entry in unit.iter_DIEs():
                line, file = (entry.attributes.get(f"DW_AT_decl_{what}") for what in ("line", "file"))
                if entry.tag in _DECLARED and line is not None and file is not None:
                    found.setdefault(_name(entry), (paths[file.value], line.value))
    except _FAULTS:
        return {}
    return found


def _paths(program: Any) -> list[str]:
    """The files of a unit by their numbers, which begin with 1 before DWARF 5, as those of folders do."""
    first = 1 if program["version"] < 5 else 0
    folders = [b""] * first + program["include_directory"]
    paths = [os.path.join(folders[file.dir_index], file.name) for file in program["file_entry"]]
    return [""] * first + [path.decode(errors="replace") for path in paths]


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
