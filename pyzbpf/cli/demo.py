"""``pyzbpf demo``: run a prebuilt probe of our own wheel, with something to see."""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import time
from datetime import datetime

from pyzbpf.errors import Error
from pyzbpf.spec.open import open as open_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from pyzbpf.runtime.object import Object

_PACKAGE = "pyzbpf.probes"
# How long one wait for events lasts; own traffic is made before each.
_ROUND_S = 0.2
_PROTOCOLS = {1: "ICMP", 6: "TCP", 17: "UDP"}
_ETHERTYPES = {0x0800: "IPv4", 0x0806: "ARP", 0x86DD: "IPv6"}


class Demo:
    """One demo: its header line, an event's line, and how to make something happen."""

    def __init__(
        self, title: str, header: str, line: Callable[[Any], str], traffic: Callable[[], None]
    ) -> None:
        self.title = title
        self.header = header
        self.line = line
        self.traffic = traffic


def _packet_line(event: Any) -> str:
    kind = _ETHERTYPES.get(event.ethertype, f"{event.ethertype:#06x}")
    protocol = _PROTOCOLS.get(event.protocol, str(event.protocol)) if event.protocol else "-"
    ports = f"{event.source_port} -> {event.target_port}" if event.source_port else "-"
    return f"{_clock(event.time)}  {event.length:>6}  {kind:<5} {protocol:<5} {ports}"


def _exec_line(event: Any) -> str:
    return f"{_clock(event.time)}  {event.pid:>7}  {event.parent or '-':>7}  {event.command}"


def _send_packet() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        try:
            sender.sendto(b"hello from pyzbpf", ("127.0.0.1", 9))  # port 9: discard
        except OSError as error:
            raise Error(
                f"no packet can be sent on loopback: {error.strerror}; bring it up with `ip link set lo up`, "
                "or watch without own traffic: --quiet"
            ) from error


def _start_program() -> None:
    subprocess.run(["true"], check=False)


DEMOS = {
    "loopback": Demo(
        "every packet of the loopback interface (raw socket filter, perf buffer)",
        "time             length  type  proto ports",
        _packet_line,
        _send_packet,
    ),
    "exec": Demo(
        "every program that is started (tracepoint sched/sched_process_exec, ring buffer)",
        "time                 pid   parent  command",
        _exec_line,
        _start_program,
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``pyzbpf demo``."""
    listed = "; ".join(f"{name}: {demo.title}" for name, demo in DEMOS.items())
    parser.add_argument("name", nargs="?", default="loopback", choices=DEMOS, metavar="NAME", help=listed)
    parser.add_argument(
        "--count", type=_positive, metavar="N", help="stop after N events (default: 10 without --duration)"
    )
    parser.add_argument("--duration", type=_seconds, metavar="SECONDS", help="stop after so many seconds")
    parser.add_argument("--quiet", action="store_true", help="make no traffic of its own, only watch")


def run(arguments: argparse.Namespace) -> int:
    """Load, attach, print events until there are enough."""
    demo = DEMOS[arguments.name]
    count = arguments.count or (None if arguments.duration else 10)
    with open_spec(f"{_PACKAGE}:{arguments.name}") as spec, spec.load() as probe:
        probe.attach()
        if probe.btf_error is not None:
            print(f"note: this kernel takes no type information ({probe.btf_error})", file=sys.stderr)
        print(demo.header, flush=True)
        traffic = None if arguments.quiet else demo.traffic
        for event in _events(probe, traffic, count=count, duration_s=arguments.duration):
            print(demo.line(event), flush=True)
        lost = probe.maps["events"].lost
        if lost:
            print(f"({lost} more were lost: the buffer was full)", flush=True)
        for trap in probe.traps:
            print(trap, file=sys.stderr, flush=True)
    return 0


def _events(
    probe: Object, traffic: Callable[[], None] | None, *, count: int | None, duration_s: float | None
) -> Iterator[Any]:
    end = None if duration_s is None else time.monotonic() + duration_s
    seen = 0
    while (count is None or seen < count) and (end is None or time.monotonic() < end):
        if traffic is not None:
            traffic()
        wait = _ROUND_S if end is None else max(0.0, min(_ROUND_S, end - time.monotonic()))
        for event in probe.maps["events"].read(None if count is None else count - seen, timeout=wait):
            seen += 1
            yield event
        if traffic is not None:
            time.sleep(min(wait, 0.05))


def _clock(monotonic_ns: int) -> str:
    """The kernel's monotonic time as time of day."""
    wall_ns = time.time_ns() - time.clock_gettime_ns(time.CLOCK_MONOTONIC) + monotonic_ns
    return datetime.fromtimestamp(wall_ns / 1e9).astimezone().strftime("%H:%M:%S.%f")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1 up")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds above 0")
    return value
