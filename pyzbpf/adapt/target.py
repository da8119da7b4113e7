"""What relocation asks of a kernel: the types that have a name, and what they are made of.

`pyzbpf.kernel.target` answers for the running kernel and for files; tests answer from bytes.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Protocol

    from pyzbpf.btf.decode import Btf
    from pyzbpf.btf.types import Type

    class Types(Protocol):
        """One table of types: the kernel's, a module's on top of it, or the object's own."""

        @property
        def pointer_size(self) -> int:
            """Bytes of a pointer, 8 or on old machines 4."""

        @property
        def first(self) -> int:
            """The id of its own first type: 1, and more for a module."""

        @property
        def name(self) -> str:
            """What messages call it: the module's name."""

        def get(self, type_id: int) -> Type | None:
            """The type with this id; None for 0, which is void."""

        def id_of(self, found: Type) -> int:
            """The id of a type of this table."""

    class Target(Protocol):
        """A kernel. ``name`` is what messages call it."""

        @property
        def endian(self) -> str: ...
        @property
        def name(self) -> str: ...
        def find(self, name: str, kind: int, module: str = "") -> Sequence[tuple[Types, Type]]:
            """Every type of that kind whose name without flavour is ``name``, in the order of ids.

            ENUM stands for ENUM64 too, and the other way round. Modules are asked only where the
            kernel itself has none; where ``module`` is named, only that one is.
            """

        def names(self, prefix: str) -> Iterable[str]:
            """Names in the kernel's types that begin so, for messages."""


# What to say where there is no Target.
NO_TYPES = "It takes a kernel built with CONFIG_DEBUG_INFO_BTF=y, and /sys/kernel/btf/vmlinux readable."


class LocalTypes:
    """The object's own types in the same form: what the probe's author saw."""

    __slots__ = ("_btf", "first", "name", "pointer_size")

    def __init__(self, btf: Btf) -> None:
        self._btf = btf
        self.pointer_size = 8
        self.first = 1
        self.name = "the object"

    def get(self, type_id: int) -> Type | None:
        return self._btf.get(type_id) if type_id else None

    def id_of(self, found: Type) -> int:
        return self._btf.types.index(found)
