"""What tracepoints, kprobes, uprobes and samples have in common: the program on a perf event."""

from __future__ import annotations

import os

from pyzbpf.errors import SystemCallError, UnsupportedError
from pyzbpf.kernel import commands, perf_event
from pyzbpf.kernel.syscall import EINVAL
from pyzbpf.uapi.enums import BPF_PERF_EVENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.kernel.fd import Fd


def run_at(event: Fd, program: Fd, what: str, *, cookie: int = 0) -> list[Fd]:
    """Run the program at each event, and start the event: what the link is made of.

    The event is the link's from now on; it is closed where this fails.
    """
    parts = [event]
    try:
        link = _link(program, event, what, cookie)
        if link is not None:
            parts.insert(0, link)
        perf_event.enable(event.fileno())
    except BaseException:
        for part in parts:
            part.close()
        raise
    return parts


def _link(program: Fd, event: Fd, what: str, cookie: int) -> Fd | None:
    """A link of the kernel (Linux 5.15, commit b89fbfbb854c), or None: the program is set on the event."""
    try:
        return commands.link_create(
            what,
            capability="CAP_PERFMON",
            prog_fd=program.fileno(),
            target_fd=event.fileno(),
            attach_type=BPF_PERF_EVENT,
            **{"perf_event.bpf_cookie": cookie},
        )
    except SystemCallError as error:
        if error.errno != EINVAL:
            raise
        from pyzbpf.kernel import limits
        from pyzbpf.uapi import since

        if cookie and limits.older(os.uname().release, since.PERF_LINK):
            raise UnsupportedError(f"a cookie ({what})", since=since.PERF_LINK) from error
        if cookie:
            raise
    perf_event.set_program(event.fileno(), program.fileno())
    return None
