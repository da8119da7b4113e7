"""CO-RE without a compiler and without a kernel: two hand-made tables of types and one instruction."""

from __future__ import annotations

from pyzbpf.adapt.adapt import ReadyProgram, adapt
from pyzbpf.adapt.core import Relocator
from pyzbpf.btf.decode import decode
from pyzbpf.btf.lazy import LazyBtf
from pyzbpf.btf.memory import Bytes
from tests.support.assemble import Asm, add_program, object_spec
from tests.support.btf_writer import Writer

(BYTE_OFFSET, BYTE_SIZE, EXISTS, SIGNED, LEFT, RIGHT, ID_LOCAL, ID_TARGET, TYPE_EXISTS, TYPE_SIZE,
 VALUE_EXISTS, VALUE, MATCHES) = range(13)  # fmt: skip

POISON = 195896080


class Kernel:
    """A kernel of which only the types are known; ``asked`` counts the searches."""

    def __init__(self, types: Writer | LazyBtf, name: str = "the kernel of the test") -> None:
        self.types = types if isinstance(types, LazyBtf) else lazy(types)
        self.endian = self.types.endian
        self.name = name
        self.asked: list[tuple[str, int]] = []

    def find(self, name, kind, module=""):
        assert not module, "this kernel has none"
        self.asked.append((name, kind))
        return [(self.types, found) for found in self.types.find(name, kind)]

    def names(self, prefix):
        return self.types.names(prefix)


def lazy(writer: Writer, **options) -> LazyBtf:
    return LazyBtf(Bytes(writer.bytes()), name="test.btf", **options)


def adapted(
    local: Writer, kernel: Writer | Kernel, records: list[tuple[int, int, str, int]], asm: Asm
) -> ReadyProgram:
    """A program with these CO-RE records, made ready for this kernel."""
    endian = "little" if local.order == "<" else "big"
    spec = object_spec(endian=endian)
    spec.btf = decode(local.bytes(), endian)
    program = add_program(spec, "prog", "socket", asm)
    spec.functions["prog"].core = records
    target = kernel if isinstance(kernel, Kernel) else Kernel(kernel)
    return adapt(spec, program, Relocator(spec, lambda: target))


def number(
    local: Writer, kernel: Writer | Kernel, record: tuple[int, str, int], *, held: int = 0
) -> int | str:
    """What a 64-bit load that holds ``held`` becomes, or why it was poisoned."""
    endian = "little" if local.order == "<" else "big"
    ready = adapted(local, kernel, [(0, *record)], Asm(endian).load_imm64(1, held).exit_())
    if ready.unresolved:
        return ready.unresolved[0]
    code = ready.instructions
    return int.from_bytes(code[4:8], endian) | int.from_bytes(code[12:16], endian) << 32  # type: ignore[arg-type]
