"""Programs and maps that are in the kernel already: found by a pin or an id, and used as if they were loaded here."""

from __future__ import annotations

from os import fspath

from pyzbpf.errors import Error
from pyzbpf.kernel import bpf_fs, commands, program_types
from pyzbpf.maps import open as map_open
from pyzbpf.runtime.loader import KINDS
from pyzbpf.runtime.program import Program
from pyzbpf.spec.model import MapSpec, ProgramSpec
from pyzbpf.uapi.attrs import MAP_INFO, PROG_INFO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike

    from pyzbpf.btf.decode import Btf
    from pyzbpf.maps.base import KernelMap


def program(where: str | PathLike[str] | int) -> Program:
    """The program that is pinned at a path, or has an id.

    The kernel does not say what it was loaded for, so attach() takes ``kind=``, and the place as options.
    """
    fd = commands.by_id("prog", where) if isinstance(where, int) else bpf_fs.get(fspath(where), "program")
    try:
        info = commands.object_info(fd.fileno(), PROG_INFO)
    except BaseException:
        fd.close()
        raise
    spec = ProgramSpec(
        _name(info), section="", kind="", type=int(info["type"]), attach_type=None, autoattach=False
    )
    return Program(spec, fd)


def map(where: str | PathLike[str] | int) -> KernelMap:
    """The map that is pinned at a path, or has an id, with keys and values of its types where the kernel has them."""
    fd = commands.by_id("map", where) if isinstance(where, int) else bpf_fs.get(fspath(where), "map")
    try:
        info = commands.object_info(fd.fileno(), MAP_INFO)
        btf = _types(info)
        spec = MapSpec(
            _name(info),
            section="",
            type=int(info["type"]),
            key_size=int(info["key_size"]),
            value_size=int(info["value_size"]),
            max_entries=int(info["max_entries"]),
            flags=int(info["map_flags"]),
            map_extra=int(info.get("map_extra", 0)),
            key_type=int(info.get("btf_key_type_id", 0)) if btf else 0,
            value_type=int(info.get("btf_value_type_id", 0)) if btf else 0,
        )
        return map_open.open(spec, fd, btf, KINDS)
    except BaseException:
        fd.close()
        raise


def _types(info: dict[str, int | bytes]) -> Btf | None:
    """The map's types; None where it has none, or this process may not read them."""
    if not info.get("btf_id"):
        return None
    try:
        return program_types.read(int(info["btf_id"]))
    except Error:
        return None


def _name(info: dict[str, int | bytes]) -> str:
    name = info.get("name", b"")
    assert isinstance(name, bytes)
    return name.rstrip(b"\0").decode(errors="replace") or str(info["id"])


__all__ = ["map", "program"]
