"""The nouns of a parsed object: plain data, the same on every machine, never changed by loading.

An ObjectSpec says all that the object file says; nothing in it depends on a kernel. Setting a
variable or a map's size before loading is the only change that is meant to be made to it.
"""

from __future__ import annotations

import struct

from pyzbpf.errors import Error, ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Generic, TypeVar

    from typing_extensions import Unpack

    from pyzbpf.btf.decode import Btf
    from pyzbpf.runtime.object import Object
    from pyzbpf.spec.externs import ExternSpec
    from pyzbpf.spec.traps import TrapSpec
    from pyzbpf.spec.typed import LoadOptions

    Value = TypeVar("Value")

    class _Dict(dict[str, Value], Generic[Value]):
        """dict with a name for its nouns."""
else:

    class _Dict(dict):
        __class_getitem__ = classmethod(lambda cls, _: cls)


# The section of the variables that lie in the object's arena.
ARENA = ".addr_space.1"
# What LLVM makes of a switch for cpu v4: for each table 64-bit numbers, places of instructions in their section.
JUMP_TABLES = ".jumptables"

# BPF_MAP_TYPE_ARRAY_OF_MAPS and BPF_MAP_TYPE_HASH_OF_MAPS: their values are maps.
NESTED = frozenset((12, 13))

_NONE: Mapping[int, Sequence[int]] = {}

# What no noun is, and what a slip of the keyboard would put in its place.
_PLAIN = (int, float, str, bytes, bytearray, list, tuple, dict, set, type(None))


class ByName(_Dict["Value"]):
    """A mapping by name whose KeyError lists the names that exist."""

    __slots__ = ("noun",)

    def __init__(self, noun: str) -> None:
        super().__init__()
        self.noun = noun

    def __setitem__(self, name: str, value: Value) -> None:
        if isinstance(value, _PLAIN):  # spec.variables["x"] = 5
            raise TypeError(
                f"a {self.noun} cannot be replaced by {value!r}; to set it: …['{name}'].value = {value!r}"
                if self.noun == "variable"
                else f"a {self.noun} cannot be replaced by {value!r}; change its attributes"
            )
        super().__setitem__(name, value)

    def __missing__(self, name: str) -> Value:
        names = ", ".join(self) or "none"
        raise KeyError(f"no {self.noun} '{name}'; there is: {names}")


class Reference:
    """One instruction that names something else.

    ``offset`` is in bytes from the start of the function. ``kind`` is

    ======== ============================================== ==========================
    map      64-bit load of a map's descriptor              name of a map
    data     64-bit load of an address in a data map        name of a map, addend = offset in it
    call     call of another function of the object         name of a function
    function 64-bit load of a function's address (callback) name of a function
    extern   64-bit load of an undefined symbol             name of the symbol
    kfunc    call of an undefined symbol                    name of the symbol
    table    64-bit load of a jump table's address          name of the table, addend = offset in its section
    ======== ============================================== ==========================
    """

    __slots__ = ("addend", "kind", "name", "offset")

    def __init__(self, offset: int, kind: str, name: str, addend: int = 0) -> None:
        self.offset = offset
        self.kind = kind
        self.name = name
        self.addend = addend

    def __repr__(self) -> str:
        return f"Reference({self.offset}, {self.kind!r}, {self.name!r}, {self.addend})"


class FunctionSpec:
    """A function of the object: a program's entry or a subprogram.

    ``offset`` is its place in the section in bytes.
    ``instructions`` are the bytes as in the file, in the object's byte order. ``type_id`` is the
    BTF id of its FUNC (0: none). ``lines`` are (instruction index within the function, file-name
    offset, line-text offset, line << 10 | column), the offsets into the BTF strings. ``core`` are
    the CO-RE relocations: (byte offset within the function, BTF id of the root type, access path such
    as "0:1:2", kind 0 to 12 of enum bpf_core_relo_kind). ``exception_callback`` is the function that the
    kernel calls when the program throws ("": none). ``tables`` are the jump tables of its switches: offset in their
    section -> where each of its places leads to, as an instruction index within the function.
    """

    __slots__ = (
        "core", "exception_callback", "instructions", "lines", "name", "offset", "references", "section", "tables",
        "type_id",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        *,
        section: str,
        instructions: bytes,
        references: Sequence[Reference] = (),
        type_id: int = 0,
        lines: Sequence[tuple[int, int, int, int]] = (),
        core: Sequence[tuple[int, int, str, int]] = (),
        offset: int = 0,
        exception_callback: str = "",
        tables: Mapping[int, Sequence[int]] = _NONE,
    ) -> None:
        self.name = name
        self.section = section
        self.instructions = instructions
        self.references = references
        self.type_id = type_id
        self.lines = lines
        self.core = core
        self.offset = offset
        self.exception_callback = exception_callback
        self.tables = tables

    def __repr__(self) -> str:
        return f"<FunctionSpec {self.name} in {self.section}, {len(self.instructions) // 8} instructions>"


