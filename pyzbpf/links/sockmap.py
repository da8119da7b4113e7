"""sk_skb and sk_msg: what becomes of the data of the sockets in a map (Linux 4.14 and 4.17; links: 6.10).

Before Linux 6.10 there is no link: the program belongs to the map, and goes with it.
"""

from __future__ import annotations

from pyzbpf.errors import Error, SystemCallError
from pyzbpf.kernel import commands
from pyzbpf.kernel.syscall import EBUSY, EINVAL, EOPNOTSUPP, explained
from pyzbpf.links.base import Link, Registration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.links.base import Closable, LoadedMap
    from pyzbpf.spec.model import ProgramSpec


def attach(program: Fd, spec: ProgramSpec, *, map: LoadedMap | None = None) -> Link:
    """Run the program for the sockets in ``map``, a loaded map of kind sockmap or sockhash.

    A socket takes the program when it is put into the map, so attach before, and holds it until it is taken out
    of the map or closed: detaching is for those that come later.
    """
    if spec.attach_type is None:
        raise Error(
            f"program '{spec.name}': section '{spec.section}' does not say what for; attach it with "
            "kind='sk_skb/stream_parser', 'sk_skb/stream_verdict' or 'sk_skb/verdict'"
        )
    if map is None:
        raise Error(f"program '{spec.name}': say for which sockets: attach(map=probe.maps['sockets'])")
    if not hasattr(map, "info"):
        raise TypeError(f"option 'map' is a loaded map such as probe.maps['sockets'], not {map!r}")
    what = f"{spec.kind} of map {map.fileno()}"
    capability = "CAP_NET_ADMIN"
    values = {"attach_type": spec.attach_type, "target_fd": map.fileno()}
    try:
        part: Closable = commands.link_create(what, capability=capability, prog_fd=program.fileno(), **values)
    except SystemCallError as error:
        if error.errno not in (EINVAL, EOPNOTSUPP):
            raise _refused(error, what) from error
        try:
            commands.prog_attach(what, capability=capability, attach_bpf_fd=program.fileno(), **values)
        except SystemCallError as second:
            raise _refused(second, what) from second
        part = _InMap(map, program, spec.attach_type)
    return Link(spec, what, [part])


def _refused(error: SystemCallError, what: str) -> Error:
    return explained(error, what, _REASONS)


_REASONS = {
    EBUSY: "a program is attached to this map already; detach it first",
    EINVAL: "it is for maps of kind sockmap or sockhash",
    EOPNOTSUPP: "it is for maps of kind sockmap or sockhash, or the map has a program that excludes this one",
}


class _InMap(Registration):
    """A program that the map itself holds; another descriptor of both is kept, to take it out again."""

    __slots__ = ("_attach_type", "_map", "_program")

    def __init__(self, map: LoadedMap, program: Fd, attach_type: int) -> None:
        super().__init__()
        self._map = commands.duplicate(map.fileno(), "map of sockets")
        self._program = commands.duplicate(program.fileno(), "program of a map of sockets")
        self._attach_type = attach_type

    def fileno(self) -> int:
        raise ValueError("a program in a map of sockets has no descriptor; a link has one (Linux 6.10)")

    def take_back(self) -> None:
        with self._map, self._program:
            commands.prog_detach(
                target_fd=self._map.fileno(),
                attach_bpf_fd=self._program.fileno(),
                attach_type=self._attach_type,
            )
