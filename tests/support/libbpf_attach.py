"""libbpf as the judge of what can be attached: each way is asked with a program that libbpf has loaded itself.

What comes of it is an errno, 0 where it was attached; it is detached at once.
"""

from __future__ import annotations

import ctypes
import os

from tests.support.libbpf import each, name_of, open_library

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path
    from typing import TypeAlias

    # What attaches a program of an object: (library, program, object) -> errno.
    Way: TypeAlias = Callable[[ctypes.CDLL, ctypes.c_void_p, ctypes.c_void_p], int]

_LINKS = (
    "bpf_map__attach_struct_ops", "bpf_object__find_map_by_name", "bpf_program__attach", "bpf_program__attach_cgroup",
    "bpf_program__attach_kprobe_multi_opts", "bpf_program__attach_netns", "bpf_program__attach_perf_event",
    "bpf_program__attach_uprobe", "bpf_program__attach_xdp",
)  # fmt: skip


class _Hook(ctypes.Structure):
    """struct bpf_tc_hook of libbpf 0.6."""

    _fields_ = [
        ("size", ctypes.c_size_t),
        ("interface", ctypes.c_int),
        ("point", ctypes.c_int),
        ("parent", ctypes.c_uint32),
    ]


class _Filter(ctypes.Structure):
    """struct bpf_tc_opts of libbpf 0.6."""

    _fields_ = [
        ("size", ctypes.c_size_t), ("program", ctypes.c_int), ("flags", ctypes.c_uint32), ("id", ctypes.c_uint32),
        ("handle", ctypes.c_uint32), ("priority", ctypes.c_uint32),
    ]  # fmt: skip


def attaches(
    path: Path, names: Collection[str], way: Way, *, target: tuple[int, str] | None = None
) -> dict[str, int]:
    """What comes of attaching each program of an object, one by one.

    ``names`` are the programs to load; without any all are that load by themselves. ``target`` is the loaded program
    (by descriptor) and its function that they are loaded for (freplace).
    """
    library = open_library()
    for function in _LINKS:
        getattr(library, function).restype = ctypes.c_void_p
    opened = library.bpf_object__open_file(os.fsencode(path), None)
    assert opened, os.strerror(ctypes.get_errno())
    thing = ctypes.c_void_p(opened)
    try:
        for program in each(library.bpf_object__next_program, thing) if names else ():
            wanted = name_of(library.bpf_program__name(program)) in names
            assert library.bpf_program__set_autoload(program, ctypes.c_bool(wanted)) == 0
            if wanted and target is not None:
                number, function = target
                assert library.bpf_program__set_attach_target(program, number, function.encode()) == 0
        assert library.bpf_object__load(thing) == 0
        found = {}
        for program in each(library.bpf_object__next_program, thing):
            if library.bpf_program__fd(program) >= 0:
                ctypes.set_errno(0)
                found[name_of(library.bpf_program__name(program))] = way(library, program, thing)
        return found
    finally:
        library.bpf_object__close(thing)


def _unlinked(library: ctypes.CDLL, link: int | None) -> int:
    errno = 0 if link else ctypes.get_errno()
    if link:
        library.bpf_link__destroy(ctypes.c_void_p(link))
    return errno


def by_section(library: ctypes.CDLL, program: ctypes.c_void_p, _: ctypes.c_void_p) -> int:
    """Where the section says."""
    return _unlinked(library, library.bpf_program__attach(program))


def to(kind: str, target: int) -> Way:
    """To a control group, a network namespace, a perf event (by descriptor) or an interface (by number)."""

    def attach(library: ctypes.CDLL, program: ctypes.c_void_p, _: ctypes.c_void_p) -> int:
        return _unlinked(library, getattr(library, f"bpf_program__attach_{kind}")(program, target))

    return attach


def to_file(path: Path, offset: int) -> Way:
    """To a place of a program or library, in all processes (uprobe)."""

    def attach(library: ctypes.CDLL, program: ctypes.c_void_p, _: ctypes.c_void_p) -> int:
        place = ctypes.c_size_t(offset)
        link = library.bpf_program__attach_uprobe(program, ctypes.c_bool(False), -1, os.fsencode(path), place)
        return _unlinked(library, link)

    return attach


def to_functions(pattern: str) -> Way:
    """To many functions of the kernel (kprobe.multi)."""

    def attach(library: ctypes.CDLL, program: ctypes.c_void_p, _: ctypes.c_void_p) -> int:
        return _unlinked(
            library, library.bpf_program__attach_kprobe_multi_opts(program, pattern.encode(), None)
        )

    return attach


def to_map(name: str, attach_type: int) -> Way:
    """To a map of the object (sk_skb, sk_msg)."""

    def attach(library: ctypes.CDLL, program: ctypes.c_void_p, thing: ctypes.c_void_p) -> int:
        map = library.bpf_map__fd(ctypes.c_void_p(library.bpf_object__find_map_by_name(thing, name.encode())))
        number = library.bpf_program__fd(program)
        errno = -library.bpf_prog_attach(number, map, attach_type, 0)
        if not errno:
            library.bpf_prog_detach2(number, map, attach_type)
        return errno

    return attach


def registered(name: str) -> Way:
    """A map of the object that is a struct of functions, whichever of these is the program (struct_ops)."""

    def attach(library: ctypes.CDLL, _: ctypes.c_void_p, thing: ctypes.c_void_p) -> int:
        map = ctypes.c_void_p(library.bpf_object__find_map_by_name(thing, name.encode()))
        return _unlinked(library, library.bpf_map__attach_struct_ops(map))

    return attach


def to_clsact(interface: int, point: int) -> Way:
    """As a filter of an interface's clsact, which is made for it; ``point`` is of enum bpf_tc_attach_point."""

    def attach(library: ctypes.CDLL, program: ctypes.c_void_p, _: ctypes.c_void_p) -> int:
        hook = _Hook(size=ctypes.sizeof(_Hook), interface=interface, point=point)
        wanted = _Filter(size=ctypes.sizeof(_Filter), program=library.bpf_program__fd(program))
        errno = -library.bpf_tc_hook_create(ctypes.byref(hook))
        if not errno:
            errno = -library.bpf_tc_attach(ctypes.byref(hook), ctypes.byref(wanted))
            hook.point = 3  # both: the clsact itself
            library.bpf_tc_hook_destroy(ctypes.byref(hook))
        return errno

    return attach
