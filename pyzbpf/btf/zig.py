"""BTF -> Zig declarations with only the members that are wanted, for `bpf.core` to read."""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.btf.codec import is_char
from pyzbpf.errors import NotFoundError, ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pyzbpf.btf.decode import Btf
    from pyzbpf.btf.types import Member, Type

_KEYWORDS = frozenset((
    "addrspace", "align", "allowzero", "and", "anyframe", "anytype", "asm", "break", "callconv",
    "catch", "comptime", "const", "continue", "defer", "else", "enum", "errdefer", "error", "export",
    "extern", "fn", "for", "if", "inline", "linksection", "noalias", "noinline", "nosuspend", "opaque",
    "or", "orelse", "packed", "pub", "resume", "return", "struct", "suspend", "switch", "test",
    "threadlocal", "try", "type", "union", "unreachable", "var", "volatile", "while",
))  # fmt: skip
_COMPOSITE = (kinds.STRUCT, kinds.UNION)
_DECLARED = (*_COMPOSITE, kinds.ENUM, kinds.ENUM64)


class Wish:
    """What is wanted of a type: members by name, each with what is wanted of its own type."""

    def __init__(self) -> None:
        self.members: dict[str, Wish] = {}

    def add(self, path: str) -> None:
        """Add a dotted path of member names."""
        place = self
        for name in path.split("."):
            place = place.members.setdefault(name, Wish())


def parse(text: str) -> tuple[str, Wish]:
    """``"task_struct:pid,mm.start_code"`` -> the type's name and what is wanted of it."""
    name, _, paths = text.partition(":")
    wish = Wish()
    for path in filter(None, paths.split(",")):
        wish.add(path.strip())
    return name.strip(), wish


def declarations(btf: Btf, wishes: Iterable[tuple[str, Wish]]) -> Iterator[str]:
    """Zig source lines that declare the types; a type without a list of members gets all it has.

    Raises NotFoundError for a type or member that the BTF does not have, with names that are near.
    """
    writer = _Writer(btf)
    for name, wish in wishes:
        writer.want(name, wish)
    yield from writer.lines()


