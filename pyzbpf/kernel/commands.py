"""One typed function per command of bpf(2).

Sizes are in bytes. Where the kernel's refusal is an answer (no such key) the function returns it;
every other refusal raises SystemCallError, PrivilegeError or UnsupportedError.
"""

from __future__ import annotations

import os
import struct
import sys

from pyzbpf.kernel.fd import Fd, LinkFd
from pyzbpf.kernel.syscall import EAGAIN, ENOENT, EPERM, address, bpf, failure
from pyzbpf.uapi import attrs, enums

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Layout = Mapping[str, tuple[int, int]]

ORDER = sys.byteorder

# The verifier gives up with EAGAIN when a signal is pending (kernel commit c3494801cd17, in 4.20).
_LOAD_ATTEMPTS = 5


# More than any attributes and any info struct of any kernel have.
_ROOM = 512
# How integers are put there, by their bytes; any other member is bytes.
_LETTERS = {1: "B", 2: "H", 4: "I", 8: "Q"}
_PUT: dict[int, Callable[..., None]] = {
    size: struct.Struct("=" + letter).pack_into for size, letter in _LETTERS.items()
}
# By the layout's identity, which it keeps as long as it is here: how each member is put, from where to where.
_writers: dict[int, tuple[Layout, dict[str, tuple[Callable[..., None], int, int]]]] = {}


def _put_bytes(data: bytearray, offset: int, value: bytes) -> None:
    data[offset : offset + len(value)] = value


def pack(layout: Layout, values: Mapping[str, int | bytes]) -> bytearray:
    """The attribute bytes of a command, no longer than the last member that is not zero.

    A kernel older than a member refuses the command only where that member is set
    (bpf_check_uarg_tail_zero), so members left out keep the call valid on all kernels.
    """
    known = _writers.get(id(layout))
    if known is None:
        writers = {
            name: (_PUT.get(size, _put_bytes), offset, offset + size)
            for name, (offset, size) in layout.items()
        }
        known = _writers[id(layout)] = layout, writers
    writers = known[1]
    data, last = bytearray(_ROOM), 0
    for name, value in values.items():
        if value:
            put, offset, end = writers[name]
            put(data, offset, value)
            if end > last:  # noqa: PLR1730 - a call for each member costs more
                last = end
    del data[last:]
    return data


def packer(layout: Layout, members: Sequence[str]) -> struct.Struct:
    """What packs these members alone, which stand in order of their places; the others are zero. For many at once."""
    form, end = "=", 0
    for name in members:
        offset, size = layout[name]
        form += f"{offset - end}x{_LETTERS.get(size, f'{size}s')}"
        end = offset + size
    return struct.Struct(form)


def unpack(layout: Layout, data: bytearray, name: str) -> int:
    """One integer that the kernel wrote into the attributes; 0 where they are too short for it."""
    offset, size = layout[name]
    return int.from_bytes(data[offset : offset + size], ORDER)


def _memory_charged(command: int, data: bytearray) -> int:
    """bpf(2) for a command whose memory older kernels charge against RLIMIT_MEMLOCK."""
    result = bpf(command, data)
    if result == -EPERM:
        from pyzbpf.kernel import limits

        if limits.raise_memlock():
            result = bpf(command, data)
    return result


# BPF_OBJ_NAME_LEN with the NUL; the kernel takes letters, digits, '_' and '.' (bpf_obj_name_cpy).
NAME = 15
_NAME_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.")


def kernel_name(name: str) -> str:
    """A name the kernel takes: illegal characters replaced, cut to 15."""
    if name.isascii() and name.isidentifier():
        return name[:NAME]
    return "".join(c if c in _NAME_CHARACTERS else "_" for c in name)[:NAME]


def request(command: int, layout: Layout, values: Mapping[str, int | bytes]) -> int:
    """Any command, for whom a refusal is an answer: its result, which may be a descriptor, or the negative errno."""
    return _memory_charged(command, pack(layout, values))


# -- BTF ----------------------------------------------------------------------------------------


def btf_load(data: bytes, *, log: bytearray | None = None, token: int = 0) -> Fd:
    """Give type information to the kernel (Linux 4.18)."""
    values: dict[str, int | bytes] = {"btf": address(data), "btf_size": len(data)}
    values.update(btf_token_fd=token, btf_flags=enums.BPF_F_TOKEN_FD if token else 0)
    if log:
        values.update(btf_log_buf=address(log), btf_log_size=len(log), btf_log_level=1)
    result = _memory_charged(enums.BPF_BTF_LOAD, pack(attrs.BTF_LOAD, values))
    if result < 0:
        raise failure(result, command="BPF_BTF_LOAD", capability="CAP_BPF")
    return Fd(result, "BTF")


