"""pyzbpf/spec/section_table.py."""

from __future__ import annotations

import re

from scripts.generate_uapi.c_source import enum_members

SECTION_DOCSTRING = '''"""The section names that libbpf knows, and what each says of its program.

A row of SECTIONS is (pattern, program type, expected attach type or None, flags). A pattern that ends
in "+" matches itself and itself followed by "/" and anything, one that ends in "/" only the latter; any
other pattern matches exactly. The flags are libbpf\'s.
"""'''

SECTION_FLAGS = {
    "NONE": "",
    "EXP_ATTACH_OPT": "the kernel may be too old to know the expected attach type",
    "ATTACHABLE": "attached by BPF_PROG_ATTACH",
    "ATTACHABLE_OPT": "",
    "ATTACH_BTF": "the target is a BTF id of the kernel or of another program",
    "SLEEPABLE": "may sleep: loaded with BPF_F_SLEEPABLE",
    "XDP_FRAGS": "takes packets of several buffers: loaded with BPF_F_XDP_HAS_FRAGS",
    "USDT": "a user-space statically defined probe",
}


def section_module(libbpf: str) -> str:
    """pyzbpf/spec/section_table.py: the flags, then the rows of libbpf's section_defs in their order."""
    names: dict[str, int] = {}
    [body] = re.findall(r"enum sec_def_flags \{([^}]*)\}", libbpf)
    flags = {name.removeprefix("SEC_"): number for name, number in enum_members(body, names).items()}
    lines = [
        SECTION_DOCSTRING,
        "",
        "from __future__ import annotations",
        "",
        "from pyzbpf.uapi import enums as e",
        "",
    ]
    for name, number in flags.items():
        lines.append(f"{name} = {number}" + (f"  # {SECTION_FLAGS[name]}" if SECTION_FLAGS[name] else ""))
    lines += ["", "SECTIONS: tuple[tuple[str, int, int | None, int], ...] = ("]
    row = re.compile(r'SEC_DEF\("([^"]+)",\s*(\w+),\s*(\w+),\s*([\w |]+)[,)]')
    for pattern, program, attach, listed in row.findall(libbpf):
        attach_type = "None" if attach == "0" else f"e.{attach}"
        flag_names = "NONE" if listed == "0" else listed.replace("SEC_", "").strip()
        lines.append(f'    ("{pattern}", e.BPF_PROG_TYPE_{program}, {attach_type}, {flag_names}),')
    return "\n".join([*lines, ")"]) + "\n"
