"""Write the tables that say what the kernel's headers and libbpf's section table say.

    scripts/generate_uapi.py --bpf-header bpf.h --libbpf-source libbpf.c [--version-note TEXT] [--check]

reads the kernel's include/uapi/linux/bpf.h and libbpf's src/libbpf.c and takes nothing from them but
facts: names, numbers, layouts, signatures. With --check it writes nothing and fails if a file differs.
"""

from __future__ import annotations

import argparse
import ast
import operator
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Layout = dict[str, tuple[int, int]]

ROOT = Path(__file__).resolve().parent.parent

# ---------------------------------------------------------------- the header, as data


class Record(NamedTuple):
    """A C struct or union; ``alignment`` is what its attribute asks for, in bytes (1: nothing)."""

    kind: str
    name: str
    fields: list[Field]
    alignment: int


class Field(NamedTuple):
    """A member: ``name`` "" is anonymous, ``length`` None no array, ``bits`` None no bit field."""

    name: str
    type: str | Record
    length: int | None
    bits: int | None


class Prototype(NamedTuple):
    """A helper's signature in C: types as text, parameters as (type, name)."""

    result: str
    parameters: list[tuple[str, str]]


class Enum(NamedTuple):
    """The constants of one C enum or of one run of #defines; ``name`` is "" for the anonymous."""

    name: str
    values: dict[str, int]


OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.BitOr: operator.or_,
    ast.LShift: operator.lshift,
}


