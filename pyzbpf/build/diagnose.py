"""Compiler output -> advice: what LLVM's BPF back end says in its own words, and what to write instead.

The compiler's own text reaches the author; the advice follows it. The message texts are those
of Zig 0.17 (LLVM 22); a test provokes each with the real compiler.
"""

from __future__ import annotations

import re


class Known:
    """A limit of BPF: how the compiler speaks of it (a pattern), and what the author can do."""

    __slots__ = ("advice", "pattern")

    def __init__(self, pattern: str, advice: str) -> None:
        self.pattern = re.compile(pattern)
        self.advice = advice


# In the order in which advice is given.
KNOWN = (
    Known(
        r"aggregate returns are not supported|only small returns supported"
        r"|unable to allocate function return",
        "A BPF function returns one register: a struct, an optional, an error union with a value or a "
        "slice does not fit. Make the function `inline fn`, let it write through a pointer parameter, "
        "or return a `packed struct(u64)`. (`E!void`, `?*T`, integers and pointers are fine.)",
    ),
    Known(
        r"too many arguments",
        "A BPF function takes at most five arguments, and a slice counts as two. Make the function "
        "`inline fn` or pass a pointer to a struct.",
    ),
    Known(
        r"debug\.panicExtra",
        "`std.debug.panic` formats its message, for which a program has no room. Use "
        '`@panic("text")`: Python shows the text.',
    ),
    Known(
        r"in function (?!debug\.panicExtra)\S+ .*BPF stack limit",
        "A BPF program has 512 bytes of stack, shared by the functions it inlines. Keep large buffers "
        "in a per-CPU array map, or write straight into a reserved ring-buffer record.",
    ),
    Known(
        r"unsupported signed division",
        "BPF has signed division only from CPU v4 (Linux 6.6). Divide unsigned values (`@abs`, "
        '`@intCast`), shift by a power of two, or build with cpu "v4".',
    ),
    Known(
        r"Cannot select: .*\bbrind\b",
        "A labelled switch with `continue :label` becomes an indirect jump, which BPF has only from "
        "CPU v4 and very new kernels. Write a loop with a plain `switch`.",
    ),
    Known(
        r"A call to built-in function '__(?:multi3|mulodi4|u?divti3|u?modti3)' is not supported",
        "BPF has no 128-bit arithmetic, and a 64-bit `*` checked for overflow (safe mode's `*`, "
        "`@mulWithOverflow`, `std.math.mul`) needs it. Use `bpf.mul(a, b)` (of i64 `bpf.mulSigned`), which checks without; multiply "
        "32-bit values in a u64; or let it wrap: `*%`.",
    ),
    Known(
        r"A call to built-in function '__\w+[sdt]f\d?\w*' is not supported",
        "BPF has no floating point. Use integers scaled by a constant; compute ratios in Python.",
    ),
    Known(
        r"changed binding to STB_GLOBAL",
        "An exported function or variable has the name of its section, and LLVM (clang's, too) makes a symbol "
        'of each. Rename the function: `export fn pass_all(ctx: *bpf.XdpMd) linksection("xdp") c_int`; the '
        "section's name stays.",
    ),
    Known(
        r"requires aligned address",
        "A helper's address is its number, which is not aligned: declare the pointer as "
        '`*align(1) const fn (...) callconv(.c) T`, or use the typed helpers of `@import("bpf")`.',
    ),
    Known(
        r"no module named '\w+' available within module '(?:probe|root)'",
        'A probe can import "bpf", "std", "builtin" and files below its own directory.',
    ),
    Known(
        r"import of file outside module path",
        "A probe can import files of its own directory and below; move the shared file there.",
    ),
    Known(
        r"'posix\.system__struct_\d+' has no member named",
        "This part of the standard library needs an operating system (files, threads, printing), and a "
        'probe runs without one. Use what `@import("bpf")` offers.',
    ),
)


def advice(output: str) -> list[str]:
    """What to change, one entry for each known limit that the compiler's ``output`` speaks of."""
    return [known.advice for known in KNOWN if known.pattern.search(output)]
