"""Where control goes in a function, and which functions come back."""

from __future__ import annotations

from pyzbpf.insn.instruction import CALL, EXIT, JA, JA32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pyzbpf.finish.code import Code, Function, Instruction

# LLVM's call for a place that must not be reached: nobody defines it.
TRAP = "__bpf_trap"


def is_trap(instruction: Instruction) -> bool:
    """Whether the instruction is a call of `__bpf_trap`."""
    symbol = instruction.symbol
    return instruction.opcode == CALL and symbol is not None and symbol.name == TRAP and symbol.is_undefined


def successors(function: Function, ends: Callable[[Instruction], bool] = is_trap) -> list[list[int]]:
    """For each instruction, by index, the indices of those that may be next; none behind what ``ends``."""
    place = {instruction: index for index, instruction in enumerate(function.instructions)}
    found: list[list[int]] = []
    for index, instruction in enumerate(function.instructions):
        following: list[int] = []
        if instruction.opcode != EXIT and not ends(instruction):
            if instruction.opcode not in (JA, JA32) and index + 1 < len(place):
                following.append(index + 1)
            if instruction.target is not None:
                following.append(place[instruction.target])
        found.append(following)
    return found


def predecessors(following: Sequence[Sequence[int]]) -> list[list[int]]:
    """The same graph the other way round."""
    found: list[list[int]] = [[] for _ in following]
    for index, targets in enumerate(following):
        for target in targets:
            found[target].append(index)
    return found


def walk(
    edges: Sequence[Sequence[int]], starts: Iterable[int], goes_on: Callable[[int], bool] | None = None
) -> Iterator[int]:
    """Each index that the edges lead to from these, once, themselves first; not beyond one where ``goes_on``
    says no.
    """
    waiting, seen = list(starts), set()
    while waiting:
        index = waiting.pop()
        if index in seen:
            continue
        seen.add(index)
        yield index
        if goes_on is None or goes_on(index):
            waiting.extend(edges[index])


def reachable(following: Sequence[Sequence[int]]) -> set[int]:
    """The indices that control may come to from the first instruction."""
    return set(walk(following, [0] if following else []))


def endless(code: Code) -> set[Function]:
    """The functions from which no call returns: every way through them ends in a trap."""
    found: set[Function] = set()

    def ends(instruction: Instruction) -> bool:
        return is_trap(instruction) or (instruction.opcode == CALL and instruction.callee in found)

    grown = True
    while grown:
        grown = False
        for function in code.functions:
            if function in found or not any(map(ends, function.instructions)):
                continue
            alive = reachable(successors(function, ends))
            if not any(function.instructions[index].opcode == EXIT for index in alive):
                found.add(function)
                grown = True
    return found
