"""Writes ``NAME_skel.py`` and ``NAME_skel.pyi``: a probe as a typed Python module.

The module is a door to `pyzbpf.spec.skeleton`; the stub says to type checkers and editors what the
object's type information says: events, keys and values of maps, variables, programs, enums.
"""

from __future__ import annotations

import re

from pyzbpf.btf import codec
from pyzbpf.btf import types as kinds
from pyzbpf.btf.record import field_names
from pyzbpf.spec.skeleton import classes, event_types
from pyzbpf.uapi import enums as e

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from pyzbpf.spec.model import MapSpec, ObjectSpec

SUFFIX = "_skel"
MODULE = '''"""The probe `{name}`. Written by pyzbpf when the package was built."""

from pyzbpf.spec.skeleton import Skeleton

_skeleton = Skeleton(__package__, "{name}"{docs})
open = _skeleton.open
__getattr__ = _skeleton.attribute
'''
# The mappings know their names, which is more than a mapping may, to pyright's standard mode; in the basic one it lets
# a stub be where it looks at a project's own files (`pyzbpf stubs`).
HEAD = '''# pyright: basic
"""The probe `{name}`. Written by pyzbpf when the package was built."""

import sys
from typing import Any, Literal, overload

from typing_extensions import Unpack

from pyzbpf import Object as _Object
from pyzbpf import ObjectSpec
from pyzbpf.btf.record import EnumValue, Record
from pyzbpf.runtime.program import Program as _Program
from pyzbpf.spec import typed
from pyzbpf.spec.model import ByName, MapSpec as _MapSpec, ProgramSpec as _ProgramSpec
'''
TAIL = """
class Spec(ObjectSpec):
    programs: _SpecPrograms
    maps: _SpecMaps
    variables: _SpecVariables  # type: ignore[assignment]
    def load(self, **options: Unpack[typed.LoadOptions]) -> Object: ...
    def __enter__(self) -> Spec: ...

class Object(_Object):
    programs: _ObjectPrograms
    maps: _ObjectMaps
    variables: _ObjectVariables  # type: ignore[assignment]
    def __enter__(self) -> Object: ...

def open(*, endian: str = sys.byteorder) -> Spec: ...
"""
# Type of map -> its face in `pyzbpf.spec.typed`, with the members of MapSpec that say what is in it.
MAPS = {
    e.BPF_MAP_TYPE_HASH: ("Map", ("key_type", "value_type")),
    e.BPF_MAP_TYPE_LRU_HASH: ("Map", ("key_type", "value_type")),
    e.BPF_MAP_TYPE_ARRAY: ("Array", ("value_type",)),
    e.BPF_MAP_TYPE_PERCPU_HASH: ("PerCpu", ("key_type", "value_type")),
    e.BPF_MAP_TYPE_LRU_PERCPU_HASH: ("PerCpu", ("key_type", "value_type")),
    e.BPF_MAP_TYPE_PERCPU_ARRAY: ("PerCpuArray", ("value_type",)),
    e.BPF_MAP_TYPE_QUEUE: ("Queue", ("value_type",)),
    e.BPF_MAP_TYPE_STACK: ("Queue", ("value_type",)),
    e.BPF_MAP_TYPE_RINGBUF: ("Stream", ("event_type",)),
    e.BPF_MAP_TYPE_PERF_EVENT_ARRAY: ("Stream", ("event_type",)),
}
# The same by `MapSpec.aggregate`, to the colon, and the type.
AGGREGATES = {
    ("counter", e.BPF_MAP_TYPE_PERCPU_ARRAY): ("Counter", ()),
    ("counter", e.BPF_MAP_TYPE_PERCPU_HASH): ("CounterBy", ("key_type",)),
    ("hist", e.BPF_MAP_TYPE_PERCPU_ARRAY): ("Histogram", ()),
    ("hist", e.BPF_MAP_TYPE_PERCPU_HASH): ("HistogramBy", ("key_type",)),
    ("stacks", e.BPF_MAP_TYPE_PERCPU_HASH): ("StackCounter", ()),
}

