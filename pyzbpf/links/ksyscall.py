"""ksyscall and kretsyscall: a kprobe at what the kernel calls a system call on this machine (Linux 4.17)."""

from __future__ import annotations

import os

from pyzbpf.errors import ObjectError
from pyzbpf.kernel.features.interface import SYSCALL_WRAPPER, WRAPPERS
from pyzbpf.links import kprobe
from pyzbpf.links.base import text_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.links.base import Link
    from pyzbpf.spec.model import ProgramSpec


def attach(program: Fd, spec: ProgramSpec, *, call: str | None = None, cookie: int = 0) -> Link:
    """Run the program when a process makes the system call ``call`` (default: what its section says), or at its end.

    ``call`` is its name without prefix ("openat"). The calls of 32-bit processes are functions of their own
    and not seen. ``cookie`` is a number that the program gets from bpf_get_attach_cookie (Linux 5.15).
    NotFoundError with similar names for a call that the kernel does not have.
    """
    name = text_option("call", spec.target if call is None else call, "openat")
    if not name:
        raise ObjectError(
            "the section does not say which system call",
            section=spec.section,
            symbol=spec.name,
            advice=f"Name it {spec.kind}/<system call>, or give call= when attaching.",
        )
    return kprobe.attach(program, spec, function=_function(name), cookie=cookie)


def _function(call: str) -> str:
    """The kernel's function: with wrappers its arguments are behind a pointer to registers."""
    wrapper = WRAPPERS.get(os.uname().machine)
    return f"__{wrapper}_sys_{call}" if wrapper and SYSCALL_WRAPPER.supported else f"__se_sys_{call}"