class ProgramSpec:
    """A program: its entry function and what its section name says.

    ``type`` and ``attach_type`` are ``BPF_PROG_TYPE_*`` and ``BPF_*`` attach-type numbers of
    ``linux/bpf.h`` (``attach_type`` None: the kind has none). ``kind`` is the row of the section
    table that matched ("tracepoint", "xdp", "socket", ...), ``target`` the rest of the section
    name ("sched/sched_process_exec") or "". ``flags`` are ``BPF_F_*`` of BPF_PROG_LOAD.
    Set ``autoload`` to False to leave the program out of load(), ``autoattach`` to leave it out
    of attach().
    """

    __slots__ = (
        "attach_type",
        "autoattach",
        "autoload",
        "flags",
        "kind",
        "name",
        "section",
        "target",
        "type",
    )

    def __init__(
        self,
        name: str,
        *,
        section: str,
        kind: str,
        type: int,
        attach_type: int | None,
        target: str = "",
        flags: int = 0,
        autoload: bool = True,
        autoattach: bool = True,
    ) -> None:
        self.name = name
        self.section = section
        self.kind = kind
        self.type = type
        self.attach_type = attach_type
        self.target = target
        self.flags = flags
        self.autoload = autoload
        self.autoattach = autoattach

    def __repr__(self) -> str:
        return f"<ProgramSpec {self.name} in {self.section}>"


class MapSpec:
    """A map: what BPF_MAP_CREATE is told, and what its bytes mean.

    Sizes are in bytes. ``type`` is a ``BPF_MAP_TYPE_*`` number, ``flags`` are ``BPF_F_*``.
    ``numa_node`` is where its memory shall be (None: anywhere).
    ``key_type``, ``value_type`` and ``event_type`` are BTF type ids (0: unknown); the last is what
    a ring or perf buffer carries, and ``lost_variables`` names the variables that count the events
    that found no room in it (none: nobody counts). ``event_is_tagged`` says that the event type is a struct of a tag
    and a union, and that each record is one member of it, cut behind that (`pyzbpf.events.variants`). ``aggregate`` is what the numbers of an aggregate of the
    SDK mean: "counter", "hist", "stacks:<name of the map of traces>", "perf_counters" (an array of them, no perf buffer), ""
    for any other map. ``contents`` are
    the initial bytes of a data map (``.rodata``, ``.data``, ``.bss``) or of an arena (None: there are none),
    and ``frozen`` says that user space may not change
    them after loading.

    ``inner`` is what the maps in a map of maps look like (None: it holds none). ``values`` are what is
    put into the map when it is made, by name: (index, map) for a map of maps, (index, program) for a
    program array, and for a struct_ops map (offset of the member, program), its other members being
    ``contents`` as the object lays them out. ``pinning`` 1 is by name (LIBBPF_PIN_BY_NAME): a map that is
    pinned there already is used, and a new one is pinned. Set ``autocreate`` to False to leave the map
    out of load(); a program that reaches for it is refused by the verifier.
    """

    __slots__ = (
        "aggregate",
        "autocreate",
        "contents",
        "event_is_tagged",
        "event_type",
        "flags",
        "frozen",
        "inner",
        "key_size",
        "key_type",
        "lost_variables",
        "map_extra",
        "max_entries",
        "name",
        "numa_node",
        "pinning",
        "section",
        "type",
        "value_size",
        "value_type",
        "values",
    )

    def __init__(
        self,
        name: str,
        *,
        section: str,
        type: int,
        key_size: int = 0,
        value_size: int = 0,
        max_entries: int = 0,
        flags: int = 0,
        map_extra: int = 0,
        pinning: int = 0,
        key_type: int = 0,
        value_type: int = 0,
        event_type: int = 0,
        event_is_tagged: bool = False,
        lost_variables: Sequence[str] = (),
        aggregate: str = "",
        contents: bytearray | None = None,
        frozen: bool = False,
        numa_node: int | None = None,
        inner: MapSpec | None = None,
        values: Sequence[tuple[int, str]] = (),
        autocreate: bool = True,
    ) -> None:
        self.name = name
        self.section = section
        self.type = type
        self.key_size = key_size
        self.value_size = value_size
        self.max_entries = max_entries
        self.flags = flags
        self.map_extra = map_extra
        self.pinning = pinning
        self.key_type = key_type
        self.value_type = value_type
        self.event_type = event_type
        self.event_is_tagged = event_is_tagged
        self.lost_variables = tuple(lost_variables)
        self.aggregate = aggregate
        self.contents = contents
        self.frozen = frozen
        self.numa_node = numa_node
        self.inner = inner
        self.values = list(values)
        self.autocreate = autocreate

    def copy(self) -> MapSpec:
        """A spec of its own; the bytes of ``contents`` are copied, too."""
        new = MapSpec(**{name: getattr(self, name) for name in MapSpec.__slots__})
        new.contents = None if self.contents is None else bytearray(self.contents)
        return new

    def __repr__(self) -> str:
        return (
            f"<MapSpec {self.name} type={self.type} key={self.key_size} value={self.value_size} "
            f"max_entries={self.max_entries}>"
        )


