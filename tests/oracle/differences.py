"""Where we differ from libbpf on purpose, or where it is too old; `docs/oracle.md` shows the table to people.

``kind`` is that of a difference, ``pattern`` is searched for in its text and in what libbpf said. A row holds for
versions of libbpf before ``before`` ((0, 0): for all).
"""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    kind: str
    pattern: str
    why: str
    before: tuple[int, int] = (0, 0)


EXPECTED: tuple[Row, ...] = (
    Row(
        "more",
        r"legacy map definitions in 'maps' section are not supported",
        "section `maps`, the form before BTF: dropped by libbpf 1.0, read by us",
    ),
    Row(
        "more",
        r"failed to find BTF for extern|unrecognized extern section",
        "a symbol of another object: libbpf refuses the file, we the programs that need it, when they are loaded",
    ),
    Row(
        "more",
        r"is static and not supported",
        "a static function in a section of programs, which we take for a subprogram",
    ),
    Row(
        "more",
        r"extern .*: not (?:found|resolved)|extern .* not found in kernel BTF",
        "a symbol that this kernel lacks: libbpf refuses all programs, we those that need it",
    ),
    Row(
        "program",
        r"section 'socket\d+'",
        "numbered sections (`socket1`) of the time before libbpf, which we know",
    ),
    Row(
        "more",
        r"check ELF section name 'socket\d+'",
        "numbered sections of the time before libbpf, which we know",
    ),
    Row(
        "more",
        r"alone, libbpf does not \(errno 9\)",
        "a program array with a program that is not loaded: libbpf refuses it, we leave its place empty",
    ),
    Row(
        "target",
        r"attach_type 0, libbpf 48",
        "USDT before Linux 6.10: libbpf attaches all places by one link (uprobe.multi), we each by an event of its own",
    ),
    Row("program", r"section 'usdt\.s': type 2, libbpf 0", "`usdt.s` came with libbpf 1.3", (1, 3)),
    Row(
        "more",
        r"errno 22(?s:.)*Invalid line_info\[\d+\]\.insn_off:(\d+) \(prev_offset:\1 ",
        "two lines for one instruction (clang 14 at a large `switch`): the kernel refuses them, we send the last one",
    ),
    Row("more", r"unsupported map linkage static", "a static map, which libbpf refuses and we create"),
    Row("more", r"missing BPF prog type", "tcx came with libbpf 1.3", (1, 3)),
    Row("more", r"in section '\.jumptables'", "jump tables came with libbpf 1.7", (1, 7)),
    Row("more", r"does not open it.*\n(?s:.)*map 'arena'", "arenas came with libbpf 1.4", (1, 4)),
    Row(
        "more",
        r"errno 524|struct_ops",
        "`.struct_ops.link` and missing members came with 1.2 and 1.4",
        (1, 4),
    ),
    Row(
        "code",
        r"we sent none\n(?s:.)*prog '[^']*': failed to load: -524",
        "`?.struct_ops` came with libbpf 1.4",
        (1, 4),
    ),
    Row("more", r"exception callback", "exception callbacks came with libbpf 1.3", (1, 3)),
    Row("code", r"libbpf none", "exception callbacks came with libbpf 1.3", (1, 3)),
    Row("code", r"immediate=2002\d{6}", "a missing weak kfunc was poisoned as a kfunc with the id 0", (1, 2)),
    Row("more", r"we load it, libbpf does not \(errno 22\)\n$", "a missing weak kfunc was refused", (1, 2)),
    Row("map", r"libbpf has none", "`.struct_ops.link` came with libbpf 1.2", (1, 2)),
    Row("program", r"section 'struct_ops\.s", "`struct_ops.s` came with libbpf 1.2", (1, 2)),
    Row(
        "program",
        r"section 'struct_ops(\.s)?': attach_type 0, libbpf \d+",
        "the number of a function's member, which was told when the file is opened, in the object's own struct; since libbpf 1.4, as by us, it is the kernel's, at the load",
        (1, 4),
    ),
    Row("program", r"section 'tcx?/(in|e)gress'", "tcx came with libbpf 1.3", (1, 3)),
    Row("program", r"section 'netfilter'", "netfilter came with libbpf 1.3", (1, 3)),
    Row("program", r"section 'u(ret)?probe\.multi", "`uprobe.multi` came with libbpf 1.3", (1, 3)),
    Row("target", r"attach_type 48, libbpf 0", "USDT by one link came with libbpf 1.3", (1, 3)),
    Row("program", r"section 'kprobe\.session", "`kprobe.session` came with libbpf 1.5", (1, 5)),
    Row("program", r"section 'uprobe\.session", "`uprobe.session` came with libbpf 1.6", (1, 6)),
)
