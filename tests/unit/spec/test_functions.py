"""Functions of an object by name, where names are not enough."""

from __future__ import annotations

from pyzbpf.btf.ext import Ext
from pyzbpf.elf import image as elf
from pyzbpf.elf.image import Image, Relocation, Section, Symbol
from pyzbpf.spec import functions
from tests.support.assemble import Asm

CODE = {"type": elf.SHT_PROGBITS, "flags": elf.SHF_ALLOC | elf.SHF_EXECINSTR}


def test_static_functions_of_linked_objects_may_share_a_name() -> None:
    image = Image(file="a.o", endian="little")
    body = bytes(Asm("little").mov_imm(0, 1).exit_().code)
    text = Section(".text", data=body * 3, **CODE)  # type: ignore[arg-type]
    call = Asm("little").raw(0x85, 0, 1, imm=1).raw(0x85, 0, 1, imm=3).exit_()
    main = Section("tc", data=bytes(call.code), **CODE)  # type: ignore[arg-type]
    image.sections = [text, main]
    whole = Symbol(".text", section=text, type=elf.STT_SECTION, binding=elf.STB_LOCAL)
    main.relocations = [Relocation(0, elf.R_BPF_64_32, whole), Relocation(8, elf.R_BPF_64_32, whole)]
    image.symbols = [
        whole,
        Symbol("main", section=main, size=24, type=elf.STT_FUNC),
        *(
            Symbol(name, section=text, value=16 * place, size=16, type=elf.STT_FUNC, binding=binding)
            for place, (name, binding) in enumerate(
                [("helper", elf.STB_GLOBAL), ("helper", elf.STB_LOCAL), ("helper", elf.STB_LOCAL)]
            )
        ),
    ]
    found = {one.name: one for one in functions.read(image, {}, Ext(), None)}
    assert list(found) == ["helper", "helper@.text+0x10", "helper@.text+0x20", "main"]
    assert [one.name for one in found["main"].references] == ["helper@.text+0x10", "helper@.text+0x20"]
    assert found["helper@.text+0x20"].offset == 32
