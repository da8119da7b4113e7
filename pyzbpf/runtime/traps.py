"""Safety checks that failed while the probe ran, as the programs have recorded them."""

from __future__ import annotations

import struct

from pyzbpf.spec.traps import COUNT, OPERANDS, SECTION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyzbpf.maps.variables import DataMap
    from pyzbpf.spec.traps import TrapSpec


class Trap:
    """A check that failed ``count`` times.

    ``kind`` is the member of Zig's panic namespace ("outOfBounds", "integerOverflow", ...), or the error that a
    program returned ("error.NotFound"); ``operands``
    the values of the last failure, where the kind has any: index and length, start and end. ``file``,
    ``line``, ``column`` and ``text`` are the place in the source (0 and "" where the compiler does not tell),
    ``function`` the name of what it is in. ``panic_message`` is what `@panic("...")` says.
    """

    __slots__ = ("count", "operands", "spec")

    def __init__(self, spec: TrapSpec, count: int, operands: Sequence[int]) -> None:
        self.spec = spec
        self.count = count
        self.operands = tuple(operands)

    @property
    def kind(self) -> str:
        return self.spec.kind

    @property
    def file(self) -> str:
        return self.spec.file

    @property
    def line(self) -> int:
        return self.spec.line

    @property
    def column(self) -> int:
        return self.spec.column

    @property
    def text(self) -> str:
        return self.spec.text

    @property
    def panic_message(self) -> str:
        return self.spec.panic_message

    @property
    def function(self) -> str:
        return self.spec.function

    def __str__(self) -> str:
        """``probe.zig:7:6: index out of bounds: index 99, len 16 (x2)``."""
        return f"{self.spec.describe(self.operands)} (x{self.count})"

    def __repr__(self) -> str:
        return f"<Trap {self}>"


def read(specs: Sequence[TrapSpec], data: DataMap) -> list[Trap]:
    """Those that have happened, in the order in which the object lists them. A check of which the compiler has
    made copies (it was inlined twice, say) is one, where the copies failed with the same operands.
    """
    found: dict[tuple[object, ...], Trap] = {}
    for spec in specs:
        (count,) = struct.unpack("=Q", data.load(spec.offset + COUNT, 8))
        if count:
            raw = data.load(spec.offset + OPERANDS[0], 8 * spec.operands)
            trap = Trap(spec, count, struct.unpack(f"={spec.operands}Q", raw))
            first = found.setdefault((spec.kind, spec.function, spec.describe(trap.operands)), trap)
            if first is not trap:
                first.count += count
    return list(found.values())


__all__ = ["SECTION", "Trap", "read"]
