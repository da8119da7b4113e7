"""zig/bpf/helpers.zig."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyzbpf.uapi import since
from scripts.generate_uapi.layout import SCALARS
from scripts.generate_uapi.python_helpers import GPL_ONLY
from scripts.generate_uapi.zig_names import zig_name, zig_struct

if TYPE_CHECKING:
    from scripts.generate_uapi.header import Prototype


# `void *` parameters that hold a map or a function; parameters that are arrays; struct pointers that
# may be null.
NEVER_NULL = {"map", "ringbuf", "callback_fn"}
ARRAYS = {("csum_diff", "from"), ("csum_diff", "to"), ("snprintf", "data")}
NULLABLE = {("redirect_neigh", "params")}


def zig_parameter_name(name: str) -> str:
    """The name, quoted too where it is that of a Zig type, which a parameter must not hide."""
    return '@"type"' if name == "type" else zig_name(name)


def zig_parameter_type(helper: str, kind: str, name: str) -> str:
    """The Zig type of a helper's parameter."""
    if kind == "struct bpf_map *" or (kind == "void *" and name in NEVER_NULL):
        return "*const anyopaque"
    constant = "const " if kind.startswith("const ") else ""
    plain = kind.removeprefix("const ")
    if not plain.endswith("*"):
        return SCALARS[plain][1]
    target = plain.removesuffix("*").strip()
    element = SCALARS[target][1] if target in SCALARS else zig_struct(target)
    may_be_null = target == "void" or (helper, name) in ARRAYS | NULLABLE
    is_array = target == "char" or (helper, name) in ARRAYS
    return f"{'?' if may_be_null else ''}{'[*]' if is_array else '*'}{constant}{element}"


def zig_result_type(kind: str) -> str:
    """The Zig type a helper returns; every pointer may be null."""
    if not kind.endswith("*"):
        return "void" if kind == "void" else SCALARS[kind][1]
    return f"?*{zig_struct(kind.removesuffix('*').strip())}"


def helpers_zig(helpers: dict[str, int], prototypes: dict[str, Prototype]) -> str:
    """zig/bpf/helpers.zig: each helper as a typed function pointer whose address is its number."""
    lines = [
        "//! The kernel's helper functions: the address of each is its number, as the kernel wants it.",
        "//!",
        "//! The types follow the prototypes of linux/bpf.h: a map is `*const anyopaque`, a `void *` may be",
        "//! null, and so may every pointer returned. `align(1)`: an odd number is no aligned address.",
        "",
        'const types = @import("types.zig");',
        "",
    ]
    for name, number in helpers.items():
        prototype = prototypes[name]
        parameters = []
        for kind, parameter in prototype.parameters:
            if kind + parameter == "...":  # trace_printk takes up to three values
                parameters += ["arg1: u64", "arg2: u64", "arg3: u64"]
            else:
                parameters.append(
                    f"{zig_parameter_name(parameter)}: {zig_parameter_type(name, kind, parameter)}"
                )
        first = since.helper(number)
        lines.append(f"/// `bpf_{name}` (Linux {first})." if first else f"/// `bpf_{name}`.")
        if name in GPL_ONLY:
            lines.append("/// For programs with a GPL-compatible licence only.")
        if prototype.result == "long":
            lines.append("/// Negative: an errno; `bpf.check(…)` makes an error of it.")
        signature = f"fn ({', '.join(parameters)}) callconv(.c) {zig_result_type(prototype.result)}"
        lines.append(f"pub const {zig_name(name)}: *align(1) const {signature} = @ptrFromInt({number});")
    return "\n".join(lines) + "\n"
