"""Kprobes and kretprobes: the program runs at an instruction of the kernel, or when a function returns (Linux 4.17)."""

from __future__ import annotations

from pyzbpf.errors import Error, NotFoundError, ObjectError, SystemCallError
from pyzbpf.kernel import kallsyms, perf_event
from pyzbpf.kernel.syscall import EADDRNOTAVAIL, EILSEQ, EINVAL, ENOENT, EOPNOTSUPP, explained
from pyzbpf.links import perf_link
from pyzbpf.links.base import Link, cookie_option, number_option, text_option
from pyzbpf.links.place import on_return, refuse_offset, split_offset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import ProgramSpec


def attach(
    program: Fd, spec: ProgramSpec, *, function: str | None = None, offset: int = 0, cookie: int = 0
) -> Link:
    """Run the program at ``function`` (default: what its section says), ``offset`` bytes into it.

    ``cookie`` is a number that the program gets from bpf_get_attach_cookie (Linux 5.15). UnsupportedError
    where the kernel has no kprobes, NotFoundError with similar names for a function it does not have.
    """
    name, further = split_offset(
        text_option("function", spec.target if function is None else function, "do_nanosleep")
    )
    offset = number_option("offset", offset) + further
    cookie = cookie_option(cookie)
    if not name:
        raise ObjectError(
            "the section does not say which function of the kernel",
            section=spec.section,
            symbol=spec.name,
            advice=f"Name it {spec.kind}/<function>, or give function= when attaching.",
        )
    refuse_offset(spec, offset)
    what = f"{spec.kind} at '{name}'" if not offset else f"{spec.kind} at '{name}+{offset:#x}'"
    try:
        event = perf_event.probe("kprobe", name, offset, what, on_return=on_return(spec))
        parts = perf_link.run_at(event, program, what, cookie=cookie)
    except SystemCallError as error:
        raise _refused(error, what, name) from error
    return Link(spec, what, parts)


def _refused(error: SystemCallError, what: str, name: str) -> Error:
    if error.errno == ENOENT:
        try:
            if not kallsyms.has(name.rpartition(":")[2]):
                return NotFoundError(
                    f"{what}: this kernel has no function '{name}'{kallsyms.similar(name)}",
                    advice="The compiler may have inlined it, or it is in a module that is not loaded; "
                    "/proc/kallsyms has the names there are.",
                )
        except Error:  # no /proc/kallsyms to look into
            pass
    return explained(error, what, _REASONS)


_CLOSED = "this place cannot be probed: marked notrace or on the kernel's list (debugfs kprobes/blacklist), or no code"

_REASONS = {
    ENOENT: _CLOSED,
    EINVAL: _CLOSED,
    EOPNOTSUPP: _CLOSED,
    EILSEQ: "no instruction begins at this offset",
    # Linux 6.7, commit b022f0c7e404: before, the first one found was probed.
    EADDRNOTAVAIL: "the kernel has several functions of this name, or it is none of code; probe another one",
}
