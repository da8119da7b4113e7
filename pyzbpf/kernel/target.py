"""What CO-RE is resolved against: the running kernel with its modules, or types from a file."""

from __future__ import annotations

from pyzbpf.kernel import vmlinux

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.btf.lazy import LazyBtf
    from pyzbpf.btf.types import Type


class KernelTarget:
    """The running kernel; its modules are asked for what it does not have, as libbpf does."""

    __slots__ = ("_kernel", "endian", "name")

    def __init__(self) -> None:
        self._kernel = vmlinux.vmlinux()
        self.endian = self._kernel.endian
        self.name = "the running kernel"

    def find(self, name: str, kind: int, module: str = "") -> list[tuple[LazyBtf, Type]]:
        """Every type of that kind and essential name, with the table it belongs to."""
        found = [] if module else [(self._kernel, type) for type in self._kernel.find(name, kind)]
        if found:
            return found
        asked = [table for table in vmlinux.modules() if module in ("", table.name)]
        return [(table, type) for table in asked for type in table.find(name, kind)]

    def names(self, prefix: str) -> list[str]:
        """Names in the types of the kernel itself that begin so, for messages."""
        return self._kernel.names(prefix)


class FileTarget:
    """The types in a file, and no others."""

    __slots__ = ("_types", "endian", "name")

    def __init__(self, path: str) -> None:
        self._types = vmlinux.file(path)
        self.endian = self._types.endian
        self.name = path

    def find(self, name: str, kind: int, module: str = "") -> list[tuple[LazyBtf, Type]]:
        """Every type of that kind and essential name, with the table it belongs to; of a module there are none."""
        if module:
            return []
        return [(self._types, type) for type in self._types.find(name, kind)]

    def names(self, prefix: str) -> list[str]:
        """Names in the types that begin so, for messages."""
        return self._types.names(prefix)
