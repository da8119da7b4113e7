"""Records of a ring buffer where they lie: no copy, valid within a ``with`` block."""

from __future__ import annotations

import struct
import time
import weakref

from pyzbpf.btf import codec, columns, tagged
from pyzbpf.errors import Error
from pyzbpf.events.places import Places
from pyzbpf.events.record import RING_HEADER
from pyzbpf.events.stream import ShortEvent, check_limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from pyzbpf.events.ring_buffer import RingBuffer


_NONE = Places.of_each(0, [], 0)
_NOTHING: tuple[Any, int, int, int] = (b"", 0, 1, 0)


class _End:
    """What a ``with`` statement calls at the end of its block, and what lives as long as the block does.

    An interrupt may come when the call has begun and done nothing; the statement calls it no second time.
    """

    __slots__ = ("__weakref__", "_batch")

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def __call__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._batch.leave(kind)


class _Exit:
    """`Batch.__exit__`, which the statement looks up when it begins."""

    def __get__(self, batch: Batch | None, owner: type[Batch]) -> Any:
        if batch is None:  # contextlib.ExitStack
            return owner.leave
        end = _End(batch)
        batch.block = weakref.ref(end)
        return end


class Batch:
    """Some records of a ring buffer, in its memory; made by `RingBuffer.batch`, used within ``with``.

    Leaving the block gives the memory back to the kernel: views and zero-copy arrays of the batch mean nothing any
    more, copy what is to be kept. Leaving it by an exception gives nothing back, and the next read begins with
    the same records: none is lost, none is half done.
    """

    __slots__ = (
        "_before", "_copied", "_data", "_entered", "_limit", "_places", "_size", "_stream", "_timeout", "_type_id", "_views",
        "_whole", "block",
    )  # fmt: skip

    def __init__(
        self, stream: RingBuffer, limit: int | None, timeout: float | None, *, whole: bool = False
    ) -> None:
        check_limits(stream.name, limit, timeout)
        self._stream = stream
        self._limit = (1 << 62) if limit is None else limit
        self._timeout = timeout
        self._whole = whole
        self.block: weakref.ref[_End] | None = None
        self._entered = False
        self._places = _NONE
        self._data: memoryview | None = None
        self._views: list[memoryview] = []
        self._copied = _NOTHING
        # What is read of each record: the bytes before it, header and all, its type and its size.
        self._before = RING_HEADER
        self._type_id = stream.spec.event_type
        self._size = stream.event_size

    def __enter__(self) -> Batch:
        stream = self._stream
        stream._check_open()
        self._entered = True
        try:
            self._borrow()
        except BaseException:
            # An interrupt behind the borrowing: the statement calls no `__exit__` then.
            self._data = None
            stream.give_back(self, None)
            raise
        return self

    def _borrow(self) -> None:
        """Take the records that are there, or the first that come."""
        stream = self._stream
        deadline: float | None = None
        while self._limit:
            found = stream.borrow(self, self._limit, whole=self._whole)
            if found is not None:
                self._places, self._data = found
                return
            left = self._timeout
            if left is not None:
                now = time.monotonic()
                deadline = now + left if deadline is None else deadline
                left = deadline - now
            if stream.closed or (left is not None and left <= 0):
                return
            stream.wait_for_record(left)

    if TYPE_CHECKING:

        def __exit__(self, kind: type[BaseException] | None, *_: object) -> None: ...

    else:
        __exit__ = _Exit()

    @property
    def abandoned(self) -> bool:
        """Whether its block was left by an interrupt that nothing could be done about."""
        return self.block is not None and self.block() is None

    def leave(self, kind: type[BaseException] | None, *_: object) -> None:
        """End the block, by an exception of this type or without one (None)."""
        if self._data is None:
            return
        position = self._places.position if kind is None else None
        try:
            self._leave(position)
        except BaseException:  # an interrupt in the midst of it
            self._leave(position)
            raise

    def _leave(self, position: int | None) -> None:
        while self._views:
            _release(self._views[-1])
            del self._views[-1]
        if self._data is not None:
            _release(self._data)
            self._data = None
        self._stream.give_back(self, position)

    def _found(self) -> Places:
        """Where its records are; ValueError where nobody has looked for them yet."""
        if not self._entered:
            name = self._stream.name
            raise ValueError(
                f"this batch of buffer '{name}' was not entered: `with events.batch() as batch:` reads the records"
            )
        return self._places

    def __len__(self) -> int:
        return self._found().count

    def __bool__(self) -> bool:
        return self._found().count > 0

    @property
    def position(self) -> int:
        """Where the record behind the last one begins, counted from the ring's first."""
        return self._places.position

    @property
    def data(self) -> memoryview:
        """The memory that `offsets` count in; the ring is there twice in a row, so that no record wraps around."""
        self._found()
        if self._data is None:
            raise ValueError(f"no batch of buffer '{self._stream.name}' is open here, or it was empty")
        return self._data

    @property
    def offsets(self) -> list[int]:
        """Where each record's bytes begin in `data`."""
        return self._found().starts

    @property
    def lengths(self) -> list[int]:
        """How many bytes each record has."""
        return self._places.lengths(self.data) if self else []

    def only(self, type: str) -> Batch:
        """The records of one type, of a buffer whose events are a tagged union: ``type`` is the struct's name.

        Its columns, tuples and arrays have that struct's members. It lives as long as this batch does.
        """
        stream = self._stream
        types: dict[str, tuple[int, int]] = {}
        if stream.btf is not None and stream.spec.event_is_tagged and self._before == RING_HEADER:
            for tag, (name, type_id) in tagged.variants(stream.btf, self._type_id).items():
                types[name] = tag, type_id
        if stream.btf is None or type not in types:
            known = ", ".join(types) or "none, for its events have one type"
            raise Error(f"buffer '{stream.name}' has no events of the type '{type}'; it has: {known}")
        wanted, type_id = types[type]
        part = Batch(stream, 0, 0)
        part._entered = self._entered
        part._before, part._type_id, part._size = (
            RING_HEADER + tagged.START,
            type_id,
            stream.btf.size_of(type_id),
        )
        if self:
            part._data, part._views = self.data, self._views
            heads = [(start - RING_HEADER) >> 3 for start in self.offsets]
            tags = self.data.cast("I")[2::2]  # of each 8 bytes, what lies behind them
            found = [head for head in heads if tags[head] == wanted]
            part._places = Places.of_each(self._places.position, found, 0)
            part._places.shortest = min(part.lengths, default=0)
        return part

    def payloads(self) -> list[memoryview]:
        """The bytes of each record, without a copy."""
        if not self:
            return []
        data = self.data
        views = [
            data[start : start + length] for start, length in zip(self.offsets, self.lengths, strict=True)
        ]
        self._views += views
        return views

    def __iter__(self) -> Iterator[Any]:
        """The records as objects of their own, decoded as when the buffer is iterated."""
        if not self:
            return iter(())
        if self._before > RING_HEADER and self._stream.btf is not None:  # of one type
            decode, data, start = (
                codec.decoder(self._stream.btf, self._type_id),
                self.data,
                self._before - RING_HEADER,
            )
            return iter([decode(data[place + start :]) for place in self.offsets])
        return iter(self._stream.objects(self.data, self._places).ready)

    def column(self, name: str) -> memoryview | list[Any]:
        """One number of each record: a strided memoryview without a copy where all records have one length.

        Where they have several, or a number does not lie at a multiple of its size, it is a list. ``a.b`` is member
        b of the inner struct a. ShortEvent where a record is too short to have it.
        """
        stream, places = self._stream, self._places
        what = f"an event of '{stream.name}'"
        try:
            offset, letter = columns.member(stream.btf, self._type_id, name, what)
        except Error as error:
            raise Error(f"{error}{self._of_one_type(name)}") from None
        size = struct.calcsize("=" + letter)
        if not self:
            return []
        offset += self._before
        self._check_length(offset - RING_HEADER + size)
        stride = places.stride or 8
        if offset % size or stride % size:
            unpack, data = struct.Struct("=" + letter).unpack_from, self.data
            return [unpack(data, start + offset - RING_HEADER)[0] for start in places.starts]
        memory = places.of(self.data) if places.stride else self.data
        view = memory.cast(letter)  # type: ignore[call-overload]
        column: memoryview = view[offset // size :: stride // size]
        self._views += (column, view)
        return column if places.stride else list(places.items(column))

    def _of_one_type(self, name: str) -> str:
        """Where a number is to be found that the tagged union has not, and a type of it has."""
        btf = self._stream.btf
        if btf is not None and self._stream.spec.event_is_tagged and self._before == RING_HEADER:
            for type, type_id in tagged.variants(btf, self._type_id).values():
                if name in columns.numbers(btf, type_id):
                    return f"; events of the type {type} have it: batch.only('{type}').column('{name}')"
        return ""

    def tuples(self, *names: str) -> Iterator[tuple[Any, ...]]:
        """Those numbers of each record, as tuples."""
        return zip(*(self.column(name) for name in names), strict=True)

    def to_numpy(self, *, copy: bool = False) -> Any:
        """The records as a structured array: a view of the ring's memory where all have one length, else a copy.

        ``copy=True`` makes an array of its own in any case. Records that are longer than their type are cut to it;
        ShortEvent where one is shorter. What follows the fixed part, an array without a length, is left out: `payloads`
        has it. Needs numpy.
        """
        stream, places, type_id, before = self._stream, self._places, self._type_id, self._before
        if stream.spec.event_is_tagged and before == RING_HEADER:
            raise Error(
                f"the events of '{stream.name}' have several types, and an array has one: `batch.only(type).to_numpy()`"
            )
        size = self._size
        if not self:
            return columns.array(b"", stream.btf, type_id, size or 1)
        if size is None:
            size = max(self.lengths)
        self._check_length(before - RING_HEADER + size)
        if places.stride:
            memory: Any = places.of(self.data)
            if copy:  # all bytes at once, headers too: member by member takes four times as long
                memory = bytes(memory)
                self._copied = (memory, RING_HEADER, places.stride, size)
            return columns.array(memory, stream.btf, type_id, size, before=RING_HEADER, stride=places.stride)
        memory = _gathered(self.data, places.heads, before, size)
        self._copied = (memory, 0, size, size)
        return columns.array(memory, stream.btf, type_id, size)

    def taken(self) -> list[Any]:
        """The records of the copy that `to_numpy` has made, as objects."""
        memory, before, stride, size = self._copied
        btf, type_id = self._stream.btf, self._stream.spec.event_type
        if btf is not None and type_id:
            return codec.records_decoder(btf, type_id, before=before, stride=stride)(memory)
        raw = bytes(memory)
        return [raw[start + before : start + before + size] for start in range(0, len(raw), stride)]

    def _check_length(self, size: int) -> None:
        shortest = self._places.shortest
        if shortest < size:
            raise ShortEvent(
                f"an event of {shortest} bytes in '{self._stream.name}' is shorter than what is read of it, {size} bytes; "
                "`payloads()`, `lengths` and iterating take records of any length"
            )


def _release(view: memoryview) -> None:
    try:
        view.release()
    except BufferError:  # a numpy array looks through it: it dies with the array
        pass


def _gathered(data: memoryview, heads: Any, before: int, size: int) -> Any:
    """The ``size`` bytes in each of these records, behind the first ``before``, side by side."""
    numpy = columns.numpy()
    # One value for every 8 bytes, each over the next ones: an array that is only looked at, and not filled.
    count = (len(data) - before - size) // 8 + 1
    return numpy.ndarray((count,), f"V{size}", data, before, (8,))[heads]
