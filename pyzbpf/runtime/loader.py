"""The order in which an object comes to life: check, BTF, maps, descriptors into code, programs."""

from __future__ import annotations

import os
import struct
import sys
from itertools import chain

from pyzbpf.adapt.adapt import adapt
from pyzbpf.errors import Error, LayoutWarning, ObjectError, SystemCallError, UnsupportedError
from pyzbpf.kernel import commands, syscall
from pyzbpf.kernel.commands import NAME, kernel_name
from pyzbpf.kernel.fd import Fd
from pyzbpf.maps import open as map_open
from pyzbpf.runtime.program import Program
from pyzbpf.spec.model import NESTED
from pyzbpf.uapi import enums as e
from pyzbpf.uapi.attrs import PROG_LOAD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pyzbpf.adapt.adapt import ReadyProgram
    from pyzbpf.adapt.core import Relocator
    from pyzbpf.adapt.struct_ops import StructOps
    from pyzbpf.maps.base import KernelMap
    from pyzbpf.runtime.externs import KernelExterns
    from pyzbpf.spec.model import MapSpec, ObjectSpec, ProgramSpec

# Map types that the events room or this one gives a face to; all others are the maps room's.
KINDS = {
    **map_open.KINDS,
    e.BPF_MAP_TYPE_RINGBUF: ("pyzbpf.events.ring_buffer", "RingBuffer"),
    e.BPF_MAP_TYPE_PERF_EVENT_ARRAY: ("pyzbpf.events.perf_buffer", "PerfBuffer"),
    e.BPF_MAP_TYPE_STRUCT_OPS: ("pyzbpf.runtime.functions", "Functions"),
    e.BPF_MAP_TYPE_ARRAY_OF_MAPS: ("pyzbpf.runtime.nested", "ArrayOfMaps"),
    e.BPF_MAP_TYPE_HASH_OF_MAPS: ("pyzbpf.runtime.nested", "HashOfMaps"),
}
# Program types of which some name the place that they are for when they are loaded.
_PLACED = frozenset((e.BPF_PROG_TYPE_TRACING, e.BPF_PROG_TYPE_LSM))


def map_name(spec: ObjectSpec, map: MapSpec) -> str:
    """A data map is named after its object, as libbpf and bpftool do: ``probe.rodata``.

    One of a section with a name of its own (``.data.traps``) has that, as with them. The section's name
    stays whole; the object's gives way, to eight characters at most (internal_map_name of libbpf).
    """
    if map.contents is not None and map.name.startswith(".") and "." not in map.name[1:]:
        name = spec.name.partition(".")[0]
        return kernel_name(name[: NAME - max(7, len(map.name))] + map.name)
    return kernel_name(map.name)


def check_machine(spec: ObjectSpec) -> None:
    """Refuse what cannot run here, before the kernel is asked."""
    syscall.gate()
    for kind, known in (("maps", spec.maps), ("programs", spec.programs)):
        for name, thing in known.items():
            if thing.name != name:
                raise Error(
                    f"spec.{kind}['{name}'].name was made {thing.name!r}: by their names {kind} are found in the object's "
                    "code, so they cannot be changed"
                )
    if spec.endian != sys.byteorder:
        wanted = {"little": "el", "big": "eb"}[sys.byteorder]
        raise ObjectError(
            f"the object is for {spec.endian}-endian machines, this one is {sys.byteorder}-endian",
            file=spec.file,
            advice=f"Load the .bpf{wanted}.o built beside it (pyzbpf build --endian both makes the two).",
        )


def _relocator(spec: ObjectSpec, btf: str | None) -> Relocator | None:
    """What fits the object to the kernel; None, and nothing imported, for one that fits them all."""
    if not any(function.core for function in spec.functions.values()):
        return None
    from pyzbpf.adapt.core import Relocator
    from pyzbpf.kernel import target

    return Relocator(spec, target.KernelTarget if btf is None else lambda: target.FileTarget(btf))


def _warn(spec: ObjectSpec, relocator: Relocator) -> None:
    import warnings

    for doubt in relocator.doubts:
        text = (
            f"{spec.file}, {doubt}: a copy of so many bytes (core.read, bpf_probe_read_kernel) is not its value; "
            "declare it as `pyzbpf types` does"
        )
        warnings.warn(text, LayoutWarning, stacklevel=5)  # where spec.load() is called


