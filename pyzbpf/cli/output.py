"""What a running probe says, as text for people or as records for programs: one class for each form."""

from __future__ import annotations

import csv
import json
import math
import sys

from pyzbpf.btf.record import plain
from pyzbpf.cli import contents
from pyzbpf.cli.columns import GAP, Column, cell, columns, header, line
from pyzbpf.cli.watch import buffers, iterators

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    Record = dict[str, Any]

    from pyzbpf.btf.decode import Btf
    from pyzbpf.events.stream import ShortEvent, Stream
    from pyzbpf.maps.hist import Hist
    from pyzbpf.runtime.object import Object

# Longest value of a variable in text.
_VALUE_WIDTH = 100


def write(lines: Iterable[str]) -> None:
    """Lines of data, at once."""
    text = "\n".join(lines)
    if text:
        print(text, flush=True)


def note(text: object) -> None:
    """A line that is no data."""
    print(text, file=sys.stderr, flush=True)


def closing_notes(probe: Object) -> None:
    """A line for each buffer that lost events, and one for each safety check that failed."""
    for stream in buffers(probe):
        if stream.lost:
            note(f"{stream.name}: {stream.lost} events were lost: the buffer was full")
    for trap in probe.traps:
        note(trap)


class Text:
    """Rows under the names of the members; where there are several buffers, each row begins with its buffer's."""

    def __init__(self, streams: Sequence[Stream], btf: Btf | None) -> None:
        self._btf = btf
        self._rows = {
            stream.name: columns(btf, stream.spec.event_type, "event" if stream.spec.event_type else "bytes")
            for stream in streams
        }
        label = max((len(name) for name in self._rows), default=0)
        self._labels = {name: name.ljust(label) + GAP if len(self._rows) > 1 else "" for name in self._rows}
        write(self._labels[name] + header(row) for name, row in self._rows.items())

    def events(self, stream: Stream, batch: Sequence[Any]) -> None:
        label, row = self._labels[stream.name], self._rows[stream.name]
        write([label + line(row, event) for event in batch])

    def broken(self, error: ShortEvent) -> None:
        note(f"pyzbpf: {error}")

    def walks(self, probe: Object) -> None:
        for iterator in iterators(probe):
            text = _written(iterator.read())
            write(["", iterator.program] if len(probe.links) > 1 else [])
            write([text.removesuffix("\n")])

    def end(self, probe: Object) -> None:
        for map in contents.maps(probe):
            self._entries(map)
        found = contents.variables(probe)
        if found:
            write(["", "variables", *(f"{GAP}{v.name} = {_cut(cell(v.value))}" for v in found)])
        closing_notes(probe)

    def _entries(self, map: Any) -> None:
        hists = contents.histograms(map)
        if hists is not None:
            for key, hist in hists:
                title = map.name if key is None else f"{map.name} of {cell(key)}"
                write(["", title, *(GAP + row for row in str(hist).splitlines())])
            return
        row: list[Column] = []
        for entry in contents.entries(map):
            if not row:
                row = self._columns(map, entry)
                write(["", map.name, GAP + header(row)])
            write([GAP + line(row, entry)])

    def _columns(self, map: Any, entry: contents.Entry) -> list[Column]:
        parts = [("key", map.spec.key_type, "key."), ("cpu", 0, ""), ("value", map.spec.value_type, "")]
        row = []
        for part, type_id, prefix in parts:
            if getattr(entry, part) is not None:
                row += [_of(part, column) for column in columns(self._btf, type_id, part, prefix)]
        return row


def _of(part: str, column: Column) -> Column:
    """The column of a key or value as one of the entry."""
    inner = column.get
    column.get = lambda entry: inner(getattr(entry, part))
    return column


def _written(data: bytes) -> str:
    """What an iterator writes: text, or hex digits where it writes records."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return data.hex()
    return data.hex() if "\0" in text else text


def _cut(text: str) -> str:
    return text if len(text) <= _VALUE_WIDTH else text[: _VALUE_WIDTH - 1] + "…"


def _line(record: Record) -> str:
    try:
        return json.dumps(record, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return json.dumps(_finite(record), separators=(",", ":"), allow_nan=False)


def _finite(value: Any) -> Any:
    """Numbers that JSON has no word for as text: "NaN", "Infinity", "-Infinity" (as protobuf writes them)."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list) else value


