"""Undefined symbols in instructions, on hand-made kernels of both byte orders."""

from __future__ import annotations

import pytest

from pyzbpf.adapt.adapt import adapt
from pyzbpf.adapt.externs import POISON, Externs
from pyzbpf.btf.decode import decode
from pyzbpf.errors import ObjectError, UnsupportedError
from pyzbpf.spec.externs import read
from tests.support.assemble import R1, R2, Asm, add_program, object_spec
from tests.support.btf_writer import Writer
from tests.support.core import Kernel, lazy
from tests.unit.adapt.test_adapt import decoded

ENDIANS = ("little", "big")
EXTERN = 2
ADDRESSES = {"_stext": 0xFFFFFFFF81000000, "low": 0x1000}


def types(endian: str, *, local: bool, parameter: str = "int", flavour: str = "") -> Writer:
    """The probe's declarations, or the kernel's definitions of the same."""
    w = Writer(endian)
    number, other = w.int("int", 4, 1), w.int("unsigned long", 8)
    void = w.const(0)
    task = w.struct("task_struct", 4 if local else 64, [("pid", number, 0)])
    pointer = w.ptr(task)
    parameters = {"int": number, "long": other, "pointer": pointer}
    prototype = w.prototype(pointer, [("" if local else "pid", parameters[parameter])])
    linkage = EXTERN if local else 0
    function = w.func(f"bpf_find{flavour}", prototype, linkage)
    typed = w.var("current_one", w.const(pointer), linkage)
    if local:
        missing = w.func("bpf_missing", prototype, EXTERN)
        names = [w.var(name, void, EXTERN) for name in ("_stext", "low", "nowhere")]
        lost = w.var("lost", number, EXTERN)
        value = w.var("CONFIG_HZ", number, EXTERN)
        w.datasec(".ksyms", [(entry, 0, 4) for entry in (function, missing, typed, lost, *names)])
        w.datasec(".kconfig", [(w.var("CONFIG_A", number, EXTERN), 0, 4), (value, 0, 4)])
    return w


class Asked(Externs):
    def __init__(self, spec, kernel):
        self.calls: list[list[str]] = []
        super().__init__(spec, lambda: kernel, self.look)

    def look(self, names):
        self.calls.append(list(names))
        return ADDRESSES


def made(endian: str, asm: Asm, *, weak: bool = False, kernel=None, **local):
    """(the program made ready, what resolved it)."""
    spec = object_spec(endian=endian)
    spec.btf = decode(types(endian, local=True, **local).bytes(), endian)
    for extern in read(spec.btf, {}, file="test.o"):
        extern.weak = weak
        spec.externs[extern.name] = extern
    program = add_program(spec, "main", "socket", asm)
    externs = Asked(spec, kernel or Kernel(types(endian, local=False)))
    return adapt(spec, program, None, externs), externs


def kernel_id(endian: str, name: str, kind: int) -> int:
    table = lazy(types(endian, local=False))
    return table.id_of(table.find(name, kind)[0])


@pytest.mark.parametrize("endian", ENDIANS)
def test_functions_variables_and_addresses(endian):
    asm = (
        Asm(endian)
        .call_function("bpf_find", "kfunc")
        .load_extern(R1, "bpf_find")
        .load_extern(R2, "current_one")
        .load_extern(R1, "_stext")
        .load_extern(R2, "low")
        .exit_()
    )
    ready, externs = made(endian, asm)
    code = decoded(ready.instructions, endian)
    function, variable = kernel_id(endian, "bpf_find", 12), kernel_id(endian, "current_one", 14)
    assert code[0] == (0x85, 0, 2, 0, function), "BPF_PSEUDO_KFUNC_CALL"
    assert code[1:3] == [(0x18, R1, 3, 0, function), (0, 0, 0, 0, 0)], "BPF_PSEUDO_BTF_ID"
    assert code[3:5] == [(0x18, R2, 3, 0, variable), (0, 0, 0, 0, 0)]
    assert [imm & 0xFFFFFFFF for *_, imm in code[5:7]] == [0x81000000, 0xFFFFFFFF]
    assert code[5][:4] == (0x18, R1, 0, 0)
    assert [imm for *_, imm in code[7:9]] == [0x1000, 0]
    assert externs.calls == [["_stext", "low", "nowhere"]], "read once, for all"
    assert not ready.missing


@pytest.mark.parametrize("endian", ENDIANS)
def test_weak_ones_may_be_missing(endian):
    asm = (
        Asm(endian)
        .load_extern(R1, "bpf_missing")
        .load_extern(R1, "lost")
        .load_extern(R1, "nowhere")
        .call_function("bpf_missing", "kfunc")
        .exit_()
    )
    ready, externs = made(endian, asm, weak=True)
    code = decoded(ready.instructions, endian)
    assert code[:6] == [(0x18, R1, 0, 0, 0), (0, 0, 0, 0, 0)] * 3
    number = list(externs.spec.externs).index("bpf_missing")
    assert code[6] == (0x85, 0, 0, 0, POISON + number)
    assert ready.missing == {6: "'bpf_missing': the kernel of the test has no such function"}


