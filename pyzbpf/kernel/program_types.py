"""The types of a loaded program, as the kernel keeps them (Linux 5.0)."""

from __future__ import annotations

import sys

from pyzbpf.btf import types as kinds
from pyzbpf.btf.decode import Btf, decode
from pyzbpf.errors import Error, NotFoundError
from pyzbpf.kernel import commands
from pyzbpf.kernel.syscall import address
from pyzbpf.uapi.attrs import BTF_INFO, PROG_INFO


def read(number: int) -> Btf:
    """The type information with this id (it takes CAP_SYS_ADMIN)."""
    with commands.by_id("btf", number) as fd:
        size = int(commands.object_info(fd.fileno(), BTF_INFO)["btf_size"])
        data = bytearray(size)
        commands.object_info(fd.fileno(), BTF_INFO, {"btf": address(data), "btf_size": size})
    return decode(bytes(data), sys.byteorder)


def function_id(program: int, name: str) -> int:
    """The type id of a function of the program with this descriptor; NotFoundError, with those it has, for none."""
    number = int(commands.object_info(program, PROG_INFO).get("btf_id", 0))
    if not number:
        raise Error(
            "the program to attach to was loaded without type information (BTF), so the kernel does not know its "
            "functions by name"
        )
    btf = read(number)
    found = btf.find(name, kinds.FUNC)
    if found:
        return found
    names = sorted({type.name for type in btf.types if type is not None and type.kind == kinds.FUNC})
    raise NotFoundError(f"the program to attach to has no function '{name}'; it has {', '.join(names)}")
