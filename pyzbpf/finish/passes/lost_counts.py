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
    tagged = {found.name for _, found in unit.each(kinds.DECL_TAG)}
    for map_name, definition in list(unit.map_definitions()):
        counter = f"{definition.name}.lost"
        if counter not in counters or LOST_TAG + map_name in tagged:
            continue
        unit.add_type(Type(kinds.DECL_TAG, LOST_TAG + map_name, type=counters[counter]))
        for symbol in unit.named_symbols():
            if symbol.name == counter:
                symbol.name = f"{map_name}_lost"
