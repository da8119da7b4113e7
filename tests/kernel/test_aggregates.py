"""The SDK's counters, histograms and counted stacks on the real kernel."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from pyzbpf.cli.output import FORMATS
from pyzbpf.maps.hist import Hist
from tests.support import features, zig_probes

MODES = ["safe", "small", "fast"]
PACKET = bytes(range(100))
ETHERNET = 14  # a socket filter sees the packet behind this header


def test_the_object_says_what_the_numbers_mean() -> None:
    spec = zig_probes.spec("aggregates")
    assert sorted(spec.variables) == ["refused", "value", "watched"]  # none of the SDK's own
    assert {name: found.aggregate for name, found in spec.maps.items() if found.aggregate} == {
        "packets": "counter",
        "by_length": "counter",
        "sizes": "hist",
        "sizes_by_first": "hist",
        "samples": "stacks:stacks",
    }


@pytest.mark.parametrize("mode", MODES)
def test_counters(mode: str) -> None:
    with zig_probes.spec("aggregates", mode).load() as probe:
        program = probe.programs["count"]
        for length in (1, 2, 3, 3, 4, 5, 6):
            program.test_run(PACKET[: length + ETHERNET])
        maps = probe.maps
        assert maps["packets"].sum(0) == maps["packets"].value == 14
        assert maps["by_length"].sums() == {1: 3, 2: 3, 3: 6, 4: 3}
        assert maps["by_length"].top(1) == [(3, 6)]
        assert {key: maps["by_length"].sum(key) for key in maps["by_length"]} == {1: 3, 2: 3, 3: 6, 4: 3}
        assert probe.variables["refused"].value == 2  # four keys are all it takes


@pytest.mark.parametrize("mode", MODES)
def test_histograms_have_inclusive_upper_bounds_and_a_sum(mode: str) -> None:
    values = [1, 2, 3, 4, 5, 8, 9, (1 << 32) - 1, 1 << 32, (1 << 63) + 1, 1 << 63]
    with zig_probes.spec("aggregates", mode).load() as probe:
        program, given = probe.programs["count"], probe.variables["value"]
        for value in values:
            given.value = value
            program.test_run(PACKET[: 2 + ETHERNET])
        expected = [0] * 66
        for value in values:
            expected[next(k for k in range(65) if value <= 1 << k) + 1] += 1
        slots, total = added(probe.maps["sizes"][0])
        assert slots == expected
        assert total == sum(values) % (1 << 64)
        hist = probe.maps["sizes"].hist()
        recorded = Hist()
        for value in values:
            recorded.record(value)
        assert hist.buckets() == recorded.buckets()
        assert hist.sum == total
        assert list(probe.maps["sizes_by_first"].hists().values()) == [hist]
        ((key, each),) = probe.maps["sizes_by_first"].items()
        assert (key.first, key.second) == (0, 7)
        assert added(each) == (slots, total)
        given.value = 0
        program.test_run(PACKET[:ETHERNET])
        assert added(probe.maps["sizes"][0])[0][0] == 1  # the empty packet


def added(each: list[object]) -> tuple[list[int], int]:
    """Slots and sum over all CPUs."""
    slots = [sum(numbers) for numbers in zip(*(one.slots for one in each), strict=True)]  # type: ignore[attr-defined]
    return slots, sum(one.sum for one in each) % (1 << 64)  # type: ignore[attr-defined]


@pytest.mark.parametrize("mode", MODES)
def test_stacks_are_counted(mode: str) -> None:
    spec = zig_probes.spec("aggregates", mode)
    spec.variables["watched"].value = os.getpid()
    with spec.load() as probe:
        probe.programs["sample"].attach()
        for _ in range(50):
            os.getppid()
        samples = {key: probe.maps["samples"].sum(key) for key in probe.maps["samples"]}
        assert sum(samples.values()) >= 50
        assert {key.pid for key in samples} == {os.getpid()}
        kernel_stacks = [key.kernel for key in samples if key.kernel >= 0]
        assert kernel_stacks
        frames = probe.maps["stacks"][kernel_stacks[0]]
        assert frames[0] != 0
        stacks = probe.maps["samples"].stacks()
        assert [stack.count for stack in stacks] == sorted((s.count for s in stacks), reverse=True)
        assert sum(stack.count for stack in stacks) >= sum(samples.values())
        assert {(stack.pid, bool(stack.kernel or stack.kernel_error)) for stack in stacks} == {
            (os.getpid(), True)
        }
        walks = os.uname().machine != "s390x" or not features.is_older("6.7")  # 504b73d00a55
        assert any(stack.user and 0 not in stack.user for stack in stacks) is walks


def test_the_command_prints_histograms_and_sums(capsys: pytest.CaptureFixture[str]) -> None:
    with zig_probes.spec("aggregates").load() as probe:
        for length in (3, 4, 100):
            probe.programs["count"].test_run(bytes(length + ETHERNET))
        for form in ("text", "json"):
            FORMATS[form]([], probe.spec.btf).end(probe)
        text, _, records = capsys.readouterr().out.partition('{"record"')
    assert "sizes\n  (2, 4]                  2 |@@@@" in text
    assert "sizes_by_first of {first=1 second=7}\n  (2, 4] " in text
    found = [json.loads(line) for line in ('{"record"' + records).splitlines()]
    assert {r["key"]: r["value"] for r in found if r["record"] == "entry" and r["map"] == "by_length"} == {
        3: 3,
        4: 3,
        100: 3,
    }
    (whole,) = (r for r in found if r["record"] == "histogram" and r["key"] is None)
    assert (whole["map"], whole["count"], whole["sum"]) == ("sizes", 3, 107)
    assert whole["buckets"][0] == {"above": 2, "to": 4, "count": 2}


@pytest.fixture
def cpus() -> Iterator[set[int]]:
    """Those that this thread may run on, and does again in the end."""
    allowed = os.sched_getaffinity(0)
    yield allowed
    os.sched_setaffinity(0, allowed)


def test_the_command_prints_counted_stacks_once_and_without_filling(
    cpus: set[int], capsys: pytest.CaptureFixture[str]
) -> None:
    spec = zig_probes.spec("aggregates")
    spec.variables["watched"].value = os.getpid()
    with spec.load() as probe:
        with probe.programs["sample"].attach():
            for cpu in cpus:
                os.sched_setaffinity(0, {cpu})
                for _ in range(20):
                    os.getppid()
        expected = sorted(probe.maps["samples"].sums().values())
        traces = {key: trace[: (*trace, 0).index(0)] for key, trace in probe.maps["stacks"].items()}
        FORMATS["json"]([], probe.spec.btf).end(probe)
    found = [json.loads(row) for row in capsys.readouterr().out.splitlines()]
    samples = [record for record in found if record.get("map") == "samples"]
    assert sorted(record["value"] for record in samples) == expected
    assert not any("cpu" in record for record in samples)
    assert {record["key"]: record["value"] for record in found if record.get("map") == "stacks"} == traces
