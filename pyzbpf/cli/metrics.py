"""A loaded probe as metrics of Prometheus: a collector of the library prometheus-client, which asks it at each scrape."""

from __future__ import annotations

import re
import threading

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from pyzbpf.cli import contents
from pyzbpf.cli.columns import Column, columns
from pyzbpf.cli.watch import buffers
from pyzbpf.maps.aggregate import Counter, StackCounter
from pyzbpf.maps.queue import Queue
from pyzbpf.uapi.enums import BPF_MAP_TYPE_STACK_TRACE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from pyzbpf.maps.hist import Hist
    from pyzbpf.runtime.object import Object

    Row = tuple[list[str], Any]


class Collector:
    """What a probe has counted, as metric families; ``events`` is how many came out of each of its buffers."""

    def __init__(self, probe: Object, *, max_series: int) -> None:
        self.events = {stream.name: 0 for stream in buffers(probe)}
        self._probe = probe
        self._prefix = _name(probe.spec.name)
        self._max_series = max_series
        self._dropped: dict[str, int] = {}
        self._lock = threading.Lock()  # each scrape is a thread of its own

    def collect(self) -> list[Any]:
        """The families, as they are now: those of maps and variables by their own names, and ours."""
        with self._lock:
            self._dropped = {}
            found = [family for map in contents.maps(self._probe) for family in self._of_map(map)]
            return [*found, *self._of_variables(), *self._of_itself()]

    def _of_map(self, map: Any) -> Iterator[Any]:
        hists = contents.histograms(map)
        name, text = (
            f"{self._prefix}_{_name(map.name)}",
            f"map {map.name} of the probe {self._probe.spec.name}",
        )
        if isinstance(map, Counter):
            yield CounterMetricFamily(name, text, value=map.value)
        elif hists is not None:
            keyed = any(key is not None for key, _ in hists)
            labels, of = self._labels(map) if keyed else ([], lambda _: [])
            histogram = HistogramMetricFamily(name, text, labels=labels)
            for values, hist in self._few(map.name, [(of(key), hist) for key, hist in hists]):
                histogram.add_metric(values, buckets=buckets(hist), sum_value=hist.sum)
            yield histogram
        elif map.spec.aggregate == "counter":
            labels, of = self._labels(map)
            family = CounterMetricFamily(name, text, labels=labels)
            for values, total in self._few(map.name, [(of(key), total) for key, total in map.sums().items()]):
                family.add_metric(values, total)
            yield family
        elif not (isinstance(map, (Queue, StackCounter)) or map.spec.type == BPF_MAP_TYPE_STACK_TRACE):
            yield from self._of_entries(map, name, text)

    def _of_entries(self, map: Any, name: str, text: str) -> Iterator[Any]:
        labels, of = self._labels(map)
        rows: list[Row] = []
        for entry in contents.entries(map):
            if entry.cpu is not None and "cpu" not in labels[-1:]:
                labels.append("cpu")
            rows.append((of(entry.key) + ([] if entry.cpu is None else [str(entry.cpu)]), entry.value))
        rows = list(self._few(map.name, rows))
        for column in columns(self._probe.spec.btf, map.spec.value_type, ""):
            yield from _gauge(
                _member(name, column), text, labels, [(v, column.get(value)) for v, value in rows]
            )

    def _of_variables(self) -> Iterator[Any]:
        for variable in contents.variables(self._probe):
            value = variable.value
            for column in columns(self._probe.spec.btf, variable.spec.type_id, ""):
                name = _member(f"{self._prefix}_{_name(variable.name)}", column)
                text = f"variable {variable.name} of the probe {self._probe.spec.name}"
                yield from _gauge(name, text, [], [([], column.get(value))])

    def _of_itself(self) -> Iterator[Any]:
        probe = self._probe.spec.name
        events = CounterMetricFamily(
            "pyzbpf_events", "events that came out of a buffer", labels=["probe", "map"]
        )
        lost = CounterMetricFamily("pyzbpf_lost_events", "events that found no room", labels=["probe", "map"])
        for stream in buffers(self._probe):
            events.add_metric([probe, stream.name], self.events[stream.name])
            lost.add_metric([probe, stream.name], stream.lost)
        failed = CounterMetricFamily(
            "pyzbpf_failed_checks",
            "safety checks that ended a program",
            labels=["probe", "file", "line", "column", "kind", "function"],
        )
        counts: dict[tuple[str, str, str, str, str], int] = {}
        for trap in self._probe.traps:
            place = (trap.file, str(trap.line or ""), str(trap.column or ""), trap.kind, trap.function)
            counts[place] = counts.get(place, 0) + trap.count
        for place, count in counts.items():
            failed.add_metric([probe, *place], count)
        dropped = GaugeMetricFamily(
            "pyzbpf_dropped_series", "keys of a map beyond --max-series", labels=["probe", "map"]
        )
        for name, count in self._dropped.items():
            dropped.add_metric([probe, name], count)
        yield from (events, lost, failed, dropped)

    def _few(self, name: str, rows: Sequence[Row]) -> Sequence[Row]:
        """No more than the limit: each series costs whoever stores them."""
        if len(rows) > self._max_series:
            self._dropped[name] = len(rows) - self._max_series
        return rows[: self._max_series]

    def _labels(self, map: Any) -> tuple[list[str], Any]:
        """The labels that a key is, one for each of its members, and a function from key to their values."""
        row = columns(self._probe.spec.btf, map.spec.key_type, "key")
        return [_label(column.title) for column in row], lambda key: [
            column.show(column.get(key)) for column in row
        ]


def buckets(hist: Hist) -> list[tuple[str, int]]:
    """(upper bound, how many values up to it) for each range from 0 to the last that was ever used, then all.

    So series only ever begin, which rates over time need.
    """
    found, total = [], 0
    for slot, count in enumerate(hist.slots):
        total += count
        found.append((str(float(1 << slot - 1 if slot else 0)), total))
    while len(found) > 1 and found[-2][1] == total:
        found.pop()
    return [*found, ("+Inf", total)]


def _gauge(name: str, text: str, labels: Sequence[str], rows: Sequence[Row]) -> Iterator[Any]:
    numbers = [(values, value) for values, value in rows if isinstance(value, (int, float))]
    if numbers:  # text, bytes and lists are no metrics
        family = GaugeMetricFamily(name, text, labels=labels)
        for values, value in numbers:
            family.add_metric(values, value)
        yield family


def _member(name: str, column: Column) -> str:
    return f"{name}_{_name(column.title)}" if column.title else name


def _name(text: str) -> str:
    """What a metric's name may hold; colons are for rules of the server."""
    name = re.sub(r"\W", "_", text, flags=re.ASCII)
    return f"_{name}" if name[:1].isdigit() else name


def _label(text: str) -> str:
    name = _name(text).lstrip("_") or "key"
    # Of a histogram's bounds, of the CPU, and what the server itself puts to a series.
    return f"{name}_" if name in ("le", "cpu", "job", "instance") else name
