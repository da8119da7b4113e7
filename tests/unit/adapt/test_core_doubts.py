"""Members that a probe declares with another width than the kernel: told, not refused, as libbpf takes them."""

from __future__ import annotations

import pytest

from pyzbpf.adapt.core import Relocator
from pyzbpf.btf import types as kinds
from pyzbpf.btf.decode import decode
from tests.support.assemble import Asm, add_program, object_spec
from tests.support.btf_writer import Writer
from tests.support.core import BYTE_OFFSET, BYTE_SIZE, Kernel

ADD, MOVE, LOAD = 0x07, 0xB7, 0x61


def table(**members: object) -> Writer:
    """`struct task` whose members are a size, (size, count) of an array, or a name of a special type."""
    writer = Writer()
    index = writer.int("int", 4, kinds.SIGNED)
    made, place = [], 0
    for name, wanted in members.items():
        if isinstance(wanted, tuple):
            size, count = wanted
            type_id = writer.array(writer.int(f"u{8 * size}", size), index, count)
            place += max(size * count, 8)
        elif wanted == "struct":
            type_id, place = writer.struct("inner", 4, [("x", index, 0)]), place + 8
        elif wanted == "wide struct":
            type_id, place = writer.struct("inner", 8, [("x", index, 0), ("y", index, 32)]), place + 8
        elif wanted == "enum":
            type_id, place = writer.enum("kind", [("one", 1)]), place + 8
        elif wanted == "pointer":
            type_id, place = writer.ptr(0), place + 8
        else:
            type_id, place = writer.int(f"u{8 * wanted}", wanted), place + 8
        made.append(
            (name, type_id, 8 * (place - max(size * count, 8) if isinstance(wanted, tuple) else place - 8))
        )
    writer.struct("task", place, made)
    return writer


def doubts(
    local: object, kernel: object, *, opcode: int = ADD, path: str = "0:0", held: int = 0, sized: bool = False
) -> list[str]:
    ours, theirs = table(member=local), table(member=kernel)
    spec = object_spec(endian="little")
    spec.btf = decode(ours.bytes(), "little")
    asm = Asm("little").raw(opcode, 1, 1 if opcode == LOAD else 0, imm=held).raw(MOVE, 2, imm=0).exit_()
    add_program(spec, "prog", "socket", asm)
    root = spec.btf.find("task", kinds.STRUCT)
    function = spec.functions["prog"]
    function.core = [(0, root, path, BYTE_OFFSET)]
    if sized:
        size = spec.btf.size_of(spec.btf.get(root).members[0].type)
        spec.functions["prog"].instructions = Asm("little").raw(opcode, 1).raw(MOVE, 2, imm=size).exit_().code
        function.core.append((8, root, path, BYTE_SIZE))
    relocator = Relocator(spec, lambda: Kernel(theirs))
    relocator.relocate(function, bytearray(function.instructions), 0)
    return list(relocator.doubts)


@pytest.mark.parametrize("opcode", [ADD, MOVE])
@pytest.mark.parametrize(
    ("local", "kernel", "message"),
    [
        (8, 4, "struct task.member has 4 bytes in the kernel and 8 in the probe"),
        (4, 8, "struct task.member has 8 bytes in the kernel and 4 in the probe"),
        ((1, 32), (1, 16), "has 16 bytes in the kernel, 1 for each element, and 32 in the probe, 1 for each"),
        ((8, 2), (4, 4), "has 16 bytes in the kernel, 4 for each element, and 16 in the probe, 8 for each"),
    ],
)
def test_told(opcode: int, local: object, kernel: object, message: str) -> None:
    (found,) = doubts(local, kernel, opcode=opcode)
    assert found.startswith("function 'prog': struct task.member has ") and message in found


@pytest.mark.parametrize(
    ("local", "kernel"),
    [
        (4, 4), ("enum", "enum"), ("pointer", "pointer"), ((1, 16), (1, 16)),
        ((1, 8), (1, 16)),  # the beginning of an array
        ((4, 3), (4, 0)), ((4, 0), (4, 3)),  # nobody knows how long it is
        ("struct", "wide struct"),  # a probe declares what it reads
    ],
)  # fmt: skip
def test_not_told(local: object, kernel: object) -> None:
    assert doubts(local, kernel) == []


def test_an_element_is_looked_at_by_itself() -> None:
    assert doubts((4, 3), (4, 2), path="0:0:1", held=4) == []
    assert "has 4 bytes in the kernel and 8 in the probe" in doubts((8, 3), (4, 3), path="0:0:1", held=8)[0]


def test_who_asks_for_the_size_knows() -> None:
    assert doubts(8, 4, sized=True) == []


def test_a_load_is_adapted_and_not_told_of() -> None:
    assert doubts(4, 8, opcode=LOAD) == []
