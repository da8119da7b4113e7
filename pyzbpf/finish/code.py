"""Code as functions of instructions that name what they jump to, call and refer to.

Nothing here is an offset: a jump holds the instruction it goes to, a call the function, a line record
and the SDK's markers hang on their instruction. So a pass may insert and delete, and everything moves
along; `encode` counts again at the end.
"""

from __future__ import annotations

import struct

from pyzbpf.elf import image as elf
from pyzbpf.errors import ObjectError
from pyzbpf.insn.instruction import CALL, CALL_FUNCTION, EXIT, JA, JA32, LD_IMM64
from pyzbpf.insn.instruction import SIZE as SLOT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from pyzbpf.elf.image import Image, Relocation, Section, Symbol

_JUMP_CLASSES = (0x05, 0x06)


class Line:
    """A line record: ``position`` is line << 10 | column."""

    __slots__ = ("file", "position", "text")

    def __init__(self, file: str, text: str, position: int) -> None:
        self.file = file
        self.text = text
        self.position = position


class Call(Line):
    """The place of a call that was inlined; ``name`` is the function's that was called."""

    __slots__ = ("name",)

    def __init__(self, file: str, position: int, name: str) -> None:
        super().__init__(file, "", position)
        self.name = name


class Mark:
    """What the SDK says of an instruction: ``kind`` is the section's name behind `.pyzbpf.`."""

    __slots__ = ("kind", "text")

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        self.text = text

    def __repr__(self) -> str:
        return f"Mark({self.kind!r}, {self.text!r})"


# CO-RE kinds whose local value is a type id: BPF_CORE_TYPE_ID_LOCAL, BPF_CORE_TYPE_ID_TARGET.
TYPE_ID_KINDS = (6, 7)


class Core:
    """A CO-RE record: root type id, access path ("0:1:2") and kind (0 to 12)."""

    __slots__ = ("kind", "path", "type_id")

    def __init__(self, type_id: int, path: str, kind: int) -> None:
        self.type_id = type_id
        self.path = path
        self.kind = kind


class Instruction:
    """One instruction.

    ``immediate`` is the signed 32-bit one, of LD_IMM64 the low half (``high`` is the other).
    ``target`` is where a jump goes, ``callee`` the function that is called or whose address is
    loaded, ``symbol`` what a relocation names (for a callee too, where the compiler wrote one).
    ``offset`` is the 16-bit offset where it is no jump's. ``calls`` are the places of the calls by which
    the instruction was inlined, the innermost first.
    """

    __slots__ = (
        "callee", "calls", "core", "destination", "high", "immediate", "line", "marks", "offset", "opcode",
        "relocation_type", "source", "symbol", "target",
    )  # fmt: skip

    def __init__(
        self, opcode: int, *, destination: int = 0, source: int = 0, offset: int = 0, immediate: int = 0
    ) -> None:
        self.opcode = opcode
        self.destination = destination
        self.source = source
        self.offset = offset
        self.immediate = immediate
        self.high = 0
        self.target: Instruction | None = None
        self.callee: Function | None = None
        self.symbol: Symbol | None = None
        self.relocation_type = 0
        self.line: Line | None = None
        self.core: Core | None = None
        self.marks: list[Mark] = []
        self.calls: list[Call] = []

    def copy(self) -> Instruction:
        """Another one, which shares with this one what both refer to."""
        made = Instruction(self.opcode)
        for name in Instruction.__slots__:
            setattr(made, name, getattr(self, name))
        return made

    @property
    def is_wide(self) -> bool:
        """Whether it takes two slots."""
        return self.opcode == LD_IMM64

    @property
    def is_jump(self) -> bool:
        """Whether it goes somewhere in its function (calls and exits do not)."""
        return self.opcode & 7 in _JUMP_CLASSES and self.opcode not in (CALL, EXIT)

    @property
    def jumps_by_immediate(self) -> bool:
        """``gotol``: the one jump whose distance is the immediate."""
        return self.opcode == JA32

    def __repr__(self) -> str:
        return f"<Instruction {self.opcode:#04x} r{self.destination} r{self.source} imm={self.immediate}>"


