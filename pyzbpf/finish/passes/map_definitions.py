"""Map definitions as libbpf reads them: anonymous structs of known members.

The SDK's ring and perf buffers say in a member of their own which type they carry, its aggregates which
they are. libbpf refuses members that it does not know, so the fact moves into a decl tag, on that type or on the
map's variable (kernel 5.16, commit b5ea834dde6b "bpf: Support for new btf kind BTF_KIND_TAG").
"""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.btf.types import Type
from pyzbpf.spec.map_defs import AGGREGATE_MEMBERS, AGGREGATE_TAG, EVENT_MEMBERS, INNER, REST_MEMBER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.btf.types import Member
    from pyzbpf.finish.unit import Unit

_TAGGABLE = (kinds.STRUCT, kinds.UNION, kinds.TYPEDEF)
_OURS = frozenset((*EVENT_MEMBERS, REST_MEMBER, *AGGREGATE_MEMBERS))


def run(unit: Unit) -> None:
    for name, variable_id, definition in list(unit.map_variables()):
        definition.name = ""
        inner = unit.inner_definition(definition)
        for member in inner.members if inner is not None else ():
            if member.name in EVENT_MEMBERS:
                _tag(unit, member.type, EVENT_MEMBERS[member.name], name + INNER)
        for member in definition.members:
            if member.name in EVENT_MEMBERS:
                _tag(unit, member.type, EVENT_MEMBERS[member.name], name)
            elif member.name == REST_MEMBER:
                _add_rest(unit, definition, member)
            elif member.name in AGGREGATE_MEMBERS:
                _tag_variable(unit, variable_id, member)
    for _, definition in unit.each(kinds.STRUCT):
        if any(member.name in _OURS for member in definition.members):
            definition.members = [m for m in definition.members if m.name not in _OURS]
        if [member.name for member in definition.members[:1]] == ["type"]:
            definition.members = [m for m in definition.members if not _is_unpinned(unit, m)]


def _is_unpinned(unit: Unit, member: Member) -> bool:
    """Whether it says that the map is not pinned: libbpf and cilium/ebpf take no such word from a map in a map."""
    if member.name != "pinning":
        return False
    pointer = unit.types[member.type]
    number = unit.types[pointer.type] if pointer is not None else None
    return number is not None and number.kind == kinds.ARRAY and not number.count


def _tag(unit: Unit, pointer_id: int, tag: str, map_name: str) -> None:
    """Put `<tag><map>` on what the pointer points to (on a typedef of it if need be)."""
    pointer = unit.types[pointer_id]
    event_id = pointer.type if pointer is not None else 0
    event = unit.types[event_id]
    if event is None:
        return
    if event.kind not in _TAGGABLE:
        event_id = unit.add_type(Type(kinds.TYPEDEF, f"{map_name.replace('.', '_')}_event", type=event_id))
    unit.add_type(Type(kinds.DECL_TAG, tag + map_name, type=event_id))


def _add_rest(unit: Unit, definition: Type, member: Member) -> None:
    """Give the event's struct its array without a length: the member of what the SDK's one points to."""
    pointers = unit.types[member.type]
    pointer = unit.types[pointers.type] if pointers is not None else None
    named = unit.types[pointer.type] if pointer is not None else None
    to_event = next((unit.types[m.type] for m in definition.members if m.name in EVENT_MEMBERS), None)
    event = unit.types[to_event.type] if to_event is not None else None
    if pointers is None or named is None or event is None:
        return
    (rest,) = named.members
    if rest.name not in [m.name for m in event.members]:
        array = Type(kinds.ARRAY, type=rest.type)
        array.index_type = pointers.index_type
        event.members.append(kinds.Member(rest.name, unit.add_type(array), 8 * event.size))
    for gone in (member.type, pointers.type, pointer.type if pointer is not None else 0):
        unit.types[gone] = None


def _tag_variable(unit: Unit, variable_id: int, member: Member) -> None:
    """Put `pyzbpf.counter`, `pyzbpf.hist` or `pyzbpf.stacks:<map of traces>` on the map's variable."""
    pointer = unit.types[member.type]
    pointee = unit.types[pointer.type] if pointer is not None else None
    named = [m.name for m in pointee.members] if pointee is not None else []
    text = ":".join([AGGREGATE_MEMBERS[member.name], *named])
    unit.add_type(Type(kinds.DECL_TAG, AGGREGATE_TAG + text, type=variable_id))
