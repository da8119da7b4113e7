"""A map of the kernel as a Python mapping."""

from __future__ import annotations

# collections.abc is this very module, which the interpreter has imported for `os`; the package
# around it costs a millisecond of start-up.
from _collections_abc import MutableMapping
from os import fspath

from pyzbpf.errors import Error, PrivilegeError, SystemCallError
from pyzbpf.kernel import commands
from pyzbpf.kernel.syscall import E2BIG, EEXIST, ENOENT
from pyzbpf.uapi.attrs import MAP_INFO
from pyzbpf.uapi.enums import BPF_ANY, BPF_EXIST, BPF_NOEXIST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, ItemsView, Iterable, Iterator, ValuesView
    from os import PathLike
    from typing import Any

    from typing_extensions import Self

    from pyzbpf.btf.decode import Btf
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import MapSpec

    Mapping = MutableMapping[Any, Any]
else:
    Mapping = MutableMapping


def coders(
    btf: Btf | None, type_id: int, size: int, what: str
) -> tuple[Callable[[Any], bytes], Callable[[bytes], Any]]:
    """How keys or values of a map are encoded and decoded; as bytes where their type is not known.

    ``what`` names them in errors, and may have a member's name put behind it.
    """
    if btf is None or not type_id:
        return _as_bytes(size, what), bytes
    from pyzbpf.btf import codec

    return codec.encoder(btf, type_id, what), codec.decoder(btf, type_id)


def _as_bytes(size: int, what: str) -> Callable[[Any], bytes]:
    """The encoder of a key or value whose type is not known: bytes of the right length."""

    def encode(value: Any) -> bytes:
        if isinstance(value, (bytes, bytearray, memoryview)):
            raw = bytes(value)
            if len(raw) == size:
                return raw
            raise Error(f"{what}: it has {size} bytes, not {len(raw)}")
        raise Error(f"{what}: its type is not known, so it is {size} bytes, not {value!r}")

    return encode


def check_timeout(what: str, timeout: Any) -> None:
    """Refuse what is no time to wait; ``what`` is the buffer's name, for the error."""
    # A NaN is neither, and a deadline of it would never come.
    if timeout is not None and not (isinstance(timeout, (int, float)) and (timeout >= 0 or timeout < 0)):
        raise Error(f"buffer '{what}': timeout is a number of seconds or None for ever, not {timeout!r}")


_CODERS = frozenset(("encode_key", "decode_key", "encode_value", "decode_value"))


class KernelMap:
    """What all maps share, those without keys too: name, descriptor, information, end."""

    __slots__ = ("fd", "spec")

    def __init__(self, spec: MapSpec, fd: Fd) -> None:
        self.spec = spec
        self.fd = fd

    @property
    def name(self) -> str:
        """The name in the object; the kernel's own may be cut (see `info`)."""
        return self.spec.name

    def fileno(self) -> int:
        """The map's descriptor."""
        return self.fd.fileno()

    @property
    def info(self) -> dict[str, int | bytes]:
        """What the kernel says about the map; the names are those of struct bpf_map_info."""
        return commands.object_info(self.fd.fileno(), MAP_INFO)

    def pin(self, path: str | PathLike[str]) -> None:
        """Keep it when this process ends, under a name in a BPF file system (Linux 4.4); removing the name ends that.

        `pyzbpf.open_map` finds it there. NotFoundError and PrivilegeError say what is wrong with the folder.
        """
        from pyzbpf.kernel import bpf_fs

        bpf_fs.pin(self.fileno(), fspath(path), f"map '{self.name}'")

    def close(self) -> None:
        """Give the descriptor back; the kernel frees the map when no program uses it."""
        self.fd.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.fd.closed else f"fd {self.fd.fileno()}"
        return f"<{type(self).__name__} {self.name}, {state}>"


