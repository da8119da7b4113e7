"""A small BPF assembler and hand-made ObjectSpecs, so that the load half is tested without a compiler."""

from __future__ import annotations

import struct
import sys

from pyzbpf.spec.model import FunctionSpec, MapSpec, ObjectSpec, ProgramSpec, Reference, VariableSpec

R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10 = range(11)
SIZES = {1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18}  # B, H, W, DW


class Asm:
    """Instructions as they are written; references and lines are noted along the way."""

    def __init__(self, endian: str = sys.byteorder) -> None:
        self.endian = endian
        self.code = bytearray()
        self.references: list[Reference] = []
        self.lines: list[tuple[int, int, int, int]] = []

    @property
    def here(self) -> int:
        return len(self.code) // 8

    def raw(self, opcode: int, target: int = 0, source: int = 0, offset: int = 0, imm: int = 0) -> Asm:
        registers = source << 4 | target if self.endian == "little" else target << 4 | source
        order = "<" if self.endian == "little" else ">"
        self.code += struct.pack(order + "BBhi", opcode, registers, offset, imm)
        return self

    def line(self, file_offset: int, text_offset: int, number: int, column: int = 1) -> Asm:
        self.lines.append((self.here, file_offset, text_offset, number << 10 | column))
        return self

    def mov_imm(self, target: int, value: int) -> Asm:
        return self.raw(0xB7, target, imm=value)

    def mov(self, target: int, source: int) -> Asm:
        return self.raw(0xBF, target, source)

    def add_imm(self, target: int, value: int) -> Asm:
        return self.raw(0x07, target, imm=value)

    def load(self, size: int, target: int, source: int, offset: int = 0) -> Asm:
        return self.raw(0x61 | SIZES[size], target, source, offset)

    def store(self, size: int, target: int, source: int, offset: int = 0) -> Asm:
        return self.raw(0x63 | SIZES[size], target, source, offset)

    def store_imm(self, size: int, target: int, value: int, offset: int = 0) -> Asm:
        return self.raw(0x62 | SIZES[size], target, 0, offset, value)

    def atomic_add(self, size: int, target: int, source: int, offset: int = 0) -> Asm:
        return self.raw(0xC3 | SIZES[size], target, source, offset)

    def load_imm64(self, target: int, value: int) -> Asm:
        low, high = value & 0xFFFFFFFF, value >> 32
        signed = struct.unpack("<ii", struct.pack("<II", low, high))
        self.raw(0x18, target, imm=signed[0])
        return self.raw(0, imm=signed[1])

    def load_map(self, target: int, name: str) -> Asm:
        return self._reference(target, "map", name, 0)

    def load_data(self, target: int, name: str, addend: int = 0) -> Asm:
        return self._reference(target, "data", name, addend)

    def load_function(self, target: int, name: str) -> Asm:
        return self._reference(target, "function", name, 0)

    def load_extern(self, target: int, name: str) -> Asm:
        return self._reference(target, "extern", name, 0)

    def load_table(self, target: int, addend: int) -> Asm:
        return self._reference(target, "table", "table", addend)

    def _reference(self, target: int, kind: str, name: str, addend: int) -> Asm:
        self.references.append(Reference(len(self.code), kind, name, addend))
        return self.load_imm64(target, 0)

    def call(self, helper: int) -> Asm:
        return self.raw(0x85, imm=helper)

    def call_function(self, name: str, kind: str = "call") -> Asm:
        self.references.append(Reference(len(self.code), kind, name))
        return self.raw(0x85, imm=-1)

    def jump(self, offset: int) -> Asm:
        return self.raw(0x05, offset=offset)

    def jump_if_equal_imm(self, target: int, value: int, offset: int) -> Asm:
        return self.raw(0x15, target, offset=offset, imm=value)

    def jump_if_not_equal_imm(self, target: int, value: int, offset: int) -> Asm:
        return self.raw(0x55, target, offset=offset, imm=value)

    def exit_(self) -> Asm:
        return self.raw(0x95)

    def function(self, name: str, section: str = ".text", type_id: int = 0) -> FunctionSpec:
        return FunctionSpec(
            name,
            section=section,
            instructions=bytes(self.code),
            references=self.references,
            type_id=type_id,
            lines=self.lines,
        )


# kind -> (section prefix, program type, attach type); numbers of linux/bpf.h
KINDS = {
    "socket": ("socket", 1, None),
    "tracepoint": ("tracepoint", 5, None),
    "xdp": ("xdp", 6, 37),
    "raw_tracepoint": ("raw_tp", 17, None),
    "kprobe": ("kprobe", 2, None),
}


def object_spec(name: str = "test", *, endian: str = sys.byteorder, license: str = "GPL") -> ObjectSpec:
    return ObjectSpec(name, file=f"{name}.o", endian=endian, license=license, btf=None)


def add_program(
    spec: ObjectSpec, name: str, kind: str, asm: Asm, *, target: str = "", type_id: int = 0
) -> ProgramSpec:
    prefix, type_, attach_type = KINDS[kind]
    section = f"{prefix}/{target}" if target else prefix
    spec.functions[name] = asm.function(name, section, type_id)
    program = ProgramSpec(
        name, section=section, kind=kind, type=type_, attach_type=attach_type, target=target
    )
    spec.programs[name] = program
    return program


def add_function(spec: ObjectSpec, name: str, asm: Asm, type_id: int = 0) -> FunctionSpec:
    spec.functions[name] = asm.function(name, type_id=type_id)
    return spec.functions[name]


def add_map(spec: ObjectSpec, name: str, type_: int, **members: int) -> MapSpec:
    spec.maps[name] = MapSpec(name, section=".maps", type=type_, **members)  # type: ignore[arg-type]
    return spec.maps[name]


def add_data_map(spec: ObjectSpec, name: str, contents: bytes, *, frozen: bool = False) -> MapSpec:
    spec.maps[name] = MapSpec(
        name,
        section=name,
        type=2,
        key_size=4,
        value_size=len(contents),
        max_entries=1,
        contents=bytearray(contents),
        frozen=frozen,
    )
    return spec.maps[name]


def add_variable(
    spec: ObjectSpec, name: str, map_name: str, *, offset: int, size: int, type_id: int = 0
) -> VariableSpec:
    spec.variables[name] = VariableSpec(
        name, map=spec.maps[map_name], offset=offset, size=size, type_id=type_id, btf=spec.btf
    )
    return spec.variables[name]
