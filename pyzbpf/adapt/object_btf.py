"""The object's type information as the kernel takes it.

`.kconfig` and `.ksyms` name what is defined elsewhere, and the kernel takes definitions only: it says
"Linkage not supported" and "Invalid func linkage". So values get their places in the map, and symbols
become numbers that nobody reads, as libbpf makes them. Ids of types and offsets of strings stay.
"""

from __future__ import annotations

from pyzbpf.adapt.btf_rewriter import BtfRewriter
from pyzbpf.btf import types as kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyzbpf.btf.decode import Btf
    from pyzbpf.btf.types import Type
    from pyzbpf.spec.externs import ExternSpec

# What stands for a function in `.ksyms`, and names its parameters; libbpf's name.
DUMMY = "dummy_ksym"

_HEADER, _RECORD, _PARAMETER = 12, 12, 8


def for_kernel(btf: Btf, externs: Mapping[str, ExternSpec]) -> bytes:
    """The section's bytes; those of the file where nothing has to change."""
    values = btf.find(".kconfig", kinds.DATASEC)
    symbols = btf.find(".ksyms", kinds.DATASEC)
    if not values and not symbols:
        return btf.data
    rewriter = _Rewriter(btf)
    if values:
        rewriter.values(btf.get(values), externs)
    if symbols:
        rewriter.symbols(btf.get(symbols))
    return rewriter.bytes()


class _Rewriter(BtfRewriter):
    """Gives values their places, and symbols a type."""

    def values(self, section: Type, externs: Mapping[str, ExternSpec]) -> None:
        """`.kconfig`: the places of the values, in rising order as the kernel wants them."""
        records = []
        for entry, _, _ in section.variables:
            variable = self.btf.get(entry)
            found = externs[variable.name]
            records.append((entry, found.offset, found.size))
            self.put(variable.place + _HEADER, kinds.GLOBAL)
        self._records(section, sorted(records, key=lambda record: record[1]))

    def symbols(self, section: Type) -> None:
        """`.ksyms`: a number of four bytes for each."""
        number = self._number()
        dummy = name = 0
        if any(self.btf.get(entry).kind == kinds.FUNC for entry, _, _ in section.variables):
            name = self.add_string(DUMMY.encode())
            dummy = self.add_type(name, kinds.VAR << 24, number, kinds.GLOBAL)
        records = []
        for place, (entry, _, _) in enumerate(section.variables):
            found = self.btf.get(entry)
            if found.kind == kinds.FUNC:
                self._function(found, name)
                entry = dummy
            else:
                self.put(found.place + 8, number, kinds.GLOBAL)
            records.append((entry, 4 * place, 4))
        self._records(section, records)

    def _function(self, found: Type, name: int) -> None:
        """A global function; the kernel wants a name for each of its parameters."""
        self.put(found.place + 4, kinds.FUNC << 24 | kinds.GLOBAL)
        prototype = self.btf.get(found.type)
        for place, (text, type_id) in enumerate(prototype.parameters):
            if type_id and not text:
                self.put(prototype.place + _HEADER + _PARAMETER * place, name)

    def _records(self, section: Type, records: list[tuple[int, int, int]]) -> None:
        _, last, size = records[-1] if records else (0, 0, 0)
        self.put(section.place + 8, last + size)
        for place, record in enumerate(records):
            self.put(section.place + _HEADER + _RECORD * place, *record)

    def _number(self) -> int:
        """The id of a number of 32 bits."""
        for type_id, found in self.btf.named(kinds.INT):
            if found.bits == 32:
                return type_id
        return self.add_type(self.add_string(b"int"), kinds.INT << 24, 4, kinds.SIGNED << 24 | 32)
