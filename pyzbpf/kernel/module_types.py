"""The descriptors of modules' types, by which programs call their functions and attach to them (Linux 5.11)."""

from __future__ import annotations

from pyzbpf.errors import NotFoundError, SystemCallError
from pyzbpf.kernel import commands
from pyzbpf.kernel.syscall import ENOENT, address
from pyzbpf.uapi.attrs import BTF_INFO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.kernel.fd import Fd

_NAME = 64  # bytes of a module's name with the NUL (MODULE_NAME_LEN is 56)


def descriptor(name: str) -> Fd:
    """The types of the module, which lives at least as long as the descriptor; CAP_SYS_ADMIN."""
    number = 0
    while (found := commands.next_id("btf", number)) is not None:
        number = found
        try:
            fd = commands.by_id("btf", number)
        except SystemCallError as error:
            if error.errno == ENOENT:
                continue  # gone meanwhile
            raise
        if _is(fd, name):
            return fd
        fd.close()
    raise NotFoundError(f"the kernel has no types of the module {name} any more: it was unloaded")


def _is(fd: Fd, name: str) -> bool:
    text = bytearray(_NAME)
    info = commands.object_info(fd.fileno(), BTF_INFO, {"name": address(text), "name_len": len(text)})
    return bool(info.get("kernel_btf")) and text.partition(b"\0")[0] == name.encode()