class VariableSpec:
    """A global variable: a place in a data map.

    ``offset`` and ``size`` are in bytes; ``type_id`` is its BTF type (0: unknown, then the value is
    bytes). Reading or setting ``value`` decodes or encodes that place before loading.
    """

    __slots__ = ("_btf", "map", "name", "offset", "size", "type_id")

    def __init__(
        self, name: str, *, map: MapSpec, offset: int, size: int, type_id: int, btf: Btf | None
    ) -> None:
        self.name = name
        self.map = map
        self.offset = offset
        self.size = size
        self.type_id = type_id
        self._btf = btf

    @property
    def value(self) -> Any:
        """The value it will be loaded with: int, bool, str, bytes, list or a struct's class."""
        assert self.map.contents is not None
        raw = bytes(self.map.contents[self.offset : self.offset + self.size])
        if self._btf is None or not self.type_id:
            return raw
        from pyzbpf.btf import codec  # for whoever looks at a value

        try:
            return codec.decode(self._btf, self.type_id, raw)
        except struct.error:
            raise ObjectError(
                f"has {self.size} bytes, its type {self._btf.describe(self.type_id)} more",
                section=self.map.name,
                symbol=self.name,
            ) from None

    @value.setter
    def value(self, value: Any) -> None:
        assert self.map.contents is not None
        if self._btf is None or not self.type_id:
            raw = bytes(memoryview(value))  # an int would mean so many zeros
        else:
            from pyzbpf.btf import codec

            raw = codec.encode(self._btf, self.type_id, value, self.name)
        if len(raw) != self.size:
            raise Error(f"variable '{self.name}' has {self.size} bytes, not {len(raw)}")
        self.map.contents[self.offset : self.offset + self.size] = raw

    def __repr__(self) -> str:
        return f"<VariableSpec {self.name} in {self.map.name}+{self.offset:#x}, {self.size} bytes>"


class ObjectSpec:
    """A parsed BPF object.

    ``endian`` is "little" or "big"; ``license`` what the object's ``license`` section says. The
    mappings are by name and in a fixed order; ``functions`` holds every function, the programs'
    entries included, ``externs`` what the object leaves to the kernel. ``traps`` are the places where
    a safety check may end a program, in the order of the source. ``btf`` is the object's type information (None: it has none).
    """

    __slots__ = (
        "btf",
        "endian",
        "externs",
        "file",
        "functions",
        "license",
        "maps",
        "name",
        "programs",
        "traps",
        "variables",
    )

    def __init__(
        self,
        name: str,
        *,
        file: str,
        endian: str,
        license: str,
        btf: Btf | None,
    ) -> None:
        self.name = name
        self.file = file
        self.endian = endian
        self.license = license
        self.btf = btf
        self.programs: ByName[ProgramSpec] = ByName("program")
        self.functions: ByName[FunctionSpec] = ByName("function")
        self.maps: ByName[MapSpec] = ByName("map")
        self.variables: ByName[VariableSpec] = ByName("variable")
        self.externs: ByName[ExternSpec] = ByName("extern")
        self.traps: Sequence[TrapSpec] = ()

    def load(self, **options: Unpack[LoadOptions]) -> Object:
        """Create the maps and load the programs; see `pyzbpf.runtime.object.load`."""
        from pyzbpf.runtime.object import load  # the one door from the spec up to the runtime

        return load(self, **options)

    def __enter__(self) -> ObjectSpec:
        return self

    def __exit__(self, *_: object) -> None:
        """A spec holds nothing that must be closed; `with` is there for symmetry with load()."""

    def __repr__(self) -> str:
        return f"<ObjectSpec {self.name} ({self.endian}): {', '.join(self.programs) or 'no program'}>"


__all__ = [
    "ARENA",
    "JUMP_TABLES",
    "NESTED",
    "ByName",
    "FunctionSpec",
    "MapSpec",
    "ObjectSpec",
    "ProgramSpec",
    "Reference",
    "VariableSpec",
]
