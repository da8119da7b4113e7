"""The last look at what only types tell: programs with the wrong context, maps in the wrong section."""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.errors import ObjectError
from pyzbpf.uapi import enums as e

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.btf.decode import Btf
    from pyzbpf.spec.model import ObjectSpec, ProgramSpec

# Context struct -> the program types that the kernel gives it to (include/linux/bpf_types.h).
_CONTEXTS: dict[str, frozenset[int]] = {
    "__sk_buff": frozenset((
        e.BPF_PROG_TYPE_SOCKET_FILTER, e.BPF_PROG_TYPE_SCHED_CLS, e.BPF_PROG_TYPE_SCHED_ACT,
        e.BPF_PROG_TYPE_CGROUP_SKB, e.BPF_PROG_TYPE_LWT_IN, e.BPF_PROG_TYPE_LWT_OUT,
        e.BPF_PROG_TYPE_LWT_XMIT, e.BPF_PROG_TYPE_LWT_SEG6LOCAL, e.BPF_PROG_TYPE_SK_SKB,
        e.BPF_PROG_TYPE_FLOW_DISSECTOR,
    )),
    "xdp_md": frozenset((e.BPF_PROG_TYPE_XDP,)),
    "bpf_raw_tracepoint_args": frozenset((
        e.BPF_PROG_TYPE_RAW_TRACEPOINT, e.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, e.BPF_PROG_TYPE_TRACING,
    )),
    "bpf_sock_addr": frozenset((e.BPF_PROG_TYPE_CGROUP_SOCK_ADDR,)),
    "bpf_sock_ops": frozenset((e.BPF_PROG_TYPE_SOCK_OPS,)),
    "bpf_sock": frozenset((e.BPF_PROG_TYPE_CGROUP_SOCK,)),
    "bpf_sysctl": frozenset((e.BPF_PROG_TYPE_CGROUP_SYSCTL,)),
    "bpf_sockopt": frozenset((e.BPF_PROG_TYPE_CGROUP_SOCKOPT,)),
    "bpf_cgroup_dev_ctx": frozenset((e.BPF_PROG_TYPE_CGROUP_DEVICE,)),
    "bpf_sk_lookup": frozenset((e.BPF_PROG_TYPE_SK_LOOKUP,)),
    "sk_msg_md": frozenset((e.BPF_PROG_TYPE_SK_MSG,)),
    "sk_reuseport_md": frozenset((e.BPF_PROG_TYPE_SK_REUSEPORT,)),
}  # fmt: skip
_TRACEPOINT_KINDS = frozenset(("tracepoint", "tp", "tracepoint.s", "tp.s"))


def check(spec: ObjectSpec) -> None:
    """Raise ObjectError for the first fault; an object without type information has none here."""
    for program in spec.programs.values():
        _check_target(spec, program)
        if spec.btf is not None:
            _check_prototype(spec, spec.btf, program)
    if spec.btf is not None:
        _check_misplaced_maps(spec, spec.btf)


def _fault(spec: ObjectSpec, program: ProgramSpec, message: str, advice: str) -> ObjectError:
    return ObjectError(message, file=spec.file, section=program.section, symbol=program.name, advice=advice)


def _check_target(spec: ObjectSpec, program: ProgramSpec) -> None:
    if program.section.endswith("/"):
        raise _fault(
            spec,
            program,
            f"the section's name ends where it should say what the program of kind '{program.kind}' is for",
            f"write {program.section}<name>; or '{program.section[:-1]}', where it is said when the program is attached",
        )
    if program.kind in _TRACEPOINT_KINDS and program.target and "/" not in program.target:
        raise _fault(
            spec,
            program,
            f"a tracepoint is named by category and name, and '{program.target}' is one word",
            f"write {program.kind}/<category>/{program.target}; the category is the folder in which tracefs "
            "has it: ls -d /sys/kernel/tracing/events/*/" + program.target,
        )


def _check_prototype(spec: ObjectSpec, btf: Btf, program: ProgramSpec) -> None:
    type_id = spec.functions[program.name].type_id
    if not type_id:
        return
    prototype = btf.get(btf.get(type_id).type)
    if prototype.kind != kinds.FUNC_PROTO:
        return
    if not prototype.type:
        raise _fault(
            spec,
            program,
            "the program returns nothing, and the kernel wants its verdict",
            "declare it `c_int` and return a value (0 for programs that only watch)",
        )
    if program.type == e.BPF_PROG_TYPE_EXT:
        return  # it takes what the function takes whose place it has
    for _, parameter in prototype.parameters[:1]:
        _, pointer = btf.resolve(parameter)
        _, context = btf.resolve(pointer.type) if pointer is not None and pointer.type else (0, None)
        allowed = _CONTEXTS.get(context.name) if context is not None else None
        if allowed is not None and context is not None and program.type not in allowed:
            wanted = [name for name, types in _CONTEXTS.items() if program.type in types]
            raise _fault(
                spec,
                program,
                f"the program takes a {context.name}, which is not what a program of kind "
                f"'{program.kind}' is given",
                f"its context is {wanted[0]}" if wanted else "see the SDK's contexts for this kind",
            )


def _check_misplaced_maps(spec: ObjectSpec, btf: Btf) -> None:
    for variable in spec.variables.values():
        _, found = btf.resolve(variable.type_id)
        if found is None or found.kind != kinds.STRUCT:
            continue
        names = [member.name for member in found.members]
        if names[:1] != ["type"] or "max_entries" not in names:
            continue
        first = btf.resolve(found.members[0].type)[1]
        section = ".maps" if first is not None and first.kind == kinds.PTR else "maps"
        raise ObjectError(
            f"a map in section {variable.map.name}, where it is a variable like any other",
            file=spec.file,
            section=variable.map.name,
            symbol=variable.name,
            offset=variable.offset,
            advice=f'declare it `export var {variable.name}: … linksection("{section}")`',
        )
