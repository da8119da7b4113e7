"""Everything that is loaded in the kernel, and which processes hold it."""

from __future__ import annotations

import os

from pyzbpf.errors import Error, SystemCallError
from pyzbpf.kernel import commands, link_info
from pyzbpf.kernel.syscall import ENOENT, address
from pyzbpf.uapi.attrs import BTF_INFO, MAP_INFO, PROG_INFO
from pyzbpf.uapi.enums import ATTACH_TYPE_NAMES, MAP_TYPE_NAMES, PROG_TYPE_NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What /proc/PID/fdinfo calls the id of each kind, and what its descriptors are called.
_IDS = {"program": "prog_id", "map": "map_id", "link": "link_id", "btf": "btf_id"}
_FILES = {
    "anon_inode:bpf-prog": "program",
    "anon_inode:bpf-map": "map",
    "anon_inode:bpf_link": "link",
    "anon_inode:bpf-link": "link",
    "anon_inode:btf": "btf",
}


class Loaded:
    """Something in the kernel. ``kind`` is "program", "map", "link" or "btf", ``type`` the kernel's name of
    its type; ``details`` depend on the kind; ``owners`` are (process, command) of those with a descriptor.
    """

    __slots__ = ("details", "id", "kind", "name", "owners", "type")

    def __init__(
        self, kind: str, id: int, name: str, type: str, details: dict[str, int | str | list[int]]
    ) -> None:
        self.kind = kind
        self.id = id
        self.name = name
        self.type = type
        self.details = details
        self.owners: list[tuple[int, str]] = []

    def __repr__(self) -> str:
        return f"<Loaded {self.kind} {self.id} {self.name!r} ({self.type})>"


def everything() -> Iterator[Loaded]:
    """Programs, maps, links and type information, each in the order of their ids (it takes CAP_SYS_ADMIN).

    What comes or goes meanwhile may be missing. Owners of other users' processes are seen by root only.
    """
    holders = owners()
    for kind, command, read in (
        ("program", "prog", _program),
        ("map", "map", _map),
        ("link", "link", _link),
        ("btf", "btf", _btf),
    ):
        for number in _ids(command):
            try:
                with commands.by_id(command, number) as fd:
                    found = read(fd.fileno())
            except SystemCallError as error:
                if error.errno == ENOENT:  # gone since
                    continue
                raise
            found.owners = holders.get((kind, number), [])
            yield found


def _ids(command: str) -> Iterator[int]:
    number: int | None = 0
    while True:
        try:
            number = commands.next_id(command, number or 0)
        except Error:
            if command != "link":
                raise
            return  # before Linux 5.8 links have no ids
        if number is None:
            return
        yield number


def _program(fd: int) -> Loaded:
    info = commands.object_info(fd, PROG_INFO)
    count = int(info.get("nr_map_ids", 0))
    maps = bytearray(4 * count)
    if count:
        commands.object_info(fd, PROG_INFO, {"map_ids": address(maps), "nr_map_ids": count})
    details: dict[str, int | str | list[int]] = {
        "maps": [int.from_bytes(maps[at : at + 4], commands.ORDER) for at in range(0, len(maps), 4)],
        "instructions": int(info["xlated_prog_len"]) // 8,
        "uid": int(info.get("created_by_uid", 0)),
        "runs": int(info.get("run_cnt", 0)),
        "nanoseconds": int(info.get("run_time_ns", 0)),
    }
    type = PROG_TYPE_NAMES.get(int(info["type"]), str(info["type"]))
    return Loaded("program", int(info["id"]), _text(info), type, details)


def _map(fd: int) -> Loaded:
    info = commands.object_info(fd, MAP_INFO)
    details: dict[str, int | str | list[int]] = {
        name: int(info[name]) for name in ("key_size", "value_size", "max_entries")
    }
    type = MAP_TYPE_NAMES.get(int(info["type"]), str(info["type"]))
    return Loaded("map", int(info["id"]), _text(info), type, details)


def _link(fd: int) -> Loaded:
    info = link_info.read(fd)
    number, type = int(info.pop("id")), str(info.pop("kind"))
    if "attach_type" in info:
        told = int(info["attach_type"])
        info["attach_type"] = ATTACH_TYPE_NAMES.get(told, told)
    return Loaded("link", number, "", type, {"program": info.pop("prog_id"), **info})


def _btf(fd: int) -> Loaded:
    name = bytearray(64)
    info = commands.object_info(fd, BTF_INFO)
    if "name_len" in info:  # before Linux 5.11 types have no names, and who asks for one is refused (E2BIG)
        info = commands.object_info(fd, BTF_INFO, {"name": address(name), "name_len": len(name)})
    text = bytes(name).partition(b"\0")[0].decode(errors="replace")
    type = "kernel" if info.get("kernel_btf") else "program"
    return Loaded("btf", int(info["id"]), text, type, {"size": int(info["btf_size"])})


def _text(info: dict[str, int | bytes]) -> str:
    name = info.get("name", b"")
    assert isinstance(name, bytes)
    return name.rstrip(b"\0").decode(errors="replace")


def owners(
    processes: Callable[[], list[str]] = lambda: os.listdir("/proc"),
) -> dict[tuple[str, int], list[tuple[int, str]]]:
    """(process, its command) of all that have a descriptor, by kind and id."""
    found: dict[tuple[str, int], list[tuple[int, str]]] = {}
    for process in processes():
        if not process.isdigit():
            continue
        held = set(_held(process))
        if not held:
            continue
        command = _command(process)
        for thing in held:
            found.setdefault(thing, []).append((int(process), command))
    return {thing: sorted(holders) for thing, holders in found.items()}


def _held(process: str) -> Iterator[tuple[str, int]]:
    try:
        numbers = os.listdir(f"/proc/{process}/fd")
    except OSError:  # ended, or another user's
        return
    for number in numbers:
        kind = _kind(f"/proc/{process}/fd/{number}")
        if kind:
            told = _told(f"/proc/{process}/fdinfo/{number}", _IDS[kind])
            if told:
                yield kind, told


def _kind(path: str) -> str | None:
    try:
        return _FILES.get(os.readlink(path))
    except OSError:
        return None


def _told(path: str, wanted: str) -> int:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name == wanted:
                    return int(value)
    except (OSError, ValueError):
        pass
    return 0


def _command(process: str) -> str:
    try:
        with open(f"/proc/{process}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().rstrip("\n")
    except OSError:
        return "?"
