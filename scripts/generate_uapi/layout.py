"""Where a 64-bit C compiler puts the members of structs and unions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.generate_uapi.header import Record

if TYPE_CHECKING:
    from scripts.generate_uapi.header import Field

    Layout = dict[str, tuple[int, int]]


SCALARS = {
    "char": (1, "u8"),
    "unsigned char": (1, "u8"),
    "int": (4, "c_int"),
    "unsigned int": (4, "c_uint"),
    "long": (8, "c_long"),
    "unsigned long": (8, "c_ulong"),
    "size_t": (8, "usize"),
    "__aligned_u64": (8, "u64"),
    "__wsum": (4, "u32"),
    **{
        f"{p}{s}{n}": (n // 8, f"{z}{n}")
        for n in (8, 16, 32, 64)
        for p in ("", "__")
        for s, z in ("uu", "si")
    },
    **{f"__be{n}": (n // 8, f"u{n}") for n in (16, 32, 64)},
}


def measure(field: Field, records: dict[str, Record]) -> tuple[int, int]:
    """Size and alignment of a member in bytes; of a bit field, those of its declared type."""
    if isinstance(field.type, Record):
        _, size, alignment = lay_out(field.type, records)
    elif field.type.endswith("*"):
        size = alignment = 8
    elif field.type.startswith("enum "):
        size = alignment = 4
    elif field.type in SCALARS:
        size = alignment = SCALARS[field.type][0]
    else:
        _, size, alignment = lay_out(records[field.type.split()[-1]], records)
    return size * (1 if field.length is None else field.length), alignment


def lay_out(record: Record, records: dict[str, Record]) -> tuple[list[int], int, int]:
    """The members' offsets in bits, then the record's size and alignment in bytes."""
    offsets = []
    position = end = 0
    alignment = record.alignment
    for field in record.fields:
        size, natural = measure(field, records)
        if field.bits is None:
            offset = round_up(position, natural * 8)
            width = size * 8
        else:
            width = field.bits
            crosses = position // (size * 8) != (position + width - 1) // (size * 8)
            offset = round_up(position, size * 8) if crosses else position
        if field.bits is None or field.name:  # a nameless bit field aligns nothing
            alignment = max(alignment, natural)
        offsets.append(offset)
        end = max(end, offset + width)
        position = 0 if record.kind == "union" else end
    return offsets, round_up(end, alignment * 8) // 8, alignment


def round_up(number: int, step: int) -> int:
    """The next multiple of ``step``."""
    return -(-number // step) * step


def flatten(record: Record, records: dict[str, Record], prefix: str = "", base: int = 0) -> Layout:
    """Member -> (offset, size) in bytes, the members of a named inner record as ``inner.member``."""
    flat: Layout = {}
    for field, bit in zip(record.fields, lay_out(record, records)[0], strict=True):
        if isinstance(field.type, Record):
            inner = f"{prefix}{field.name}." if field.name else prefix
            flat |= flatten(field.type, records, inner, base + bit // 8)
        elif field.name:
            size, _ = measure(field, records)
            byte = bit // 8 // size * size if field.bits else bit // 8  # of a bit field, its whole unit
            flat[prefix + field.name] = (base + byte, size)
    return flat
