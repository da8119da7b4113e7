"""Our word on an object, in the form of libbpf's: what we read, and what we send to the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest import mock

import pyzbpf
from pyzbpf.errors import Error
from pyzbpf.maps import open as map_open
from pyzbpf.runtime import loader
from pyzbpf.uapi.enums import BPF_F_RDONLY_PROG, BPF_MAP_TYPE_DEVMAP, BPF_MAP_TYPE_DEVMAP_HASH

if TYPE_CHECKING:
    from pathlib import Path

    from pyzbpf.adapt.adapt import ReadyProgram
    from pyzbpf.spec.model import MapSpec, ObjectSpec, ProgramSpec


def ask(path: Path, pins: Path) -> dict[str, Any]:
    """What pyzbpf makes of the object; ``error`` and ``alone_errors`` are its own words on what is refused.

    ``crashed`` says what it raised that is no error of its own.
    """
    try:
        return _ask(path, pins)
    except Exception as error:  # noqa: BLE001 - a defect of ours, which must not hide the objects that follow
        return {"crashed": f"{type(error).__name__}: {error}"}


def _ask(path: Path, pins: Path) -> dict[str, Any]:
    try:
        spec = pyzbpf.open(path)
    except Error as error:
        return {"opened": 1, "error": str(error)}
    answer: dict[str, Any] = {"opened": 0, "programs": [_program(p) for p in spec.programs.values()]}
    answer.update(_load(spec, pins))
    if answer["loaded"]:
        only = next(iter(spec.programs.values())) if len(spec.programs) == 1 else None
        if only is not None and only.autoload:  # it was alone
            answer["alone"], answer["alone_errors"] = {only.name: 1}, {only.name: answer["error"]}
        else:
            answer["alone"], answer["alone_errors"] = _each(path, pins)
    return answer


def _program(program: ProgramSpec) -> dict[str, Any]:
    return {
        "name": program.name,
        "section": program.section,
        "type": program.type,
        "attach_type": program.attach_type or 0,
        "autoload": int(program.autoload),
    }


def _load(spec: ObjectSpec, pins: Path) -> dict[str, Any]:
    ready: dict[str, ReadyProgram] = {}
    adapt = loader.adapt

    def recorded(spec: ObjectSpec, program: ProgramSpec, *rest: Any) -> ReadyProgram:
        ready[program.name] = adapt(spec, program, *rest)
        return ready[program.name]

    names = {name: kernel_name(spec, map) for name, map in spec.maps.items()}
    numbers = {name: number for number, name in enumerate(spec.maps) if spec.maps[name].autocreate}
    with mock.patch.object(loader, "adapt", recorded):
        try:
            with spec.load(pin_root=pins) as probe:
                maps = [_created(names[name], map) for name, map in probe.maps.items()]
                loaded, error = 0, ""
                targets = {name: int(p.info["attach_btf_id"]) for name, p in probe.programs.items()}
        except Error as refusal:
            maps = [_defined(names[name], map) for name, map in spec.maps.items()]
            loaded, error, targets = 1, str(refusal), {}
    return {
        "maps": maps,
        "loaded": loaded,
        "error": error,
        "named": {number: names[name] for name, number in numbers.items()},
        "sent": [
            {
                "name": name,
                "loaded": int(not loaded),
                "attach_btf_id": targets.get(name, 0),
                "attach_type": program.attach_type or spec.programs[name].attach_type or 0,
                "code": program.with_descriptors({**numbers, **dict.fromkeys(program.tables, -1)}).hex(),
            }
            for name, program in ready.items()
        ],
    }


def kernel_name(spec: ObjectSpec, map: MapSpec) -> str:
    """The name in the kernel, by which the maps of both are told apart."""
    return loader.map_name(spec, map)


def _defined(name: str, map: MapSpec) -> dict[str, Any]:
    try:
        entries = map_open.members(map)["max_entries"]
    except Error:
        entries = map.max_entries
    return {
        "name": name,
        "type": map.type,
        "key_size": map.key_size,
        "value_size": map.value_size,
        "max_entries": entries,
        "flags": map.flags,
        "map_extra": map.map_extra,
        "autocreate": int(map.autocreate),
    }


def _created(name: str, map: Any) -> dict[str, Any]:
    """As the kernel has it; device maps get a flag of its own (dev_map_alloc_check)."""
    info = map.info
    if info["type"] in (BPF_MAP_TYPE_DEVMAP, BPF_MAP_TYPE_DEVMAP_HASH):
        info["map_flags"] &= ~BPF_F_RDONLY_PROG | map.spec.flags
    return {
        "name": name,
        "type": info["type"],
        "key_size": info["key_size"],
        "value_size": info["value_size"],
        "max_entries": info["max_entries"],
        "flags": info["map_flags"],
        "map_extra": info.get("map_extra", 0),
        "autocreate": 1,
    }


def _each(path: Path, pins: Path) -> tuple[dict[str, int], dict[str, str]]:
    """Every program loaded alone: 0 or 1, and why it was refused."""
    alone, errors = {}, {}
    for name in pyzbpf.open(path).programs:
        spec = pyzbpf.open(path)
        for program in spec.programs.values():
            program.autoload = program.name == name
        try:
            spec.load(pin_root=pins).close()
            alone[name] = 0
        except Error as error:
            alone[name], errors[name] = 1, str(error)
    return alone, errors
