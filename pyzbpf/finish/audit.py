"""The last look: would kernel, libbpf and our own loader accept the object?

Whatever can be known without a kernel is refused here, when the probe is built, with the place and
what to do, instead of on the user's machine.
"""

from __future__ import annotations

from pyzbpf.btf.names import is_c_name
from pyzbpf.elf import image as elf
from pyzbpf.errors import ObjectError
from pyzbpf.insn import instruction as insn
from pyzbpf.spec.section import check as check_section
from pyzbpf.uapi import enums
from pyzbpf.uapi.helpers import HELPERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyzbpf.elf.image import Image
    from pyzbpf.spec.model import FunctionSpec, MapSpec, ObjectSpec

# license_is_gpl_compatible() of the kernel's include/linux/license.h.
GPL_COMPATIBLE = frozenset(
    ("GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL")
)

# Sections whose symbols the loader fills from the kernel (clang's __ksym and __kconfig).
_EXTERN_SECTIONS = (".ksyms", ".kconfig")

# Map types by what their definition must say; the rest needs key, value and max_entries.
_NO_KEY = frozenset((enums.BPF_MAP_TYPE_RINGBUF, enums.BPF_MAP_TYPE_USER_RINGBUF, enums.BPF_MAP_TYPE_ARENA))
_NO_KEY_SIZE = frozenset(
    (enums.BPF_MAP_TYPE_QUEUE, enums.BPF_MAP_TYPE_STACK, enums.BPF_MAP_TYPE_BLOOM_FILTER)
)
_NO_SIZES = frozenset((enums.BPF_MAP_TYPE_STRUCT_OPS,))
_SIZED_BY_KERNEL = frozenset(
    (
        enums.BPF_MAP_TYPE_PERF_EVENT_ARRAY,
        enums.BPF_MAP_TYPE_SK_STORAGE,
        enums.BPF_MAP_TYPE_INODE_STORAGE,
        enums.BPF_MAP_TYPE_TASK_STORAGE,
        enums.BPF_MAP_TYPE_CGRP_STORAGE,
        enums.BPF_MAP_TYPE_STRUCT_OPS,
        enums.BPF_MAP_TYPE_CGROUP_STORAGE,
        enums.BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE,
    )
)
_LARGEST_PAGE = 65536

# What BPF_MAP_CREATE may be told by flags, by bit; and which kinds alone take some of them.
_MAP_FLAGS = {name: getattr(enums, name) for name in (
    "BPF_F_NO_PREALLOC", "BPF_F_NO_COMMON_LRU", "BPF_F_NUMA_NODE", "BPF_F_RDONLY", "BPF_F_WRONLY",
    "BPF_F_STACK_BUILD_ID", "BPF_F_ZERO_SEED", "BPF_F_RDONLY_PROG", "BPF_F_WRONLY_PROG", "BPF_F_CLONE",
    "BPF_F_MMAPABLE", "BPF_F_PRESERVE_ELEMS", "BPF_F_INNER_MAP", "BPF_F_LINK", "BPF_F_PATH_FD",
    "BPF_F_VTYPE_BTF_OBJ_FD", "BPF_F_TOKEN_FD", "BPF_F_SEGV_ON_FAULT", "BPF_F_NO_USER_CONV",
    "BPF_F_RB_OVERWRITE",
)}  # fmt: skip
_FLAGS_OF_KINDS = {
    "BPF_F_NO_COMMON_LRU": (enums.BPF_MAP_TYPE_LRU_HASH, enums.BPF_MAP_TYPE_LRU_PERCPU_HASH),
    "BPF_F_STACK_BUILD_ID": (enums.BPF_MAP_TYPE_STACK_TRACE,),
    "BPF_F_MMAPABLE": (enums.BPF_MAP_TYPE_ARRAY, enums.BPF_MAP_TYPE_ARENA),
    "BPF_F_INNER_MAP": (enums.BPF_MAP_TYPE_ARRAY,),
    "BPF_F_SEGV_ON_FAULT": (enums.BPF_MAP_TYPE_ARENA,),
    "BPF_F_NO_USER_CONV": (enums.BPF_MAP_TYPE_ARENA,),
    "BPF_F_RB_OVERWRITE": (enums.BPF_MAP_TYPE_RINGBUF,),
}


def check_machine(image: Image, endian: str | None) -> None:
    """The byte order must be the one that was asked for (the machine is the reader's check)."""
    if endian is not None and image.endian != endian:
        raise ObjectError(
            f"a {image.endian}-endian object where a {endian}-endian one was asked for",
            file=image.file,
            advice=f"compile for {'bpfel' if endian == 'little' else 'bpfeb'}",
        )


