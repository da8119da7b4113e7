"""CO-RE from Zig beside clang's: the same questions, record by record, in both byte orders."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyzbpf.btf import types as kinds
from pyzbpf.build.compile import build_probe
from pyzbpf.errors import BuildError, ObjectError
from pyzbpf.finish import unit as units
from pyzbpf.finish.analysis.places import in_force

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Compile = Callable[..., dict[str, bytes]]

HERE = Path(__file__).parent
ENDIANS = ["little", "big"]
HEAD = 'const bpf = @import("bpf");\nconst core = bpf.core;\n'
RAW_TP = 'export fn prog(_: *bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {{ {} return 0; }}\n'
ENUM_KINDS = (10, 11)


def records(data: bytes) -> list[tuple[int, str, str]]:
    """(kind, root type's name, access path in names) of every CO-RE record, in order of code."""
    unit = units.read(data, file="object")
    found = []
    for _, instruction in unit.code.instructions():
        if instruction.core is not None:
            core = instruction.core
            root = unit.types[core.type_id]
            assert root is not None
            found.append((core.kind, root.name, path_names(unit, core.type_id, core.path, core.kind)))
    return found


def path_names(unit: units.Unit, type_id: int, path: str, kind: int) -> str:
    first, *steps = (int(number) for number in path.split(":"))
    found = unit.types[type_id]
    assert found is not None
    if kind in ENUM_KINDS:
        return found.values[first][0]
    names = ""
    for step in steps:
        while found is not None and found.kind in kinds.MODIFIERS:
            found = unit.types[found.type]
        assert found is not None
        if found.kind == kinds.ARRAY:
            names += f"[{step}]"
            found = unit.types[found.type]
        else:
            names += f".{found.members[step].name}"
            found = unit.types[found.members[step].type]
    return names


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """core_twin by language, each by byte order."""
    folder = tmp_path_factory.mktemp("twins")
    found = {}
    for source in (HERE / "probes" / "core_twin.zig", HERE / "c" / "core_twin.c"):
        paths = build_probe(
            source, mode="fast", output_directory=folder / source.suffix[1:], cache=folder / "cache"
        )
        found[source.suffix] = dict(zip(ENDIANS, (path.read_bytes() for path in paths), strict=True))
    return found


@pytest.mark.parametrize("endian", ENDIANS)
def test_the_same_records_as_clang(twins: dict[str, dict[str, bytes]], endian: str) -> None:
    zig, clang = (records(twins[suffix][endian]) for suffix in (".zig", ".c"))
    assert sorted(zig) == sorted(clang)
    assert {kind for kind, _, _ in zig} == set(range(13))


@pytest.mark.parametrize("endian", ENDIANS)
def test_local_values_are_checked_by_libbpf_and_right(
    twins: dict[str, dict[str, bytes]], endian: str
) -> None:
    """Existence is 1 and sizes are the declared ones, in Zig's object as in clang's."""

    def values(data: bytes) -> dict[tuple[int, str, str], int]:
        unit = units.read(data, file="object")
        return {
            (c.kind, root.name, path_names(unit, c.type_id, c.path, c.kind)): instruction.immediate
            for _, instruction in unit.code.instructions()
            if (c := instruction.core) is not None and (root := unit.types[c.type_id]) is not None
        }

    zig, clang = values(twins[".zig"][endian]), values(twins[".c"][endian])
    # Offsets, sizes of whole types and type ids depend on the order of members; the rest must agree.
    same = [key for key in clang if key[0] in (2, 3, 8, 10, 11, 12) or key == (1, "task_struct", ".comm")]
    assert len(same) >= 8
    for key in same:
        assert zig[key] == clang[key], key


def test_a_clang_object_passes_through_unchanged(twins: dict[str, dict[str, bytes]], tmp_path: Path) -> None:
    """Its records, code and references stay; only what no loader reads goes."""
    raw = tmp_path / "raw"
    build_probe(HERE / "c" / "core_twin.c", endian="little", mode="fast", output_directory=tmp_path, keep=raw)
    (kept,) = raw.rglob("*.raw.o")
    before, after = kept.read_bytes(), twins[".c"]["little"]
    assert records(before) == records(after)
    first, second = units.read(before, file="raw"), units.read(after, file="finished")
    for one, other in zip(first.code.functions, second.code.functions, strict=True):
        assert one.symbol.name == other.symbol.name
        ids = (6, 7)
        for a, b in zip(one.instructions, other.instructions, strict=True):
            assert (a.opcode, a.destination, a.source, a.offset, a.high) == (
                b.opcode, b.destination, b.source, b.offset, b.high,
            )  # fmt: skip
            if a.core is None or a.core.kind not in ids:
                assert a.immediate == b.immediate


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("const t = extern struct { a: u32 }; " + RAW_TP.format('_ = core.exists(t, "b");'), "declares no field 'b'"),
        ("const t = extern struct { a: u32 }; " + RAW_TP.format('_ = core.exists(t, "a[0]");'), "u32 is no array"),
        ("const t = extern struct { a: *t, b: u32 }; " + RAW_TP.format('_ = core.exists(t, "a.b");'), "crosses a pointer"),
        (RAW_TP.format('_ = core.exists(extern struct { a: u32 }, "a");'), "has no name of the kernel's"),
        (RAW_TP.format("_ = core.typeExists(u32);"), "a declared struct, union, enum or core.Typedef of the kernel is wanted"),
        ("const t = extern struct { a: [2]u32 }; " + RAW_TP.format('_ = core.exists(t, "a[2]");'), "has no element [2]"),
        ("const t = extern struct { a: [2]u32 }; " + RAW_TP.format('_ = core.exists(t, "a[x]");'), "'x' is no index"),
        (RAW_TP.format('_ = core.read(@as(u64, 5), "a");'), "a pointer to a declared kernel type is wanted"),
    ],
)  # fmt: skip
def test_mistakes_are_compile_errors(compile_text: Compile, text: str, message: str) -> None:
    with pytest.raises(BuildError) as caught:
        compile_text(HEAD + text)
    assert message in caught.value.output


