"""`pyzbpf export`: what a probe has counted, as Prometheus reads it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyzbpf.cli.main import main
from tests.support import zig_probes

ROOT = Path(__file__).resolve().parents[2]
HEADER = 14  # a socket filter sees the packet behind this header

pytest.importorskip("prometheus_client", reason="needs prometheus-client: pip install 'pyzbpf[prometheus]'")
from prometheus_client import CollectorRegistry, generate_latest  # noqa: E402
from prometheus_client.parser import text_string_to_metric_families  # noqa: E402

from pyzbpf.cli.metrics import Collector, buckets  # noqa: E402
from pyzbpf.kernel import cpus  # noqa: E402
from pyzbpf.maps.hist import Hist  # noqa: E402


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """(name, labels) -> value; the text is read by the library's own parser."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, f"{key} is there twice"
            found[key] = sample.value
    return found


def scrape(collector: Collector) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    registry = CollectorRegistry()
    registry.register(collector)
    return samples(generate_latest(registry).decode())


def one(found: dict[tuple[str, frozenset[tuple[str, str]]], float], name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


@pytest.fixture
def aggregates() -> Iterator[object]:
    with zig_probes.spec("aggregates").load() as probe:
        yield probe


def test_counters_and_histograms(aggregates) -> None:
    collector = Collector(aggregates, max_series=1000)
    before = scrape(collector)
    assert one(before, "aggregates_packets_total") == 0, "a counter is there before it counts"
    program = aggregates.programs["count"]
    for length in (1, 2, 3, 3, 4, 5, 6):
        program.test_run(bytes(length + HEADER))
    found = scrape(collector)
    assert one(found, "aggregates_packets_total") == 14
    assert one(found, "aggregates_by_length_total", key="3") == 6
    assert one(found, "aggregates_refused") == 2
    bounds = {
        bound: one(found, "aggregates_sizes_bucket", le=bound)
        for bound in ("1.0", "2.0", "4.0", "8.0", "+Inf")
    }
    assert bounds == {"1.0": 1, "2.0": 2, "4.0": 5, "8.0": 7, "+Inf": 7}
    assert one(found, "aggregates_sizes_count") == 7
    assert one(found, "aggregates_sizes_sum") == 24
    assert one(found, "aggregates_sizes_by_first_count", first="1", second="7") == 4
    assert not any(name.startswith("aggregates_samples") for name, _ in found), "stacks are no numbers"


def test_a_limit_of_series(aggregates) -> None:
    for length in (1, 2, 3):
        aggregates.programs["count"].test_run(bytes(length + HEADER))
    found = scrape(Collector(aggregates, max_series=2))
    assert sum(name == "aggregates_by_length_total" for name, _ in found) == 2
    assert one(found, "pyzbpf_dropped_series", probe="aggregates", map="by_length") == 1


def test_entries_of_other_maps() -> None:
    with zig_probes.spec("map_kinds").load() as probe:
        probe.maps["lru"][7] = 9
        probe.maps["cells"][1] = 5
        probe.maps["per_cpu"][3] = [2] + [0] * (cpus.possible() - 1)
        found = scrape(Collector(probe, max_series=1000))
    assert one(found, "map_kinds_lru", key="7") == 9
    assert one(found, "map_kinds_cells", key="1") == 5
    assert one(found, "map_kinds_per_cpu", key="3", cpu="0") == 2


def test_buckets_begin_at_zero_and_end_with_all() -> None:
    assert buckets(Hist([])) == [("+Inf", 0)]
    filled = [("0.0", 0), ("1.0", 0), ("2.0", 3), ("4.0", 3), ("8.0", 4), ("+Inf", 4)]
    assert buckets(Hist([0, 0, 3, 0, 1, 0, 0])) == filled


def test_served_until_a_signal() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "pyzbpf", "export", str(zig_probes.path("exec")), "--listen", "127.0.0.1:0"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("pyzbpf: exec runs: ")
        line = process.stderr.readline()
        assert line.startswith("pyzbpf: metrics are at http://127.0.0.1:")
        url = line.split()[-1]
        events = 0.0
        while not events:
            subprocess.run(["true"], check=True)
            with urllib.request.urlopen(url, timeout=60) as answer:
                assert answer.headers["Content-Type"].startswith("text/plain")
                found = samples(answer.read().decode())
            events = one(found, "pyzbpf_events_total", probe="exec", map="events")
        assert one(found, "pyzbpf_lost_events_total", probe="exec", map="events") == 0
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=300)
        assert (process.returncode, out, err) == (128 + signal.SIGTERM, "", "")
    finally:
        process.kill()
        process.communicate()


def test_an_address_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["export", str(zig_probes.path("exec")), "--listen", f"127.0.0.1:{port}"]) == 2
    assert f"--listen: 127.0.0.1, port {port}: Address already in use" in capsys.readouterr().err
