"""A link: what keeps a program attached."""

from __future__ import annotations

import os
from os import fspath

from pyzbpf.errors import UnsupportedError
from pyzbpf.kernel.fd import LinkFd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike
    from typing import Protocol

    from typing_extensions import Self

    from pyzbpf.spec.model import ProgramSpec

    class Closable(Protocol):
        """What a link is made of: descriptors and sockets."""

        def close(self) -> None: ...

        def fileno(self) -> int: ...

    class Program(Protocol):
        """A loaded program, as a link needs it."""

        @property
        def name(self) -> str: ...

        def fileno(self) -> int: ...

    class LoadedMap(Protocol):
        """A map of the object, as links need it."""

        def fileno(self) -> int: ...

        @property
        def info(self) -> dict[str, int | bytes]: ...


def text_option(name: str, value: object, example: str) -> str:
    """The value of an option that is a name; TypeError, which says what is wanted, for anything else."""
    if not isinstance(value, str):
        raise TypeError(f"option '{name}' is a str such as '{example}', not {value!r}")
    return value


def number_option(name: str, value: object, *, bits: int = 64) -> int:
    """The value of an option that is a whole number from 0; TypeError or ValueError for anything else."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"option '{name}' is an int, not {value!r}")
    if not 0 <= value < 1 << bits:
        raise ValueError(f"option '{name}' is a number of 0 to 2^{bits}-1, not {value}")
    return value


def process_option(value: object) -> int | None:
    """The number of a process; 0 is this one, None is all: a perf event and a link to many have words of their own."""
    return None if value is None else number_option("pid", value, bits=31) or os.getpid()


def cookie_option(value: object) -> int:
    """A number for the program to tell its links apart by: bpf_get_attach_cookie; 0 is none."""
    return number_option("cookie", value)


class Registration:
    """Something that the kernel holds without a link: whoever made it takes it back, and no child process does."""

    __slots__ = ("_process",)

    def __init__(self) -> None:
        self._process = os.getpid()

    def close(self) -> None:
        """Take it back; again, or in a child process, does nothing."""
        process, self._process = self._process, 0
        if process == os.getpid():
            self.take_back()

    def take_back(self) -> None:
        raise NotImplementedError


class Link:
    """An attached program; it stays attached until the link is detached, closed or the process ends.

    ``kind`` is the kind of the section table, ``target`` where it is attached to, in words.
    ``fileno()`` is the kernel's link, or the socket or event that stands for it.
    """

    __slots__ = ("_found", "_owner", "_parts", "_pins", "kind", "program", "target")

    def __init__(self, program: ProgramSpec, target: str, parts: Sequence[Closable]) -> None:
        self.kind = program.kind
        self.program = program.name
        self.target = target
        self._parts = list(parts)  # the first is the link itself; closed from the first on
        self._owner: list[Link] | None = None
        self._pins: list[str] = []
        self._found = False  # by its pin or id: others may hold it

    @staticmethod
    def pinned(path: str | PathLike[str]) -> Link:
        """The link that is pinned at ``path`` of a BPF file system (Linux 5.7); see `pin`."""
        from pyzbpf.links import reopen

        return reopen.pinned(fspath(path))

    @staticmethod
    def by_id(number: int) -> Link:
        """The link with this id (Linux 5.8; it takes CAP_SYS_ADMIN)."""
        from pyzbpf.links import reopen

        return reopen.by_id(number)

    def fileno(self) -> int:
        if not self._parts:
            raise ValueError(f"the link of '{self.program}' to {self.target} is closed")
        return self._parts[0].fileno()

    @property
    def attached(self) -> bool:
        return bool(self._parts)

    @property
    def info(self) -> dict[str, int | str]:
        """What the kernel says about the link: ``kind``, ``id``, ``prog_id``, and the members of struct
        bpf_link_info for its kind (Linux 5.8).
        """
        from pyzbpf.kernel import link_info

        return link_info.read(self._link("info").fileno())

    def pin(self, path: str | PathLike[str]) -> None:
        """Keep the program attached when this process ends, under a name in a BPF file system.

        `detach` removes the name again, `close` leaves it; `Link.pinned` finds the link by it.
        """
        from pyzbpf.kernel import bpf_fs

        where = fspath(path)
        bpf_fs.pin(self.whole().fileno(), where, f"the link of '{self.program}' to {self.target}")
        self._pins.append(where)

    def update(self, program: Program, *, old: Program | None = None) -> None:
        """Run another program of the same type from now on; no event is missed or seen twice.

        ``old``: only if that one runs now. Control groups (Linux 5.7), network namespaces and iterators (5.8), XDP
        (5.9), tcx (6.6), netkit (6.7), maps of sockets (6.10); other kinds are an UnsupportedError.
        """
        from pyzbpf.links import reopen

        reopen.update(self._link("update()").fileno(), self, program, old)
        self.program = program.name

    def detach(self) -> None:
        """Detach the program, whoever else holds the link; again does nothing.

        Pins that this link made or was opened by are removed. UnsupportedError for a link that was found by
        its id and is of a kind that the kernel does not detach by force; its descriptor is closed all the same.
        """
        try:
            if self._parts and (self._pins or self._found):
                from pyzbpf.links import reopen

                reopen.detach(self.fileno(), self._pins, self.target)
        finally:
            self._pins = []
            self.close()

    def close(self) -> None:
        """Give the descriptors back; the program is detached unless the link is pinned or others hold it."""
        while self._parts:
            self._parts.pop(0).close()
        owner, self._owner = self._owner, None
        if owner is not None and self in owner:
            owner.remove(self)

    def belong(self, links: list[Link]) -> None:
        """Be in this list until it is closed."""
        self._owner = links
        links.append(self)

    def whole(self) -> LinkFd:
        """The one link of the kernel that a pin keeps; UnsupportedError where there is none, or several."""
        link = self._link("pin()")
        count = sum(isinstance(part, LinkFd) for part in self._parts)
        if count > 1:
            raise UnsupportedError(
                f"pin() of {self.target}",
                advice=f"It is {count} links of the kernel, of which a pin keeps one: attach to each place alone "
                "(samples by cpu=), and pin those.",
            )
        return link

    def _link(self, wanted: str) -> LinkFd:
        if not self._parts:
            self.fileno()  # ValueError: it is closed
        if isinstance(self._parts[0], LinkFd):
            return self._parts[0]
        raise UnsupportedError(
            f"{wanted} of {self.target}",
            advice="The kernel has no link for it; it is attached by a socket, filter, map or event.",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "attached" if self._parts else "detached"
        return f"<Link {self.program} to {self.target}, {state}>"