def test_one_type_declared_in_two_ways_is_refused(compile_text: Compile) -> None:
    text = (
        "const a = struct { const task_struct = extern struct { pid: i32 }; };\n"
        "const b = struct { const task_struct = extern struct { pid: u64 }; };\n"
    )
    body = (
        'if (core.exists(a.task_struct, "pid") and core.exists(b.task_struct, "pid")) bpf.printk("x", .{});'
    )
    with pytest.raises((BuildError, ObjectError)) as caught:
        compile_text(HEAD + text + RAW_TP.format(body))
    assert "'task_struct.pid' is declared in two ways" in str(caught.value)
    assert "probe.zig:" in str(caught.value)


def test_one_typedef_of_two_types_is_refused(compile_text: Compile) -> None:
    text = 'const one = core.Typedef("pid_t", i32); const other = core.Typedef("pid_t", u64);\n'
    body = 'if (core.typeExists(one) and core.typeExists(other)) bpf.printk("x", .{});'
    with pytest.raises((BuildError, ObjectError)) as caught:
        compile_text(HEAD + text + RAW_TP.format(body))
    assert "the typedef 'pid_t' is declared in two ways" in str(caught.value)
    assert "as a flavour: `pid_t___other`" in str(caught.value)


def test_elements_of_two_arrays_without_a_length_are_refused(compile_text: Compile) -> None:
    text = "const t = extern struct { a: [0]u32, b: [0]u32 };\n"
    body = 'if (core.exists(t, "a[1]") and core.exists(t, "b[1]")) bpf.printk("x", .{});'
    with pytest.raises((BuildError, ObjectError)) as caught:
        compile_text(HEAD + text + RAW_TP.format(body))
    assert "elements of 'a' and of 'b' are asked for" in str(caught.value)
    assert "declare one of them in a flavour: `t___other`" in str(caught.value)
    body = 'if (core.exists(t, "a[1]") and core.offset(t, "b") != 0) bpf.printk("x", .{});'
    for data in compile_text(HEAD + text + RAW_TP.format(body)).values():
        assert records(data) == [(2, "t", ".a[1]"), (0, "t", ".b")]


