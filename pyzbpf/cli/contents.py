"""What the maps and variables of a loaded object hold, for whoever prints it."""

from __future__ import annotations

from pyzbpf.btf.record import Record
from pyzbpf.maps.array import Array
from pyzbpf.maps.per_cpu import PerCpu
from pyzbpf.maps.queue import Queue
from pyzbpf.uapi import enums as e

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from pyzbpf.maps.hist import Hist
    from pyzbpf.maps.variables import Variable
    from pyzbpf.runtime.object import Object

# Kinds whose elements can be listed and are data; the others hold events, descriptors, or belong to tasks and
# sockets.
_LISTED = frozenset((
    e.BPF_MAP_TYPE_HASH,
    e.BPF_MAP_TYPE_LRU_HASH,
    e.BPF_MAP_TYPE_PERCPU_HASH,
    e.BPF_MAP_TYPE_LRU_PERCPU_HASH,
    e.BPF_MAP_TYPE_LPM_TRIE,
    e.BPF_MAP_TYPE_ARRAY,
    e.BPF_MAP_TYPE_PERCPU_ARRAY,
    e.BPF_MAP_TYPE_STACK_TRACE,
    e.BPF_MAP_TYPE_QUEUE,
    e.BPF_MAP_TYPE_STACK,
))  # fmt: skip


# Aggregates with a number for each key, of which each CPU has its part.
_SUMMED = ("counter", "stacks")


class Entry:
    """An element of a map; ``key`` is None in a queue or stack, ``cpu`` in maps with one value for a key."""

    __slots__ = ("cpu", "key", "value")

    def __init__(self, key: Any, value: Any, cpu: int | None = None) -> None:
        self.key = key
        self.value = value
        self.cpu = cpu


# Maps that the loader fills for programs, as those of USDT: what the SDK and libbpf's headers name so.
_OF_THE_LOADER = "__bpf_"


def maps(probe: Object) -> list[Any]:
    """The maps whose contents are data; variables are elsewhere."""
    return [
        map
        for map in probe.maps.values()
        if map.spec.type in _LISTED and map.spec.contents is None and not map.name.startswith(_OF_THE_LOADER)
    ]


def entries(map: Any) -> Iterator[Entry]:
    """The elements of a map that hold data: of arrays, and of each CPU, those that are not zero; of stacks the frames.

    Queues and stacks are emptied by this.
    """
    if isinstance(map, Queue):
        yield from (Entry(None, value) for value in map)
    elif map.spec.aggregate.partition(":")[0] in _SUMMED:
        yield from (Entry(key, total) for key, total in map.sums().items() if total)
    elif isinstance(map, PerCpu):
        for key, values in map.items():
            yield from (Entry(key, value, cpu) for cpu, value in enumerate(values) if not is_zero(value))
    elif map.spec.type == e.BPF_MAP_TYPE_STACK_TRACE:
        yield from (Entry(key, _frames(value)) for key, value in map.items())
    else:
        sparse = isinstance(map, Array)
        yield from (Entry(key, value) for key, value in map.items() if not (sparse and is_zero(value)))


def _frames(trace: Any) -> Any:
    """The addresses of a stack: zeros fill the room that the map has for more."""
    return trace[: trace.index(0)] if isinstance(trace, list) and 0 in trace else trace


def histograms(map: Any) -> list[tuple[Any, Hist]] | None:
    """The histograms of a map that holds some, each with its key (None: it is the only one); None for other maps."""
    from pyzbpf.maps.aggregate import Histogram, HistogramBy

    if isinstance(map, Histogram):
        hist = map.hist()
        return [(None, hist)] if hist.count else []
    return (
        sorted(map.hists().items(), key=lambda pair: -pair[1].count) if isinstance(map, HistogramBy) else None
    )


def variables(probe: Object) -> list[Variable]:
    """The variables that programs write, less those that count what is reported by itself."""
    counters = {name for map in probe.spec.maps.values() for name in map.lost_variables}
    return [
        variable
        for variable in probe.variables.values()
        if not variable.spec.map.frozen and variable.name not in counters
    ]


def is_zero(value: Any) -> bool:
    """Whether every bit of a decoded value is zero."""
    if isinstance(value, (Record, list)):
        return all(is_zero(item) for item in value)
    return not any(value) if isinstance(value, bytes) else not value