def read_source(path: Path) -> str:
    """The C source without comments, each continued line joined to one."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.DOTALL)
    return text.replace("\\\n", " ")


def evaluate(expression: str, names: dict[str, int]) -> int | None:
    """The value of a C constant expression; None where it is no number or names the unknown."""

    def value(node: ast.expr) -> int:
        match node:
            case ast.Constant(value=int() as number):
                return number
            case ast.Name(id=name):
                return names[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -value(operand)
            case ast.BinOp(left=left, op=operation, right=right) if type(operation) in OPERATORS:
                return OPERATORS[type(operation)](value(left), value(right))
        raise KeyError(expression)

    plain = re.sub(r"\b(0[xX][0-9a-fA-F]+|\d+)[uUlL]+\b", r"\1", " ".join(expression.split()))
    try:
        return value(ast.parse(plain, mode="eval").body)
    except (KeyError, SyntaxError):
        return None


def enum_members(body: str, names: dict[str, int]) -> dict[str, int]:
    """The members of one enum body; each is added to ``names`` too."""
    members = {}
    number = -1
    for member in filter(None, (part.strip() for part in body.split(","))):
        name, _, expression = (part.strip() for part in member.partition("="))
        known = evaluate(expression, names) if expression else number + 1
        if known is None:
            raise ValueError(f"cannot evaluate {member!r}")
        number = names[name] = members[name] = known
    return members


def read_enums(text: str) -> list[Enum]:
    """All enums and numeric #defines of a comment-free header, in its order.

    The helper numbers (enum bpf_func_id) are made by a macro and are not among them.
    """
    directive = re.compile(r"^#[^\n]*", re.MULTILINE)
    without_directives = directive.sub(lambda found: " " * len(found[0]), text)
    found = [
        *re.finditer(r"^#define[ \t]+(\w+)[ \t]+([^\n]+)", text, re.MULTILINE),
        *re.finditer(r"^enum\s*(\w*)\s*\{([^}]*)\}", without_directives, re.MULTILINE),
    ]
    names: dict[str, int] = {}
    enums: list[Enum] = []
    was_define = False
    for match in sorted(found, key=re.Match.start):
        name, body = match.groups()
        is_define = match[0].startswith("#")
        if is_define:
            number = evaluate(body, names)
            if number is None:
                continue
            names[name] = number
            if not was_define:
                enums.append(Enum("", {}))
            enums[-1].values[name] = number
        elif name != "bpf_func_id":
            enums.append(Enum(name, enum_members(body, names)))
        was_define = is_define
    return enums


def read_records(text: str, names: dict[str, int]) -> dict[str, Record]:
    """All named structs and unions of a comment-free header."""
    plain = re.sub(r"__bpf_md_ptr\s*\([^,()]*,\s*(\w+)\)", r"__u64 \1", re.sub(r"(?m)^#.*", "", text))
    records = {}
    for start in re.finditer(r"^(struct|union)\s+(\w+)\s*\{", plain, re.MULTILINE):
        tokens = iter(re.findall(r"\w+|[^\s\w]", plain[start.end() :]))
        fields = read_fields(tokens, names)
        _, alignment = read_declarator(tokens)
        records[start[2]] = Record(start[1], start[2], fields, alignment)
    return records


def read_fields(tokens: Iterator[str], names: dict[str, int]) -> list[Field]:
    """The members up to the closing brace."""
    fields = []
    words: list[str] = []
    for token in tokens:
        if token == "}":
            break
        if token == "{":
            inner = read_fields(tokens, names)
            name, alignment = read_declarator(tokens)
            fields.append(Field(name, Record(words[0], "", inner, alignment), None, None))
            words = []
        elif token == ";":
            fields.append(read_member(words, names))
            words = []
        else:
            words.append(token)
    return fields


def read_declarator(tokens: Iterator[str]) -> tuple[str, int]:
    """What stands between a closing brace and its semicolon: the name, the alignment."""
    words = []
    for token in tokens:
        if token == ";":
            break
        words.append(token)
    name = words[0] if words and words[0] != "__attribute__" else ""
    alignment = int(words[words.index("aligned") + 2]) if "aligned" in words else 1
    return name, alignment


def read_member(words: list[str], names: dict[str, int]) -> Field:
    """One plain member, such as ``char name [ 16 ]`` or ``__u32 : 24``."""
    if words[-1] == "]":
        start = words.index("[")
        length = evaluate(" ".join(words[start + 1 : -1]) or "0", names)
        return Field(words[start - 1], " ".join(words[: start - 1]), length, None)
    if ":" in words:
        *type_and_name, _, bits = words
        name = type_and_name.pop() if len(type_and_name) > 1 else ""
        return Field(name, " ".join(type_and_name), None, int(bits))
    return Field(words[-1], " ".join(words[:-1]), None, None)


def read_helpers(text: str) -> dict[str, int]:
    """Helper name -> number, without the reserved number 0."""
    numbers = {name: int(number) for name, number in re.findall(r"FN\((\w+), (\d+), ##ctx\)", text)}
    del numbers["unspec"]
    return numbers


def read_prototypes(path: Path) -> dict[str, Prototype]:
    """Helper name -> signature, from the signature lines of the header's documentation.

    Where a helper is shown for several contexts, what differs becomes ``void *``.
    """
    line = re.compile(r"^ \* (\w[\w ]*?[ *]+)bpf_(\w+)\(([^)]*)\)$", re.MULTILINE)
    prototypes: dict[str, Prototype] = {}
    for result, name, listed in line.findall(path.read_text(encoding="utf-8")):
        parameters = [split_parameter(text) for text in listed.split(", ") if text != "void"]
        if name in prototypes:
            pairs = zip(prototypes[name].parameters, parameters, strict=True)
            parameters = [
                old if old[0] == new[0] else ("void *", common_name(old, new)) for old, new in pairs
            ]
        prototypes[name] = Prototype(result.strip(), parameters)
    return prototypes


def common_name(old: tuple[str, str], new: tuple[str, str]) -> str:
    """The name of a parameter that has two types: what differs in name too is the context."""
    return old[1] if old[1] == new[1] else "ctx"


def split_parameter(text: str) -> tuple[str, str]:
    """``const char *name`` -> (``const char *``, ``name``)."""
    name = re.sub(r".*[ *]", "", text)
    return text.removesuffix(name).strip(), name


# ---------------------------------------------------------------- layout, as a 64-bit C compiler lays out

SCALARS = {
    "char": (1, "u8"),
    "unsigned char": (1, "u8"),
    "int": (4, "c_int"),
    "unsigned int": (4, "c_uint"),
    "long": (8, "c_long"),
    "unsigned long": (8, "c_ulong"),
    "size_t": (8, "usize"),
    "__aligned_u64": (8, "u64"),
    "__wsum": (4, "u32"),
    **{
        f"{p}{s}{n}": (n // 8, f"{z}{n}")
        for n in (8, 16, 32, 64)
        for p in ("", "__")
        for s, z in ("uu", "si")
    },
    **{f"__be{n}": (n // 8, f"u{n}") for n in (16, 32, 64)},
}


def measure(field: Field, records: dict[str, Record]) -> tuple[int, int]:
    """Size and alignment of a member in bytes; of a bit field, those of its declared type."""
    if isinstance(field.type, Record):
        _, size, alignment = lay_out(field.type, records)
    elif field.type.endswith("*"):
        size = alignment = 8
    elif field.type.startswith("enum "):
        size = alignment = 4
    elif field.type in SCALARS:
        size = alignment = SCALARS[field.type][0]
    else:
        _, size, alignment = lay_out(records[field.type.split()[-1]], records)
    return size * (1 if field.length is None else field.length), alignment


def lay_out(record: Record, records: dict[str, Record]) -> tuple[list[int], int, int]:
    """The members' offsets in bits, then the record's size and alignment in bytes."""
    offsets = []
    position = end = 0
    alignment = record.alignment
    for field in record.fields:
        size, natural = measure(field, records)
        if field.bits is None:
            offset = round_up(position, natural * 8)
            width = size * 8
        else:
            width = field.bits
            crosses = position // (size * 8) != (position + width - 1) // (size * 8)
            offset = round_up(position, size * 8) if crosses else position
        if field.bits is None or field.name:  # a nameless bit field aligns nothing
            alignment = max(alignment, natural)
        offsets.append(offset)
        end = max(end, offset + width)
        position = 0 if record.kind == "union" else end
    return offsets, round_up(end, alignment * 8) // 8, alignment


def round_up(number: int, step: int) -> int:
    """The next multiple of ``step``."""
    return -(-number // step) * step


def flatten(record: Record, records: dict[str, Record], prefix: str = "", base: int = 0) -> Layout:
    """Member -> (offset, size) in bytes, the members of a named inner record as ``inner.member``."""
    flat: Layout = {}
    for field, bit in zip(record.fields, lay_out(record, records)[0], strict=True):
        if isinstance(field.type, Record):
            inner = f"{prefix}{field.name}." if field.name else prefix
            flat |= flatten(field.type, records, inner, base + bit // 8)
        elif field.name:
            size, _ = measure(field, records)
            byte = bit // 8 // size * size if field.bits else bit // 8  # of a bit field, its whole unit
            flat[prefix + field.name] = (base + byte, size)
    return flat


# ---------------------------------------------------------------- pyzbpf/uapi/enums.py

NAME_TABLES = (
    ("COMMAND_NAMES", "bpf_cmd", "BPF_", "BPF_* commands"),
    ("MAP_TYPE_NAMES", "bpf_map_type", "BPF_MAP_TYPE_", "BPF_MAP_TYPE_*"),
    ("PROG_TYPE_NAMES", "bpf_prog_type", "BPF_PROG_TYPE_", "BPF_PROG_TYPE_*"),
    ("ATTACH_TYPE_NAMES", "bpf_attach_type", "BPF_", "attach types"),
    ("LINK_TYPE_NAMES", "bpf_link_type", "BPF_LINK_TYPE_", "BPF_LINK_TYPE_*"),
)


def short_names(enum: Enum, prefix: str) -> dict[int, str]:
    """Number -> lower-case name without prefix; of several names the first that is not deprecated.

    What comes after the enum's end mark is no member (BPF_COMMON_ATTRS is a flag).
    """
    names: dict[int, str] = {}
    for name, number in enum.values.items():
        if name.startswith("__MAX"):
            break
        if names.get(number, "_deprecated").endswith("_deprecated"):
            names[number] = name.removeprefix(prefix).lower()
    return names


def enums_module(enums: list[Enum]) -> str:
    """pyzbpf/uapi/enums.py: the constants, then the tables of short names."""
    lines = [
        '"""Numbers of the kernel\'s BPF interface, with the names linux/bpf.h gives them."""',
        "",
        "from __future__ import annotations",
    ]
    for enum in enums:
        public = {name: number for name, number in enum.values.items() if not name.startswith("_")}
        lines += ["", *([f"# enum {enum.name}"] if enum.name else [])]
        lines += [f"{name} = {python_number(number)}" for name, number in public.items()]
    by_name = {enum.name: enum for enum in enums}
    for table, enum_name, prefix, noun in NAME_TABLES:
        names = short_names(by_name[enum_name], prefix)
        lines += ["", f"# {noun} -> lower-case name", f"{table} = {{"]
        lines += [f'    {number}: "{name}",' for number, name in names.items()]
        lines += ["}"]
    return "\n".join(lines) + "\n"


