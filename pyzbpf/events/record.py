"""Records of ring and perf buffers in memory: where they lie, which are whole. Pure.

Positions are byte counts since the buffer was made; a place is the position modulo the size.
"""

from __future__ import annotations

import struct

from pyzbpf.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

# include/uapi/linux/bpf.h: the header is a length with two flags, then a number for the kernel.
BUSY, DISCARD = 1 << 31, 1 << 30
RING_HEADER = 8

# How much memory is searched for headers at once: what fits into a processor's cache.
_CHUNK = 1 << 20

# From so many records on, numpy compares faster than memoryviews do.
_WORTH_NUMPY = 256
_FEW = 16

# include/uapi/linux/perf_event.h
PERF_RECORD_LOST, PERF_RECORD_SAMPLE = 2, 9
_PERF_HEADER = struct.Struct("=IHH")
_PERF_LOST = struct.Struct("=QQ")
_U32 = struct.Struct("=I")
# What lies before a sample's bytes: the header, and their number.
PERF_BEFORE = 12


class _Steps(dict[int, int]):
    """How far it is from a header to the next, in items; filled as headers are met. KeyError for a busy one."""

    __slots__ = ()

    def __missing__(self, header: int) -> int:
        if header & BUSY:
            raise KeyError(header)
        step = self[header] = ((header & ~DISCARD) + 15) >> 3
        return step


def ring_records(
    words: memoryview, size: int, position: int, produced: int, limit: int
) -> tuple[list[int], int, int]:
    """Whole records from ``position`` on: (where each header lies, the shortest length, next position).

    Places are in items of 8 bytes, which every record is a multiple of. ``words`` is the ring, twice in a row, as
    32-bit items. Stops at the first record that a program is still writing, for a reader may not pass it; discarded
    records are passed and not given.
    """
    place = (position & (size - 1)) >> 3
    end = place + ((produced - position) >> 3)
    headers = words[: end << 1 : 2]
    steps = _Steps()
    found: list[int] = []
    last = position
    while place < end and len(found) < limit:
        some: list[int] = []
        whole = True
        try:
            for _ in range(limit - len(found)):
                some.append(place)
                place += steps[headers[place]]
        except LookupError:  # nothing was written there yet, or it is busy
            del some[-1]
            whole = False
        last = headers[some[-1]] if some else last
        found += some if max(steps, default=0) < DISCARD else [at for at in some if headers[at] < DISCARD]
        if not whole:
            break
    position += (place << 3) - (position & (size - 1))
    if position > produced:
        raise Error(
            f"ring buffer: a record of {last & ~DISCARD} bytes reaches beyond what was written; is it read twice?"
        )
    return found, min((length for length in steps if length < DISCARD), default=0), position


