"""Which prototypes take a trampoline: those that libbpf's btf_type_is_traceable_func takes, too."""

from __future__ import annotations

import pytest

from pyzbpf.kernel import signature
from tests.support.btf_writer import Writer
from tests.support.core import lazy

VOID = 0


def said(result: str, *arguments: str) -> str:
    """What is said of a function with a result and arguments of these types."""
    w = Writer()
    number = w.int("int", 4)
    pair = w.struct("Pair", 16, [("a", number, 0), ("b", number, 64)])
    known = {
        "void": VOID,
        "int": number,
        "pointer": w.ptr(VOID),
        "const int typedef": w.typedef("counted", w.const(number)),
        "enum": w.enum("Kind", [("first", 0)]),
        "enum of 64 bits": w.enum64("Wide", [("first", 0)]),
        "float": w.float("float", 4),
        "struct": w.typedef("pair_t", pair),
        "union": w.struct("Either", 8, [("a", number, 0)], union=True),
        "wide struct": w.struct("Wide", 24, [("a", number, 0)]),
        "array": w.array(number, number, 4),
    }
    parameters = [
        ("" if name == "void" else f"a{place}", known[name]) for place, name in enumerate(arguments)
    ]
    prototype = w.prototype(known[result], parameters)
    wanted = w.func("wanted", prototype)
    w.func("wanted___flavour", w.prototype(number, []))
    found = signature.find(lazy(w), "wanted")
    assert found is not None
    assert found[0] == wanted
    return found[1]


@pytest.mark.parametrize(
    ("result", "arguments", "obstacle"),
    [
        ("void", (), ""),
        ("int", ("int", "pointer", "enum", "enum of 64 bits", "const int typedef"), ""),
        ("pointer", ("struct", "union"), ""),
        ("const int typedef", ("int",) * 12, ""),
        ("int", ("int",) * 13, "has more than 12 arguments"),
        ("int", ("pointer", "void"), "takes any number of arguments"),
        ("struct", (), "returns a struct"),
        ("union", (), "returns a struct"),
        ("float", (), "returns no whole number"),
        ("int", ("int", "wide struct"), "has an argument, 'a1', that does not fit into two registers"),
        ("int", ("float",), "has an argument, 'a0', that does not fit into two registers"),
        ("int", ("array",), "has an argument, 'a0', that does not fit into two registers"),
    ],
)
def test_what_a_trampoline_takes(result: str, arguments: tuple[str, ...], obstacle: str) -> None:
    assert said(result, *arguments) == obstacle


def test_what_is_not_there() -> None:
    w = Writer()
    w.func("other", w.prototype(VOID, []))
    assert signature.find(lazy(w), "wanted") is None
