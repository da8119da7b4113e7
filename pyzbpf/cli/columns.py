"""Values as text in columns: one column for each member of a type, aligned as rows come."""

from __future__ import annotations

from operator import attrgetter

from pyzbpf.btf import types as kinds
from pyzbpf.btf.codec import fields, is_char
from pyzbpf.btf.record import EnumValue, Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from pyzbpf.btf.decode import Btf
    from pyzbpf.btf.types import Type

GAP = "  "
# Widest that a column is before a value asks for more.
_WIDTH = 16


class Column:
    """A title, how a cell's value is got from a row's, and how it is shown."""

    __slots__ = ("get", "right", "show", "title", "width")

    def __init__(
        self,
        title: str,
        *,
        width: int = 0,
        right: bool = False,
        get: Callable[[Any], Any] | None = None,
        show: Callable[[Any], str] | None = None,
    ) -> None:
        self.title = title
        self.width = max(width, len(title))
        self.right = right
        self.get = get or (lambda value: value)
        self.show = show or cell

    def put(self, text: str) -> str:
        """The text in the column, which grows where it must."""
        self.width = max(self.width, len(text))
        return text.rjust(self.width) if self.right else text.ljust(self.width)


def columns(btf: Btf | None, type_id: int, title: str, prefix: str = "") -> list[Column]:
    """The columns of a type: one, called ``title``, for what is no struct; inner structs are ``inner.member``."""
    if btf is None or not type_id:
        return [Column(title)]
    _, found = btf.resolve(type_id)
    if found is not None and found.kind == kinds.STRUCT:
        return list(_of_struct(btf, found, prefix, ()))
    return [_column(btf, type_id, title, None)]


def header(row: Sequence[Column]) -> str:
    """The titles as a line."""
    return GAP.join(column.put(column.title) for column in row).rstrip()


def line(row: Sequence[Column], value: Any) -> str:
    """A value as a line."""
    return GAP.join([column.put(column.show(column.get(value))) for column in row]).rstrip()


def _of_struct(btf: Btf, found: Type, prefix: str, way: tuple[str, ...]) -> Iterator[Column]:
    for attribute, member in fields(btf, found).items():
        path = (*way, attribute)
        _, inner = btf.resolve(member.type)
        if inner is not None and inner.kind == kinds.STRUCT:
            yield from _of_struct(btf, inner, f"{prefix}{member.name}." if member.name else prefix, path)
        else:
            yield _column(btf, member.type, prefix + (member.name or attribute), attrgetter(".".join(path)))


def _column(btf: Btf, type_id: int, title: str, get: Callable[[Any], Any] | None) -> Column:
    _, found = btf.resolve(type_id)
    if found is None:
        return Column(title, get=get)
    if found.kind == kinds.PTR:
        return Column(title, width=_WIDTH + 2, right=True, get=get, show=hex)
    if found.kind in (kinds.ENUM, kinds.ENUM64):
        longest = max((len(name) for name, _ in found.values), default=0)
        return Column(title, width=min(longest, _WIDTH), get=get)
    if found.kind == kinds.ARRAY:
        _, element = btf.resolve(found.type)
        small = element is not None and element.kind == kinds.INT and element.size == 1
        text = small and element is not None and is_char(element)
        return Column(title, width=min(found.count * (1 if text else 2), _WIDTH) if small else 0, get=get)
    if found.kind == kinds.INT and not found.encoding & kinds.BOOL:
        return Column(title, width=min(len(str(1 << 8 * found.size)), _WIDTH), right=True, get=get)
    return Column(title, right=found.kind == kinds.FLOAT, get=get)


def cell(value: Any) -> str:
    """A value as one line of text without control characters: `{pid=1 name=sh}`, `[1 2 3]`, bytes in hex."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, (bool, EnumValue)):
        return printable(str(value)).lower() if isinstance(value, bool) else printable(str(value))
    if isinstance(value, Record):
        return "{" + " ".join(f"{name}={cell(getattr(value, name))}" for name in value._fields) + "}"
    if isinstance(value, list):
        return "[" + " ".join(map(cell, value)) + "]"
    return value.hex() if isinstance(value, bytes) else str(value)


def printable(text: str) -> str:
    """Text that a terminal may be given: what is not printable is escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
