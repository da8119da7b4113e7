"""Statically defined probes of a program or library (USDT): the notes that SystemTap's <sys/sdt.h> leaves in it.

Form of a note of type 3 and owner "stapsdt": address of the instruction, address of `.stapsdt.base` when the
file was linked, address of the semaphore (0: none), then provider, name and arguments, each ended by a NUL
(https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation).
"""

from __future__ import annotations

import struct

from elftools.elf.elffile import ELFFile

from pyzbpf.elf.damage import DAMAGED
from pyzbpf.errors import NotFoundError, ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_NOTES, _BASE = ".note.stapsdt", ".stapsdt.base"
_OWNER, _TYPE = b"stapsdt\0", 3
_EXECUTABLE, _WRITABLE = 1, 2  # PF_X, PF_W
_PAGE = 4096  # the smallest there is
_ADVICE = (
    "It takes a build with them: <sys/sdt.h> (systemtap-sdt-dev) in C, an option such as --with-dtrace or "
    "--enable-dtrace for interpreters. `readelf -n FILE` lists them."
)


class Usdt:
    """One place of a probe; a probe that the compiler has put at several places has as many.

    ``offset`` is that of its instruction in the file, ``address`` where it is when the file is mapped as it
    was linked, ``semaphore`` the offset of the counter of who watches (0: none), ``shadowed`` whether
    the kernel may find another copy of it (see `links.usdt`); ``arguments`` say where each argument is, in the assembler's words.
    """

    __slots__ = ("address", "arguments", "name", "offset", "provider", "semaphore", "shadowed")

    def __init__(
        self,
        provider: str,
        name: str,
        *,
        arguments: str,
        offset: int,
        address: int,
        semaphore: int,
        shadowed: bool = False,
    ) -> None:
        self.provider = provider
        self.name = name
        self.arguments = arguments
        self.offset = offset
        self.address = address
        self.semaphore = semaphore
        self.shadowed = shadowed

    def __repr__(self) -> str:
        return f"<Usdt {self.provider}:{self.name} at {self.offset:#x}, arguments {self.arguments!r}>"


class Executable:
    """What a file says of itself: ``machine`` as pyelftools calls it ("EM_X86_64"), ``relocatable`` for one
    that may be mapped anywhere, and its ``probes``.
    """

    __slots__ = ("machine", "probes", "relocatable")

    def __init__(self, machine: str, *, relocatable: bool, probes: list[Usdt]) -> None:
        self.machine = machine
        self.relocatable = relocatable
        self.probes = probes


def read(path: str) -> Executable:
    """The probes of a file; ObjectError for one that is no ELF program or library, or is damaged."""
    try:
        with open(path, "rb") as file:
            if file.read(4) != b"\x7fELF":
                raise ObjectError(
                    "not an ELF file",
                    file=path,
                    advice="Probes are in programs and shared libraries; for a script, name its interpreter.",
                )
            return _read(file, path)
    except DAMAGED as error:
        raise ObjectError(f"damaged or cut-off ELF file ({error})", file=path) from error


def _read(file: BinaryIO, path: str) -> Executable:
    elf = ELFFile(file)
    section, base = elf.get_section_by_name(_NOTES), elf.get_section_by_name(_BASE)
    moved_to = base["sh_addr"] if base is not None else 0
    segments = _Segments(elf, path)
    probes = []
    for address, linked_at, semaphore, texts in _notes(section.data(), elf) if section is not None else ():
        # A file that was prelinked has moved since the note was written.
        moved = moved_to - linked_at if moved_to and linked_at else 0
        provider, name, arguments = texts
        what = f"{provider}:{name}"
        counter = segments.offset(semaphore + moved, what, executable=False) if semaphore else 0
        probes.append(
            Usdt(
                provider,
                name,
                arguments="" if arguments.startswith(":") else arguments,
                offset=segments.offset(address + moved, what, executable=True),
                address=address + moved,
                semaphore=counter,
                shadowed=counter > 0 and segments.shadowed(counter),
            )
        )
    return Executable(elf["e_machine"], relocatable=elf["e_type"] == "ET_DYN", probes=probes)


