"""What is inside a kernel's image: the compressed payload of any architecture, and its type information."""

from __future__ import annotations

import lzma
import shutil
import struct
import subprocess
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SMALLEST = 1 << 20  # bytes: less is neither a kernel nor a kernel's types
BTF_MAGIC = {"<": b"\x9f\xeb\x01\x00\x18\x00\x00\x00", ">": b"\xeb\x9f\x01\x00\x00\x00\x00\x18"}


def _xz(data: bytes) -> bytes:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(data)


def _gzip(data: bytes) -> bytes:
    return zlib.decompressobj(31).decompress(data)


def _by_command(*command: str) -> Callable[[bytes], bytes]:
    # What follows the payload is no error of the payload: the exit status is not asked.
    def decompress(data: bytes) -> bytes:
        if shutil.which(command[0]) is None:  # perhaps these bytes stand there by chance: see find_btf
            return b""
        return subprocess.run(command, input=data, capture_output=True, check=False).stdout

    return decompress


ZSTD, LZ4 = b"\x28\xb5\x2f\xfd", b"\x02\x21\x4c\x18"
COMMANDS = (("zstd", ZSTD), ("lz4", LZ4))
# The compressions that arch/*/boot/compressed know, by their first bytes
COMPRESSIONS: tuple[tuple[bytes, Callable[[bytes], bytes]], ...] = (
    (b"\xfd7zXZ\x00", _xz),
    (ZSTD, _by_command("zstd", "-dcq")),
    (b"\x1f\x8b\x08", _gzip),
    (LZ4, _by_command("lz4", "-dcq")),
)


def payloads(image: bytes) -> Iterator[bytes]:
    """The image itself, then whatever large thing is compressed in it."""
    yield image
    for magic, decompress in COMPRESSIONS:
        place = image.find(magic)
        while place >= 0:
            try:
                found = decompress(image[place:])
            except (lzma.LZMAError, zlib.error):  # these bytes stand there by chance
                found = b""
            if len(found) > SMALLEST:
                yield found
            place = image.find(magic, place + 1)


def find_btf(image: bytes) -> bytes | None:
    """The section `.BTF` of a kernel's image (bzImage, arm64's and s390x's Image, vmlinux), if it has one.

    It is found by its header, struct btf_header of linux/btf.h: images of some architectures are no ELF files.
    """
    for data in payloads(image):
        for order, magic in BTF_MAGIC.items():
            place = data.find(magic)
            while place >= 0:
                types, types_length, strings, strings_length = struct.unpack_from(
                    order + "4I", data, place + 8
                )
                end = 24 + strings + strings_length
                if types == 0 and strings == types_length and SMALLEST < end <= len(data) - place:
                    return data[place : place + end]
                place = data.find(magic, place + 1)
    absent = [name for name, magic in COMMANDS if shutil.which(name) is None and magic in image]
    if absent:
        raise FileNotFoundError(f"no types found without: apt-get install {' '.join(absent)}")
    return None
