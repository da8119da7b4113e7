"""/proc/kallsyms: the addresses of the kernel's symbols."""

from __future__ import annotations

import os

from pyzbpf.errors import Error, ObjectError, PrivilegeError
from pyzbpf.kernel.privilege import sysctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

PATH = "/proc/kallsyms"

# What clang's link-time optimization puts behind the name of a static variable.
_LLVM = b".llvm."


def addresses(names: Sequence[str]) -> dict[str, int]:
    """Addresses by name of those symbols that exist, in modules too.

    PrivilegeError where the kernel hides its addresses from this process, and ObjectError where it
    has a name at two places.
    """
    data = _read()
    found = {}
    for name in names:
        places = set(_places(data, name.encode()))
        if len(places) > 1:
            raise ObjectError(
                f"the kernel has several symbols of this name, at {' and '.join(f'{a:#x}' for a in sorted(places))}",
                file=PATH,
                symbol=name,
                advice="A name that is there once is wanted.",
            )
        for address in places:
            # Symbols of each processor's own data may lie at 0; the beginning of the code does not.
            if not address and _hidden(data):
                raise _refused(name)
            found[name] = address
    return found


def names(places: Iterable[int]) -> dict[int, str]:
    """Names by address of what begins exactly there; {} where addresses are hidden from this process."""
    wanted = {f"{place:016x}".encode(): place for place in places}
    found: dict[int, str] = {}
    for line in _read().splitlines():
        place = wanted.get(line[:16])
        if place:
            found.setdefault(place, line.split()[2].decode(errors="replace"))
    return found


def has(name: str) -> bool:
    """Whether the kernel has a symbol; that is not hidden from anybody."""
    return any(True for _ in _places(_read(), name.encode()))


def functions() -> tuple[list[int], list[str]]:
    """The addresses of all functions, sorted, and their names; both empty where the kernel hides its addresses."""
    found = []
    for line in _read().splitlines():
        fields = line.split(None, 2)
        if fields[1] in b"tTwW" and fields[0].strip(b"0"):
            found.append((int(fields[0], 16), fields[2].partition(b"\t")[0]))
    found.sort()
    return [address for address, _ in found], [name.decode(errors="replace") for _, name in found]


def similar(name: str) -> str:
    """Names of functions that are like it, as the end of a message; "" where there is none.

    First those that the compiler made of a function of that name (``name.isra.0``).
    """
    from difflib import get_close_matches  # for a message, so it may take its time

    wanted = name.encode()
    start = wanted[: (len(wanted) + 2) // 3]
    fields = (line.split(None, 3) for line in _read().splitlines())
    known = {f[2] for f in fields if f[1] in b"tTwW" and f[2].startswith(start)}
    made = sorted(text for text in known if text.startswith(wanted + b"."))
    near = [text.decode() for text in made] or get_close_matches(
        name, sorted(text.decode() for text in known if abs(len(text) - len(wanted)) < 4), n=3, cutoff=0.7
    )
    return f"; did you mean {' or '.join(near[:3])}?" if near else ""


def _read() -> bytes:
    try:
        with open(PATH, "rb") as file:
            return file.read()
    except OSError as error:
        raise Error(
            f"{PATH}: {os.strerror(error.errno or 0)}; it takes /proc mounted and a kernel with CONFIG_KALLSYMS=y"
        ) from error


def _places(data: bytes, name: bytes) -> Iterator[int]:
    """Addresses of a name; a line is "ffffffff81000000 T name", behind it perhaps a tab and a module."""
    text = b" " + name
    at = data.find(text)
    while at >= 0:
        start, end = data.rfind(b"\n", 0, at) + 1, at + len(text)
        fields = data[start:at].split()
        rest = data[end : end + len(_LLVM)]
        whole = not rest or rest[:1] in b"\n\t " or (rest == _LLVM and fields[1:] == [b"d"])
        if len(fields) == 2 and whole:
            yield int(fields[0], 16)
        at = data.find(text, end)


def _hidden(data: bytes) -> bool:
    return not any(address for name in (b"_stext", b"_text") for address in _places(data, name))


def _refused(name: str) -> PrivilegeError:
    level = sysctl("kernel.kptr_restrict")
    if level == "2":
        way = "kernel.kptr_restrict is 2, which hides them from everybody; set it to 1 (sysctl kernel.kptr_restrict=1)"
    else:
        way = (
            f"kernel.kptr_restrict is {level or 'unknown'}: run it as root, grant CAP_SYSLOG, or set "
            "kernel.kptr_restrict to 0 and kernel.perf_event_paranoid to 1"
        )
    return PrivilegeError(
        f"the address of the kernel's symbol '{name}': {PATH} shows this process no addresses, only zeros; {way}",
        capability="CAP_SYSLOG",
    )
