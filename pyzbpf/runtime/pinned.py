"""A whole object under names of a BPF file system, and found again by them.

``FOLDER/programs/NAME``, ``FOLDER/maps/NAME`` and ``FOLDER/links/NAME``, a link by its program's name, and with a number
behind it (``NAME-2``) where the program is attached at several places. The file system takes no dots in names, so they
become "_", as libbpf's do; a map's own name, as the kernel has it, says where they were (``.bss``).
"""

from __future__ import annotations

import os
from collections import Counter
from os import fspath

from pyzbpf.errors import NotFoundError
from pyzbpf.kernel import bpf_fs
from pyzbpf.links import reopen as found_links
from pyzbpf.runtime import reopen as found
from pyzbpf.spec.model import ByName

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike

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
        places: Counter[str] = Counter()
        for link in thing.links:
            places[link.program] += 1
            count = places[link.program]
            path = _path(folder, "links", link.program if count == 1 else f"{link.program}-{count}")
            bpf_fs.pin(link.whole().fileno(), path, f"the link of '{link.program}' to {link.target}")
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


def _dotted(name: str, known: str) -> str:
    """The name of a pin with the dots that a map has in ``known``, the name that the kernel has of it.

    That is cut off, and one that begins with a dot has the beginning of its object's name in front of it.
    """
    _, dot, rest = known.partition(".")
    own = dot + rest if name.startswith("_") else known
    return own + name[len(own) :] if own.replace(".", "_") == name[: len(own)] else name


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
            for name, path in self._pins("programs"):
                self.programs[name] = found.program(path)
            for name, path in self._pins("maps"):
                map = found.map(path)
                self.maps[_dotted(name, map.name)] = map
            for name, path in self._pins("links"):
                self.links[name] = found_links.pinned(path)
        except BaseException:
            self.close()
            raise

    def _pins(self, kind: str) -> list[tuple[str, str]]:
        """Names and paths of what is pinned of a kind."""
        folder = os.path.join(self.folder, kind)
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        return [(name, os.path.join(folder, name)) for name in names]

    def unpin(self) -> None:
        """Detach the links, remove all names and the folder, and close: what nobody else holds is gone then."""
        for link in self.links.values():
            link.detach()
        for kind in _KINDS:
            for _, path in self._pins(kind):
                os.unlink(path)
            folder = os.path.join(self.folder, kind)
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
