"""CO-RE: the SDK's markers become `.BTF.ext` records on minimal types made for them.

One struct (or union, enum, typedef) for each name that markers ask for, with every member that any of them
names, laid out naturally. Each marked instruction gets the value that this layout gives, because
libbpf checks it before it patches ("unexpected insn ... got 0, exp 4").
"""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.btf.types import Member, Type
from pyzbpf.errors import ObjectError
from pyzbpf.finish import marker
from pyzbpf.finish.analysis.roles import fault
from pyzbpf.finish.code import TYPE_ID_KINDS, Core
from pyzbpf.finish.scalars import Scalars
from pyzbpf.insn.instruction import LD_IMM64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.code import Function, Instruction
    from pyzbpf.finish.marker import Request, Shape, Step
    from pyzbpf.finish.unit import Unit

MARK = "core"
# Letters of types that have members or values of their own, by what markers call them.
_COMPOSITES = {"struct": "S", "union": "U", "enum": "E"}

# enum bpf_core_relo_kind of linux/bpf.h.
(BYTE_OFFSET, BYTE_SIZE, FIELD_EXISTS, SIGNED, LSHIFT, RSHIFT, TYPE_ID_LOCAL, TYPE_ID_TARGET,
 TYPE_EXISTS, TYPE_SIZE, ENUM_EXISTS, ENUM_VALUE, TYPE_MATCHES) = range(13)  # fmt: skip
_FIELD_KINDS = range(BYTE_OFFSET, RSHIFT + 1)
_LOAD_CLASSES = (1, 2, 3)  # LDX, ST, STX


def run(unit: Unit) -> None:
    marked = [
        (function, instruction, marker.parse_core(mark.text))
        for function, instruction in unit.code.instructions()
        for mark in instruction.marks
        if mark.kind == MARK
    ]
    if not marked:
        return
    types = _Types(unit)
    for function, instruction, request in marked:
        _learn(unit, types, function, instruction, request)
    types.make()
    for _, instruction, request in marked:
        _record(unit, types, instruction, request)
        instruction.marks = [mark for mark in instruction.marks if mark.kind != MARK]


def _learn(unit: Unit, types: _Types, function: Function, instruction: Instruction, request: Request) -> None:
    try:
        types.learn(request)
    except ObjectError as error:
        raise fault(unit, function, instruction, error.message, error.advice or "") from error


class _Composite:
    """A struct, union, enum or typedef under construction, and later its BTF type.

    ``shape`` is an enum's number type, or what a typedef is of: that is ``target``, where it has members or values.
    """

    def __init__(self, kind: str, name: str) -> None:
        self.kind = kind
        self.name = name
        self.shapes: dict[str, Shape] = {}
        self.inner: dict[str, _Composite] = {}  # of members that are structs or unions themselves
        self.numbers: dict[str, int] = {}
        self.shape: Shape | None = None
        self.target: _Composite | None = None
        self.flexible = ""  # the array without a length of which elements are asked for
        self.offsets: dict[str, int] = {}
        self.size = 0
        self.align = 1
        self.type_id = 0

    def index(self, name: str) -> int:
        return list(self.shapes).index(name)


