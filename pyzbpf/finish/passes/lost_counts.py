"""The SDK's count of events that found no room in a ring buffer, tied to the buffer by name.

Zig keeps it as a variable inside the map's type: `Ring(probe.Event,...).lost`. It becomes the local
variable `<map>_lost`, and a decl tag on it names each map of that type.
"""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.btf.types import Type
from pyzbpf.spec.map_defs import LOST_TAG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    counters = {
        found.name: type_id for type_id, found in unit.each(kinds.VAR) if found.name.endswith(".lost")
    }
    section = next((found for _, found in unit.each(kinds.DATASEC) if found.name == ".maps"), None)
    symbols = {
        s.value: s.name for s in unit.named_symbols() if s.section is not None and s.section.name == ".maps"
    }
    for variable_id, offset, _ in section.variables if section is not None and counters else ():
        variable = unit.types[variable_id]
        definition = unit.types[variable.type] if variable is not None else None
        counter_name = f"{definition.name}.lost" if definition is not None else ""
        if counter_name not in counters or offset not in symbols:
            continue
        map_name = symbols[offset]
        unit.add_type(Type(kinds.DECL_TAG, LOST_TAG + map_name, type=counters[counter_name]))
        for symbol in unit.named_symbols():
            if symbol.name == counter_name:
                symbol.name = f"{map_name}_lost"
