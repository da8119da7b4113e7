"""The loader beside libbpf on the objects of `corpus`, compiled by Zig's clang; `python -m tests.oracle` takes any."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.oracle import ours, witness
from tests.oracle.build import CORPUS
from tests.oracle.compare import differences
from tests.oracle.differences import EXPECTED
from tests.oracle.witness import Libbpf, Pins, Unavailable
from tests.support import c_probes
from tests.support.require import missing

NAMES = sorted(path.stem for path in CORPUS.glob("*.c"))


@pytest.fixture(scope="module")
def libbpf(tmp_path_factory: pytest.TempPathFactory) -> Libbpf:
    try:
        return Libbpf(tmp_path_factory.mktemp("libbpf"))
    except Unavailable as error:
        missing("libbpf", str(error))


@pytest.fixture
def pins():
    with witness.pins() as folder:
        yield folder


@pytest.mark.parametrize("name", NAMES)
def test_it_loads_what_libbpf_loads(name: str, libbpf: Libbpf, pins: Pins) -> None:
    path = c_probes.path(name)
    theirs = libbpf.ask(path, pins.path)
    pins.clear()
    found = differences(theirs, ours.ask(path, pins.path))
    assert [one for one in found if not one.why] == []


def test_a_difference_is_seen(libbpf: Libbpf, pins: Pins, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison itself: code, maps and verdicts that are changed are told of."""
    path = c_probes.path("subprograms")
    theirs = libbpf.ask(path, pins.path)
    mine = ours.ask(path, pins.path)
    assert differences(theirs, mine) == []
    changed = {**mine, "sent": [dict(program) for program in mine["sent"]]}
    changed["sent"][0]["code"] = "00" * 8 + changed["sent"][0]["code"][16:]
    changed["maps"] = [{**map, "flags": 77} for map in mine["maps"]]
    changed["programs"] = mine["programs"][1:]
    assert {one.kind for one in differences(theirs, changed)} == {"code", "map", "program"}
    refused = {"opened": 1, "error": "no"}
    assert [one.kind for one in differences(theirs, refused)] == ["refused"]


def test_the_page_shows_the_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "oracle.md").read_text()
    for row in EXPECTED:
        version = f"< {row.before[0]}.{row.before[1]}" if row.before != (0, 0) else "all"
        assert f"| {version} | {row.kind} | {row.why} |" in page
