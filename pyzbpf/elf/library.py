"""Names of programs and shared libraries -> their files, as the shell and the dynamic linker find them."""

from __future__ import annotations

import os
import struct
import sys

from pyzbpf.errors import NotFoundError

_CACHE = "/etc/ld.so.cache"

# struct cache_file_new of glibc's sysdeps/generic/dl-cache.h: magic and version, number of libraries, length
# of the strings, flags, unused. An entry: flags, name, path (both from the start), OS version, capabilities.
_MAGIC = b"glibc-ld.so.cache1.1"
_HEADER = struct.Struct("=20sII20x")
_ENTRY = struct.Struct("=iIIIQ")

# Where the cache is missing (musl, a container without ldconfig); below the first two Debian has one for each machine.
_FOLDERS = ("/lib", "/usr/lib", "/usr/local/lib", "/lib64", "/usr/lib64")
_OF_MACHINES = "-linux-"  # x86_64-linux-gnu

_LINKS = 40  # symbolic links that the kernel follows in one path


def find(name: str, root: str = "") -> str:
    """The file of a program ("python3") or library ("libc.so.6", "libssl", "ssl"); a path is returned as it is.

    Of several versions of a library for this machine the highest. ``root`` is the directory that paths begin
    at, when it is another one than this process': "/proc/4711/root" for the files of a container.
    """
    if "/" in name:
        return within(root, name)
    for folder in os.get_exec_path():
        path = within(root, os.path.join(folder, name))
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    found = _libraries(root)
    if name in found:
        return found[name]
    fitting = [library for library in found if library.startswith((f"{name}.so", f"lib{name}.so"))]
    if fitting:
        return found[max(fitting, key=_version)]
    from difflib import get_close_matches

    near = get_close_matches(name, sorted(found), n=3, cutoff=0.6)
    raise NotFoundError(
        f"no program or shared library '{name}'"
        + (f" below '{root}'" if root else "")
        + (f"; did you mean {' or '.join(near)}?" if near else ""),
        advice="Programs are looked for in PATH, libraries in what ldconfig knows; a path with a / is taken as it is.",
    )


def within(root: str, path: str) -> str:
    """``path`` as a process sees it whose root directory is ``root`` ("": ours); symbolic links stay below it."""
    if root in ("", "/"):
        return path
    done: list[str] = []
    todo = path.split("/")[::-1]
    links = 0
    while todo:
        part = todo.pop()
        if part == "..":
            done = done[:-1]
        elif part not in ("", "."):
            here = os.path.join(root, *done, part)
            if os.path.islink(here) and links < _LINKS:
                links += 1
                target = os.readlink(here)
                done = [] if target.startswith("/") else done
                todo += target.split("/")[::-1]
            else:
                done.append(part)
    return os.path.join(root, *done)


def _version(library: str) -> list[int]:
    return [int(part) for part in library.split(".") if part.isdigit()]


def _libraries(root: str) -> dict[str, str]:
    """Paths by name of the libraries for this machine."""
    ours = _identity(sys.executable)
    paths = ((name, within(root, path)) for name, path in _known(root))
    return {name: path for name, path in paths if _identity(path) == ours}


def _known(root: str) -> list[tuple[str, str]]:
    """Names and paths, these below the root."""
    try:
        with open(within(root, _CACHE), "rb") as file:
            return parse_cache(file.read())
    except OSError:
        places = [(folder, name) for folder in _FOLDERS for name in _names(root, folder)]
        places += [
            (f"{folder}/{deeper}", name)
            for folder, deeper in places
            if _OF_MACHINES in deeper
            for name in _names(root, f"{folder}/{deeper}")
        ]
        return [(name, f"{folder}/{name}") for folder, name in places if ".so" in name]


def _names(root: str, folder: str) -> list[str]:
    path = within(root, folder)
    return os.listdir(path) if os.path.isdir(path) else []


def parse_cache(data: bytes) -> list[tuple[str, str]]:
    """(name, path) of each library of an ld.so.cache; none where its form is unknown."""
    start = data.find(_MAGIC)  # behind an older cache, perhaps
    if start < 0 or len(data) < start + _HEADER.size:
        return []
    _, count, _ = _HEADER.unpack_from(data, start)
    found = []
    for index in range(count):
        at = start + _HEADER.size + index * _ENTRY.size
        if at + _ENTRY.size > len(data):
            break
        _, name, path, _, _ = _ENTRY.unpack_from(data, at)
        found.append((_text(data, start + name), _text(data, start + path)))
    return found


def _text(data: bytes, at: int) -> str:
    end = data.find(b"\0", at)
    return os.fsdecode(data[at : end if end >= 0 else len(data)])


def _identity(path: str) -> bytes:
    """What tells machines apart: class and byte order of an ELF file, and its machine; empty for other files."""
    try:
        with open(path, "rb") as file:
            head = file.read(20)
    except OSError:
        return b""
    return head[4:6] + head[18:20] if head[:4] == b"\x7fELF" else b""
