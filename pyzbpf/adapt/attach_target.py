"""Programs that name a place of the kernel when they are loaded: its type id.

The verifier checks a program for tp_btf, fentry, LSM and their kin against the prototype of what it
attaches to. The kernel's types hold these places under names with a prefix.
"""

from __future__ import annotations

from pyzbpf.adapt.target import NO_TYPES
from pyzbpf.btf import types as kinds
from pyzbpf.errors import NotFoundError, ObjectError, UnsupportedError
from pyzbpf.uapi import enums as e
from pyzbpf.uapi import since

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyzbpf.adapt.target import Target
    from pyzbpf.spec.model import ProgramSpec

# Attach type -> prefix of the name, kind of the type, what it is.
_PLACES = {
    e.BPF_TRACE_RAW_TP: ("btf_trace_", kinds.TYPEDEF, "tracepoint"),
    e.BPF_TRACE_FENTRY: ("", kinds.FUNC, "function"),
    e.BPF_TRACE_FEXIT: ("", kinds.FUNC, "function"),
    e.BPF_TRACE_FSESSION: ("", kinds.FUNC, "function"),
    e.BPF_MODIFY_RETURN: ("", kinds.FUNC, "function"),
    e.BPF_LSM_MAC: ("bpf_lsm_", kinds.FUNC, "LSM hook"),
    e.BPF_LSM_CGROUP: ("bpf_lsm_", kinds.FUNC, "LSM hook"),
    e.BPF_TRACE_ITER: ("bpf_iter_", kinds.FUNC, "iterator"),
}
# What `pyzbpf list` calls those with a prefix.
_LISTED = {"btf_trace_": "tp_btf", "bpf_lsm_": "lsm", "bpf_iter_": "iter"}
_TYPES = frozenset((e.BPF_PROG_TYPE_TRACING, e.BPF_PROG_TYPE_LSM))


def needed(program: ProgramSpec) -> bool:
    """Whether the kernel must be told what the program attaches to when it is loaded."""
    return program.type in _TYPES and program.attach_type in _PLACES


def find(program: ProgramSpec, open_target: Callable[[], Target], *, file: str) -> tuple[int, str]:
    """(type id of the place that the section names, module that it is in or ""); NotFoundError, with similar
    names, for a wrong one. The section may name the module: ``fentry/module:function``.
    """
    assert program.attach_type is not None
    prefix, kind, what = _PLACES[program.attach_type]
    home, _, name = program.target.rpartition(":")
    if not name:
        raise ObjectError(
            f"the section does not say which {what}",
            file=file, section=program.section, symbol=program.name,
            advice=f"Name it {program.kind}/<{what}>.",
        )  # fmt: skip
    try:
        target = open_target()
    except UnsupportedError as error:
        raise UnsupportedError(
            f"a program of kind '{program.kind}' ('{program.name}'), which is checked against the kernel's type "
            "information,",
            since=since.TRAMPOLINES,
            advice=NO_TYPES,
        ) from error
    full = prefix + name
    pairs = target.find(full, kind) if home in ("", "vmlinux") else target.find(full, kind, home)
    for types, found in pairs:
        if found.name == full and not (home == "vmlinux" and types.first != 1):
            return types.id_of(found), "" if types.first == 1 else types.name
    if home not in ("", "vmlinux"):
        raise NotFoundError(
            f"the module {home} has no {what} '{name}', or is not loaded",
            file=file, section=program.section, symbol=program.name,
            advice=f"modprobe {home}; ls /sys/kernel/btf shows the modules whose types are known.",
        )  # fmt: skip
    if prefix == "bpf_lsm_" and not any(True for _ in target.names(prefix)):
        raise UnsupportedError(
            f"a program of kind '{program.kind}' ('{program.name}') on {target.name}",
            since=since.PROGRAMS[e.BPF_PROG_TYPE_LSM],
            advice="It has no LSM hooks for BPF: it was built without CONFIG_BPF_LSM.",
        )
    near = _near(name, prefix, target, kind)
    listing = f"`pyzbpf list {_LISTED[prefix]}` lists what there is." if prefix in _LISTED else None
    raise NotFoundError(
        f"{target.name} has no {what} '{name}'" + (f"; did you mean {' or '.join(near)}?" if near else ""),
        file=file,
        section=program.section,
        symbol=program.name,
        advice=None if near else listing,
    )


def _near(name: str, prefix: str, target: Target, kind: int) -> list[str]:
    """Names that are like it, of types of that kind: for a message, so it may take its time."""
    from difflib import get_close_matches

    names = {text.removeprefix(prefix) for text in target.names(prefix)}
    if not prefix:  # of a hundred thousand functions most are ruled out by their length and first letters
        start = name[: len(name) // 4]
        names = {text for text in names if abs(len(text) - len(name)) <= 3 and text.startswith(start)}
    found = get_close_matches(name, sorted(names), n=8, cutoff=0.55 if prefix else 0.7)
    return [
        text for text in found if any(t.name == prefix + text for _, t in target.find(prefix + text, kind))
    ][:3]
