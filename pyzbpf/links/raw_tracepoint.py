"""Raw tracepoints: the program gets the tracepoint's arguments as they are (Linux 4.17)."""

from __future__ import annotations

from pyzbpf.errors import NotFoundError, ObjectError, SystemCallError
from pyzbpf.kernel import commands, tracefs
from pyzbpf.kernel.syscall import EEXIST, ENOENT, detailed
from pyzbpf.links.base import Link, text_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import ProgramSpec


def attach(program: Fd, spec: ProgramSpec, *, target: str = "") -> Link:
    """Run the program at the raw tracepoint ``target`` (default: what its section says)."""
    name = text_option("target", target or spec.target, "sched_switch")
    if not name:
        raise ObjectError(
            "the section does not say which raw tracepoint",
            section=spec.section,
            symbol=spec.name,
            advice="Name it raw_tp/<name>, or give target= when attaching.",
        )
    try:
        link = commands.raw_tracepoint_open(program.fileno(), name)
    except SystemCallError as error:
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
