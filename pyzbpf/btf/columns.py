"""BTF type -> columns: where each number of a struct lies, for memoryviews, and the same as a numpy dtype.

numpy is an extra (``pip install pyzbpf[numpy]``), and imported by `numpy` here and nowhere else.
"""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.btf.codec import fields, is_char
from pyzbpf.btf.decode import ORDER
from pyzbpf.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyzbpf.btf.decode import Btf
    from pyzbpf.btf.types import Type

_INTEGER = {1: "b", 2: "h", 4: "i", 8: "q"}
_FLOAT = {2: "e", 4: "f", 8: "d"}
# Of `struct` -> of numpy, with the size in bytes.
_NUMPY = {"b": "i1", "B": "u1", "h": "i2", "H": "u2", "i": "i4", "I": "u4", "q": "i8", "Q": "u8",
          "e": "f2", "f": "f4", "d": "f8", "?": "?"}  # fmt: skip


def numpy() -> Any:
    """The module numpy; an Error that says how to get it where it is not installed."""
    try:
        import numpy as np
    except ImportError as error:
        raise Error(
            "numpy is not installed: pip install 'pyzbpf[numpy]'; without it, columns are memoryviews and records objects"
        ) from error
    return np


def code(found: Type) -> str | None:
    """The format character of `struct` for a number; None for what is no number of that module."""
    if found.kind == kinds.INT:
        if found.encoding & kinds.BOOL:
            return "?"
        letter = _INTEGER.get(found.size)
        return letter if letter is None or found.encoding & kinds.SIGNED else letter.upper()
    if found.kind in (kinds.ENUM, kinds.ENUM64):
        letter = _INTEGER.get(found.size)
        return letter if letter is None or found.flag else letter.upper()
    if found.kind == kinds.FLOAT:
        return _FLOAT.get(found.size)
    return "Q" if found.kind == kinds.PTR else None


def letter(btf: Btf | None, type_id: int) -> Any:
    """The format character of a type that is a number; None for any other, and where it is not known."""
    found = btf.resolve(type_id)[1] if btf is not None and type_id else None
    return code(found) if found is not None else None


def numbers(btf: Btf, type_id: int) -> dict[str, tuple[int, str]]:
    """Every number of a type: {name: (offset in bytes, format character of `struct`)}, inner structs as ``a.b``.

    A type that is a number itself has the name ``""``. Arrays, bit fields and members of unions are left out.
    """
    _, found = btf.resolve(type_id)
    if found is None:
        return {}
    letter = code(found)
    if letter is not None:
        return {"": (0, letter)}
    if found.kind != kinds.STRUCT:
        return {}
    known: dict[str, tuple[int, str]] = {}
    for name, member in fields(btf, found).items():
        if member.bits or member.bit_offset % 8:
            continue
        for inner, (offset, letter) in numbers(btf, member.type).items():
            known[f"{name}.{inner}" if inner else name] = (member.bit_offset // 8 + offset, letter)
    return known


def member(btf: Btf | None, type_id: int, name: str, what: str) -> tuple[int, str]:
    """Offset and format character of one number of a type; Error with the names there are, and ``what`` in it."""
    known: Any = {}
    if btf is not None and type_id:
        key = ("numbers", type_id)
        known = btf.decoders.get(key)
        if known is None:
            known = btf.decoders[key] = numbers(btf, type_id)
    if name not in known:
        names = ", ".join(known) or "none, for its type is not known"
        raise Error(f"{what} has no number '{name}'; it has: {names}")
    return known[name]  # type: ignore[no-any-return]


def array(
    memory: Any, btf: Btf | None, type_id: int, size: int, *, before: int = 0, stride: int | None = None
) -> Any:
    """A numpy array that looks at ``memory``: values of a type, each ``stride`` bytes behind the last.

    ``size`` is that of one value, ``before`` how many bytes lie in front of each. A struct is a structured dtype with
    its members' names; text is ``S``, other arrays are sub-arrays, a union has its members at one place. Bit fields
    are left out. Without a type (``type_id`` 0) a value is ``V``: bytes.
    """
    stride = size + before if stride is None else stride
    if btf is None or not type_id:
        return numpy().frombuffer(memory, _wrapped(f"V{size}", before, stride))["value"]
    key = ("dtype", type_id, before, stride)
    made: Any = btf.decoders.get(key)
    if made is None:
        made = btf.decoders[key] = _wrapped(_description(btf, type_id), before, stride)
    return numpy().frombuffer(memory, made)["value"]


def _wrapped(inner: Any, before: int, stride: int) -> Any:
    """A dtype of ``stride`` bytes that holds the one described after the first ``before``."""
    return numpy().dtype({"names": ["value"], "formats": [inner], "offsets": [before], "itemsize": stride})


def table(arrays: dict[str, Any]) -> Any:
    """A pyarrow table of numpy arrays of one length; members of structured ones are columns of their own, ``a.b``."""
    try:
        import pyarrow as pa
    except ImportError as error:
        raise Error("pyarrow is not installed: pip install 'pyzbpf[arrow]'") from error
    flat: dict[str, Any] = {}
    for name, one in arrays.items():
        _flatten(name, one, flat)
    return pa.table({name: _column(pa, one) for name, one in flat.items()})


def _column(pa: Any, one: Any) -> Any:
    """A pyarrow array of the same types: an inner array is a list, a struct in it a struct."""
    if one.ndim > 1:
        rows, width = one.shape[:2]
        inner = _column(pa, one.reshape((rows * width, *one.shape[2:])))
        return pa.ListArray.from_arrays(numpy().arange(rows + 1, dtype="i4") * width, inner)
    if one.dtype.names is not None:
        names = list(one.dtype.names)
        return pa.StructArray.from_arrays([_column(pa, one[name]) for name in names], names)
    if one.dtype.kind == "V":
        return pa.array(one.tolist(), pa.binary(one.dtype.itemsize))
    if one.dtype.kind == "S":
        return pa.array([value.decode(errors="backslashreplace") for value in one.tolist()], pa.string())
    return pa.array(numpy().ascontiguousarray(one))


def _flatten(name: str, one: Any, flat: dict[str, Any]) -> None:
    if one.dtype.names is None or one.ndim > 1:
        flat[name] = one
        return
    for inner in one.dtype.names:
        _flatten(f"{name}.{inner}", one[inner], flat)


def _description(btf: Btf, type_id: int) -> Any:
    """What ``numpy.dtype`` takes for the type."""
    _, found = btf.resolve(type_id)
    size = btf.size_of(type_id)
    assert found is not None  # void has no size
    letter = code(found)
    if letter is not None:
        return _NUMPY[letter] if letter == "?" else ORDER[btf.endian] + _NUMPY[letter]
    if found.kind == kinds.ARRAY and found.count:
        _, element = btf.resolve(found.type)
        if element is not None and element.kind == kinds.INT and element.size == 1 and is_char(element):
            return f"S{found.count}"
        return (_description(btf, found.type), (found.count,))
    if found.kind in (kinds.STRUCT, kinds.UNION, kinds.DATASEC):
        whole = {
            name: member
            for name, member in fields(btf, found).items()
            if not member.bits and not member.bit_offset % 8 and btf.size_of(member.type)
        }
        return {
            "names": list(whole),
            "formats": [_description(btf, member.type) for member in whole.values()],
            "offsets": [member.bit_offset // 8 for member in whole.values()],
            "itemsize": found.size,
        }
    return f"V{size}"
