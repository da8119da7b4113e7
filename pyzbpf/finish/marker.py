"""The text of the SDK's markers -> what it describes; `zig/bpf/marker.zig` says the grammar."""

from __future__ import annotations

import re

from pyzbpf.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_SCALAR = re.compile(r"([iuzfe])(\d+)(\w*)\Z")
_ARRAY = re.compile(r"a(\d+)(.+)\Z")
_BITS = re.compile(r"b([iuze]\d+\w*):(\d+)\Z")


class Shape:
    """A type: ``kind`` is one of "integer", "bool", "float", "enum", "pointer", "array", "struct", "union",
    "function", "void", "foreign" (the kernel has none of that kind).

    ``size`` is in bytes, ``signed`` for integers, ``count`` for arrays, ``bits`` the width of a bit field (0: it is
    none), whose type the rest describes, ``name`` for structs, unions and enums ("": anonymous). ``element`` is an
    array's, what a pointer points to, or what a function with ``parameters`` returns.
    """

    __slots__ = ("bits", "count", "element", "kind", "name", "parameters", "signed", "size")

    def __init__(
        self,
        kind: str,
        *,
        size: int = 0,
        signed: bool = False,
        count: int = 0,
        element: Shape | None = None,
        bits: int = 0,
        name: str = "",
        parameters: Sequence[Shape] = (),
    ) -> None:
        self.kind = kind
        self.size = size
        self.signed = signed
        self.count = count
        self.element = element
        self.bits = bits
        self.name = name
        self.parameters = tuple(parameters)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shape) and all(getattr(self, n) == getattr(other, n) for n in self.__slots__)

    def __hash__(self) -> int:
        return hash((self.kind, self.size, self.name))


class Step:
    """A step of a path: a member ``name`` of a ``shape``, an array ``index``, or an enum's ``number``."""

    __slots__ = ("index", "name", "number", "shape")

    def __init__(
        self, *, name: str = "", shape: Shape | None = None, index: int = -1, number: int | None = None
    ) -> None:
        self.name = name
        self.shape = shape
        self.index = index
        self.number = number


class Request:
    """A whole marker: relocation ``kind`` (0 to 12), root and steps.

    ``root_kind`` is "S", "U", "E" or "T"; ``root_shape`` is an enum's number type, or what a typedef is of.
    """

    __slots__ = ("kind", "root_kind", "root_name", "root_shape", "steps")

    def __init__(
        self, kind: int, *, root_kind: str, root_name: str, root_shape: Shape | None, steps: list[Step]
    ) -> None:
        self.kind = kind
        self.root_kind = root_kind
        self.root_name = root_name
        self.root_shape = root_shape
        self.steps = steps


def parse_core(text: str) -> Request:
    """Parse a `core` marker; ObjectError where it is not what the SDK of this version writes."""
    try:
        kind, root, *steps = text.split(" ")
        root_kind, root_name, *more = root.split(":", 2)
        if root_kind not in "SUET" or not root_name:
            raise ValueError
        root_shape = _shape(more[0]) if more else None
        is_enum = root_kind == "E" or (root_shape is not None and root_shape.kind == "enum")
        return Request(
            int(kind),
            root_kind=root_kind,
            root_name=root_name,
            root_shape=root_shape,
            steps=[_step(step, is_enum=is_enum) for step in steps],
        )
    except ValueError:
        raise _not_understood("core", text) from None


class External:
    """An undefined symbol: ``kind`` is "kconfig", "ksym" or "kfunc", ``shape`` its type."""

    __slots__ = ("kind", "name", "shape")

    def __init__(self, kind: str, name: str, shape: Shape) -> None:
        self.kind = kind
        self.name = name
        self.shape = shape


def parse_external(text: str) -> External:
    """Parse an `extern` marker or a declaration; ObjectError where it is not what the SDK of this version
    writes.
    """
    try:
        kind, name, shape = text.split(" ")
        if kind not in ("kconfig", "ksym", "kfunc"):
            raise ValueError
        return External(kind, name, _shape(shape))
    except ValueError:
        raise _not_understood("extern", text) from None


def _not_understood(kind: str, text: str) -> ObjectError:
    return ObjectError(
        f"marker '{text}' is not understood",
        section=f".pyzbpf.{kind}",
        advice="the SDK and this pyzbpf are of different versions: install one pyzbpf",
    )


def _step(text: str, *, is_enum: bool) -> Step:
    if text.startswith("["):
        return Step(index=int(text[1:-1]))
    name, _, value = text.partition("=")
    if is_enum:
        return Step(name=name, number=int(value))
    return Step(name=name, shape=_shape(value))


_WITHOUT_SIZE = {"v": "void", "?": "foreign"}
_KINDS = {"i": "integer", "u": "integer", "z": "bool", "f": "float", "e": "enum"}


def _shape(text: str) -> Shape:
    if text[:1] in ("S", "U"):
        return Shape("struct" if text[0] == "S" else "union", name=text[1:])
    if text in _WITHOUT_SIZE:
        return Shape(_WITHOUT_SIZE[text])
    if text[:1] == "p":
        return Shape("pointer", size=8, element=_shape(text[1:]))
    if text[:1] == "(":
        result, *parameters = map(_shape, _inside(text))
        return Shape("function", element=result, parameters=parameters)
    found = _ARRAY.match(text)
    if found:
        element = _shape(found[2])
        return Shape("array", size=int(found[1]) * element.size, count=int(found[1]), element=element)
    found = _BITS.match(text)
    if found:
        shape = _shape(found[1])
        shape.bits = int(found[2])
        return shape
    found = _SCALAR.match(text)
    if not found or (found[3] and found[1] != "e"):
        raise ValueError(text)
    return Shape(_KINDS[found[1]], size=int(found[2]), signed=found[1] == "i", name=found[3])


def _inside(text: str) -> list[str]:
    """What stands between the commas of `(a,b,(c,d))`."""
    found, depth, start = [], 0, 1
    for place, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if (letter == "," and depth == 1) or (letter == ")" and depth == 0):
            found.append(text[start:place])
            start = place + 1
    if start != len(text):
        raise ValueError(text)
    return found