def _externs(spec: ObjectSpec) -> KernelExterns | None:
    """What answers for the kernel's symbols; None, and nothing imported, for an object that names none."""
    if not spec.externs:
        return None
    from pyzbpf.runtime.externs import KernelExterns

    return KernelExterns(spec)


def _attach_place(spec: ObjectSpec, program: ProgramSpec) -> tuple[int, str]:
    """(type id, module) of the place the program attaches to, for the kinds that name it when they are loaded."""
    if program.type not in _PLACED:
        return 0, ""
    from pyzbpf.adapt import attach_target

    if not attach_target.needed(program):
        return 0, ""
    from pyzbpf.kernel import target

    return attach_target.find(program, target.KernelTarget, file=spec.file)


def _place_in_program(spec: ObjectSpec, program: ProgramSpec, targets: Mapping[str, Program]) -> int:
    """The type id of the function of another program that this one is for."""
    if program.name not in targets or not program.target:
        raise ObjectError(
            "the section does not say which function"
            if not program.target
            else "it is for a function of another program, and it was not said of which",
            file=spec.file,
            section=program.section,
            symbol=program.name,
            advice=f"Name it {program.kind}/<function>, and give the program that has it, loaded: "
            f"spec.load(targets={{'{program.name}': other.programs['name']}}).",
        )
    from pyzbpf.kernel import program_types

    return program_types.function_id(targets[program.name].fileno(), program.target)


def _records(records: Sequence[tuple[int, ...]], width: int) -> bytes:
    """Function or line records of so many words each, as the kernel reads them."""
    return struct.pack(f"={width * len(records)}I", *chain.from_iterable(records))


def _callbacks_known() -> bool:
    """Asked after a refusal: older kernels complain of what the missing callback leads to."""
    from pyzbpf.kernel.features.code import CALLBACKS

    return CALLBACKS.answer().supported is not False


def _type_unsupported(spec: ProgramSpec, detail: str) -> UnsupportedError | None:
    """Asked after a refusal: whether this kernel loads any program of the type."""
    from pyzbpf.kernel.features import facts, programs

    name = e.PROG_TYPE_NAMES.get(spec.type)
    feature = next((feature for feature in programs.FEATURES if feature.name == name), None)
    return facts.refusal(feature, f"{detail}: kind '{spec.kind}'") if feature is not None else None


# Members of the attributes that carry function and line records; kernels before 5.0 do not have them.
_DEBUG = frozenset(
    (
        "prog_btf_fd",
        *(f"{kind}_info{part}" for kind in ("func", "line") for part in ("", "_cnt", "_rec_size")),
    )
)
# Those of BPF_PROG_LOAD that are said; the target's place also holds the descriptor of a module's types.
_MEMBERS = (
    "prog_type", "insn_cnt", "insns", "license", "prog_flags", "prog_name", "expected_attach_type", "prog_btf_fd",
    "func_info_rec_size", "func_info", "func_info_cnt", "line_info_rec_size", "line_info", "line_info_cnt",
    "attach_btf_id", "attach_prog_fd", "fd_array", "prog_token_fd",
)  # fmt: skip
_attributes = commands.packer(PROG_LOAD, _MEMBERS)


class _Request:
    """BPF_PROG_LOAD of a program: ``values`` are those of `_MEMBERS`; ``packed`` and ``log`` come of them."""

    __slots__ = ("log", "packed", "ready", "spec", "values")

    def __init__(self, spec: ProgramSpec, ready: ReadyProgram, values: tuple[int | bytes, ...]) -> None:
        self.spec = spec
        self.ready = ready
        self.values = values
        self.packed = bytearray(_attributes.pack(*values))
        self.log = ""


