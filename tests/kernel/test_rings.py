"""Ring buffers beside each other, and records of several types in one, sent by the Zig SDK."""

from __future__ import annotations

import csv
import io
import json

import pytest

import pyzbpf
from pyzbpf.cli.output import FORMATS
from tests.support import zig_probes
from tests.support.require import optional

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyzbpf.runtime.object import Object

PACKET = bytes(64)
MODES = ["safe", "small", "fast"]
# What a page holds of records of 8 bytes and their headers: one must stay free.
FULL = 4096 // 16 - 1


@pytest.fixture(params=MODES)
def probe(request: pytest.FixtureRequest) -> Iterator[Object]:
    with zig_probes.spec("rings", request.param).load() as probe:
        yield probe


def run(probe: Object, program: str, count: int = 1) -> None:
    for _ in range(count):
        probe.programs[program].test_run(PACKET)


def losses(probe: Object) -> list[int]:
    return [probe.maps[name].lost for name in ("first", "second", "events")]


def test_each_ring_counts_its_own_losses(probe: Object) -> None:
    run(probe, "to_first", FULL + 5)
    assert losses(probe) == [5, 0, 0]
    run(probe, "to_second", FULL + 7)
    assert losses(probe) == [5, 7, 0]
    assert [len(probe.maps[name].read(timeout=0)) for name in ("first", "second")] == [FULL, FULL]


def test_what_is_chosen_while_the_program_runs_counts_for_all_rings_of_the_type(probe: Object) -> None:
    run(probe, "to_first", FULL)
    run(probe, "to_either", 4)
    assert losses(probe) == [4, 4, 0]
    assert [len(probe.maps[name].read(timeout=0)) for name in ("first", "second")] == [FULL, 4]


def test_events_of_several_types(probe: Object) -> None:
    run(probe, "send", 2)
    events = probe.maps["events"]
    got = events.read(timeout=0)
    assert [(type(event).__name__, tuple(event)) for event in got] == [
        ("Opened", (1, "/tmp")),
        ("Closed", (2, 50, 0)),
        ("Failed", (-2,)),
    ] * 2
    with events.batch(timeout=0) as batch:
        assert not batch and not batch.only("Opened")
    assert events.lost == 0


def test_a_union_of_which_only_the_running_program_knows_the_tag(probe: Object) -> None:
    lengths = range(64, 100)
    for length in lengths:
        probe.programs["send_many"].test_run(bytes(length))
    seen = [length - 14 for length in lengths]  # the filter sees the packet behind the Ethernet header
    expected = [("Opened", "Closed", "Failed")[length % 3] for length in seen]
    assert [type(event).__name__ for event in probe.maps["events"].read(timeout=0)] == expected


def test_each_record_is_as_long_as_its_type_and_losses_are_exact(probe: Object) -> None:
    run(probe, "send")
    run(probe, "send_many", 300)  # Failed
    events = probe.maps["events"]
    with events.batch(timeout=0) as batch:
        assert batch.lengths[:4] == [24, 24, 12, 12]
        assert list(batch.column("tag"))[:4] == [0, 1, 2, 2]
        assert len(batch) < 300 and events.lost == 3 + 300 - len(batch)
    run(probe, "send_many")
    assert len(events.read(timeout=0)) == 1


def test_a_merge_needs_the_time_of_every_type(probe: Object) -> None:
    with pytest.raises(pyzbpf.Error, match="no number 'time'; it has: code"):
        pyzbpf.Merged([probe.maps["events"]], "time")


