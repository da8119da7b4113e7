"""Maps that are pinned by name: one that is there already is used, a new one is left there."""

from __future__ import annotations

import os

from pyzbpf.errors import Error, NotFoundError, PrivilegeError, SystemCallError
from pyzbpf.kernel import commands
from pyzbpf.kernel.syscall import EEXIST, ENOENT
from pyzbpf.maps.open import members
from pyzbpf.uapi import enums as e
from pyzbpf.uapi.attrs import MAP_INFO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import MapSpec

ROOT = "/sys/fs/bpf"

# How often a pinned map may be removed between our looking and our pinning.
_RACES = 3

# The kernel adds the flag to those of a device map when it makes one (dev_map_alloc_check).
_DEVICES = frozenset((e.BPF_MAP_TYPE_DEVMAP, e.BPF_MAP_TYPE_DEVMAP_HASH))

# Member of bpf_map_info -> what it is called in bpf_attr.map_create.
_SAME = {
    "type": "map_type",
    "key_size": "key_size",
    "value_size": "value_size",
    "max_entries": "max_entries",
    "map_flags": "map_flags",
    "map_extra": "map_extra",
}


def path(spec: MapSpec, root: str) -> str:
    """Where the map is pinned; the BPF file system takes no dots, so they become '_' (as libbpf's do)."""
    return os.path.join(root, spec.name.replace(".", "_"))


def find_or_make(spec: MapSpec, root: str, make: Callable[[], Fd]) -> tuple[Fd, list[str]]:
    """The map that is pinned already, or a new one and where it is pinned now."""
    where, wanted = path(spec, root), members(spec)
    for _ in range(_RACES):
        found = find(spec, where, wanted)
        if found is not None:
            return found, []
        fd = make()
        try:
            if pin(spec, fd, where):
                return fd, [where]
        except BaseException:
            fd.close()
            raise
        fd.close()
    raise Error(f"map '{spec.name}': what is pinned at {where} comes and goes")


def find(spec: MapSpec, where: str, wanted: Mapping[str, int]) -> Fd | None:
    """The map that is pinned there, if there is one; Error where it is another kind of map than ``wanted``."""
    try:
        fd = commands.obj_get(where, f"map '{spec.name}'")
    except SystemCallError as error:
        if error.errno == ENOENT:
            return None
        raise
    try:
        info = commands.object_info(fd.fileno(), MAP_INFO)
        if spec.type in _DEVICES:
            info["map_flags"] = int(info["map_flags"]) & ~e.BPF_F_RDONLY_PROG
        differing = [
            f"{name} is {info[name]!r}, not {wanted.get(member, 0)}"
            for name, member in _SAME.items()
            if name in info and info[name] != wanted.get(member, 0)
        ]
        if differing:
            raise Error(
                f"map '{spec.name}' is pinned at {where} already, as another map: {'; '.join(differing)}\n"
                "  Remove that file if nobody needs it any more, pin this one elsewhere with load(pin_root=…), or make "
                f"a map of its own with spec.maps['{spec.name}'].pinning = 0."
            )
    except BaseException:
        fd.close()
        raise
    return fd


def pin(spec: MapSpec, fd: Fd, where: str) -> bool:
    """Leave a new map there; False where somebody else was faster."""
    try:
        commands.obj_pin(fd.fileno(), where)
    except SystemCallError as error:
        if error.errno == EEXIST:
            return False
        folder = os.path.dirname(where)
        if error.errno == ENOENT:
            raise NotFoundError(
                f"map '{spec.name}' cannot be pinned: there is no folder {folder}",
                file=where,
                advice="Make it in a BPF file system: mount -t bpf bpf /sys/fs/bpf, then mkdir.",
            ) from error
        raise
    except PrivilegeError as error:  # what bpf_obj_do_pin says of a folder in another file system, too
        raise PrivilegeError(
            f"map '{spec.name}' cannot be pinned at {where}: its folder is in no BPF file system, or that is not "
            "permitted\n  Mount one (mount -t bpf bpf /sys/fs/bpf), and name a folder in it with load(pin_root=…).",
            capability=error.capability,
        ) from error
    return True
