"""What CO-RE has put into instructions, by what was asked: to compare objects whose code is in another order."""

from __future__ import annotations

from typing import NamedTuple

from pyzbpf.btf import types as kinds
from pyzbpf.insn.instruction import CALL, LD_IMM64
from tests.support.sent import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.btf.decode import Btf
    from tests.support.sent import Instruction, Sent

LOCAL_TYPE_ID = 6
_ENUM_KINDS = (10, 11)
CLASSES_WITH_OFFSET = (1, 2, 3)  # LDX, ST, STX
POISON = 0xBAD2310  # the helper that does not exist: libbpf's for what cannot be resolved


class Question(NamedTuple):
    """A record: relocation kind, root type, way through its members and elements, or enumerator."""

    kind: int
    root: str
    path: str


def by_index(btf: Btf, sent: Sent) -> dict[tuple[str, int], Question]:
    """The question of each relocated instruction, by program and index in units of eight bytes."""
    return {
        (name, start + offset // 8): Question(kind, btf.get(type_id).name, _words(btf, type_id, access, kind))
        for name, ready in sent.ready.items()
        for start, function in ready.places
        for offset, type_id, access, kind in function.core
    }


def answers(btf: Btf, sent: Sent, endian: str) -> dict[Question, set[int | str]]:
    """What stands in the instructions of each question: a number, or "poison"."""
    found: dict[Question, set[int | str]] = {}
    code = {name: at_index(listing(code, None, endian)) for name, code in sent.code.items()}
    for (name, index), question in by_index(btf, sent).items():
        found.setdefault(question, set()).add(answer(code[name][index]))
    return found


def at_index(code: list[Instruction]) -> dict[int, Instruction]:
    """Instructions by index in units of eight bytes."""
    found = {}
    index = 0
    for instruction in code:
        found[index] = instruction
        index += 2 if instruction.opcode == LD_IMM64 else 1
    return found


def answer(instruction: Instruction) -> int | str:
    """What CO-RE has put into an instruction."""
    if instruction.opcode == CALL:
        return "poison" if instruction.immediate == POISON else f"call {instruction.immediate}"
    if instruction.opcode == LD_IMM64:
        assert instruction.high is not None
        return (instruction.high & 0xFFFFFFFF) << 32 | instruction.immediate & 0xFFFFFFFF
    if instruction.opcode & 7 in CLASSES_WITH_OFFSET:
        return instruction.offset
    return instruction.immediate


def _words(btf: Btf, type_id: int, access: str, kind: int) -> str:
    first, *steps = (int(number) for number in access.split(":"))
    if kind in _ENUM_KINDS:
        return btf.get(type_id).values[first][0]
    words = ""
    for step in steps:
        _, found = btf.resolve(type_id)
        assert found is not None
        if found.kind == kinds.ARRAY:
            words += f"[{step}]"
            type_id = found.type
        else:
            words += f".{found.members[step].name}"
            type_id = found.members[step].type
    return words
