"""What a whole network namespace has: sk_lookup (Linux 5.9), which socket gets a packet, and flow_dissector (5.8)."""

from __future__ import annotations

import os
from os import fspath

from pyzbpf.errors import Error, NotFoundError, SystemCallError, UnsupportedError
from pyzbpf.kernel import commands, limits
from pyzbpf.kernel.fd import Fd
from pyzbpf.kernel.syscall import E2BIG, EBUSY, EEXIST, EINVAL, detailed, explained
from pyzbpf.links.base import Link
from pyzbpf.uapi import enums as e
from pyzbpf.uapi import since

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike

    from pyzbpf.spec.model import ProgramSpec

OURS = "/proc/thread-self/ns/net"


def attach(program: Fd, spec: ProgramSpec, *, namespace: str | PathLike[str] = OURS) -> Link:
    """Run the program in a network namespace: ours, or that of the file ``namespace``.

    The file is one of /run/netns or /proc/PID/ns/net. Several sk_lookup programs run one after the other; a
    namespace has one flow dissector, and none where its parent, the first namespace, has one.
    """
    path = fspath(namespace)
    what = spec.kind + ("" if path == OURS else f" of network namespace '{path}'")
    try:
        home = Fd(os.open(path, os.O_RDONLY | os.O_CLOEXEC), f"network namespace '{path}'")
    except OSError as error:
        raise NotFoundError(
            f"no network namespace '{path}': {error.strerror}",
            advice="'ip netns' lists those with a name, in /run/netns; a process has its own at /proc/PID/ns/net.",
        ) from None
    with home:
        try:
            link = commands.link_create(
                what,
                capability="CAP_NET_ADMIN",
                prog_fd=program.fileno(),
                target_fd=home.fileno(),
                attach_type=spec.attach_type or 0,
            )
        except SystemCallError as error:
            raise _refused(error, what, spec, path) from error
    return Link(spec, what, [link])


def _refused(error: SystemCallError, what: str, spec: ProgramSpec, path: str) -> Error:
    first = since.NETNS_LINK if spec.attach_type == e.BPF_FLOW_DISSECTOR else since.PROGRAMS[spec.type]
    if error.errno == EINVAL and limits.older(os.uname().release, first):
        return UnsupportedError(what, since=first)
    if error.errno == EINVAL:
        return detailed(error, f"{what}: '{path}' is no network namespace")
    return explained(error, what, _REASONS)


_REASONS = {
    E2BIG: "64 programs are attached there, or it has a flow dissector, of which there is one",
    EEXIST: "the first network namespace has a flow dissector, which is for all of them",
    EBUSY: "the namespace is being torn down",
}
