"""Compiler output -> advice: what LLVM's BPF back end says in its own words, and what to write instead.

The compiler's own text reaches the author; the advice follows it. The message texts are those
of Zig 0.17 (LLVM 22); a test provokes each with the real compiler.
"""

from __future__ import annotations

import re
from pathlib import Path

from pyzbpf.build import sdk


class Known:
    """A limit of BPF: how the compiler speaks of it (a pattern), and what the author can do.

    ``use`` is a pattern of what the author may have written, for where the compiler names no place.
    """

    __slots__ = ("advice", "pattern", "use")

    def __init__(self, pattern: str, advice: str, *, use: str = "") -> None:
        self.pattern = re.compile(pattern, re.MULTILINE)
        self.advice = advice
        self.use = re.compile(use) if use else None


# In the order in which advice is given.
KNOWN = (
    Known(
        r"^(?!.*in function (?:Io|fmt)\.).*(?:aggregate returns are not supported|only small returns supported)"
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
        "in a per-CPU array map, or write straight into a reserved ring-buffer record. A loop over an array copies it "
        "first: write `for (&table) |item|`, which reads it where it is.",
    ),
    Known(
        r"unsupported signed division",
        "BPF has signed division only from CPU v4 (Linux 6.6). Divide unsigned values (`@abs`, "
        '`@intCast`), shift by a power of two, or build with cpu "v4".',
    ),
    Known(
        r"in function (?:Io|fmt)\.\S+ ",
        "`std.fmt` formats through function pointers, which BPF has not. Send the numbers in an event and format them "
        'in Python; for debugging `bpf.printk("pid %d", .{pid})`; in an iterator `ctx.print`.',
        use=r"std\.fmt\.|std\.Io\.|[bB]ufPrint|\.print\(",
    ),
    Known(
        r"Cannot select: .*= Atomic(?:Load|Store)<|sequentially consistent \(seq_cst\) atomic load/store",
        "BPF has atomic loads and stores from CPU v4 only, and none that is `.seq_cst`. A load or store of up to eight bytes "
        "is one anyhow: `@as(*volatile u64, &value).*`; `@atomicRmw(u64, &value, .Xchg, new, .seq_cst)` stores "
        "in order, and with `.Or` and 0 it loads.",
    ),
    Known(
        r"Cannot select: .*= AtomicLoad(?!<)",
        "BPF's atomic operations are `.Add`, `.Sub`, `.And`, `.Or`, `.Xor`, `.Xchg` and `@cmpxchgStrong`. Keep a maximum or "
        "minimum for each CPU (`bpf.PerCpuArray(u64, 1)`) and join them in Python, or try `@cmpxchgStrong` in a loop of a few "
        "rounds (`for (0..8)`).",
    ),
    Known(
        r"unsupported atomic operation, please use 32/64 bit version",
        "BPF's atomic operations are on 32 and 64 bits: declare the variable `u32` or `u64`.",
    ),
    Known(
        r"Cannot select: .*\bGlobalTLSAddress\b",
        "A BPF program has no thread, so no `threadlocal` variable. A value for each CPU is an element of "
        "`bpf.PerCpuArray(T, 1)`, one for each thread `bpf.TaskStorage(T)`.",
    ),
    Known(
        r"unknown page_size_min",
        "A BPF program has no heap: no `page_allocator`, and no list or table that grows. Use maps (`bpf.Hash`, "
        "`bpf.Array`, `bpf.Queue`), or an array of a fixed length.",
        use=r"page_allocator",
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
        'of each. Rename the function, and the section stays: `pub const programs = .{ .pass_all = "xdp" };`, or '
        '`export fn pass_all(ctx: *bpf.XdpMd) linksection("xdp") c_int`.',
    ),
    Known(
        r"unable to export type '\[\]",
        "A slice is an address, which no loader can fill in, and nothing to user space. Export an array of a fixed length "
        "(`[16]u8`, or `bpf.Text(16)`, which Python reads as text) and, where it is needed, its length beside it.",
    ),
    Known(
        r"unable to export type '(?!\[\])",
        "What is exported has a layout that C knows: declare a struct `extern struct`, a union `extern union`; instead of an "
        "optional or an error union export the value and a `bool` beside it.",
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
        r"cannot directly embed opaque type 'bpf\.core\.Typedef\(",
        "`core.Typedef` is for questions about a type (`core.typeExists`) and behind pointers. Declare a member of the "
        "type as what it is: `pid: i32` for `pid_t`, `extern struct { counter: i32 }` for `atomic_t`.",
    ),
    Known(
        r"'posix\.system__struct_\d+' has no member named",
        "This part of the standard library needs an operating system (files, threads, printing), and a "
        'probe runs without one. Use what `@import("bpf")` offers: `bpf.printk`, `bpf.ktime_get_ns`, `bpf.helpers`.',
        use=r"std\.(?:debug\.print|log\.|posix\.|fs\.|Thread|process\.)",
    ),
)