def python_number(number: int) -> str:
    """Large numbers are flags and masks: hexadecimal; others decimal."""
    return f"0x{number:X}" if number >= 1 << 12 else str(number)


# ---------------------------------------------------------------- pyzbpf/uapi/attrs.py

# member of union bpf_attr (an anonymous one by its first field) -> name of its table; any other
# member is named by itself in capitals
ATTR_TABLES = {
    "map_type": "MAP_CREATE",
    "map_fd": "MAP_ELEM",
    "batch": "MAP_BATCH",
    "prog_type": "PROG_LOAD",
    "pathname": "OBJ",
    "target_fd": "PROG_ATTACH",
    "test": "PROG_TEST_RUN",
    "start_id": "GET_ID",
    "info": "OBJ_GET_INFO",
    "query": "PROG_QUERY",
    "raw_tracepoint": "RAW_TRACEPOINT_OPEN",
    "btf": "BTF_LOAD",
}
OTHER_TABLES = {
    "bpf_prog_info": "PROG_INFO",
    "bpf_map_info": "MAP_INFO",
    "bpf_btf_info": "BTF_INFO",
    "bpf_link_info": "LINK_INFO",
    "bpf_token_info": "TOKEN_INFO",
    "bpf_iter_link_info": "ITER_LINK_INFO",
}

