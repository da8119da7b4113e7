"""CO-RE records: from the object to its functions, and through the index of a wheel."""

from __future__ import annotations

import pytest

from pyzbpf.errors import ObjectError
from pyzbpf.spec.index import FORMAT, from_index, to_index
from pyzbpf.spec.read import read
from tests.support.assemble import Asm
from tests.support.btf_writer import Writer
from tests.support.elf_writer import EXEC, Section, Symbol, write


def sample(endian: str, *, types: bool = True) -> bytes:
    """Two programs in a section and a subprogram, with records in all of them."""
    btf = Writer(endian)
    root = btf.struct("task_struct", 4, [("pid", btf.int("int", 4, 1), 0)])
    ext = btf.ext(
        {}, core={"socket": [(0, root, "0:0", 0), (16, root, "0:0", 2)], ".text": [(8, root, "0", 8)]}
    )
    code = bytes(Asm(endian).mov_imm(0, 0).exit_().code)
    sections = [
        Section("socket", code * 2, EXEC),
        Section(".text", code, EXEC),
        Section(".BTF", btf.bytes(), 0, align=4),
        Section(".BTF.ext", ext, 0, align=4),
    ]
    symbols = [Symbol("one", "socket", 0, 16), Symbol("two", "socket", 16, 16), Symbol("sub", ".text", 0, 16)]
    return write(sections if types else sections[:2], symbols, endian=endian)


@pytest.mark.parametrize("endian", ["little", "big"])
def test_records_belong_to_their_functions(endian):
    data = sample(endian)
    spec = read(data, file="a.o", name="a")
    expected = {"one": [(0, 2, "0:0", 0)], "two": [(0, 2, "0:0", 2)], "sub": [(8, 2, "0", 8)]}
    assert {name: list(function.core) for name, function in spec.functions.items()} == expected
    entry = to_index(data, file="a.o", name="a")
    again = from_index(eval(repr(entry)), data, file="a.o", name="a")
    assert again is not None
    assert {name: list(function.core) for name, function in again.functions.items()} == expected


def test_an_index_from_before_is_passed_over():
    data = sample("little")
    entry = to_index(data, file="a.o", name="a")
    assert FORMAT > 1
    assert from_index({**entry, "format": 1}, data, file="a.o", name="a") is None


def test_none():
    spec = read(sample("little", types=False), file="a.o", name="a")
    assert all(not function.core for function in spec.functions.values())


def test_a_path_outside_of_the_strings():
    data = bytearray(sample("little"))
    place = data.index(b"\x9f\xeb\x01\0\x20\0\0\0")  # .BTF.ext
    start = place + 32 + 4 + 8  # the first record, after record size, section name and count
    assert data[start + 4 : start + 8] == (2).to_bytes(4, "little")
    data[start + 8 : start + 12] = (1 << 20).to_bytes(4, "little")
    with pytest.raises(ObjectError, match="string offset outside"):
        read(bytes(data), file="a.o", name="a")
