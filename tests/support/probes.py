"""Hand-assembled programs for the kernel tests."""

from __future__ import annotations

import sys

from pyzbpf.btf.decode import decode
from pyzbpf.spec.model import ObjectSpec
from tests.support.assemble import (
    R0,
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    R10,
    Asm,
    add_data_map,
    add_map,
    add_program,
    add_variable,
    object_spec,
)  # fmt: skip
from tests.support.btf_bytes import BtfBytes

PACKET = bytes(64)

GET_PID_TGID = 14
PERF_EVENT_OUTPUT = 25
RINGBUF_OUTPUT, RINGBUF_RESERVE, RINGBUF_SUBMIT, RINGBUF_DISCARD = 130, 131, 132, 133
CURRENT_CPU = 0xFFFFFFFF

# struct Event { u64 sequence; u32 value; char name[12]; }: what the event programs send
EVENT_SIZE = 24


def types() -> tuple[BtfBytes, dict[str, int]]:
    """BTF with the types of the tests: (bytes, ids by name)."""
    btf = BtfBytes()
    ids = {}
    ids["u32"] = btf.integer("unsigned int", 4)
    ids["u64"] = btf.integer("unsigned long long", 8)
    ids["int"] = btf.integer("int", 4, signed=True)
    ids["char"] = btf.integer("char", 1, signed=True)
    ids["name"] = btf.array(ids["char"], 12, ids["u32"])
    ids["pointer"] = btf.pointer()
    ids["Event"] = btf.struct(
        "Event",
        EVENT_SIZE,
        [("sequence", ids["u64"], 0), ("value", ids["u32"], 8), ("name", ids["name"], 12)],
    )
    ids["program"] = btf.function("program", ids["int"], [("context", ids["pointer"])])
    return btf, ids


def with_types(spec: ObjectSpec, btf: BtfBytes) -> ObjectSpec:
    spec.btf = decode(btf.data(), sys.byteorder)
    return spec


def count_when_ours(asm: Asm, variable_offset: int, pid: int) -> Asm:
    """Add one to a variable of .bss when the process ``pid`` causes the event."""
    asm.call(GET_PID_TGID).raw(0x77, R0, imm=32)  # r0 >>= 32: the process
    asm.jump_if_not_equal_imm(R0, pid, 4)
    asm.load_data(R1, ".bss", variable_offset).mov_imm(R2, 1).atomic_add(8, R1, R2)
    return asm.mov_imm(R0, 0).exit_()


def counter(kind: str, target: str, pid: int) -> ObjectSpec:
    """A program that counts events of one process in the variable ``hits``."""
    btf, ids = types()
    spec = with_types(object_spec("counter"), btf)
    add_data_map(spec, ".bss", bytes(16))
    add_variable(spec, "hits", ".bss", offset=8, size=8, type_id=ids["u64"])
    add_program(spec, "count", kind, count_when_ours(Asm(), 8, pid), target=target, type_id=ids["program"])
    return spec


def sender(map_type: int, *, size: int = 4096, typed: bool = True, discard: bool = False) -> ObjectSpec:
    """A socket filter that sends one Event per packet into the map ``events``.

    The sequence number is the variable ``sent``, counted up by each run; a refused event counts in
    ``events_lost``. With ``discard`` a record is reserved and discarded before each event.
    """
    btf, ids = types()
    spec = object_spec("sender")
    if typed:
        with_types(spec, btf)
    event_type = ids["Event"] if typed else 0
    if map_type == 27:
        add_map(spec, "events", 27, max_entries=size, event_type=event_type)
    else:
        add_map(spec, "events", 4, key_size=4, value_size=4, event_type=event_type)
    add_data_map(spec, ".bss", bytes(16))
    kind = ids["u64"] if typed else 0
    add_variable(spec, "sent", ".bss", offset=0, size=8, type_id=kind)
    add_variable(spec, "events_lost", ".bss", offset=8, size=8, type_id=kind)
    spec.maps["events"].lost_variables = ("events_lost",)
    asm = Asm().mov(R6, R1)
    if discard:
        asm.load_map(R1, "events").mov_imm(R2, 40).mov_imm(R3, 0).call(RINGBUF_RESERVE)
        asm.jump_if_equal_imm(R0, 0, 3).mov(R1, R0).mov_imm(R2, 0).call(RINGBUF_DISCARD)
    # Nobody else sends into it: no atomic fetch-and-add, which came with Linux 5.12.
    asm.load_data(R1, ".bss", 0).load(8, R0, R1).mov_imm(R2, 1).atomic_add(8, R1, R2)
    asm.store(8, R10, R0, -24)
    asm.load(4, R2, R6, 0).store(4, R10, R2, -16)  # the packet's length
    name = int.from_bytes(b"zig\0", sys.byteorder)
    asm.store_imm(4, R10, name, -12).store_imm(8, R10, 0, -8)
    if map_type == 27:
        asm.load_map(R1, "events").mov(R2, R10).add_imm(R2, -24).mov_imm(R3, EVENT_SIZE).mov_imm(R4, 0)
        asm.call(RINGBUF_OUTPUT)
    else:
        asm.mov(R1, R6).load_map(R2, "events").load_imm64(R3, CURRENT_CPU)
        asm.mov(R4, R10).add_imm(R4, -24).mov_imm(R5, EVENT_SIZE).call(PERF_EVENT_OUTPUT)
    asm.jump_if_equal_imm(R0, 0, 4)
    asm.load_data(R1, ".bss", 8).mov_imm(R2, 1).atomic_add(8, R1, R2)
    asm.mov_imm(R0, 0).exit_()
    add_program(spec, "send", "socket", asm, type_id=ids["program"] if typed else 0)
    return spec
