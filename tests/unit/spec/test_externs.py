"""What an object leaves to the kernel, read from its types and symbols and kept in the index."""

from __future__ import annotations

import pytest

from pyzbpf.errors import ObjectError
from pyzbpf.spec.index import from_index, to_index
from pyzbpf.spec.read import read
from tests.support.assemble import Asm
from tests.support.btf_writer import Writer
from tests.support.elf_writer import EXEC, NOTYPE, R_64_32, R_64_64, WEAK, Section, Symbol, write

ENDIANS = ("little", "big")
EXTERN = 2
BOOL, SIGNED = 4, 1


def sample(endian: str, *, function_in_kconfig: bool = False) -> bytes:
    btf = Writer(endian)
    u32, u64, flag = btf.int("u32", 4), btf.int("u64", 8), btf.int("bool", 1, BOOL)
    char = btf.int("char", 1, SIGNED)
    text = btf.array(char, u32, 5)
    task = btf.struct("task_struct", 4, [("pid", u32, 0)])
    prototype = btf.prototype(btf.ptr(task), [("", u32)])
    kfunc = btf.func("bpf_task_from_pid", prototype, EXTERN)
    values = [
        btf.var(name, type_, EXTERN)
        for name, type_ in (
            ("CONFIG_TEXT", text), ("CONFIG_HZ", u32), ("CONFIG_BPF", flag), ("LINUX_KERNEL_VERSION", u32),
            ("CONFIG_BASE", u64),
        )
    ]  # fmt: skip
    if function_in_kconfig:
        values.append(kfunc)
    variable = btf.var("typed", btf.const(task), EXTERN)
    address = btf.var("address", btf.const(0), EXTERN)
    btf.datasec(".kconfig", [(value, 0, 1) for value in values])
    btf.datasec(".ksyms", [(variable, 0, 4), (kfunc, 0, 0), (address, 0, 0)])
    code = Asm(endian).raw(0x18, 1).raw(0).raw(0x85, source=1, imm=-1).raw(0x95).code
    undefined = [
        Symbol(name, None, type=NOTYPE, binding=WEAK if name in ("CONFIG_BPF", "address") else 1)
        for name in ("CONFIG_TEXT", "CONFIG_HZ", "CONFIG_BPF", "LINUX_KERNEL_VERSION", "CONFIG_BASE", "typed",
                     "address", "bpf_task_from_pid")
    ]  # fmt: skip
    relocations = ((0, R_64_64, "CONFIG_HZ"), (16, 10, "bpf_task_from_pid"))
    assert R_64_32 == 10
    return write(
        [
            Section("syscall", bytes(code), EXEC, relocations=relocations),
            Section("license", b"GPL\0"),
            Section(".BTF", btf.bytes(), 0, align=4),
        ],
        [Symbol("ask", "syscall", size=len(code)), *undefined],
        endian=endian,
    )


def rows(spec):
    return [(e.name, e.kind, e.weak, e.offset, e.size) for e in spec.externs.values()]


EXPECTED = [
    # by alignment, then size, then name
    ("CONFIG_BASE", "kconfig", False, 0, 8),
    ("CONFIG_HZ", "kconfig", False, 8, 4),
    ("LINUX_KERNEL_VERSION", "kconfig", False, 12, 4),
    ("CONFIG_BPF", "kconfig", True, 16, 1),
    ("CONFIG_TEXT", "kconfig", False, 17, 5),
    ("address", "ksym", True, 0, 0),
    ("bpf_task_from_pid", "kfunc", False, 0, 0),
    ("typed", "ksym", False, 0, 0),
]


@pytest.mark.parametrize("endian", ENDIANS)
def test_externs_and_their_map(endian):
    spec = read(sample(endian), file="a.o", name="a")
    assert rows(spec) == EXPECTED
    assert spec.externs["address"].type_id == 0
    assert spec.btf.get(spec.externs["typed"].type_id).name == "task_struct"
    assert repr(spec.externs["CONFIG_BPF"]) == "<ExternSpec kconfig CONFIG_BPF, weak>"
    values = spec.maps[".kconfig"]
    assert (values.value_size, values.frozen, values.max_entries) == (22, True, 1)
    assert bytes(values.contents) == bytes(22)
    assert [(r.kind, r.name) for r in spec.functions["ask"].references] == [
        ("extern", "CONFIG_HZ"),
        ("kfunc", "bpf_task_from_pid"),
    ]


@pytest.mark.parametrize("endian", ENDIANS)
def test_the_index_keeps_them(endian):
    data = sample(endian)
    entry = to_index(data, file="a.o", name="a")
    again = from_index(eval(repr(entry)), data, file="a.o", name="a")
    assert again is not None
    assert rows(again) == EXPECTED
    assert again.maps[".kconfig"].value_size == 22


def test_a_function_is_no_value():
    with pytest.raises(ObjectError, match=r"bpf_task_from_pid.*a function cannot stand there"):
        read(sample("little", function_in_kconfig=True), file="a.o", name="a")