class _Types:
    """The types that the markers of one object ask for."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.roots: dict[tuple[str, str], _Composite] = {}
        self.scalars = Scalars(unit)
        self.pointers: dict[int, int] = {}  # by the type that they point to

    def root(self, request: Request) -> _Composite:
        return self.named(request.root_kind, request.root_name)

    def named(self, kind: str, name: str) -> _Composite:
        if (kind, name) not in self.roots:
            self.roots[kind, name] = _Composite(kind, name)
        return self.roots[kind, name]

    def learn(self, request: Request) -> None:
        """Add the members that a marker names; the same member described in two ways is an error."""
        home = self.root(request)
        if request.root_kind == "T":
            home = self._typedef(home, request.root_shape)
        if home.kind == "E":
            home.shape = request.root_shape
            for step in request.steps:
                home.numbers[step.name] = step.number or 0
            return
        if request.kind == TYPE_MATCHES:  # its steps are all members, not a way
            for step in request.steps:
                self._member(home, step)
            return
        place: _Composite | None = home
        owner, last = home, None
        for step in request.steps:
            if step.index >= 0:
                if last is not None:
                    self._element(owner, last)
                last = None
                continue
            if place is None:
                raise ObjectError(f"'{step.name}' is no member of a struct")
            owner, last = place, step
            place = self._member(place, step)

    def _typedef(self, home: _Composite, shape: Shape | None) -> _Composite:
        """What a typedef is of, if that has members or values."""
        if home.shape is not None and home.shape != shape:
            raise ObjectError(
                f"the typedef '{home.name}' is declared in two ways that do not agree",
                advice=f"declare it once, or the other one as a flavour: `{home.name}___other`",
            )
        home.shape = shape
        kind = _COMPOSITES.get(shape.kind) if shape is not None else None
        if home.target is None and shape is not None and kind is not None:
            home.target = self.named(kind, shape.name) if shape.name else _Composite(kind, "")
            home.inner[""] = home.target
        return home.target or home

    def _element(self, owner: _Composite, step: Step) -> None:
        """An element is asked for of a member: an array without a length must be the last for that (is_flex_arr)."""
        shape = step.shape
        if shape is None or shape.kind != "array" or shape.count:
            return
        if owner.flexible not in ("", step.name):
            raise ObjectError(
                f"elements of '{owner.flexible}' and of '{step.name}' are asked for, and only the last member of a "
                "struct can be an array without a length",
                advice=f"declare one of them in a flavour: `{owner.name or 'name'}___other`",
            )
        owner.flexible = step.name

    def _member(self, home: _Composite, step: Step) -> _Composite | None:
        shape = step.shape
        assert shape is not None
        known = home.shapes.setdefault(step.name, shape)
        if known != shape:
            raise ObjectError(
                f"'{home.name or 'a struct'}.{step.name}' is declared in two ways that do not agree",
                advice="declare each kernel type once, or the other one as a flavour: `task_struct___other`",
            )
        while shape.kind == "array" and shape.element is not None:
            shape = shape.element
        if shape.kind not in ("struct", "union"):
            return None
        kind = _COMPOSITES[shape.kind]
        return home.inner.setdefault(step.name, _Composite(kind, shape.name))

    def make(self) -> None:
        """Lay the types out and add them to the BTF, in the order first asked for."""
        for composite in list(self.roots.values()):
            self._make(composite)

    def _make(self, composite: _Composite) -> int:
        if composite.type_id:
            return composite.type_id
        if composite.kind == "E":
            composite.type_id = self._make_enum(composite)
            composite.size = composite.shape.size if composite.shape else 4
            return composite.type_id
        if composite.kind == "T":
            assert composite.shape is not None
            target, composite.size, composite.align = self._shape(composite, "", composite.shape)
            composite.type_id = self.unit.add_type(Type(kinds.TYPEDEF, composite.name, type=target))
            return composite.type_id
        made = Type(kinds.STRUCT if composite.kind == "S" else kinds.UNION, composite.name)
        composite.type_id = self.unit.add_type(made)
        composite.shapes = dict(
            sorted(composite.shapes.items(), key=lambda item: item[0] == composite.flexible)
        )
        end = 0
        for name, shape in composite.shapes.items():
            type_id, size, align = self._shape(composite, name, shape)
            offset = 0 if composite.kind == "U" else -(-end // align) * align
            composite.offsets[name] = offset
            made.members.append(Member(name, type_id, 8 * offset, shape.bits))
            end = max(end, offset + size)
            composite.align = max(composite.align, align)
        made.size = composite.size = -(-end // composite.align) * composite.align
        return composite.type_id

    def _shape(self, home: _Composite, name: str, shape: Shape) -> tuple[int, int, int]:
        """(type id, size, alignment) of a member's type."""
        if shape.kind in ("struct", "union"):
            inner = home.inner[name]
            return self._make(inner), inner.size, inner.align
        if shape.kind == "array" and shape.element is not None:
            element_id, size, align = self._shape(home, name, shape.element)
            array = Type(kinds.ARRAY)
            array.type, array.count = element_id, shape.count
            array.index_type = self.scalars.id("integer", 4)
            return self.unit.add_type(array), size * shape.count, align
        if shape.kind == "pointer":
            return self._pointer(shape.element), 8, 8
        if shape.kind == "enum" and (shape.name or name in home.inner):
            return (
                (self._make(home.inner[name]) if name in home.inner else self._enum(shape)),
                shape.size,
                shape.size,
            )
        return self.scalars.id(shape.kind, shape.size, signed=shape.signed), shape.size, max(shape.size, 1)

    def _pointer(self, target: Shape | None) -> int:
        """A pointer says what it points to: type matching compares that, by name."""
        target_id = self._target(target) if target is not None else 0
        if target_id not in self.pointers:
            self.pointers[target_id] = self.unit.add_type(Type(kinds.PTR, type=target_id))
        return self.pointers[target_id]

    def _target(self, shape: Shape) -> int:
        if shape.kind in ("struct", "union"):
            kind = _COMPOSITES[shape.kind]
            return self._make(self.named(kind, shape.name)) if shape.name else 0
        if shape.kind == "pointer":
            return self._pointer(shape.element)
        if shape.kind == "function":
            made = Type(kinds.FUNC_PROTO, type=self._target(shape.element) if shape.element else 0)
            made.parameters = [
                (f"arg{number}", self._target(found)) for number, found in enumerate(shape.parameters)
            ]
            return self.unit.add_type(made)
        if shape.kind in ("void", "foreign"):
            return 0
        return (
            self._enum(shape) if shape.name else self.scalars.id(shape.kind, shape.size, signed=shape.signed)
        )

    def _enum(self, shape: Shape) -> int:
        enum = self.named("E", shape.name)
        enum.shape = enum.shape or shape
        return self._make(enum)

    def _make_enum(self, composite: _Composite) -> int:
        shape = composite.shape
        wide = shape is not None and shape.size == 8
        made = Type(kinds.ENUM64 if wide else kinds.ENUM, composite.name, size=shape.size if shape else 4)
        made.flag = bool(shape and shape.signed)
        made.values = list(composite.numbers.items())
        return self.unit.add_type(made)


