"""lirc_mode2: what an infrared receiver hears, pulse by pulse (Linux 4.18, CONFIG_BPF_LIRC_MODE2)."""

from __future__ import annotations

import os
from os import fspath

from pyzbpf.errors import Error, NotFoundError, SystemCallError
from pyzbpf.kernel import commands
from pyzbpf.kernel.fd import Fd
from pyzbpf.kernel.syscall import E2BIG, EEXIST, EINVAL, ENODEV, explained
from pyzbpf.links.base import Link, Registration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike

    from pyzbpf.spec.model import ProgramSpec

_CAPABILITY = "CAP_NET_ADMIN"


def attach(program: Fd, spec: ProgramSpec, *, device: str | PathLike[str] | None = None) -> Link:
    """Run the program for each pulse and space of a receiver: ``device`` is its file, such as "/dev/lirc0".

    The kernel has no link for it: the program belongs to the device, and **stays after this process has ended**
    where it was not detached.
    """
    if device is None:
        raise Error(f"program '{spec.name}': say for which receiver: attach(device='/dev/lirc0')")
    path = fspath(device)
    what = f"{spec.kind} of '{path}'"
    try:
        file = Fd(os.open(path, os.O_RDONLY | os.O_CLOEXEC), what)
    except OSError as error:
        raise NotFoundError(
            f"the infrared receiver '{path}' cannot be opened: {os.strerror(error.errno or 0)}",
            advice="ls /dev/lirc* lists them; they come with their drivers.",
        ) from None
    part = _OnDevice(file, program, spec.attach_type or 0)
    try:
        commands.prog_attach(what, capability=_CAPABILITY, **part.members)
    except BaseException as error:
        part.give_back()
        if isinstance(error, SystemCallError):
            raise explained(error, what, _REASONS) from error
        raise
    return Link(spec, what, [part])


_REASONS = {
    EINVAL: "it is no infrared receiver in mode 2, or the kernel was built without CONFIG_BPF_LIRC_MODE2",
    ENODEV: "it is gone",
    EEXIST: "this program is attached to it already",
    E2BIG: "64 programs are attached to it, and no more fit",
}


class _OnDevice(Registration):
    """A program that the device holds; other descriptors of both are kept, to take it out again."""

    __slots__ = ("_file", "_program", "members")

    def __init__(self, file: Fd, program: Fd, attach_type: int) -> None:
        super().__init__()
        self._file = file
        self._program = commands.duplicate(program.fileno(), "program of an infrared receiver")
        self.members = {
            "target_fd": file.fileno(),
            "attach_bpf_fd": self._program.fileno(),
            "attach_type": attach_type,
        }

    def fileno(self) -> int:
        return self._file.fileno()

    def give_back(self) -> None:
        """Close the descriptors."""
        self._file.close()
        self._program.close()

    def take_back(self) -> None:
        try:
            commands.prog_detach(**self.members)
        finally:
            self.give_back()
