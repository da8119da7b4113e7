"""Packet sockets and network interfaces.

Uses the interpreter's own ``_socket``, which the module ``socket`` wraps: that one imports enum and
selectors, 5 ms that an attached socket filter does not need.
"""

from __future__ import annotations

import _socket

from pyzbpf.errors import NotFoundError, SystemCallError, UnsupportedError
from pyzbpf.kernel.syscall import EAFNOSUPPORT, EPERM, failure

# include/uapi/asm-generic/socket.h; include/uapi/linux/if_ether.h
_SO_ATTACH_BPF = 50
_ETH_P_ALL = 3

# The smallest receive queue the kernel allows (it rounds up to SOCK_MIN_RCVBUF, about 2 KiB).
_TINY = 1


def interface_index(name: str) -> int:
    """The number of a network interface in this network namespace."""
    try:
        return _socket.if_nametoindex(name)
    except (OSError, ValueError):  # ValueError: a NUL in the name
        raise _missing(name) from None


def _missing(name: str) -> NotFoundError:
    names = ", ".join(sorted(found for _, found in _socket.if_nameindex())) or "none"
    return NotFoundError(f"no network interface '{name}' in this network namespace; there is: {names}")


class FilterSocket:
    """A packet socket on one interface that runs a socket filter for every packet, in and out.

    What the filter lets through (it returns the number of bytes to keep) is queued for a reader, and
    nobody reads here: the queue is as small as the kernel allows, so a filter that returns -1 costs
    about 2 KiB at most, and still runs for every packet when the queue is full (packet_rcv in
    net/packet/af_packet.c runs the filter before it looks at the queue).
    """

    __slots__ = ("_socket", "interface")

    def __init__(self, interface: str, program: int) -> None:
        self.interface = interface
        interface_index(interface)
        if not hasattr(_socket, "AF_PACKET"):
            raise UnsupportedError("packet sockets", advice="They exist on Linux only.")
        step = "socket(AF_PACKET)"
        try:
            # Protocol 0 receives nothing, so that no packet comes in before the filter is there.
            self._socket = _socket.socket(_socket.AF_PACKET, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, 0)
        except OSError as error:
            if error.errno == EAFNOSUPPORT:
                advice = (
                    "The kernel was built without them (CONFIG_PACKET), or its module af_packet is missing."
                )
                raise UnsupportedError("packet sockets (AF_PACKET)", advice=advice) from None
            raise failure(error.errno or 0, command=step, capability="CAP_NET_RAW") from None
        try:
            self._socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVBUF, _TINY)
            step = "setsockopt(SO_ATTACH_BPF)"
            self._socket.setsockopt(_socket.SOL_SOCKET, _SO_ATTACH_BPF, program)
            step = f"bind to interface '{interface}'"
            self._socket.bind((interface, _ETH_P_ALL))
        except OSError as error:
            self._socket.close()
            if error.errno == EPERM:
                raise failure(EPERM, command=step, capability="CAP_NET_RAW") from None
            raise SystemCallError(error.errno or 0, error.strerror or str(error), command=step) from None

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()