def striped_records(
    words: memoryview, size: int, position: int, produced: int, limit: int, *, numpy: Any
) -> tuple[Any, int, int]:
    """As `ring_records`, of records that all have one length, among them discarded ones, with arrays.

    At most ``limit`` are looked at, and none where the first is busy.
    """
    start = position & (size - 1)
    header = words[start >> 2] & ~DISCARD
    stride = (header + RING_HEADER + 7) & ~7
    count = 0 if header & BUSY else min(limit, (produced - position) // stride)
    headers = words[start >> 2 : (start + count * stride) >> 2 : stride >> 2]
    if count > _FEW and max(headers[:_FEW]) & ~DISCARD != header:  # far fewer than an array would pay for
        count = _FEW
        headers = headers[:_FEW]
    array = numpy.asarray(headers)
    different = array & ~numpy.uint32(DISCARD) != header
    first = int(different.argmax()) if count else 0
    count = first if count and different[first] else count
    kept = numpy.flatnonzero(array[:count] < DISCARD)
    return kept * (stride >> 3) + (start >> 3), header if len(kept) else 0, position + count * stride


def chained_records(
    data: memoryview, size: int, position: int, produced: int, limit: int, *, page: int, numpy: Any
) -> tuple[Any, int, int] | None:
    """As `ring_records`, of records of any lengths at once, with arrays; None where that cannot be said.

    The second half of a header is the kernel's page offset, one number for all records that begin in a page. What has
    it is taken for a header, and all of them are right if each ends where the next begins, from the first, which is
    one. Nothing is believed for that number itself, which is no promise of the kernel's: where a payload holds it,
    too, or it is something else, the chain does not fit, and the records are walked.
    """
    begin = position & (size - 1)
    span = min(produced - position, _CHUNK, max(64 * limit, page))
    first = begin // page
    pages = numpy.arange(first, -(-(begin + span) // page), dtype="u4") % (size // page)
    words = numpy.frombuffer(data, "u4", len(pages) * page // 4, first * page).reshape(
        len(pages), page // 8, 2
    )
    flat = words.reshape(-1, 2)
    low = (begin - first * page) >> 3
    expected = pages + numpy.uint32((int(flat[low, 1]) - int(pages[0])) & 0xFFFFFFFF)
    found = numpy.flatnonzero(words[:, :, 1] == expected[:, None])
    places = found[numpy.searchsorted(found, low) : numpy.searchsorted(found, low + (span >> 3))]
    headers = flat[places, 0]
    following = places + ((headers & ~numpy.uint32(BUSY | DISCARD)).astype("i8") + 15 >> 3)
    busy = numpy.flatnonzero(headers >= BUSY)
    count = int(busy[0]) if len(busy) else len(places)
    if not count or places[0] != low or (following[: len(places) - 1] != places[1:])[:count].any():
        return None
    count = min(count, limit)
    position += (int(following[count - 1]) - low) << 3
    if position > produced:
        return None
    kept = headers[:count] < DISCARD
    heads = places[:count][kept] + (first * page >> 3)
    return heads, int(headers[:count].min()) if len(heads) else 0, position


def uniform_records(
    words: memoryview, size: int, position: int, produced: int, limit: int, *, numpy: Any = None
) -> tuple[int, int]:
    """How many whole records of one length lie side by side from ``position`` on, and that length; at most ``limit``.

    A header that is equal to the first one says that the next begins a stride further on, and so on: one
    comparison covers length, busy and discarded for all of them. (0, 0) where the first is busy, discarded or not
    there. The module ``numpy``, where the process has it anyway, compares faster than memoryviews do.
    """
    if position >= produced:
        return 0, 0
    start = (position & (size - 1)) >> 2
    header = words[start]
    if header & (BUSY | DISCARD):
        return 0, 0
    stride = (header + RING_HEADER + 7) & ~7
    most = min(limit, (produced - position) // stride)
    headers = words[start : start + most * (stride >> 2) : stride >> 2]
    if most < 2:
        return most, header
    if numpy is not None and most >= _WORTH_NUMPY:
        different = numpy.asarray(headers) != header
        first = int(different.argmax())
        return (first if different[first] else most), header
    return _alike(headers, "I"), header


def _alike(headers: memoryview, code: Literal["I", "Q"]) -> int:
    """How many of the first items are equal to the first one; there are two or more."""
    most = len(headers)
    with memoryview(struct.pack(f"={code}", headers[0]) * most).cast(code) as wanted:
        if headers == wanted:
            return most
        low, high = 1, most  # the first `low` are equal, the first `high` are not
        while high - low > 1:
            middle = (low + high) // 2
            if headers[low:middle] == wanted[low:middle]:
                low = middle
            else:
                high = middle
        return low


def perf_run(data: memoryview, position: int, produced: int, limit: int) -> tuple[int, int]:
    """How many samples of one length lie side by side from ``position`` on, and how many bytes each record takes.

    At most ``limit``, and none behind the end of the buffer, where a record may be in two pieces. (0, 8) where the first
    record is no sample.
    """
    size = len(data)
    start = position % size
    kind, _, length = _PERF_HEADER.unpack_from(data, start)
    if kind != PERF_RECORD_SAMPLE or length < PERF_BEFORE or length % 8:
        return 0, 8
    most = min(limit, (min(produced - position, size - start)) // length)
    if most < 2:
        return most, length
    headers = data[start : start + most * length].cast("Q")[:: length >> 3]
    return _alike(headers, "Q"), length


def perf_records(data: memoryview, position: int, produced: int, limit: int) -> tuple[list[bytes], int, int]:
    """Samples from ``position`` on: (their raw bytes, how many the kernel says were lost, next position).

    Raw bytes are as long as the kernel padded them: it rounds the record up to 8 bytes. Records of
    other types are passed.
    """
    samples: list[bytes] = []
    lost = 0
    size = len(data)
    while position < produced and len(samples) < limit:
        start = position % size
        kind, _, length = _PERF_HEADER.unpack_from(data, start)
        if length < _PERF_HEADER.size or position + length > produced:
            raise Error(
                f"perf buffer: a record of {length} bytes does not lie in what was written; is it read twice?"
            )
        if kind == PERF_RECORD_SAMPLE:
            body = _wrapped(data, start + 8, length - 8)
            samples.append(body[4 : 4 + _U32.unpack_from(body)[0]])
        elif kind == PERF_RECORD_LOST:
            lost += _PERF_LOST.unpack_from(_wrapped(data, start + 8, length - 8))[1]
        position += length
    return samples, lost, position


def _wrapped(data: memoryview, start: int, length: int) -> bytes:
    """Bytes that may go on at the beginning of the buffer."""
    size = len(data)
    start %= size
    end = start + length
    if end <= size:
        return bytes(data[start:end])
    return bytes(data[start:]) + bytes(data[: end - size])