# -- maps ---------------------------------------------------------------------------------------


def map_create(name: str, **values: int) -> Fd:
    """Create a map; ``values`` are members of bpf_attr.map_create by their names in linux/bpf.h."""
    fields: dict[str, int | bytes] = {**values, "map_name": name.encode()}
    if values.get("map_token_fd"):
        fields["map_flags"] = values.get("map_flags", 0) | enums.BPF_F_TOKEN_FD
    result = _memory_charged(enums.BPF_MAP_CREATE, pack(attrs.MAP_CREATE, fields))
    if result < 0:
        raise failure(result, command="BPF_MAP_CREATE", capability="CAP_BPF", detail=f"map '{name}'")
    return Fd(result, f"map '{name}'")


def map_lookup(fd: int, key: bytes, size: int, flags: int = 0) -> bytearray | None:
    """The ``size`` bytes of a key's value, or None where the key is not in the map."""
    return _element(enums.BPF_MAP_LOOKUP_ELEM, fd, key, size, flags)


def map_lookup_and_delete(fd: int, key: bytes, size: int, flags: int = 0) -> bytearray | None:
    """Take a value out of a map (queue and stack: Linux 4.20, hash: 5.14)."""
    return _element(enums.BPF_MAP_LOOKUP_AND_DELETE_ELEM, fd, key, size, flags)


def _element(command: int, fd: int, key: bytes, size: int, flags: int) -> bytearray | None:
    value = bytearray(size)
    values: dict[str, int | bytes] = {
        "map_fd": fd,
        "key": address(key),
        "value": address(value),
        "flags": flags,
    }
    result = bpf(command, pack(attrs.MAP_ELEM, values))
    if result == -ENOENT:
        return None
    if result < 0:
        raise failure(result, command=_NAMES[command], capability="CAP_BPF")
    return value


def map_update(fd: int, key: bytes, value: bytes, flags: int = 0) -> None:
    """Store a value: ``flags`` 0 stores always, BPF_NOEXIST only a new key, BPF_EXIST an old one."""
    values: dict[str, int | bytes] = {
        "map_fd": fd,
        "key": address(key),
        "value": address(value),
        "flags": flags,
    }
    result = bpf(enums.BPF_MAP_UPDATE_ELEM, pack(attrs.MAP_ELEM, values))
    if result < 0:
        raise failure(result, command="BPF_MAP_UPDATE_ELEM", capability="CAP_BPF")


def map_delete(fd: int, key: bytes) -> bool:
    """Remove a key; False where it was not in the map."""
    result = bpf(enums.BPF_MAP_DELETE_ELEM, pack(attrs.MAP_ELEM, {"map_fd": fd, "key": address(key)}))
    if result == -ENOENT:
        return False
    if result < 0:
        raise failure(result, command="BPF_MAP_DELETE_ELEM", capability="CAP_BPF")
    return True


def map_next_key(fd: int, key: bytes | None, size: int) -> bytes | None:
    """The key after ``key`` (the first one for None), or None after the last."""
    found = bytearray(size)
    values: dict[str, int | bytes] = {"map_fd": fd, "key": address(key), "next_key": address(found)}
    result = bpf(enums.BPF_MAP_GET_NEXT_KEY, pack(attrs.MAP_ELEM, values))
    if result == -ENOENT:
        return None
    if result < 0:
        raise failure(result, command="BPF_MAP_GET_NEXT_KEY", capability="CAP_BPF")
    return bytes(found)


def map_batch(
    command: int,
    fd: int,
    keys: bytearray | bytes,
    values: bytearray | bytes | None,
    count: int,
    *,
    start: bytearray | None = None,
    end: bytearray | None = None,
    flags: int = 0,
) -> tuple[int, int]:
    """One of the commands BPF_MAP_*_BATCH (Linux 5.6): (0 or negative errno, how many elements it was for).

    For lookups ``start`` is where the last call ended (None: at the first) and ``end`` where this one does. -ENOENT of
    a lookup says that it came to the end, -ENOSPC that one bucket of a hash holds more than ``count``; in both cases
    the number counts. -ENOTSUPP: this kind of map has no such command.
    """
    values_: dict[str, int | bytes] = {
        "map_fd": fd,
        "in_batch": address(start),
        "out_batch": address(end),
        "keys": address(keys),
        "values": address(values),
        "count": count,
        "elem_flags": flags,
    }
    data = pack(attrs.MAP_BATCH, values_)
    return bpf(command, data), unpack(attrs.MAP_BATCH, data, "count")


