"""Which registers an instruction reads and writes (RFC 9669)."""

from __future__ import annotations

from pyzbpf.insn.instruction import CALL, EXIT, JA, JA32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.code import Instruction

FRAME = 10  # r10: read only, the end of the stack frame
CALLER_SAVED = range(6)  # r0 to r5 mean nothing after a call

# The three low bits of an opcode.
LD, LDX, ST, STX, ALU, JMP, JMP32, ALU64 = range(8)
# The bit that says "the source is a register", of ALU and jumps.
_BY_REGISTER = 0x08
_OPERATION, _MOV, _NEG, _END = 0xF0, 0xB0, 0x80, 0xD0
_SIZE, _MODE = 0x18, 0xE0
_SIZES = {0x00: 4, 0x08: 2, 0x10: 1, 0x18: 8}
_ABSOLUTE, _INDIRECT, _ATOMIC = 0x20, 0x40, 0xC0
_FETCH, _COMPARE = 0x01, 0xF0

MOV64, MOV64_IMMEDIATE, ADD64_IMMEDIATE = 0xBF, 0xB7, 0x07
LOAD64, STORE64, STORE64_IMMEDIATE, ATOMIC64 = 0x79, 0x7B, 0x7A, 0xDB
EQUAL_ZERO, NOT_ZERO = 0x15, 0x55  # with immediate 0


def reads(instruction: Instruction) -> set[int]:
    """The registers whose value counts; of a call none are named, its arguments are the callee's matter."""
    opcode, destination, source = instruction.opcode, instruction.destination, instruction.source
    group = opcode & 7
    if group == LD:
        found = {6} if opcode & _MODE in (_ABSOLUTE, _INDIRECT) else set()
        return found | {source} if opcode & _MODE == _INDIRECT else found
    if group == LDX:
        return {source}
    if group == ST:
        return {destination}
    if group == STX:
        return {destination, source} | ({0} if _is_compare(instruction) else set())
    if group in (ALU, ALU64):
        found = {source} if opcode & _BY_REGISTER and opcode & _OPERATION not in (_NEG, _END) else set()
        return found if opcode & _OPERATION == _MOV else found | {destination}
    if opcode in (CALL, JA, JA32):
        return set()
    if opcode == EXIT:
        return {0}
    return {destination, source} if opcode & _BY_REGISTER else {destination}


def writes(instruction: Instruction) -> set[int]:
    """The registers that hold something else behind the instruction."""
    opcode = instruction.opcode
    group = opcode & 7
    if group == LD:
        return set(CALLER_SAVED) if opcode & _MODE in (_ABSOLUTE, _INDIRECT) else {instruction.destination}
    if group in (LDX, ALU, ALU64):
        return {instruction.destination}
    if group == STX and opcode & _MODE == _ATOMIC:
        if _is_compare(instruction):
            return {0}
        return {instruction.source} if instruction.immediate & _FETCH else set()
    return set(CALLER_SAVED) if opcode == CALL else set()


def access_size(instruction: Instruction) -> int:
    """The bytes of memory that a load or store is about."""
    return _SIZES[instruction.opcode & _SIZE]


def pointer(instruction: Instruction) -> int:
    """The register by which a load or store uses memory; r10 where it is neither."""
    group = instruction.opcode & 7
    if group == LDX:
        return instruction.source
    return instruction.destination if group in (ST, STX) else FRAME


def stores_to_stack(instruction: Instruction) -> range | None:
    """The bytes of the frame that are overwritten, as offsets from r10; None: none that is known."""
    if instruction.opcode & 7 in (ST, STX) and instruction.destination == FRAME:
        return range(instruction.offset, instruction.offset + access_size(instruction))
    return None


def _is_compare(instruction: Instruction) -> bool:
    return instruction.opcode & _MODE == _ATOMIC and instruction.immediate & _COMPARE == _COMPARE
