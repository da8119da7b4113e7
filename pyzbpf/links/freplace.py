"""freplace: the program takes the place of a function of another loaded program (Linux 5.6)."""

from __future__ import annotations

from pyzbpf.errors import SystemCallError, UnsupportedError
from pyzbpf.kernel import commands, limits, program_types
from pyzbpf.kernel.syscall import EBUSY, EINVAL, ENOMEM, ENOTSUPP, explained
from pyzbpf.links.base import Link, text_option
from pyzbpf.uapi import since

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.links.base import Program
    from pyzbpf.spec.model import ProgramSpec


def attach(
    program: Fd, spec: ProgramSpec, *, target: Program | None = None, function: str | None = None
) -> Link:
    """Take the place of the function that it was loaded for: ``spec.load(targets={"new": other})``.

    ``target`` and ``function`` (default: what the section says): of another program, whose function has the
    same prototype (Linux 5.10).
    """
    name = text_option("function", spec.target if function is None else function, "decide")
    if target is not None and not hasattr(target, "info"):
        raise TypeError(f"option 'target' is a loaded program such as other.programs['name'], not {target!r}")
    what = f"freplace of '{name}'" + (f" of program '{target.name}'" if target is not None else "")
    try:
        if target is None:
            link = commands.raw_tracepoint_open(program.fileno(), "", what)
        else:
            link = commands.link_create(
                what,
                capability="CAP_BPF and CAP_PERFMON",
                prog_fd=program.fileno(),
                target_fd=target.fileno(),
                target_btf_id=program_types.function_id(target.fileno(), name),
            )
    except SystemCallError as error:
        missing = limits.no_trampolines() if error.errno in (ENOTSUPP, ENOMEM) else ""
        if missing:
            raise UnsupportedError(what, since=since.TRAMPOLINES, advice=missing) from error
        raise explained(error, what, _REASONS) from error
    return Link(spec, what, [link])


_REASONS = {
    EBUSY: "another program has taken its place already, or the function is traced",
    EINVAL: "the function has another prototype, or the place is taken",
}