class Json:
    """One object on each line; ``record`` says what it is: event, error, lost, iterator, entry, histogram,
    variable or trap.
    """

    def __init__(self, streams: Sequence[Stream], _: Btf | None) -> None:
        self._streams = streams
        self._lost = dict.fromkeys((stream.name for stream in streams), 0)

    def put(self, records: Iterable[Record]) -> None:
        """Write records."""
        write(map(_line, records))

    def events(self, stream: Stream, batch: Sequence[Any]) -> None:
        name = stream.name
        self.put(_record("event", map=name, value=plain(event)) for event in batch)
        self._losses(stream)

    def broken(self, error: ShortEvent) -> None:
        self.put([_record("error", message=str(error))])

    def walks(self, probe: Object) -> None:
        for iterator in iterators(probe):
            self.put([_record("iterator", program=iterator.program, text=_written(iterator.read()))])

    def end(self, probe: Object) -> None:
        for stream in self._streams:
            self._losses(stream)
        for map in contents.maps(probe):
            hists = contents.histograms(map)
            if hists is not None:
                self.put(_histogram(map.name, key, hist) for key, hist in hists)
                continue
            for entry in contents.entries(map):
                self.put([_entry(map.name, entry)])
        self.put(_record("variable", name=v.name, value=plain(v.value)) for v in contents.variables(probe))
        self.put(_trap(trap) for trap in probe.traps)

    def _losses(self, stream: Stream) -> None:
        """A record where the count has grown: how many were lost since the last, and in all."""
        total, before = stream.lost, self._lost[stream.name]
        if total != before:
            self._lost[stream.name] = total
            self.put([_record("lost", map=stream.name, count=total - before, total=total)])


class Csv(Json):
    """The same records as rows of one table: a column for each member of an event, what other records say in the last.

    The columns are ``record``, ``map``, the members, and ``detail``: JSON, empty in events. A member of such a name has
    a ``_`` behind.
    """

    def __init__(self, streams: Sequence[Stream], btf: Btf | None) -> None:
        super().__init__(streams, btf)
        self._members = {
            stream.name: columns(btf, stream.spec.event_type, "event" if stream.spec.event_type else "bytes")
            for stream in streams
        }
        titles = dict.fromkeys(_title(column) for row in self._members.values() for column in row)
        self._places = {title: 2 + place for place, title in enumerate(titles)}
        self._rows = csv.writer(sys.stdout, lineterminator="\n")
        self._rows.writerow(["record", "map", *titles, "detail"])
        sys.stdout.flush()

    def events(self, stream: Stream, batch: Sequence[Any]) -> None:
        cells = [(self._places[_title(column)], column) for column in self._members[stream.name]]
        empty = ["event", stream.name, *[""] * (len(self._places) + 1)]
        for event in batch:
            row = list(empty)
            for place, column in cells:
                row[place] = column.show(column.get(event))
            self._rows.writerow(row)
        sys.stdout.flush()
        self._losses(stream)

    def put(self, records: Iterable[Record]) -> None:
        gap = [""] * len(self._places)
        for record in records:
            rest = {name: value for name, value in record.items() if name not in ("record", "map")}
            detail = json.dumps(rest, separators=(",", ":"))
            self._rows.writerow([record["record"], record.get("map", ""), *gap, detail])
        sys.stdout.flush()


def _title(column: Column) -> str:
    return column.title + "_" if column.title in ("record", "map", "detail") else column.title


def _entry(name: str, entry: contents.Entry) -> Record:
    cpu = {} if entry.cpu is None else {"cpu": entry.cpu}
    return _record("entry", map=name, key=plain(entry.key), **cpu, value=plain(entry.value))


def _histogram(name: str, key: Any, hist: Hist) -> Record:
    # Above -1: what zero is.
    buckets = [
        {"above": low if high else -1, "to": high, "count": count} for low, high, count in hist.buckets()
    ]
    return _record("histogram", map=name, key=plain(key), count=hist.count, sum=hist.sum, buckets=buckets)


def _trap(trap: Any) -> Record:
    return _record(
        "trap", file=trap.file, line=trap.line, column=trap.column, kind=trap.kind, function=trap.function,
        operands=trap.operands, count=trap.count, text=trap.text,
        message=trap.spec.message(trap.operands),
    )  # fmt: skip


def _record(record: str, **values: Any) -> Record:
    return {"record": record, **values}


FORMATS: dict[str, type[Text | Json]] = {"text": Text, "json": Json, "csv": Csv}
