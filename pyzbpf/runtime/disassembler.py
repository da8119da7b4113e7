"""Machine code as text, by the library capstone (the extra `disassembly`)."""

from __future__ import annotations

import re

from pyzbpf.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Literal

    # What the instructions before have put into a register: its number, the value.
    Held = tuple[int, int] | None
    # An instruction and its address, what is held before it -> what is held behind it, the address that it calls.
    Follow = Callable[[Any, int, Held], tuple[Held, int | None]]

_MASK = (1 << 64) - 1
_LONGEST = 16  # bytes: no machine has longer instructions
_LITERAL = 8
# Calls that capstone has in no group, and what loads a number that lies behind the code.
_CALLS = {"brasl"}
_LOADS = {"ldr", "lgrl"}

# How capstone writes numbers from 2^63 on in the words of AT&T, addresses of the kernel's memory among them.
_LARGE = re.compile(r"(?<=\$)\d{19,}")


class _Machine:
    """How one machine is told to capstone, and what its calls look like."""

    __slots__ = ("architecture", "endian", "follow", "modes", "relative")

    def __init__(
        self,
        architecture: str,
        *modes: str,
        follow: Follow | None = None,
        endian: Literal["little", "big"] = "little",
        relative: bool = False,
    ) -> None:
        self.architecture, self.modes = architecture, modes
        self.follow = follow  # calls of addresses in registers
        self.endian = endian
        self.relative = relative  # capstone 5 gives the distance of a jump instead of its goal


def disassemble(code: bytes, machine: str, address: int = 0) -> Iterator[tuple[int, str, int | None]]:
    """(offset, text, address) of each instruction of one function that begins at ``address`` of the memory.

    ``machine`` is that of `os.uname`. The text of a jump within the function has the offset it goes to. The last is
    the address that the instruction calls or jumps to outside, also where the instructions before have put it
    together in a register, or the number behind the code that it loads; else None. What is no instruction is
    ``.byte``.
    """
    engine, known = _engine(machine)
    literals: set[int] = set()  # where numbers lie behind the code
    held: Held = None
    at = 0
    while at < len(code):
        if at in literals:
            value = _literal(code, at, known)
            yield at, f".quad {value:#x}", value
            at += _LITERAL
            continue
        end = min((place for place in literals if place > at), default=len(code))
        instruction = next(engine.disasm(code[at : min(end, at + _LONGEST)], at))
        text, named = f"{instruction.mnemonic} {_LARGE.sub(_in_hex, instruction.op_str)}".strip(), None
        if instruction.id:  # 0 is .byte, which has no operands
            if known.follow is not None:
                held, named = known.follow(instruction, address + at, held)
            number = _number(instruction)
            if number is not None and instruction.mnemonic in _LOADS:
                if at < number <= len(code) - _LITERAL:
                    literals.add(number)
                    named = _literal(code, number, known)
            elif number is not None and _is_jump(instruction):
                goal = number + at if known.relative else number
                if not 0 <= goal < len(code):
                    named = goal = address + goal & _MASK
                head, space, _ = text.rpartition(" ")
                text = f"{head}{space}{goal:#x}"
        yield at, text, named
        at += instruction.size


def _engine(machine: str) -> tuple[Any, _Machine]:
    known = _MACHINES.get(machine)
    if known is None:
        *others, last = _MACHINES
        raise Error(
            f"machine code of {machine} is not taken apart, only that of {', '.join(others)} and {last}\n"
            "  Program.machine_code() gives the bytes."
        )
    try:
        import capstone
    except ImportError as error:
        raise Error("capstone is not installed: pip install 'pyzbpf[disassembly]'") from error
    mode = sum(getattr(capstone, f"CS_MODE_{name}") for name in known.modes)
    engine = capstone.Cs(getattr(capstone, f"CS_ARCH_{known.architecture}"), mode)
    engine.detail = engine.skipdata = True
    if known.architecture == "X86":
        engine.syntax = capstone.CS_OPT_SYNTAX_ATT  # as the kernel's own tools write it
    return engine, known


def _in_hex(number: re.Match[str]) -> str:
    return f"{int(number[0]):#x}"


def _literal(code: bytes, at: int, known: _Machine) -> int:
    return int.from_bytes(code[at : at + _LITERAL], known.endian)


def _number(instruction: Any) -> int | None:
    """The last operand, where it is a number."""
    from capstone import CS_OP_IMM

    operands = instruction.operands
    return int(operands[-1].imm) if operands and operands[-1].type == CS_OP_IMM else None


def _is_jump(instruction: Any) -> bool:
    """Whether it is a jump or a call whose last operand is where it goes."""
    from capstone import CS_GRP_CALL, CS_GRP_JUMP

    if instruction.mnemonic == "jalr":  # its number is added to a register
        return False
    return instruction.mnemonic in _CALLS or any(map(instruction.group, (CS_GRP_CALL, CS_GRP_JUMP)))


def _aarch64(instruction: Any, _address: int, held: Held) -> tuple[Held, int | None]:
    """The address is put together by moves of 16 bits each, right before the call."""
    mnemonic, operands = instruction.mnemonic, instruction.operands
    if mnemonic in ("blr", "br"):
        return None, held[1] if held is not None and held[0] == operands[0].reg else None
    value = _number(instruction)
    if value is None or not mnemonic.startswith("mov"):
        return None, None
    register, shift = operands[0].reg, operands[-1].shift.value
    if mnemonic != "movk":
        return (register, value << shift & _MASK), None
    if held is None or held[0] != register:
        return None, None
    return (register, held[1] & ~(0xFFFF << shift) | value << shift), None


def _riscv64(instruction: Any, address: int, held: Held) -> tuple[Held, int | None]:
    """The upper bits of the distance are added to the instruction's own address, the call adds the lower ones."""
    operands = instruction.operands
    if instruction.mnemonic == "auipc":
        upper = operands[1].imm & 0xFFFFF
        distance = (upper ^ 0x80000) - 0x80000 << 12
        return (operands[0].reg, address + distance), None
    if instruction.mnemonic in ("jalr", "jr"):  # its number is left out where it is 0
        number = _number(instruction)
        register = operands[-1 if number is None else -2].reg
        return None, held[1] + (number or 0) & _MASK if held is not None and held[0] == register else None
    return None, None


_MACHINES = {
    "x86_64": _Machine("X86", "64"),
    "aarch64": _Machine("ARM64", follow=_aarch64),
    "s390x": _Machine("SYSZ", "BIG_ENDIAN", endian="big"),
    "riscv64": _Machine("RISCV", "RISCV64", "RISCVC", follow=_riscv64, relative=True),
}