ATTRS_DOCSTRING = '''"""Where each field of the bpf(2) attributes and info structs lies, as linux/bpf.h says.

A table maps a field to (offset, size) in bytes from the start of union bpf_attr or of the struct;
``inner.field`` is a field of the named inner struct ``inner``. ``X_SIZE`` is the end of the last field
of an attribute (what to pass to bpf(2)), or the whole size of an info struct. All numbers are in the
machine's byte order; ``PROG_INFO["gpl_compatible"]`` is one bit, the first that C allots in its four bytes.
"""'''


def attrs_module(records: dict[str, Record]) -> str:
    """pyzbpf/uapi/attrs.py: a table for each member of union bpf_attr and for each info struct."""
    lines = [ATTRS_DOCSTRING, "", "from __future__ import annotations"]
    for member in records["bpf_attr"].fields:
        if not isinstance(member.type, Record):
            raise TypeError(f"union bpf_attr has a plain member {member.name}")
        layout = flatten(member.type, records)
        name = member.name or next(iter(layout))
        end = max(offset + size for offset, size in layout.values())
        lines += layout_table(ATTR_TABLES.get(name, name.upper()), layout, end)
    for name, table in OTHER_TABLES.items():
        lines += layout_table(table, flatten(records[name], records), lay_out(records[name], records)[1])
    return "\n".join(lines) + "\n"


def layout_table(name: str, layout: Layout, size: int) -> list[str]:
    """The lines of one table and its size."""
    rows = [f'    "{field}": ({offset}, {length}),' for field, (offset, length) in layout.items()]
    return ["", f"{name}_SIZE = {size}", f"{name} = {{", *rows, "}"]


# ---------------------------------------------------------------- pyzbpf/uapi/helpers.py

# Helpers that the kernel refuses to a program whose licence is not compatible with the GPL: every
# bpf_func_proto has gpl_only = true. Read from Linux 6.18: asked of its verifier for each program type,
# and for what needs other hardware or configuration (probe_write_user, override_return, rc_*) from
# kernel/trace/bpf_trace.c and drivers/media/rc/bpf-lirc.c. Not here, because their protos differ:
# get_stackid (free in perf_event programs) and get_func_ip (free in kprobe.multi, uprobe.multi).
# LSM programs need the licence whatever they call (kernel/bpf/bpf_lsm.c).
GPL_ONLY = {
    *("check_mtu", "copy_from_user_task", "fib_lookup", "get_branch_snapshot", "get_current_task"),
    *("get_current_task_btf", "get_stack", "override_return", "perf_event_output", "perf_event_read"),
    *("perf_event_read_value", "perf_prog_read_value", "probe_read", "probe_read_kernel"),
    *("probe_read_kernel_str", "probe_read_str", "probe_read_user", "probe_read_user_str"),
    *("probe_write_user", "rc_keydown", "rc_pointer_rel", "rc_repeat", "read_branch_records"),
    *("seq_printf", "seq_printf_btf", "seq_write", "skb_output", "snprintf", "task_pt_regs"),
    *("tcp_check_syncookie", "tcp_gen_syncookie", "tcp_raw_check_syncookie_ipv4"),
    *("tcp_raw_check_syncookie_ipv6", "tcp_raw_gen_syncookie_ipv4", "tcp_raw_gen_syncookie_ipv6"),
    *("timer_cancel", "timer_init", "timer_set_callback", "timer_start", "trace_printk"),
    *("trace_vprintk", "xdp_output"),
}