def check_jumps(image: Image) -> None:
    """No passes follow a jump to where a register says, and kernels know it since Linux 6.19 only."""
    for code in image.sections:
        places = code.data[:: insn.SIZE] if code.is_code else b""
        place = bytes(places).find(insn.JA_REGISTER) * insn.SIZE
        if place >= 0:
            inside = [s.name for s in image.functions_in(code) if s.value <= place < s.value + s.size]
            raise ObjectError(
                "a `switch` became a jump table, which kernels take since Linux 6.19 only",
                file=image.file,
                section=code.name,
                symbol=next(iter(inside), None),
                offset=place,
                advice="build the probe for cpu v3, where it is a chain of comparisons (the default)",
            )


def check(spec: ObjectSpec, image: Image) -> None:
    """Raise ObjectError for the first fault."""
    for program in spec.programs.values():
        check_section(program, file=spec.file)
    if not spec.programs:
        raise ObjectError(
            "no program in this object",
            file=spec.file,
            advice="a file that others import is no probe: keep it out of `probes` (name the probes, or move "
            'it to another folder). A program is a function that `pub const programs = .{ .drop = "xdp" };` names, or an '
            'exported one in a section of its own: `export fn drop(ctx: *bpf.XdpMd) linksection("xdp") c_int`',
        )
    _check_names(image)
    _check_symbols(spec, image)
    for found in spec.maps.values():
        _check_map(spec, found)
    for function in spec.functions.values():
        _check_helpers(spec, function)


# By what is done with the symbol. Of an `extern fn` Zig tells the object nothing but the name.
_UNDEFINED = {
    "kfunc": "define it in the probe; or, if it is the kernel's, show its type: `pub extern fn` in the probe's own "
    "file, with `comptime { bpf.declare(@This()); }` in another, or bpf.kfunc(name, Prototype), in C `extern … __ksym`",
    "extern": "define it in the probe; or, if it is the kernel's, declare it: `extern const name: Type`, "
    "bpf.ksym(name) or bpf.kconfig(Type, name), a function `pub extern fn`, in C `extern … __ksym` or `__kconfig`",
}


def _check_names(image: Image) -> None:
    for symbol in image.symbols:
        section = symbol.section
        if section is not None and symbol.binding != elf.STB_LOCAL and not is_c_name(symbol.name):
            raise ObjectError(
                "an exported name that C could not spell, which the kernel refuses",
                file=image.file,
                section=section.name,
                symbol=symbol.name,
                offset=symbol.value,
                advice="letters, digits and underscores, no digit first; or do not export it",
            )


def _check_symbols(spec: ObjectSpec, image: Image) -> None:
    for function in spec.functions.values():
        for reference in function.references:
            if reference.kind not in ("extern", "kfunc") or _declared(spec, reference.name):
                continue
            advice = _UNDEFINED[reference.kind]
            if reference.name.startswith("__"):
                advice = "BPF has no such run-time routine: use narrower integers or split the operation"
            raise ObjectError(
                "unresolved symbol",
                file=image.file,
                section=function.section,
                symbol=reference.name,
                offset=reference.offset,
                advice=f"used by function '{function.name}'; {advice}",
            )
    for section in image.sections:
        if section.is_data and section.relocations:
            first = section.relocations[0]
            home = first.symbol.section
            what = "the address of a function" if home is not None and home.is_code else "an address"
            raise ObjectError(
                f"{_user(spec, section.name, first.offset)}data that holds {what}, which no loader can fill in",
                file=image.file,
                section=section.name,
                symbol=first.symbol.name,
                offset=first.offset,
                advice="keep slices and pointers out of global variables and constant tables; use arrays and indices: "
                'instead of an array of slices one of texts of a length, `[_][4]u8{ "zero".*, "one\\x00".* }`; instead of '
                "@errorName(e) the number @intFromError(e), or a `switch` over it; a `switch` where functions are to be chosen",
            )


