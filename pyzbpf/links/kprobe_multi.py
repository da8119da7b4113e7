"""Many functions of the kernel by one link: kprobe.multi (Linux 5.18) and, in and out, kprobe.session (6.10)."""

from __future__ import annotations

import os

from pyzbpf.errors import Error, NotFoundError, SystemCallError, UnsupportedError
from pyzbpf.kernel import commands, kallsyms, limits, tracefs
from pyzbpf.kernel.syscall import EINVAL, ENOENT, EOPNOTSUPP, ESRCH, address, detailed
from pyzbpf.links import chosen
from pyzbpf.links.base import Link
from pyzbpf.links.place import on_return
from pyzbpf.uapi import enums as e
from pyzbpf.uapi import since

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import ProgramSpec


def attach(
    program: Fd, spec: ProgramSpec, *, functions: str | Sequence[str] | Mapping[str, int] = ""
) -> Link:
    """Run the program at all ``functions`` (default: what its section says), or none of them where one fails.

    A name, a pattern as the shell's ("vfs_*"), a list of them, or a dict of them to cookies, which the program
    gets from bpf_get_attach_cookie. A pattern stands for the kernel's own functions that ftrace can trace,
    without those of modules. NotFoundError for a pattern that none fits, and for a name that the kernel does
    not have, with similar ones.
    """
    said = chosen.said("functions", functions, spec.target)
    wanted = chosen.functions("functions", said, tracefs.functions)
    if not wanted:
        raise chosen.unmatched(said) if said else chosen.unsaid(spec)
    what = f"{spec.kind} at {chosen.described(wanted)}"
    texts = [name.encode() + b"\0" for name in wanted]
    names = chosen.packed(map(address, texts))
    cookies = chosen.packed(wanted.values())
    try:
        link = commands.link_create(
            what,
            capability="CAP_BPF and CAP_PERFMON",
            prog_fd=program.fileno(),
            attach_type=spec.attach_type or 0,
            **{
                "kprobe_multi.flags": e.BPF_F_KPROBE_MULTI_RETURN if on_return(spec) else 0,
                "kprobe_multi.cnt": len(wanted),
                "kprobe_multi.syms": address(names),
                "kprobe_multi.cookies": address(cookies) if any(wanted.values()) else 0,
            },
        )
    except SystemCallError as error:
        raise _refused(error, what, list(wanted), spec) from error
    return Link(spec, what, [link])


def _refused(error: SystemCallError, what: str, names: Sequence[str], spec: ProgramSpec) -> Error:
    if error.errno in (ESRCH, ENOENT):
        try:
            missing = next((name for name in names if not kallsyms.has(name)), None)
        except Error:  # no /proc/kallsyms to look into
            missing = None
        if missing is not None:
            return NotFoundError(
                f"{what}: this kernel has no function '{missing}'{kallsyms.similar(missing)}",
                advice="The compiler may have inlined it; a pattern takes those there are.",
            )
        return detailed(error, f"{what}: one of these cannot be traced (tracefs: available_filter_functions)")
    if error.errno == EOPNOTSUPP:
        return UnsupportedError(what, since=since.KPROBE_MULTI, advice="It takes CONFIG_FPROBE=y.")
    first = since.KPROBE_SESSION if spec.attach_type == e.BPF_TRACE_KPROBE_SESSION else since.KPROBE_MULTI
    if error.errno == EINVAL and limits.older(os.uname().release, first):
        return UnsupportedError(what, since=first)
    return error
