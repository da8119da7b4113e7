"""A program that keeps a record is refused with the author's lines: where it returns, and where the record begins."""

from __future__ import annotations

import sys

import pytest

import pyzbpf
from pyzbpf.build.compile import build_probe
from pyzbpf.errors import VerifierError
from tests.support.zig_probes import need_compiler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

PROBE = """const bpf = @import("bpf");
pub const programs = .{ .opened = "raw_tp/sched_process_exec" };
export var events: bpf.RingBuf(u64) linksection(".maps") = .{};
export var only: u32 = 0;
pub fn opened() !void {
    const event = events.reserve() orelse return;
    event.* = bpf.process.pid();
    if (event.* == only) return;
    events.submit(event);
}
"""


def test_a_record_that_is_kept(tmp_path: Path) -> None:
    need_compiler()
    source = tmp_path / "keeps.zig"
    source.write_text(PROBE)
    (path,) = build_probe(source, endian=sys.byteorder, output_directory=tmp_path / "out")
    with pytest.raises(VerifierError) as caught, pyzbpf.open(path).load():
        pass
    assert "It was acquired at keeps.zig:6:" in caught.value.hint
    assert caught.value.source.startswith("keeps.zig:8:")