def bloom_has(fd: int, value: bytes) -> bool:
    """Whether a bloom filter may hold the value (Linux 5.16): it has no keys, and looks for what it is given."""
    given = bytearray(value)
    result = bpf(enums.BPF_MAP_LOOKUP_ELEM, pack(attrs.MAP_ELEM, {"map_fd": fd, "value": address(given)}))
    if result < 0 and result != -ENOENT:
        raise failure(result, command="BPF_MAP_LOOKUP_ELEM", capability="CAP_BPF")
    return result == 0


def map_open(number: int) -> Fd:
    """A descriptor of the map with this id (Linux 4.13)."""
    result = bpf(enums.BPF_MAP_GET_FD_BY_ID, pack(attrs.GET_ID, {"start_id": number}))
    if result < 0:
        raise failure(
            result, command="BPF_MAP_GET_FD_BY_ID", capability="CAP_SYS_ADMIN", detail=f"map id {number}"
        )
    return Fd(result, f"map id {number}")


def map_freeze(fd: int) -> None:
    """Forbid user space to change the map from now on (Linux 5.2)."""
    result = bpf(enums.BPF_MAP_FREEZE, pack(attrs.MAP_ELEM, {"map_fd": fd}))
    if result < 0:
        raise failure(result, command="BPF_MAP_FREEZE", capability="CAP_BPF")


# -- pins ---------------------------------------------------------------------------------------


def obj_pin(fd: int, path: str) -> None:
    """Give a map, program or link a name in a BPF file system: it lives until the name is removed."""
    name = os.fsencode(path) + b"\0"
    result = bpf(enums.BPF_OBJ_PIN, pack(attrs.OBJ, {"pathname": address(name), "bpf_fd": fd}))
    if result < 0:
        raise failure(result, command="BPF_OBJ_PIN", capability="CAP_BPF", detail=path)


def obj_get(path: str, what: str) -> Fd:
    """A descriptor of what is pinned there."""
    name = os.fsencode(path) + b"\0"
    result = bpf(enums.BPF_OBJ_GET, pack(attrs.OBJ, {"pathname": address(name)}))
    if result < 0:
        raise failure(result, command="BPF_OBJ_GET", capability="CAP_BPF", detail=path)
    return Fd(result, what)


# -- programs -----------------------------------------------------------------------------------


def prog_load(values: Mapping[str, int | bytes], *, log: bytearray | None = None) -> tuple[int, int]:
    """Verify and load a program: (descriptor or negative errno, size of the log it wanted).

    ``values`` are members of bpf_attr.prog_load. The second number is log_true_size (Linux 6.4, 0
    before). The caller judges the errno, for it is the one who has the log.
    """
    fields = dict(values)
    if log:
        fields.update(log_buf=address(log), log_size=len(log))
        fields.setdefault("log_level", 1)
    data = pack(attrs.PROG_LOAD, fields)
    offset, size = attrs.PROG_LOAD["log_true_size"]
    if log:
        data.extend(bytes(max(0, offset + size - len(data))))
    return prog_load_packed(data), unpack(attrs.PROG_LOAD, data, "log_true_size")


def prog_load_packed(data: bytearray) -> int:
    """The same of attributes that were packed before: the descriptor or the negative errno."""
    result = -EAGAIN
    for _ in range(_LOAD_ATTEMPTS):
        result = _memory_charged(enums.BPF_PROG_LOAD, data)
        if result != -EAGAIN:
            break
    return result


def prog_loads(attributes: Iterable[bytearray], results: list[int]) -> None:
    """Load programs one after the other, up to the first that is refused: descriptors, and its negative errno.

    They are put into ``results`` one by one, so that the caller knows them even after an interrupt. Nothing is tried
    again: who is refused asks `prog_load_packed`.
    """
    for data in attributes:
        results.append(bpf(enums.BPF_PROG_LOAD, data))
        if results[-1] < 0:
            return


def prog_test_run(fd: int, values: Mapping[str, int | bytes]) -> tuple[int, bytearray]:
    """Run a program once without attaching it: (0 or negative errno, the attributes, written to)."""
    data = pack(attrs.PROG_TEST_RUN, {**values, "prog_fd": fd})
    offset, size = attrs.PROG_TEST_RUN["ctx_out"]
    data.extend(bytes(max(0, offset + size - len(data))))
    return bpf(enums.BPF_PROG_TEST_RUN, data), data


def enable_statistics() -> Fd:
    """While this descriptor is open the kernel measures every program's run time (Linux 5.8)."""
    result = bpf(enums.BPF_ENABLE_STATS, pack(attrs.ENABLE_STATS, {"type": enums.BPF_STATS_RUN_TIME}))
    if result < 0:
        raise failure(result, command="BPF_ENABLE_STATS", capability="CAP_SYS_ADMIN")
    return Fd(result, "statistics of programs")


