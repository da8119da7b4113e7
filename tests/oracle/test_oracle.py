"""The loader beside libbpf on the objects of `corpus`, compiled by Zig's clang; `python -m tests.oracle` takes any."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pyzbpf.build.compile import build_probe
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


FUNCTIONS = """
const bpf = @import("bpf");
pub const programs = .{ .first = "struct_ops", .second = "struct_ops" };
pub const trap_verdicts = .{ .first = 2, .second = 2 };
const tcp_congestion_ops = extern struct { ssthresh: ?*const anyopaque, undo_cwnd: ?*const anyopaque, name: bpf.Text(16) };
export var pyzbpf_opened: tcp_congestion_ops linksection(".struct_ops") = .{
    .ssthresh = bpf.entry(@This(), "first"),
    .undo_cwnd = bpf.entry(@This(), "second"),
    .name = bpf.asText(16, "pyzbpf_opened"),
};
pub fn first() i32 {
    return 2;
}
pub fn second(ctx: *const extern struct { socket: u64 }) i32 {
    return if (ctx.socket == 0) 1 else 2;
}
"""


def test_libbpf_opens_a_struct_of_functions_from_zig(libbpf: Libbpf, pins: Pins, tmp_path: Path) -> None:
    """It wants members that point to functions ("cannot relocate non func ptr"), and Zig's source says `anyopaque`."""
    source = tmp_path / "functions.zig"
    source.write_text(FUNCTIONS)
    paths = build_probe(source, output_directory=tmp_path, cache=tmp_path / "cache")
    path = paths[sys.byteorder == "big"]
    theirs = libbpf.ask(path, pins.path)
    assert theirs["opened"] == 0
    pins.clear()
    found = [one for one in differences(theirs, ours.ask(path, pins.path)) if not one.why]
    # Older ones put the member's number into its program when they open it, we when we load it.
    assert [one for one in found if one.kind != "program"] == []


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
