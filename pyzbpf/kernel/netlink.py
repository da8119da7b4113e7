"""Netlink: requests to the kernel's networking (rtnetlink), just as much as traffic control takes.

Layouts and numbers: include/uapi/linux/netlink.h.
"""

from __future__ import annotations

import _socket  # as in sockets.py: the module `socket` costs 5 ms
import os
import struct
import sys

from pyzbpf.errors import Error, UnsupportedError
from pyzbpf.kernel.syscall import failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

REQUEST, ACKNOWLEDGE, ECHO = 1, 4, 8
EXCLUSIVE, CREATE = 0x200, 0x400
DUMP = 0x300

_ERROR, _DONE = 2, 3
_ROUTE = 0
_SOL_NETLINK, _CAP_ACK, _EXT_ACK = 270, 10, 11
_ACKNOWLEDGE_HAS_TEXT = 0x200
_TEXT = 1  # NLMSGERR_ATTR_MSG

_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence number, sender
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_ROOM = 1 << 16
_ORDER = sys.byteorder


def attribute(type: int, data: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(data), type) + data + bytes(-len(data) % 4)


def attributes(data: bytes) -> dict[int, bytes]:
    """The attributes in a message's or an attribute's data, by type."""
    found, at = {}, 0
    while at + _ATTRIBUTE.size <= len(data):
        length, type = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size:
            break
        found[type & 0x3FFF] = data[
            at + _ATTRIBUTE.size : at + length
        ]  # without the flags "nested" and "byte order"
        at += length + -length % 4
    return found


class Route:
    """A socket for requests; it belongs to the network namespace of the thread that makes it for good."""

    __slots__ = ("_sequence", "_socket")

    def __init__(self) -> None:
        self._sequence = 0
        try:
            self._socket = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, _ROUTE)
        except (AttributeError, OSError) as error:
            raise UnsupportedError(
                "netlink", advice=f"It takes Linux with CONFIG_NET, and no filter on the call: {error}"
            ) from None
        self._in_words()

    def _in_words(self) -> None:
        """Ask for refusals in words (Linux 4.12)."""
        try:
            self._socket.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)
            self._socket.setsockopt(_SOL_NETLINK, _EXT_ACK, 1)
        except OSError:  # then there is only the number
            pass

    def request(
        self, type: int, flags: int, body: bytes, *, command: str, what: str
    ) -> list[tuple[int, bytes]]:
        """Make one request; (type, data) of each message that answers it.

        PrivilegeError or SystemCallError, with the kernel's own words where it has some, for a refusal.
        """
        self._sequence += 1
        message = _HEADER.pack(_HEADER.size + len(body), type, REQUEST | flags, self._sequence, 0) + body
        try:
            self._socket.send(message)
            answers: list[tuple[int, bytes]] = []
            while True:
                for kind, said, data in self._receive():
                    if kind == _DONE:
                        return answers
                    if kind == _ERROR:
                        number = -int.from_bytes(data[:4], _ORDER, signed=True)
                        if not number:
                            return answers
                        text = _words(said, data)
                        raise failure(number, command=command, capability="CAP_NET_ADMIN", detail=what + text)
                    answers.append((kind, data))
        except Error:
            raise
        except OSError as error:
            raise failure(
                error.errno or 0, command=command, capability="CAP_NET_ADMIN", detail=what
            ) from None

    def _receive(self) -> Iterator[tuple[int, int, bytes]]:
        """(type, flags, data) of each message of one datagram that answers our request."""
        datagram = self._socket.recv(_ROOM)
        at = 0
        while at + _HEADER.size <= len(datagram):
            length, type, flags, sequence, _ = _HEADER.unpack_from(datagram, at)
            if sequence == self._sequence:
                yield type, flags, datagram[at + _HEADER.size : at + length]
            at += max(length + -length % 4, _HEADER.size)

    def close(self) -> None:
        self._socket.close()


def _words(flags: int, data: bytes) -> str:
    """What the kernel says about a refusal: behind the number and the header of the request."""
    if not flags & _ACKNOWLEDGE_HAS_TEXT:
        return ""
    text = attributes(data[4 + _HEADER.size :]).get(_TEXT, b"")
    return f": {os.fsdecode(text.rstrip(bytes(1)))}" if text else ""
