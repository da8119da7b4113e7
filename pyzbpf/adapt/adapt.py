"""A program of an object -> code, debug information and what is still to be filled in. Pure."""

from __future__ import annotations

from pyzbpf.adapt.functions import INSTRUCTION, Code, flatten
from pyzbpf.errors import ObjectError, UnsupportedError
from pyzbpf.uapi.enums import BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyzbpf.adapt.core import Relocator
    from pyzbpf.adapt.externs import Externs
    from pyzbpf.spec.model import FunctionSpec, ObjectSpec, ProgramSpec

    Line = tuple[int, int, int, int]


_NONE: Mapping[str, int] = {}


class ReadyProgram:
    """Code that lacks only map descriptors.

    ``references`` are (instruction index, "map", "data" or "table", name of the map, addend). ``func_info``
    are (index, BTF id of the function) and ``line_info`` (index, file name offset, line offset,
    line << 10 | column), both as BPF_PROG_LOAD wants them and empty where the object does not say
    enough. ``places`` are (index of its first instruction, function) for each function in the code;
    ``callbacks`` tells that a function's address is taken, for which the kernel wants func_info.
    ``unresolved`` says for the index of each instruction that CO-RE had to poison what it was for,
    ``missing`` for each call of a kernel function that there is none. ``attach_btf_id`` is the type
    id of the place that the program attaches to, for kinds that name it when they are loaded, and
    ``attach_type`` for a function of a struct the number of its member; ``attach_module`` is the module whose
    types the id is of ("": the kernel's own). ``modules`` are the modules whose functions are called: a call says
    the place in this list, from 1 on, in its offset. ``module_loads`` are (index, module) of the loads of their variables.
    ``tables`` are its jump tables, which want a map each: name among the references -> indices of instructions.
    """

    __slots__ = (
        "_code", "attach_btf_id", "attach_module", "attach_type", "callbacks", "func_info", "line_info", "missing",
        "module_loads", "modules", "references", "tables", "unresolved",
    )  # fmt: skip

    def __init__(self, code: Code) -> None:
        self._code = code
        self.references: list[tuple[int, str, str, int]] = []
        self.func_info: list[tuple[int, int]] = []
        self.line_info: list[Line] = []
        self.callbacks = False
        self.unresolved: dict[int, str] = {}
        self.missing: dict[int, str] = {}
        self.attach_btf_id = 0
        self.attach_type = 0
        self.attach_module = ""
        self.modules: list[str] = []
        self.module_loads: list[tuple[int, str]] = []
        self.tables: dict[str, list[int]] = {}

    def module_place(self, name: str) -> int:
        """The place of a module among `modules`, from 1 on; 0 is the kernel itself."""
        if not name:
            return 0
        if name not in self.modules:
            self.modules.append(name)
        return self.modules.index(name) + 1

    @property
    def places(self) -> list[tuple[int, FunctionSpec]]:
        return self._code.places

    @property
    def code(self) -> Code:
        """The code itself, for what changes it."""
        return self._code

    @property
    def instructions(self) -> bytes:
        """The code, with nothing filled in."""
        return bytes(self._code.instructions)

    def with_descriptors(self, descriptors: Mapping[str, int], modules: Mapping[str, int] = _NONE) -> bytes:
        """The code with the descriptor of each map and of each module's types, by name, in its place."""
        code = Code(self._code.endian)
        code.instructions = self._code.instructions[:]
        for number, (index, kind, name, addend) in enumerate(self.references):
            if name not in descriptors:
                # As libbpf: two calls that the verifier refuses when it gets there.
                code.set_call(index, 0, MISSING_MAP + number)
                code.set_call(index + 1, 0, MISSING_MAP + number)
                continue
            code.set_source(index, _PSEUDO[kind])
            code.set_immediate(index, descriptors[name])
            code.set_immediate(index + 1, addend if kind == "data" else 0)
        for index, name in self.module_loads:
            code.set_immediate(index + 1, modules.get(name, 0))
        return bytes(code.instructions)


# A helper that does not exist, plus the number of the reference: libbpf's, which tools know.
MISSING_MAP = 2001000000

_PSEUDO = {"map": BPF_PSEUDO_MAP_FD, "data": BPF_PSEUDO_MAP_VALUE, "table": BPF_PSEUDO_MAP_VALUE}