class _Segments:
    """What of a file is mapped where."""

    def __init__(self, elf: ELFFile, path: str) -> None:
        self._loaded = [s.header for s in elf.iter_segments("PT_LOAD")]
        self._path = path

    def offset(self, address: int, what: str, *, executable: bool) -> int:
        for segment in self._loaded:
            start = segment["p_vaddr"]
            fits = bool(segment["p_flags"] & _EXECUTABLE) == executable
            if fits and start <= address < start + segment["p_filesz"]:
                return int(address - start + segment["p_offset"])
        noun = "place" if executable else "semaphore"
        raise ObjectError(
            f"its {noun} {address:#x} is in no part of the file that is loaded"
            + (" as code" if executable else " as data"),
            file=self._path,
            symbol=what,
            advice="A file of debug symbols only has no code; name the program itself.",
        )

    def shadowed(self, offset: int) -> bool:
        """Whether whole pages of another writable segment, which is mapped before, hold this offset, too."""
        page = offset // _PAGE
        for segment in self._loaded:
            start, end = segment["p_offset"], segment["p_offset"] + segment["p_filesz"]
            is_mapped = start // _PAGE <= page <= (end - 1) // _PAGE
            if segment["p_flags"] & _WRITABLE and start < end and is_mapped:
                return not start <= offset < end
        return False


def _notes(data: bytes, elf: ELFFile) -> Iterator[tuple[int, int, int, list[str]]]:
    order = "<" if elf.little_endian else ">"
    head = struct.Struct(f"{order}III")
    addresses = struct.Struct(order + ("QQQ" if elf.elfclass == 64 else "III"))
    at = 0
    while at + head.size <= len(data):
        owner_size, size, kind = head.unpack_from(data, at)
        at += head.size
        owner = data[at : at + owner_size]
        at += owner_size + -owner_size % 4
        about = data[at : at + size]
        at += size + -size % 4
        if (owner, kind) != (_OWNER, _TYPE):
            continue
        texts = about[addresses.size :].split(b"\0")
        if len(about) < size or len(texts) < 4 or not texts[1]:
            raise ValueError(f"{_NOTES} is cut off")
        yield (*addresses.unpack_from(about), [text.decode(errors="replace") for text in texts[:3]])


def find(executable: Executable, path: str, provider: str, name: str) -> list[Usdt]:
    """The places of one probe, of any provider where that is ""; NotFoundError, with similar names, for none.

    ObjectError where several providers have it.
    """
    found = [probe for probe in executable.probes if probe.name == name and provider in ("", probe.provider)]
    providers = sorted({probe.provider for probe in found})
    if len(providers) > 1:
        raise ObjectError(
            f"several providers have it: {', '.join(providers)}",
            file=path,
            symbol=name,
            advice="Name one: provider=.",
        )
    if found:
        return found
    if not executable.probes:
        raise without(path)
    raise NotFoundError(
        f"no such USDT probe{_similar(provider, name, executable.probes)}",
        file=path,
        symbol=f"{provider}:{name}" if provider else name,
        advice=f"It has {len({(p.provider, p.name) for p in executable.probes})}; `readelf -n FILE` lists them.",
    )


def without(path: str) -> NotFoundError:
    """The error of a file that has no such probes at all."""
    return NotFoundError(f"it has no USDT probes (no section {_NOTES})", file=path, advice=_ADVICE)


def _similar(provider: str, name: str, probes: list[Usdt]) -> str:
    from difflib import get_close_matches

    whole = {f"{probe.provider}:{probe.name}" if provider else probe.name: probe for probe in probes}
    alike = get_close_matches(f"{provider}:{name}" if provider else name, sorted(whole), n=3, cutoff=0.5)
    alike = alike or [text for text in sorted(whole) if name in text][:3]
    near = [f"{whole[text].provider}:{whole[text].name}" for text in alike]
    return f"; did you mean {' or '.join(near)}?" if near else ""