class Function:
    """A function: its symbol, its instructions and the BTF id of its FUNC (0: none).

    ``parameters`` are the names that DWARF gives, where it has them.
    """

    __slots__ = ("instructions", "parameters", "section", "symbol", "type_id")

    def __init__(self, symbol: Symbol, section: Section) -> None:
        self.symbol = symbol
        self.section = section
        self.instructions: list[Instruction] = []
        self.type_id = 0
        self.parameters: list[str] = []

    @property
    def size(self) -> int:
        """In bytes."""
        return SLOT * sum(2 if instruction.is_wide else 1 for instruction in self.instructions)

    def insert(self, place: Instruction, made: Sequence[Instruction]) -> None:
        """Put instructions before ``place``: what jumped there comes through them, and its line is theirs."""
        if made:
            self._retarget(place, made[0])
            made[0].line = made[0].line or place.line
            at = self.instructions.index(place)
            self.instructions[at:at] = made

    def prepend(self, made: Instruction) -> None:
        """Put an instruction at the start: what jumps to the one that was the first does not come through it."""
        made.line = self.instructions[0].line
        self.instructions.insert(0, made)

    def replace(self, place: Instruction, made: Sequence[Instruction]) -> None:
        """Put instructions in the place of one."""
        self.insert(place, made)
        self.instructions.remove(place)

    def remove(self, places: Collection[Instruction]) -> None:
        """Take instructions out: what jumped to one goes on where it led to; its line stays in force."""
        behind: dict[Instruction, Instruction] = {}
        kept: list[Instruction] = []
        line = None
        for instruction, following in zip(self.instructions, [*self.instructions[1:], None], strict=True):
            if instruction in places:
                goes_to = instruction.target if instruction.opcode in (JA, JA32) else following
                assert goes_to is not None  # no function ends with anything else
                behind[instruction] = goes_to
                line = instruction.line or line
            else:
                instruction.line = instruction.line or line
                line = None
                kept.append(instruction)
        for instruction in kept if behind else ():
            while instruction.target in behind:
                instruction.target = behind[instruction.target]
        self.instructions[:] = kept

    def _retarget(self, old: Instruction, new: Instruction) -> None:
        for instruction in self.instructions:
            if instruction.target is old:
                instruction.target = new

    def __repr__(self) -> str:
        return f"<Function {self.symbol.name}, {len(self.instructions)} instructions>"


class Code:
    """All functions of an object, by section and in order of place."""

    __slots__ = ("functions",)

    def __init__(self) -> None:
        self.functions: list[Function] = []

    def instructions(self) -> Iterator[tuple[Function, Instruction]]:
        """Every instruction with its function."""
        for function in self.functions:
            for instruction in function.instructions:
                yield function, instruction

    def in_section(self, section: Section) -> list[Function]:
        """The functions of a section, in order."""
        return [function for function in self.functions if function.section is section]

    def offset_of(self, function: Function, instruction: Instruction | None = None) -> int:
        """Byte offset in the section of a function's start or of one of its instructions."""
        offset = 0
        for other in self.in_section(function.section):
            if other is function:
                break
            offset += other.size
        for other_instruction in function.instructions if instruction is not None else ():
            if other_instruction is instruction:
                break
            offset += 2 * SLOT if other_instruction.is_wide else SLOT
        return offset


def decode(image: Image) -> tuple[Code, dict[tuple[Section, int], Instruction]]:
    """Take the code sections apart.

    Also returns the instruction at each (section, byte offset). Raises ObjectError where code does
    not belong to a function, or a jump or call leads nowhere.
    """
    code = Code()
    places: dict[tuple[Section, int], Instruction] = {}
    starts: dict[tuple[Section, int], Function] = {}
    for section in image.sections:
        if section.is_code and section.data:
            for function in _functions(image, section):
                code.functions.append(function)
                starts[section, function.symbol.value] = function
                _decode_function(image, function, places)
    for function in code.functions:
        _link(image, function, places, starts)
    return code, places


def _functions(image: Image, section: Section) -> list[Function]:
    """The functions that cover a section without gap; the exported symbol where there are two."""
    symbols = image.functions_in(section)
    position = 0
    for symbol in symbols:
        if symbol.value != position or not symbol.size or symbol.size % SLOT:
            break
        position += symbol.size
    if position != len(section.data):
        raise ObjectError(
            "code that belongs to no function",
            file=image.file,
            section=section.name,
            offset=position,
        )
    return [Function(symbol, section) for symbol in symbols]


def _decode_function(
    image: Image, function: Function, places: dict[tuple[Section, int], Instruction]
) -> None:
    order = "<" if image.endian == "little" else ">"
    data, section = function.section.data, function.section
    offset, end = function.symbol.value, function.symbol.value + function.symbol.size
    while offset < end:
        opcode, registers, distance, immediate = struct.unpack_from(order + "BBhi", data, offset)
        high, low = registers >> 4, registers & 15
        source, destination = (high, low) if image.endian == "little" else (low, high)
        instruction = Instruction(
            opcode, destination=destination, source=source, offset=distance, immediate=immediate
        )
        places[section, offset] = instruction
        function.instructions.append(instruction)
        offset += SLOT
        if instruction.is_wide:
            if offset >= end:
                raise ObjectError("a wide load without its second half", file=image.file, section=section.name,
                                  symbol=function.symbol.name, offset=offset - SLOT)  # fmt: skip
            (instruction.high,) = struct.unpack_from(order + "i", data, offset + 4)
            offset += SLOT


