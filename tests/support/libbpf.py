"""libbpf itself as a witness: what it makes of an object's instructions before the kernel sees them.

The shared library of Debian's package libbpf1, called through ctypes: nothing to compile. It patches
every program before it loads the first, so the instructions can be read also where the kernel then
refuses them, for instance because they were relocated for another kernel's types.
"""

from __future__ import annotations

import ctypes
import functools
import os
from typing import NamedTuple

from tests.support.require import missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

# enum libbpf_print_level of bpf/libbpf.h.
WARN = 0


class Options(ctypes.Structure):
    """struct bpf_object_open_opts of libbpf 1.0, up to the member that is used here."""

    _fields_ = [
        ("size", ctypes.c_size_t),
        ("object_name", ctypes.c_char_p),
        ("relaxed_maps", ctypes.c_bool),
        ("pin_root_path", ctypes.c_char_p),
        ("unused", ctypes.c_uint32),
        ("kconfig", ctypes.c_char_p),
        ("btf_custom_path", ctypes.c_char_p),
    ]


class Witness(NamedTuple):
    """``code`` by program, ``maps`` name by descriptor, ``refusal`` the errno of the load or 0,
    ``said`` its warnings.
    """

    code: dict[str, bytes]
    maps: dict[int, str]
    refusal: int
    said: str


_POINTERS = (
    "bpf_object__open_file", "bpf_object__next_program", "bpf_object__next_map", "bpf_program__insns",
    "libbpf_set_print",
)  # fmt: skip
_PRINT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)


@functools.cache
def open_library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libbpf.so.1", use_errno=True)
    except OSError:
        missing("libbpf", "needs libbpf 1.x: apt-get install libbpf1")
    for name in _POINTERS:
        getattr(library, name).restype = ctypes.c_void_p
    library.bpf_program__insn_cnt.restype = ctypes.c_size_t
    for name in ("bpf_program__name", "bpf_map__name"):
        getattr(library, name).restype = ctypes.c_char_p
    return library


def version() -> tuple[int, int]:
    """Of the library."""
    library = open_library()
    return library.libbpf_major_version(), library.libbpf_minor_version()


def relocated(path: Path, btf: Path | None = None, *, everything: bool = False) -> Witness:
    """What libbpf sends to the kernel for each program; CO-RE against the types in ``btf`` if that is given.

    ``everything``: of those, too, that are loaded on demand only.
    """
    library, said = open_library(), bytearray()

    @_PRINT
    def keep(level: int, form: bytes, arguments: int) -> int:
        if level == WARN:
            text = ctypes.create_string_buffer(1 << 16)
            ctypes.CDLL(None).vsnprintf(text, ctypes.c_size_t(len(text)), form, ctypes.c_void_p(arguments))
            said.extend(text.value)
        return 0

    before = library.libbpf_set_print(keep)
    try:
        return _load(library, path, btf, said, everything=everything)
    finally:
        library.libbpf_set_print(ctypes.c_void_p(before))


def _load(
    library: ctypes.CDLL, path: Path, btf: Path | None, said: bytearray, *, everything: bool
) -> Witness:
    options = Options(
        size=ctypes.sizeof(Options), btf_custom_path=os.fsencode(btf) if btf is not None else None
    )
    opened = library.bpf_object__open_file(os.fsencode(path), ctypes.byref(options))
    if not opened:
        return Witness({}, {}, ctypes.get_errno(), said.decode())
    thing = ctypes.c_void_p(opened)
    try:
        for program in each(library.bpf_object__next_program, thing) if everything else ():
            assert library.bpf_program__set_autoload(program, ctypes.c_bool(True)) == 0
        refusal = -library.bpf_object__load(thing)
        programs = each(library.bpf_object__next_program, thing)
        maps = {library.bpf_map__fd(found): name_of(library.bpf_map__name(found))
                for found in each(library.bpf_object__next_map, thing)}  # fmt: skip
        code = {
            name_of(library.bpf_program__name(program)): ctypes.string_at(
                library.bpf_program__insns(program), 8 * library.bpf_program__insn_cnt(program)
            )
            for program in programs
        }
        return Witness(code, maps, refusal, said.decode())
    finally:
        library.bpf_object__close(thing)


def each(following: ctypes._NamedFuncPointer, thing: ctypes.c_void_p) -> list[ctypes.c_void_p]:
    found = []
    place = following(thing, None)
    while place:
        found.append(ctypes.c_void_p(place))
        place = following(thing, ctypes.c_void_p(place))
    return found


def name_of(text: bytes) -> str:
    return text.decode()


class UsdtOptions(ctypes.Structure):
    """struct bpf_usdt_opts of libbpf 0.8."""

    _fields_ = [("size", ctypes.c_size_t), ("cookie", ctypes.c_uint64)]


def usdt_records(path: Path, file: str, provider: str, name: str, cookie: int) -> list[bytes]:
    """The records that libbpf stores for a USDT probe, after attaching the program of an object there."""
    library = open_library()
    opened = library.bpf_object__open_file(os.fsencode(path), None)
    assert opened, os.strerror(ctypes.get_errno())
    thing = ctypes.c_void_p(opened)
    link = None
    try:
        assert library.bpf_object__load(thing) == 0
        program, *_ = [
            found
            for found in each(library.bpf_object__next_program, thing)
            if library.bpf_program__fd(found) >= 0
        ]
        options = UsdtOptions(size=ctypes.sizeof(UsdtOptions), cookie=cookie)
        library.bpf_program__attach_usdt.restype = ctypes.c_void_p
        link = library.bpf_program__attach_usdt(
            program, -1, os.fsencode(file), provider.encode(), name.encode(), ctypes.byref(options)
        )
        assert link, os.strerror(ctypes.get_errno())
        library.bpf_object__find_map_by_name.restype = ctypes.c_void_p
        specs = ctypes.c_void_p(library.bpf_object__find_map_by_name(thing, b"__bpf_usdt_specs"))
        found = []
        for number in range(library.bpf_map__max_entries(specs)):
            key, value = (
                ctypes.c_uint32(number),
                ctypes.create_string_buffer(library.bpf_map__value_size(specs)),
            )
            assert library.bpf_map_lookup_elem(library.bpf_map__fd(specs), ctypes.byref(key), value) == 0
            if any(value.raw):
                found.append(value.raw)
        return found
    finally:
        if link:
            library.bpf_link__destroy(ctypes.c_void_p(link))
        library.bpf_object__close(thing)
