"""Maps that others hold from the start come first: Zig writes a file's variables from the last to the first.

libbpf makes maps in the order of `.maps`, and fills each at once: "failed to initialize slot [0] to map 'inner'" with
EBADF for one that is not made yet.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.elf.image import Section
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    for section, variables in unit.variables.items():
        if section.name == ".maps" and any(r.symbol.section is section for r in section.relocations):
            _arrange(unit, section, sorted(variables, key=lambda variable: variable[1]))


def _arrange(unit: Unit, section: Section, variables: list[tuple[int, int, int]]) -> None:
    """Let each variable with what belongs to it stand behind those it refers to, and otherwise where it stood."""
    begins = [offset for _, offset, _ in variables]
    ends = [*begins[1:], len(section.data)]

    def at(offset: int) -> int:
        return next(
            i for i, (begin, end) in enumerate(zip(begins, ends, strict=True)) if begin <= offset < end
        )

    held: dict[int, list[int]] = {}
    for relocation in section.relocations:
        if relocation.symbol.section is section:
            held.setdefault(at(relocation.offset), []).append(at(relocation.symbol.value))
    order: dict[int, None] = {}

    def put(index: int, outer: tuple[int, ...] = ()) -> None:
        for inner in sorted(held.get(index, ())):
            if inner not in outer:
                put(inner, (*outer, index))
        order.setdefault(index)

    for index in range(len(variables)):
        put(index)
    moved, data = {}, bytearray()
    for index in order:
        moved[index] = len(data) - begins[index]
        data += section.data[begins[index] : ends[index]]
    symbols = [symbol for symbol in unit.image.symbols if symbol.section is section]
    places = [at(symbol.value) for symbol in symbols]
    for symbol, index in zip(symbols, places, strict=True):
        if symbol.name:
            symbol.value += moved[index]
    for relocation in section.relocations:
        relocation.offset += moved[at(relocation.offset)]
    section.relocations.sort(key=lambda relocation: relocation.offset)
    section.data = data
    unit.variables[section] = [
        (variable, offset + moved[index], size)
        for index, (variable, offset, size) in sorted(
            enumerate(variables), key=lambda pair: pair[1][1] + moved[pair[0]]
        )
    ]