# Attributes of every EnumValue, in any release of Python. A value of such a name hides it in the class, not in its
# values: so neither type would be true.
OF_INT = frozenset(
    (
        "as_integer_ratio", "bit_count", "bit_length", "conjugate", "denominator", "from_bytes", "imag",
        "is_integer", "name", "numerator", "real", "to_bytes",
    )
)  # fmt: skip


def module_text(spec: ObjectSpec, comments: Mapping[str, str]) -> str:
    """The module of a probe: the same for all, but for the name and what the comments say of its types."""
    docs = _Stub(spec, comments).docs()
    lines = "".join(f"    {name!r}: {text!r},\n" for name, text in docs.items())
    return MODULE.format(name=spec.name, docs=f", {{\n{lines}}}" if docs else "")


def stub_text(spec: ObjectSpec, comments: Mapping[str, str] | None = None) -> str:
    """The stub of a probe's module.

    ``comments`` are doc comments of the source by what they stand before: "Event", "Event.pid",
    "only_uid" (`pyzbpf.build.comments`).
    """
    stub = _Stub(spec, comments or {})
    return HEAD.format(name=spec.name) + "\n".join(stub.lines()) + "\n" + TAIL


class _Stub:
    def __init__(self, spec: ObjectSpec, comments: Mapping[str, str]) -> None:
        self.spec = spec
        self.comments = comments
        self.names = {type_id: name for name, type_id in classes(spec).items()}
        # Type -> its other name, for classes that have a member called as the type is.
        self.aliases: dict[str, str] = {}

    def lines(self) -> Iterator[str]:
        for type_id in self.names:
            yield from self.definition(type_id)
        for name, alias in self.aliases.items():
            yield ""
            yield f"{alias} = {name}"
        spec = self.spec
        programs = dict.fromkeys(spec.programs)
        yield from self.by_name("_SpecPrograms", "_ProgramSpec", dict.fromkeys(programs, "_ProgramSpec"))
        yield from self.by_name("_SpecMaps", "_MapSpec", dict.fromkeys(spec.maps, "_MapSpec"))
        types = {name: self.annotation(found.type_id) for name, found in spec.variables.items()}
        yield from self.by_name(
            "_SpecVariables", "typed.VariableSpec[Any]",
            {name: f"typed.VariableSpec[{text}]" for name, text in types.items()},
        )  # fmt: skip
        yield from self.by_name("_ObjectPrograms", "_Program", dict.fromkeys(programs, "_Program"))
        yield from self.by_name(
            "_ObjectMaps", "Any", {name: self.map(found) for name, found in spec.maps.items()}
        )
        yield from self.by_name(
            "_ObjectVariables", "typed.Variable[Any]",
            {name: f"typed.Variable[{text}]" for name, text in types.items()},
        )  # fmt: skip

    def definition(self, type_id: int) -> Iterator[str]:
        """The class of a struct, union or enum."""
        assert self.spec.btf is not None
        found, name = self.spec.btf.get(type_id), self.names[type_id]
        yield ""
        if found.kind in (kinds.ENUM, kinds.ENUM64):
            yield f"class {name}(EnumValue):"
            yield from self.comment(found.name)
            for value in field_names([value for value, _ in found.values]):
                yield f"    {value}: {'Any' if value in OF_INT else name}"
            return
        fields = codec.fields(self.spec.btf, found)
        members = {field: self.annotation(member.type) for field, member in fields.items()}
        inside = {
            field: self.annotation(member.type)
            for field, (_, member) in codec.inside(self.spec.btf, found).items()
        }
        hidden = {*members, *inside}
        members = {field: self.visible(text, hidden) for field, text in members.items()}
        yield f"class {name}(Record):"
        yield from self.comment(found.name)
        for field, annotation in members.items():
            yield f"    {field}: {annotation}"
            yield from self.comment(f"{found.name}.{fields[field].name}")
        for field, text in inside.items():
            yield "    @property"
            yield f"    def {field}(self) -> {self.visible(text, hidden)}: ..."
        # A parameter whose default is no question: all fields are given, by place or by name.
        parameters = "".join(f", {field}: {annotation}" for field, annotation in members.items())
        yield f"    def __init__({'self' if 'self' not in members else 'self_'}{parameters}) -> None: ..."

    def visible(self, annotation: str, hidden: Collection[str]) -> str:
        """The annotation in a class whose members are called ``hidden``: there a type of such a name has another."""

        def other(found: re.Match[str]) -> str:
            name = found[0]
            return self.aliases.setdefault(name, f"_{name}_type") if name in hidden else name

        return re.sub(r"\w+", other, annotation)

    def docs(self) -> dict[str, str]:
        """What the comments say of the types and, in a line for each, of their members."""
        found = {}
        for type_id, name in self.names.items():
            assert self.spec.btf is not None
            type = self.spec.btf.get(type_id)
            notes = [self.comments[type.name]] if self.comments.get(type.name) else []
            fields = {} if type.kind in (kinds.ENUM, kinds.ENUM64) else codec.fields(self.spec.btf, type)
            about = [
                (field, self.comments.get(f"{type.name}.{member.name}")) for field, member in fields.items()
            ]
            notes += ["\n".join(f"{field}: {text}" for field, text in about if text)]
            if any(notes):
                found[name] = "\n\n".join(filter(None, notes))
        return found

    def by_name(self, name: str, base: str, items: Mapping[str, str]) -> Iterator[str]:
        """A mapping that knows its names: a misspelt one is an error to the type checker."""
        yield ""
        yield f"class {name}(ByName[{base}]):"
        if not items:
            yield "    ..."
        notes = [f"{item}: {text}" for item in items if (text := self.comments.get(item))]
        if notes:
            yield from _docstring("\n\n".join(notes))
        for number, (item, annotation) in enumerate(items.items()):
            ignore = "  # type: ignore[override]" if number == 0 else ""
            many = len(items) > 1
            if many:
                yield f"    @overload{ignore}"
            yield (
                f"    def __getitem__(self, name: Literal[{item!r}], /) -> {annotation}: ..."
                + ("" if many else ignore)
            )

    def map(self, found: MapSpec) -> str:
        if found.contents is not None:
            return "Any"
        plain = MAPS.get(found.type, ("", ()))
        face, contents = AGGREGATES.get((found.aggregate.partition(":")[0], found.type), plain)
        if not face:
            return "Any"
        types = ", ".join(
            " | ".join(map(self.annotation, event_types(self.spec, found)))
            if key == "event_type"
            else self.annotation(getattr(found, key))
            for key in contents
        )
        return f"typed.{face}[{types}]" if types else f"typed.{face}"

    def annotation(self, type_id: int) -> str:
        """How a value of the type is annotated: what `pyzbpf.btf.codec` makes of it."""
        btf = self.spec.btf
        if btf is None or not type_id:
            return "bytes"
        real_id, found = btf.resolve(type_id)
        if found is None:
            return "bytes"
        if real_id in self.names:
            name = self.names[real_id]
            return f"{name} | int" if found.kind in (kinds.ENUM, kinds.ENUM64) else name
        if found.kind == kinds.INT:
            return "bool" if found.encoding & kinds.BOOL else "int"
        if found.kind == kinds.ARRAY:
            _, element = btf.resolve(found.type)
            if element is not None and element.kind == kinds.INT and element.size == 1:
                return "str" if codec.is_char(element) else "bytes"
            return f"list[{self.annotation(found.type)}]"
        return {kinds.PTR: "int", kinds.FLOAT: "float"}.get(found.kind, "Any")

    def comment(self, subject: str) -> Iterator[str]:
        if self.comments.get(subject):
            yield from _docstring(self.comments[subject])


def _docstring(text: str) -> Iterator[str]:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\n    ").replace("    \n", "\n")
    yield f'    """{escaped}"""'