@pytest.mark.parametrize("endian", ENDIANS)
def test_values_are_places_in_their_map(endian):
    ready, externs = made(endian, Asm(endian).load_extern(R1, "CONFIG_HZ").exit_())
    assert ready.references == [(0, "data", ".kconfig", 4)]
    assert externs.values == {"CONFIG_HZ": ("main", "main")}
    assert externs.calls == []


@pytest.mark.parametrize(
    ("asm", "words"),
    [
        (Asm().call_function("bpf_missing", "kfunc").exit_(), ["program 'main'", "function 'bpf_missing'", "kfuncExists"]),
        (Asm().load_extern(R1, "nowhere").exit_(), ["symbol 'nowhere'", "function 'main'", "autoload"]),
        (Asm().load_extern(R1, "lost").exit_(), ["symbol 'lost'", "no such variable"]),
    ],
)  # fmt: skip
def test_strong_ones_may_not(asm, words):
    import sys

    with pytest.raises(UnsupportedError) as caught:
        made(sys.byteorder, asm)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("endian", ENDIANS)
def test_prototypes_are_compared(endian):
    call = Asm(endian).call_function("bpf_find", "kfunc").exit_()
    ready, _ = made(endian, call, parameter="long")  # numbers of any size are alike, as for libbpf
    assert not ready.missing
    with pytest.raises(ObjectError, match="the prototype of 'bpf_find' is another one"):
        made(endian, call, parameter="pointer")
    ready, _ = made(endian, call, weak=True, parameter="pointer")
    assert ready.missing == {0: "'bpf_find': the kernel of the test has it with another prototype"}


def test_a_variable_of_another_type_is_refused():
    w = Writer()
    w.var("lost", w.struct("pair", 4, []), 0)
    with pytest.raises(ObjectError, match="the type of 'lost' is another one"):
        made("little", Asm("little").load_extern(R1, "lost").exit_(), weak=True, kernel=Kernel(w))


@pytest.mark.parametrize("endian", ENDIANS)
def test_a_flavour_is_the_same_function(endian):
    call = Asm(endian).call_function("bpf_find___two", "kfunc").exit_()
    ready, _ = made(endian, call, flavour="___two")
    assert decoded(ready.instructions, endian)[0][4] == kernel_id(endian, "bpf_find", 12)


class Module:
    """The same types as those of a module, which has a number of its own to begin with."""

    first, name = 100, "nf_tables"

    def __init__(self, types):
        self.types = types

    def find(self, name, kind):
        return self.types.find(name, kind)

    def get(self, type_id):
        return self.types.get(type_id)

    def id_of(self, found):
        return self.types.id_of(found)

    endian, pointer_size = "little", 8


def test_functions_and_variables_of_modules():
    kernel = Kernel(types("little", local=False))
    function, variable = kernel_id("little", "bpf_find", 12), kernel_id("little", "current_one", 14)
    kernel.types = Module(kernel.types)
    asm = Asm("little").call_function("bpf_find", "kfunc").load_extern(R2, "current_one").exit_()
    ready, _ = made("little", asm, kernel=kernel)
    assert ready.modules == ["nf_tables"]
    assert ready.module_loads == [(1, "nf_tables")]
    code = decoded(ready.with_descriptors({}, {"nf_tables": 7}), "little")
    assert code[0] == (0x85, 0, 2, 1, function), "the first of the modules, by its place in fd_array"
    assert code[1:3] == [(0x18, R2, 3, 0, variable), (0, 0, 0, 0, 7)]


@pytest.mark.parametrize(("name", "message"), [("low", "a variable of the kernel"), ("CONFIG_HZ", "a value")])
def test_only_functions_are_called(name, message):
    with pytest.raises(ObjectError, match=f"{message}.* is called"):
        made("little", Asm("little").call_function(name, "kfunc").exit_())


def test_a_kernel_without_types_is_said_to_be_one():
    def none():
        raise UnsupportedError("x")

    spec = object_spec()
    spec.btf = decode(types(spec.endian, local=True).bytes(), spec.endian)
    spec.externs.update({extern.name: extern for extern in read(spec.btf, {}, file="test.o")})
    program = add_program(spec, "main", "socket", Asm().call_function("bpf_find", "kfunc").exit_())
    with pytest.raises(UnsupportedError, match=r"'bpf_find'.*\n.*CONFIG_DEBUG_INFO_BTF=y"):
        adapt(spec, program, None, Externs(spec, none, lambda _: {}))
