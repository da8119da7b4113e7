"""Why the kernel does not store a value, in words: it says EINVAL for nearly everything. Imported after a refusal only."""

from __future__ import annotations

import os
import sys

from pyzbpf.errors import Error, PrivilegeError
from pyzbpf.kernel import bpf_fs, commands
from pyzbpf.kernel.fd import told
from pyzbpf.kernel.syscall import EBADF, EBUSY, EINVAL, ENOMEM, ENOTSOCK, EOPNOTSUPP, detailed, explained
from pyzbpf.maps import open as map_open
from pyzbpf.spec.model import NESTED
from pyzbpf.uapi import enums as e
from pyzbpf.uapi.attrs import MAP_INFO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.errors import SystemCallError
    from pyzbpf.maps.base import KernelMap

_REASONS = {
    EBADF: "what is given is no open descriptor",
    EBUSY: "it is in use at this moment; try again",
    EINVAL: "maps of this kind do not take such a key, value or flag",
    ENOMEM: "there is no memory for it",
    EOPNOTSUPP: "maps of this kind are not written from user space",
}
_SOCKETS = {
    **_REASONS,
    ENOTSOCK: "what is given is no socket",
    EOPNOTSUPP: "it takes sockets of TCP that are connected or listen, and others that are bound or connected",
}


def explain(map: KernelMap, value: bytes, error: SystemCallError | PrivilegeError, what: str = "") -> Error:
    """The same error with the map and the reason.

    ``value`` is what was to be stored, as the kernel got it, ``what`` where, in words.
    """
    place = f"map '{map.name}'{what}"
    facts = told(map.fileno())
    if isinstance(error, PrivilegeError):
        # The flag itself the kernel forgets: it is how the descriptor was opened.
        if facts.get("frozen") == "1" or int(facts.get("flags", "2"), 8) & os.O_ACCMODE == os.O_RDONLY:
            return Error(f"{place}: it is for reading only: it was frozen, or made with BPF_F_RDONLY")
        return error
    reasons = _SOCKETS if map.spec.type in (e.BPF_MAP_TYPE_SOCKMAP, e.BPF_MAP_TYPE_SOCKHASH) else _REASONS
    if error.errno == EINVAL and map.spec.type == e.BPF_MAP_TYPE_PROG_ARRAY:
        reasons = {EINVAL: _program(facts, told(int.from_bytes(value, sys.byteorder)))}
    elif error.errno == EINVAL and map.spec.type in NESTED:
        reasons = {EINVAL: _inner(map, int.from_bytes(value, sys.byteorder))}
    return explained(error, place, reasons)


def unread_socket(map: KernelMap, error: SystemCallError) -> Error:
    """The same error of a map of sockets whose values have no room for the cookie that the kernel gives (ENOSPC)."""
    name, size = map.name, map.spec.value_size
    return detailed(
        error,
        f"map '{name}': of a socket the kernel gives its cookie, which has 8 bytes, and values of this map have {size}; "
        f"declare them as a number of 64 bits, or set spec.maps['{name}'].value_size = 8 before load()",
    )


def _program(array: dict[str, str], program: dict[str, str]) -> str:
    """Why a program is not taken into an array, which the first that was stored or used it decides."""
    if "prog_type" not in program:
        return "what is given is no program; give one that is loaded: probe.programs['name']"
    mine, theirs = (int(facts.get(name, program["prog_type"])) for facts, name in
                    ((program, "prog_type"), (array, "owner_prog_type")))  # fmt: skip
    if mine != theirs:
        return (
            f"it is an array of programs of type {_name(theirs)}, and this one is of type {_name(mine)}; the first program "
            "that is stored, or that calls by it, decides"
        )
    if mine == e.BPF_PROG_TYPE_EXT:
        return "a program that stands for a function of another one (freplace) is never in an array"
    if program.get("prog_jited") != array.get("owner_jited", program.get("prog_jited")):
        return "of its programs all are compiled by the JIT, or none"
    return (
        "its programs must agree in more than the type: in whether they are sleepable, in xdp.frags, in the storage of "
        "control groups that they use, in the attach type, and those of fentry, fexit and LSM in the arguments of the function"
    )


def _name(type: int) -> str:
    return e.PROG_TYPE_NAMES.get(type, str(type))


def _inner(outer: KernelMap, fd: int) -> str:
    """In which attributes a map differs from what the outer one holds (bpf_map_meta_equal, array_map_meta_equal)."""
    pattern = outer.spec.inner
    must = "it must be like the inner map that the outer one was made with"
    if bpf_fs.kind_of(fd) != "map":
        return "what is given is no map; give one that is open: probe.maps['name'], or what create() returns"
    given = commands.object_info(fd, MAP_INFO)
    if pattern is None:
        return f"{must}: of the same type, sizes, flags, and as an array of the same max_entries"
    wanted = map_open.members(pattern)
    names = ["type", "key_size", "value_size", "map_flags"]
    if pattern.type == e.BPF_MAP_TYPE_ARRAY and not pattern.flags & e.BPF_F_INNER_MAP:
        names.append("max_entries")
    pairs = ((name, int(given[name]), wanted["map_type" if name == "type" else name]) for name in names)
    found = [f"{name} is {value}, not {right}" for name, value, right in pairs if value != right]
    if found:
        return f"{must}, and its {', '.join(found)}"
    return f"{must}, and differs in what the kernel knows of its values (locks, timers, pointers)"
