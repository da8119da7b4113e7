"""How Zig spells names of C."""

from __future__ import annotations

# What the kernel's prototypes call by the kernel's own name: the struct the program sees.
PROGRAM_NAMES = {"sk_buff": "__sk_buff", "xdp_buff": "xdp_md", "sk_msg_buff": "sk_msg_md"}
ZIG_KEYWORDS = {
    "align",
    "const",
    "enum",
    "error",
    "export",
    "extern",
    "fn",
    "opaque",
    "struct",
    "test",
    "var",
}


def zig_name(name: str) -> str:
    """The name, quoted where it is a keyword of Zig."""
    return f'@"{name}"' if name in ZIG_KEYWORDS else name


def zig_struct(target: str) -> str:
    """``struct sk_buff`` -> ``types.__sk_buff``, ``void`` -> ``anyopaque``."""
    name = target.removeprefix("struct ")
    return "anyopaque" if name == "void" else f"types.{PROGRAM_NAMES.get(name, name)}"
