"""What the kernel defines: each undefined symbol gets its typed entry in `.kconfig` or `.ksyms`."""

from __future__ import annotations

import pytest

from pyzbpf.btf import types as kinds
from pyzbpf.errors import ObjectError
from pyzbpf.finish import marker
from pyzbpf.finish import unit as units
from pyzbpf.finish.code import Mark
from pyzbpf.finish.passes import externals
from pyzbpf.finish.pipeline import finish
from pyzbpf.spec.read import read
from tests.support import elf_writer
from tests.support.assemble import Asm
from tests.support.btf_writer import Writer
from tests.support.elf_writer import EXEC, R_64_32, R_64_64, WEAK, Section, Symbol

ENDIANS = ["little", "big"]
FUNCTION, VARIABLE = R_64_32, R_64_64


def probe(
    *used: tuple[str, int],
    btf: Writer | None = None,
    declared: tuple[str, ...] = (),
    weak: tuple[str, ...] = (),
    endian: str = "little",
) -> bytes:
    """A program that calls or loads each symbol; ``declared`` is what the SDK's declarations say."""
    asm = Asm(endian)
    relocations = []
    for name, kind in used:
        relocations.append((len(asm.code), kind, name))
        if kind == FUNCTION:
            asm.raw(0x85, source=1, imm=-1)
        else:
            asm.raw(0x18, 1).raw(0)
    code = bytes(asm.mov_imm(0, 0).exit_().code)
    btf = btf or Writer(endian)
    func = btf.func("prog", btf.prototype(btf.int("int", 4, 1), []), 1)
    ext = btf.ext({"syscall": [(0, func)]})
    return elf_writer.write(
        [
            Section("syscall", code, EXEC, relocations=tuple(relocations)),
            Section(".pyzbpf.declaration", b"".join(text.encode() + b"\0" for text in declared), 0),
            Section(".BTF", btf.bytes(), 0),
            Section(".BTF.ext", ext, 0),
        ],
        [Symbol("prog", "syscall", size=len(code))]
        + [Symbol(name, None, type=0, binding=WEAK if name in weak else 1) for name, _ in used],
        endian=endian,
    )


@pytest.mark.parametrize("endian", ENDIANS)
def test_a_function_has_the_declared_prototype(endian: str) -> None:
    data = probe(
        ("bpf_task_from_pid", FUNCTION),
        declared=("kfunc bpf_task_from_pid (pStask_struct,i4)", "kfunc prog (i4)", "kfunc other (?,?)"),
        endian=endian,
    )
    spec = read(finish(data, file="probe.zig"), file="probe.o", name="probe")
    assert spec.btf is not None and list(spec.externs) == ["bpf_task_from_pid"]
    found = spec.externs["bpf_task_from_pid"]
    assert (found.kind, found.weak) == ("kfunc", False)
    prototype = spec.btf.get(found.type_id)
    assert spec.btf.describe(prototype.type) == "struct task_struct *"
    assert [(name, spec.btf.describe(type_id)) for name, type_id in prototype.parameters] == [("arg0", "int")]
    (entry,) = spec.btf.get(spec.btf.find(".ksyms", kinds.DATASEC)).variables
    function = spec.btf.get(entry[0])
    assert (function.kind, function.linkage, entry[1:]) == (kinds.FUNC, kinds.EXTERN, (0, 0))


def test_every_word_of_a_prototype() -> None:
    text = "kfunc f (v,pv,pu1,ppStask_struct,pUanything,(p(i4,pv),z1),u8,e4,f8)"
    external = marker.parse_external(text)
    assert (external.kind, external.name, external.shape.kind) == ("kfunc", "f", "function")
    shapes = external.shape.parameters
    assert [shape.kind for shape in shapes] == [
        "pointer", "pointer", "pointer", "pointer", "function", "integer", "enum", "float",
    ]  # fmt: skip
    innermost = shapes[2].element
    assert innermost is not None and innermost.element is not None
    assert (innermost.kind, innermost.element.name) == ("pointer", "task_struct")
    for damaged in ("kfunc f", "kfunc f (v", "kfunc f v)(", "kfunc f (v))", "kfunc f (,)", "other f v"):
        with pytest.raises(ObjectError, match="is not understood"):
            marker.parse_external(damaged)


