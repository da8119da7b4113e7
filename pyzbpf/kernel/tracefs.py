"""Tracepoints, as tracefs lists them."""

from __future__ import annotations

import os

from pyzbpf.errors import Error, NotFoundError, PrivilegeError, UnsupportedError
from pyzbpf.kernel.fd import Fd
from pyzbpf.kernel.syscall import EINVAL, ENODEV, ENOSYS, address, failure, raw

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_MOUNTED = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")

_DROPPED = "__ftrace_invalid_address__"

# include/uapi/linux/mount.h
_FSOPEN_CLOEXEC = 1
_FSCONFIG_CMD_CREATE = 6
_FSMOUNT_CLOEXEC = 1
_MOUNT_RDONLY_NOSUID_NODEV_NOEXEC = 1 | 2 | 4 | 8


def tracepoint_id(target: str) -> int:
    """The id of ``category/name``, which perf_event_open(2) wants."""
    category, _, name = target.partition("/")
    with _root() as root:
        if name and "/" not in name:
            try:
                place = os.open(
                    f"events/{category}/{name}/id", os.O_RDONLY | os.O_CLOEXEC, dir_fd=root.fileno()
                )
            except FileNotFoundError:
                pass
            except PermissionError:
                raise _not_permitted() from None
            else:
                with open(place, encoding="ascii") as file:
                    return int(file.read())
        raise NotFoundError(_unknown(root.fileno(), category, name))


def similar(name: str) -> str:
    """A sentence with the tracepoints of any category whose names are like ``name``, or ""."""
    try:
        with _root() as root:
            events = _events(root.fileno())
    except (Error, OSError):
        return ""
    found = _near(name, {event for names in events.values() for event in names})
    return f"; there is {', '.join(found)}" if found else ""


def tracepoints() -> list[str]:
    """``category/name`` of every tracepoint."""
    with _root() as root:
        try:
            events = _events(root.fileno())
        except PermissionError:
            raise _not_permitted() from None
    return [f"{category}/{name}" for category, names in events.items() for name in names]


def functions() -> list[str]:
    """The kernel's own functions that ftrace can trace, without those of modules."""
    with _root() as root:
        try:
            place = os.open("available_filter_functions", os.O_RDONLY | os.O_CLOEXEC, dir_fd=root.fileno())
            with open(place, encoding="utf-8", errors="replace") as file:
                lines = file.read().splitlines()
        except FileNotFoundError:
            raise UnsupportedError(
                "a pattern of functions (tracefs has no available_filter_functions)",
                advice="It takes CONFIG_DYNAMIC_FTRACE=y; name the functions one by one.",
            ) from None
        except PermissionError as error:
            raise Error(
                f"available_filter_functions of tracefs, which a pattern is matched with, cannot be read: {error.strerror}; "
                "name the functions one by one"
            ) from None
    # Behind a name may stand its module in brackets; weak functions that the linker dropped have no name.
    return list(dict.fromkeys(line for line in lines if " " not in line and not line.startswith(_DROPPED)))


def _unknown(root: int, category: str, name: str) -> str:
    """Why there is no such tracepoint: the message of a slow path, so it may read all names."""
    target = f"{category}/{name}" if name else category
    text = f"this kernel has no tracepoint '{target}'"
    events = _events(root)
    homes = [home for home, names in events.items() if (name or category) in names]
    if homes:
        return f"{text}; did you mean {' or '.join(f'{home}/{name or category}' for home in sorted(homes))}?"
    if not name:
        return f"{text}; a tracepoint is named category/name, such as sched/sched_process_exec"
    if category in events:
        near = [f"{category}/{found}" for found in _near(name, events[category])]
    else:
        near = _near(category, events)
        text += f" (no category '{category}')"
    return f"{text}; did you mean {' or '.join(near)}?" if near else text


def _near(name: str, names: Iterable[str]) -> list[str]:
    from difflib import get_close_matches

    return get_close_matches(name, sorted(names), n=3, cutoff=0.6)


def _events(root: int) -> dict[str, set[str]]:
    """Every tracepoint's name by category."""
    found: dict[str, set[str]] = {}
    for category in _names(root, "events"):
        found[category] = _names(root, f"events/{category}")
    return found


def _names(root: int, path: str) -> set[str]:
    place = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root)
    try:
        with os.scandir(place) as entries:
            return {entry.name for entry in entries if entry.is_dir()}
    finally:
        os.close(place)


def _root() -> Fd:
    """A descriptor of tracefs' top directory: where it is mounted, else of a mount nobody sees."""
    for path in _MOUNTED:
        try:
            place = Fd(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), path)
        except FileNotFoundError:
            continue
        except PermissionError:
            raise _not_permitted() from None
        try:
            os.stat("events", dir_fd=place.fileno())
        except OSError:  # the directory is there, and nothing is mounted on it
            place.close()
            continue
        return place
    return _detached()


def _detached() -> Fd:
    """Mount tracefs without a place in the tree (Linux 5.2); closing the descriptor unmounts it.

    So that a tracepoint attaches on a machine where nobody mounted tracefs, and nothing is left
    mounted behind.
    """
    name = b"tracefs\0"
    context = raw("fsopen", address(name), _FSOPEN_CLOEXEC)
    if context < 0:
        raise _not_mounted(context)
    with Fd(context, "tracefs context"):
        result = raw("fsconfig", context, _FSCONFIG_CMD_CREATE, 0, 0, 0)
        if result < 0:
            raise _not_mounted(result)
        result = raw("fsmount", context, _FSMOUNT_CLOEXEC, _MOUNT_RDONLY_NOSUID_NODEV_NOEXEC)
        if result < 0:
            raise _not_mounted(result)
    return Fd(result, "detached mount of tracefs")


def _not_mounted(errno: int) -> Error:
    if errno in (-ENODEV, -ENOSYS, -EINVAL):
        return Error(
            "tracefs is not mounted at /sys/kernel/tracing or /sys/kernel/debug/tracing and cannot be opened; "
            "mount it (mount -t tracefs tracefs /sys/kernel/tracing) or build the kernel with CONFIG_FTRACE"
        )
    advice = "it is mounted nowhere; root may do it for all: mount -t tracefs -o mode=755 tracefs /sys/kernel/tracing"
    return failure(errno, command="mounting tracefs", capability="CAP_SYS_ADMIN", detail=advice)


def _not_permitted() -> PrivilegeError:
    return PrivilegeError(
        "tracefs may not be read by this user; run as root, or let the user's group read it "
        "(mount -o remount,mode=755 /sys/kernel/tracing)",
        capability="CAP_DAC_READ_SEARCH",
    )
