"""Flavours: `task_struct___old` and `task_struct` mean the same type of the kernel.

CO-RE ignores what follows the last triple underscore, so that one object can describe the shapes
that a type has had (libbpf: bpf_core_essential_name_len).
"""

from __future__ import annotations

SEPARATOR = "___"


def essential(name: str) -> str:
    """The name without its flavour: exactly three underscores, with something else on both sides."""
    end = len(name) - 1
    while True:
        at = name.rfind(SEPARATOR, 0, end)
        if at < 1:
            return name
        if name[at - 1] != "_" and name[at + 3] != "_":
            return name[:at]
        end = at + 2
