"""All features, in the groups in which they are shown."""

from __future__ import annotations

from pyzbpf.kernel.features import attach, code, interface, maps, programs, types

GROUPS = {
    "program types": programs.FEATURES,
    "attaching": attach.FEATURES,
    "map types": maps.FEATURES,
    "maps can": maps.CAN_DO,
    "code": code.FEATURES,
    "type information (BTF)": types.FEATURES,
    "interface": interface.FEATURES,
    "helpers": code.HELPERS,
}
