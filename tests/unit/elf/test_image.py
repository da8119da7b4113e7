"""Reading and writing relocatable objects: what is written is read, what is damaged is named."""

from __future__ import annotations

import pytest

from pyzbpf.elf import image as elf
from pyzbpf.elf import reader, writer
from pyzbpf.errors import ObjectError
from tests.support import elf_writer
from tests.support.elf_writer import EXEC, NOBITS, OBJECT, WRITE, Section, Symbol

CODE = bytes.fromhex("b700000000000000 9500000000000000")


def sample(endian: str = "little", **options: int) -> bytes:
    return elf_writer.write(
        [
            Section("xdp", bytes(16) + CODE, EXEC, relocations=((0, 1, "counter"),)),
            Section(".bss", bytes(12), WRITE, type=NOBITS),
            Section("license", b"GPL\0"),
        ],
        [Symbol("prog", "xdp", size=32), Symbol("counter", ".bss", 4, 8, OBJECT), Symbol("missing", None)],
        endian=endian,
        **options,
    )


@pytest.mark.parametrize("endian", ["little", "big"])
def test_reads_sections_symbols_and_relocations(endian: str) -> None:
    image = reader.read(sample(endian), file="a.o")
    assert image.endian == endian
    code, bss, licence = image.sections
    assert (code.name, bss.name, licence.name) == ("xdp", ".bss", "license")
    assert code.is_code and not bss.is_code and bss.is_data and not licence.is_data
    assert len(bss.data) == 12 and bytes(licence.data) == b"GPL\0"
    (relocation,) = code.relocations
    assert (relocation.offset, relocation.type, relocation.symbol.name) == (0, 1, "counter")
    assert relocation.symbol.section is bss and relocation.symbol.value == 4
    undefined = next(s for s in image.symbols if s.name == "missing")
    assert undefined.is_undefined


@pytest.mark.parametrize("endian", ["little", "big"])
def test_what_is_written_is_read_again(endian: str) -> None:
    first = reader.read(sample(endian), file="a.o")
    data = writer.write(first)
    second = reader.read(data, file="a.o")
    assert writer.write(second) == data
    for one, other in zip(first.sections, second.sections, strict=True):
        assert (one.name, one.type, one.flags, one.data, one.align) == (
            other.name, other.type, other.flags, other.data, other.align,
        )  # fmt: skip
        assert [(r.offset, r.type, r.symbol.name) for r in one.relocations] == [
            (r.offset, r.type, r.symbol.name) for r in other.relocations
        ]

    def named(image: elf.Image) -> list[tuple[str, int, int, int]]:
        return sorted((s.name, s.value, s.size, s.binding) for s in image.symbols if s.name)

    assert named(first) == named(second)


def test_a_bss_section_takes_no_room_in_the_file() -> None:
    image = reader.read(sample(), file="a.o")
    small = len(writer.write(image))
    bss = image.section(".bss")
    assert bss is not None
    bss.data = bytearray(1 << 16)
    assert len(writer.write(image)) == small


def test_locals_come_before_globals() -> None:
    image = reader.read(sample(), file="a.o")
    image.symbols.append(elf.Symbol("late", section=image.sections[0], binding=elf.STB_LOCAL))
    again = reader.read(writer.write(image), file="a.o")
    bindings = [s.binding != elf.STB_LOCAL for s in again.symbols]
    assert bindings == sorted(bindings)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "a.o, offset 0x0: empty file"),
        (b"#!/bin/sh\n", "not an ELF file"),
        (b"\x7fELF", "damaged or cut-off"),
        (sample(machine=62), "an object for X86_64, not for BPF"),
        (sample(elf_type=2), "not a 64-bit relocatable object"),
    ],
)
def test_what_is_no_bpf_object_is_named(data: bytes, message: str) -> None:
    with pytest.raises(ObjectError) as caught:
        reader.read(data, file="a.o")
    assert message in str(caught.value)
    assert "a.o" in str(caught.value)


@pytest.mark.parametrize("endian", ["little", "big"])
def test_every_cut_is_an_object_error(endian: str) -> None:
    data = sample(endian)
    for length in range(len(data)):
        with pytest.raises(ObjectError):
            reader.read(data[:length], file="a.o")


def test_a_flipped_byte_never_raises_anything_else() -> None:
    data = sample()
    for position in range(len(data)):
        damaged = data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :]
        try:
            reader.read(damaged, file="a.o")
        except ObjectError as error:
            if "a.o" not in str(error):
                pytest.fail(f"byte {position}: {error}")
