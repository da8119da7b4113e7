"""sk_reuseport: which of the sockets that share a port gets a connection or packet (Linux 4.19)."""

from __future__ import annotations

from pyzbpf.errors import Error, SystemCallError
from pyzbpf.kernel.syscall import EINVAL, ENOENT, ENOPROTOOPT, ENOTSUPP, EOPNOTSUPP, failure
from pyzbpf.links.base import Link, Registration

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket as sockets

    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import ProgramSpec

# include/uapi/asm-generic/socket.h
_SO_ATTACH_REUSEPORT_EBPF, _SO_DETACH_REUSEPORT_BPF = 52, 68


def attach(program: Fd, spec: ProgramSpec, *, socket: sockets.socket | None = None) -> Link:
    """Run the program for the group of ``socket``, a socket with SO_REUSEPORT; it need not be bound yet.

    The kernel has no link for it: the program belongs to the group, and goes with its last socket. Detaching
    (Linux 5.3) takes ``socket`` still open.
    """
    if socket is None:
        raise Error(
            f"program '{spec.name}': say for which group: attach(socket=…), a socket with SO_REUSEPORT"
        )
    if not hasattr(socket, "setsockopt"):
        raise TypeError(f"option 'socket' is a socket.socket with SO_REUSEPORT, not {socket!r}")
    what = f"{spec.kind} of socket {socket.fileno()}"
    part = _Group(socket, what)
    part.add(program)
    return Link(spec, what, [part])


class _Group(Registration):
    """The group, known by one of its sockets: that is its owner's, so it is neither kept open nor closed here."""

    __slots__ = ("_number", "_socket", "_what")

    def __init__(self, socket: sockets.socket, what: str) -> None:
        super().__init__()
        self._socket = socket
        self._number = socket.fileno()
        self._what = what

    def add(self, program: Fd) -> None:
        import _socket

        try:
            self._socket.setsockopt(_socket.SOL_SOCKET, _SO_ATTACH_REUSEPORT_EBPF, program.fileno())
        except OSError as error:
            why = f"{self._what}: it takes a socket of TCP or UDP with SO_REUSEPORT set"
            detail = why if error.errno in (EINVAL, ENOTSUPP, EOPNOTSUPP, ENOPROTOOPT) else self._what
            raise failure(
                error.errno or 0,
                command="SO_ATTACH_REUSEPORT_EBPF",
                capability="CAP_BPF and CAP_NET_ADMIN",
                detail=detail,
            ) from None

    def fileno(self) -> int:
        return self._number

    def take_back(self) -> None:
        import _socket

        if self._socket.fileno() != self._number:
            return  # closed: it has left the group
        try:
            self._socket.setsockopt(_socket.SOL_SOCKET, _SO_DETACH_REUSEPORT_BPF, 0)
        except OSError as error:
            if error.errno != ENOENT:  # another one has been put in its place, and taken out
                raise SystemCallError(
                    error.errno or 0,
                    error.strerror or "",
                    command="SO_DETACH_REUSEPORT_BPF",
                    detail=self._what,
                ) from None
