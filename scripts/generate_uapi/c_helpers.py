"""zig/c/bpf/bpf_helper_defs.h: the helpers for probes in C."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scripts.generate_uapi.python_helpers import GPL_ONLY

if TYPE_CHECKING:
    from scripts.generate_uapi.header import Prototype

# The documentation speaks of the kernel's own structs where a program has their public faces, and of the
# kernel's names for integers; maps are declared by each program as it likes.
NAMES = {
    r"\b([us](?:8|16|32|64))\b": r"__\1",
    r"\bbe(16|32)\b": r"__be\1",
    r"\bsize_t\b": "unsigned long",
    r"struct bpf_map \*": "void *",
    r"struct sk_buff\b": "struct __sk_buff",
    r"struct sk_msg_buff\b": "struct sk_msg_md",
    r"struct xdp_buff\b": "struct xdp_md",
}


def helpers_h(helpers: dict[str, int], prototypes: dict[str, Prototype]) -> str:
    """Each helper as a pointer to a function whose address is its number, as C probes everywhere declare them."""
    declarations = []
    for name, number in helpers.items():
        prototype = prototypes[name]
        listed = ", ".join(_declared(kind, parameter) for kind, parameter in prototype.parameters)
        result = _declared(prototype.result, "")
        gpl = "/* for programs with a GPL-compatible licence only */\n" if name in GPL_ONLY else ""
        declarations.append(
            f"{gpl}static {result}(*const bpf_{name})({listed or 'void'}) = (void *){number};"
        )
    structs = sorted(set(re.findall(r"struct \w+", " ".join(declarations))))
    lines = ["#ifndef PYZBPF_BPF_HELPER_DEFS_H", "#define PYZBPF_BPF_HELPER_DEFS_H", ""]
    return "\n".join([*lines, *(f"{struct};" for struct in structs), "", *declarations, "", "#endif"]) + "\n"


def _declared(kind: str, parameter: str) -> str:
    if kind + parameter == "...":
        return "..."
    for pattern, name in NAMES.items():
        kind = re.sub(pattern, name, kind)
    return f"{kind}{'' if kind.endswith('*') else ' '}{parameter}"
