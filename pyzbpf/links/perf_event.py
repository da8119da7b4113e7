"""Samples: the program runs so many times a second, or at every so many events of a counter (Linux 4.9)."""

from __future__ import annotations

import os

from pyzbpf.errors import Error, NotFoundError, SystemCallError, UnsupportedError
from pyzbpf.kernel import cpus, perf_event, privilege
from pyzbpf.kernel.syscall import EINVAL, ENOENT, EOPNOTSUPP, detailed
from pyzbpf.links import perf_link
from pyzbpf.links.base import Link, cookie_option, number_option

TYPE_CHECKING = False
if TYPE_CHECKING:
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
    pid: int | None = None,
    cpu: int | None = None,
    cookie: int = 0,
) -> Link:
    """Run the program ``frequency`` times a second (default 99), or at every ``period``-th event.

    ``event`` is a counter by perf's name: "cpu-clock", "page-faults", "context-switches", "cpu-cycles", ….
    On every CPU that is online now, or only on ``cpu``, or only for the threads that the process ``pid``
    has now and those they make (its child processes too). ``cookie`` is a number that the program gets from
    bpf_get_attach_cookie (Linux 5.15).
    """
    if event not in tuple(perf_event.COUNTERS):  # a tuple, which takes what is not hashable, too
        raise ValueError(f"option 'event' is one of {', '.join(perf_event.COUNTERS)}, not {event!r}")
    if frequency is not None and period is not None:
        raise ValueError(
            "give frequency= (samples a second) or period= (events from one sample to the next), not both"
        )
    by_frequency = period is None
    count = (
        number_option("frequency", _FREQUENCY if frequency is None else frequency)
        if period is None
        else (number_option("period", period))
    )
    if not count:
        raise ValueError(f"option '{'frequency' if by_frequency else 'period'}' is 1 or more, not 0")
    cookie = cookie_option(cookie)
    rate = f"{count} times a second" if by_frequency else f"at every {count}. event"
    what = f"samples of '{event}' {rate}"
    parts: list[Fd] = []
    try:
        for place, thread in _places(pid, cpu):
            found = perf_event.sample(event, count, what, by_frequency=by_frequency, cpu=place, thread=thread)
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


def _places(pid: int | None, cpu: int | None) -> list[tuple[int | None, int | None]]:
    """CPU and thread of each event that is needed."""
    place = None if cpu is None else number_option("cpu", cpu, bits=31)
    running = cpus.online()
    if place is not None and place not in running:
        raise NotFoundError(
            f"option 'cpu': CPU {place} is not online; {len(running)} are, from {running[0]} to {running[-1]}"
        )
    if pid is None:
        return [(number, None) for number in (running if place is None else [place])]
    process = number_option("pid", pid, bits=31)
    try:
        threads = [int(name) for name in os.listdir(f"/proc/{process}/task")]
    except OSError:
        threads = []
    return [(place, thread) for thread in threads]


def _refused(error: SystemCallError, event: str, what: str) -> Error:
    if error.errno in (ENOENT, EOPNOTSUPP):
        return UnsupportedError(
            f"the counter '{event}'",
            advice="This machine's hardware does not count it, as most virtual machines; event='cpu-clock' is everywhere.",
        )
    if error.errno == EINVAL:
        limit = privilege.sysctl("kernel.perf_event_max_sample_rate")
        return detailed(
            error,
            f"{what}: kernel.perf_event_max_sample_rate allows {limit} a second",
        )
    return error
