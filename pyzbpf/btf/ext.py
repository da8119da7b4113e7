"""`.BTF.ext`: function, line and CO-RE records per code section, both ways.

Source of the format: Documentation/bpf/btf.rst of the kernel, "The .BTF.ext section".
"""

from __future__ import annotations

import struct

from pyzbpf.btf.decode import MAGIC, ORDER
from pyzbpf.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.btf.decode import Btf
    from pyzbpf.btf.encode import Strings

# Words of one record of each of the three tables, after the common instruction offset.
FUNCTION_WORDS, LINE_WORDS, CORE_WORDS = 1, 3, 3


class Ext:
    """The three tables, each a dict from section name to records.

    Every record starts with the instruction's byte offset in its section, then for ``functions``
    the FUNC's type id; for ``lines`` the string offsets of file name and line text and
    ``line << 10 | column``; for ``core`` the root type id, the string offset of the access path
    and the kind (0 to 12).
    """

    __slots__ = ("core", "functions", "lines")

    def __init__(self) -> None:
        self.functions: dict[str, list[tuple[int, ...]]] = {}
        self.lines: dict[str, list[tuple[int, ...]]] = {}
        self.core: dict[str, list[tuple[int, ...]]] = {}


def decode(data: bytes, btf: Btf, *, file: str | None = None) -> Ext:
    """Decode a ``.BTF.ext`` section; raises ObjectError where it is cut off or malformed."""
    order = ORDER[btf.endian]
    result = Ext()
    try:
        magic, _, _, header_size = struct.unpack_from(order + "HBBI", data)
        if magic != MAGIC:
            raise ObjectError(f"magic {magic:#x} is not BTF's", file=file, section=".BTF.ext", offset=0)
        pairs = min((header_size - 8) // 8, 3)
        tables = (result.functions, result.lines, result.core)
        for index, table in enumerate(tables[:pairs]):
            offset, size = struct.unpack_from(order + "II", data, 8 + 8 * index)
            _decode_table(table, data, header_size + offset, size, btf)
    except struct.error as error:
        raise ObjectError("cut off", file=file, section=".BTF.ext", offset=len(data)) from error
    return result


def _decode_table(
    table: dict[str, list[tuple[int, ...]]], data: bytes, start: int, size: int, btf: Btf
) -> None:
    if not size:
        return
    order = ORDER[btf.endian]
    (record_size,) = struct.unpack_from(order + "I", data, start)
    if record_size < 8 or record_size % 4:
        raise ObjectError(f"records of {record_size} bytes", section=".BTF.ext", offset=start)
    layout = struct.Struct(order + f"{record_size // 4}I")
    position, end = start + 4, start + size
    while position < end:
        name, count = struct.unpack_from(order + "II", data, position)
        position += 8
        behind = position + count * record_size
        if behind > len(data):
            raise struct.error("cut off")
        table.setdefault(btf.string(name), []).extend(layout.iter_unpack(data[position:behind]))
        position = behind


def encode(ext: Ext, strings: Strings, endian: str) -> bytes:
    """The whole section; string offsets in the records must already be those of ``strings``."""
    order = ORDER[endian]
    tables = (
        _encode_table(ext.functions, FUNCTION_WORDS, strings, order),
        _encode_table(ext.lines, LINE_WORDS, strings, order),
        _encode_table(ext.core, CORE_WORDS, strings, order),
    )
    header = struct.pack(order + "HBBI", MAGIC, 1, 0, 32)
    offset = 0
    for table in tables:
        header += struct.pack(order + "II", offset, len(table))
        offset += len(table)
    return header + b"".join(tables)


def _encode_table(table: dict[str, list[tuple[int, ...]]], words: int, strings: Strings, order: str) -> bytes:
    if not any(table.values()):
        return b""
    body = struct.pack(order + "I", 4 + 4 * words)
    for section, records in table.items():
        if not records:
            continue
        body += struct.pack(order + "II", strings.add(section), len(records))
        body += b"".join(struct.pack(order + f"{1 + words}I", *record) for record in records)
    return body