class Loader:
    """Loads one object; what was made so far is in ``made``, in order, for whoever must undo it."""

    __slots__ = (
        "btf", "btf_error", "externs", "fds", "made", "maps", "modules", "pinned", "programs", "spec", "struct_ops",
        "tables", "token",
    )  # fmt: skip

    def __init__(self, spec: ObjectSpec) -> None:
        self.spec = spec
        self.btf: Fd | None = None
        self.btf_error: Error | None = None
        self.externs = _externs(spec)
        self.fds: dict[str, int] = {}
        self.made: list[Fd | KernelMap | Program] = []
        self.maps: dict[str, KernelMap] = {}
        self.programs: dict[str, Program] = {}
        self.pinned: list[str] = []
        self.struct_ops: dict[str, StructOps] = {}
        self.token = 0  # a descriptor of the caller's; 0: there is none
        self.modules: dict[str, Fd] = {}
        self.tables: dict[str, Fd] = {}

    def run(
        self,
        *,
        given: Mapping[str, KernelMap],
        targets: Mapping[str, Program],
        log_level: int,
        btf: str | None,
        pin_root: str,
    ) -> None:
        """Do everything; on an exception the caller closes ``made`` and removes ``pinned``."""
        spec = self.spec
        check_machine(spec)
        relocator = _relocator(spec, btf)
        wanted = self._wanted()
        for program in wanted:
            if not program.type:
                from pyzbpf.spec import section  # says which names there are

                section.check(program, file=spec.file)
        ready = [(program, adapt(spec, program, relocator, self.externs)) for program in wanted]
        if relocator is not None and relocator.doubts:
            _warn(spec, relocator)
        for program, code in ready:
            if program.type == e.BPF_PROG_TYPE_STRUCT_OPS:
                from pyzbpf.runtime import struct_ops

                place = struct_ops.place(spec, program, self.struct_ops)
                code.attach_btf_id, code.attach_type, code.attach_module = place
            elif program.kind in ("usdt", "usdt.s"):
                from pyzbpf.links import usdt

                code.attach_type = usdt.loaded_as()
            elif program.name in targets or program.type == e.BPF_PROG_TYPE_EXT:
                code.attach_btf_id = _place_in_program(spec, program, targets)
            else:
                code.attach_btf_id, code.attach_module = _attach_place(spec, program)
        created = [map for map in spec.maps.values() if map.autocreate or map.name in given]
        for map in created:
            if map.name not in given:
                map_open.members(map)
        maps = self.externs.with_values(created, given) if self.externs else created
        self._load_btf(ready)
        filled = [map for map in created if map.values and map.name not in given]
        try:
            self._find_modules(code for _, code in ready)
            for map in maps:
                self._open_map(map, given.get(map.name), pin_root)
            self._fill([map for map in filled if map.type in NESTED], self.maps)
            self._make_tables(code for _, code in ready)
            self._load_programs(ready, targets, log_level)
        finally:
            for fd in (*self.modules.values(), *self.tables.values()):
                fd.close()  # the programs and maps hold on to what they use
        self._fill([map for map in filled if map.type == e.BPF_MAP_TYPE_PROG_ARRAY], self.programs)
        for name, value in self.struct_ops.items():
            if name not in given:
                from pyzbpf.runtime import contents

                contents.complete(self.maps[name], value, self.programs)

    def _wanted(self) -> list[ProgramSpec]:
        """The programs to load; structs of functions, which bring theirs, are made ready."""
        spec = self.spec
        if all(map.type != e.BPF_MAP_TYPE_STRUCT_OPS for map in spec.maps.values()):
            return [program for program in spec.programs.values() if program.autoload]
        from pyzbpf.runtime import struct_ops

        self.struct_ops = struct_ops.ready(spec)
        return struct_ops.wanted(spec, self.struct_ops)

    def _fill(self, maps: Iterable[MapSpec], known: Mapping[str, KernelMap] | Mapping[str, Program]) -> None:
        for map in maps:
            from pyzbpf.runtime import contents

            contents.fill(self.maps[map.name], known)

    def _load_btf(self, ready: list[tuple[ProgramSpec, ReadyProgram]]) -> None:
        """BTF is a help, not a need, for most programs: a kernel that refuses it gets none."""
        btf = self.externs.btf if self.externs else self.spec.btf
        if btf is None:
            return
        if b"arg:ctx\0" in btf.strings:
            from pyzbpf.kernel import limits
            from pyzbpf.uapi import since

            # Harmless where the tags are known: no probe is made on the way of a load.
            if limits.older(os.uname().release, since.ARGUMENT_TAGS):
                from pyzbpf.adapt import context_tags

                btf = context_tags.typed(btf, [(program.type, code) for program, code in ready])
        try:
            self.btf = commands.btf_load(btf.data, token=self.token)
        except SystemCallError as error:
            from pyzbpf.runtime import types

            self.btf, self.btf_error = types.load_older(btf, error, file=self.spec.file, token=self.token)
        except UnsupportedError as error:
            self.btf_error = error
        if self.btf is not None:
            self.made.append(self.btf)

    def _open_map(self, spec: MapSpec, given: KernelMap | None, pin_root: str) -> None:
        if given is not None:
            self.maps[spec.name] = given
            self.fds[spec.name] = given.fd.fileno()
            return
        if spec.pinning:
            from pyzbpf.maps import pin

            fd, path = pin.find_or_make(spec, pin_root, lambda: self._create_map(spec))
            self.pinned += path
        else:
            fd = self._create_map(spec)
        self.made.append(fd)
        layout = self.externs.btf if self.externs and spec.name == ".kconfig" else self.spec.btf
        # Counters of perf have the map type of a perf buffer, and are none.
        kinds = map_open.KINDS if spec.aggregate == "perf_counters" else KINDS
        opened = map_open.open(spec, fd, layout, kinds)
        self.made[-1] = opened
        self.maps[spec.name] = opened
        self.fds[spec.name] = fd.fileno()

    def _create_map(self, spec: MapSpec) -> Fd:
        value = self.struct_ops.get(spec.name)
        if value is not None:
            from pyzbpf.runtime import struct_ops

            module = self.modules.get(value.module)
            return struct_ops.create(spec, value, self.btf, self.btf_error, token=self.token, module=module)
        btf = self.btf.fileno() if self.btf else None
        return map_open.create(spec, map_name(self.spec, spec), btf, map_token_fd=self.token)

    def _find_modules(self, ready: Iterable[ReadyProgram]) -> None:
        """The types of every module that a program calls, reads or attaches to, or that takes a struct of functions."""
        names = [value.module for value in self.struct_ops.values()]
        for code in ready:
            names += [*code.modules, *(module for _, module in code.module_loads), code.attach_module]
        for name in names:
            if name and name not in self.modules:
                from pyzbpf.kernel import module_types

                self.modules[name] = module_types.descriptor(name)

    def _make_tables(self, ready: Iterable[ReadyProgram]) -> None:
        for code in ready:
            if code.tables:
                from pyzbpf.runtime import jump_tables

                jump_tables.create(code.tables, self.tables, token=self.token)
                self.fds.update({name: self.tables[name].fileno() for name in code.tables})

    def _load_programs(
        self,
        ready: list[tuple[ProgramSpec, ReadyProgram]],
        targets: Mapping[str, Program],
        log_level: int,
    ) -> None:
        """Load all, side by side where it pays; the error is that of the first program that is refused."""
        modules = {name: fd.fileno() for name, fd in self.modules.items()}
        loaded: dict[str, Program] = {}

        def load(part: Sequence[tuple[ProgramSpec, ReadyProgram]]) -> None:
            # All that is Python's comes first: then the processor's caches are the kernel's.
            requests, memory = self._requests(part, targets, modules)
            while requests:
                results: list[int] = []
                try:
                    if not log_level:
                        commands.prog_loads([request.packed for request in requests], results)
                    if not results or results[-1] < 0:
                        refused = requests[max(0, len(results) - 1)]
                        results[-1:] = [self._again(refused, log_level)]
                finally:
                    for request, number in zip(requests, results, strict=False):
                        if number >= 0:
                            spec = request.spec
                            fd = Fd(number, f"program '{spec.name}'")
                            loaded[spec.name] = Program(spec, fd, log=request.log)
                del requests[: len(results)]
            del memory  # which the attributes point into

        failure: BaseException | None = None
        if len(ready) < 2:
            load(ready)
        else:
            from pyzbpf.runtime import parallel

            threads = parallel.workers([len(code.instructions) // 8 for _, code in ready])
            failure = parallel.each(load, parallel.parts(ready, threads), threads)[1]
        for spec, _ in ready:
            if spec.name in loaded:
                self.programs[spec.name] = program = loaded[spec.name]
                self.made.append(program)
        if failure is not None:
            raise failure

    def _requests(
        self,
        programs: Sequence[tuple[ProgramSpec, ReadyProgram]],
        targets: Mapping[str, Program],
        modules: Mapping[str, int],
    ) -> tuple[list[_Request], bytes]:
        """What the kernel is asked for each program, and the bytes that the requests point to: all in one piece."""
        license = self.spec.license.encode() + b"\0"
        pieces = []
        btf = self.btf.fileno() if self.btf is not None else 0
        for spec, ready in programs:
            if ready.callbacks and not btf:
                from pyzbpf.uapi import since

                raise UnsupportedError(
                    f"program '{spec.name}': callbacks without BTF",
                    since=since.CALLBACKS,
                    advice=f"The object's BTF: {self.btf_error or 'there is none'}.",
                )
            code = ready.with_descriptors(self.fds, modules)
            functions, lines = (
                (_records(ready.func_info, 2), _records(ready.line_info, 4)) if btf else (b"", b"")
            )
            array = b""
            if ready.modules:  # the first is never looked at
                array = struct.pack(
                    f"={1 + len(ready.modules)}i", 0, *[modules[name] for name in ready.modules]
                )
            pieces.append((code, functions, lines, array))
        memory = b"".join((*chain.from_iterable(pieces), license))
        code_at = syscall.address(memory)
        license_at = code_at + len(memory) - len(license)
        flags = e.BPF_F_TOKEN_FD if self.token else 0
        requests = []
        for (spec, ready), (code, functions, lines, array) in zip(programs, pieces, strict=True):
            functions_at = code_at + len(code)
            lines_at = functions_at + len(functions)
            array_at = lines_at + len(lines)
            target = targets.get(spec.name)
            values = (
                spec.type,
                len(code) // 8,
                code_at,
                license_at,
                spec.flags | flags,
                commands.kernel_name(spec.name).encode(),
                ready.attach_type or spec.attach_type or 0,
                btf,
                8 if functions else 0,
                functions_at if functions else 0,
                len(functions) // 8,
                16 if lines else 0,
                lines_at if lines else 0,
                len(lines) // 16,
                ready.attach_btf_id,
                target.fileno() if target is not None else modules.get(ready.attach_module, 0),
                array_at if array else 0,
                self.token,
            )
            requests.append(_Request(spec, ready, values))
            code_at = array_at + len(array)
        return requests, memory

    def _again(self, request: _Request, log_level: int) -> int:
        """Load a program that was refused once, or whose log is wanted: its descriptor; raises where it is refused."""
        verdict = 0 if log_level else commands.prog_load_packed(request.packed)
        if verdict > 0:
            return verdict
        from pyzbpf.runtime import attempt

        values = {name: value for name, value in zip(_MEMBERS, request.values, strict=True) if value}
        plain = {name: value for name, value in values.items() if name not in _DEBUG}
        verdict, request.log = attempt.load(values, plain, verdict, log_level)
        if verdict < 0:
            raise self._refused(request.spec, request.ready, -verdict, request.log)
        return verdict

    def _refused(self, spec: ProgramSpec, ready: ReadyProgram, errno: int, log: str) -> Error:
        from pyzbpf.kernel import limits
        from pyzbpf.kernel.privilege import refusal, to_load
        from pyzbpf.runtime.verifier import explain, reason_of  # imports re
        from pyzbpf.uapi import since

        detail = f"program '{spec.name}' of section '{spec.section}'"
        if errno == syscall.EPERM:
            reason = reason_of(log)
            text = f"{detail}: {reason}" if reason else detail
            return refusal("BPF_PROG_LOAD", to_load(spec.type), text)
        if ready.tables and errno in (syscall.EFAULT, syscall.ENOTSUPP):
            from pyzbpf.runtime import jump_tables

            return UnsupportedError(f"{detail}: jump tables", advice=jump_tables.no_jit())
        if ready.callbacks and not _callbacks_known():
            return UnsupportedError(f"{detail}: callbacks", since=since.CALLBACKS)
        if errno in (syscall.ENOMEM, syscall.ENOTSUPP) and ready.attach_btf_id and limits.no_trampolines():
            return UnsupportedError(f"{detail}: kind '{spec.kind}'", advice=limits.no_trampolines())
        if log.strip():
            return explain(spec, ready, self.spec.btf, log=log, errno=errno)
        if errno == syscall.EINVAL:
            unsupported = _type_unsupported(spec, detail)
            if unsupported is not None:
                return unsupported
            detail += (
                ": the kernel knows no such program or attach type, or is older than what the program uses"
            )
        return syscall.failure(errno, command="BPF_PROG_LOAD", capability=to_load(spec.type), detail=detail)
