"""C source as text and numbers: comments gone, constant expressions evaluated, enums and #defines read."""

from __future__ import annotations

import ast
import operator
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Enum(NamedTuple):
    """The constants of one C enum or of one run of #defines; ``name`` is "" for the anonymous."""

    name: str
    values: dict[str, int]


OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.BitOr: operator.or_,
    ast.LShift: operator.lshift,
}


def read_source(path: Path) -> str:
    """The C source without comments, each continued line joined to one."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.DOTALL)
    return text.replace("\\\n", " ")


def evaluate(expression: str, names: dict[str, int]) -> int | None:
    """The value of a C constant expression; None where it is no number or names the unknown."""

    def value(node: ast.expr) -> int:
        match node:
            case ast.Constant(value=int() as number):
                return number
            case ast.Name(id=name):
                return names[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -value(operand)
            case ast.BinOp(left=left, op=operation, right=right) if type(operation) in OPERATORS:
                return OPERATORS[type(operation)](value(left), value(right))
        raise KeyError(expression)

    plain = re.sub(r"\b(0[xX][0-9a-fA-F]+|\d+)[uUlL]+\b", r"\1", " ".join(expression.split()))
    try:
        return value(ast.parse(plain, mode="eval").body)
    except (KeyError, SyntaxError):
        return None


def enum_members(body: str, names: dict[str, int]) -> dict[str, int]:
    """The members of one enum body; each is added to ``names`` too."""
    members = {}
    number = -1
    for member in filter(None, (part.strip() for part in body.split(","))):
        name, _, expression = (part.strip() for part in member.partition("="))
        known = evaluate(expression, names) if expression else number + 1
        if known is None:
            raise ValueError(f"cannot evaluate {member!r}")
        number = names[name] = members[name] = known
    return members


def read_enums(text: str) -> list[Enum]:
    """All enums and numeric #defines of a comment-free header, in its order.

    The helper numbers (enum bpf_func_id) are made by a macro and are not among them.
    """
    directive = re.compile(r"^#[^\n]*", re.MULTILINE)
    without_directives = directive.sub(lambda found: " " * len(found[0]), text)
    found = [
        *re.finditer(r"^#define[ \t]+(\w+)[ \t]+([^\n]+)", text, re.MULTILINE),
        *re.finditer(r"^enum\s*(\w*)\s*\{([^}]*)\}", without_directives, re.MULTILINE),
    ]
    names: dict[str, int] = {}
    enums: list[Enum] = []
    was_define = False
    for match in sorted(found, key=re.Match.start):
        name, body = match.groups()
        is_define = match[0].startswith("#")
        if is_define:
            number = evaluate(body, names)
            if number is None:
                continue
            names[name] = number
            if not was_define:
                enums.append(Enum("", {}))
            enums[-1].values[name] = number
        elif name != "bpf_func_id":
            enums.append(Enum(name, enum_members(body, names)))
        was_define = is_define
    return enums
