"""``--set NAME=VALUE``: text -> the value of a variable, by the variable's type."""

from __future__ import annotations

import argparse
import socket

from pyzbpf.btf import types as kinds
from pyzbpf.btf.codec import is_char
from pyzbpf.cli.usage import UsageError, near
from pyzbpf.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyzbpf.btf.decode import Btf
    from pyzbpf.btf.types import Type
    from pyzbpf.spec.model import ObjectSpec

HELP = (
    "set a variable before loading: a number in any base, true or false, the name of an enum's value, text for a "
    "char array, an address (IPv4, IPv6, MAC) or hex digits for bytes, a,b,c for an array; can be repeated"
)
_BOOL = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}
_SHOWN = 6  # values of an example
_FAMILIES = {4: socket.AF_INET, 16: socket.AF_INET6}


def pair(text: str) -> tuple[str, str]:
    """An argument NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=VALUE")
    return name, value


def assign(spec: ObjectSpec, name: str, text: str) -> None:
    """Set a variable of the spec; UsageError where there is none of that name, or the text does not fit its type."""
    if name not in spec.variables:
        raise UsageError(f"--set {name}: {spec.file} has no such variable{near(name, list(spec.variables))}")
    variable = spec.variables[name]
    try:
        if spec.btf is None or not variable.type_id:
            variable.value = _bytes(text, variable.size)
        else:
            variable.value = value(spec.btf, variable.type_id, text)
    except ValueError as error:
        type_ = spec.btf.describe(variable.type_id) if spec.btf and variable.type_id else "of unknown type"
        raise UsageError(f"--set {name}={text}: '{name}' is {type_}: {error}") from error
    except Error as error:
        raise UsageError(f"--set {name}={text}: {error}") from error


def value(btf: Btf, type_id: int, text: str) -> Any:
    """The text as a value of the type; ValueError, which says what is wanted, where it is none."""
    _, found = btf.resolve(type_id)
    read = _READERS.get(found.kind) if found is not None else None
    if found is None or read is None:
        raise ValueError("this type has no form as text; set it from Python, spec.variables[…].value")
    return read(btf, found, text)


def _integer(btf: Btf, found: Type, text: str) -> int | bool:
    if found.encoding & kinds.BOOL:
        if text.lower() not in _BOOL:
            raise ValueError("true or false is wanted")
        return _BOOL[text.lower()]
    if found.size == 4 and not found.encoding & kinds.SIGNED:
        try:
            # As packets, sockets and the kernel's __be32 hold it.
            return int.from_bytes(socket.inet_pton(socket.AF_INET, text), btf.endian)  # type: ignore[arg-type]
        except OSError:
            pass
    return _number(text)


def _number(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise ValueError(f"'{text}' is no number (such as 4242, 0xff, 0o17, 0b101, -1)") from None


def _enumeration(_: Btf, found: Type, text: str) -> int:
    numbers = dict(found.values)
    if text in numbers:
        return numbers[text]
    if text[:1].isalpha():
        raise ValueError(f"it has no value '{text}'{near(text, list(numbers))}")
    return _number(text)


def _array(btf: Btf, found: Type, text: str) -> Any:
    _, element = btf.resolve(found.type)
    if (
        element is not None
        and element.kind == kinds.INT
        and element.size == 1
        and not element.encoding & kinds.BOOL
    ):
        return text if is_char(element) else _bytes(text, found.count)
    if element is not None and element.kind == kinds.ARRAY:
        raise ValueError("arrays of arrays have no form as text; set it from Python, spec.variables[…].value")
    items = [value(btf, found.type, part.strip()) for part in text.split(",")] if text else []
    if len(items) != found.count:
        raise ValueError(
            f"{found.count} values are wanted, as {_example(found.count)}; here are {len(items)}"
        )
    return items


def _example(count: int) -> str:
    shown = [str(number) for number in range(1, count + 1)]
    return ",".join(shown if count <= _SHOWN else [*shown[:2], "…", shown[-1]])


def _bytes(text: str, size: int) -> bytes:
    if size in _FAMILIES:
        try:
            return socket.inet_pton(_FAMILIES[size], text)
        except OSError:
            pass
    try:
        raw = bytes.fromhex(text.removeprefix("0x").replace(":", ""))
    except ValueError:
        raise ValueError(f"'{text}' is neither hex digits nor an address of {size} bytes") from None
    if len(raw) != size:
        raise ValueError(f"{size} bytes are wanted, '{text}' is {len(raw)}")
    return raw


_READERS: dict[int, Callable[[Btf, Type, str], Any]] = {
    kinds.INT: _integer,
    kinds.PTR: lambda _, __, text: _number(text),
    kinds.FLOAT: lambda _, __, text: float(text),
    kinds.ENUM: _enumeration,
    kinds.ENUM64: _enumeration,
    kinds.ARRAY: _array,
}
