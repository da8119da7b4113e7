"""What the SDK says of single instructions (`zig/bpf/marker.zig`): sections of an object -> marks."""

from __future__ import annotations

import struct

from pyzbpf.elf import image as elf
from pyzbpf.errors import ObjectError
from pyzbpf.finish.analysis.roles import MESSAGE_MARK, VERDICT_MARK
from pyzbpf.finish.code import Mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyzbpf.elf.image import Image, Relocation, Section
    from pyzbpf.finish.code import Instruction

# Sections in which the SDK speaks to the finisher: an address and a text for each instruction; but
# declarations are about no instruction.
PREFIX = ".pyzbpf."
DECLARATIONS = ".pyzbpf.declaration"
_ADDRESS = 8  # bytes
_PROGRAM = "name a program: an `export fn` in the section of its kind"


def take(image: Image, places: Mapping[tuple[Section, int], Instruction]) -> list[str]:
    """Hang the SDK's records on their instructions, which are found by (section, byte offset).

    Returns its declarations. Raises ObjectError where a record is damaged or means no instruction.
    """
    declarations: list[str] = []
    for section in image.sections:
        if section.name == DECLARATIONS:
            declarations += [text.decode() for text in bytes(section.data).split(b"\0") if text]
        elif section.name.startswith(PREFIX):
            _take(image, section, places)
    return declarations


def _take(image: Image, section: Section, places: Mapping[tuple[Section, int], Instruction]) -> None:
    """Each record is an address with a relocation, then a text with NUL; of a message two addresses."""
    kind = section.name.removeprefix(PREFIX)
    addresses = _ADDRESS * (2 if kind == MESSAGE_MARK else 1)
    relocations = {relocation.offset: relocation for relocation in section.relocations}
    position = 0
    while position < len(section.data):
        end = section.data.find(0, position + addresses)
        if end < 0:
            raise _damaged(image, section, position)
        text = bytes(section.data[position + addresses : end]).decode()
        if kind == MESSAGE_MARK:
            text = _message(image, section, position + _ADDRESS, relocations, length=text)
        instruction = _instruction(image, section, position, relocations.get(position), places)
        instruction.marks.append(Mark(kind, text))
        position = end + 1


def _instruction(
    image: Image,
    section: Section,
    position: int,
    relocation: Relocation | None,
    places: Mapping[tuple[Section, int], Instruction],
) -> Instruction:
    """The one that a record means."""
    if relocation is not None and relocation.symbol.is_undefined:
        # Of all marks the author's own names stand in these alone.
        raise ObjectError(f"trap_verdicts names '{relocation.symbol.name}', and the probe exports no such function",
                          file=image.file, section=section.name, symbol=relocation.symbol.name, offset=position,
                          advice=_PROGRAM)  # fmt: skip
    if relocation is None or relocation.symbol.section is None:
        raise _damaged(image, section, position)
    place = relocation.symbol.section, relocation.symbol.value + _addend(image, section, position)
    found = places.get(place)
    if found is not None:
        return found
    named = {s.name for s in image.symbols_in(place[0]) if s.value == place[1] and s.binding != elf.STB_LOCAL}
    if section.name == PREFIX + VERDICT_MARK and named:
        raise ObjectError(f"trap_verdicts names '{named.pop()}', which is no function",
                          file=image.file, section=place[0].name, offset=place[1], advice=_PROGRAM)  # fmt: skip
    raise ObjectError("a marker for a place where no instruction begins", file=image.file,
                      section=place[0].name, offset=place[1])  # fmt: skip


def _message(
    image: Image, section: Section, position: int, relocations: Mapping[int, Relocation], *, length: str
) -> str:
    """The text of a panic; "" where it is made at run time: then registers stand in its place.

    Of a register the assembler makes an undefined symbol, which goes. Of a part of a constant LLVM names the
    constant, and forgets where in it the part begins: only what is a whole one is certain.
    """
    relocation = relocations.get(position)
    if relocation is not None and relocation.symbol.is_undefined:
        image.symbols = [symbol for symbol in image.symbols if symbol is not relocation.symbol]
        return ""
    home = relocation.symbol.section if relocation is not None else None
    if relocation is None or home is None or not length.isdecimal():
        return ""
    if home.flags & elf.SHF_WRITE:
        return ""  # what is there now says nothing of later
    start = relocation.symbol.value + _addend(image, section, position)
    text = bytes(home.data[start : start + int(length)])
    sizes = {symbol.size for symbol in image.symbols_in(home) if symbol.value == start}
    if sizes.isdisjoint((len(text), len(text) + 1)):  # one more: Zig ends literals with NUL
        return ""
    return text.decode(errors="replace").replace("\0", "\ufffd")


def _addend(image: Image, section: Section, position: int) -> int:
    (found,) = struct.unpack_from("<Q" if image.endian == "little" else ">Q", section.data, position)
    return int(found)


def _damaged(image: Image, section: Section, position: int) -> ObjectError:
    return ObjectError("damaged marker", file=image.file, section=section.name, offset=position,
                       advice="only the SDK may write into this section")  # fmt: skip
