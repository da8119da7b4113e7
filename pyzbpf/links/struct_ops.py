"""A struct of functions is registered with the kernel: by a link (Linux 6.4), before by storing it into its map."""

from __future__ import annotations

import atexit
import sys
import weakref

from pyzbpf.errors import SystemCallError
from pyzbpf.kernel import commands
from pyzbpf.kernel.syscall import EBUSY, EEXIST, EINVAL, ENOENT, EOPNOTSUPP, explained
from pyzbpf.links.base import Link, Registration
from pyzbpf.spec.model import ProgramSpec
from pyzbpf.uapi.enums import BPF_F_LINK, BPF_PROG_TYPE_STRUCT_OPS, BPF_STRUCT_OPS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import MapSpec

_KEY = bytes(4)


def attach(map: Fd, spec: MapSpec, value: bytes) -> Link:
    """Register ``value``, the struct as the kernel has it.

    A map of section `.struct_ops` has no link of the kernel: it stays registered until it is detached, or this
    process ends; one that is killed leaves it registered ('bpftool struct_ops unregister name …' removes it).
    """
    what = f"struct of functions '{spec.name}'"
    like = ProgramSpec(
        spec.name,
        section=spec.section,
        kind="struct_ops",
        type=BPF_PROG_TYPE_STRUCT_OPS,
        attach_type=BPF_STRUCT_OPS,
    )
    try:
        if not spec.flags & BPF_F_LINK:
            commands.map_update(map.fileno(), _KEY, value)
            return Link(like, what, [_InMap(map)])
        store(map, value)
        link = commands.link_create(
            what, capability="CAP_SYS_ADMIN", map_fd=map.fileno(), attach_type=BPF_STRUCT_OPS
        )
    except SystemCallError as error:
        raise explained(error, what, _REASONS) from error
    return Link(like, what, [link])


def store(map: Fd, value: bytes) -> None:
    """Give the struct to the kernel; again, to a map that has it, does nothing."""
    try:
        commands.map_update(map.fileno(), _KEY, value)
    except SystemCallError as error:
        if error.errno != EBUSY:
            raise


# Structs that this process has not taken back yet; weak, so that a forgotten one is noticed before its end.
_registered: weakref.WeakSet[_InMap] = weakref.WeakSet()


@atexit.register
def _take_all_back() -> None:
    for struct in list(_registered):
        struct.close()


class _InMap(Registration):
    """A struct that is registered as long as its map holds it, which it does after the last descriptor, too."""

    __slots__ = ("__weakref__", "_map")

    def __init__(self, map: Fd) -> None:
        super().__init__()
        self._map = commands.duplicate(map.fileno(), "map of a struct of functions")
        _registered.add(self)

    def fileno(self) -> int:
        raise ValueError(
            "a struct of section .struct_ops has no link; one of .struct_ops.link has (Linux 6.4)"
        )

    def take_back(self) -> None:
        _registered.discard(self)
        with self._map:
            commands.map_delete(self._map.fileno(), _KEY)

    def __del__(self) -> None:
        """A forgotten one: its map's descriptor says so when it is collected; the struct is taken back."""
        if not sys.is_finalizing():
            self.close()


_REASONS = {
    EEXIST: "one of this name is registered already",
    EBUSY: "it is registered already, is being taken back, or its kind is there once and another one is registered",
    EINVAL: "the kernel says that a member is wrong, or that one is missing which it must have",
    ENOENT: "it has been taken back, and is registered once; load the object again",
    EOPNOTSUPP: "the kernel does not register this kind now",
}
