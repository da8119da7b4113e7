"""BTF type <-> Python value.

A struct becomes a class with slots, made once per type, whose instances are filled by one
``struct.unpack``. What becomes what:

============================ =================================================
integer, pointer             int
bool                         bool
enum                         int with a ``name`` (`EnumValue`); plain int where the value has no name
float                        float
``char[N]``                  str, cut at the first NUL (other bytes than UTF-8 are escaped)
``unsigned char[N]``, u8[N]  bytes
other arrays                 list
struct, union                an instance of `Record`; members of an unnamed member can be read as its own
data section                 an instance of `Record` with its variables
============================ =================================================
"""

from __future__ import annotations

import struct

from pyzbpf.btf import types as kinds
from pyzbpf.btf.decode import ORDER
from pyzbpf.btf.record import Record, enum_class, field_names, record_class
from pyzbpf.btf.types import Member
from pyzbpf.errors import Error, ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyzbpf.btf.decode import Btf
    from pyzbpf.btf.types import Type

# Bytes; a longer array of other things than bytes is decoded element by element.
_LONG_LIST = 512

_FLOAT = {2: "e", 4: "f", 8: "d"}
_INTEGER = {1: "b", 2: "h", 4: "i", 8: "q"}


class EscapedText(str):
    """Text of bytes that are no UTF-8, which are shown escaped; encoded, it is those bytes again."""

    __slots__ = ("raw",)
    raw: bytes


def text(raw: bytes) -> str:
    """A C string: up to the first NUL."""
    found = raw.partition(b"\0")[0]
    try:
        return found.decode()
    except UnicodeDecodeError:
        escaped = EscapedText(found.decode(errors="backslashreplace"))
        escaped.raw = bytes(found)
        return escaped


def decode(btf: Btf, type_id: int, raw: bytes | memoryview) -> Any:
    """One value of the type from its bytes (which may be longer: the rest is ignored)."""
    return decoder(btf, type_id)(raw)


def decoder(btf: Btf, type_id: int) -> Callable[[bytes | memoryview], Any]:
    """A function from bytes to a value of the type; made once and kept with the BTF.

    Raises ObjectError for a type without a size. The function raises struct.error where it is given
    too few bytes.
    """
    found = btf.decoders.get(type_id)
    if found is _BUSY:
        raise ObjectError(f"BTF type {type_id} ({btf.describe(type_id)}) holds itself", section=".BTF")
    if found is None:
        btf.decoders[type_id] = _BUSY
        try:
            found = btf.decoders[type_id] = _Compiler(btf).compile(type_id)
        except BaseException:
            del btf.decoders[type_id]
            raise
    return found  # type: ignore[return-value]


def class_of(btf: Btf, type_id: int) -> type:
    """The class of a struct's, union's or enum's values: one for each type, however often it is asked for."""
    real_id, _ = btf.resolve(type_id)
    decoder(btf, real_id)
    return btf.classes[real_id]


_BUSY = object()  # in the place of a decoder that is being made


def records_decoder(
    btf: Btf, type_id: int, *, before: int, stride: int
) -> Callable[[bytes | memoryview], list[Any]]:
    """A function from many values side by side to a list of them: one `struct` call and one loop for all.

    Each takes ``stride`` bytes, the value after the first ``before``. It takes a multiple of ``stride`` bytes,
    else it raises struct.error.
    """
    key = (type_id, before, stride)
    found = btf.decoders.get(key)
    if found is None:
        decoder(
            btf, type_id
        )  # the classes of the types inside are made once, and types that hold themselves refused
        found = btf.decoders[key] = _Compiler(btf).compile_many(type_id, before, stride)
    return found  # type: ignore[return-value]