def _user(spec: ObjectSpec, section: str, offset: int) -> str:
    """The line of the instruction that refers to what lies there, "probe.zig:9: "; "" where none is known."""
    found = [
        (reference.addend, function, reference.offset // insn.SIZE)
        for function in spec.functions.values()
        for reference in function.references
        if reference.kind == "data" and reference.name == section and reference.addend <= offset
    ]
    if not found or spec.btf is None:
        return ""
    _, function, place = max(found, key=lambda use: use[0])
    before = [line for line in function.lines if line[0] <= place]
    if not before:
        return ""
    _, file, _, position = max(before)
    return f"{spec.btf.string(file)}:{position >> 10}: function '{function.name}' uses "


def _declared(spec: ObjectSpec, name: str) -> bool:
    """Whether the BTF lists the symbol in .ksyms or .kconfig."""
    if spec.btf is None:
        return False
    for found in spec.btf.types:
        if found is None or found.name not in _EXTERN_SECTIONS:
            continue
        if any(spec.btf.get(variable_id).name == name for variable_id, _, _ in found.variables):
            return True
    return False


def _check_map(spec: ObjectSpec, found: MapSpec) -> None:
    if found.contents is not None:
        return

    def fault(message: str, advice: str) -> ObjectError:
        return ObjectError(message, file=spec.file, section=found.section, symbol=found.name, advice=advice)

    kind = enums.MAP_TYPE_NAMES.get(found.type)
    if kind is None or found.type == 0:
        advice = "the definition must say its `type`"
        if found.section == "maps":
            advice += '; a BTF-defined map such as bpf.Hash belongs into `linksection(".maps")`, with a dot'
        raise fault(f"a map of the unknown type {found.type}", advice)
    _check_flags(found, kind, fault)
    if found.type in _NO_SIZES:
        return
    if found.type in _NO_KEY:
        if found.key_size or found.value_size:
            raise fault(f"a {kind} map takes no key and no value", "leave `key` and `value` out")
        _check_ring_size(found, kind, fault)
        return
    if not found.key_size and found.type not in _NO_KEY_SIZE:
        raise fault(f"a {kind} map without a key size", "the definition must say `key` or `key_size`")
    if not found.value_size:
        raise fault(f"a {kind} map without a value size", "the definition must say `value` or `value_size`")
    if not found.max_entries and found.type not in _SIZED_BY_KERNEL:
        raise fault(
            f"a {kind} map without max_entries", "the definition must say how many entries it may hold"
        )
    aggregate, _, traces = found.aggregate.partition(":")
    if aggregate == "stacks" and spec.maps[traces].type != enums.BPF_MAP_TYPE_STACK_TRACE:
        raise fault(
            f"its traces are to be in '{traces}', which is no map of stack traces",
            f'export var {traces}: bpf.StackTrace(1024) linksection(".maps") = .{{}};',
        )


def _check_flags(found: MapSpec, kind: str, fault: Callable[[str, str], ObjectError]) -> None:
    unknown = found.flags & ~sum(_MAP_FLAGS.values())
    if unknown:
        known = [name for name, bit in _MAP_FLAGS.items() if found.flags & bit]
        rest = f" beside {' | '.join(known)}" if known else ""
        raise fault(
            f"a {kind} map with flags that no kernel knows: {unknown:#x}{rest}",
            "flags are the sum of BPF_F_ constants (`bpf.constants.F_MMAPABLE` in Zig)",
        )
    for name, kinds in _FLAGS_OF_KINDS.items():
        if found.flags & _MAP_FLAGS[name] and found.type not in kinds:
            takes = " and ".join(enums.MAP_TYPE_NAMES[one] for one in kinds)
            raise fault(
                f"a {kind} map with {name}, which the kernel refuses", f"maps of kind {takes} take it"
            )


def _check_ring_size(found: MapSpec, kind: str, fault: Callable[[str, str], ObjectError]) -> None:
    if found.type == enums.BPF_MAP_TYPE_ARENA:
        return
    if not found.max_entries:  # any other is rounded up by loaders: to a power of two, at least a page
        raise fault(
            f"a {kind} map of 0 bytes",
            f"max_entries is its size in bytes: a power of two ({_LARGEST_PAGE} works on every page size)",
        )


def _check_helpers(spec: ObjectSpec, function: FunctionSpec) -> None:
    compatible = spec.license in GPL_COMPATIBLE
    for offset, number in insn.helper_calls(function.instructions, spec.endian):
        if any(reference.offset == offset for reference in function.references):
            continue

        def fault(message: str, advice: str, offset: int = offset) -> ObjectError:
            return ObjectError(message, file=spec.file, section=function.section, symbol=function.name,
                               offset=offset, advice=advice)  # fmt: skip

        known = HELPERS.get(number)
        if known is None:
            raise fault(f"calls helper {number}, which no kernel has", 'use the helpers of @import("bpf")')
        name, gpl_only = known
        if gpl_only and not compatible:
            licensed = f"its licence is '{spec.license}'" if spec.license else "it has no licence"
            raise fault(
                f"calls bpf_{name}(), which the kernel gives to GPL-compatible programs only, and {licensed}",
                'declare `pub const license = "GPL";` (or "Dual MIT/GPL", "Dual BSD/GPL") in the probe',
            )
