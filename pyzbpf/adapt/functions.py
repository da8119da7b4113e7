"""A program's entry and every function it reaches, in one piece of code, calls re-aimed.

The kernel takes a program as one array of instructions: its subprograms follow the entry, and a
call says how many instructions further its target starts.
"""

from __future__ import annotations

import struct

from pyzbpf.errors import ObjectError
from pyzbpf.uapi.enums import BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyzbpf.spec.model import FunctionSpec, ObjectSpec, ProgramSpec, Reference

INSTRUCTION = 8  # bytes

CALL = 0x85  # BPF_JMP | BPF_CALL
LOAD_64 = 0x18  # BPF_LD | BPF_IMM | BPF_DW, two slots long

_OPCODES = {"call": CALL, "kfunc": CALL}
_IMMEDIATE = {"little": struct.Struct("<i"), "big": struct.Struct(">i")}
_CALL = {"little": struct.Struct("<BBhi"), "big": struct.Struct(">BBhi")}
_UNSIGNED = {"little": struct.Struct("<I"), "big": struct.Struct(">I")}


class Code:
    """Functions put one after the other.

    ``places`` are (index of its first instruction, function) in order; the entry is at 0.
    """

    __slots__ = ("endian", "instructions", "places")

    def __init__(self, endian: str) -> None:
        self.endian = endian
        self.instructions = bytearray()
        self.places: list[tuple[int, FunctionSpec]] = []

    def append(self, function: FunctionSpec) -> int:
        """Add a function; the index of its first instruction."""
        start = len(self.instructions) // INSTRUCTION
        self.places.append((start, function))
        self.instructions += function.instructions
        return start

    def set_source(self, index: int, register: int) -> None:
        """Set the source register, which tells the kernel what the immediate of a pseudo load or call is.

        It is a C bit field: the high half of the byte on little-endian machines, the low half on big.
        """
        place = index * INSTRUCTION + 1
        byte = self.instructions[place]
        if self.endian == "little":
            self.instructions[place] = byte & 0x0F | register << 4
        else:
            self.instructions[place] = byte & 0xF0 | register

    def set_call(self, index: int, source: int, immediate: int, offset: int = 0) -> None:
        """Make the instruction a call, whatever stood there."""
        registers = source << 4 if self.endian == "little" else source
        _CALL[self.endian].pack_into(
            self.instructions, index * INSTRUCTION, CALL, registers, offset, immediate
        )

    def set_immediate(self, index: int, value: int) -> None:
        """Set the 32-bit immediate; values from 2**31 on are stored as they are, unsigned."""
        packer = _UNSIGNED if value >= 1 << 31 else _IMMEDIATE
        packer[self.endian].pack_into(self.instructions, index * INSTRUCTION + 4, value)


def flatten(spec: ObjectSpec, program: ProgramSpec) -> Code:
    """The program's code: its entry, then each reachable function once, a callee before the next call of its caller.

    That is the order of libbpf, so what either sends can be compared byte for byte.
    """
    if program.name not in spec.functions:
        raise ObjectError("the program has no function of its name", file=spec.file, symbol=program.name)
    code = Code(spec.endian)
    entry = spec.functions[program.name]
    if not entry.exception_callback:
        for one in entry.references:
            if one.kind in _AIMED:
                break
        else:  # most programs: nothing to follow
            _check(spec, entry)
            code.append(entry)
            return code
    starts: dict[str, int] = {}

    def add(name: str) -> Iterator[Reference]:
        function = spec.functions[name]
        _check(spec, function)
        starts[name] = code.append(function)
        for reference in function.references:
            if reference.kind in _AIMED:
                _known(spec, function, reference)
                yield reference

    callback = _callback(spec, program)
    walks = [add(program.name)]  # of the functions on the way to this one: no recursion, chains may be long
    while walks:
        reference = next(walks[-1], None)
        if reference is None:
            walks.pop()
        elif reference.name not in starts:
            walks.append(add(reference.name))
        if not walks and callback and callback not in starts:
            walks.append(add(callback))  # nothing in the code leads to it
    _aim(code, starts)
    return code


def _callback(spec: ObjectSpec, program: ProgramSpec) -> str:
    entry = spec.functions[program.name]
    if entry.exception_callback and entry.exception_callback not in spec.functions:
        raise ObjectError(
            f"its exception callback '{entry.exception_callback}' is no function of the object",
            file=spec.file, section=entry.section, symbol=program.name,
        )  # fmt: skip
    return entry.exception_callback


# References that name a function of the object, and what the kernel calls them.
_AIMED = {"call": BPF_PSEUDO_CALL, "function": BPF_PSEUDO_FUNC}


def _aim(code: Code, starts: Mapping[str, int]) -> None:
    for start, function in code.places:
        for reference in function.references:
            pseudo = _AIMED.get(reference.kind)
            if pseudo is None:
                continue
            index = start + reference.offset // INSTRUCTION
            code.set_source(index, pseudo)
            code.set_immediate(index, starts[reference.name] - index - 1)
            if pseudo == BPF_PSEUDO_FUNC:
                code.set_immediate(index + 1, 0)


def _known(spec: ObjectSpec, function: FunctionSpec, reference: Reference) -> None:
    if reference.name not in spec.functions:
        raise ObjectError(
            f"'{function.name}' calls '{reference.name}', which the object does not define",
            file=spec.file,
            section=function.section,
            symbol=reference.name,
            offset=reference.offset,
        )


def _check(spec: ObjectSpec, function: FunctionSpec) -> None:
    """Refuse a function whose bytes cannot be what its references say, before they are changed."""
    code = function.instructions
    if not code or len(code) % INSTRUCTION:
        raise ObjectError(
            f"{len(code)} bytes are not a whole number of instructions",
            file=spec.file,
            section=function.section,
            symbol=function.name,
        )
    for reference in function.references:
        opcode = _OPCODES.get(reference.kind, LOAD_64)
        size = 2 * INSTRUCTION if opcode == LOAD_64 else INSTRUCTION
        place = reference.offset
        inside = 0 <= place <= len(code) - size and place % INSTRUCTION == 0
        if not inside or code[place] != opcode:
            found = f"opcode {code[place]:#04x}" if inside else "no instruction"
            raise ObjectError(
                f"a {reference.kind} reference to '{reference.name}' at {found}, not {opcode:#04x}",
                file=spec.file,
                section=function.section,
                symbol=function.name,
                offset=place,
                advice="The object is damaged, or its relocations are of a kind not known here.",
            )