class _Writer:
    def __init__(self, btf: Btf) -> None:
        self.btf = btf
        self.wanted: dict[int, Wish] = {}  # by type id, in the order first met
        self.whole: set[int] = set()  # ids of those of which all is wanted
        self.typedefs: dict[int, Wish] = {}

    def want(self, name: str, wish: Wish) -> None:
        found = next(
            (type_id for kind in _DECLARED if (type_id := self.btf.find(name, kind))),
            0,
        )
        typedef = self.btf.find(name, kinds.TYPEDEF) if not found else 0
        if typedef:
            self._below(typedef, wish, self.typedefs.setdefault(typedef, Wish()))
            return
        if not found:
            wanted = (*_DECLARED, kinds.TYPEDEF)
            known = (t.name for t in self.btf.types if t is not None and t.kind in wanted and t.name)
            raise NotFoundError(
                f"the BTF has no struct, union, enum or typedef '{name}'{_near(name, {n for n in known if n[:1] == name[:1]})}",
                symbol=name,
            )
        self._merge(found, wish)

    def _merge(self, type_id: int, wish: Wish) -> None:
        """Note what is wanted of a type with a name; nothing in particular means all."""
        known = self.wanted.setdefault(type_id, Wish())
        if not wish.members:
            if type_id in self.whole:
                return
            self.whole.add(type_id)
        found = self.btf.get(type_id)
        if found.kind in _COMPOSITE:
            self._inside(found, wish, known)

    def _inside(self, found: Type, wish: Wish, known: Wish) -> None:
        """Note the members wanted of a struct or union, and what is wanted of their types."""
        everything = (member.name for member in self._flat(found) if member.name)
        for name in wish.members or everything:
            member = self._member(found, name)
            inner = known.members.setdefault(name, Wish())
            self._below(member.type, wish.members.get(name, Wish()), inner)

    def _below(self, type_id: int, wish: Wish, inner: Wish) -> None:
        """What is wanted of a member's type: all of a struct that lies in it, of others only what is named."""
        real_id, found = self._element(type_id)
        if found is not None and found.kind == kinds.PTR and wish.members:
            real_id, found = self.btf.resolve(found.type)
            if found is not None and found.kind in _COMPOSITE and found.name:
                self._merge(real_id, wish)
                return
        elif found is not None and found.kind in _COMPOSITE:
            if found.name:
                self._merge(real_id, wish)
            else:
                self._inside(found, wish, inner)
            return
        if wish.members:
            raise ObjectError(
                f"'{next(iter(wish.members))}' is wanted of {self.btf.describe(type_id)}, which has no members"
            )

    def _element(self, type_id: int) -> tuple[int, Type | None]:
        """What an array holds; any other type itself."""
        real_id, found = self.btf.resolve(type_id)
        while found is not None and found.kind == kinds.ARRAY:
            real_id, found = self.btf.resolve(found.type)
        return real_id, found

    def _flat(self, found: Type) -> Iterator[Member]:
        """Members, those of anonymous members among them: CO-RE finds them there."""
        for member in found.members:
            _, inner = self.btf.resolve(member.type)
            if not member.name and inner is not None and inner.kind in _COMPOSITE:
                yield from self._flat(inner)
            else:
                yield member

    def _member(self, found: Type, name: str) -> Member:
        members = {member.name: member for member in self._flat(found)}
        if name not in members:
            owner = self.btf.describe(self.btf.types.index(found))
            raise NotFoundError(f"{owner} has no member '{name}'{_near(name, members)}", symbol=name)
        return members[name]

    def lines(self) -> Iterator[str]:
        for type_id, wish in self.wanted.items():
            found = self.btf.get(type_id)
            if found.kind in (kinds.ENUM, kinds.ENUM64):
                yield from self._enum(found)
            else:
                head = "struct" if found.kind == kinds.STRUCT else "union"
                yield f"pub const {identifier(found.name)} = extern {head} {{"
                yield from self._members(found, wish, "    ")
                yield "};"
        for type_id, wish in self.typedefs.items():
            name = self.btf.get(type_id).name
            yield f'pub const {identifier(name)} = bpf.core.Typedef("{name}", {self._zig(type_id, wish, "")});'

    def _enum(self, found: Type) -> Iterator[str]:
        sign = "i" if found.flag else "u"
        yield f"pub const {identifier(found.name)} = enum({sign}{8 * found.size}) {{"
        seen = set()
        for name, value in found.values:
            if value not in seen:  # Zig knows no second name for a number
                seen.add(value)
                yield f"    {identifier(name)} = {value},"
        yield "    _,"  # the kernel may know more
        yield "};"

    def _members(self, found: Type, wish: Wish, indent: str) -> Iterator[str]:
        for name, inner in wish.members.items():
            member = self._member(found, name)
            text = self._zig(member.type, inner, indent)
            if member.bits:
                text = f"bpf.core.Bits({text}, {member.bits})"
            yield f"{indent}{identifier(name)}: {text},"

    def _zig(self, type_id: int, wish: Wish, indent: str) -> str:
        real_id, found = self.btf.resolve(type_id)
        if found is not None and found.kind in _WRITERS:
            return _WRITERS[found.kind](self, real_id, found, wish, indent)
        raise ObjectError(
            f"{self.btf.describe(type_id)} has no form in Zig",
            section=".BTF",
            advice="a member is never of such a type: is the file BTF of a kernel?",
        )

    def _integer(self, _: int, found: Type, __: Wish, ___: str) -> str:
        if found.encoding & kinds.BOOL:
            return "bool"
        return f"{'i' if found.encoding & kinds.SIGNED else 'u'}{8 * found.size}"

    def _enumeration(self, type_id: int, found: Type, _: Wish, __: str) -> str:
        """An enum for CO-RE, which takes no integer for one; its names only where they were wanted."""
        if type_id in self.wanted:
            return identifier(found.name)
        return f"enum({'i' if found.flag else 'u'}{8 * found.size}) {{ _ }}"

    def _pointer(self, _: int, found: Type, __: Wish, ___: str) -> str:
        target, pointee = self.btf.resolve(found.type)
        declared = target in self.wanted and pointee is not None and pointee.kind in _COMPOSITE
        return f"?*{identifier(pointee.name)}" if declared and pointee is not None else "?*anyopaque"

    def _array(self, _: int, found: Type, wish: Wish, indent: str) -> str:
        _, element = self.btf.resolve(found.type)
        if element is not None and element.kind == kinds.INT and element.size == 1 and is_char(element):
            return f"bpf.Text({found.count})"
        return f"[{found.count}]{self._zig(found.type, wish, indent)}"

    def _composite(self, type_id: int, found: Type, wish: Wish, indent: str) -> str:
        if type_id in self.wanted:
            return identifier(found.name)
        head = "struct" if found.kind == kinds.STRUCT else "union"
        body = "".join(f"{line}\n" for line in self._members(found, wish, indent + "    "))
        return f"extern {head} {{\n{body}{indent}}}"


_WRITERS: dict[int, Callable[[_Writer, int, Type, Wish, str], str]] = {
    kinds.INT: _Writer._integer,
    kinds.FLOAT: lambda _, __, found, ___, ____: f"f{8 * found.size}",
    kinds.ENUM: _Writer._enumeration,
    kinds.ENUM64: _Writer._enumeration,
    kinds.PTR: _Writer._pointer,
    kinds.ARRAY: _Writer._array,
    kinds.STRUCT: _Writer._composite,
    kinds.UNION: _Writer._composite,
}


def _near(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, [word for word in known if word], n=3)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def identifier(name: str) -> str:
    """The name as Zig takes it: keywords and primitive types in quotes."""
    primitive = name[:1] in ("u", "i", "f") and name[1:].isdigit()
    return f'@"{name}"' if name in _KEYWORDS or primitive else name
