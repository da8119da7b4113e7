"""A resolved relocation -> the instruction, or the poison in its place."""

from __future__ import annotations

import struct

from pyzbpf.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.adapt._core_value import Value

# The helper that does not exist, 0xbad2310 ("bad relo"): the verifier refuses the call only where it
# can be reached, so code behind a check of existence may stay. libbpf's number, which tools know.
POISON = 195896080

_FORMAT = {"little": struct.Struct("<BBhi"), "big": struct.Struct(">BBhi")}

# Classes of instructions and parts of the opcode (RFC 9669).
_LD, _LDX, _ST, _STX, _ALU, _ALU64 = 0, 1, 2, 3, 4, 7
_SOURCE_REGISTER = 0x08
_SIZE_BITS = 0x18
_LD_IMM64 = 0x18
_CALL = 0x85
_WIDTHS = {0x18: 8, 0x00: 4, 0x08: 2, 0x10: 1}
_CODES = {width: code for code, width in _WIDTHS.items()}

_MASK = (1 << 64) - 1


def poison(code: bytearray, offset: int, endian: str) -> None:
    """Put a call into the place that the verifier refuses when it gets there."""
    slots = 2 if code[offset] == _LD_IMM64 else 1
    for place in range(offset, offset + 8 * slots, 8):
        _FORMAT[endian].pack_into(code, place, _CALL, 0, 0, POISON)


def patch(code: bytearray, offset: int, endian: str, local: Value, target: Value, *, widen: bool) -> bool:
    """Replace the local number in the instruction by the target's.

    False where a load or store would read the member wrongly, for its width has changed and ``widen``
    does not allow for it; then nothing is written. Raises ObjectError where the instruction does not hold the local
    number, or cannot hold the target's.
    """
    layout = _FORMAT[endian]
    opcode, registers, displacement, immediate = layout.unpack_from(code, offset)
    kind = opcode & 7
    if kind in (_ALU, _ALU64) and not opcode & _SOURCE_REGISTER:
        _expect(immediate, local, target)
        layout.pack_into(code, offset, opcode, registers, displacement, _low(target.number))
    elif kind in (_LDX, _ST, _STX):
        _expect(displacement, local, target)
        if target.number > 0x7FFF:
            raise ObjectError(f"the offset {target.number} is too large for a load or store")
        if not widen:
            return False
        if local.width != target.width:
            opcode = _resized(opcode, local.width, target.width)
        layout.pack_into(code, offset, opcode, registers, target.number, immediate)
    elif opcode == _LD_IMM64:
        _patch_wide(code, offset, endian, local, target)
    else:
        raise ObjectError(
            f"a CO-RE relocation on an instruction with opcode {opcode:#04x}, which has no number"
        )
    return True


def _patch_wide(code: bytearray, offset: int, endian: str, local: Value, target: Value) -> None:
    layout = _FORMAT[endian]
    opcode, registers, displacement, low = layout.unpack_from(code, offset)
    source = registers >> 4 if endian == "little" else registers & 15
    if offset + 16 > len(code):
        raise ObjectError("a 64-bit load is cut off")
    *rest, high = layout.unpack_from(code, offset + 8)
    if source or displacement or any(rest):
        raise ObjectError("a CO-RE relocation on a 64-bit load that is not one of a plain number")
    _expect((low & 0xFFFFFFFF) | high << 32, local, target)
    layout.pack_into(code, offset, opcode, registers, 0, _signed(target.number))
    layout.pack_into(code, offset + 8, 0, 0, 0, _signed(target.number >> 32))


def _expect(found: int, local: Value, target: Value) -> None:
    if local.certain and found & _MASK != local.number:
        raise ObjectError(
            f"the instruction holds {found}, expected was {local.number} (to become {target.number})",
            advice="The object's code and its .BTF.ext do not belong together; build it again.",
        )


def _low(number: int) -> int:
    """A number as an immediate of 32 bits; it may be a negative one of 64."""
    if not (number < 1 << 32 or number >= (1 << 64) - (1 << 31)):
        raise ObjectError(f"the value {number:#x} does not fit into an instruction of 32 bits")
    return _signed(number)


def _signed(number: int) -> int:
    number &= 0xFFFFFFFF
    return number - (1 << 32) if number >> 31 else number


def _resized(opcode: int, old: int, new: int) -> int:
    held = _WIDTHS[opcode & _SIZE_BITS]
    if held != old:
        raise ObjectError(f"the instruction moves {held} bytes, expected were {old} (to become {new})")
    if new not in _CODES:
        raise ObjectError(f"the member has {new} bytes there, and no load or store has")
    return opcode & ~_SIZE_BITS | _CODES[new]
