"""Values of the kernel's configuration -> bytes of the map `.kconfig`, by the types the probe gave them.

The rules are libbpf's: y, n and m for bool, tristate and char, quoted text for arrays of char, numbers
for integers that can hold them.
"""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.btf.types import ENUM, ENUM64, INT
from pyzbpf.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from pyzbpf.btf.decode import Btf
    from pyzbpf.spec.externs import ExternSpec

# enum libbpf_tristate
_TRISTATE = {"n": 0, "y": 1, "m": 2}

_KINDS = "bool, a char, an integer of 1 to 8 bytes, an array of char, or (in C) enum libbpf_tristate"


def from_text(btf: Btf, extern: ExternSpec, text: str) -> bytes:
    """The value as the configuration has it behind the equals sign."""
    kind = kind_of(btf, extern)
    if text[:1] in _TRISTATE:
        return _choice(btf, extern, kind, text[0])
    if text[:1] == '"':
        return _quoted(extern, kind, text)
    number = _parse(text)
    if number is None:
        raise _fault(extern, f"the kernel's configuration says {text}, which is no number")
    if kind not in ("integer", "char"):
        raise _fault(extern, f"the kernel's configuration says {text}, and the probe wants {_a(kind)}")
    return from_number(btf, extern, number)


def from_number(btf: Btf, extern: ExternSpec, number: int) -> bytes:
    """A value that is computed, or was a number."""
    kind = kind_of(btf, extern)
    if kind not in ("integer", "char", "bool"):
        raise _fault(extern, f"the value is {number}, and the probe wants {_a(kind)}")
    bits = 8 * extern.size
    signed = kind != "bool" and bool(_resolved(btf, extern).encoding & kinds.SIGNED)
    if bits == 64:
        number &= (1 << 64) - 1  # as libbpf: nothing is lost, whatever the sign
        signed = False
    least, most = (-1 << bits - 1, (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    if kind == "bool":
        most = 1
    if not least <= number <= most:
        raise _fault(extern, f"the value {number} does not fit; the probe's type holds {least} to {most}")
    return number.to_bytes(extern.size, _order(btf), signed=signed)


def kind_of(btf: Btf, extern: ExternSpec) -> str:
    """What can be put there: "bool", "tristate", "char", "integer" or "text"; ObjectError for a type that cannot be a value."""
    _, found = btf.resolve(extern.type_id)
    if found is not None and found.kind == kinds.ARRAY and found.count:
        _, element = btf.resolve(found.type)
        plain = element is not None and element.kind == INT and not element.encoding & kinds.BOOL
        if plain and element is not None and element.size == 1:
            return "text"
    if found is not None and found.kind == INT and found.encoding & kinds.BOOL and found.size == 1:
        return "bool"
    if found is not None and found.kind == INT and not found.encoding & kinds.BOOL:
        if found.size == 1:
            return "char"
        if found.size in (2, 4, 8):
            return "integer"
    if found is not None and found.kind in (ENUM, ENUM64) and found.name == "libbpf_tristate":
        return "tristate"
    raise _fault(extern, f"{btf.describe(extern.type_id)} cannot hold it; a value is {_KINDS}")


def _choice(btf: Btf, extern: ExternSpec, kind: str, letter: str) -> bytes:
    if kind == "bool":
        if letter == "m":
            raise _fault(
                extern, "it is built as a module, which bool cannot say; use u8, and compare with 'm'"
            )
        return bytes([letter == "y"])
    if kind == "tristate":
        return _TRISTATE[letter].to_bytes(extern.size, _order(btf))
    if kind == "char":
        return letter.encode()
    raise _fault(extern, f"the kernel's configuration says {letter}, and the probe wants {_a(kind)}")


def _quoted(extern: ExternSpec, kind: str, text: str) -> bytes:
    if kind != "text":
        raise _fault(extern, f"the kernel's configuration says {text}, and the probe wants {_a(kind)}")
    if len(text) < 2 or text[-1] != '"':
        raise _fault(extern, f"the kernel's configuration says {text}, where the closing quote is missing")
    # Longer text is cut; a NUL always ends it.
    return text[1:-1].encode(errors="surrogateescape")[: extern.size - 1].ljust(extern.size, b"\0")


def _parse(text: str) -> int | None:
    """What strtoull(text, 0) reads: decimal, 0x and octal; None where something is left over."""
    sign, digits = (-1, text[1:]) if text[:1] == "-" else (1, text)
    base = 16 if digits[:2] in ("0x", "0X") else 8 if digits[:1] == "0" else 10
    digits = digits[2:] if base == 16 else digits
    if not digits or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
        return None
    try:
        number = sign * int(digits, base)
    except ValueError:
        return None
    return number if -(1 << 63) <= number < 1 << 64 else None


def _resolved(btf: Btf, extern: ExternSpec) -> kinds.Type:
    _, found = btf.resolve(extern.type_id)
    assert found is not None
    return found


def _order(btf: Btf) -> Literal["little", "big"]:
    return "little" if btf.endian == "little" else "big"


def _a(kind: str) -> str:
    return {"integer": "an integer", "text": "an array of char"}.get(kind, f"a {kind}")


def _fault(extern: ExternSpec, message: str) -> ObjectError:
    return ObjectError(message, section=".kconfig", symbol=extern.name)
