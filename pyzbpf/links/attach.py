"""Kind of a program -> how it is attached; each kind's file is imported on use."""

from __future__ import annotations

import sys

from pyzbpf.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from pyzbpf.kernel.fd import Fd
    from pyzbpf.links.base import Link
    from pyzbpf.spec.model import ProgramSpec

_UPROBE = ("path", "symbol", "offset", "pid", "cookie")
_ITERATOR = ("map", "cgroup", "order", "pid", "tid")

# Kind as in the section table -> file, and the options its attach() takes.
KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "socket": ("pyzbpf.links.socket_filter", ("interface",)),
    "kprobe": ("pyzbpf.links.kprobe", ("function", "offset", "cookie")),
    "kretprobe": ("pyzbpf.links.kprobe", ("function", "offset", "cookie")),
    "uprobe": ("pyzbpf.links.uprobe", _UPROBE),
    "uretprobe": ("pyzbpf.links.uprobe", _UPROBE),
    "uprobe.s": ("pyzbpf.links.uprobe", _UPROBE),
    "uretprobe.s": ("pyzbpf.links.uprobe", _UPROBE),
    "tracepoint": ("pyzbpf.links.tracepoint", ("target", "cookie")),
    "tp": ("pyzbpf.links.tracepoint", ("target", "cookie")),
    "tracepoint.s": ("pyzbpf.links.tracepoint", ("target", "cookie")),
    "tp.s": ("pyzbpf.links.tracepoint", ("target", "cookie")),
    "raw_tracepoint": ("pyzbpf.links.raw_tracepoint", ("target",)),
    "raw_tp": ("pyzbpf.links.raw_tracepoint", ("target",)),
    "raw_tracepoint.s": ("pyzbpf.links.raw_tracepoint", ("target",)),
    "raw_tp.s": ("pyzbpf.links.raw_tracepoint", ("target",)),
    "raw_tracepoint.w": ("pyzbpf.links.raw_tracepoint", ("target",)),
    "raw_tp.w": ("pyzbpf.links.raw_tracepoint", ("target",)),
    "tp_btf": ("pyzbpf.links.tracing", ()),
    "tp_btf.s": ("pyzbpf.links.tracing", ()),
    "fentry": ("pyzbpf.links.tracing", ()),
    "fentry.s": ("pyzbpf.links.tracing", ()),
    "fexit": ("pyzbpf.links.tracing", ()),
    "fexit.s": ("pyzbpf.links.tracing", ()),
    "fmod_ret": ("pyzbpf.links.tracing", ()),
    "fmod_ret.s": ("pyzbpf.links.tracing", ()),
    "lsm": ("pyzbpf.links.tracing", ()),
    "lsm.s": ("pyzbpf.links.tracing", ()),
    "perf_event": ("pyzbpf.links.perf_event", ("event", "frequency", "period", "pid", "cpu", "cookie")),
    "iter": ("pyzbpf.links.iterator", _ITERATOR),
    "iter.s": ("pyzbpf.links.iterator", _ITERATOR),
    "xdp": ("pyzbpf.links.xdp", ("interface", "mode")),
    "xdp.frags": ("pyzbpf.links.xdp", ("interface", "mode")),
}


def options(kind: str) -> tuple[str, ...]:
    """The names of the options that attaching this kind takes."""
    return KINDS[kind][1] if kind in KINDS else ()


def attach(program: Fd, spec: ProgramSpec, **given: Any) -> Link:
    """Attach a loaded program where its section says; ``given`` are the kind's options."""
    if spec.kind not in KINDS:
        raise Error(
            f"program '{spec.name}': pyzbpf does not attach programs of kind '{spec.kind}' yet (section "
            f"'{spec.section}'), whatever the kernel can\n"
            f"  These kinds can be attached: {', '.join(KINDS)}. Set spec.programs['{spec.name}'].autoattach = "
            "False to attach the others, or run it with test_run()."
        )
    file, known = KINDS[spec.kind]
    for name in given:
        if name not in known:
            raise TypeError(
                f"attaching a program of kind '{spec.kind}' takes {' and '.join(known)}, not '{name}'"
            )
    return _file(file).attach(program, spec, **given)  # type: ignore[no-any-return]


def _file(name: str) -> ModuleType:
    __import__(name)  # importlib itself would cost 0.5 ms of start-up
    return sys.modules[name]