def stream_read(fd: int, stream: int, buffer: bytearray) -> int:
    """What a program has printed for its owner (Linux 6.17): how many bytes of ``buffer`` are filled; 0 is all read."""
    values = {
        "prog_fd": fd,
        "stream_id": stream,
        "stream_buf": address(buffer),
        "stream_buf_len": len(buffer),
    }
    result = bpf(enums.BPF_PROG_STREAM_READ_BY_FD, pack(attrs.PROG_STREAM_READ, values))
    if result < 0:
        raise failure(result, command="BPF_PROG_STREAM_READ_BY_FD", capability="CAP_BPF")
    return result


# -- links --------------------------------------------------------------------------------------


def raw_tracepoint_open(program: int, name: str, what: str = "", cookie: int = 0) -> Fd:
    """Attach to a raw tracepoint (Linux 4.17), or without a name to what the program was loaded for (5.5)."""
    text = name.encode() + b"\0" if name else b""
    what = what or f"raw tracepoint '{name}'"
    values: dict[str, int | bytes] = {"name": address(text), "prog_fd": program, "cookie": cookie}
    result = bpf(enums.BPF_RAW_TRACEPOINT_OPEN, pack(attrs.RAW_TRACEPOINT_OPEN, values))
    if result < 0:
        command = "BPF_RAW_TRACEPOINT_OPEN"
        raise failure(result, command=command, capability="CAP_BPF and CAP_PERFMON", detail=what)
    return LinkFd(result, f"link to {what}")


def link_create(what: str, *, capability: str, **values: int) -> Fd:
    """Attach a program by BPF_LINK_CREATE; ``values`` are members of bpf_attr.link_create."""
    result = bpf(enums.BPF_LINK_CREATE, pack(attrs.LINK_CREATE, values))
    if result < 0:
        raise failure(result, command="BPF_LINK_CREATE", capability=capability, detail=what)
    return LinkFd(result, f"link to {what}")


def link_update(what: str, **values: int) -> None:
    """Put another program or map into a link (Linux 5.7; not all kinds); ``values`` are members of bpf_attr.link_update."""
    result = bpf(enums.BPF_LINK_UPDATE, pack(attrs.LINK_UPDATE, values))
    if result < 0:
        raise failure(result, command="BPF_LINK_UPDATE", capability="CAP_BPF", detail=what)


def prog_attach(what: str, *, capability: str, **values: int) -> None:
    """Attach a program where the kernel has no link for it (BPF_PROG_ATTACH); ``values`` are members of its attributes."""
    result = bpf(enums.BPF_PROG_ATTACH, pack(attrs.PROG_ATTACH, values))
    if result < 0:
        raise failure(result, command="BPF_PROG_ATTACH", capability=capability, detail=what)


def prog_detach(**values: int) -> None:
    """Undo `prog_attach`; a program that is not there any more is no failure."""
    result = bpf(enums.BPF_PROG_DETACH, pack(attrs.PROG_ATTACH, values))
    if result < 0 and result != -ENOENT:
        raise failure(result, command="BPF_PROG_DETACH", capability="CAP_NET_ADMIN")


def link_detach(fd: int) -> None:
    """Detach a link by force, though others may hold it (Linux 5.9; not all kinds)."""
    result = bpf(enums.BPF_LINK_DETACH, pack(attrs.LINK_DETACH, {"link_fd": fd}))
    if result < 0:
        raise failure(result, command="BPF_LINK_DETACH", capability="CAP_BPF")


def iter_create(link: int, what: str) -> Fd:
    """A file that walks all objects of an iterator's link once (Linux 5.8)."""
    result = bpf(enums.BPF_ITER_CREATE, pack(attrs.ITER_CREATE, {"link_fd": link}))
    if result < 0:
        raise failure(result, command="BPF_ITER_CREATE", capability="CAP_BPF and CAP_PERFMON", detail=what)
    return Fd(result, f"reader of {what}")


# -- tokens -------------------------------------------------------------------------------------


def token_create(folder: int, what: str) -> Fd:
    """A token of a BPF file system, by a descriptor of its uppermost folder (Linux 6.9)."""
    result = bpf(enums.BPF_TOKEN_CREATE, pack(attrs.TOKEN_CREATE, {"bpffs_fd": folder}))
    if result < 0:
        raise failure(result, command="BPF_TOKEN_CREATE", capability="CAP_BPF", detail=what)
    return Fd(result, f"token of {what}")