class Map(KernelMap, Mapping):
    """One map: keys and values are encoded and decoded by the types its object declares.

    Without types they are bytes. Other programs change the map at the same time: iterating shows
    each key that stays in the map at least once (kinds and kernels without batch commands may show one twice,
    see `walk`), `len()` counts, and a key seen a moment ago may be gone. Deleting the key that an iteration has
    just given is safe. All elements, `update` and `drain` go by batches where kernel and kind have them.
    """

    __slots__ = ("btf", "decode_key", "decode_value", "drained", "encode_key", "encode_value")
    encode_key: Callable[[Any], bytes]
    decode_key: Callable[[bytes], Any]
    encode_value: Callable[[Any], bytes]
    decode_value: Callable[[bytes], Any]
    per_cpu = 0  # how many values a key has in per-CPU maps
    __hash__ = object.__hash__  # a map is itself, not what it contains at the moment

    def __init__(self, spec: MapSpec, fd: Fd, btf: Btf | None) -> None:
        super().__init__(spec, fd)
        self.btf = btf
        self.drained: list[tuple[Any, Any]] = []

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """A coder, made when it is asked for: most maps of an object are nobody's but the programs'."""
            what, _, part = name.partition("_")
            if name not in _CODERS:
                raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
            spec = self.spec
            type_id, size = getattr(spec, f"{part}_type"), getattr(spec, f"{part}_size")
            coder = coders(self.btf, type_id, size, f"map '{spec.name}', {part}")[what == "decode"]
            setattr(self, name, coder)
            return coder

    @property
    def value_bytes(self) -> int:
        """How many bytes a lookup fills; per-CPU maps have more than one value for a key."""
        return self.spec.value_size

    # -- one element ----------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        raw = self.lookup_raw(self.encode_key(key))
        if raw is None:
            raise KeyError(key)
        return self.decode_value(raw)

    def lookup_raw(self, key: bytes) -> bytes | None:
        """The bytes of the value of a raw key; None where it is not in the map."""
        found = commands.map_lookup(self.fileno(), key, self.value_bytes)
        return None if found is None else bytes(found)

    def __contains__(self, key: object) -> bool:
        return self.lookup_raw(self.encode_key(key)) is not None

    def __setitem__(self, key: Any, value: Any) -> None:
        self._update(key, value, BPF_ANY)

    def insert(self, key: Any, value: Any) -> None:
        """Store a new key; KeyError where it is in the map already, decided by the kernel."""
        self._update(key, value, BPF_NOEXIST)

    def replace(self, key: Any, value: Any) -> None:
        """Store over a key; KeyError where it is not in the map, decided by the kernel."""
        self._update(key, value, BPF_EXIST)

    def _update(self, key: Any, value: Any, flags: int) -> None:
        raw = self.encode_value(value)
        try:
            commands.map_update(self.fileno(), self.encode_key(key), raw, flags)
        except (SystemCallError, PrivilegeError) as error:
            errno = getattr(error, "errno", None)
            if errno == E2BIG:
                size = self.spec.max_entries
                raise Error(
                    f"map '{self.name}' is full: it holds {size} keys; raise its max_entries"
                ) from error
            if (flags, errno) in ((BPF_NOEXIST, EEXIST), (BPF_EXIST, ENOENT)):
                raise KeyError(key) from None
            from pyzbpf.maps import refusals

            raise refusals.explain(self, raw, error, f", key {key!r}") from error

    def pop(self, key: Any, *default: Any) -> Any:
        """Take the value of a key out of the map; KeyError (or ``default``) where the key is not in it.

        The kernel reads and removes in one step, so that nothing which programs add is lost in between: hashes, since
        Linux 5.14; elsewhere it is two steps.
        """
        from pyzbpf.maps import whole

        return whole.pop(self, key, *default)

    def popitem(self) -> tuple[Any, Any]:
        """Take any element out of the map, as `pop` does: (key, value). KeyError where the map is empty."""
        from pyzbpf.maps import whole

        return whole.popitem(self)

    def __delitem__(self, key: Any) -> None:
        if not commands.map_delete(self.fileno(), self.encode_key(key)):
            raise KeyError(key)

    # -- all elements ---------------------------------------------------------------------------

    def walk(self) -> Iterator[bytes]:
        """Raw keys one by one in the kernel's order, each fetched before the one before it is given out.

        A key that vanished makes the kernel start over, so that keys may come twice, and a map which others empty and
        fill could be walked for ever: no more are given than twice what fits into it (some kinds round up).
        """
        fd, size = self.fileno(), self.spec.key_size
        key = commands.map_next_key(fd, None, size)
        for _ in range(2 * self.spec.max_entries):
            if key is None:
                return
            following = commands.map_next_key(fd, key, size)
            yield key
            key = following

    def _raw_keys(self) -> Iterator[bytes]:
        from pyzbpf.maps import batch

        return batch.keys(self)

    def __iter__(self) -> Iterator[Any]:
        return map(self.decode_key, self._raw_keys())

    def __len__(self) -> int:
        from pyzbpf.maps import batch

        return batch.count(self)

    def chunks(self) -> Iterator[tuple[memoryview, memoryview]]:
        """All elements as columns: (keys, values), some thousand at a time, in memory that the next step reuses.

        Numbers come as memoryviews of numbers, everything else as bytes side by side, the values of per-CPU maps CPU
        by CPU. The fastest way without numpy: ``sum(sum(values) for _, values in map.chunks())``.
        """
        from pyzbpf.maps import whole

        return whole.chunks(self)

    def update(self, other: Any = (), /, **named: Any) -> None:
        """Store many elements: of a mapping, of (key, value) pairs; a batch at a time.

        Error where the map is full: those before the one that found no room are stored.
        """
        from pyzbpf.maps import whole

        whole.update(self, other.items() if hasattr(other, "items") else other, named)

    def update_columns(self, keys: Any, values: Any) -> None:
        """Store elements whose keys lie side by side in one buffer, and whose values in another.

        A buffer is bytes, an array, a numpy array. ValueError where their lengths do not fit to each other; Error where
        the items are numbers of another width, kind or byte order than the map's, or do not lie side by side.
        """
        from pyzbpf.maps import whole

        whole.update_columns(self, keys, values)

    def delete(self, keys: Iterable[Any], /) -> int:
        """Remove many keys; how many of them were in the map."""
        from pyzbpf.maps import batch

        return batch.delete(self, [self.encode_key(key) for key in keys])

    def clear(self) -> None:
        """Remove every element that is there."""
        from pyzbpf.maps import batch

        batch.delete(self, list(self._raw_keys()))

    def drain(self) -> list[tuple[Any, Any]]:
        """Take all elements out of the map: (key, value) pairs.

        The kernel reads and removes in one step, so that nothing which programs add is lost in between: hashes, since
        Linux 5.6; elsewhere it is two steps. What an interrupted call has taken comes with the next.
        """
        from pyzbpf.maps import whole

        return whole.drain(self)

    def top(self, number: int = 10) -> list[tuple[Any, Any]]:
        """The (key, value) pairs with the largest values; of per-CPU maps the sums of all CPUs."""
        from pyzbpf.maps import whole

        return whole.top(self, number)

    def to_numpy(self) -> tuple[Any, Any]:
        """All elements as two numpy arrays of one length, keys and values; structs are structured arrays.

        Values of per-CPU maps have a row for each key and a column for each possible CPU.
        """
        from pyzbpf.maps import whole

        return whole.to_numpy(self)

    def to_arrow(self) -> Any:
        """All elements as a pyarrow table; members of structs are columns ``key.a``, ``value.b``.

        Needs pyarrow and numpy: ``pip install 'pyzbpf[arrow]'``.
        """
        from pyzbpf.maps import whole

        return whole.to_arrow(self)

    def items(self) -> ItemsView[Any, Any]:
        """(key, value) pairs; a key that is deleted meanwhile is left out."""
        from pyzbpf.maps import whole

        return whole.Items(self)

    def values(self) -> ValuesView[Any]:
        """Values; those of keys deleted meanwhile are left out."""
        from pyzbpf.maps import whole

        return whole.Values(self)

    def __bool__(self) -> bool:
        return next(self._raw_keys(), None) is not None

    def __eq__(self, other: object) -> bool:
        return self is other
