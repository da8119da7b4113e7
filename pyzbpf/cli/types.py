"""``pyzbpf types``: Zig declarations of kernel types, with only the members that a probe reads."""

from __future__ import annotations

import sys
from pathlib import Path

from pyzbpf.btf import decode, zig
from pyzbpf.errors import NotFoundError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

_VMLINUX = "/sys/kernel/btf/vmlinux"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``pyzbpf types``."""
    parser.add_argument(
        "wanted",
        nargs="+",
        metavar="TYPE[:MEMBER,…]",
        help="a struct, union or enum of the kernel and the members wanted of it (default: all), with a way through "
        "pointers and inner structs: task_struct:pid,mm.start_code",
    )
    parser.add_argument(
        "--btf", metavar="FILE", help=f"BTF to read, bare or in an object (default: {_VMLINUX})"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print Zig source."""
    btf = _read(arguments.btf or _VMLINUX)
    wishes = [zig.parse(text) for text in arguments.wanted]
    print("\n".join(['const bpf = @import("bpf");\n', *zig.declarations(btf, wishes)]))
    return 0


def _read(path: str) -> decode.Btf:
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        if path == _VMLINUX:
            raise UnsupportedError(
                "reading the running kernel's types",
                advice=f"{_VMLINUX}: {error.strerror}; the kernel was built without CONFIG_DEBUG_INFO_BTF: "
                "name a BTF file with --btf",
            ) from error
        raise NotFoundError(f"cannot be read: {error.strerror}", file=path) from error
    if data[:4] == b"\x7fELF":
        from pyzbpf.elf import reader

        image = reader.read(data, file=path)
        section = image.section(".BTF")
        if section is None:
            raise NotFoundError("has no section .BTF", file=path)
        return decode.decode(bytes(section.data), image.endian, file=path)
    endian = "little" if data[:2] == b"\x9f\xeb" else "big"
    return decode.decode(data, endian if len(data) >= 2 else sys.byteorder, file=path)