@pytest.mark.parametrize("endian", ENDIANS)
def test_variables_that_the_compiler_types_are_placed_by_name(endian: str) -> None:
    btf = Writer(endian)
    number = btf.int("u32", 4)
    btf.var("CONFIG_HZ", number, kinds.EXTERN)
    btf.var("LINUX_KERNEL_VERSION", number, kinds.EXTERN)
    btf.var("runqueues", btf.struct("probe.rq", 4, [("cpu", number, 0)]), kinds.EXTERN)
    btf.var("_stext", btf.int("anyopaque", 0), kinds.EXTERN)
    btf.var("nobody_asks", number, kinds.EXTERN)
    names = ("CONFIG_HZ", "LINUX_KERNEL_VERSION", "runqueues", "_stext")
    data = probe(*((name, VARIABLE) for name in names), btf=btf, weak=("CONFIG_HZ",), endian=endian)
    finished = finish(data, file="probe.zig")
    spec = read(finished, file="probe.o", name="probe")
    assert spec.btf is not None
    assert {name: (found.kind, found.weak, found.size) for name, found in spec.externs.items()} == {
        "CONFIG_HZ": ("kconfig", True, 4),
        "LINUX_KERNEL_VERSION": ("kconfig", False, 4),
        "runqueues": ("ksym", False, 0),
        "_stext": ("ksym", False, 0),
    }
    assert spec.btf.describe(spec.externs["runqueues"].type_id) == "struct rq"
    assert spec.externs["_stext"].type_id == 0
    assert not spec.btf.find("nobody_asks", kinds.VAR)
    assert finish(finished, file="probe.zig") == finished


def test_a_symbol_of_no_known_type_is_refused() -> None:
    with pytest.raises(
        ObjectError,
        match=r"unresolved symbol\n.*`pub extern fn` in the probe's own file.*in C `extern … __ksym`",
    ):
        finish(probe(("bpf_task_from_pid", FUNCTION)), file="probe.zig")
    with pytest.raises(ObjectError, match=r"unresolved symbol\n.*`extern const name: Type`.*__kconfig"):
        finish(probe(("jiffies", VARIABLE)), file="probe.zig")


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (("kfunc f (v,i4)", "kfunc f (v,i8)"), r"declared in two ways: 'kfunc f \(v,i4\)' and 'kfunc f \(v,i8\)'"),
        (("kfunc f (v,i4,?)",), "parameter 2 is nothing that a function of the kernel takes"),
        (("kfunc f (?)",), "its result is nothing that a function of the kernel takes"),
    ],
)  # fmt: skip
def test_impossible_declarations_are_refused(declared: tuple[str, ...], message: str) -> None:
    with pytest.raises(ObjectError, match=message) as caught:
        finish(probe(("f", FUNCTION), declared=declared), file="probe.zig")
    assert caught.value.symbol == "f"


def test_a_value_of_two_sizes_is_refused() -> None:
    btf = Writer()
    btf.var("CONFIG_HZ", btf.int("u64", 8), kinds.EXTERN)
    work = units.read(probe(("CONFIG_HZ", VARIABLE), btf=btf), file="probe.zig")
    work.code.functions[0].instructions[0].marks = [Mark("extern", "kconfig CONFIG_HZ u4")]
    with pytest.raises(ObjectError, match="declared in two ways: '8 bytes' and '4 bytes'"):
        externals.run(work)


def test_an_unused_marker_makes_no_entry() -> None:
    """To an entry without a symbol libbpf says "failed to find extern definition"."""
    work = units.read(probe(), file="probe.zig")
    work.declarations = ["kfunc gone (v)"]
    externals.run(work)
    assert not [found for _, found in work.each(kinds.DATASEC)]
    assert not [symbol for symbol in work.image.symbols if symbol.name == "gone"]