def adapt(
    spec: ObjectSpec,
    program: ProgramSpec,
    relocator: Relocator | None = None,
    externs: Externs | None = None,
) -> ReadyProgram:
    """Make a program ready; the spec is not changed.

    ``relocator`` is that of the object and the kernel; it is needed where functions have CO-RE records,
    ``externs`` where they use what the kernel defines.
    """
    code = flatten(spec, program)
    ready = ReadyProgram(code)
    for start, function in code.places:
        for reference in function.references:
            index = start + reference.offset // INSTRUCTION
            if reference.kind == "table":
                # One for each function that has it: its places are counted from the program's start.
                name = (
                    f"jump table '{reference.name}' of function '{function.name}' in program '{program.name}'"
                )
                ready.tables[name] = [start + to for to in function.tables[reference.addend]]
                ready.references.append((index, "table", name, 0))
            elif reference.kind in _PSEUDO:
                _check_map(spec, function, reference.name)
                ready.references.append((index, reference.kind, reference.name, reference.addend))
            elif reference.kind in _OUTSIDE:
                if externs is None or reference.name not in spec.externs:
                    raise _outside(spec, function, reference.kind, reference.name, reference.offset)
                externs.aim(program.name, function, reference, ready, start)
            elif reference.kind == "function":
                ready.callbacks = True
        if function.core:
            ready.unresolved.update(_relocate(spec, function, relocator, code, start))
    ready.func_info = _func_info(code)
    ready.line_info = _line_info(code)
    return ready


def _relocate(
    spec: ObjectSpec, function: FunctionSpec, relocator: Relocator | None, code: Code, start: int
) -> dict[int, str]:
    if relocator is None:
        raise ObjectError(
            "has CO-RE relocations, and no kernel was given to resolve them for",
            file=spec.file,
            section=function.section,
            symbol=function.name,
        )
    poisoned = relocator.relocate(function, code.instructions, start * INSTRUCTION)
    return {offset // INSTRUCTION: text for offset, text in poisoned.items()}


def _check_map(spec: ObjectSpec, function: FunctionSpec, name: str) -> None:
    if name not in spec.maps:
        raise ObjectError(
            f"'{function.name}' uses the map '{name}', which the object does not define",
            file=spec.file,
            section=function.section,
            symbol=name,
        )


_OUTSIDE = {
    "extern": "the undefined symbol '{name}' (a kernel variable or configuration value)",
    "kfunc": "a call of the undefined function '{name}' (a kernel function)",
}


def _outside(spec: ObjectSpec, function: FunctionSpec, kind: str, name: str, offset: int) -> UnsupportedError:
    return UnsupportedError(
        _OUTSIDE[kind].format(name=name),
        advice=f"{spec.file}, function '{function.name}', offset {offset:#x}: nothing in the object defines "
        f"'{name}', and its type information does not say that the kernel does. Define it in the probe, declare it "
        "(in Zig with bpf.kconfig, bpf.ksym or bpf.kfunc, in C with __kconfig or __ksym), or leave the program out with "
        "spec.programs[...].autoload = False.",
    )


def _func_info(code: Code) -> list[tuple[int, int]]:
    """One record for each function, or none: the kernel takes all or nothing (check_btf_func)."""
    records = [(start, function.type_id) for start, function in code.places if function.type_id]
    return records if len(records) == len(code.places) else []


def _line_info(code: Code) -> list[Line]:
    """Line records of all functions, moved to where their function lies now.

    The kernel (check_btf_line) wants rising indices and one record at the first instruction of each
    function, so a function without any leaves the whole program without; where only the first
    instruction lacks one, the nearest after it serves.
    """
    records: list[Line] = []
    for start, function in code.places:
        count = len(function.instructions) // INSTRUCTION
        lines = function.lines
        if lines and lines[0][0] == 0 and lines[-1][0] < count and _rising(lines):
            records += lines if not start else [(start + line[0], *line[1:]) for line in lines]
            continue
        by_index = {line[0]: line[1:] for line in lines}
        known = sorted(index for index in by_index if 0 <= index < count)
        if not known:
            return []
        by_index[0] = by_index[known[0]]
        if known[0]:
            known.insert(0, 0)
        records.extend((start + index, *by_index[index]) for index in known)
    return records


def _rising(lines: Sequence[Line]) -> bool:
    """Whether each record is of a later instruction than the one before, as compilers write them."""
    last = -1
    for line in lines:
        if line[0] <= last:
            return False
        last = line[0]
    return True