def _link(
    image: Image,
    function: Function,
    places: dict[tuple[Section, int], Instruction],
    starts: dict[tuple[Section, int], Function],
) -> None:
    """Turn distances into targets and callees."""
    section = function.section
    relocations = {relocation.offset: relocation for relocation in section.relocations}
    offset = function.symbol.value
    for instruction in function.instructions:
        after = offset + (2 * SLOT if instruction.is_wide else SLOT)
        relocation = relocations.get(offset)
        if relocation is not None:
            _relocate(image, function, instruction, relocation, starts)
        elif instruction.opcode == CALL and instruction.source == CALL_FUNCTION:
            target = after + SLOT * instruction.immediate
            instruction.callee = starts.get((section, target))
            if instruction.callee is None:
                raise ObjectError(f"calls {section.name}+{target:#x}, where no function begins",
                                  file=image.file, section=section.name, offset=offset)  # fmt: skip
        if instruction.is_jump:
            distance = instruction.immediate if instruction.jumps_by_immediate else instruction.offset
            instruction.target = places.get((section, after + SLOT * distance))
            if instruction.target is None or instruction.target not in function.instructions:
                raise ObjectError("jumps out of its function", file=image.file, section=section.name,
                                  symbol=function.symbol.name, offset=offset)  # fmt: skip
        offset = after


def _relocate(
    image: Image,
    function: Function,
    instruction: Instruction,
    relocation: Relocation,
    starts: dict[tuple[Section, int], Function],
) -> None:
    instruction.symbol, instruction.relocation_type = relocation.symbol, relocation.type
    target = relocation.symbol.section
    if target is None or not target.is_code:
        return
    if instruction.opcode == CALL:
        at = relocation.symbol.value + SLOT * (instruction.immediate + 1)
    else:
        at = relocation.symbol.value + instruction.immediate
    instruction.callee = starts.get((target, at))
    if instruction.callee is None:
        raise ObjectError(f"refers to {target.name}+{at:#x}, where no function begins", file=image.file,
                          section=function.section.name, symbol=function.symbol.name,
                          offset=relocation.offset)  # fmt: skip


def encode(code: Code, image: Image) -> dict[Instruction, int]:
    """Write the functions back into their sections, symbols and relocations.

    Returns the byte offset in its section of every instruction.
    """
    offsets: dict[Instruction, int] = {}
    position: dict[Section, int] = {}
    for function in code.functions:
        start = offset = position.get(function.section, 0)
        for instruction in function.instructions:
            offsets[instruction] = offset
            offset += 2 * SLOT if instruction.is_wide else SLOT
        position[function.section] = offset
        function.symbol.value, function.symbol.size = start, offset - start
    for section, size in position.items():
        section.data = bytearray(size)
        section.relocations = []
    for function in code.functions:
        for instruction in function.instructions:
            _encode_instruction(image, function, instruction, offsets)
    return offsets


def _encode_instruction(
    image: Image, function: Function, instruction: Instruction, offsets: dict[Instruction, int]
) -> None:
    order = "<" if image.endian == "little" else ">"
    at, section = offsets[instruction], function.section
    after = at + (2 * SLOT if instruction.is_wide else SLOT)
    offset, immediate = instruction.offset, instruction.immediate
    if instruction.target is not None:
        distance = (offsets[instruction.target] - after) // SLOT
        if instruction.jumps_by_immediate:
            immediate = distance
        elif -0x8000 <= distance < 0x8000:
            offset = distance
        else:
            raise ObjectError("a jump over more than 32767 instructions", file=image.file, section=section.name,
                              symbol=function.symbol.name, offset=at,
                              advice="split the function, or build with cpu v4")  # fmt: skip
    if instruction.callee is not None:
        immediate = _callee_immediate(instruction, after)
    registers = (
        instruction.source << 4 | instruction.destination
        if image.endian == "little"
        else instruction.destination << 4 | instruction.source
    )
    struct.pack_into(order + "BBhi", section.data, at, instruction.opcode, registers, offset, immediate)
    if instruction.is_wide:
        struct.pack_into(order + "4xi", section.data, at + SLOT, instruction.high)
    if instruction.symbol is not None:
        section.relocations.append(elf.Relocation(at, instruction.relocation_type, instruction.symbol))


def _callee_immediate(instruction: Instruction, after: int) -> int:
    """A call's distance, or what a relocation's symbol leaves to add."""
    callee = instruction.callee
    assert callee is not None
    start = callee.symbol.value
    if instruction.symbol is None:
        return (start - after) // SLOT
    rest = start - instruction.symbol.value
    return rest // SLOT - 1 if instruction.opcode == CALL else rest
