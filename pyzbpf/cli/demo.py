"""``pyzbpf demo``: run a prebuilt probe of our own wheel, with something to see."""

from __future__ import annotations

import socket
import subprocess
import time
from datetime import datetime

from pyzbpf.cli.output import closing_notes, write
from pyzbpf.cli.usage import positive, remark, seconds
from pyzbpf.cli.watch import Stop, watch
from pyzbpf.errors import Error
from pyzbpf.events.stream import ShortEvent
from pyzbpf.spec.open import open as open_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import Any

_PACKAGE = "pyzbpf.probes"
# Between two makings of traffic.
_PAUSE_S = 0.05
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
        "--count", type=positive, metavar="N", help="stop after N events (default: 10 without --duration)"
    )
    parser.add_argument("--duration", type=seconds, metavar="SECONDS", help="stop after so many seconds")
    parser.add_argument("--quiet", action="store_true", help="make no traffic of its own, only watch")


def run(arguments: argparse.Namespace) -> int:
    """Load, attach, print events until there are enough."""
    demo = DEMOS[arguments.name]
    count = arguments.count or (None if arguments.duration else 10)
    with Stop() as stop, open_spec(f"{_PACKAGE}:{arguments.name}") as spec, spec.load() as probe:
        probe.attach()
        if probe.btf_error is not None:
            remark(f"this kernel takes no type information ({probe.btf_error})")
        write([demo.header])
        before = None if arguments.quiet else _paced(demo.traffic)
        for _, batch in watch(probe, stop, count=count, duration_s=arguments.duration, before_round=before):
            if isinstance(batch, ShortEvent):
                raise batch
            write(map(demo.line, batch))
        closing_notes(probe)
    return stop.exit_code


def _paced(traffic: Callable[[], None]) -> Callable[[], None]:
    """The same, and a pause after it: rounds follow each other at once while there are events."""

    def make() -> None:
        traffic()
        time.sleep(_PAUSE_S)

    return make


def _clock(monotonic_ns: int) -> str:
    """The kernel's monotonic time as time of day."""
    wall_ns = time.time_ns() - time.clock_gettime_ns(time.CLOCK_MONOTONIC) + monotonic_ns
    return datetime.fromtimestamp(wall_ns / 1e9).astimezone().strftime("%H:%M:%S.%f")
