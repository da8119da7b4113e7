"""What a running probe says, as text for people or as records for programs: one class for each form."""

from __future__ import annotations

import csv
import json
import math
import sys

from pyzbpf.btf import codec, tagged
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


class Face:
    """What is shown of events of one type: ``type`` is its name where the buffer has several, else ""."""

    def __init__(self, type: str, row: list[Column]) -> None:
        self.type = type
        self.row = row
        self.label = ""


class Faces(dict[type, Face]):
    """The faces of a buffer's events by class; those of every other class are of the type that is declared."""

    def __init__(self, stream: Stream, btf: Btf | None) -> None:
        super().__init__()
        type_id = stream.spec.event_type
        self.rest = Face("", columns(btf, type_id, "event" if type_id else "bytes"))
        if stream.spec.event_is_tagged and btf is not None:
            for name, variant in tagged.variants(btf, type_id).values():
                self[codec.class_of(btf, variant)] = Face(name, columns(btf, variant, "event"))

    def __missing__(self, _: type) -> Face:
        return self.rest

    @property
    def shown(self) -> Iterable[Face]:
        """Those that are expected."""
        return self.values() or [self.rest]


class Text:
    """Rows under the names of the members; where there are several buffers or types of events, each row begins with
    its buffer's and type's.
    """

    def __init__(self, streams: Sequence[Stream], btf: Btf | None) -> None:
        self._btf = btf
        self._faces = {stream.name: Faces(stream, btf) for stream in streams}
        shown = [(name, face) for name, faces in self._faces.items() for face in faces.shown]
        if len(shown) > 1:
            for name, face in shown:
                face.label = " ".join([name] * (len(streams) > 1) + [face.type] * bool(face.type))
            width = max(len(face.label) for _, face in shown)
            for _, face in shown:
                face.label = face.label.ljust(width) + GAP
        write(face.label + header(face.row) for _, face in shown)

    def events(self, stream: Stream, batch: Sequence[Any]) -> None:
        faces = self._faces[stream.name]
        shown = [(faces[type(event)], event) for event in batch]
        write([face.label + line(face.row, event) for face, event in shown])

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
    variable or trap. Where a buffer has events of several types, ``type`` says which.
    """

    def __init__(self, streams: Sequence[Stream], btf: Btf | None) -> None:
        self._streams = streams
        self._faces = {stream.name: Faces(stream, btf) for stream in streams}
        self._lost = dict.fromkeys((stream.name for stream in streams), 0)

    def put(self, records: Iterable[Record]) -> None:
        """Write records."""
        write(map(_line, records))

    def events(self, stream: Stream, batch: Sequence[Any]) -> None:
        name, faces = stream.name, self._faces[stream.name]
        types = [faces[type(event)].type for event in batch]
        self.put(
            _record("event", map=name, **({"type": kind} if kind else {}), value=plain(event))
            for kind, event in zip(types, batch, strict=True)
        )
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

    The columns are ``record``, ``map``, ``type`` where a buffer has events of several types, the members, and
    ``detail``: JSON, empty in events. A member of such a name has a ``_`` behind.
    """

    def __init__(self, streams: Sequence[Stream], btf: Btf | None) -> None:
        super().__init__(streams, btf)
        shown = [face for faces in self._faces.values() for face in faces.shown]
        self._first = ["record", "map", *["type"] * any(face.type for face in shown)]
        titles = dict.fromkeys(self._title(column) for face in shown for column in face.row)
        self._places = {title: len(self._first) + place for place, title in enumerate(titles)}
        self._rows = csv.writer(sys.stdout, lineterminator="\n")
        self._rows.writerow([*self._first, *titles, "detail"])
        sys.stdout.flush()

    def events(self, stream: Stream, batch: Sequence[Any]) -> None:
        faces = self._faces[stream.name]
        for event in batch:
            face = faces[type(event)]
            row = self._row({"record": "event", "map": stream.name, "type": face.type})
            for column in face.row:
                place = self._places.get(self._title(column))
                if place is not None:  # else of a type that nobody has announced
                    row[place] = column.show(column.get(event))
            self._rows.writerow(row)
        sys.stdout.flush()
        self._losses(stream)

    def put(self, records: Iterable[Record]) -> None:
        for record in records:
            row = self._row(record)
            rest = {name: value for name, value in record.items() if name not in self._first}
            row[-1] = json.dumps(rest, separators=(",", ":"))
            self._rows.writerow(row)
        sys.stdout.flush()

    def _row(self, record: Record) -> list[str]:
        """The first columns of a record, and room for the others."""
        return [record.get(name, "") for name in self._first] + [""] * (len(self._places) + 1)

    def _title(self, column: Column) -> str:
        return column.title + "_" if column.title in (*self._first, "detail") else column.title


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
        "trap", file=trap.file, **trap.spec.position(), kind=trap.kind, function=trap.function,
        operands=trap.operands, count=trap.count, text=trap.text,
        message=trap.spec.message(trap.operands),
    )  # fmt: skip


def _record(record: str, **values: Any) -> Record:
    return {"record": record, **values}


FORMATS: dict[str, type[Text | Json]] = {"text": Text, "json": Json, "csv": Csv}
