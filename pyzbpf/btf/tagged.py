"""Tagged unions as C writes them, and the SDK: a struct of a tag and a union whose members have the tags' names."""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.btf.decode import Btf


# Where a variant begins in its record, behind the tag.
START = 8


def variants(btf: Btf, type_id: int) -> dict[int, tuple[str, int]]:
    """Tag -> (name of the struct, its type id); ObjectError where the type is something else."""
    _, found = btf.resolve(type_id)
    if (
        found is not None
        and found.kind == kinds.STRUCT
        and found.members
        and found.members[-1].bit_offset == 8 * START
    ):
        (_, tag), (_, union) = (btf.resolve(found.members[place].type) for place in (0, -1))
        if tag is not None and union is not None and (tag.kind, union.kind) == (kinds.ENUM, kinds.UNION):
            types = {member.name: btf.resolve(member.type)[0] for member in union.members}
            return {
                value: (btf.get(types[name]).name, types[name]) for name, value in tag.values if name in types
            }
    raise ObjectError(f"{btf.describe(type_id)} is no struct of a tag and a union", section=".BTF")
