"""Uprobes and uretprobes: the program runs at a place in a program or library, in every process that maps it (Linux 4.17)."""

from __future__ import annotations

import os
from os import fspath

from pyzbpf.errors import Error, NotFoundError, ObjectError, SystemCallError
from pyzbpf.kernel import perf_event
from pyzbpf.kernel.syscall import EINVAL, EIO, ENOTSUPP, EOPNOTSUPP, ESRCH, explained
from pyzbpf.links import perf_link
from pyzbpf.links.base import Link, cookie_option, number_option, process_option, text_option
from pyzbpf.links.place import on_return, refuse_offset, split_offset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike

    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import ProgramSpec


def attach(
    program: Fd,
    spec: ProgramSpec,
    *,
    path: str | PathLike[str] | None = None,
    symbol: str | None = None,
    offset: int = 0,
    pid: int | None = None,
    root: str | PathLike[str] = "",
    cookie: int = 0,
) -> Link:
    """Run the program at a function of a file; the defaults are what the section says (``PATH:SYMBOL+OFFSET``).

    ``path`` is a program or library, by path or by name ("libc.so.6", "libssl", "python3"), below ``root``
    where that is given ("/proc/4711/root": as the process 4711 sees it, in its container); ``symbol`` a
    function of it; ``offset`` is in bytes from there, without a symbol from the start of the file. ``pid``:
    in that process only, 0 in this one. ``cookie`` is a number that the program gets from bpf_get_attach_cookie (Linux
    5.15). NotFoundError for a file or symbol that does not exist, with similar names.
    """
    place, _, said = spec.target.partition(":")
    file = text_option("path", fspath(path) if path is not None else place, "/usr/bin/python3")
    name, further = split_offset(text_option("symbol", said if symbol is None else symbol, "malloc"))
    offset = number_option("offset", offset) + further
    process = process_option(pid)
    cookie = cookie_option(cookie)
    if not file or not (name or offset):
        raise ObjectError(
            f"the section does not say which {'function' if file else 'program or library'}",
            section=spec.section,
            symbol=spec.name,
            advice=f"Name it {spec.kind}/<path or library>:<function>, or give path= and symbol= (or offset=) when "
            "attaching.",
        )
    refuse_offset(spec, offset if name else 0)
    file, at = _place(file, fspath(root), name, offset)
    what = f"{spec.kind} at '{file}:{name or ''}{f'+{offset:#x}' if offset else ''}'"
    try:
        event = perf_event.probe("uprobe", file, at, what, on_return=on_return(spec), process=process)
        parts = perf_link.run_at(event, program, what, cookie=cookie)
    except SystemCallError as error:
        raise refused(error, what, process) from error
    return Link(spec, what, parts)


def _place(file: str, root: str, name: str, offset: int) -> tuple[str, int]:
    """The file, and the offset in it."""
    from pyzbpf.elf import executable, library  # pyelftools: only where a file is looked into

    file = library.find(file, root)
    try:
        at = offset + (executable.function_offset(file, name) if name else 0)
        size = os.stat(file).st_size
    except OSError as error:
        raise NotFoundError(f"cannot be read: {error.strerror}", file=file) from error
    if at >= size > 0:
        raise ObjectError(
            f"is beyond the end of the file, which has {size:#x} bytes",
            file=file,
            symbol=name or None,
            offset=at,
            advice="offset= is in bytes from the start of the function, without a symbol from the start of the file.",
        )
    return file, at


def refused(error: SystemCallError, what: str, process: int | None) -> Error:
    """Why the kernel puts no probe there."""
    if error.errno == ESRCH:
        return NotFoundError(f"{what}: there is no process {process}")
    return explained(error, what, _REASONS)


_CLOSED = "this instruction cannot be probed, or no instruction begins at this offset"

_REASONS = {
    EINVAL: "it is no regular file, or lies on a file system without pages to probe",
    EIO: "there is no code at this offset that the kernel can read",
    EOPNOTSUPP: _CLOSED,
    ENOTSUPP: _CLOSED,
}