def test_bit_fields_keep_the_kind_of_their_type(compile_text: Compile) -> None:
    """As libbpf wants it: an enum's bits do not match an integer's."""
    text = (
        "const t = extern struct { flag: core.Bits(bool, 1), kind: core.Bits(enum(u32) { one = 1, _ }, 4), "
        "level: core.Bits(i16, 3), mode: enum(u8) { _ } };\n"
        "export var seen: [4]u32 = @splat(0);\n"
    )
    body = (
        'const p = core.pointer(t, 8); seen = .{ @intFromBool(core.read(p, "flag")), '
        '@backingInt(core.read(p, "kind")), @bitCast(@as(i32, core.read(p, "level"))), '
        '@backingInt(core.read(p, "mode")) };'
    )
    for data in compile_text(HEAD + text + RAW_TP.format(body)).values():
        unit = units.read(data, file="object")
        (found,) = [type_ for type_ in unit.types if type_ is not None and type_.name == "t"]
        shapes = {member.name: (member.bits, unit.types[member.type]) for member in found.members}
        kept = {
            name: (bits, type_.kind, type_.size)
            for name, (bits, type_) in shapes.items()
            if type_ is not None
        }
        assert kept == {
            "flag": (1, kinds.INT, 1), "kind": (4, kinds.ENUM, 4), "level": (3, kinds.INT, 2), "mode": (0, kinds.ENUM, 1),
        }  # fmt: skip
        assert shapes["flag"][1].encoding == kinds.BOOL


def test_an_explicit_name_wins(compile_text: Compile) -> None:
    text = 'const Task = extern struct { pub const btf = "task_struct"; pid: i32 };\n'
    body = 'if (core.exists(Task, "pid")) bpf.printk("x", .{});'
    for data in compile_text(HEAD + text + RAW_TP.format(body)).values():
        assert records(data) == [(2, "task_struct", ".pid")]


@pytest.mark.parametrize("endian", ENDIANS)
def test_maps_and_variables_of_a_clang_object(endian: str, tmp_path: Path) -> None:
    import pyzbpf

    (path,) = build_probe(HERE / "c" / "two_maps.c", endian=endian, mode="fast", output_directory=tmp_path)
    spec = pyzbpf.open(path)
    sizes = {
        name: (m.type, m.key_size, m.value_size, m.max_entries)
        for name, m in spec.maps.items()
        if m.contents is None
    }
    assert sizes == {"first": (1, 4, 8, 8), "second": (2, 4, 4, 4)}
    values = {name: (v.size, v.value) for name, v in spec.variables.items()}
    assert values == {"small": (4, 1), "large": (8, 2), "limit": (4, 3), "wide": (8, 4)}
    assert {r.name for r in spec.functions["prog"].references if r.kind == "map"} == {"first", "second"}


def test_requests_stand_under_the_authors_line(compile_text: Compile) -> None:
    """The line that is reported where a kernel has no answer: not the statement before, nor the SDK's file."""
    text = (
        "const task_struct = extern struct { tgid: i32, nope: u32 };\nexport var value: [2]u64 = @splat(0);\n"
    )
    body = (
        "const task = core.currentTask(task_struct);\nvalue[0] = bpf.ktime_get_ns();\n"
        'value[1] = core.read(task, "nope");\nvalue[0] = core.size(task_struct, "tgid");\n'
    )
    for mode in ("safe", "small", "fast"):
        for data in compile_text(HEAD + text + RAW_TP.format(body), mode=mode).values():
            found = {}
            for function in units.read(data, file="object").code.functions:
                for instruction, line in zip(function.instructions, in_force(function), strict=True):
                    if instruction.core is not None and line is not None:
                        found[instruction.core.kind] = line.file, line.text.strip()
            assert found == {
                0: ("probe.zig", 'value[1] = core.read(task, "nope");'),
                1: ("probe.zig", 'value[0] = core.size(task_struct, "tgid");'),
            }, mode