def _record(unit: Unit, types: _Types, instruction: Instruction, request: Request) -> None:
    """Hang the record on the instruction and write the local value into it."""
    home = types.root(request)
    if request.root_kind == "E":
        names = list(home.numbers)
        path = str(names.index(request.steps[0].name)) if request.steps else "0"
        number = home.numbers[request.steps[0].name] if request.steps else 0
    elif request.kind in _FIELD_KINDS:
        path = _path(home.target or home, request.steps)
        number = 0
    else:
        path, number = "0", 0
    value = _value(unit, home, request, number)
    instruction.core = Core(home.type_id, path, request.kind)
    if instruction.opcode == LD_IMM64:
        instruction.immediate, instruction.high = _signed(value), _signed(value >> 32)
    elif instruction.opcode & 7 in _LOAD_CLASSES:
        instruction.offset = value
    else:
        instruction.immediate = _signed(value)


def _signed(value: int) -> int:
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


def _path(home: _Composite, steps: list[Step]) -> str:
    parts = ["0"]
    place: _Composite | None = home
    for step in steps:
        if step.index >= 0:
            parts.append(str(step.index))
        else:
            assert place is not None
            parts.append(str(place.index(step.name)))
            place = place.inner.get(step.name)
    return ":".join(parts)


def _value(unit: Unit, home: _Composite, request: Request, number: int) -> int:
    """What the made layout answers; libbpf compares it for the kinds that it checks."""
    if request.kind in (TYPE_EXISTS, TYPE_MATCHES, ENUM_EXISTS, FIELD_EXISTS):
        return 1
    if request.kind == ENUM_VALUE:
        return number
    if request.kind == TYPE_SIZE:
        return home.size
    if request.kind in TYPE_ID_KINDS:
        return home.type_id  # again when the object is written: ids move
    offset, size, shape = _place(home.target or home, request.steps)
    bits = shape.bits or 8 * size
    shift = 64 - bits if unit.image.endian == "little" else 8 * (8 - size)
    return {
        BYTE_OFFSET: offset,
        BYTE_SIZE: size,
        SIGNED: int(shape.signed),
        LSHIFT: shift,
        RSHIFT: 64 - bits,
    }[request.kind]


def _place(home: _Composite, steps: list[Step]) -> tuple[int, int, Shape]:
    """(byte offset, size, shape) of the field at the end of a path."""
    offset, place, shape = 0, home, marker.Shape("struct")
    size = home.size
    for step in steps:
        if step.index >= 0:
            assert shape.element is not None
            shape = shape.element
            size = _size(place, shape)
            offset += step.index * size
        else:
            offset += place.offsets[step.name]
            shape = place.shapes[step.name]
            place = place.inner.get(step.name, place)
            size = _size(place, shape)
    return offset, size, shape


def _size(inner: _Composite, shape: Shape) -> int:
    if shape.kind == "array" and shape.element is not None:
        return shape.count * _size(inner, shape.element)
    if shape.kind in ("struct", "union"):
        return inner.size
    return 8 if shape.kind == "pointer" else shape.size
