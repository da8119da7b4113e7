"""Object files made by hand: programs, maps and variables without a compiler."""

from __future__ import annotations

from tests.support.assemble import Asm
from tests.support.btf_writer import Writer
from tests.support.elf_writer import EXEC, NOBITS, OBJECT, R_64_64, WRITE, Section, Symbol, write

HASH, PERF_EVENT_ARRAY, RINGBUF = 1, 4, 27


def definition(btf: Writer, **attributes: int | tuple[str, int]) -> int:
    """A map's struct: numbers as array lengths, ("type", id) as a pointer to that type."""
    number = btf.int("int", 4, 1)
    members = []
    for place, (name, value) in enumerate(attributes.items()):
        target = value[1] if isinstance(value, tuple) else btf.array(number, number, value)
        members.append((name, btf.ptr(target), 64 * place))
    return btf.struct("probe.Map(u32)", 8 * len(members), members)


def sample(
    endian: str = "little",
    *,
    section: str = "socket",
    licence: bytes = b"GPL\0",
    helper: int = 5,
    map_attributes: dict[str, int] | None = None,
    relocate_by_section: bool = False,
    linkage: int = 1,
) -> bytes:
    """One program that calls a helper and refers to the second of two maps, a subprogram, a variable.

    With ``relocate_by_section`` and ``linkage`` 0 it looks as Zig writes it: relocations against the
    section, local aliases, static type information.
    """
    btf = Writer(endian)
    u32, u64 = btf.int("u32", 4), btf.int("u64", 8)
    event = btf.struct("probe.Event", 16, [("time", u64, 0), ("pid", u32, 64)])
    attributes = {"type": HASH, "max_entries": 8} if map_attributes is None else map_attributes
    first = btf.var(
        "probe.first", definition(btf, **attributes, key=("type", u32), value=("type", u64)), linkage
    )
    ring: dict[str, int | tuple[str, int]] = {
        "type": RINGBUF,
        "max_entries": 4096,
        "pyzbpf_event": ("type", event),
    }
    second = btf.var("probe.second", definition(btf, **ring), linkage)
    limit = btf.var("probe.limit", u32, linkage)
    btf.datasec(".maps", [(first, 0, 32), (second, 32, 24)])
    btf.datasec(".rodata", [(limit, 0, 4)])
    prototype = btf.prototype(u32, [("", btf.ptr(event))])
    func, sub = btf.func("prog", prototype, 0), btf.func("sub", btf.prototype(u32, []), 0)

    asm = Asm(endian).call(helper)
    maps_at = len(asm.code)
    asm.raw(0x18, 1, imm=32 if relocate_by_section else 0).raw(0)
    data_at = len(asm.code)
    asm.raw(0x18, 2).raw(0)
    call_at = len(asm.code)
    asm.raw(0x85, source=1, imm=-1).raw(0x95)
    code = bytes(asm.code)
    subprogram = bytes(Asm(endian).mov_imm(0, 0).raw(0x95).code)
    ext = btf.ext(
        {section: [(0, func)], ".text": [(0, sub)]},
        {
            section: [(0, "/home/me/probe.zig", "    call();", 7 << 10 | 5)],
            ".text": [(0, "/home/me/probe.zig", "}", 9 << 10)],
        },
    )
    relocations = (
        (maps_at, R_64_64, "section:.maps" if relocate_by_section else "second"),
        (data_at, R_64_64, "section:.rodata" if relocate_by_section else "limit"),
        (call_at, 10, "section:.text"),
    )
    symbols = [
        Symbol("prog", section, size=len(code)),
        Symbol("probe.sub", ".text", size=len(subprogram), binding=0),
        Symbol("first", ".maps", 0, 32, OBJECT),
        Symbol("second", ".maps", 32, 24, OBJECT),
        Symbol("limit", ".rodata", 0, 4, OBJECT),
        Symbol("_license", "license", 0, len(licence), OBJECT),
    ]
    if relocate_by_section:
        symbols += [
            Symbol("probe.prog", section, size=len(code), binding=0),
            Symbol("probe.second", ".maps", 32, 24, OBJECT, 0),
            Symbol("probe.limit", ".rodata", 0, 4, OBJECT, 0),
        ]
    return write(
        [
            Section(section, code, EXEC, relocations=relocations),
            Section(".text", subprogram, EXEC),
            Section(".maps", bytes(56), WRITE),
            Section(".rodata", (7).to_bytes(4, endian), WRITE, align=4),  # type: ignore[arg-type]
            Section(".bss", bytes(8), WRITE, type=NOBITS),
            Section("license", licence),
            Section(".debug_info", b"/home/me", 0),
            Section(".eh_frame", bytes(16)),
            Section(".BTF", btf.bytes(), 0, align=4),
            Section(".BTF.ext", ext, 0, align=4),
        ],
        symbols,
        endian=endian,
    )
