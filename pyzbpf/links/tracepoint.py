"""Tracepoints: a perf event at the tracepoint, and the program on it (Linux 4.7)."""

from __future__ import annotations

from pyzbpf.errors import ObjectError, SystemCallError
from pyzbpf.kernel import perf_event, tracefs
from pyzbpf.kernel.syscall import EACCES, EEXIST, explained
from pyzbpf.links import perf_link
from pyzbpf.links.base import Link, cookie_option, text_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import ProgramSpec


def attach(program: Fd, spec: ProgramSpec, *, target: str = "", cookie: int = 0) -> Link:
    """Run the program at ``target`` (``category/name``; default: what its section says).

    ``cookie`` is a number that the program gets from bpf_get_attach_cookie (Linux 5.15).
    """
    target = text_option("target", target or spec.target, "sched/sched_switch")
    cookie = cookie_option(cookie)
    if not target:
        raise ObjectError(
            "the section does not say which tracepoint",
            section=spec.section,
            symbol=spec.name,
            advice="Name it tracepoint/<category>/<name>, or give target= when attaching.",
        )
    what = f"tracepoint '{target}'"
    event = perf_event.tracepoint(tracefs.tracepoint_id(target), target)
    try:
        parts = perf_link.run_at(event, program, what, cookie=cookie)
    except SystemCallError as error:
        raise explained(error, what, _REASONS) from error
    return Link(spec, what, parts)


_REASONS = {
    # perf_event_set_bpf_prog compares the highest context offset the program reads with the
    # tracepoint's record.
    EACCES: "the program reads beyond the end of this tracepoint's record; compare its fields with events/*/*/format",
    # perf_event_attach_bpf_prog: a program stands in a tracepoint's array once.
    EEXIST: "the same program is attached there already; detach its link first",
}
