"""A loaded object: its programs, maps and variables, and everything that must be closed."""

from __future__ import annotations

from os import fspath, unlink

from pyzbpf.errors import Error, PrivilegeError, SystemCallError
from pyzbpf.kernel.syscall import EBUSY, EEXIST
from pyzbpf.links.attach import NEVER
from pyzbpf.links.attach import options as options_of
from pyzbpf.runtime.loader import Loader
from pyzbpf.spec.model import ByName
from pyzbpf.uapi.enums import (
    BPF_MAP_TYPE_ARENA,
    BPF_MAP_TYPE_PERF_EVENT_ARRAY,
    BPF_MAP_TYPE_RINGBUF,
    BPF_MAP_TYPE_STRUCT_OPS,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from os import PathLike
    from typing import Any, Protocol

    from typing_extensions import Self

    from pyzbpf.kernel.fd import Fd
    from pyzbpf.links.base import Link
    from pyzbpf.maps.base import KernelMap
    from pyzbpf.maps.variables import DataMap, Variable
    from pyzbpf.runtime.functions import Functions
    from pyzbpf.runtime.program import Program
    from pyzbpf.runtime.traps import Trap
    from pyzbpf.spec.model import ObjectSpec

    class _Closable(Protocol):
        def close(self) -> None: ...


def load(
    spec: ObjectSpec,
    *,
    maps: Mapping[str, KernelMap] | None = None,
    pages: int | None = None,
    log_level: int = 0,
    btf: str | PathLike[str] | None = None,
    pin_root: str | PathLike[str] = "/sys/fs/bpf",
    targets: Mapping[str, Program] | None = None,
    token: str | PathLike[str] | None = None,
) -> Object:
    """Create the maps and load the programs of a spec, which is not changed.

    ``maps`` are loaded maps to use instead of new ones, by name; they stay their owner's. ``pages`` is
    the size of perf buffers for each CPU (a power of two; default 64). ``log_level`` asks the verifier
    for a log of programs that pass too, in `Program.log`: 1 the last path, 2 all, 4 statistics.
    ``btf`` is a file with the types of this kernel, for a kernel that does not carry them itself.
    ``pin_root`` is the folder of a BPF file system where maps with ``pinning`` are looked for and left.
    ``targets`` are loaded programs, by the names of those of freplace, fentry and fexit that are for one of
    their functions (Linux 5.6). ``token`` is where a BPF file system is mounted that delegates loading to this user
    namespace (Linux 6.9).
    """
    given = dict(maps or {})
    for name in given:
        spec.maps[name]  # KeyError with the names there are
    for name in targets or {}:
        spec.programs[name]
    loader = Loader(spec)
    lent = _token(token)
    loader.token = lent.fileno() if lent is not None else 0
    try:
        loader.run(
            given=given,
            targets=dict(targets or {}),
            log_level=log_level,
            btf=fspath(btf) if btf is not None else None,
            pin_root=fspath(pin_root),
        )
        return Object(loader, pages=pages)
    except BaseException as error:
        for path in loader.pinned:
            unlink(path)
        _close_all(loader.made)
        if isinstance(error, PrivilegeError) and lent is None:
            _tell_all(spec, error)
        raise
    finally:
        if lent is not None:  # what was loaded by it holds it
            lent.close()


def _tell_all(spec: ObjectSpec, error: PrivilegeError) -> None:
    """Raise with all that the object needs, where the step that was refused needs but a part."""
    from pyzbpf.kernel import privilege

    wanted = privilege.to_load_all(program.type for program in spec.programs.values() if program.autoload)
    held = privilege.effective()
    if len(privilege.missing(wanted, held)) > len(privilege.missing(error.capability, held)) > 0:
        raise privilege.refusal(f"loading '{spec.name}'", wanted) from error


def _token(path: str | PathLike[str] | None) -> Fd | None:
    if path is None:
        return None
    from pyzbpf.kernel import token  # for delegates only

    return token.create(fspath(path))


class Object:
    """A probe in the kernel: mappings by name, `attach`, and `close`, which undoes everything.

    ``btf_error`` is why the kernel did not take the object's type information (None: it did, or there
    was none); the programs then run without it.
    """

    __slots__ = (
        "_counts", "_data", "_links", "_owned", "btf_error", "maps", "programs", "spec", "variables",
    )  # fmt: skip

    def __init__(self, loader: Loader, *, pages: int | None = None) -> None:
        self.spec = loader.spec
        self.btf_error: Error | None = loader.btf_error
        self._owned = loader.made
        self._links: list[Link] = []
        self._data: dict[str, DataMap] = {}
        self._counts: list[_Closable] = []
        self.maps: ByName[Any] = ByName("map")
        self.maps.update(loader.maps)
        if pages is not None:
            for map in self._perf_buffers():
                if map in self._owned:
                    map.pages = pages
        self.programs: ByName[Program] = ByName("program")
        for map in self._functions():
            map.join(self._links)
        for name, program in loader.programs.items():
            program.join(self._links, self.maps, self._open_buffers)
            self.programs[name] = program
        self.variables: ByName[Variable] = self._variables()
        self._count_losses()
        self._join_stacks()

    def _variables(self) -> ByName[Variable]:
        found: ByName[Variable] = ByName("variable")
        if not self.spec.variables:
            return found
        from pyzbpf.maps.variables import Variable

        for name, variable in self.spec.variables.items():
            if variable.map.name not in self.maps:
                continue
            found[name] = Variable(variable, self._data_of(variable.map.name), self.spec.btf)
        return found

    def _data_of(self, name: str) -> DataMap:
        if self.maps[name].spec.type == BPF_MAP_TYPE_ARENA:
            return self.maps[name]  # type: ignore[no-any-return]  # reads and writes as a DataMap does
        from pyzbpf.maps.variables import DataMap

        if name not in self._data:
            self._data[name] = DataMap(self.maps[name])
        return self._data[name]

    def _count_losses(self) -> None:
        """A ring buffer's losses are counted by the probe, in variables that the spec names."""
        for name, map in self.maps.items():
            spec = self.spec.maps[name]
            counted = spec.inner or spec
            if counted.type != BPF_MAP_TYPE_RINGBUF:
                continue
            for counter in counted.lost_variables:
                home = self.maps[self.spec.variables[counter].map.name]
                # Where both are another object's, that one counts already.
                if map in self._owned or home in self._owned:
                    self._counts.append(map.count_lost_with(self.variables[counter]))

    def _join_stacks(self) -> None:
        """Counted stacks are numbers; the addresses are in another map, which the spec names."""
        for name, map in self.maps.items():
            meaning, _, traces = self.spec.maps[name].aggregate.partition(":")
            if meaning == "stacks" and map in self._owned:
                map.traces = self.maps[traces]

    def _open_buffers(self) -> None:
        """Perf buffers must be there before the first event: the kernel drops what has no buffer."""
        for map in self._perf_buffers():
            map.open()

    def _functions(self) -> list[Any]:
        """The structs of functions that are this object's own."""
        maps = [map for map in self.maps.values() if map.spec.type == BPF_MAP_TYPE_STRUCT_OPS]
        return [map for map in maps if map in self._owned]

    def _perf_buffers(self) -> list[Any]:
        """The perf buffers; an array of perf's counters has their type."""
        wanted = BPF_MAP_TYPE_PERF_EVENT_ARRAY, ""
        return [map for map in self.maps.values() if (map.spec.type, map.spec.aggregate) == wanted]

    @property
    def links(self) -> list[Link]:
        """What is attached now, in the order it was attached."""
        return [link for link in self._links if link.attached]

    @property
    def traps(self) -> list[Trap]:
        """The safety checks that have failed so far, each with its place, operands and count; `str` of one
        is a line for people. The programs ended there with the neutral verdict of their kind.
        """
        if not self.spec.traps:
            return []
        from pyzbpf.runtime import traps  # for probes built in safe mode, when they are asked

        return traps.read(self.spec.traps, self._data_of(traps.SECTION))

    def attach(self, **options: Any) -> list[Link]:
        """Attach every program that attaches by itself where its section says, and register structs of functions.

        Kinds that nobody attaches (syscall, programs of device maps, functions of a struct) are left out. Options such as ``interface="eth0"`` go to the programs whose kind takes them. When one
        program cannot be attached, those attached by this call are detached again. A program that is
        attached already is refused, for it would see everything twice.
        """
        programs = self.programs.values()
        wanted = [p for p in programs if p.spec.autoattach and p.spec.kind not in NEVER]
        things = (*wanted, *self._functions())
        for thing in things:
            thing.fileno()  # ValueError where the object is closed
        self._check_options(options, wanted)
        for thing in things:
            self._check_not_attached(thing)
        links: list[Link] = []
        try:
            for program in wanted:
                known = options_of(program.spec.kind, program.spec.target)
                given = {k: v for k, v in options.items() if k in known}
                try:
                    links.append(program.attach(**given))
                except SystemCallError as error:
                    raise _rivals(program, links, error) from error
            links += [map.attach() for map in self._functions()]
        except BaseException:
            _close_all(links)
            raise
        return links

    def pin(self, folder: str | PathLike[str]) -> None:
        """Keep programs, maps and the links there are now in a new folder of a BPF file system: they outlive this
        process, and `pyzbpf.reopen` finds them there. All or none are pinned.
        """
        from pyzbpf.runtime import pinned

        pinned.pin(self, fspath(folder))

    def _check_options(self, options: Mapping[str, object], programs: Iterable[Program]) -> None:
        known = {
            option for program in programs for option in options_of(program.spec.kind, program.spec.target)
        }
        for name in options:
            if name not in known:
                names = ", ".join(sorted(known)) or "none"
                raise TypeError(f"no program of this object takes the option '{name}'; they take: {names}")

    def _check_not_attached(self, program: Program | Functions) -> None:
        for link in self.links:
            if link.program != program.name:
                continue
            if link.kind == "struct_ops":
                raise Error(
                    f"map '{program.name}' is attached already: {link!r}. A struct of functions is registered once, and "
                    "nothing was attached; call detach() of that link first (it is in `links`)"
                )
            raise Error(
                f"program '{program.name}' is attached already: {link!r}. A second time it would see every event "
                "twice, so nothing was attached; call detach() of that link first (it is in `links`), or attach "
                f"the program to a second place on purpose with programs['{program.name}'].attach(...)"
            )

    def close(self) -> None:
        """Detach, unload and free, in the reverse order of making; again does nothing."""
        links, self._links[:] = list(self._links), []
        data = list(self._data.values())
        owned, self._owned = self._owned, []
        # Losses are counted until the last program is detached, and in memory that `data` unmaps.
        _close_all([*owned, *data, *self._counts, *links])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = f"{len(self.links)} attached" if self._owned else "closed"
        return f"<Object {self.spec.name}: {', '.join(self.programs) or 'no program'}; {state}>"


def _rivals(program: Program, links: Iterable[Link], error: SystemCallError) -> Error:
    """The same error, or where one of these links holds the place: those are undone, so that nobody finds them."""
    rival = next((link for link in links if error.detail.startswith(f"{link.target}:")), None)
    if rival is None or error.errno not in (EBUSY, EEXIST):
        return error
    return Error(
        f"programs '{rival.program}' and '{program.name}' are both for {rival.target}, which takes one, so neither is "
        f"attached; leave one out: spec.programs['{program.name}'].autoattach = False"
    )


def _close_all(things: Iterable[_Closable]) -> None:
    """Close the last first; an exception of one does not keep the others open."""
    failure: BaseException | None = None
    for thing in reversed(list(things)):
        try:
            thing.close()
        except BaseException as error:  # noqa: BLE001, PERF203 - raised below, when all are closed
            failure = failure or error
    if failure is not None:
        raise failure
