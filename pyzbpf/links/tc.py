"""Traffic control: the program as a filter of an interface's clsact (Linux 4.5), where tcx is not (6.6).

Such a filter has no link of the kernel: it belongs to the interface, and outlives a process that is killed.
One that ends takes its filters along.
"""

from __future__ import annotations

import atexit
import os
import sys
import weakref

from pyzbpf.errors import Error
from pyzbpf.kernel import commands
from pyzbpf.kernel import traffic_control as tc
from pyzbpf.kernel.sockets import interface_index
from pyzbpf.links.base import Link, number_option, text_option
from pyzbpf.uapi.attrs import PROG_INFO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import ProgramSpec

# Filters that this process has not taken away yet; weak, so that a forgotten one is noticed before its end.
_attached: weakref.WeakSet[_ClsactFilter] = weakref.WeakSet()

# Network namespace and interface of each clsact that this process has made: it goes with the last filter.
_made: set[tuple[int, int]] = set()


def attach(
    program: Fd,
    spec: ProgramSpec,
    *,
    interface: str | None = None,
    direction: str | None = None,
    priority: int = 0,
) -> Link:
    """Run the program for the packets of ``interface`` that come in (``direction`` "ingress") or go out ("egress").

    Filters of a lower ``priority`` (1 to 65535) run first; 0 lets the kernel choose one below all there are.
    What the program returns is the verdict (direct action). Detaching removes this filter only, and the
    clsact where this process made it and nothing else is in it.
    """
    if interface is None or direction is None:
        raise Error(
            f"program '{spec.name}': say where it attaches: attach(interface='eth0', direction='ingress') or 'egress'"
        )
    if direction not in tuple(tc.PARENTS):
        raise ValueError(f"option 'direction' is 'ingress' or 'egress', not {direction!r}")
    interface = text_option("interface", interface, "eth0")
    number_option("priority", priority, bits=16)
    what = f"tc {direction} of interface '{interface}'"
    part = _ClsactFilter(interface_index(interface), direction, what)
    try:
        part.add(program, spec.name, priority)
    except BaseException:
        part.close()
        raise
    return Link(spec, what, [part])


@atexit.register
def _detach_all() -> None:
    for part in list(_attached):
        part.close()


class _ClsactFilter:
    """Our filter, with the netlink socket it was made by: that of its network namespace."""

    __slots__ = ("__weakref__", "_direction", "_filter", "_hook", "_key", "_process", "_what")

    def __init__(self, index: int, direction: str, what: str) -> None:
        self._hook: tc.Hook | None = tc.Hook(index, what)
        self._direction = direction
        self._what = what
        self._key = (os.stat("/proc/thread-self/ns/net").st_ino, index)
        self._filter: tc.Filter | None = None
        self._process = os.getpid()
        _attached.add(self)

    def add(self, program: Fd, name: str, priority: int) -> None:
        assert self._hook is not None
        identity = commands.object_info(program.fileno(), PROG_INFO)["id"]
        if self._hook.add_clsact():
            _made.add(self._key)
        elif self._direction == "egress" and not self._hook.has_egress():
            raise Error(
                f"{self._what}: the interface has the queueing discipline 'ingress' instead of 'clsact', so it takes no "
                "filters for egress\n  Whoever made it can replace it: 'tc qdisc del dev … ingress'."
            )
        self._filter = self._hook.add(self._direction, program.fileno(), f"{name}:[{identity!r}]", priority)

    def fileno(self) -> int:
        raise ValueError(
            f"a filter of clsact has no descriptor ({self._what}); a link of tcx has one (Linux 6.6)"
        )

    def close(self) -> None:
        """Remove the filter if it still is ours, and the clsact if we made it and it is empty.

        In a child process it stays, as with links of the kernel: it is the parent's.
        """
        hook, self._hook = self._hook, None
        if hook is None:
            return
        _attached.discard(self)
        try:
            if os.getpid() != self._process:
                return
            if self._filter is not None and self._filter in hook.filters(self._direction):
                hook.remove(self._direction, self._filter)
            if self._key in _made and not any(hook.filters(direction) for direction in tc.PARENTS):
                _made.discard(self._key)
                hook.remove_clsact()
        finally:
            hook.close()

    def __del__(self) -> None:
        if getattr(self, "_hook", None) is None or sys.is_finalizing() or os.getpid() != self._process:
            return
        import warnings  # only the forgotten pay for it

        warnings.warn(f"unclosed filter: {self._what}", ResourceWarning, stacklevel=2, source=self)
        self.close()
