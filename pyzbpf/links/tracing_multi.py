"""Many functions of the kernel by one link, through their trampolines: fentry.multi and its kin (Linux 7.2)."""

from __future__ import annotations

import os

from pyzbpf.errors import Error, NotFoundError, SystemCallError, UnsupportedError
from pyzbpf.kernel import commands, kallsyms, limits, signature, tracefs, vmlinux
from pyzbpf.kernel.syscall import EINVAL, ENOENT, ENOTSUPP, EOPNOTSUPP, address, explained
from pyzbpf.links import chosen
from pyzbpf.links.base import Link
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
    gets from bpf_get_attach_cookie. They are the kernel's own, not those of modules; a pattern stands for those that
    ftrace can trace and that have a type whose arguments and result a trampoline takes (``target`` of the link says
    what it leaves out), a sleepable program takes those that may sleep only. NotFoundError for a pattern that none
    fits, and for a name that the kernel does not have, with similar ones; UnsupportedError for one that takes no
    trampoline.
    """
    said = chosen.said("functions", functions, spec.target)
    if not said:
        raise chosen.unsaid(spec)
    named = chosen.functions("functions", said, lambda: ())
    wanted = chosen.functions("functions", said, tracefs.functions)
    types = vmlinux.vmlinux()
    ids: dict[str, int] = {}
    left_out: list[str] = []
    for name in wanted:
        number, obstacle = signature.find(types, name) or (0, "")
        if number and not obstacle:
            ids[name] = number
        elif name in named:
            raise _refused(spec, name, obstacle)
        elif obstacle:
            left_out.append(f"'{name}', which {obstacle}")
    if not ids:
        raise chosen.unmatched(said, left_out)
    what = f"{spec.kind} at {chosen.described(ids)}{chosen.without(left_out)}"
    numbers = bytearray().join(number.to_bytes(4, commands.ORDER) for number in ids.values())
    cookies = chosen.packed(wanted[name] for name in ids)
    try:
        link = commands.link_create(
            what,
            capability="CAP_BPF and CAP_PERFMON",
            prog_fd=program.fileno(),
            attach_type=spec.attach_type or 0,
            **{
                "tracing_multi.ids": address(numbers),
                "tracing_multi.cookies": address(cookies) if any(cookies) else 0,
                "tracing_multi.cnt": len(ids),
            },
        )
    except SystemCallError as error:
        missing = limits.no_trampolines()
        if missing or (error.errno == EINVAL and limits.older(os.uname().release, since.TRACING_MULTI)):
            raise UnsupportedError(what, since=since.TRACING_MULTI, advice=missing) from error
        if error.errno == EOPNOTSUPP:  # all that a kernel without it says
            raise UnsupportedError(what, since=since.TRACING_MULTI, advice=_SINGLE_OPS) from error
        raise explained(error, what, _REASONS) from error
    return Link(spec, what, [link])


def _refused(spec: ProgramSpec, name: str, obstacle: str) -> Error:
    """A function that was asked for by its name and cannot be had."""
    if not obstacle:
        return NotFoundError(f"the types of this kernel have no function '{name}'{kallsyms.similar(name)}")
    return UnsupportedError(
        f"{spec.kind} at '{name}', which {obstacle},",
        advice="A trampoline cannot pass that on; a kprobe can be there.",
    )


_SINGLE_OPS = (
    "It takes CONFIG_HAVE_SINGLE_FTRACE_DIRECT_OPS=y, which x86-64 has, and arm64 has not yet (Linux 7.3)."
)
_REASONS = dict.fromkeys(
    (EINVAL, ENOENT, ENOTSUPP),
    "one of these cannot be traced so: it is not in available_filter_functions of tracefs, shares its name with another "
    "function, or may not sleep as a program of .s may",
)
