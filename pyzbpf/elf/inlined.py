"""Where inlined code was called from, of which BTF says nothing: the call sites in DWARF."""

from __future__ import annotations

import io
import posixpath
from typing import Any, NamedTuple

from elftools.common.exceptions import ELFError
from elftools.construct.core import ConstructError
from elftools.dwarf.ranges import BaseAddressEntry
from elftools.elf.elffile import ELFFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_FAULTS = (ELFError, ConstructError, KeyError, ValueError, IndexError, AttributeError, TypeError)


class Call(NamedTuple):
    """Code from ``start`` to ``end`` (bytes from the start of its function) was inlined by a call of
    ``name`` in ``file``, line and column; ``depth`` counts the calls around it.
    """

    start: int
    end: int
    depth: int
    file: str
    line: int
    column: int
    name: str


class Inlined(NamedTuple):
    """The ``calls`` that were inlined into a function, which begins ``start`` bytes behind the symbol that
    the relocation at byte ``place`` of ``section`` names. (Its name in DWARF may be another's, too.)
    """

    section: str
    place: int
    start: int
    calls: list[Call]


def calls(data: bytes) -> list[Inlined]:
    """What was inlined into each function.

    An object without DWARF, or with DWARF that cannot be read, has none: they only make lines better.
    """
    try:
        parsed = ELFFile(io.BytesIO(data))
        if not parsed.has_dwarf_info():
            return []
        # Addresses stand in the bytes as offsets into their sections, and are compared within one only.
        dwarf = parsed.get_dwarf_info(relocate_dwarf_sections=False)
        found: list[Inlined] = []
        for unit in dwarf.iter_CUs():
            reader = _Unit(dwarf, unit)
            for entry in unit.get_top_DIE().iter_children():
                if entry.tag == "DW_TAG_subprogram" and "DW_AT_low_pc" in entry.attributes:
                    start = entry.attributes["DW_AT_low_pc"]
                    inlined = list(reader.calls_in(entry, start.value))
                    found.append(Inlined(*reader.place_of(start), start.value, inlined))
    except _FAULTS:
        return []
    return found


class _Unit:
    """A compilation unit: what every entry of it needs."""

    def __init__(self, dwarf: Any, unit: Any) -> None:
        self.dwarf = dwarf
        self.unit = unit
        self.files = _files(dwarf, unit)

    def calls_in(self, entry: Any, base: int, depth: int = 0) -> Iterator[Call]:
        """The calls inlined into an entry, those in one another included."""
        for child in entry.iter_children():
            inlined = child.tag == "DW_TAG_inlined_subroutine"
            if inlined:
                file, line = (child.attributes[f"DW_AT_call_{what}"].value for what in ("file", "line"))
                found = child.attributes.get("DW_AT_call_column")
                column = found.value if found is not None else 0
                name = _name(child.get_DIE_from_attribute("DW_AT_abstract_origin"))
                for start, end in self.ranges(child):
                    yield Call(start - base, end - base, depth, self.files[file], line, column, name)
            if inlined or child.tag == "DW_TAG_lexical_block":
                yield from self.calls_in(child, base, depth + inlined)

    def place_of(self, address: Any) -> tuple[str, int]:
        """Section and byte where an address stands, and so its relocation."""
        if address.form == "DW_FORM_addr":
            return ".debug_info", address.offset
        base = self.unit.get_top_DIE().attributes["DW_AT_addr_base"].value
        return ".debug_addr", base + self.unit["address_size"] * address.raw_value

    def ranges(self, entry: Any) -> Iterator[tuple[int, int]]:
        """Where the code of an entry lies."""
        low, high = (entry.attributes.get(f"DW_AT_{which}_pc") for which in ("low", "high"))
        if low is not None and high is not None:
            yield low.value, high.value if high.form == "DW_FORM_addr" else low.value + high.value
        elif "DW_AT_ranges" in entry.attributes:
            place = entry.attributes["DW_AT_ranges"].value
            for found in self.dwarf.range_lists().get_range_list_at_offset(place, cu=self.unit):
                if not isinstance(found, BaseAddressEntry):
                    yield found.begin_offset, found.end_offset


def _files(dwarf: Any, unit: Any) -> list[str]:
    """The paths of a unit's files by their number."""
    program = dwarf.line_program_for_CU(unit)
    header = program.header
    folders = [folder.decode(errors="replace") for folder in header["include_directory"]]
    home = unit.get_top_DIE().attributes.get("DW_AT_comp_dir")
    start = home.value.decode(errors="replace") if home is not None else ""
    if header["version"] < 5:
        folders.insert(0, start)  # number 0, which the list leaves out
    found = [
        posixpath.join(start, folders[entry.dir_index], entry.name.decode(errors="replace"))
        for entry in header["file_entry"]
    ]
    return found if header["version"] >= 5 else ["", *found]


def _name(entry: Any) -> str:
    for key in ("DW_AT_linkage_name", "DW_AT_name"):
        if key in entry.attributes:
            return str(entry.attributes[key].value.decode(errors="replace"))
    return ""
