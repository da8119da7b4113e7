"""An index that the compiler knows to be beyond the end is told of when the probe is built."""

from __future__ import annotations

import pytest

import pyzbpf
from pyzbpf.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Compile = Callable[..., dict[str, bytes]]

HEAD = """const bpf = @import("bpf");
export var table: [16]u64 = @splat(0);
export var behind: u64 = 0;
export var values: bpf.Array([4]u64, 1) linksection(".maps") = .{};
pub const programs = .{ .prog = "raw_tp/sys_enter" };
fn at(i: usize) *u64 {
    return &table[i];
}
pub fn prog(ctx: *const bpf.RawTracepoint) void {
    _ = ctx;
"""
LINE = HEAD.count("\n") + 1
BODIES = {
    "written": ("at(20).* = 1;", "writes 8 bytes at byte 160 of 'table', which has 128"),
    "before": ("var i: usize = 0; _ = &i; behind = at(i -% 1).*;", "reads 8 bytes at byte -8 of 'table', which has 128"),
    "value_of_a_map": (
        "const found = values.lookup(0) orelse return; var i: usize = 5; _ = &i; found[i] = 3;",
        "writes 8 bytes at byte 40 of a value of 'values', which has 32",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mode", ["small", "fast"])
@pytest.mark.parametrize("case", BODIES)
def test_refused_with_the_line(compile_text: Compile, case: str, mode: str) -> None:
    body, said = BODIES[case]
    with pytest.raises(ObjectError) as caught:
        compile_text(HEAD + f"    {body}\n}}\n", mode=mode)
    assert caught.value.message == f"probe.zig:{LINE}: {said}"


@pytest.mark.parametrize("case", BODIES)
def test_the_check_stays_in_safe_mode(compile_text: Compile, case: str) -> None:
    made = compile_text(HEAD + f"    {BODIES[case][0]}\n}}\n")
    assert {trap.kind for trap in pyzbpf.open(made["little"]).traps} == {"outOfBounds"}


@pytest.mark.parametrize("mode", ["small", "fast"])
def test_the_last_element_and_parts_of_elements(compile_text: Compile, mode: str) -> None:
    body = (
        "at(15).* = 1; at(15).* +%= behind; const found = values.lookup(0) orelse return; found[3] = at(0).*;"
    )
    part = "@as([*]u8, @ptrCast(&table))[127] = 3; behind = @as([*]const u32, @ptrCast(&table))[31];"
    assert compile_text(HEAD + f"    {body}\n    {part}\n}}\n", mode=mode)
