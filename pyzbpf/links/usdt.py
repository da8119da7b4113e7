"""USDT: the program runs at the probes that an author has put into a program or library (Linux 4.17, semaphores 4.20).

All places of a probe are one link of the kernel (Linux 6.10), before a perf event each.

Where a probe's arguments are, differs from place to place. The program finds it in the map `__bpf_usdt_specs`,
by the cookie of the place (Linux 5.15), before by its address in `__bpf_usdt_ip_to_spec_id`: the maps and
records of libbpf's usdt.bpf.h.
"""

from __future__ import annotations

import _thread
import os
import sys
from os import fspath

from pyzbpf.errors import Error, LayoutWarning, NotFoundError, ObjectError, SystemCallError, UnsupportedError
from pyzbpf.kernel import commands, kconfig, limits, memory_maps, perf_event
from pyzbpf.kernel.syscall import EEXIST, EINVAL, EOPNOTSUPP
from pyzbpf.links import perf_link, uprobe, uprobe_multi
from pyzbpf.links.base import Link, Registration, cookie_option, process_option, text_option
from pyzbpf.uapi import since
from pyzbpf.uapi.enums import BPF_NOEXIST, BPF_TRACE_UPROBE_MULTI

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from pyzbpf.elf.usdt import Usdt
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.links.base import Closable, LoadedMap
    from pyzbpf.spec.model import ProgramSpec

_SPECS, _BY_ADDRESS = "__bpf_usdt_specs", "__bpf_usdt_ip_to_spec_id"


def attach(
    program: Fd,
    spec: ProgramSpec,
    maps: Mapping[str, LoadedMap],
    *,
    path: str | PathLike[str] | None = None,
    provider: str | None = None,
    name: str | None = None,
    pid: int | None = None,
    root: str | PathLike[str] = "",
    cookie: int = 0,
) -> Link:
    """Run the program at every place of a probe; the defaults are what the section says (``PATH:PROVIDER:NAME``).

    ``path`` is a program or library, by path or by name ("libc.so.6", "python3"), below ``root`` where that is
    given ("/proc/4711/root": as the process 4711 sees it); ``provider`` "" is any. ``pid``: in that process
    only, 0 in this one. ``cookie`` is a number for the program to tell its probes apart by (bpf_usdt_cookie); all kernels
    have it. NotFoundError for a file or probe that does not exist, with similar names.
    """
    said = [*spec.target.split(":", 2), "", "", ""]
    file = text_option("path", said[0] if path is None else fspath(path), "libc.so.6")
    provider = text_option("provider", said[1] if provider is None else provider, "python")
    name = text_option("name", said[2] if name is None else name, "function__entry")
    process = process_option(pid)
    cookie = cookie_option(cookie)
    if not file or not name:
        raise ObjectError(
            f"the section does not say which {'probe' if file else 'program or library'}",
            section=spec.section,
            symbol=spec.name,
            advice=f"Name it {spec.kind}/<path or library>:<provider>:<name>, or give path=, provider= and name= "
            "when attaching.",
        )
    from pyzbpf.elf import library, usdt, usdt_arguments  # pyelftools: only where a file is looked into

    file = library.find(file, fspath(root))
    try:
        executable = usdt.read(file)
    except OSError as error:
        raise NotFoundError(f"cannot be read: {error.strerror}", file=file) from error
    places = usdt.find(executable, file, provider, name)
    what = f"{spec.kind.removesuffix('.s')} '{file}:{places[0].provider}:{name}'"
    table = _Table(spec, maps, with_cookies=bool(kconfig.computed("LINUX_HAS_BPF_COOKIE")))
    parts: list[Closable] = [table]
    try:
        moved = 0
        if executable.relocatable and not table.with_cookies:
            moved = _moved(file, places[0], process, what)
        numbered: list[tuple[int, int, int]] = []
        for place in places:
            record = usdt_arguments.pack(
                place.arguments,
                executable.machine,
                endian=sys.byteorder,
                cookie=cookie,
                file=file,
                probe=f"{place.provider}:{name}",
            )
            number = table.number_of(record, place.address + moved, what)
            numbered.append((place.offset, number if table.with_cookies else 0, place.semaphore))
        parts[:0] = _links(program, what, file, numbered, process)
    except BaseException as error:
        for part in parts:
            part.close()
        if isinstance(error, SystemCallError):
            raise uprobe.refused(error, what, process) from error
        raise
    if process is None and any(place.shadowed for place in places):
        _warn(what)
    return Link(spec, what, parts)


def _warn(what: str) -> None:
    """The kernel counts in the first writable mapping of the page of the file (find_ref_ctr_vma), as soon as it is there.

    With the linker of LLVM (so Zig's) that can be the part that is written before the program starts only (RELRO).
    """
    import warnings

    text = (
        f"{what}: its semaphore shares a page of the file with another part that is mapped for writing, so processes "
        "that start from now on may not see it raised, and not run the probe; attach with pid= when they run, or link the "
        "program with -Wl,-z,norelro"
    )
    warnings.warn(text, LayoutWarning, stacklevel=5)  # where Program.attach() is called


