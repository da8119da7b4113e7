"""Structs of functions on their way into the kernel."""

from __future__ import annotations

import os

from pyzbpf.errors import ObjectError, SystemCallError, UnsupportedError
from pyzbpf.kernel import limits
from pyzbpf.kernel.commands import kernel_name
from pyzbpf.maps import open as map_open
from pyzbpf.uapi import since
from pyzbpf.uapi.enums import BPF_F_VTYPE_BTF_OBJ_FD, BPF_MAP_TYPE_STRUCT_OPS, BPF_PROG_TYPE_STRUCT_OPS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyzbpf.adapt.struct_ops import StructOps
    from pyzbpf.errors import Error
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import MapSpec, ObjectSpec, ProgramSpec


def ready(spec: ObjectSpec) -> dict[str, StructOps]:
    """The structs as this kernel has them, by map; nothing is imported for an object without."""
    maps = [m for m in spec.maps.values() if m.type == BPF_MAP_TYPE_STRUCT_OPS and m.autocreate]
    if not maps:
        return {}
    from pyzbpf.adapt import struct_ops
    from pyzbpf.kernel import target

    return {map.name: struct_ops.adapt(spec, map, target.KernelTarget) for map in maps}


def wanted(spec: ObjectSpec, structs: Mapping[str, StructOps]) -> list[ProgramSpec]:
    """The programs to load: a function of a struct is loaded with the struct, as libbpf does."""
    named = {name for map in spec.maps.values() for _, name in map.values}
    used = {name for value in structs.values() for name in value.places}

    def is_wanted(program: ProgramSpec) -> bool:
        if program.type == BPF_PROG_TYPE_STRUCT_OPS and program.name in named:
            return program.name in used
        return program.autoload

    return [program for program in spec.programs.values() if is_wanted(program)]


def place(spec: ObjectSpec, program: ProgramSpec, structs: Mapping[str, StructOps]) -> tuple[int, int, str]:
    """The kernel's struct that the program is checked against, the number of the member, and the module of the struct."""
    places = {
        (*value.places[program.name], value.module)
        for value in structs.values()
        if program.name in value.places
    }
    if len(places) == 1:
        return places.pop()
    raise ObjectError(
        "the program stands in members of different kinds, for which it would be checked in different ways"
        if places
        else "no struct of functions refers to the program",
        file=spec.file,
        section=program.section,
        symbol=program.name,
        advice="Name it in one member of a variable in section '.struct_ops.link', or leave it out with "
        f"spec.programs['{program.name}'].autoload = False.",
    )


def create(
    spec: MapSpec, value: StructOps, btf: Fd | None, btf_error: Error | None, *, token: int, module: Fd | None
) -> Fd:
    """The map, as large as the kernel's struct is; ``module`` are the types of the module that has it."""
    if btf is None:
        raise UnsupportedError(
            f"map '{spec.name}': a struct of functions without BTF",
            since=since.MAPS[spec.type],
            advice=f"The object's BTF: {btf_error or 'there is none'}.",
        )
    as_kernel = spec.copy()
    as_kernel.value_size, as_kernel.value_type = len(value.value), 0
    more = {}
    if module is not None:
        as_kernel.flags |= BPF_F_VTYPE_BTF_OBJ_FD
        more["value_type_btf_obj_fd"] = module.fileno()
    try:
        return map_open.create(
            as_kernel,
            kernel_name(spec.name),
            None,
            btf_fd=btf.fileno(),
            btf_vmlinux_value_type_id=value.type_id,
            map_token_fd=token,
            **more,
        )
    except SystemCallError as error:
        if module is not None and limits.older(os.uname().release, since.STRUCT_OPS_MODULES):
            what = f"map '{spec.name}': a struct of functions of the module {value.module}"
            raise UnsupportedError(what, since=since.STRUCT_OPS_MODULES) from error
        raise
