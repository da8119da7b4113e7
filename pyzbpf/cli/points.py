"""Where a probe can be attached, as the sections of programs name it: ``tracepoint/sched/sched_switch``."""

from __future__ import annotations

from fnmatch import fnmatchcase

from pyzbpf.btf import types as kinds
from pyzbpf.cli.usage import UsageError, near
from pyzbpf.errors import Error, NotFoundError, PrivilegeError, UnsupportedError, advice
from pyzbpf.kernel import kallsyms, tracefs
from pyzbpf.kernel.vmlinux import vmlinux

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_ENTER = "syscalls/sys_enter_"
# Names of the room before functions, where nothing is run.
_PADDING = ("__pfx_", "__cfi_")


def matching(pattern: str) -> list[str]:
    """The sections that a pattern means, sorted: of a kind (``tracepoint``), of names (``kprobe/vfs_*``) or of both.

    A pattern without a kind is looked for in every kind of the kernel. Raises UsageError for a kind that there is not,
    NotFoundError where nothing is like it.
    """
    file = ""
    kind, slash, name = pattern.partition("/")
    if not slash:
        kind, name = (kind, "*") if kind in KINDS else ("*", kind)
    if kind in OF_FILES:
        file, colon, name = name.partition(":")
        if not colon:
            raise UsageError(f"{kind} wants a program or library, and what of it: {kind}/libc.so.6:*")
        found = [f"{kind}/{file}:{each}" for each in _of_file(kind, file) if fnmatchcase(each, name)]
    else:
        wanted = [each for each in _OF_KERNEL if fnmatchcase(each, kind)]
        if not wanted:
            raise UsageError(f"there are no points of kind '{kind}'{near(kind, list(KINDS))}")
        found = [
            f"{each}/{point}"
            for each in wanted
            for point in _points(each, alone=len(wanted) == 1)
            if fnmatchcase(point, name)
        ]
    if not found:
        raise NotFoundError(f"nothing here is like '{pattern}'", advice=_hint(kind, file))
    return sorted(found)


def _points(kind: str, *, alone: bool) -> Iterable[str]:
    """Those of a kind of the kernel; nothing where it has none and others were asked for, too."""
    try:
        return _OF_KERNEL[kind]()
    except UnsupportedError:
        if alone:
            raise
        return ()


def _raw_tracepoints() -> Iterator[str]:
    # Each has a type of its own, btf_trace_NAME, from which the arguments of tp_btf come.
    return (name.removeprefix("btf_trace_") for name in vmlinux().names("btf_trace_"))


def _functions() -> Iterable[str]:
    try:
        return tracefs.functions()
    except PrivilegeError:
        raise
    except Error:  # not built in, or locked: then all that have a name, some of which the kernel will refuse
        return dict.fromkeys(name for name in kallsyms.functions()[1] if not name.startswith(_PADDING))


def _functions_with_types() -> set[str]:
    return set(_functions()).intersection(vmlinux().names(""))


def _hooks() -> Iterator[str]:
    btf = vmlinux()
    known = set(btf.names("bpf_lsm_"))
    for options in btf.find("security_list_options", kinds.UNION):
        yield from (member.name for member in options.members if f"bpf_lsm_{member.name}" in known)


def _iterators() -> Iterator[str]:
    # The context of iter/NAME is struct bpf_iter__NAME.
    return (name.removeprefix("bpf_iter__") for name in vmlinux().names("bpf_iter__"))


def _system_calls() -> Iterator[str]:
    return (point.removeprefix(_ENTER) for point in tracefs.tracepoints() if point.startswith(_ENTER))


def _hint(kind: str, file: str) -> str:
    """What to do where nothing is like a pattern; functions of a file may have lost their names."""
    if kind != "uprobe":
        return "* stands for any letters, ? for one"
    from pyzbpf.elf import executable, library

    return executable.why_missing(library.find(file))


def _of_file(kind: str, name: str) -> Iterable[str]:
    from pyzbpf.elf import executable, library, usdt

    path = library.find(name)
    try:
        if kind == "uprobe":
            return dict.fromkeys(executable.function_names(path))
        probes = usdt.read(path).probes
        if not probes:
            raise usdt.without(path)
        return dict.fromkeys(f"{probe.provider}:{probe.name}" for probe in probes)
    except OSError as error:
        raise NotFoundError(
            f"cannot be read: {error.strerror}", file=path, advice=advice(error.errno) or None
        ) from error


_OF_KERNEL: dict[str, Callable[[], Iterable[str]]] = {
    "tracepoint": tracefs.tracepoints,
    "raw_tp": _raw_tracepoints,
    "tp_btf": _raw_tracepoints,
    "kprobe": _functions,
    "fentry": _functions_with_types,
    "ksyscall": _system_calls,
    "lsm": _hooks,
    "iter": _iterators,
}
OF_FILES = ("uprobe", "usdt")
KINDS = (*_OF_KERNEL, *OF_FILES)
