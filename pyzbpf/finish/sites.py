"""The records of traps: a data section that programs write, and tags that say what each record means."""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.btf.types import Member, Type
from pyzbpf.elf import image as elf
from pyzbpf.finish.scalars import Scalars
from pyzbpf.spec import traps
from pyzbpf.spec.traps import TrapSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.code import Line
    from pyzbpf.finish.unit import Unit


class Sites:
    """The traps of one object, as they are found; `write` puts the table into the object."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.found: list[TrapSpec] = []
        self.section = elf.Section(
            traps.SECTION, type=elf.SHT_PROGBITS, flags=elf.SHF_ALLOC | elf.SHF_WRITE, align=8
        )
        self.symbol = elf.Symbol(
            traps.VARIABLE, section=self.section, binding=elf.STB_LOCAL, type=elf.STT_OBJECT
        )
        # What instructions refer to, with a record's offset: see passes/targets.py.
        self.place = elf.Symbol(
            traps.SECTION, section=self.section, binding=elf.STB_LOCAL, type=elf.STT_SECTION
        )

    def add(self, kind: str, line: Line | None, *, function: str, operands: int, panic_message: str) -> int:
        """A trap; returns the offset of its record."""
        offset = traps.RECORD_SIZE * len(self.found)
        position = line.position if line is not None else 0
        self.found.append(
            TrapSpec(
                kind,
                file=line.file if line is not None else self.unit.image.file,
                line=position >> 10,
                column=position & 0x3FF,
                text=line.text.strip() if line is not None else "",
                function=function,
                operands=operands,
                offset=offset,
                panic_message=panic_message,
            )
        )
        return offset

    def write(self) -> None:
        """Add section, symbol, variable and tags; nothing where there was no trap."""
        if not self.found:
            return
        unit = self.unit
        self.section.data = bytearray(traps.RECORD_SIZE * len(self.found))
        self.symbol.size = len(self.section.data)
        unit.image.sections.append(self.section)
        unit.image.symbols += [self.place, self.symbol]
        if len(unit.types) == 1:
            return  # an object without type information says nothing of its places either
        variable = Type(kinds.VAR, traps.VARIABLE, type=self._array())
        variable_id = unit.add_type(variable)
        unit.variables[self.section] = [(variable_id, 0, len(self.section.data))]
        for found in self.found:
            for tag in traps.tags(found):
                unit.add_type(Type(kinds.DECL_TAG, tag, type=variable_id))

    def _array(self) -> int:
        """`struct pyzbpf_trap { unsigned long long count, operands[2]; }`, as many as there are traps."""
        scalars = Scalars(self.unit)
        word = scalars.id("integer", 8)
        operands = self._array_of(scalars, word, len(traps.OPERANDS))
        record = Type(kinds.STRUCT, traps.STRUCT, size=traps.RECORD_SIZE)
        record.members = [
            Member("count", word, 8 * traps.COUNT),
            Member("operands", operands, 8 * traps.OPERANDS[0]),
        ]
        return self._array_of(scalars, self.unit.add_type(record), len(self.found))

    def _array_of(self, scalars: Scalars, element: int, count: int) -> int:
        array = Type(kinds.ARRAY)
        array.type, array.index_type, array.count = element, scalars.id("integer", 4), count
        return self.unit.add_type(array)
