"""The SDK's counts of events that found no room in a ring buffer, tied to the buffer by name.

Zig keeps them as variables whose names say what they count: `Known(&probe.events).lost` for one map, and
`Shared(Ring(probe.Event,...)).lost` for all maps of that type, where only the running program knows which it is. They
become the local variables `<map>_lost` and `<map>_lost_shared` (of the first map of the type; `<map>_inner_lost` where
only a map of maps has such), with a decl tag on them for each map whose losses they count: `<map>.inner` is what a map
of maps holds.
"""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.btf.types import Type
from pyzbpf.spec.map_defs import INNER, LOST_TAG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.unit import Unit

_HOME = ".ring_buf."  # the SDK's file with both


def run(unit: Unit) -> None:
    counters = {
        found.name.partition(_HOME)[2]: (type_id, found.name)
        for type_id, found in unit.each(kinds.VAR)
        if found.name.endswith(".lost") and _HOME in found.name
    }
    tagged = {(found.name, found.type) for _, found in unit.each(kinds.DECL_TAG)}
    names: dict[str, str] = {}
    for map_name, variable_id, definition in list(unit.map_variables()):
        variable = unit.types[variable_id]
        assert variable is not None  # it has just been found there
        inner = unit.inner_definition(definition)
        for counter, name, counted in (
            (f"Known(&{variable.name}).lost", f"{map_name}_lost", map_name),
            (f"Shared({definition.name}).lost", f"{map_name}_lost_shared", map_name),
            (
                f"Shared({inner.name if inner is not None else None}).lost",
                f"{map_name}_inner_lost",
                map_name + INNER,
            ),
        ):
            if counter not in counters:
                continue
            type_id, symbol_name = counters[counter]
            names.setdefault(symbol_name, name)
            if (LOST_TAG + counted, type_id) not in tagged:
                unit.add_type(Type(kinds.DECL_TAG, LOST_TAG + counted, type=type_id))
    for symbol in unit.named_symbols():
        symbol.name = names.get(symbol.name, symbol.name)