def helpers_module(helpers: dict[str, int]) -> str:
    """pyzbpf/uapi/helpers.py: number -> (name, GPL only)."""
    unknown = GPL_ONLY - set(helpers)
    if unknown:
        raise ValueError(f"GPL_ONLY has no helpers {unknown}")
    lines = [
        '"""The kernel\'s helper functions: number -> (name, may only a GPL-compatible program call it?)."""',
        "",
        "from __future__ import annotations",
        "",
        "HELPERS = {",
        *(f'    {number}: ("{name}", {name in GPL_ONLY}),' for name, number in helpers.items()),
        "}",
    ]
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------- pyzbpf/spec/section_table.py

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


# ---------------------------------------------------------------- zig/bpf/

# What only user space or the kernel handles, or has no use in a program.
NOT_FOR_PROGRAMS = {
    *("bpf_attr", "bpf_common_attr", "bpf_core_relo", "bpf_func_info", "bpf_insn", "bpf_iter_link_info"),
    *("bpf_line_info", *OTHER_TABLES),
}
# What the kernel's prototypes call by the kernel's own name: the struct the program sees.
PROGRAM_NAMES = {"sk_buff": "__sk_buff", "xdp_buff": "xdp_md", "sk_msg_buff": "sk_msg_md"}
# `void *` parameters that hold a map or a function; parameters that are arrays; struct pointers that
# may be null.
NEVER_NULL = {"map", "ringbuf", "callback_fn"}
ARRAYS = {("csum_diff", "from"), ("csum_diff", "to"), ("snprintf", "data")}
NULLABLE = {("redirect_neigh", "params")}
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


def zig_field_type(field: Field, records: dict[str, Record], indent: str) -> str:
    """The Zig type of a member."""
    if isinstance(field.type, Record):
        return zig_record(field.type, records, indent)
    if field.type.endswith("*"):
        target = field.type.removesuffix("*").split()[-1]
        element = "?*anyopaque" if target == "void" else f"?*{target}"
    elif field.type in SCALARS:
        element = SCALARS[field.type][1]
    else:
        element = field.type.split()[-1]
    return element if field.length is None else f"[{field.length}]{element}"


def zig_record(record: Record, records: dict[str, Record], indent: str = "") -> str:
    """``extern struct {...}`` with every byte of padding that C names, and names for the nameless."""
    lines = [f"extern {record.kind} {{"]
    unnamed = padding = 0
    for field in record.fields:
        name, kind = field.name, zig_field_type(field, records, indent + "    ")
        if field.bits is not None:
            if field.name or field.bits % 8:
                raise ValueError(f"{record.name}.{field.name}: only nameless bit fields of whole bytes")
            name, kind = f"padding_{padding}", f"[{field.bits // 8}]u8"
            padding += 1
        elif not name:
            name = f"unnamed_{unnamed}"
            unnamed += 1
        lines.append(f"{indent}    {zig_name(name)}: {kind},")
    return "\n".join([*lines, indent + "}"])


def types_zig(records: dict[str, Record], prototypes: dict[str, Prototype]) -> str:
    """zig/bpf/types.zig: the structs a program shares with the kernel, then the kernel's own as opaque."""
    shared = {name: record for name, record in records.items() if name not in NOT_FOR_PROGRAMS}
    mentioned = set(re.findall(r"struct (\w+)", repr(prototypes.values())))
    opaque = sorted(mentioned - set(shared) - set(PROGRAM_NAMES) - {"bpf_map"})
    lines = [
        "//! Structs that a program shares with the kernel, laid out and named as in linux/bpf.h.",
        "//!",
        "//! A nameless struct or union in C is here a field `unnamed_N`, nameless bits are `padding_N`,",
        "//! and a pointer that the verifier widens to 64 bits (`__bpf_md_ptr` in C) is a u64.",
        "",
        'const assert = @import("std").debug.assert;',
    ]
    for name, record in shared.items():
        lines += ["", f"pub const {name} = {zig_record(record, records)};"]
    lines += ["", "// The kernel's own: known by pointer only."]
    lines += [f"pub const {name} = opaque {{}};" for name in opaque]
    lines += ["", "comptime {"]
    for name, record in shared.items():
        lines.append(f"    assert(@sizeOf({name}) == {lay_out(record, records)[1]});")
    return "\n".join([*lines, "}"]) + "\n"


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


