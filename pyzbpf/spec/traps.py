"""The places where a program may be left because a safety check failed, as the object lists them.

The finisher gives each of them a record in the data section `.data.traps`, which the program fills, and
a decl tag on the variable there. So the list goes wherever the type information goes, and loaders that
know nothing of it load the object as any other.
"""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyzbpf.btf.decode import Btf

SECTION, VARIABLE, STRUCT = ".data.traps", "pyzbpf_traps", "pyzbpf_trap"
TAG, MESSAGE_TAG = "pyzbpf.trap:", "pyzbpf.panic:"
# A record: how often it happened, and the two operands of the last time.
COUNT, OPERANDS, RECORD_SIZE = 0, (8, 16), 24

# Kinds are the members of Zig's panic namespace; `{}` are the operands.
_MESSAGES = {
    "call": "panic",
    "copyLenMismatch": "source and destination have different lengths",
    "corruptSwitch": "switch on corrupt value",
    "castToNull": "cast causes pointer to be null",
    "divideByZero": "division by zero",
    "exactDivisionRemainder": "exact division produced remainder",
    "forLenMismatch": "for loop over objects of different lengths",
    "inactiveUnionField": "access of inactive union field: field {}, active field {}",
    "incorrectAlignment": "incorrect alignment",
    "integerOutOfBounds": "integer does not fit in destination type",
    "integerOverflow": "integer overflow",
    "integerPartOutOfBounds": "integer part of floating point value out of bounds",
    "invalidEnumValue": "invalid enum value",
    "invalidErrorCode": "invalid error code",
    "loadUninstantiableType": "load of an uninstantiable type",
    "memcpyAlias": "@memcpy arguments alias",
    "noreturnReturned": "'noreturn' function returned",
    "outOfBounds": "index out of bounds: index {}, len {}",
    "reachedUnreachable": "reached unreachable code",
    "sentinelMismatch": "sentinel mismatch: expected {}, found {}",
    "shiftRhsTooBig": "shift amount is greater than the type size",
    "shlOverflow": "left shift overflowed bits",
    "shrOverflow": "right shift overflowed bits",
    "sliceCastLenRemainder": "slice length {} does not divide exactly into destination elements",
    "startGreaterThanEnd": "start index {} is larger than end index {}",
    "trap": "reached a trap",
    "unexpectedErrorCode": "unexpected error code",
    "unwrapError": "attempt to unwrap error",
    "unwrapNull": "attempt to use null value",
}


class TrapSpec:
    """One place: the kind of check, the author's line, and where its record lies in `.data.traps`.

    ``line`` and ``column`` count from 1; 0 where the compiler does not tell. ``function`` is the one that
    contains it, ``operands`` how many values are recorded, ``panic_message`` what `@panic` says,
    where that is known.
    """

    __slots__ = ("column", "file", "function", "kind", "line", "offset", "operands", "panic_message", "text")

    def __init__(
        self,
        kind: str,
        *,
        file: str,
        line: int,
        column: int,
        text: str,
        function: str,
        operands: int,
        offset: int,
        panic_message: str = "",
    ) -> None:
        self.kind = kind
        self.file = file
        self.line = line
        self.column = column
        self.text = text
        self.function = function
        self.operands = operands
        self.offset = offset
        self.panic_message = panic_message

    def describe(self, operands: Sequence[int] = ()) -> str:
        """``probe.zig:7:6: index out of bounds: index 99, len 16``; "?" where operands are not given.

        What is not known of the place is left out: the column, or ``probe.zig: in 'prog': reached a trap``.
        """
        return f"{self.place()}: {self.message(operands)}"

    def place(self) -> str:
        """File, line and column, or what is known of them."""
        if not self.line:
            return f"{self.file}: in '{self.function}'"
        return f"{self.file}:{self.line}" + (f":{self.column}" if self.column else "")

    def position(self) -> dict[str, int]:
        """``line`` and ``column``, those that are known."""
        return {name: number for name, number in (("line", self.line), ("column", self.column)) if number}

    def message(self, operands: Sequence[int] = ()) -> str:
        """The same without the place."""
        shown = [*map(str, operands[: self.operands]), "?", "?"]
        said = f": {' '.join(self.panic_message.split())}" if self.panic_message else ""
        return _MESSAGES.get(self.kind, self.kind).format(*shown) + said

    def __repr__(self) -> str:
        return f"<TrapSpec {self.describe()}>"


def tags(found: TrapSpec) -> Iterator[str]:
    """The names of the decl tags that say all this."""
    number = found.offset // RECORD_SIZE
    yield (
        f"{TAG}{number}:{found.kind}:{found.operands}:{found.line}:{found.column}:"
        f"{found.function}:{found.file}:{found.text}"
    )
    if found.panic_message:
        yield f"{MESSAGE_TAG}{number}:{found.panic_message}"


def read(btf: Btf | None, *, file: str) -> list[TrapSpec]:
    """The traps of an object, in the order of the source."""
    if btf is None:
        return []
    section = btf.find(SECTION, kinds.DATASEC)
    starts = {variable: offset for variable, offset, _ in btf.get(section).variables} if section else {}
    found = list(_read(btf, starts, file))
    found.sort(key=lambda trap: (trap.file, trap.line, trap.column, trap.offset))
    return found


def _read(btf: Btf, starts: dict[int, int], file: str) -> Iterator[TrapSpec]:
    tagged = [found for _, found in btf.named(kinds.DECL_TAG) if found.type in starts] if starts else []
    messages = dict(
        found.name[len(MESSAGE_TAG) :].split(":", 1) for found in tagged if found.name.startswith(MESSAGE_TAG)
    )
    for found in tagged:
        if not found.name.startswith(TAG):
            continue
        try:
            number, kind, operands, line, column, function, name, text = found.name[len(TAG) :].split(":", 7)
            yield TrapSpec(
                kind, file=name, line=int(line), column=int(column), text=text, function=function,
                operands=int(operands), offset=starts[found.type] + RECORD_SIZE * int(number),
                panic_message=messages.get(number, ""),
            )  # fmt: skip
        except ValueError:
            raise ObjectError(
                f"decl tag '{found.name}' is not understood", file=file, section=".BTF",
                advice="build the object anew with this pyzbpf",
            ) from None  # fmt: skip
