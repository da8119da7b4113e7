"""Programs that attach to functions of kernel modules, whose types are tables of their own."""

from __future__ import annotations

import os

import pytest

from pyzbpf.errors import NotFoundError, PrivilegeError, UnsupportedError
from pyzbpf.kernel import commands, module_types
from pyzbpf.spec.read import program
from pyzbpf.uapi.attrs import BTF_INFO
from tests.support import features
from tests.support.assemble import R0, Asm, object_spec

FOLDER = "/sys/kernel/btf"
FUNCTION = "dummy_xmit"  # of drivers/net/dummy.c


def spec(section: str):
    found = object_spec()
    found.functions["probe"] = Asm().mov_imm(R0, 0).exit_().function("probe", section)
    found.programs["probe"] = program("probe", section)
    return found


def needs_module() -> None:
    if not os.path.exists(f"{FOLDER}/dummy"):
        pytest.skip(
            "needs the module dummy with its types: modprobe dummy on a kernel with CONFIG_DEBUG_INFO_BTF_MODULES=y, "
            "or python -m tests.vm amd64-6.12 -- tests/kernel/test_modules.py"
        )


@pytest.mark.parametrize("section", [f"fentry/{FUNCTION}", f"fentry/dummy:{FUNCTION}"])
def test_a_function_of_a_module(section):
    needs_module()
    features.needs_jit("fentry")
    try:
        with spec(section).load() as probe:
            info = probe.programs["probe"].info
            with module_types.descriptor("dummy") as types:
                assert info["attach_btf_id"] > 0

                assert info["attach_btf_obj_id"] == commands.object_info(types.fileno(), BTF_INFO)["id"]
            probe.attach()
    except (PrivilegeError, UnsupportedError) as error:
        reason = features.no_trampolines(error)
        if not reason:
            raise
        pytest.skip(reason)


def test_a_module_that_does_not_have_it():
    features.needs_types()
    with pytest.raises(
        NotFoundError, match="the module no_such_module has no function 'vfs_read', or is not loaded"
    ):
        spec("fentry/no_such_module:vfs_read").load()
    with pytest.raises(NotFoundError, match="has no types of the module no_such_module"):
        module_types.descriptor("no_such_module")