def zig_struct(target: str) -> str:
    """``struct sk_buff`` -> ``types.__sk_buff``, ``void`` -> ``anyopaque``."""
    name = target.removeprefix("struct ")
    return "anyopaque" if name == "void" else f"types.{PROGRAM_NAMES.get(name, name)}"


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
        if name in GPL_ONLY:
            lines.append("/// For programs with a GPL-compatible licence only.")
        signature = f"fn ({', '.join(parameters)}) callconv(.c) {zig_result_type(prototype.result)}"
        lines.append(f"pub const {zig_name(name)}: *align(1) const {signature} = @ptrFromInt({number});")
    return "\n".join(lines) + "\n"


def constants_zig(enums: list[Enum]) -> str:
    """zig/bpf/constants.zig: all constants without BPF_, the map types as an enum."""
    lines = ["//! The numbers of linux/bpf.h, without their prefix BPF_.", ""]
    taken: set[str] = set()
    for enum in enums:
        if enum.name == "bpf_map_type":
            members = short_names(enum, "BPF_MAP_TYPE_").items()
            lines += [
                "pub const MapType = enum(u32) {",
                *(f"    {name} = {n}," for n, name in members),
                "};",
                "",
            ]
            continue
        lines += [f"// enum {enum.name}"] if enum.name else []
        for name, number in enum.values.items():
            if name.startswith("_"):
                continue
            short = name.removeprefix("BPF_")
            if short in taken or not short[0].isalpha():
                short = name
            taken.add(short)
            lines.append(f"pub const {short}: {'i64' if number < 0 else 'u64'} = {zig_number(number)};")
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def zig_number(number: int) -> str:
    """As in Python, with lower-case hexadecimal digits."""
    return python_number(number).lower()


# ---------------------------------------------------------------- the command


def outputs(header: Path, libbpf: Path) -> dict[str, str]:
    """File (relative to the checkout) -> content without its first line."""
    text = read_source(header)
    enums = read_enums(text)
    names = {name: number for enum in enums for name, number in enum.values.items()}
    records = read_records(text, names)
    helpers = read_helpers(text)
    prototypes = read_prototypes(header)
    return {
        "pyzbpf/uapi/enums.py": enums_module(enums),
        "pyzbpf/uapi/attrs.py": attrs_module(records),
        "pyzbpf/uapi/helpers.py": helpers_module(helpers),
        "pyzbpf/spec/section_table.py": section_module(read_source(libbpf)),
        "zig/bpf/types.zig": types_zig(records, prototypes),
        "zig/bpf/helpers.zig": helpers_zig(helpers, prototypes),
        "zig/bpf/constants.zig": constants_zig(enums),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the generated kernel tables.")
    parser.add_argument("--bpf-header", type=Path, required=True, help="include/uapi/linux/bpf.h")
    parser.add_argument("--libbpf-source", type=Path, required=True, help="libbpf's src/libbpf.c")
    parser.add_argument("--version-note", default="an unnamed version", help="what the two are from")
    parser.add_argument("--check", action="store_true", help="write nothing, fail if a file differs")
    options = parser.parse_args()
    stale = []
    for name, content in outputs(options.bpf_header, options.libbpf_source).items():
        path = ROOT / name
        comment = "//" if path.suffix == ".zig" else "#"
        first = f"{comment} Generated by scripts/generate_uapi.py from {options.version_note}; do not edit.\n"
        old = path.read_text(encoding="utf-8").partition("\n")[2] if path.exists() else None
        if options.check:
            stale += [name] if old != content else []
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(first + content, encoding="utf-8")
    for name in stale:
        print(f"{name} is stale: run scripts/generate_uapi.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
