"""Which processors this machine may have, and has."""

from __future__ import annotations

from pyzbpf.errors import Error

_POSSIBLE = "/sys/devices/system/cpu/possible"
_ONLINE = "/sys/devices/system/cpu/online"
_known: list[int] = []


def parse(text: str) -> list[int]:
    """CPU numbers from the kernel's list form, ``0-3,8,10-11``."""
    numbers: list[int] = []
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        if part:
            numbers.extend(range(int(first), int(last or first) + 1))
    return numbers


def possible() -> int:
    """The number of possible CPUs: how many values a per-CPU map has for each key.

    Fixed at boot. A hole in the numbering is not a CPU (num_possible_cpus() of the kernel).
    """
    if not _known:
        numbers = _read(_POSSIBLE)
        _known.extend((len(numbers), max(numbers) + 1))
    return _known[0]


def slots() -> int:
    """One more than the highest possible CPU number: the size of an array indexed by CPU."""
    possible()
    return _known[1]


def online() -> list[int]:
    """The CPUs that run now."""
    return _read(_ONLINE)


def _read(path: str) -> list[int]:
    try:
        with open(path, "rb") as file:  # "ascii" would be a module to import
            return parse(file.read().decode())
    except (OSError, ValueError) as error:
        raise Error(f"{path}: {error}; is sysfs mounted at /sys?") from error
