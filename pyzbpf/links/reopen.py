"""Links that are there already: found by pin or id, told to run another program, detached though others hold them."""

from __future__ import annotations

import os

from pyzbpf.errors import Error, PrivilegeError, SystemCallError, UnsupportedError
from pyzbpf.kernel import bpf_fs, commands, link_info
from pyzbpf.kernel.syscall import EINVAL, ENOENT, EOPNOTSUPP, EPERM, detailed
from pyzbpf.links.base import Link
from pyzbpf.links.iterator import IteratorLink
from pyzbpf.spec.model import ProgramSpec
from pyzbpf.uapi.attrs import PROG_INFO
from pyzbpf.uapi.enums import BPF_F_REPLACE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyzbpf.kernel.fd import Fd
    from pyzbpf.links.base import Program


def pinned(path: str) -> Link:
    """The link that is pinned at ``path``."""
    link = _made(bpf_fs.get(path, "link"))
    link._pins.append(path)
    return link


def by_id(number: int) -> Link:
    """The link with this id."""
    return _made(commands.by_id("link", number))


def _made(fd: Fd) -> Link:
    try:
        info = link_info.read(fd.fileno())
        spec = ProgramSpec(
            _name(int(info["prog_id"])), section="", kind=str(info["kind"]), type=0, attach_type=None
        )
    except BaseException:
        fd.close()
        raise
    about = ", ".join(f"{name} {value}" for name, value in info.items() if name not in ("kind", "prog_id"))
    link = (IteratorLink if spec.kind == "iter" else Link)(spec, f"{spec.kind} ({about})", [fd])
    link._found = True
    return link


def _name(number: int) -> str:
    """A program's name by its id, which is not for everybody to know."""
    try:
        with commands.by_id("prog", number) as program:
            info = commands.object_info(program.fileno(), PROG_INFO)
    except Error:
        return f"program {number}"
    name = info.get("name", b"")
    assert isinstance(name, bytes)
    return name.rstrip(b"\0").decode(errors="replace")


def update(fd: int, link: Link, program: Program, old: Program | None) -> None:
    """Put another program into a link."""
    for given in (program,) if old is None else (program, old):
        if not hasattr(given, "fileno"):
            raise TypeError(f"update() takes a loaded program (probe.programs['name']), not {given!r}")
    noun = "prog"
    if hasattr(program, "ready"):  # a struct of functions, which is a map
        noun = "map"
        program.ready()
    values = {"link_fd": fd, f"new_{noun}_fd": program.fileno()}
    if old is not None:
        values.update({"flags": BPF_F_REPLACE, f"old_{noun}_fd": old.fileno()})
    try:
        commands.link_update(link.target, **values)
    except PrivilegeError:
        if old is None:
            raise
        raise Error(f"{link.target}: another program than '{old.name}' is attached there now") from None
    except SystemCallError as error:
        if error.errno == EOPNOTSUPP or link_info.read(fd)["kind"] not in _UPDATED:
            raise UnsupportedError(
                f"another program in a link of kind '{link.kind}'",
                advice="Attach the new one, then detach the old: for a moment both run.",
            ) from error
        if error.errno in (EINVAL, ENOENT):
            raise detailed(
                error,
                f"{link.target}: '{program.name}' is of another type, or was loaded for another place"
                + ("" if old is None else f", or '{old.name}' is not attached there now"),
            ) from error
        raise


# Kinds of links that take another program; what others say differs from kernel to kernel.
_UPDATED = frozenset(("cgroup", "netns", "iter", "xdp", "tcx", "netkit", "sockmap", "struct_ops"))


def detach(fd: int, pins: Sequence[str], what: str) -> None:
    """Detach by force what others may hold; without that way, by removing the pins, which they alone may be."""
    for path in pins:
        if os.path.lexists(path):
            os.unlink(path)
    try:
        commands.link_detach(fd)
    except SystemCallError as error:
        if error.errno not in (EOPNOTSUPP, EINVAL, EPERM):
            raise
        if not pins:
            raise UnsupportedError(
                f"detaching {what}, which others may hold,",
                advice="The kernel detaches this kind when nobody holds it any more: end its owner ('pyzbpf list "
                "--loaded' names it), or remove its pin.",
            ) from error
