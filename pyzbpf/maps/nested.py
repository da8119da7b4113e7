"""Maps of maps: a value is a map, of the kind that the outer map's definition shows (Linux 4.12)."""

from __future__ import annotations

from pyzbpf.kernel import commands
from pyzbpf.maps import open as map_open
from pyzbpf.maps.array import References, ReferencesByKey
from pyzbpf.spec.model import MapSpec
from pyzbpf.uapi.attrs import MAP_INFO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyzbpf.kernel.fd import Fd
    from pyzbpf.maps.base import Map

    Base = Map
else:
    Base = object


class _Nested(Base):
    """What both kinds share. A map is stored, the kernel's id of one is read; `inner` gives the map itself."""

    __slots__ = ()

    def inner(self, key: Any) -> Map:
        """The map that is stored under a key, open: use it within ``with``, or close it. KeyError without one.

        Needs CAP_SYS_ADMIN, for the kernel tells the id of a map only.
        """
        number = self[key]
        fd = commands.map_open(number)
        try:
            return self._opened(self._spec_of(fd), fd)
        except BaseException:
            fd.close()
            raise

    def create(self, key: Any, **changes: int) -> Map:
        """Make a new map of the kind that fits, store it under a key and return it, open.

        ``changes`` are members of its spec, such as ``max_entries``, where the kind allows maps that differ in them.
        """
        spec = _copy(self.spec.inner or self._spec_of_any(), **changes)
        fd = map_open.create(spec, "inner", None)
        try:
            made = self._opened(spec, fd)
            self[key] = made
        except BaseException:
            fd.close()
            raise
        return made

    def _opened(self, spec: MapSpec, fd: Fd) -> Map:
        return map_open.open(spec, fd, self.btf)

    def _spec_of(self, fd: Fd) -> MapSpec:
        info = commands.object_info(fd.fileno(), MAP_INFO)
        known = {
            name: int(info[told])
            for name, told in (
                ("type", "type"), ("key_size", "key_size"), ("value_size", "value_size"),
                ("max_entries", "max_entries"), ("flags", "map_flags"),
            )
        }  # fmt: skip
        pattern = self.spec.inner
        if pattern is not None:
            return _copy(pattern, **known)
        return MapSpec(f"{self.name}.inner", section="", **known)  # type: ignore[arg-type]

    def _spec_of_any(self) -> MapSpec:
        for key in self:
            with self.inner(key) as found:
                return found.spec
        from pyzbpf.errors import Error

        raise Error(
            f"map '{self.name}': neither its definition nor an element shows what a map in it looks like; store one that "
            "you have made"
        )


def _copy(spec: MapSpec, **changes: int) -> MapSpec:
    import copy

    made = copy.copy(spec)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


class ArrayOfMaps(_Nested, References):
    """Maps by index; empty places are no keys."""

    __slots__ = ()


class HashOfMaps(_Nested, ReferencesByKey):
    """Maps by key."""

    __slots__ = ()
