"""BPF instructions as text, in the words of the verifier's log: ``r0 = *(u32 *)(r1 +4)``.

Source: RFC 9669 (BPF instruction set) and include/uapi/linux/bpf.h.
"""

from __future__ import annotations

import struct

from pyzbpf.uapi.helpers import HELPERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZE = 8
_LAYOUT = {"little": struct.Struct("<BBhi"), "big": struct.Struct(">BBhi")}

_ALU = {0x00: "+=", 0x10: "-=", 0x20: "*=", 0x30: "/=", 0x40: "|=", 0x50: "&=", 0x60: "<<=", 0x70: ">>=",
        0x90: "%=", 0xA0: "^=", 0xB0: "=", 0xC0: "s>>="}  # fmt: skip
_SIGNED = {0x30: "s/=", 0x90: "s%="}
_JUMP = {0x10: "==", 0x20: ">", 0x30: ">=", 0x40: "&", 0x50: "!=", 0x60: "s>", 0x70: "s>=", 0xA0: "<",
         0xB0: "<=", 0xC0: "s<", 0xD0: "s<="}  # fmt: skip
_WIDTH = {0x00: "32", 0x08: "16", 0x10: "8", 0x18: "64"}
_ATOMIC = {0x00: "+=", 0x40: "|=", 0x50: "&=", 0xA0: "^="}
_FETCH = {0x00: "add", 0x40: "or", 0x50: "and", 0xA0: "xor"}
# What the source register of a 64-bit constant says it is.
_PSEUDO = {
    1: "map[id:{0}]", 2: "map[id:{0}][0]+{1}", 3: "variable[{0:#x}]", 4: "subprog[{0:+d}]", 5: "map[idx:{0}]",
    6: "map[idx:{0}][0]+{1}",
}  # fmt: skip

# What the source register of a call says its immediate is; of another one it is a helper.
_CALLS = {1: "{0:+d}", 2: "kernel function {0}"}


def helper(number: int) -> str:
    """What a call of a helper is called in a program that is not loaded: its number says which."""
    return f"{HELPERS[number][0]}#{number}" if number in HELPERS else f"helper#{number}"


def disassemble(
    code: bytes, endian: str, name_of_call: Callable[[int], str] = helper
) -> Iterator[tuple[int, str]]:
    """(index, text) of each instruction; a 64-bit constant takes the index behind it, too.

    ``name_of_call`` names the helper that the immediate of a call says.
    """
    index, layout = 0, _LAYOUT[endian]
    while (index + 1) * SIZE <= len(code):
        opcode, registers, offset, immediate = layout.unpack_from(code, index * SIZE)
        if endian == "big":
            registers = registers >> 4 | (registers & 15) << 4
        if opcode == 0x18 and (index + 2) * SIZE <= len(code):
            high = layout.unpack_from(code, (index + 1) * SIZE)[3]
            yield index, _constant(registers, immediate, high)
            index += 2
            continue
        source = registers >> 4
        if opcode == 0x85 and source not in _CALLS:
            yield index, f"call {name_of_call(immediate)}"
        else:
            yield index, _text(opcode, registers & 15, source, offset, immediate)
        index += 1


def _constant(registers: int, low: int, high: int) -> str:
    target, kind = registers & 15, registers >> 4
    value = (high & 0xFFFFFFFF) << 32 | low & 0xFFFFFFFF
    return f"r{target} = " + _PSEUDO.get(kind, "{2:#x} ll").format(low, high, value)


def _text(opcode: int, target: int, source: int, offset: int, immediate: int) -> str:
    group = opcode & 7
    if group in (4, 7):
        return _arithmetic(opcode, target, source, offset, immediate)
    if group in (5, 6):
        return _jump(opcode, target, source, offset, immediate)
    return _memory(opcode, target, source, offset, immediate)


def _arithmetic(opcode: int, target: int, source: int, offset: int, immediate: int) -> str:
    letter = "r" if opcode & 7 == 7 else "w"
    to, operation = f"{letter}{target}", opcode & 0xF0
    if operation == 0x80:
        return f"{to} = -{to}"
    if operation == 0xD0:
        swap = "bswap" if opcode & 7 == 7 else ("be" if opcode & 8 else "le")
        return f"r{target} = {swap}{immediate} r{target}"
    value = f"{letter}{source}" if opcode & 8 else str(immediate)
    if operation == 0xB0 and opcode & 8 and offset:
        return f"{to} = {_moved(value, offset, immediate)}"
    sign = _SIGNED.get(operation) if offset == 1 else None
    return f"{to} {sign or _ALU.get(operation, f'?{opcode:#04x}')} {value}"


def _moved(register: str, offset: int, immediate: int) -> str:
    """What a move with an offset does: extends a sign, or turns an address into one of another space."""
    if offset == 1:
        return f"addr_space_cast({register}, {immediate >> 16}, {immediate & 0xFFFF})"
    return f"&(void __percpu *)({register})" if offset == -1 else f"(s{offset}){register}"


def _jump(opcode: int, target: int, source: int, offset: int, immediate: int) -> str:
    operation = opcode & 0xF0
    if operation == 0x80:
        return f"call r{target}" if opcode & 8 else f"call {_CALLS[source].format(immediate)}"
    if operation == 0x90:
        return "exit"
    if operation == 0:
        return f"goto {immediate if opcode & 7 == 6 else offset:+d}"
    if operation == 0xE0:
        return f"{'or_goto' if source else 'may_goto'} {offset:+d}"
    letter = "r" if opcode & 7 == 5 else "w"
    value = f"{letter}{source}" if opcode & 8 else str(immediate)
    return f"if {letter}{target} {_JUMP.get(operation, f'?{opcode:#04x}')} {value} goto {offset:+d}"


def _memory(opcode: int, target: int, source: int, offset: int, immediate: int) -> str:
    mode, width = opcode & 0xE0, _WIDTH[opcode & 0x18]
    place = f"(r{{}} {offset:+d})"
    if opcode & 7 == 1:
        sign = "s" if mode == 0x80 else "u"
        return f"r{target} = *({sign}{width} *){place.format(source)}"
    if opcode & 7 == 0:
        return f"r0 = *(u{width} *)skb[{f'r{source} + ' if mode == 0x40 else ''}{immediate}]"
    at = f"*(u{width} *){place.format(target)}"
    if opcode & 7 == 2:
        return f"{at} = {immediate}"
    if mode != 0xC0:
        return f"{at} = r{source}"
    letter = "r" if width == "64" else "w"
    if immediate == _LOAD_ACQUIRE:
        return f"{letter}{target} = load_acquire(*(u{width} *){place.format(source)})"
    return _atomic(at, f"r{target} {offset:+d}", f"{letter}{source}", immediate, width)


_LOAD_ACQUIRE, _STORE_RELEASE, _EXCHANGE, _COMPARE_EXCHANGE = 0x100, 0x110, 0xE1, 0xF1


def _atomic(at: str, place: str, register: str, operation: int, width: str) -> str:
    if operation == _STORE_RELEASE:
        return f"store_release({at}, {register})"
    if operation == _EXCHANGE:
        return f"{register} = xchg_{width}({place}, {register})"
    if operation == _COMPARE_EXCHANGE:
        return f"{register[0]}0 = cmpxchg_{width}({place}, {register[0]}0, {register})"
    if operation & 1:
        return f"{register} = fetch_{_FETCH.get(operation & 0xF0, '?')}_{width}({place}, {register})"
    return f"lock {at} {_ATOMIC.get(operation, '?')} {register}"
