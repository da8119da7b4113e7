"""The SDK through the real compiler: what compiles, what is refused, and what comes out."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

import pyzbpf
from pyzbpf.btf import types as kinds
from pyzbpf.build.compile import build_probe
from pyzbpf.errors import BuildError, Error, ObjectError
from pyzbpf.insn import instruction as insn
from pyzbpf.uapi import enums
from pyzbpf.uapi.helpers import HELPERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Compile = Callable[..., dict[str, bytes]]

PROBES = Path(__file__).parent / "probes"
ENDIANS = ["little", "big"]
MODES = ["safe", "small", "fast"]
HEAD = 'const std = @import("std");\nconst bpf = @import("bpf");\n'
XDP = 'export fn prog(ctx: *bpf.XdpMd) linksection("xdp") c_int {{ {} return bpf.XDP.PASS; }}\n'


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, str], bytes]:
    """Every probe of the tests, both byte orders and modes: (name, endian, mode) -> object."""
    found = {}
    folder = tmp_path_factory.mktemp("objects")
    for source in sorted(PROBES.glob("*.zig")):
        for mode in MODES:
            paths = build_probe(source, mode=mode, output_directory=folder / mode, cache=folder / "cache")
            for path, endian in zip(paths, ENDIANS, strict=True):
                found[source.stem, endian, mode] = path.read_bytes()
    return found


@pytest.mark.parametrize("endian", ENDIANS)
@pytest.mark.parametrize("mode", MODES)
def test_the_historic_example(objects: dict[tuple[str, str, str], bytes], endian: str, mode: str) -> None:
    spec = pyzbpf.open(objects["historic", endian, mode])
    events = spec.maps["events"]
    assert (events.section, events.type, events.max_entries) == (
        "maps",
        enums.BPF_MAP_TYPE_PERF_EVENT_ARRAY,
        256,
    )
    program = spec.programs["bpf_prog"]
    assert (program.type, program.section) == (enums.BPF_PROG_TYPE_SOCKET_FILTER, "socket1")
    function = spec.functions["bpf_prog"]
    assert [(r.kind, r.name) for r in function.references] == [("map", "events")]
    called = [HELPERS[number][0] for _, number in insn.helper_calls(function.instructions, endian)]
    assert called == ["ktime_get_ns", "perf_event_output"]


def test_the_historic_example_is_as_short_as_it_was() -> None:
    lines = [n for n in (PROBES / "historic.zig").read_text().splitlines() if n and not n.startswith("//")]
    assert len(lines) == 8  # with `const std`


@pytest.mark.parametrize("endian", ENDIANS)
@pytest.mark.parametrize("mode", MODES)
def test_every_construct_comes_out_in_c_names(
    objects: dict[tuple[str, str, str], bytes], endian: str, mode: str
) -> None:
    spec = pyzbpf.open(objects["hostile", endian, mode])
    assert spec.btf is not None
    for found in spec.btf.types[1:]:
        assert found is not None
        if found.kind in (kinds.INT, kinds.FLOAT, kinds.DATASEC, kinds.DECL_TAG):
            continue
        names = [found.name, *(m.name for m in found.members), *(n for n, _ in found.values)]
        names += [name for name, _ in found.parameters]
        assert all(name == "" or name.isidentifier() for name in names), names
        if found.kind == kinds.PTR:
            assert found.name == ""
        offsets = [member.bit_offset for member in found.members]
        assert offsets == sorted(offsets)
    names = {t.name for t in spec.btf.types if t is not None and t.kind == kinds.STRUCT}
    assert {"Event", "Pair_u32_u32", "Node", "__sk_buff"} <= names


@pytest.mark.parametrize("endian", ENDIANS)
def test_maps_are_what_the_source_says(objects: dict[tuple[str, str, str], bytes], endian: str) -> None:
    spec = pyzbpf.open(objects["hostile", endian, "fast"])
    found = {
        name: (enums.MAP_TYPE_NAMES[m.type], m.key_size, m.value_size, m.max_entries)
        for name, m in spec.maps.items()
        if m.contents is None
    }
    assert found == {
        "pairs": ("hash", 8, 16, 64),
        "per_cpu": ("percpu_array", 4, 8, 4),
        "values": ("array", 4, 16, 8),
        "ring": ("ringbuf", 0, 0, 8192),
        "perf": ("perf_event_array", 4, 4, 0),
        "numbers": ("ringbuf", 0, 0, 256 * 1024),
        "old": ("perf_event_array", 4, 4, 0),
    }
    assert spec.btf is not None
    events = {n: spec.btf.describe(m.event_type) for n, m in spec.maps.items() if m.event_type}
    assert events == {"ring": "struct Event", "perf": "struct Event", "numbers": "numbers_event"}
    assert {n: m.lost_variables for n, m in spec.maps.items() if m.lost_variables} == {
        "ring": ("ring_lost",),
        "numbers": ("numbers_lost",),
    }


@pytest.mark.parametrize("endian", ENDIANS)
def test_variables_are_typed_and_settable(objects: dict[tuple[str, str, str], bytes], endian: str) -> None:
    spec = pyzbpf.open(objects["hostile", endian, "fast"])
    values = {
        name: v.value
        for name, v in spec.variables.items()
        if name in ("limit", "enabled", "label", "preset", "counter", "hidden")
    }
    assert values == {"limit": 10, "enabled": True, "label": "hey", "preset": -7, "counter": 0, "hidden": 5}
    assert spec.variables["kind"].value.name == "second"
    assert tuple(spec.variables["pair"].value) == (1, 2)
    spec.variables["label"].value = "new"
    spec.variables["kind"].value = "first"
    spec.variables["limit"].value = 0x01020304
    raw = spec.maps[".rodata"].contents
    at = spec.variables["limit"].offset
    assert raw is not None and struct.unpack_from("<I" if endian == "little" else ">I", raw, at) == (
        0x01020304,
    )
    assert (spec.variables["label"].value, spec.variables["kind"].value.name) == ("new", "first")
    with pytest.raises(Error, match="limit"):
        spec.variables["limit"].value = 1 << 32


def test_objects_do_not_depend_on_where_they_are_built(tmp_path: Path) -> None:
    built = []
    for place in ("one", "a/much/deeper/place"):
        folder = tmp_path / place
        folder.mkdir(parents=True)
        source = folder / "hostile.zig"
        source.write_bytes((PROBES / "hostile.zig").read_bytes())
        paths = build_probe(source, output_directory=folder / "out", cache=folder / "cache")
        built.append([path.read_bytes() for path in paths])
        assert not [data for data in built[-1] if str(tmp_path).encode() in data]
    assert built[0] == built[1]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("cpu", ["v1", "v2", "v3", "v4"])
def test_modes_and_cpus(tmp_path: Path, mode: str, cpu: str) -> None:
    (path,) = build_probe(
        PROBES / "historic.zig", mode=mode, cpu=cpu, endian="little", output_directory=tmp_path
    )
    assert list(pyzbpf.open(path).programs) == ["bpf_prog"]


def test_the_licence_is_gpl_unless_said(compile_text: Compile) -> None:
    probe = HEAD + XDP.format("_ = ctx;")
    assert pyzbpf.open(compile_text(probe)["little"]).license == "GPL"
    said = probe + 'pub const license = "Dual MIT/GPL";\n'
    assert pyzbpf.open(compile_text(said)["little"]).license == "Dual MIT/GPL"


def test_a_function_that_the_kernel_has_needs_a_type(compile_text: Compile) -> None:
    body = XDP.format("_ = ctx; bpf_rcu_read_lock();")
    with pytest.raises(ObjectError, match=r"'bpf_rcu_read_lock'.*unresolved symbol\n.*`pub extern fn`"):
        compile_text(HEAD + "extern fn bpf_rcu_read_lock() void;\n" + body)
    for data in compile_text(HEAD + "pub extern fn bpf_rcu_read_lock() void;\n" + body).values():
        assert [(e.kind, e.name) for e in pyzbpf.open(data).externs.values()] == [
            ("kfunc", "bpf_rcu_read_lock")
        ]
    by_value = "const Pair = extern struct { a: u64, b: u64 };\npub extern fn bpf_take(pair: Pair) void;\n"
    with pytest.raises(ObjectError, match="'bpf_take': parameter 1 is nothing that a function of the kernel"):
        compile_text(HEAD + by_value + XDP.format("_ = ctx; bpf_take(.{ .a = 1, .b = 2 });"))


PUBLIC = """
pub const five = 5;
pub const text = "x";
pub const literal = .{ .a = 1, .b = "x" };
pub const undefinedThing = undefined;
pub const enumLiteral = .foo;
pub const List = std.ArrayList(u8);
pub inline fn inlined(x: u32) u32 { return x + 1; }
pub fn generic(x: anytype) @TypeOf(x) { return x; }
pub fn withComptime(comptime T: type, x: T) T { return x; }
pub fn never() noreturn { unreachable; }
pub var counter: u64 = 0;
pub const Ptr = *anyopaque;
pub extern fn printf(format: [*:0]const u8, ...) c_int;
pub export fn helper(x: packed struct(u32) { a: u32 }) callconv(.c) u32 { return x.a; }
pub const err = error.X;
pub const Err = error{ A, B };
pub threadlocal var tl: u32 = 0;
"""


def test_public_declarations_of_every_kind_may_stand_beside(compile_text: Compile) -> None:
    """The SDK looks at all of them, for what the kernel may have to give."""
    body = XDP.format("_ = ctx; _ = inlined(1);")
    for data in compile_text(HEAD + PUBLIC + body).values():
        assert not pyzbpf.open(data).externs


def test_a_symbol_declared_in_two_ways_is_refused(compile_text: Compile) -> None:
    values = '_ = ctx; total +%= CONFIG_HZ; total +%= bpf.kconfig(u32, "CONFIG_HZ");'
    text = HEAD + "export var total: u64 = 0;\nextern const CONFIG_HZ: u64;\n" + XDP.format(values)
    with pytest.raises(ObjectError, match="'CONFIG_HZ': declared in two ways: '8 bytes' and '4 bytes'"):
        compile_text(text)


def test_a_stack_counter_names_a_map_of_traces(compile_text: Compile) -> None:
    probe = HEAD + 'export var samples: bpf.StackCounter("stacks", 8) linksection(".maps") = .{};\n'
    array = 'export var stacks: bpf.Array(u64, 8) linksection(".maps") = .{};\n'
    for others, words in (("", "the object does not define"), (array, "is no map of stack traces")):
        with pytest.raises(ObjectError, match=rf"'samples'.*'stacks', which {words}\n.*bpf.StackTrace"):
            compile_text(probe + others + XDP.format("_ = ctx;"))


def test_a_map_says_that_it_is_pinned(compile_text: Compile) -> None:
    probe = HEAD + (
        'export var kept: bpf.Hash(u32, u64, 8).with(.{ .pinning = .by_name }) linksection(".maps") = .{};\n'
        'export var plain: bpf.Hash(u32, u64, 8) linksection(".maps") = .{};\n'
    )
    for data in compile_text(probe + XDP.format("_ = ctx;")).values():
        maps = pyzbpf.open(data).maps
        assert (maps["kept"].pinning, maps["plain"].pinning) == (1, 0)


def test_gpl_helpers_are_refused_to_other_licences(compile_text: Compile) -> None:
    probe = HEAD + 'pub const license = "MIT";\n' + XDP.format('_ = ctx; bpf.printk("x", .{});')
    with pytest.raises(
        (BuildError, ObjectError), match=r"bpf_trace_printk\(\), which the kernel gives to GPL-compatible"
    ):
        compile_text(probe)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('export var m: bpf.Hash(u32, []const u8, 4) linksection(".maps") = .{};', "is a slice, which means nothing to user space"),
        ('export var m: bpf.Hash(*u32, u32, 4) linksection(".maps") = .{};', "the key type *u32 of a map is a pointer"),
        ('export var m: bpf.RingBuf(struct { a: u32 }) linksection(".maps") = .{};', "declare it `extern struct`"),
        ('export var m: bpf.RingBuf(extern struct { p: *u8 }) linksection(".maps") = .{};', "is a pointer"),
        ('export var m: bpf.Array(u24, 4) linksection(".maps") = .{};', "has padding bits"),
        ('export var m: bpf.Array(?u32, 4) linksection(".maps") = .{};', "no layout that C and Python know"),
    ],
)  # fmt: skip
def test_types_that_cannot_cross_are_refused_by_the_compiler(
    compile_text: Compile, text: str, message: str
) -> None:
    with pytest.raises(BuildError) as caught:
        compile_text(HEAD + text + "\n" + XDP.format("_ = ctx;"))
    assert message in caught.value.output


@pytest.mark.parametrize(
    ("call", "good"),
    [('bpf.printk("%d %d", .{ 1, 2 });', True), ('bpf.printk("100%%", .{});', True), ('bpf.printk("%d", .{});', False),
     ('bpf.printk("x", .{1});', False), ('bpf.printk("%d %d %d %d", .{ 1, 2, 3, 4 });', True),
     ('bpf.printk("%f", .{1.5});', False)],
)  # fmt: skip
def test_printk_counts_its_arguments(compile_text: Compile, call: str, good: bool) -> None:
    probe = HEAD + XDP.format(f"_ = ctx; {call}")
    if good:
        assert compile_text(probe)
    else:
        with pytest.raises(BuildError) as caught:
            compile_text(probe)
        assert "printk" in caught.value.output


def test_a_syntax_error_is_zigs_own(compile_text: Compile) -> None:
    with pytest.raises(BuildError) as caught:
        compile_text(HEAD + 'export fn prog(ctx: *bpf.XdpMd linksection("xdp") c_int { return 2; }\n')
    assert "probe.zig:3:" in caught.value.output and "error: expected" in caught.value.output


def test_a_name_that_is_no_section_is_refused(compile_text: Compile) -> None:
    with pytest.raises((BuildError, ObjectError), match="tracepoint/sched/sched_switch"):
        compile_text(
            HEAD
            + 'export fn prog(_: *anyopaque) linksection("tracepint/sched/sched_switch") c_int { return 0; }\n'
        )


def test_a_probe_without_a_program_is_refused(compile_text: Compile) -> None:
    with pytest.raises((BuildError, ObjectError), match="no program in this object"):
        compile_text(HEAD + "export var x: u32 = 1;\ncomptime { _ = bpf.F_CURRENT_CPU; }\n")


def test_every_helper_and_type_of_the_table_compiles(compile_text: Compile) -> None:
    body = "comptime { for (.{ bpf.helpers, bpf.types, bpf.constants }) |space| std.testing.refAllDecls(space); }\n"
    assert compile_text(HEAD + body + XDP.format("_ = ctx;"))


RINGS = """
const bpf = @import("bpf");
const Event = extern struct { a: u64 };
const Space = struct {
    export var inner: bpf.RingBuf(Event) linksection(".maps") = .{};
};
var plain: bpf.RingBuf(Event) linksection(".maps") = .{};
comptime {
    @export(&plain, .{ .name = "renamed", .section = ".maps" });
}
export var alone: bpf.RingBuf(u64) linksection(".maps") = .{};
const all = .{ .one = &Space.inner, .two = &alone };
export var outer: bpf.ArrayOfMaps(bpf.RingBuf(Event), 2) linksection(".maps") = .{ .values = .{ &plain, null } };
fn known(comptime ring: anytype) void {
    ring.output(&.{ .a = 1 }) catch {};
}
inline fn passed(ring: *const bpf.RingBuf(u64)) void {
    ring.output(&7) catch {};
}
pub const programs = .{ .first = "raw_tp/sys_enter", .second = "raw_tp/sys_enter" };
pub fn first() void {
    known(all.one);
    plain.output(&.{ .a = 2 }) catch {};
    passed(all.two);
}
pub fn second() void {
    const ring = outer.lookup(0) orelse return;
    ring.output(&.{ .a = 2 }) catch {};
}
"""


@pytest.mark.parametrize("mode", ["safe", "small", "fast"])
def test_each_ring_has_a_count_of_its_own(compile_text: Compile, mode: str) -> None:
    for data in compile_text(RINGS, mode=mode).values():
        spec = pyzbpf.open(data)
        counts = {name: set(found.lost_variables) for name, found in spec.maps.items() if found.type == 27}
        (shared,) = counts["inner"] & counts["renamed"]
        assert shared.endswith("_lost_shared")
        assert counts == {
            "inner": {"inner_lost", shared},
            "renamed": {"renamed_lost", shared},
            "alone": {"alone_lost"},
        }
