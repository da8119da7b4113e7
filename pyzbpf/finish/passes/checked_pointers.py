"""A pointer is made again behind the check of what it was made from.

LLVM uses the pointer to `t[i]` for `t[i + 1]`, too:

    if r2 > 15 goto trap; r3 = r2; r3 <<= 3; r1 = t; r1 += r3; ...; if r2 == 15 goto trap; r4 = *(u64 *)(r1 + 8)

The verifier learns of the index from the second comparison, and not of the pointer that was made before it:
"R1 max value is outside of the allowed memory range". So what has made it is done once more behind the
comparison. Only in straight code, where what it was made from is still there.
"""

from __future__ import annotations

from pyzbpf.finish.analysis import effects, registers, values
from pyzbpf.finish.analysis.branches import is_conditional
from pyzbpf.finish.analysis.flow import predecessors, successors
from pyzbpf.finish.analysis.liveness import is_live
from pyzbpf.finish.analysis.registers import ALU, ALU64, FRAME, MOV64
from pyzbpf.finish.code import Instruction
from pyzbpf.insn.instruction import LD_IMM64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.code import Function
    from pyzbpf.finish.unit import Unit

_ADD64 = 0x0F  # rA += rB
_MOVES = (MOV64, 0xBC)  # rA = rB, wA = wB
_EQUAL, _ABOVE = 0x15, 0x25  # if rA == number, if rA > number


class _Recipe:
    """How a register was made: by which instructions, from which other registers, the ``index`` among them
    (None: an address without one). ``reach`` is up to where memory was used with it, ``checks`` the
    comparisons of the index since it was made.
    """

    __slots__ = ("checks", "index", "is_address", "made", "reach", "sources")

    def __init__(
        self,
        made: list[Instruction],
        sources: set[int],
        index: int | None = None,
        *,
        is_address: bool = False,
    ) -> None:
        self.made = made
        self.sources = sources
        self.index = index
        self.is_address = is_address
        self.reach: int | None = None
        self.checks: list[Instruction] = []

    def copy(self) -> _Recipe:
        made = _Recipe(self.made, self.sources, self.index, is_address=self.is_address)
        made.reach, made.checks = self.reach, self.checks
        return made


def run(unit: Unit) -> None:
    for function in unit.code.functions if unit.is_from_zig else ():
        found = _candidates(function)
        if found:
            _make_again(function, found)


def _candidates(function: Function) -> list[tuple[Instruction, _Recipe]]:
    """Uses of memory beyond what was used before the last check of the index, and how their pointer was made."""
    following = successors(function)
    before = predecessors(following)
    behind: list[dict[int, _Recipe]] = []
    found = []
    for index, instruction in enumerate(function.instructions):
        ways = before[index]
        known: dict[int, _Recipe] = {}
        if len(ways) == 1 and ways[0] < index:
            known = behind[ways[0]]
            if len(following[ways[0]]) > 1:
                known = {register: recipe.copy() for register, recipe in known.items()}
        if _uses_beyond(instruction, known):
            found.append((instruction, known[registers.pointer(instruction)].copy()))
            known[registers.pointer(instruction)].checks = []
        _note(instruction, known)
        behind.append(_step(instruction, known))
    return found


def _uses_beyond(instruction: Instruction, known: dict[int, _Recipe]) -> bool:
    recipe = known.get(registers.pointer(instruction))
    if recipe is None or recipe.index is None or not recipe.is_address or not recipe.checks:
        return False
    return recipe.reach is not None and instruction.offset > recipe.reach


def _note(instruction: Instruction, known: dict[int, _Recipe]) -> None:
    """How far memory was used, and which comparisons were made."""
    recipe = known.get(registers.pointer(instruction))
    if recipe is not None:
        recipe.reach = max(recipe.reach or 0, instruction.offset)
    if is_conditional(instruction) and not instruction.opcode & 8:
        for other in known.values():
            if other.index == instruction.destination:
                other.checks = [*other.checks, instruction]


def _step(instruction: Instruction, known: dict[int, _Recipe]) -> dict[int, _Recipe]:
    made = _recipe(instruction, known)
    written = registers.writes(instruction)
    if not written:
        return known
    left = {
        register: recipe
        for register, recipe in known.items()
        if register not in written and written.isdisjoint(recipe.sources)
    }
    return left | {instruction.destination: made} if made is not None else left


def _recipe(instruction: Instruction, known: dict[int, _Recipe]) -> _Recipe | None:
    opcode, group = instruction.opcode, instruction.opcode & 7
    target, source = instruction.destination, instruction.source
    if opcode == LD_IMM64 and instruction.symbol is not None and instruction.core is None:
        return _Recipe([instruction], set(), is_address=True)
    if group not in (ALU, ALU64) or not effects.is_plain(instruction):
        return None
    if opcode in _MOVES and not instruction.offset and source != FRAME:
        address = source in known and known[source].is_address and known[source].index is None
        return _Recipe([instruction], {source}, None if address else source, is_address=address)
    before = known.get(target)
    if before is None:
        return None
    if opcode == _ADD64:
        other = known.get(source)
        if other is None or before.is_address == other.is_address:
            return None
        index = other.index if before.is_address else before.index
        if index is None or (before if before.is_address else other).index is not None:
            return None
        sources = before.sources | other.sources
        made = [*before.made, *other.made, instruction]
        return (
            None if target in sources or source in sources else _Recipe(made, sources, index, is_address=True)
        )
    if opcode & 8 or before.is_address:
        return None
    return _Recipe([*before.made, instruction], before.sources, before.index)


def _make_again(function: Function, found: list[tuple[Instruction, _Recipe]]) -> None:
    states = values.states(function)
    before = {instruction: states.get(index) for index, instruction in enumerate(function.instructions)}
    for use, recipe in found:
        index, state, made = recipe.index, before[use], before[recipe.made[-1]]
        if index is None or state is None or made is None:
            continue
        if index not in state.terms or index not in made.terms or state.top(index) >= made.top(index):
            continue
        following = successors(function)
        at = function.instructions.index(use)
        written = set[int]().union(*(registers.writes(instruction) for instruction in recipe.made))
        passing = written - {registers.pointer(use)}
        if any(is_live(function, following, register, [at]) for register in passing):
            continue
        for check in recipe.checks:
            top = before[check]
            if check.opcode == _EQUAL and top is not None and top.top(index) == check.immediate > 0:
                check.opcode, check.immediate = _ABOVE, check.immediate - 1  # which older kernels understand
        function.insert(use, [_copy(instruction) for instruction in recipe.made])


def _copy(instruction: Instruction) -> Instruction:
    made = Instruction(
        instruction.opcode,
        destination=instruction.destination,
        source=instruction.source,
        offset=instruction.offset,
        immediate=instruction.immediate,
    )
    made.high, made.symbol = instruction.high, instruction.symbol
    made.relocation_type = instruction.relocation_type
    return made
