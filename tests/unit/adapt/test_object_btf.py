"""The object's type information for the kernel: definitions where the file has declarations."""

from __future__ import annotations

import pytest

from pyzbpf.adapt.object_btf import DUMMY, for_kernel
from pyzbpf.btf import types as kinds
from pyzbpf.btf.decode import decode
from pyzbpf.spec.externs import read
from tests.support.btf_writer import Writer

ENDIANS = ("little", "big")


def rewritten(writer: Writer, endian: str):
    before = decode(writer.bytes(), endian)
    externs = {extern.name: extern for extern in read(before, {}, file="a.o")}
    return before, decode(for_kernel(before, externs), endian)


@pytest.mark.parametrize("endian", ENDIANS)
def test_symbols_become_numbers(endian):
    w = Writer(endian)
    u64, u32 = w.int("u64", 8), w.int("u32", 4)
    prototype = w.prototype(u32, [("", u32), ("named", w.ptr(0)), ("", 0)])
    function = w.func("kfunc", prototype, kinds.EXTERN)
    variable = w.var("address", w.const(0), kinds.EXTERN)
    section = w.datasec(".ksyms", [(function, 0, 0), (variable, 0, 0)])
    before, after = rewritten(w, endian)

    dummy = len(before.types)
    assert len(after.types) == dummy + 1
    added = after.get(dummy)
    assert (added.kind, added.name, added.type, added.linkage) == (kinds.VAR, DUMMY, u32, kinds.GLOBAL)
    assert after.get(section).variables == [(dummy, 0, 4), (variable, 4, 4)]
    assert after.get(section).size == 8
    assert (after.get(variable).type, after.get(variable).linkage) == (u32, kinds.GLOBAL)
    assert (after.get(function).linkage, after.get(function).type) == (kinds.GLOBAL, prototype)
    assert [name for name, _ in after.get(prototype).parameters] == [DUMMY, "named", ""]
    assert after.get(u64).name == "u64"
    assert after.strings.startswith(before.strings), "line records refer to them"


@pytest.mark.parametrize("endian", ENDIANS)
def test_values_get_their_places(endian):
    w = Writer(endian)
    flag, u32 = w.int("bool", 1, 4), w.int("u32", 4)
    first, second = w.var("CONFIG_A", flag, kinds.EXTERN), w.var("CONFIG_B", u32, kinds.EXTERN)
    section = w.datasec(".kconfig", [(first, 0, 1), (second, 0, 4)])
    before, after = rewritten(w, endian)
    assert len(after.types) == len(before.types), "no function, so nothing to stand for one"
    assert after.get(section).variables == [(second, 0, 4), (first, 4, 1)]
    assert after.get(section).size == 5
    assert {after.get(first).linkage, after.get(second).linkage} == {kinds.GLOBAL}
    assert after.get(first).type == flag


@pytest.mark.parametrize("endian", ENDIANS)
def test_a_number_is_added_where_there_is_none(endian):
    w = Writer(endian)
    variable = w.var("address", w.const(0), kinds.EXTERN)
    w.datasec(".ksyms", [(variable, 0, 0)])
    _, after = rewritten(w, endian)
    number = after.get(after.get(variable).type)
    assert (number.kind, number.size, number.bits, number.encoding) == (kinds.INT, 4, 32, kinds.SIGNED)


def test_other_objects_stay_as_they_are():
    w = Writer()
    w.int("u32", 4)
    before = decode(w.bytes(), "little")
    assert for_kernel(before, {}) is before.data
