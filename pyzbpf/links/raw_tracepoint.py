"""Raw tracepoints: the program gets the tracepoint's arguments as they are (Linux 4.17)."""

from __future__ import annotations

from pyzbpf.errors import NotFoundError, ObjectError, SystemCallError, UnsupportedError
from pyzbpf.kernel import commands, tracefs
from pyzbpf.kernel.syscall import EEXIST, EINVAL, ENOENT, detailed
from pyzbpf.links.base import Link, cookie_option, text_option
from pyzbpf.uapi import since

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import ProgramSpec


def attach(program: Fd, spec: ProgramSpec, *, target: str = "", cookie: int = 0) -> Link:
    """Run the program at the raw tracepoint ``target`` (default: what its section says).

    ``cookie`` is a number that the program gets from bpf_get_attach_cookie (Linux 6.10).
    """
    name = text_option("target", target or spec.target, "sched_switch")
    cookie = cookie_option(cookie)
    if not name:
        raise ObjectError(
            "the section does not say which raw tracepoint",
            section=spec.section,
            symbol=spec.name,
            advice="Name it raw_tp/<name>, or give target= when attaching.",
        )
    try:
        link = commands.raw_tracepoint_open(program.fileno(), name, cookie=cookie)
    except SystemCallError as error:
        if error.errno == EINVAL and cookie:
            raise UnsupportedError(
                f"a cookie (raw tracepoint '{name}')", since=since.RAW_TRACEPOINT_COOKIE
            ) from error
        if error.errno == EEXIST:  # not of every kernel: newer ones run the program twice
            why = (
                f"raw tracepoint '{name}': the same program is attached there already; detach its link first"
            )
            raise detailed(error, why) from error
        if error.errno != ENOENT:
            raise
        hint = "; a raw tracepoint has no category" if "/" in name else ""
        near = tracefs.similar(name.rpartition("/")[2])
        raise NotFoundError(f"this kernel has no raw tracepoint '{name}'{hint}{near}") from error
    return Link(spec, f"raw tracepoint '{name}'", [link])
