"""Traffic control: the queueing discipline clsact and BPF filters in it, by netlink.

Layouts and numbers: include/uapi/linux/rtnetlink.h, pkt_sched.h and pkt_cls.h.
"""

from __future__ import annotations

import struct
import sys

from pyzbpf.errors import SystemCallError, UnsupportedError
from pyzbpf.kernel import netlink
from pyzbpf.kernel.netlink import attribute
from pyzbpf.kernel.syscall import EEXIST, EINVAL, ENODEV, ENOENT, EOPNOTSUPP
from pyzbpf.uapi import since

# Where a filter of clsact runs: TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_…).
PARENTS = {"ingress": 0xFFFFFFF2, "egress": 0xFFFFFFF3}

_NEWQDISC, _DELQDISC, _GETQDISC = 36, 37, 38
_NEWTFILTER, _DELTFILTER, _GETTFILTER = 44, 45, 46
_CLSACT, _CLSACT_HANDLE = 0xFFFFFFF1, 0xFFFF0000
_KIND, _OPTIONS = 1, 2
_BPF_FD, _BPF_NAME, _BPF_FLAGS, _BPF_ID = 6, 7, 8, 11
_DIRECT_ACTION = 1
_ALL_PROTOCOLS = int.from_bytes((3).to_bytes(2, "big"), sys.byteorder)  # htons(ETH_P_ALL)

_TCMSG = struct.Struct("=BxxxiIII")  # family, interface, handle, parent, info


class Filter:
    """A filter that is there: ``program`` is the id of its BPF program, 0 where it is of another kind."""

    __slots__ = ("handle", "priority", "program")

    def __init__(self, data: bytes) -> None:
        _, _, self.handle, _, info = _TCMSG.unpack_from(data)
        self.priority = info >> 16
        options = netlink.attributes(netlink.attributes(data[_TCMSG.size :]).get(_OPTIONS, b""))
        self.program = int.from_bytes(options.get(_BPF_ID, b""), sys.byteorder)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Filter) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[int, int, int]:
        return self.handle, self.priority, self.program


class Hook:
    """The way in or out of an interface, ``what`` in words; in the network namespace of whoever made it.

    SystemCallError and PrivilegeError carry the kernel's own words.
    """

    __slots__ = ("_interface", "_route", "_what")

    def __init__(self, interface: int, what: str) -> None:
        self._interface = interface
        self._what = what
        self._route = netlink.Route()

    def add_clsact(self) -> bool:
        """Give the interface a clsact (Linux 4.5); False where it has one (or an "ingress") already."""
        flags = netlink.CREATE | netlink.EXCLUSIVE
        try:
            self._ask(_NEWQDISC, flags, _CLSACT, b"clsact", handle=_CLSACT_HANDLE)
        except SystemCallError as error:
            if error.errno == EEXIST:
                return False
            if error.errno in (ENOENT, EOPNOTSUPP):
                raise UnsupportedError(
                    "the queueing discipline clsact",
                    since=since.CLSACT,
                    advice="It takes CONFIG_NET_SCH_INGRESS, or its module: modprobe sch_ingress.",
                ) from error
            raise
        return True

    def has_egress(self) -> bool:
        """Whether it is a clsact: an "ingress" would run a filter for egress on the way in."""
        for data in self._ask(_GETQDISC, netlink.DUMP, 0):
            _, interface, _, parent, _ = _TCMSG.unpack_from(data)
            if (interface, parent) == (self._interface, _CLSACT):
                return netlink.attributes(data[_TCMSG.size :]).get(_KIND) == b"clsact\0"
        return False

    def remove_clsact(self) -> None:
        """Take the clsact away, with all filters in it; one that is gone is fine."""
        self._remove(_DELQDISC, _CLSACT, b"clsact", handle=_CLSACT_HANDLE)

    def add(self, direction: str, program: int, name: str, priority: int) -> Filter:
        """Add a BPF filter whose verdict is an action; ``priority`` 0: the kernel chooses one before all others."""
        options = (
            attribute(_BPF_FD, struct.pack("=I", program))
            + attribute(_BPF_NAME, name.encode() + b"\0")
            + attribute(_BPF_FLAGS, struct.pack("=I", _DIRECT_ACTION))
        )
        flags = netlink.ECHO | netlink.CREATE | netlink.EXCLUSIVE
        parent, info = PARENTS[direction], priority << 16 | _ALL_PROTOCOLS
        try:
            answers = self._ask(_NEWTFILTER, flags, parent, b"bpf", info=info, options=options)
        except SystemCallError as error:
            if error.errno == ENOENT:
                raise UnsupportedError(
                    "BPF filters of traffic control",
                    since=since.CLASSIFIER_VERDICTS,
                    advice="It takes CONFIG_NET_CLS_BPF, or its module: modprobe cls_bpf.",
                ) from error
            raise
        return Filter(answers[0])

    def filters(self, direction: str) -> list[Filter]:
        """All that is there, filters of other owners and kinds too; none where the interface is gone."""
        return [Filter(data) for data in self._ask(_GETTFILTER, netlink.DUMP, PARENTS[direction])]

    def remove(self, direction: str, filter: Filter) -> None:
        """Remove one filter; one that is gone is fine."""
        info = filter.priority << 16 | _ALL_PROTOCOLS
        self._remove(_DELTFILTER, PARENTS[direction], b"bpf", handle=filter.handle, info=info)

    def _remove(self, type: int, parent: int, kind: bytes, *, handle: int, info: int = 0) -> None:
        try:
            self._ask(type, 0, parent, kind, handle=handle, info=info)
        except SystemCallError as error:
            if error.errno not in (ENOENT, ENODEV, EINVAL):
                raise

    def _ask(
        self,
        type: int,
        flags: int,
        parent: int,
        kind: bytes = b"",
        *,
        handle: int = 0,
        info: int = 0,
        options: bytes = b"",
    ) -> list[bytes]:
        body = _TCMSG.pack(0, self._interface, handle, parent, info)
        if kind:
            body += attribute(_KIND, kind + b"\0")
        if options:
            body += attribute(_OPTIONS, options)
        answers = self._route.request(
            type, flags | netlink.ACKNOWLEDGE, body, command=_NAMES[type], what=self._what
        )
        return [data for answer, data in answers if answer in (_NEWQDISC, _NEWTFILTER)]

    def close(self) -> None:
        self._route.close()


_NAMES = {
    _NEWQDISC: "RTM_NEWQDISC",
    _DELQDISC: "RTM_DELQDISC",
    _GETQDISC: "RTM_GETQDISC",
    _NEWTFILTER: "RTM_NEWTFILTER",
    _DELTFILTER: "RTM_DELTFILTER",
    _GETTFILTER: "RTM_GETTFILTER",
}