class _Compiler:
    """Turns a type into one format string and one expression over the unpacked values ``v0``, ``v1`` …"""

    def __init__(self, btf: Btf) -> None:
        self.btf = btf
        self.format = ORDER[btf.endian]
        self.count = 0
        self.names: dict[str, Any] = {"text": text}
        self.inside: list[int] = []  # ids of the types around the one at hand
        self.outermost = ("", "")  # of the last struct that was finished: its class, its values

    def compile(self, type_id: int) -> Callable[[bytes | memoryview], Any]:
        expression = self.value(type_id)
        self.names["unpack"] = struct.Struct(self.format).unpack_from
        source = f"lambda raw: (lambda {self.unpacked()}: {expression})(*unpack(raw))"
        return eval(source, self.names)  # type: ignore[no-any-return]  # noqa: S307 - our own text

    def compile_many(
        self, type_id: int, before: int, stride: int
    ) -> Callable[[bytes | memoryview], list[Any]]:
        self.skip(before)
        expression = self.value(type_id)
        self.skip(stride - struct.calcsize(self.format))
        self.names["unpack"] = struct.Struct(self.format).iter_unpack
        source = f"lambda raw: [{expression} for ({self.unpacked()}) in unpack(raw)]"
        made, values = self.outermost
        if expression == f"{made}({values})":
            # Stored from here, without a call of __init__: a sixth less time. One of numbers only is stored from the
            # tuple as it is.
            self.names["new"] = object.__new__
            stores = "".join(f"one.{field}," for field in self.names[made]._fields)
            whole = f"{values}," == ", ".join(self.unpacked().split(",")).rstrip()
            each, item = ("v", "v") if whole else (f"({self.unpacked()})", f"({values},)")
            source = f"lambda raw: [one for {each} in unpack(raw) for one in (new({made}),) for ({stores}) in ({item},)]"
        return eval(source, self.names)  # type: ignore[no-any-return]  # noqa: S307 - our own text

    def unpacked(self) -> str:
        """The names of what is unpacked, each with a comma behind."""
        return "".join(f"v{i}," for i in range(self.count))

    def take(self, code: str) -> str:
        self.format += code
        self.count += 1
        return f"v{self.count - 1}"

    def skip(self, count: int) -> None:
        """Pass over so many bytes."""
        if count > 0:
            self.format += f"{count}x"

    def bind(self, value: object) -> str:
        """A name for ``value`` in the expression."""
        name = f"n{len(self.names)}"
        self.names[name] = value
        return name

    def record_class(self, type_id: int, fields: list[str]) -> type[Record]:
        """The class of a struct: one for each type, however often it is met."""
        made = self.btf.classes.get(type_id)
        if made is None:
            found = self.btf.get(type_id)
            names = {name: path[0] for name, (path, _) in inside(self.btf, found).items()}
            made = self.btf.classes[type_id] = record_class(found.name, fields, names)
        return made

    def value(self, type_id: int) -> str:
        real_id, found = self.btf.resolve(type_id)
        if found is None or found.kind not in _EXPRESSIONS:
            self.btf.size_of(type_id)  # raises, and names the type
            raise Error(f"a value of type {self.btf.describe(type_id)} cannot be decoded")
        if real_id in self.inside:
            raise ObjectError(
                f"BTF type {real_id} ({self.btf.describe(real_id)}) holds itself", section=".BTF"
            )
        self.inside.append(real_id)
        expression = _EXPRESSIONS[found.kind](self, real_id, found)
        self.inside.pop()
        return expression

    def integer(self, _: int, found: Type) -> str:
        if found.encoding & kinds.BOOL:
            return self.take("?")
        signed = bool(found.encoding & kinds.SIGNED)
        if found.size not in _INTEGER:
            endian = self.btf.endian
            return f"int.from_bytes({self.take(f'{found.size}s')}, {endian!r}, signed={signed})"
        return self.take(_INTEGER[found.size] if signed else _INTEGER[found.size].upper())

    def pointer(self, _: int, __: Type) -> str:
        return self.take("Q")

    def floating(self, _: int, found: Type) -> str:
        if found.size not in _FLOAT:
            raise ObjectError(f"a floating-point number of {found.size} bytes", section=".BTF")
        return self.take(_FLOAT[found.size])

    def enumeration(self, type_id: int, found: Type) -> str:
        if found.size not in _INTEGER:
            raise ObjectError(f"an enum of {found.size} bytes", section=".BTF")
        code = _INTEGER[found.size]
        made: Any = self.btf.classes.get(type_id)
        if made is None:
            made = self.btf.classes[type_id] = enum_class(found.name, found.values)
        raw = self.take(code if found.flag else code.upper())
        return f"(lambda i, names={self.bind(made._numbers)}: names.get(i, i))({raw})"

    def array(self, _: int, found: Type) -> str:
        _, element = self.btf.resolve(found.type)
        if element is not None and element.kind == kinds.INT and element.size == 1:
            raw = self.take(f"{found.count}s")
            return f"text({raw})" if is_char(element) else raw
        size = self.btf.size_of(found.type)
        if not size:
            return "[]"
        if size * found.count > _LONG_LIST:  # one sub-decoder over slices, not a long expression
            one = self.bind(decoder(self.btf, found.type))
            raw = self.take(f"{size * found.count}s")
            return (
                f"[{one}(e) for e in ({raw}[i:i + {size}] for i in range(0, {size * found.count}, {size}))]"
            )
        return f"[{', '.join(self.value(found.type) for _ in range(found.count))}]"

    def structure(self, type_id: int, found: Type) -> str:
        """A struct member by member where its members lie side by side, else as a union."""
        members = list(fields(self.btf, found).values())
        sizes = [self.btf.size_of(member.type) for member in members]
        end = 0
        for member, size in zip(members, sizes, strict=True):
            if member.bits or member.bit_offset % 8 or member.bit_offset < end:
                return self.overlapping(type_id, found)
            end = member.bit_offset + 8 * size
        expressions = []
        position = 0
        for member, size in zip(members, sizes, strict=True):
            self.skip(member.bit_offset // 8 - position)
            expressions.append(self.value(member.type))
            position = member.bit_offset // 8 + size
        self.skip(found.size - position)
        made = self.bind(self.record_class(type_id, [member.name for member in members]))
        self.outermost = (made, ", ".join(expressions))
        return f"{made}({', '.join(expressions)})"

    def overlapping(self, type_id: int, found: Type) -> str:
        """A union, or a struct with bit fields: every member decodes the same bytes by itself."""
        members = list(fields(self.btf, found).values())
        getters = [_member_getter(self.btf, member) for member in members]
        made = self.record_class(type_id, [member.name for member in members])
        raw = self.take(f"{found.size}s")
        make, get = self.bind(made), self.bind(getters)
        return f"(lambda raw: {make}(*[g(raw) for g in {get}]))({raw})"


_EXPRESSIONS: dict[int, Callable[[_Compiler, int, Type], str]] = {
    kinds.INT: _Compiler.integer,
    kinds.PTR: _Compiler.pointer,
    kinds.FLOAT: _Compiler.floating,
    kinds.ENUM: _Compiler.enumeration,
    kinds.ENUM64: _Compiler.enumeration,
    kinds.ARRAY: _Compiler.array,
    kinds.STRUCT: _Compiler.structure,
    kinds.UNION: _Compiler.overlapping,
    kinds.DATASEC: _Compiler.structure,
}


def is_char(element: Type) -> bool:
    """Whether an array of this one-byte INT is text: C's ``char`` (Zig's ``c_char``)."""
    return element.name in ("char", "c_char") or bool(element.encoding & kinds.CHAR)


def fields(btf: Btf, found: Type) -> dict[str, Member]:
    """The attributes of a struct's, union's or data section's class, each with its member, by offset."""
    members = found.members
    if found.kind == kinds.DATASEC:
        variables = [(btf.get(variable), offset) for variable, offset, _ in found.variables]
        members = [Member(variable.name, variable.type, 8 * offset) for variable, offset in variables]
    members = sorted(members, key=lambda member: member.bit_offset)
    return dict(zip(field_names([member.name for member in members]), members, strict=True))


def inside(btf: Btf, found: Type) -> dict[str, tuple[list[str], Member]]:
    """What the unnamed structs and unions in a struct hold, as C reads it: name -> (attributes on the way, member).

    The member's offset is that in the whole. A name that the struct itself has is not among them.
    """
    own = fields(btf, found)
    reached: dict[str, tuple[list[str], Member]] = {}
    for field, member in own.items():
        _, inner = btf.resolve(member.type)
        if member.name or inner is None or inner.kind not in (kinds.STRUCT, kinds.UNION):
            continue
        direct = {name: ([field], one) for name, one in fields(btf, inner).items() if one.name}
        deeper = {name: ([field, *path], one) for name, (path, one) in inside(btf, inner).items()}
        for name, (path, one) in {**deeper, **direct}.items():
            if name not in own and name not in reached:
                at = member.bit_offset + one.bit_offset
                reached[name] = path, Member(one.name, one.type, at, one.bits)
    return reached


def _member_getter(btf: Btf, member: Member) -> Callable[[bytes], Any]:
    start = member.bit_offset // 8
    if not member.bits:
        one = decoder(btf, member.type)
        return lambda raw: one(raw[start:])
    size, shift, signed = _bit_field(btf, member)
    mask, sign = (1 << member.bits) - 1, 1 << (member.bits - 1)

    def bit_field(raw: bytes) -> int:
        value = int.from_bytes(raw[start : start + size], btf.endian) >> shift & mask  # type: ignore[arg-type]
        return value - (mask + 1) if signed and value & sign else value

    return bit_field


def _bit_field(btf: Btf, member: Member) -> tuple[int, int, bool]:
    """How many bytes a bit field touches, how many bits are below it in them, and whether it has a sign."""
    _, found = btf.resolve(member.type)
    assert found is not None
    signed = bool(found.encoding & kinds.SIGNED) if found.kind == kinds.INT else found.flag
    size = -(-(member.bit_offset % 8 + member.bits) // 8)
    shift = member.bit_offset % 8
    if btf.endian == "big":  # bit offsets count from the most significant bit
        shift = size * 8 - shift - member.bits
    return size, shift, signed


def encode(btf: Btf, type_id: int, value: Any, name: str = "value") -> bytes:
    """The bytes of ``value`` as a value of the type.

    Structs take an instance of their class, a dict (what it leaves out is zero) or a sequence; arrays a
    sequence of as many values, those of bytes also bytes or str, which may be shorter: zeros follow.
    Raises Error, with ``name`` in it, where the value does not fit the type.
    """
    _, found = btf.resolve(type_id)
    encode_kind = _ENCODERS.get(found.kind) if found is not None else None
    if found is None or encode_kind is None:
        raise Error(f"{name}: a value of type {btf.describe(type_id)} cannot be encoded")
    try:
        return encode_kind(btf, found, value, name)
    except (AttributeError, TypeError, ValueError, OverflowError, struct.error) as error:
        raise Error(f"{name}: {value!r} does not fit {_range(btf, found)}") from error


def encoder(btf: Btf, type_id: int, name: str = "value") -> Callable[[Any], bytes]:
    """A function from a value of the type to its bytes, with ``name`` in its errors; fast for plain integers."""
    _, found = btf.resolve(type_id)
    if found is None or found.kind != kinds.INT or found.size not in _INTEGER or found.encoding & kinds.BOOL:
        return lambda value: encode(btf, type_id, value, name)
    code = _INTEGER[found.size]
    pack = struct.Struct(ORDER[btf.endian] + (code if found.encoding & kinds.SIGNED else code.upper())).pack

    def encode_integer(value: Any) -> bytes:
        try:
            return pack(value)
        except struct.error:
            return encode(btf, type_id, value, name)

    return encode_integer


def _range(btf: Btf, found: Type) -> str:
    name = found.name or kinds.KIND_NAMES[found.kind].lower()
    if found.kind != kinds.INT or found.encoding & kinds.BOOL:
        return f"the type {name}" if found.kind != kinds.ARRAY else btf.describe(btf.types.index(found))
    bits = found.size * 8
    low, high = (
        (-(1 << bits - 1), (1 << bits - 1) - 1) if found.encoding & kinds.SIGNED else (0, (1 << bits) - 1)
    )
    return f"{name} ({low} to {high})"


def _encode_integer(btf: Btf, found: Type, value: Any, _: str) -> bytes:
    if found.encoding & kinds.BOOL and value not in (0, 1):
        raise ValueError
    signed = bool(found.encoding & kinds.SIGNED)
    return _index(value).to_bytes(found.size, btf.endian, signed=signed)  # type: ignore[arg-type]


def _index(value: Any) -> int:
    """An int, and nothing that would have to be rounded to one."""
    return value.__index__()  # type: ignore[no-any-return]


def _encode_enum(btf: Btf, found: Type, value: Any, _: str) -> bytes:
    if isinstance(value, str):
        numbers = dict(found.values)
        if value not in numbers:
            raise ValueError
        value = numbers[value]
    return _index(value).to_bytes(found.size, btf.endian, signed=found.flag)  # type: ignore[arg-type]


def _encode_pointer(btf: Btf, _: Type, value: Any, __: str) -> bytes:
    return _index(value).to_bytes(8, btf.endian)  # type: ignore[arg-type]


def _encode_float(btf: Btf, found: Type, value: Any, _: str) -> bytes:
    return struct.pack(ORDER[btf.endian] + _FLOAT[found.size], value)


def _encode_array(btf: Btf, found: Type, value: Any, name: str) -> bytes:
    size = btf.size_of(found.type)
    if isinstance(value, str):
        value = value.raw if isinstance(value, EscapedText) else value.encode()
    if isinstance(value, (bytes, bytearray, memoryview)) and size == 1:
        if len(value) > found.count:
            raise ValueError
        return bytes(value).ljust(found.count, b"\0")
    items = list(value)
    if len(items) != found.count:
        raise Error(
            f"{name}: {found.count} values are wanted for {btf.describe(btf.types.index(found))}, not {len(items)}"
        )
    return b"".join(encode(btf, found.type, item, f"{name}[{i}]") for i, item in enumerate(items))


def _encode_struct(btf: Btf, found: Type, value: Any, name: str) -> bytes:
    members = fields(btf, found)
    if isinstance(value, Record):
        value = {field: getattr(value, field) for field in value._fields}
    elif not isinstance(value, dict):
        items = list(value)
        if len(items) != len(members):
            raise ValueError
        value = dict(zip(members, items, strict=True))
    raw = bytearray(found.size)
    for field, item in value.items():
        member = members.get(field) or inside(btf, found).get(field, (None, None))[1]
        if member is None:
            known = ", ".join(sorted({**members, **inside(btf, found)}))
            raise Error(f"{name}: {found.name or 'the struct'} has no member '{field}'; it has {known}")
        part = encode(btf, member.type, item, f"{name}.{field}")
        start = member.bit_offset // 8
        if member.bits:
            part = _with_bit_field(btf, member, bytes(raw[start:]), part, f"{name}.{field}")
        raw[start : start + len(part)] = part
    return bytes(raw)


def _with_bit_field(btf: Btf, member: Member, old: bytes, value: bytes, name: str) -> bytes:
    """The bytes that a bit field touches, from ``old``, with ``value``, which is as wide as the member's type."""
    size, shift, signed = _bit_field(btf, member)
    number = int.from_bytes(value, btf.endian, signed=signed)  # type: ignore[arg-type]
    low, high = (-1 << member.bits - 1, (1 << member.bits - 1) - 1) if signed else (0, (1 << member.bits) - 1)
    if not low <= number <= high:
        raise Error(f"{name}: {number} does not fit a bit field of {member.bits} bits ({low} to {high})")
    mask = (1 << member.bits) - 1
    rest = int.from_bytes(old[:size], btf.endian) & ~(mask << shift)  # type: ignore[arg-type]
    return (rest | (number & mask) << shift).to_bytes(size, btf.endian)  # type: ignore[arg-type]


_ENCODERS: dict[int, Callable[[Btf, Type, Any, str], bytes]] = {
    kinds.INT: _encode_integer,
    kinds.PTR: _encode_pointer,
    kinds.FLOAT: _encode_float,
    kinds.ENUM: _encode_enum,
    kinds.ENUM64: _encode_enum,
    kinds.ARRAY: _encode_array,
    kinds.STRUCT: _encode_struct,
    kinds.UNION: _encode_struct,
}
