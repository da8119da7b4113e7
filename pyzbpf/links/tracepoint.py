"""Tracepoints: a perf event at the tracepoint, and the program linked to it."""

from __future__ import annotations

from pyzbpf.errors import ObjectError, SystemCallError
from pyzbpf.kernel import commands, perf_event, tracefs
from pyzbpf.kernel.syscall import EACCES, EEXIST, EINVAL, detailed
from pyzbpf.links.base import Link, text_option
from pyzbpf.uapi.enums import BPF_PERF_EVENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import ProgramSpec


def attach(program: Fd, spec: ProgramSpec, *, target: str = "") -> Link:
    """Run the program at ``target`` (``category/name``; default: what its section says)."""
    target = text_option("target", target or spec.target, "sched/sched_switch")
    if not target:
        raise ObjectError(
            "the section does not say which tracepoint",
            section=spec.section,
            symbol=spec.name,
            advice="Name it tracepoint/<category>/<name>, or give target= when attaching.",
        )
    event = perf_event.tracepoint(tracefs.tracepoint_id(target), target)
    what = f"tracepoint '{target}'"
    try:
        link = _link(program, event, what)
        try:
            perf_event.enable(event.fileno())
        except BaseException:
            if link is not None:
                link.close()
            raise
    except SystemCallError as error:
        event.close()
        why = _REASONS.get(error.errno or 0)
        if why is not None:
            raise detailed(error, f"{what}: {why}") from error
        raise
    except BaseException:
        event.close()
        raise
    return Link(spec, what, [event] if link is None else [link, event])


def _link(program: Fd, event: Fd, what: str) -> Fd | None:
    """A link of the kernel (Linux 5.15, commit b89fbfbb854c), or None: the program is set on the event."""
    try:
        return commands.link_create(
            what,
            capability="CAP_PERFMON",
            prog_fd=program.fileno(),
            target_fd=event.fileno(),
            attach_type=BPF_PERF_EVENT,
        )
    except SystemCallError as error:
        if error.errno != EINVAL:
            raise
    perf_event.set_program(event.fileno(), program.fileno())
    return None


_REASONS = {
    # perf_event_set_bpf_prog compares the highest context offset the program reads with the
    # tracepoint's record.
    EACCES: "the program reads beyond the end of this tracepoint's record; compare its fields with events/*/*/format",
    # perf_event_attach_bpf_prog: a program stands in a tracepoint's array once.
    EEXIST: "the same program is attached there already; detach its link first",
}
