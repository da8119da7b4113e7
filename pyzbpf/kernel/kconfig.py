"""The configuration the running kernel was built with, and what loaders compute in its style."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

PROC = "/proc/config.gz"
SIGNATURE = "/proc/version_signature"


def places() -> list[str]:
    """Where the configuration may be, in libbpf's order."""
    return [f"/boot/config-{os.uname().release}", PROC]


def options(names: Collection[str]) -> tuple[dict[str, str], str]:
    """What is set of the options: name -> text behind the equals sign; and the file that was read ("": none).

    An option that is not set is not in the file but as a comment.
    """
    for path in places():
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError:
            continue
        if data[:2] == b"\x1f\x8b":
            import gzip  # 5 ms of start-up

            data = gzip.decompress(data)
        found: dict[str, str] = {}
        for line in data.decode(errors="surrogateescape").split("\n"):
            name, equals, text = line.partition("=")
            if equals and name in names and text:
                found.setdefault(name, text)
        return found, path
    return {}, ""


def computed(name: str) -> int | None:
    """A value that is none of the configuration's own; None for a name that is not known."""
    if name == "LINUX_KERNEL_VERSION":
        return version()
    if name == "LINUX_HAS_BPF_COOKIE":
        from pyzbpf.kernel.features.code import COOKIE

        return int(COOKIE.supported)
    if name == "LINUX_HAS_SYSCALL_WRAPPER":
        from pyzbpf.kernel.features.interface import SYSCALL_WRAPPER

        return int(SYSCALL_WRAPPER.supported)
    return None


def version() -> int:
    """LINUX_VERSION_CODE: major << 16 | minor << 8 | patch, the last at most 255.

    Ubuntu and Debian put a number of their own into the release; the true one stands elsewhere. Where the
    release has two numbers ("7.3-s390x") the third is 0; libbpf says 0 for all of it.
    """
    system = os.uname()
    try:
        with open(SIGNATURE, encoding="ascii", errors="replace") as file:
            words = file.read().split()
    except OSError:
        words = []
    _, debian, rest = system.version.partition("Debian ")
    for text in (words[2] if len(words) > 2 else "", rest if debian else "", system.release):
        numbers = _leading(text)
        if numbers is not None:
            major, minor, patch = numbers
            return major << 16 | minor << 8 | min(patch, 255)
    return 0


def _leading(text: str) -> tuple[int, int, int] | None:
    """The numbers that a text begins with: "6.1.0-18-amd64" -> (6, 1, 0), "7.3-s390x" -> (7, 3, 0)."""
    numbers: list[int] = []
    for part in text.split(".", 2):
        digits = len(part) - len(part.lstrip("0123456789"))
        if digits:
            numbers.append(int(part[:digits]))
        if digits < len(part):
            break
    return (numbers[0], numbers[1], numbers[2] if len(numbers) > 2 else 0) if len(numbers) > 1 else None