def loaded_as() -> int:
    """The attach type that programs are loaded with: of one link to all places, where this kernel has it whole."""
    older = limits.older(os.uname().release, since.UPROBE_MULTI_PROCESS)
    return 0 if older else BPF_TRACE_UPROBE_MULTI


def _links(
    program: Fd, what: str, file: str, places: list[tuple[int, int, int]], process: int | None
) -> list[Closable]:
    """One link to all places, or a perf event for each: also for a program that was loaded for those."""
    if loaded_as():
        try:
            return [
                uprobe_multi.create(
                    program, what, BPF_TRACE_UPROBE_MULTI, file, places, returns=False, process=process or 0
                )
            ]
        except SystemCallError as error:
            if error.errno not in (EINVAL, EOPNOTSUPP):
                raise
    parts: list[Closable] = []
    try:
        for offset, cookie, semaphore in places:
            event = perf_event.probe("uprobe", file, offset, what, process=process, semaphore=semaphore)
            parts[:0] = perf_link.run_at(event, program, what, cookie=cookie)
    except BaseException:
        for part in parts:
            part.close()
        raise
    return parts


def _moved(file: str, place: Usdt, process: int | None, what: str) -> int:
    """How far from where it was linked a process has mapped the file: kernels without cookies ask for it."""
    if process is None:
        raise UnsupportedError(
            f"{what} in all processes",
            since=since.COOKIE,
            advice="This file is mapped elsewhere in each process; give pid= for one of them.",
        )
    address = memory_maps.address_of(process, file, place.offset)
    if address is None:
        raise NotFoundError(f"{what}: the process {process} has not mapped this file")
    return address - place.address


# By the id of a map of records: the numbers of those that links use. 0 is one of them: programs take it,
# but a link whose cookie is 0 has none for the kernel, which comes to the same.
_used: dict[int, set[int]] = {}
_lock = _thread.allocate_lock()  # several threads may attach


class _Table(Registration):
    """The records of one link in the maps of its object, given back when it is closed."""

    __slots__ = ("_addresses", "_by_address", "_id", "_numbers", "_size", "_specs", "with_cookies")

    def __init__(self, spec: ProgramSpec, maps: Mapping[str, LoadedMap], *, with_cookies: bool) -> None:
        from pyzbpf.elf import usdt_arguments

        super().__init__()
        missing = [name for name in (_SPECS, _BY_ADDRESS) if name not in dict(maps)]
        if missing:
            raise ObjectError(
                f"the object has no map {' and no map '.join(missing)}, by which USDT programs find their arguments",
                section=spec.section,
                symbol=spec.name,
                advice="In C include <bpf/usdt.bpf.h>; in Zig read the arguments by the SDK.",
            )
        info = maps[_SPECS].info
        self._size = int(info["max_entries"])
        if info["value_size"] != usdt_arguments.SIZE:
            raise ObjectError(
                f"its records have {info['value_size']!r} bytes, not {usdt_arguments.SIZE}", symbol=_SPECS
            )
        self._id = int(info["id"])
        self._specs = maps[_SPECS]
        self._by_address = maps[_BY_ADDRESS]
        self.with_cookies = with_cookies
        self._numbers: dict[bytes, int] = {}
        self._addresses: list[bytes] = []

    def number_of(self, record: bytes, address: int, what: str) -> int:
        """The number of the record for a place at ``address`` in memory."""
        number = self._numbers[record] if record in self._numbers else self._stored(record, what)
        if not self.with_cookies:
            self._map_address(address, number, what)
        return number

    def _stored(self, record: bytes, what: str) -> int:
        with _lock:
            used = _used.setdefault(self._id, set())
            number = next((number for number in range(self._size) if number not in used), None)
            if number is None:
                raise Error(
                    f"{what}: {self._size} different places of arguments are attached already, and no more fit into "
                    f"the map {_SPECS}; make it larger before loading: spec.maps['{_SPECS}'].max_entries = "
                    f"{2 * self._size} (BPF_USDT_MAX_SPEC_CNT in C)"
                )
            used.add(number)
            self._numbers[record] = number
        commands.map_update(self._specs.fileno(), _bytes(number, 4), record)
        return number

    def _map_address(self, address: int, number: int, what: str) -> None:
        key = _bytes(address, 8)
        try:
            commands.map_update(self._by_address.fileno(), key, _bytes(number, 4), BPF_NOEXIST)
        except SystemCallError as error:
            if error.errno != EEXIST:
                raise
            raise UnsupportedError(
                f"{what}, where a program of this object is attached already", since=since.COOKIE
            ) from error
        self._addresses.append(key)

    def fileno(self) -> int:
        return self._specs.fileno()

    def take_back(self) -> None:
        """The records themselves are overwritten by the next."""
        with _lock:
            used = _used.get(self._id, set())
            used -= set(self._numbers.values())
            if not used:
                _used.pop(self._id, None)
        for key in self._addresses:
            commands.map_delete(self._by_address.fileno(), key)


def _bytes(number: int, size: int) -> bytes:
    return number.to_bytes(size, sys.byteorder)
