"""C names for types: `probe.Event` is `Event`, `u32` is `unsigned int`, `Pair(u8,u16)` is `Pair_u8_u16`.

An author's `pub const btf = "name";` wins. The kernel says "Invalid name" to brackets, commas and the like, and CO-RE compares names with C's.
"""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.btf.names import c_name, c_scalar
from pyzbpf.errors import ObjectError
from pyzbpf.finish.passes.lines import portable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyzbpf.btf.types import Type
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    given = _given(unit)
    _refuse_collisions(unit, given)
    for _, found in unit.each(*_COMPOSITE, *_ENUMS, kinds.FWD, kinds.TYPEDEF):
        found.name = given.get(found.name) or c_name(found.name)
        found.values = [(c_name(name), value) for name, value in found.values]
        for member in found.members:
            member.name = c_name(member.name)
    for _, found in unit.each(kinds.INT, kinds.FLOAT):
        found.name = c_scalar(found.name)
        if found.name == "char":
            found.encoding |= kinds.SIGNED


def _given(unit: Unit) -> dict[str, str]:
    """The names that authors give types themselves, by Zig's name."""
    texts = [text.split(" ", 2) for text in unit.declarations if text.startswith("type ")]
    return {name: given for _, given, name in texts}


def _refuse_collisions(unit: Unit, given: Mapping[str, str]) -> None:
    """Two types of the author's that C would know by one name, and that are not the same.

    The SDK's and the standard library's own are nobody's to rename, and loaders take them as they are.
    """
    known: dict[str, Type] = {}
    for _, found in unit.each(*_COMPOSITE, *_ENUMS):
        if "." not in found.name or found.name.startswith(_FOREIGN):
            continue
        name = given.get(found.name) or c_name(found.name)
        other = known.setdefault(name, found)
        if other.name != found.name and not _same(other, found):
            declared = unit.declared()
            both = " and ".join(
                f"'{one.name}'{_place(unit, declared.get(one.name))}" for one in (other, found)
            )
            raise ObjectError(
                f"{both} are both '{name}' in C, and differ",
                file=unit.image.file,
                section=".BTF",
                advice='rename one, or give one a name by `pub const btf = "name";` in it (a type of a map, or a '
                "public one of the probe's file): Python, CO-RE and other loaders know types by that name",
            )


def _place(unit: Unit, declared: tuple[str, int] | None) -> str:
    """Where a type is declared, as " (probe.zig:3)"; "" where that is not known."""
    return f" ({portable(declared[0], unit.prefixes)}:{declared[1]})" if declared is not None else ""


def _same(one: Type, other: Type) -> bool:
    def facts(found: Type) -> object:
        return found.kind, found.size, [(m.name, m.bit_offset, m.bits) for m in found.members], found.values

    return facts(one) == facts(other)


_COMPOSITE = (kinds.STRUCT, kinds.UNION)
_ENUMS = (kinds.ENUM, kinds.ENUM64)
_FOREIGN = ("bpf.", "std.", "builtin.", "error{")
