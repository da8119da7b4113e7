"""Records of ring and perf buffers in memory: where they lie, which are whole. Pure.

Positions are byte counts since the buffer was made; a place is the position modulo the size.
"""

from __future__ import annotations

import struct

from pyzbpf.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# include/uapi/linux/bpf.h: the header is a length with two flags, then a number for the kernel.
BUSY, DISCARD = 1 << 31, 1 << 30
RING_HEADER = 8

# How much memory is searched for headers at once: what fits into a processor's cache.
_CHUNK = 1 << 20

# include/uapi/linux/perf_event.h
PERF_RECORD_LOST, PERF_RECORD_SAMPLE = 2, 9
_PERF_HEADER = struct.Struct("=IHH")
_PERF_LOST = struct.Struct("=QQ")
_U32 = struct.Struct("=I")


def ring_records(
    words: memoryview, size: int, position: int, produced: int, limit: int
) -> tuple[list[int], list[int], int]:
    """Whole records from ``position`` on: (where each payload begins, its length, next position).

    ``words`` is the ring, twice in a row, as 32-bit items. Stops at the first record that a program
    is still writing, for a reader may not pass it; discarded records are passed and not given.
    """
    starts: list[int] = []
    lengths: list[int] = []
    mask = size - 1
    while position < produced and len(starts) < limit:
        start = position & mask
        header = words[start >> 2]
        if header < DISCARD:
            starts.append(start + RING_HEADER)
            lengths.append(header)
        elif header & BUSY:
            break
        else:
            header &= ~DISCARD
        position += (header + 15) & -8
    if position > produced:
        raise Error(
            f"ring buffer: a record of {header} bytes reaches beyond what was written; is it read twice?"
        )
    return starts, lengths, position


def striped_records(
    words: memoryview, size: int, position: int, produced: int, limit: int, *, numpy: Any
) -> tuple[Any, Any, int]:
    """As `ring_records`, of records that all have one length, among them discarded ones, with arrays.

    At most ``limit`` are looked at, and none where the first is busy.
    """
    start = position & (size - 1)
    header = words[start >> 2] & ~DISCARD
    stride = (header + RING_HEADER + 7) & ~7
    count = 0 if header & BUSY else min(limit, (produced - position) // stride)
    headers = numpy.asarray(words[start >> 2 : (start + count * stride) >> 2 : stride >> 2])
    different = numpy.flatnonzero(headers & ~numpy.uint32(DISCARD) != header)
    count = int(different[0]) if len(different) else count
    kept = numpy.flatnonzero(headers[:count] < DISCARD)
    return (
        kept * stride + (start + RING_HEADER),
        numpy.full(len(kept), header, "u4"),
        position + count * stride,
    )


def chained_records(
    data: memoryview, size: int, position: int, produced: int, limit: int, *, page: int, numpy: Any
) -> tuple[Any, Any, int] | None:
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
    starts = ((places[:count] << 3) + (first * page + RING_HEADER))[kept]
    return starts, headers[:count][kept], position


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
    if numpy is not None:
        different = numpy.asarray(headers) != header
        first = int(different.argmax())
        return (first if different[first] else most), header
    with memoryview(_U32.pack(header) * most).cast("I") as wanted:
        if headers == wanted:
            return most, header
        low, high = 1, most  # the first `low` are equal, the first `high` are not
        while high - low > 1:
            middle = (low + high) // 2
            if headers[low:middle] == wanted[low:middle]:
                low = middle
            else:
                high = middle
        return low, header


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
