"""Maps: dumped, filled and summed by C with batch calls and by Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.data.rings import check
from benchmarks.data.setting import Row, Setting, clock
from pyzbpf.kernel import cpus

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = 16384


def rows(setting: Setting) -> list[Row]:
    """Hash, array and per-CPU rows."""
    spec = setting.spec("ring")
    count = int((1 << 20) * setting.scale)
    with spec.load() as probe:
        return [*_hash(setting, probe.maps["table"], count), *_arrays(setting, probe)]


def _timed(function: Callable[[], int], wanted: int) -> Callable[[], float]:
    def measure() -> float:
        start = clock()
        found = function()
        took = clock() - start
        check(found, wanted)
        return took

    return measure


def _hash(setting: Setting, table: Any, count: int) -> list[Row]:
    wanted = sum(range(count))
    fd = table.fileno()

    def fill_c() -> float:
        table.clear()
        return float(setting.call("map_fill", fd, count, SIZE).ns)

    def emptied(fill: Callable[[], None]) -> Callable[[], float]:
        def measure() -> float:
            table.clear()
            start = clock()
            fill()
            took = clock() - start
            check(len(table), count)
            return took

        return measure

    from array import array

    numbers = array("Q", range(count))
    fills = [fill_c, emptied(lambda: table.update_columns(numbers, numbers))]
    dumps: list[Callable[[], float]] = [
        lambda: float(setting.call("map_dump", fd, SIZE).ns),
        _timed(lambda: sum(sum(values) for _, values in table.chunks()), wanted),
        _timed(lambda: sum(dict(table.items()).values()) if count else 0, wanted),
    ]
    fill_peer, fill_ours = (ns / count for ns in setting.turns(*fills))
    dump_peer, plain, whole = (ns / count for ns in setting.turns(*dumps))
    size = f"hash of {count} entries"
    found = [
        Row(f"{size}, filled from an array, no numpy", "C, batches", fill_peer, fill_ours, "≤ 1.15"),
        Row(f"{size}, dumped and summed, memoryviews", "C, batches", dump_peer, plain, "≤ 1.15"),
        Row(f"{size}, into a dict", "C, batches", dump_peer, whole, "≤ 1.8"),
    ]
    try:
        import numpy as np
    except ImportError:
        return found
    values = np.arange(count, dtype="u8")
    fill_peer, fill_ours = (
        ns / count for ns in setting.turns(fill_c, emptied(lambda: table.update_columns(values, values)))
    )
    dump_peer, ours = (
        ns / count for ns in setting.turns(dumps[0], _timed(lambda: int(table.to_numpy()[1].sum()), wanted))
    )
    return [
        *found,
        Row(f"{size}, filled, numpy", "C, batches", fill_peer, fill_ours, "≤ 1.05"),
        Row(f"{size}, dumped and summed, numpy", "C, batches", dump_peer, ours, "≤ 1.05"),
    ]


def _arrays(setting: Setting, probe: Any) -> list[Row]:
    import ctypes

    numbers, each = probe.maps["numbers"], probe.maps["each"]
    count = numbers.spec.max_entries
    numbers.column()[0] = 5
    writable = numbers.column()
    where = ctypes.addressof(ctypes.c_char.from_buffer(writable.obj))
    found = []

    def in_c() -> float:
        return float(setting.call("numbers_sum", where, count).ns)

    c, plain = setting.turns(in_c, _timed(lambda: sum(numbers.column()), 5))
    found.append(
        Row(f"array of {count} numbers in shared memory, summed, no numpy", "C", c / count, plain / count)
    )
    keys, parts = each.spec.max_entries, cpus.possible()
    each.update((key, [key] * parts) for key in range(keys))
    wanted = parts * sum(range(keys))

    def each_c() -> float:
        return float(setting.call("each_sum", each.fileno(), keys, parts).ns)

    c_each, plain = setting.turns(
        each_c, _timed(lambda: sum(sum(values) for _, values in each.chunks()), wanted)
    )
    found.append(Row(f"{keys} per-CPU values, summed, no numpy", "C, batches", c_each / keys, plain / keys))
    try:
        import numpy  # noqa: F401, ICN001 - asked for by its users below
    except ImportError:
        return found
    c, ours = setting.turns(in_c, _timed(lambda: int(numbers.view().sum()), 5))
    found.append(
        Row(f"array of {count} numbers in shared memory, numpy", "C", c / count, ours / count, "≤ 1.0")
    )
    c, ours = setting.turns(each_c, _timed(lambda: int(each.to_numpy()[1].sum()), wanted))
    found.append(Row(f"{keys} per-CPU values, numpy", "C, batches", c / keys, ours / keys, "≤ 1.0"))
    return found
