"""Failed checks as the programs recorded them."""

from __future__ import annotations

import struct
from typing import Any

from pyzbpf.runtime import traps
from pyzbpf.spec.traps import RECORD_SIZE, TrapSpec


class Data:
    """Records of (count, two operands), as they lie in `.data.traps`."""

    def __init__(self, *records: tuple[int, int, int]) -> None:
        self.raw = b"".join(struct.pack("=3Q", *record) for record in records)

    def load(self, offset: int, size: int) -> bytes:
        return self.raw[offset : offset + size]


def spec(number: int, line: int, kind: str = "outOfBounds") -> TrapSpec:
    return TrapSpec(
        kind,
        file="a.zig",
        line=line,
        column=3,
        text="",
        function="prog",
        operands=2,
        offset=number * RECORD_SIZE,
    )


def test_copies_of_one_check_are_one() -> None:
    specs = [spec(0, 7), spec(1, 7), spec(2, 7), spec(3, 8), spec(4, 7, "startGreaterThanEnd"), spec(5, 9)]
    data: Any = Data((2, 99, 16), (3, 99, 16), (1, 17, 16), (1, 99, 16), (1, 99, 16), (0, 0, 0))
    assert [str(trap) for trap in traps.read(specs, data)] == [
        "a.zig:7:3: index out of bounds: index 99, len 16 (x5)",
        "a.zig:7:3: index out of bounds: index 17, len 16 (x1)",
        "a.zig:8:3: index out of bounds: index 99, len 16 (x1)",
        "a.zig:7:3: start index 99 is larger than end index 16 (x1)",
    ]