def test_columns_and_arrays_of_one_type(probe: Object) -> None:
    run(probe, "send", 10)
    events = probe.maps["events"]
    with pytest.raises(ZeroDivisionError), events.batch(timeout=0) as batch:
        raise ZeroDivisionError  # gives nothing back
    with events.batch(timeout=0) as batch:
        closed = batch.only("Closed")
        assert [len(batch), len(closed), len(batch.only("Failed"))] == [30, 10, 10]
        assert list(closed.tuples("time", "bytes")) == [(2, 50)] * 10
        assert [tuple(event) for event in batch.only("Failed")] == [(-2,)] * 10
        with pytest.raises(
            pyzbpf.Error, match="no events of the type 'Nope'; it has: Opened, Closed, Failed"
        ):
            batch.only("Nope")
        with pytest.raises(pyzbpf.Error, match="its events have one type"):
            closed.only("Closed")
        with pytest.raises(pyzbpf.Error, match="has no number 'path'"):
            batch.only("Opened").column("path")
        with pytest.raises(
            pyzbpf.Error, match=r"'code'; it has: .*; .* Failed have it: batch.only\('Failed'\)"
        ):
            batch.column("code")
        with pytest.raises(pyzbpf.Error, match=r"no number 'nope'; it has: [^;]*$"):
            batch.column("nope")
    run(probe, "to_first")
    with (
        probe.maps["first"].batch(timeout=0) as batch,
        pytest.raises(pyzbpf.Error, match="its events have one type"),
    ):
        batch.only("Number")


def test_arrays_of_one_type(probe: Object) -> None:
    optional("numpy")
    run(probe, "send", 10)
    events = probe.maps["events"]
    with pytest.raises(pyzbpf.Error, match="several types, and an array has one"):
        events.to_numpy()
    with events.batch(timeout=0) as batch:
        opened = batch.only("Opened").to_numpy()
        assert opened.tolist() == [(1, b"/tmp")] * 10
        assert batch.only("Failed").to_numpy()["code"].sum() == -20


def written(probe: Object, form: str, capsys: pytest.CaptureFixture[str]) -> str:
    events = probe.maps["events"]
    run(probe, "send")
    output = FORMATS[form]([events], probe.spec.btf)
    output.events(events, events.read(timeout=0))
    return capsys.readouterr().out


def test_text_tells_the_types(probe: Object, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line.split() for line in written(probe, "text", capsys).splitlines()]
    assert lines == [
        ["Opened", "time", "path"],
        ["Closed", "time", "bytes", "reserved"],
        ["Failed", "code"],
        ["Opened", "1", "/tmp"],
        ["Closed", "2", "50", "0"],
        ["Failed", "-2"],
    ]


def test_json_tells_the_types(probe: Object, capsys: pytest.CaptureFixture[str]) -> None:
    records = [json.loads(line) for line in written(probe, "json", capsys).splitlines()]
    assert records == [
        {"record": "event", "map": "events", "type": "Opened", "value": {"time": 1, "path": "/tmp"}},
        {
            "record": "event",
            "map": "events",
            "type": "Closed",
            "value": {"time": 2, "bytes": 50, "reserved": 0},
        },
        {"record": "event", "map": "events", "type": "Failed", "value": {"code": -2}},
    ]


def test_csv_tells_the_types(probe: Object, capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.reader(io.StringIO(written(probe, "csv", capsys))))
    assert rows == [
        ["record", "map", "type", "time", "path", "bytes", "reserved", "code", "detail"],
        ["event", "events", "Opened", "1", "/tmp", "", "", "", ""],
        ["event", "events", "Closed", "2", "", "50", "0", "", ""],
        ["event", "events", "Failed", "", "", "", "", "-2", ""],
    ]


def test_records_of_varying_length(probe: Object) -> None:
    text = b"0123456789abcdefghijklmnopqrstuv"
    for length in (64, 70, 96, 97):
        probe.programs["to_lines"].test_run(bytes(length + 14))
    assert [tuple(line) for line in probe.maps["lines"].read(timeout=0)] == [
        (5, b""),
        (5, text[:6]),
        (5, text),
    ]
    assert [(trap.kind, trap.count) for trap in probe.traps] == [("error.InvalidArgument", 1)]
    assert probe.maps["lines"].lost == 0


def test_an_array_leaves_out_what_varies(probe: Object) -> None:
    optional("numpy")
    probe.programs["to_lines"].test_run(bytes(70 + 14))
    assert probe.maps["lines"].to_numpy().tolist() == [(5,)]
