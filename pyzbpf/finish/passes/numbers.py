"""Numbers that kernel or Python know nothing of are bytes: `u256`, `f80`, `f128`, `@Vector(8, bool)`.

To an integer of more than 16 bytes or a float of 10 the kernel says "Invalid type_size" and takes nothing;
a vector of `bool` has a bit for each, and is said to have a byte.
"""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.finish.scalars import Scalars

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.btf.types import Type
    from pyzbpf.finish.unit import Unit

# In bytes: btf_int_check_meta and btf_enum_check_meta of the kernel's kernel/bpf/btf.c; Python's floats.
_LARGEST = {kinds.INT: 16, kinds.FLOAT: 8, kinds.ENUM: 8, kinds.ENUM64: 8}


def run(unit: Unit) -> None:
    scalars = Scalars(unit)
    sizes = {type_id: _size(unit, found) for type_id, found in unit.each(*_LARGEST, kinds.ARRAY)}
    unit.redirect({type_id: scalars.bytes(size) for type_id, size in sizes.items() if size})


def _size(unit: Unit, found: Type) -> int:
    """How many bytes it shall be; 0 for what stays as it is."""
    if found.kind == kinds.ARRAY:
        element = unit.types[found.type]
        is_bits = element is not None and element.kind == kinds.INT and element.bits == 1
        return -(-found.count // 8) if is_bits else 0
    return found.size if found.size > _LARGEST[found.kind] else 0
