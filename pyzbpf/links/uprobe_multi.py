"""Many places of a program or library by one link: uprobe.multi (Linux 6.6) and, in and out, uprobe.session (6.13)."""

from __future__ import annotations

import os
from os import fspath

from pyzbpf.errors import Error, NotFoundError, ObjectError, SystemCallError, UnsupportedError
from pyzbpf.kernel import commands, limits
from pyzbpf.kernel.syscall import EBADF, EINVAL, EOPNOTSUPP, ESRCH, address, explained
from pyzbpf.links import chosen
from pyzbpf.links.base import Link, process_option, text_option
from pyzbpf.links.place import on_return
from pyzbpf.uapi import enums as e
from pyzbpf.uapi import since

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import ProgramSpec


def attach(
    program: Fd,
    spec: ProgramSpec,
    *,
    path: str | PathLike[str] | None = None,
    symbols: str | Sequence[str] | Mapping[str, int] = "",
    pid: int | None = None,
    root: str | PathLike[str] = "",
) -> Link:
    """Run the program at all ``symbols`` of a file; the defaults are what the section says (``PATH:PATTERN``).

    ``symbols`` is a function's name, a pattern as the shell's ("SSL_*"), a list of them, or a dict of them to
    cookies, which the program gets from bpf_get_attach_cookie. ``path`` is a program or library, by path or by
    name, below ``root`` where that is given ("/proc/4711/root"). ``pid``: in that process only, 0 in this one. NotFoundError for
    a name that the file does not have, with similar ones, and for a pattern that none fits.
    """
    place, _, pattern = spec.target.partition(":")
    said = chosen.said("symbols", symbols, pattern)
    file = text_option("path", place if path is None else fspath(path), "libssl")
    process = process_option(pid) or 0
    if not file or not said:
        raise ObjectError(
            f"the section does not say which {'functions' if file else 'program or library'}",
            section=spec.section,
            symbol=spec.name,
            advice=f"Name it {spec.kind}/<path or library>:<pattern>, or give path= and symbols= when attaching.",
        )
    from pyzbpf.elf import executable, library  # pyelftools: only where a file is looked into

    file = library.find(file, fspath(root))
    try:
        wanted = chosen.functions("symbols", said, lambda: executable.function_names(file))
        if not wanted:
            raise NotFoundError(
                f"no function of it fits {said!r}", file=file, advice=executable.why_missing(file)
            )
        offsets = executable.function_offsets(file, list(wanted))
    except OSError as error:
        raise NotFoundError(f"cannot be read: {error.strerror}", file=file) from error
    # Aliases are one place, and the kernel would run the program for each.
    places = dict(zip(offsets, wanted.values(), strict=True))
    what = f"{spec.kind} at {chosen.described([f'{file}:{function}' for function in wanted])}"
    try:
        link = create(
            program,
            what,
            spec.attach_type or 0,
            file,
            [(offset, cookie, 0) for offset, cookie in places.items()],
            returns=on_return(spec),
            process=process,
        )
    except SystemCallError as error:
        raise _refused(error, what, pid, spec) from error
    return Link(spec, what, [link])


def create(
    program: Fd,
    what: str,
    attach_type: int,
    file: str,
    places: Sequence[tuple[int, int, int]],
    *,
    returns: bool,
    process: int,
) -> Fd:
    """The kernel's link to ``places`` of a file: (offset, cookie, offset of a semaphore or 0); ``process`` 0 is all."""
    name = os.fsencode(file) + b"\0"
    offsets, cookies, semaphores = (chosen.packed(column) for column in zip(*places, strict=True))
    return commands.link_create(
        what,
        capability="CAP_BPF and CAP_PERFMON",
        prog_fd=program.fileno(),
        attach_type=attach_type,
        **{
            "uprobe_multi.path": address(name),
            "uprobe_multi.offsets": address(offsets),
            "uprobe_multi.ref_ctr_offsets": address(semaphores) if any(semaphores) else 0,
            "uprobe_multi.cookies": address(cookies) if any(cookies) else 0,
            "uprobe_multi.cnt": len(places),
            "uprobe_multi.flags": e.BPF_F_UPROBE_MULTI_RETURN if returns else 0,
            "uprobe_multi.pid": process,
        },
    )


def _refused(error: SystemCallError, what: str, pid: int | None, spec: ProgramSpec) -> Error:
    if error.errno == ESRCH:
        return NotFoundError(f"{what}: there is no process {pid}")
    first = since.UPROBE_SESSION if spec.attach_type == e.BPF_TRACE_UPROBE_SESSION else since.UPROBE_MULTI
    if error.errno in (EINVAL, EOPNOTSUPP) and limits.older(os.uname().release, first):
        return UnsupportedError(what, since=first)
    return explained(error, what, _REASONS)


_REASONS = {
    EBADF: "it is no regular file",
    EINVAL: "an instruction there cannot be probed, or the file lies on a file system without pages to probe",
}