# -- descriptors --------------------------------------------------------------------------------


def duplicate(fd: int, what: str) -> Fd:
    """Another descriptor of the same thing, for an owner of its own."""
    import fcntl

    return Fd(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 0), what)


# -- what exists --------------------------------------------------------------------------------


def object_info(fd: int, layout: Layout, given: Mapping[str, int] | None = None) -> dict[str, int | bytes]:
    """What the kernel says about a map, program, link or BTF; ``layout`` is its *_INFO.

    Members the kernel is too old for are left out. Numbers are ints, longer members bytes. ``given`` are
    members that the kernel reads: the address and the size of a buffer.
    """
    wanted = max(offset + size for offset, size in layout.values())
    info = pack(layout, given or {})
    info.extend(bytes(wanted - len(info)))
    data = pack(attrs.OBJ_GET_INFO, {"bpf_fd": fd, "info_len": wanted, "info": address(info)})
    result = bpf(enums.BPF_OBJ_GET_INFO_BY_FD, data)
    if result < 0:
        raise failure(result, command="BPF_OBJ_GET_INFO_BY_FD", capability="CAP_BPF")
    filled = unpack(attrs.OBJ_GET_INFO, data, "info_len")
    return {
        name: int.from_bytes(info[offset : offset + size], ORDER)
        if size <= 8
        else bytes(info[offset : offset + size])
        for name, (offset, size) in layout.items()
        if offset + size <= filled
    }


def next_id(kind: str, start: int) -> int | None:
    """The first id above ``start`` of all "prog", "map", "btf" or "link" objects; None after the last."""
    command = _NEXT_ID[kind]
    data = pack(attrs.GET_ID, {"start_id": start, "next_id": 1})  # next_id: so that it has room
    result = bpf(command, data)
    if result == -ENOENT:
        return None
    if result < 0:
        raise failure(result, command=_NAMES[command], capability="CAP_SYS_ADMIN")
    return unpack(attrs.GET_ID, data, "next_id")


def by_id(kind: str, number: int) -> Fd:
    """A descriptor of the "prog", "map", "btf" or "link" with this id (Linux 4.13, links 5.8)."""
    if not isinstance(number, int):
        raise TypeError(f"the id of a {kind} is an int, not {number!r}")
    if not 0 <= number < 1 << 32:
        raise ValueError(f"the id of a {kind} is a number of 0 to 2^32-1, not {number}")
    command = _BY_ID[kind]
    result = bpf(command, pack(attrs.GET_ID, {"start_id": number}))
    if result < 0:
        detail = f"{kind} {number}"
        raise failure(result, command=_NAMES[command], capability="CAP_SYS_ADMIN", detail=detail)
    return (LinkFd if kind == "link" else Fd)(result, f"{kind} {number}")


_BY_ID = {
    "prog": enums.BPF_PROG_GET_FD_BY_ID,
    "map": enums.BPF_MAP_GET_FD_BY_ID,
    "btf": enums.BPF_BTF_GET_FD_BY_ID,
    "link": enums.BPF_LINK_GET_FD_BY_ID,
}

_NEXT_ID = {
    "prog": enums.BPF_PROG_GET_NEXT_ID,
    "map": enums.BPF_MAP_GET_NEXT_ID,
    "btf": enums.BPF_BTF_GET_NEXT_ID,
    "link": enums.BPF_LINK_GET_NEXT_ID,
}

_NAMES = {
    enums.BPF_PROG_GET_FD_BY_ID: "BPF_PROG_GET_FD_BY_ID",
    enums.BPF_MAP_GET_FD_BY_ID: "BPF_MAP_GET_FD_BY_ID",
    enums.BPF_BTF_GET_FD_BY_ID: "BPF_BTF_GET_FD_BY_ID",
    enums.BPF_LINK_GET_FD_BY_ID: "BPF_LINK_GET_FD_BY_ID",
    enums.BPF_MAP_LOOKUP_ELEM: "BPF_MAP_LOOKUP_ELEM",
    enums.BPF_MAP_LOOKUP_AND_DELETE_ELEM: "BPF_MAP_LOOKUP_AND_DELETE_ELEM",
    enums.BPF_PROG_GET_NEXT_ID: "BPF_PROG_GET_NEXT_ID",
    enums.BPF_MAP_GET_NEXT_ID: "BPF_MAP_GET_NEXT_ID",
    enums.BPF_BTF_GET_NEXT_ID: "BPF_BTF_GET_NEXT_ID",
    enums.BPF_LINK_GET_NEXT_ID: "BPF_LINK_GET_NEXT_ID",
}
