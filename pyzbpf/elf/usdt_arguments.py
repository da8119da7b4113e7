"""Where the arguments of a USDT probe are: the assembler's words -> the record that programs read them by.

The record is `struct __bpf_usdt_spec` of libbpf's usdt.bpf.h, so that probes written with it and with the Zig
SDK take the same.
"""

from __future__ import annotations

import re
import struct

from pyzbpf.errors import ObjectError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 12  # BPF_USDT_MAX_ARG_CNT
SIZE = 208  # of the record: MOST arguments of 16 bytes, the cookie, the number of arguments, padding

_CONSTANT, _REGISTER, _MEMORY, _INDEXED = range(4)  # enum __bpf_usdt_arg_type


def _x86_64() -> dict[str, int]:
    """Offsets in struct pt_regs of arch/x86/include/uapi/asm/ptrace.h, by each of a register's names."""
    order = ["r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8", "ax", "cx", "dx", "si", "di"]
    places = {name: 8 * index for index, name in enumerate(order)} | {"ip": 128, "sp": 152}
    names: dict[str, int] = {}
    for name, place in places.items():
        if name[-1].isdigit():
            names |= dict.fromkeys((name, f"{name}d", f"{name}w", f"{name}b"), place)
        else:
            low = f"{name[0]}l" if name.endswith("x") else f"{name}l"
            names |= dict.fromkeys((f"r{name}", f"e{name}", name, low), place)
    return names


def _aarch64() -> dict[str, int]:
    """Offsets in struct user_pt_regs of arch/arm64/include/uapi/asm/ptrace.h."""
    return {f"{letter}{n}": 8 * n for n in range(31) for letter in "xw"} | {"sp": 248}


def _s390x() -> dict[str, int]:
    """user_pt_regs of arch/s390/include/uapi/asm/ptrace.h: the general registers behind args and psw."""
    return {f"r{n}": 24 + 8 * n for n in range(16)}


_NUMBER = r"(?P<offset>[-+]?(?:0x[0-9a-f]+|\d+))"

# Machine -> its registers, and how its assembler writes a constant, a register, and memory.
_MACHINES = {
    "EM_X86_64": (
        _x86_64,
        rf"\${_NUMBER}",
        r"%(?P<register>\w+)",
        rf"{_NUMBER}?\(\s*%(?P<base>\w+)\s*(?:,\s*%(?P<index>\w+)\s*(?:,\s*(?P<scale>[1248])\s*)?)?\)",
    ),
    "EM_AARCH64": (
        _aarch64,
        _NUMBER,
        r"(?P<register>[xw]\d+|sp)",
        rf"\[\s*(?P<base>\w+)\s*(?:,\s*#?{_NUMBER}\s*)?\]",
    ),
    "EM_S390": (_s390x, _NUMBER, r"%(?P<register>r\d+)", rf"{_NUMBER}?\(\s*%(?P<base>r\d+)\s*\)"),
}
_START = re.compile(r"\s*(?P<size>-?\d+)(?P<kind>[a-z]?)\s*@\s*")
_SIZES = (1, 2, 4, 8)


def pack(arguments: str, machine: str, *, endian: str, cookie: int, file: str, probe: str) -> bytes:
    """The record for ``arguments`` such as "-4@%eax 8@16(%rsp)"; ``probe`` is its name, for a message.

    ObjectError for an argument that is written in no known way or lies where a program cannot read it.
    """
    if machine not in _MACHINES:
        raise UnsupportedError(
            f"USDT on the machine {machine} ('{file}')", advice=f"It is there for {', '.join(_MACHINES)}."
        )
    reader = _Reader(arguments, machine, endian, file=file, probe=probe)
    records = list(reader.records())
    if len(records) > MOST:
        raise ObjectError(
            f"it has {len(records)} arguments, and programs read {MOST} at most", file=file, symbol=probe
        )
    return struct.pack(f"{reader.order}{16 * MOST}sQh6x", b"".join(records), cookie, len(records))


class _Reader:
    """The arguments of one place, from left to right."""

    def __init__(self, text: str, machine: str, endian: str, *, file: str, probe: str) -> None:
        registers, constant, register, memory = _MACHINES[machine]
        forms = ((_MEMORY, memory), (_REGISTER, register), (_CONSTANT, constant))
        self._forms = [(kind, re.compile(form + r"(?=\s|$)")) for kind, form in forms]
        self._registers = registers()
        self._text = text
        self._at = 0
        self.order = "<" if endian == "little" else ">"
        self._file = file
        self._probe = probe

    def records(self) -> Iterator[bytes]:
        while self._text[self._at :].strip():
            yield self._record()

    def _record(self) -> bytes:
        size = self._size()
        kind, found = self._place()
        self._at = found.end()
        said = found.groupdict()
        if kind == _MEMORY and said.get("index"):
            kind = _INDEXED
        register = self._offset_of(said.get("register" if kind == _REGISTER else "base"))
        index = self._offset_of(said.get("index"))
        shift = (1, 2, 4, 8).index(int(said.get("scale") or 1))
        # struct __bpf_usdt_arg_spec: its second word is bit fields, which C allots from the other end in big-endian.
        fields = kind | index << 8 | shift << 20 if self.order == "<" else kind | index << 12 | shift << 8
        value = int(said.get("offset") or "0", 0) & (1 << 64) - 1
        return struct.pack(f"{self.order}QIh?B", value, fields, register, size < 0, 64 - 8 * abs(size))

    def _size(self) -> int:
        """The argument's size in bytes, negative for a signed one; behind it is where the argument is."""
        found = _START.match(self._text, self._at)
        if found is not None and found["kind"] == "f":
            raise self._fault(
                "is a floating-point number", advice="The kernel does not show its registers to programs."
            )
        if found is None or found["kind"] or abs(int(found["size"])) not in _SIZES:
            raise self._fault("does not begin with a size of 1, 2, 4 or 8 bytes")
        self._at = found.end()
        return int(found["size"])

    def _place(self) -> tuple[int, re.Match[str]]:
        for kind, form in self._forms:
            found = form.match(self._text, self._at)
            if found is not None:
                return kind, found
        raise self._fault(
            "is at no place that can be said in advance",
            advice="Programs take constants, registers, and memory at a register.",
        )

    def _offset_of(self, register: str | None) -> int:
        if register is None:
            return 0
        if register not in self._registers:
            raise self._fault(f"is in the register '{register}', which the kernel does not show to programs")
        return self._registers[register]

    def _fault(self, why: str, *, advice: str = "") -> ObjectError:
        text = f"of its arguments '{self._text}' one {why}"
        return ObjectError(text, file=self._file, symbol=self._probe, advice=advice)
