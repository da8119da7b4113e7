"""pyzbpf/uapi/attrs.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.generate_uapi.header import Record
from scripts.generate_uapi.layout import flatten, lay_out

if TYPE_CHECKING:
    from scripts.generate_uapi.layout import Layout


# member of union bpf_attr (an anonymous one by its first field) -> name of its table; any other
# member is named by itself in capitals
ATTR_TABLES = {
    "map_type": "MAP_CREATE",
    "map_fd": "MAP_ELEM",
    "batch": "MAP_BATCH",
    "prog_type": "PROG_LOAD",
    "pathname": "OBJ",
    "target_fd": "PROG_ATTACH",
    "test": "PROG_TEST_RUN",
    "start_id": "GET_ID",
    "info": "OBJ_GET_INFO",
    "query": "PROG_QUERY",
    "raw_tracepoint": "RAW_TRACEPOINT_OPEN",
    "btf": "BTF_LOAD",
}
OTHER_TABLES = {
    "bpf_prog_info": "PROG_INFO",
    "bpf_map_info": "MAP_INFO",
    "bpf_btf_info": "BTF_INFO",
    "bpf_link_info": "LINK_INFO",
    "bpf_token_info": "TOKEN_INFO",
    "bpf_iter_link_info": "ITER_LINK_INFO",
}

ATTRS_DOCSTRING = '''"""Where each field of the bpf(2) attributes and info structs lies, as linux/bpf.h says.

A table maps a field to (offset, size) in bytes from the start of union bpf_attr or of the struct;
``inner.field`` is a field of the named inner struct ``inner``. ``X_SIZE`` is the end of the last field
of an attribute (what to pass to bpf(2)), or the whole size of an info struct. All numbers are in the
machine's byte order; ``PROG_INFO["gpl_compatible"]`` is one bit, the first that C allots in its four bytes.
"""'''


def attrs_module(records: dict[str, Record]) -> str:
    """pyzbpf/uapi/attrs.py: a table for each member of union bpf_attr and for each info struct."""
    lines = [ATTRS_DOCSTRING, "", "from __future__ import annotations"]
    for member in records["bpf_attr"].fields:
        if not isinstance(member.type, Record):
            raise TypeError(f"union bpf_attr has a plain member {member.name}")
        layout = flatten(member.type, records)
        name = member.name or next(iter(layout))
        end = max(offset + size for offset, size in layout.values())
        lines += layout_table(ATTR_TABLES.get(name, name.upper()), layout, end)
    for name, table in OTHER_TABLES.items():
        lines += layout_table(table, flatten(records[name], records), lay_out(records[name], records)[1])
    return "\n".join(lines) + "\n"


def layout_table(name: str, layout: Layout, size: int) -> list[str]:
    """The lines of one table and its size."""
    rows = [f'    "{field}": ({offset}, {length}),' for field, (offset, length) in layout.items()]
    return ["", f"{name}_SIZE = {size}", f"{name} = {{", *rows, "}"]
