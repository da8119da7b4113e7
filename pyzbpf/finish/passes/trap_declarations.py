"""The declaration of `__bpf_trap`, which LLVM 22 leaves in BTF and symbols even where nothing calls it.

The kernel refuses it: "FUNC __bpf_trap: Invalid func linkage". (The calls are the business of `traps`.)
"""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.finish.analysis.flow import TRAP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    declared = {type_id for type_id, found in unit.each(kinds.FUNC) if found.name == TRAP}
    for type_id, section in list(unit.each(kinds.DATASEC)):  # those of the kernel's symbols
        kept = [variable for variable in section.variables if variable[0] not in declared]
        if section.variables and not kept:
            declared.add(type_id)
        section.variables = kept
    unit.redirect(dict.fromkeys(declared, 0))
    used = unit.used_symbols()
    unit.image.symbols = [s for s in unit.image.symbols if s.name != TRAP or id(s) in used]
