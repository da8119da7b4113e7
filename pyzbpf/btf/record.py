"""The classes that BTF structs and enum values become in Python."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, ClassVar

_NONE: Mapping[str, str] = {}


class EnumValue(int):
    """A named enum value: an int in every respect that prints as its name."""

    name: str
    _numbers: ClassVar[dict[int, EnumValue]] = {}

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"{self.name}={int(self)}"


class Record:
    """Base of the classes made from BTF structs; ``_fields`` are the names in order of offset."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Any]:
        return (getattr(self, name) for name in self._fields)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and self._fields == other._fields and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._fields)
        return f"{type(self).__name__}({fields})"

    def _asdict(self) -> dict[str, Any]:
        """The fields as plain values, nested records as dicts."""
        return {name: plain(getattr(self, name)) for name in self._fields}


def plain(value: Any) -> Any:
    """A decoded value without our classes: what ``json.dumps`` takes (bytes become hex text)."""
    if isinstance(value, Record):
        return value._asdict()
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, EnumValue):
        return value.name
    if isinstance(value, bytes):
        return value.hex()
    return value


def record_class(name: str, fields: list[str], inside: Mapping[str, str] = _NONE) -> type[Record]:
    """A slots class with these fields; ``inside`` are names that can be read as if they were: name -> field that has them.

    Names come from a file that anybody may have written, and become text that is executed: so every
    one is made an identifier first (`field_names`).
    """
    slots = field_names(fields)
    # The fields are the parameters; no field is called "é", for their names are ASCII.
    stores = "; ".join(f"é.{slot} = {slot}" for slot in slots) or "pass"
    space: dict[str, Any] = {}
    exec(f"def __init__({', '.join(('é', *slots))}): {stores}", space)  # noqa: S102 - see above
    body: dict[str, Any] = {"__slots__": slots, "_fields": slots, "__init__": space["__init__"]}
    for inner, field in inside.items():
        body[inner] = _of(field, inner)
    return type(identifier(name) or "anonymous", (Record,), body)


def _of(field: str, inner: str) -> property:
    return property(lambda record: getattr(getattr(record, field), inner))


def enum_class(name: str, values: list[tuple[str, int]]) -> type[EnumValue]:
    """A class whose attributes are the named values of an enum; ``_numbers`` has them by number."""
    made: type[EnumValue] = type(identifier(name) or "anonymous", (EnumValue,), {"_numbers": {}})
    for attribute, (value_name, number) in zip(
        field_names([value_name for value_name, _ in values]), values, strict=True
    ):
        value = made(number)
        value.name = value_name
        setattr(made, attribute, made._numbers.setdefault(number, value))
    return made


def field_names(names: list[str]) -> tuple[str, ...]:
    """Attribute names for members: keywords and names with a meaning of their own get a ``_`` behind, of several
    ``_`` in front one is left, unnamed members are ``_0``, ``_1`` ..., what is no identifier is made one, and
    none is there twice.
    """
    made: dict[str, None] = {}
    for index, name in enumerate(names):
        slot = identifier(name) or f"_{index}"
        if slot.startswith("__"):  # Python would put the class's name before it
            slot = "_" + slot.lstrip("_")
        if slot in _TAKEN:
            slot += "_"
        while slot in made:
            slot += "_"
        made[slot] = None
    return tuple(made)


_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


def identifier(name: str) -> str:
    """``name`` made an identifier: ASCII letters, digits and underscores, not beginning with a digit; "" for ""."""
    clean = "".join(letter if letter in _LETTERS else "_" for letter in name)
    return "_" + clean if clean[:1].isdigit() else clean


_TAKEN = frozenset(
    [
        "False",
        "None",
        "True",
        "and",
        "as",
        "assert",
        "async",
        "await",
        "break",
        "class",
        "continue",
        "def",
        "del",
        "elif",
        "else",
        "except",
        "finally",
        "for",
        "from",
        "global",
        "if",
        "import",
        "in",
        "is",
        "lambda",
        "nonlocal",
        "not",
        "or",
        "pass",
        "raise",
        "return",
        "try",
        "while",
        "with",
        "yield",
        "_fields",
        "_asdict",
        "_numbers",
    ]
)
