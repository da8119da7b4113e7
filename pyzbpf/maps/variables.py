"""Global variables of a loaded object: places in its data maps, read and written by value."""

from __future__ import annotations

from pyzbpf.errors import Error
from pyzbpf.kernel import commands
from pyzbpf.uapi.enums import BPF_F_MMAPABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyzbpf.btf.decode import Btf
    from pyzbpf.kernel.memory import Mapping
    from pyzbpf.maps.base import Map
    from pyzbpf.spec.model import VariableSpec

_KEY = bytes(4)


class DataMap:
    """The bytes of one data map: shared memory where the kernel allows it (Linux 5.5), else by system calls.

    Frozen maps (``.rodata``) can be read only. Shared memory is one load or store for an aligned
    variable of up to 8 bytes. Through system calls a store reads the whole map and writes it back, and
    may so undo what a program wrote in between: an array element is all that older kernels offer.
    """

    __slots__ = ("_closed", "_map", "_memory", "_size", "_tried")

    def __init__(self, map: Map) -> None:
        self._map = map
        self._size = map.spec.value_size
        self._memory: Mapping | None = None
        self._tried = False  # mapped by the first access: many probes never look at a variable
        self._closed = False

    @property
    def name(self) -> str:
        return self._map.name

    @property
    def frozen(self) -> bool:
        return self._map.spec.frozen

    @property
    def closed(self) -> bool:
        """Whether there is no way to the bytes any more."""
        return self._closed or (self._memory is None and self._map.fd.closed)

    @property
    def memory(self) -> Mapping | None:
        """The shared memory, where access needs no system call."""
        if not self._tried:
            self._tried = True
            map = self._map
            if not map.spec.frozen and int(map.info["map_flags"]) & BPF_F_MMAPABLE:
                from pyzbpf.kernel.memory import PAGE, Mapping

                length = -(-self._size // PAGE) * PAGE
                self._memory = Mapping(map.fileno(), length, writable=True, what=f"map '{map.name}'")
        return self._memory

    def load(self, offset: int, size: int) -> bytes:
        """The bytes of a place."""
        memory = self.memory
        if memory is not None:
            return memory.load(offset, size)
        return bytes(self._whole()[offset : offset + size])

    def store(self, offset: int, raw: bytes) -> None:
        """Write the bytes of a place."""
        memory = self.memory
        if memory is not None:
            memory.store(offset, raw)
            return
        whole = self._whole()
        whole[offset : offset + len(raw)] = raw
        commands.map_update(self._map.fileno(), _KEY, bytes(whole))

    def _whole(self) -> bytearray:
        found = commands.map_lookup(self._map.fileno(), _KEY, self._size)
        assert found is not None  # element 0 of an array always exists
        return found

    def close(self) -> None:
        """Unmap; the map itself stays."""
        self._closed = True
        memory, self._memory = self._memory, None
        self._tried = True
        if memory is not None:
            memory.close()


class Variable:
    """A global variable of a loaded probe; ``value`` reads or sets it while the probe runs."""

    __slots__ = ("_btf", "_data", "spec")

    def __init__(self, spec: VariableSpec, data: DataMap, btf: Btf | None) -> None:
        self.spec = spec
        self._data = data
        self._btf = btf

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def value(self) -> Any:
        """The value now, in the same form as `VariableSpec.value`."""
        self._check_open()
        raw = self._data.load(self.spec.offset, self.spec.size)
        if self._btf is None or not self.spec.type_id:
            return raw
        from pyzbpf.btf import codec  # for whoever looks at a value

        return codec.decode(self._btf, self.spec.type_id, raw)

    @value.setter
    def value(self, value: Any) -> None:
        self._check_open()
        name = self.spec.name
        if self._data.frozen:
            raise Error(
                f"variable '{name}' lies in '{self._data.name}', which is frozen since the object was loaded; set "
                f"spec.variables['{name}'].value before load(), or keep it out of `.rodata` in the probe (`export var` without linksection)"
            )
        if self._btf is None or not self.spec.type_id:
            raw = bytes(value)
        else:
            from pyzbpf.btf import codec

            raw = codec.encode(self._btf, self.spec.type_id, value, name)
        if len(raw) != self.spec.size:
            raise Error(f"variable '{name}' has {self.spec.size} bytes, not {len(raw)}")
        self._data.store(self.spec.offset, raw)

    def _check_open(self) -> None:
        if self._data.closed:
            raise ValueError(f"variable '{self.name}': the object is closed")

    def __repr__(self) -> str:
        return f"<Variable {self.name} in {self._data.name}+{self.spec.offset:#x}>"