# A file, line and column as Zig and LLVM write them; the program's function in the name of the SDK's around it,
# or the function of the author's own.
_PLACE = re.compile(r"(?<![\w./\\-])((?:[\w-]+/)*[\w.-]+\.(?:zig|c)):(\d+):(\d+)")
_FUNCTION = re.compile(r"\(function '(\w+)'\)|in function (?:\w+\.)*(\w+) ")
# What the SDK says of declarations that it reads by itself, so that no line of the author's calls it, and how they are
# written: where the last word of the pattern is, or without it where the declaration begins.
_DECLARED = (
    (re.compile(r": error: programs of section '([^']*)'"), r'\bconst programs\b(?:[^;]*?"{}")?'),
    (re.compile(r": error: program '(\w+)' of section "), r"\bfn {}\("),
    (re.compile(r": error: programs\.(\w+)"), r"\bconst programs\b(?:[^;]*?\.{}\b)?"),
    (re.compile(r": error: trap_verdicts\.(\w+)"), r"\bconst trap_verdicts\b(?:[^;]*?\.{}\b)?"),
    (re.compile(r": error: (trap_verdicts) names"), r"\bconst {}\b"),
    (re.compile(r": error: `pub const (programs) "), r"(?m)^(?:pub )?const {}\b"),
    (re.compile(r": error: (license) is text"), r"(?m)^(?:pub )?const {}\b"),
    (re.compile(r": (\w+) changed binding to STB_GLOBAL"), r"\b(?:fn|var|const) {}\b"),
)
_ERROR = re.compile(r"^(\S+\.zig):\d+:\d+: error: (.*)$", re.MULTILINE)
# The instructions around one that LLVM has not: addresses of its own, behind the line that says which.
_DUMP = re.compile(r"^ +0x[0-9a-f]+: .*\n", re.MULTILINE)


def place(output: str, source: Path) -> str:
    """Where in the author's files the first fault is: "probe.zig:7:6", with the line alone or without one where
    the compiler does not say more; files are named from where ``source`` is.
    """
    for file, line, column in _PLACE.findall(output):
        if int(line) and (source.parent / file).is_file():
            return f"{(source.parent / file).as_posix()}:{line}:{column}"
    try:
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return source.as_posix()
    names = [first or second for first, second in _FUNCTION.findall(output)]
    wanted = [rf"\bfn {re.escape(name)}\(" for name in names]
    wanted += [
        written.format(re.escape(found[1])) for said, written in _DECLARED for found in said.finditer(output)
    ]
    wanted += [known.use.pattern for known in KNOWN if known.use and known.pattern.search(output)]
    for pattern in wanted:
        found = re.search(pattern, text)
        if found is not None:
            return f"{source.as_posix()}:{text.count(chr(10), 0, found.end()) + 1}"
    return source.as_posix()


def said_by_sdk(output: str) -> list[str]:
    """The text of the first error, where that is in the SDK's files: its own words."""
    first = _ERROR.search(output)
    return [first[2]] if first is not None and Path(first[1]).is_relative_to(sdk.root()) else []


def shortened(output: str) -> str:
    """The compiler's ``output`` without the instructions around one that BPF has not."""
    return _DUMP.sub("", output)


def advice(output: str) -> list[str]:
    """What to change, one entry for each known limit that the compiler's ``output`` speaks of."""
    return [known.advice for known in KNOWN if known.pattern.search(output)]
