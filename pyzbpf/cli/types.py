"""``pyzbpf types``: Zig declarations of kernel types, with only the members that a probe reads."""

from __future__ import annotations

from pathlib import Path

from pyzbpf.btf import decode, zig
from pyzbpf.errors import NotFoundError, ObjectError, UnsupportedError, advice

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

_ENDIANS = {b"\x9f\xeb": "little", b"\xeb\x9f": "big"}  # how BTF begins
_VMLINUX = "/sys/kernel/btf/vmlinux"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``pyzbpf types``."""
    parser.add_argument(
        "wanted",
        nargs="+",
        metavar="TYPE[:MEMBER,…]",
        help="a struct, union, enum or typedef of the kernel and the members wanted of it (default: all), with a way through "
        "pointers and inner structs: task_struct:pid,mm.start_code",
    )
    parser.add_argument(
        "--btf", metavar="FILE", help=f"BTF to read, bare or in an object (default: {_VMLINUX})"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print Zig source."""
    path = arguments.btf or _VMLINUX
    btf = _read(path)
    wishes = [zig.parse(text) for text in arguments.wanted]
    try:
        declared = list(zig.declarations(btf, wishes))
    except ObjectError as error:
        error.file = path  # which of several kernels it was that has no such type
        raise
    print("\n".join(['const bpf = @import("bpf");\n', *declared]))
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
        hint = advice(error.errno) or f"--btf names a file with BTF: an object, or a copy of {_VMLINUX}"
        raise NotFoundError(f"cannot be read: {error.strerror}", file=path, advice=hint) from error
    if data[:4] == b"\x7fELF":
        from pyzbpf.elf import reader

        image = reader.read(data, file=path)
        section = image.section(".BTF")
        if section is None:
            raise NotFoundError(
                "has no section .BTF",
                file=path,
                advice="compile it with debug information (clang -g); of a kernel, pahole -J makes one",
            )
        return decode.decode(bytes(section.data), image.endian, file=path)
    endian = _ENDIANS.get(data[:2])
    if endian is None:
        raise ObjectError(
            "holds neither BTF nor an object", file=path, advice=f"BTF is what {_VMLINUX} holds"
        )
    return decode.decode(data, endian, file=path)
