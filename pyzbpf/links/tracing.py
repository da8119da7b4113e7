"""Programs that were loaded for one place of the kernel: tp_btf, fentry, fexit, fmod_ret, LSM (Linux 5.5)."""

from __future__ import annotations

from pyzbpf.errors import SystemCallError
from pyzbpf.kernel import commands
from pyzbpf.kernel.syscall import EBUSY, EEXIST, detailed
from pyzbpf.links.base import Link

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import ProgramSpec


def attach(program: Fd, spec: ProgramSpec) -> Link:
    """Run the program where its section says; the kernel learned that place when it was loaded."""
    what = f"{spec.kind.removesuffix('.s')} '{spec.target}'"
    try:
        link = commands.raw_tracepoint_open(program.fileno(), "", what)
    except SystemCallError as error:
        if error.errno in (EBUSY, EEXIST):  # bpf_trampoline_link_prog: a program stands there once
            why = f"{what}: the same program is attached there already; detach its link first"
            raise detailed(error, why) from error
        raise
    return Link(spec, what, [link])
