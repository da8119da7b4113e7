"""Programs that were loaded for one place of the kernel: tp_btf, fentry, fexit, fmod_ret, LSM (Linux 5.5)."""

from __future__ import annotations

from pyzbpf.errors import SystemCallError, UnsupportedError
from pyzbpf.kernel import commands, limits
from pyzbpf.kernel.syscall import E2BIG, EBUSY, EEXIST, EINVAL, ENOENT, ENOMEM, ENOTSUPP, explained
from pyzbpf.links.base import Link, cookie_option
from pyzbpf.uapi import since
from pyzbpf.uapi.enums import BPF_TRACE_RAW_TP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import ProgramSpec


def attach(program: Fd, spec: ProgramSpec, *, cookie: int = 0) -> Link:
    """Run the program where its section says; the kernel learned that place when it was loaded.

    ``cookie`` is a number that the program gets from bpf_get_attach_cookie (Linux 5.19; tp_btf 6.10).
    """
    what = f"{spec.kind.removesuffix('.s')} '{spec.target}'"
    cookie = cookie_option(cookie)
    try:
        link = _link(program, spec, what, cookie)
    except SystemCallError as error:
        if error.errno in (ENOTSUPP, ENOMEM):
            missing = limits.no_trampolines()
            if missing:
                raise UnsupportedError(what, advice=missing) from error
        raise explained(error, what, _REASONS) from error
    return Link(spec, what, [link])


def _link(program: Fd, spec: ProgramSpec, what: str, cookie: int) -> Fd:
    """BPF_RAW_TRACEPOINT_OPEN is the older way, and takes a cookie for tracepoints only."""
    if not cookie:
        return commands.raw_tracepoint_open(program.fileno(), "", what)
    is_tracepoint = spec.attach_type == BPF_TRACE_RAW_TP
    try:
        if is_tracepoint:
            return commands.raw_tracepoint_open(program.fileno(), "", what, cookie)
        return commands.link_create(
            what,
            capability="CAP_BPF and CAP_PERFMON",
            prog_fd=program.fileno(),
            attach_type=spec.attach_type or 0,
            **{"tracing.cookie": cookie},
        )
    except SystemCallError as error:
        if error.errno != EINVAL:
            raise
        first = since.RAW_TRACEPOINT_COOKIE if is_tracepoint else since.TRACING_COOKIE
        raise UnsupportedError(f"a cookie ({what})", since=first) from error


_REASONS = {
    # bpf_tracing_prog_attach: until Linux 5.14 the trampoline went with the first link.
    ENOENT: "the program has been attached before, and this kernel takes it once; load the object again",
    # bpf_trampoline_link_prog
    EBUSY: "the same program is attached there already, or another kind of tracer holds the function",
    EEXIST: "the same program is attached there already; detach its link first",
    E2BIG: "38 programs are attached there, and no more fit",
}
