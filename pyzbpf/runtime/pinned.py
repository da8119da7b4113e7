"""A whole object under names of a BPF file system, and found again by them.

``FOLDER/programs/NAME``, ``FOLDER/maps/NAME`` and ``FOLDER/links/NAME``, a link by its program's name. The file
system takes no dots in names, so they become "_", as libbpf's do.
"""

from __future__ import annotations

import os
from os import fspath

from pyzbpf.errors import NotFoundError
from pyzbpf.kernel import bpf_fs
from pyzbpf.links import reopen as found_links
from pyzbpf.runtime import reopen as found
from pyzbpf.spec.model import ByName

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike
    from typing import Any

    from typing_extensions import Self

    from pyzbpf.links.base import Link
    from pyzbpf.maps.base import KernelMap
    from pyzbpf.runtime.object import Object
    from pyzbpf.runtime.program import Program

_KINDS = ("programs", "maps", "links")


def pin(thing: Object, folder: str) -> None:
    """Pin programs, maps and the links there are; where one fails, the names of those before it are removed."""
    made: list[str] = []
    try:
        for kind in ("", *_KINDS):
            where = os.path.join(folder, kind) if kind else folder
            if not os.path.isdir(where):
                _make(where)
                made.append(where)
        for kind, named in (("programs", thing.programs), ("maps", thing.maps)):
            for name, one in named.items():
                path = _path(folder, kind, name)
                bpf_fs.pin(one.fileno(), path, f"{kind.removesuffix('s')} '{name}'")
                made.append(path)
        for link in thing.links:
            path = _path(folder, "links", link.program)
            bpf_fs.pin(link.fileno(), path, f"the link of '{link.program}' to {link.target}")
            made.append(path)
    except BaseException:
        for path in reversed(made):
            (os.rmdir if os.path.isdir(path) else os.unlink)(path)
        raise


def _make(folder: str) -> None:
    try:
        os.mkdir(folder)
    except FileNotFoundError:
        raise NotFoundError(
            "its folder does not exist",
            file=folder,
            advice="Mount a BPF file system: mount -t bpf bpf /sys/fs/bpf",
        ) from None


def _path(folder: str, kind: str, name: str) -> str:
    return os.path.join(folder, kind, name.replace(".", "_"))


def reopen(folder: str | PathLike[str]) -> Pinned:
    """The programs, maps and links that `Object.pin` has left in a folder; NotFoundError where there are none."""
    return Pinned(fspath(folder))


class Pinned:
    """What is pinned in a folder: programs, maps and links by name, open until `close`, pinned until `unpin`."""

    __slots__ = ("folder", "links", "maps", "programs")

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.programs: ByName[Program] = ByName("program")
        self.maps: ByName[KernelMap] = ByName("map")
        self.links: ByName[Link] = ByName("link")
        if not os.path.isdir(os.path.join(self.folder, "programs")):
            raise NotFoundError("no object is pinned there", file=self.folder)
        try:
            self._open("programs", self.programs, found.program)
            self._open("maps", self.maps, found.map)
            self._open("links", self.links, found_links.pinned)
        except BaseException:
            self.close()
            raise

    def _open(self, kind: str, home: dict[str, Any], open_one: Callable[[str], Any]) -> None:
        folder = os.path.join(self.folder, kind)
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            home[name] = open_one(os.path.join(folder, name))

    def unpin(self) -> None:
        """Detach the links, remove all names and the folder, and close: what nobody else holds is gone then."""
        for link in self.links.values():
            link.detach()
        for kind in _KINDS:
            folder = os.path.join(self.folder, kind)
            for name in os.listdir(folder) if os.path.isdir(folder) else ():
                os.unlink(os.path.join(folder, name))
            if os.path.isdir(folder):
                os.rmdir(folder)
        os.rmdir(self.folder)
        self.close()

    def close(self) -> None:
        """Give the descriptors back; all stays pinned, and attached."""
        for home in (self.links, self.maps, self.programs):
            for one in home.values():
                one.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Pinned {self.folder}: {', '.join(self.programs) or 'no program'}>"
