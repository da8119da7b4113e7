"""What could not load is refused when it is built: file, section, symbol and what to do."""

from __future__ import annotations

import struct

import pytest

from pyzbpf.errors import ObjectError
from pyzbpf.finish.pipeline import finish
from tests.support import elf_writer
from tests.support.assemble import Asm
from tests.support.elf_writer import EXEC, LOCAL, OBJECT, R_64_32, R_64_64, WRITE, Section, Symbol
from tests.support.objects import sample

GPL_HELPER, FREE_HELPER = 6, 5


def refused(data: bytes, **options: str) -> ObjectError:
    with pytest.raises(ObjectError) as caught:
        finish(data, file="probe.zig", name="probe", **options)
    assert str(caught.value).startswith("probe.zig")
    return caught.value


def small(
    asm: Asm,
    *relocations: tuple[int, int, str],
    sections: tuple[Section, ...] = (),
    symbols: tuple[Symbol, ...] = (),
) -> bytes:
    code = bytes(asm.code)
    return elf_writer.write(
        [Section("xdp", code, EXEC, relocations=relocations), Section("license", b"GPL\0"), *sections],
        [Symbol("prog", "xdp", size=len(code)), Symbol("_license", "license", type=OBJECT, size=4), *symbols],
    )


def test_a_sound_object_passes() -> None:
    assert finish(small(Asm("little").call(FREE_HELPER).raw(0x95)), file="probe.zig")


def test_unknown_section() -> None:
    error = refused(sample(section="kprobes/vfs_read"))
    assert (error.section, error.symbol) == ("kprobes/vfs_read", "prog")
    assert "kprobe/vfs_read" in str(error)


def test_no_program() -> None:
    code = bytes(Asm("little").mov_imm(0, 0).raw(0x95).code)
    error = refused(
        elf_writer.write([Section(".text", code, EXEC)], [Symbol("sub", ".text", size=16, binding=LOCAL)])
    )
    assert "no program in this object" in str(error) and "export fn" in str(error)


def test_unresolved_symbol() -> None:
    asm = Asm("little").raw(0x85, source=1, imm=-1).raw(0x95)
    error = refused(small(asm, (0, R_64_32, "__multi3"), symbols=(Symbol("__multi3", None),)))
    assert (error.section, error.symbol, error.offset) == ("xdp", "__multi3", 0)
    assert "narrower integers" in str(error)


def test_an_unused_trap_symbol_is_dropped() -> None:
    data = finish(
        small(Asm("little").mov_imm(0, 0).raw(0x95), symbols=(Symbol("__bpf_trap", None),)), file="probe.zig"
    )
    assert b"__bpf_trap" not in data


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"max_entries": 8}, "a map of the unknown type 0"),
        ({"type": 77, "max_entries": 8}, "a map of the unknown type 77"),
        ({"type": 1}, "a hash map without max_entries"),
        ({"type": 27, "max_entries": 4096}, "a ringbuf map takes no key and no value"),
    ],
)
def test_maps_that_cannot_be(attributes: dict[str, int], message: str) -> None:
    error = refused(sample(map_attributes=attributes))
    assert message in str(error) and (error.section, error.symbol) == (".maps", "first")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ((1, 0, 4, 1, 0), "a hash map without a key size"),
        ((1, 4, 0, 1, 0), "a hash map without a value size"),
        ((27, 0, 0, 0, 0), "a ringbuf map of 0 bytes"),
        (
            (1, 4, 4, 8, 0x100001),
            "a hash map with flags that no kernel knows: 0x100000 beside BPF_F_NO_PREALLOC",
        ),
        (
            (1, 4, 4, 8, 1024),
            "BPF_F_MMAPABLE, which the kernel refuses\n  maps of kind array and arena take it",
        ),
        (
            (2, 4, 4, 8, 2),
            "a array map with BPF_F_NO_COMMON_LRU, which the kernel refuses\n  maps of kind lru_hash and",
        ),
    ],
)
def test_legacy_maps_that_cannot_be(record: tuple[int, ...], message: str) -> None:
    data = small(
        Asm("little").mov_imm(0, 0).raw(0x95),
        sections=(Section("maps", struct.pack("<5I", *record), WRITE),),
        symbols=(Symbol("m", "maps", size=20, type=OBJECT),),
    )
    error = refused(data)
    assert message in str(error) and (error.section, error.symbol) == ("maps", "m")


@pytest.mark.parametrize("size", [1, 2048, 5000])
def test_sizes_of_ring_buffers_that_loaders_round_up(size: int) -> None:
    record = Section("maps", struct.pack("<5I", 27, 0, 0, size, 0), WRITE)
    symbol = Symbol("m", "maps", size=20, type=OBJECT)
    assert finish(
        small(Asm("little").mov_imm(0, 0).raw(0x95), sections=(record,), symbols=(symbol,)), file="probe.c"
    )


def test_a_jump_to_where_a_register_says() -> None:
    asm = Asm("little").mov_imm(0, 0).load_imm64(1, 0x0D).raw(0x0D, 1).exit_()
    error = refused(small(asm))
    assert "became a jump table" in str(error) and "cpu v3" in str(error)
    assert (error.section, error.symbol, error.offset) == ("xdp", "prog", 24)


@pytest.mark.parametrize("licence", [b"", b"MIT\0", b"Apache-2.0\0"])
def test_gpl_only_helpers_need_a_licence(licence: bytes) -> None:
    error = refused(sample(helper=GPL_HELPER, licence=licence))
    assert "bpf_trace_printk()" in str(error) and 'pub const license = "GPL"' in str(error)
    assert error.symbol == "prog"
    assert finish(sample(helper=FREE_HELPER, licence=licence), file="probe.zig")


@pytest.mark.parametrize("licence", [b"GPL\0", b"Dual MIT/GPL\0", b"Dual BSD/GPL\0"])
def test_gpl_compatible_licences(licence: bytes) -> None:
    assert finish(sample(helper=GPL_HELPER, licence=licence), file="probe.zig")


def test_an_unknown_helper() -> None:
    assert "calls helper 9999, which no kernel has" in str(refused(sample(helper=9999)))


def test_the_other_byte_order() -> None:
    error = refused(sample("big"), endian="little")
    assert "a big-endian object where a little-endian one was asked for" in str(error)


def test_the_wrong_machine() -> None:
    data = elf_writer.write([Section("xdp", bytes(16), EXEC)], [Symbol("prog", "xdp", size=16)], machine=183)
    assert "an object for AARCH64, not for BPF" in str(refused(data))


def test_data_that_holds_addresses() -> None:
    data = small(
        Asm("little").mov_imm(0, 0).raw(0x95),
        sections=(Section(".rodata", bytes(8), relocations=((0, 2, "text"),)), Section(".data", b"x", WRITE)),
        symbols=(Symbol("text", ".data", type=OBJECT, size=1),),
    )
    error = refused(data)
    assert (error.section, error.symbol) == (".rodata", "text") and "arrays and indices" in str(error)


def test_a_map_that_is_not_exported() -> None:
    data = small(
        Asm("little").raw(0x18, 1).raw(0).mov_imm(0, 0).raw(0x95),
        (0, R_64_64, "section:maps"),
        sections=(Section("maps", struct.pack("<5I", 1, 4, 4, 1, 0), WRITE),),
        symbols=(Symbol("m", "maps", size=20, type=OBJECT, binding=LOCAL),),
    )
    assert "where no exported map begins" in str(refused(data))
