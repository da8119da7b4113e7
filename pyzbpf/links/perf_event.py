"""Samples: the program runs so many times a second, or at every so many events of a counter (Linux 4.9)."""

from __future__ import annotations

import os

from pyzbpf.errors import Error, NotFoundError, SystemCallError, UnsupportedError
from pyzbpf.kernel import cpus, perf_event
from pyzbpf.kernel.syscall import EINVAL, ENOENT, ENOSPC, EOPNOTSUPP, detailed, explained
from pyzbpf.links import perf_link
from pyzbpf.links.base import Link, cookie_option, number_option, process_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import ProgramSpec

# Samples a second where nothing else is asked for: odd, so as not to keep step with timers of 100 a second.
_FREQUENCY = 99


def attach(
    program: Fd,
    spec: ProgramSpec,
    *,
    event: str = "cpu-clock",
    frequency: int | None = None,
    period: int | None = None,
    address: int | None = None,
    access: str = "write",
    size: int = 8,
    pid: int | None = None,
    cpu: int | None = None,
    cookie: int = 0,
) -> Link:
    """Run the program ``frequency`` times a second (default 99), or at every ``period``-th event.

    ``event`` is a counter by perf's name: "cpu-clock", "page-faults", "context-switches", "cpu-cycles", ….
    On every CPU that is online now, or only on ``cpu``, or only for the threads that the process ``pid``
    has now and those they make (its child processes too). ``cookie`` is a number that the program gets from
    bpf_get_attach_cookie (Linux 5.15).

    "breakpoint" is an ``access`` ("write", "read", "read or write", "execute") to the ``size`` bytes (1, 2, 4 or 8)
    at an ``address`` of the process ``pid``, or of the kernel; machines watch a handful of places at once.
    """
    known = (*perf_event.COUNTERS, _BREAKPOINT)
    if event not in known:  # a tuple, which takes what is not hashable, too
        raise ValueError(f"option 'event' is one of {', '.join(known)}, not {event!r}")
    by_frequency, count = _rate(frequency, period, 1 if event == _BREAKPOINT else None)
    cookie = cookie_option(cookie)
    rate = f"{count} times a second" if by_frequency else f"at every {count}. event"
    open_event: Callable[[int | None, int | None], Fd | None]
    if event == _BREAKPOINT:
        what, open_event = _breakpoint(address, access, size, count)
    elif address is not None:
        raise ValueError("option 'address' goes with event='breakpoint'")
    else:
        what = f"samples of '{event}' {rate}"

        def open_event(place: int | None, thread: int | None) -> Fd | None:
            return perf_event.sample(event, count, what, by_frequency=by_frequency, cpu=place, thread=thread)

    parts: list[Fd] = []
    try:
        for place, thread in _places(pid, cpu):
            found = open_event(place, thread)
            if found is not None:
                parts += perf_link.run_at(found, program, what, cookie=cookie)
    except BaseException as error:
        for part in parts:
            part.close()
        if isinstance(error, SystemCallError):
            raise _refused(error, event, what) from error
        raise
    if not parts:
        raise NotFoundError(
            f"{what}: " + (f"there is no process {pid}" if pid is not None else f"CPU {cpu} is not online")
        )
    return Link(spec, what, parts)


_BREAKPOINT = "breakpoint"


def _rate(frequency: int | None, period: int | None, default: int | None) -> tuple[bool, int]:
    """Whether it is so many times a second, and the number; ``default`` is a period."""
    if frequency is not None and period is not None:
        raise ValueError(
            "give frequency= (samples a second) or period= (events from one sample to the next), not both"
        )
    if frequency is None and period is None:
        period = default
    if period is not None:
        name, count = "period", number_option("period", period)
    else:
        name, count = "frequency", number_option("frequency", _FREQUENCY if frequency is None else frequency)
    if not count:
        raise ValueError(f"option '{name}' is 1 or more, not 0")
    if default is not None and name == "frequency":
        raise ValueError("a breakpoint has no frequency=; period= says at which accesses")
    return name == "frequency", count


def _breakpoint(
    address: int | None, access: str, size: int, period: int
) -> tuple[str, Callable[[int | None, int | None], Fd | None]]:
    """What it is in words, and how it is opened on a CPU or in a thread."""
    if address is None:
        raise ValueError("event='breakpoint' takes address=, of a process (pid=) or of the kernel")
    place = number_option("address", address)
    if access not in tuple(perf_event.ACCESSES):
        raise ValueError(f"option 'access' is one of {', '.join(perf_event.ACCESSES)}, not {access!r}")
    if size not in (1, 2, 4, 8):
        raise ValueError(f"option 'size' is 1, 2, 4 or 8, not {size!r}")
    what = f"breakpoint at {place:#x} ({access}, {size} bytes)"

    def open_event(cpu: int | None, thread: int | None) -> Fd | None:
        return perf_event.breakpoint(place, access, size, what, period=period, cpu=cpu, thread=thread)

    return what, open_event


def _places(pid: int | None, cpu: int | None) -> list[tuple[int | None, int | None]]:
    """CPU and thread of each event that is needed."""
    place = None if cpu is None else number_option("cpu", cpu, bits=31)
    running = cpus.online()
    if place is not None and place not in running:
        raise NotFoundError(
            f"option 'cpu': CPU {place} is not online; {len(running)} are, from {running[0]} to {running[-1]}"
        )
    process = process_option(pid)
    if process is None:
        return [(number, None) for number in (running if place is None else [place])]
    try:
        threads = [int(name) for name in os.listdir(f"/proc/{process}/task")]
    except OSError:
        threads = []
    return [(place, thread) for thread in threads]


def _refused(error: SystemCallError, event: str, what: str) -> Error:
    if event == _BREAKPOINT:
        return explained(error, what, _BREAKPOINT_REASONS)
    if error.errno in (ENOENT, EOPNOTSUPP):
        return UnsupportedError(
            f"the counter '{event}'",
            advice="This machine's hardware does not count it, as most virtual machines; event='cpu-clock' is everywhere.",
        )
    if error.errno == EINVAL:
        from pyzbpf.kernel import privilege

        limit = privilege.sysctl("kernel.perf_event_max_sample_rate")
        return detailed(
            error,
            f"{what}: kernel.perf_event_max_sample_rate allows {limit} a second",
        )
    return error


_BREAKPOINT_REASONS = {
    ENOENT: "the kernel was built without CONFIG_HAVE_HW_BREAKPOINT",
    EOPNOTSUPP: "this machine has no breakpoints, or not of this size",
    ENOSPC: "all of the machine's places for breakpoints are in use; x86 has four",
    EINVAL: "the address is no multiple of the size, or this machine does not watch this access: x86 does not know "
    "'read', and 'execute' takes the size 8",
}
