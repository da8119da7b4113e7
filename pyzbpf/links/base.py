"""A link: what keeps a program attached."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from typing_extensions import Self

    from pyzbpf.spec.model import ProgramSpec

    class Closable(Protocol):
        """What a link is made of: descriptors and sockets."""

        def close(self) -> None: ...

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


def cookie_option(value: object) -> int:
    """A number for the program to tell its links apart by: bpf_get_attach_cookie; 0 is none."""
    return number_option("cookie", value)


class Link:
    """An attached program; it stays attached until the link is detached, closed or the process ends.

    ``kind`` is the kind of the section table, ``target`` where it is attached to, in words.
    ``fileno()`` is the kernel's link, or the socket or event that stands for it.
    """

    __slots__ = ("_parts", "kind", "program", "target")

    def __init__(self, program: ProgramSpec, target: str, parts: Sequence[Closable]) -> None:
        self.kind = program.kind
        self.program = program.name
        self.target = target
        self._parts = list(parts)  # the first is the link itself; closed from the first on

    def fileno(self) -> int:
        if not self._parts:
            raise ValueError(f"the link of '{self.program}' to {self.target} is closed")
        return self._parts[0].fileno()

    @property
    def attached(self) -> bool:
        return bool(self._parts)

    def detach(self) -> None:
        """Detach the program; again does nothing. Nobody else holds the link, so this is `close`."""
        while self._parts:
            self._parts.pop(0).close()

    def close(self) -> None:
        """Detach the program and give its descriptors back."""
        self.detach()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "attached" if self._parts else "detached"
        return f"<Link {self.program} to {self.target}, {state}>"
