"""``pyzbpf export``: load and attach a probe, and serve what it counts to Prometheus."""

from __future__ import annotations

import argparse
import sys
from contextlib import contextmanager

from pyzbpf.cli.output import closing_notes, note
from pyzbpf.cli.run import add_probe_arguments, attach, prepare
from pyzbpf.cli.usage import UsageError, positive, seconds
from pyzbpf.cli.watch import Stop, watch
from pyzbpf.errors import Error
from pyzbpf.events.stream import ShortEvent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyzbpf.cli.metrics import Collector

_PORT = 9435  # what ebpf_exporter listens on, by the list of ports of Prometheus


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``pyzbpf export``."""
    parser.add_argument(
        "--listen",
        type=address,
        default=("127.0.0.1", _PORT),
        metavar="HOST:PORT",
        help=f"where metrics are served; :PORT is all of this machine's addresses (127.0.0.1:{_PORT})",
    )
    parser.add_argument(
        "--max-series",
        type=positive,
        default=1000,
        metavar="N",
        help="serve at most so many keys of a map; the others are counted (%(default)s)",
    )
    parser.add_argument(
        "--duration", type=seconds, metavar="SECONDS", help="stop after so many seconds (default: by Ctrl-C)"
    )
    add_probe_arguments(parser)


def address(text: str) -> tuple[str, int]:
    """An argument HOST:PORT, [IPv6]:PORT or :PORT."""
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 0xFFFF:
        raise argparse.ArgumentTypeError(f"'{text}' is not HOST:PORT")
    return host.removeprefix("[").removesuffix("]") or "0.0.0.0", int(port)  # noqa: S104 - asked for


def run(arguments: argparse.Namespace) -> int:
    """Serve until the end is asked for."""
    try:
        from pyzbpf.cli.metrics import Collector
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "prometheus_client":
            raise
        raise Error(
            f"the library prometheus-client is missing; run: {sys.executable} -m pip install 'pyzbpf[prometheus]'"
        ) from error
    spec, given = prepare(arguments)
    with Stop() as stop, spec.load() as probe:
        attach(probe, given)
        collector = Collector(probe, max_series=arguments.max_series)
        with _served(collector, *arguments.listen):
            # Somebody must take the events, or the buffers are full.
            for stream, batch in watch(probe, stop, duration_s=arguments.duration):
                collector.events[stream.name] += 1 if isinstance(batch, ShortEvent) else len(batch)
        closing_notes(probe)
    return stop.exit_code


@contextmanager
def _served(collector: Collector, host: str, port: int) -> Iterator[None]:
    from prometheus_client import CollectorRegistry, start_http_server

    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    try:
        server, thread = start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise UsageError(f"--listen: {host}, port {port}: {error.strerror}") from error
    shown = f"[{host}]" if ":" in host else host
    note(f"pyzbpf: metrics are at http://{shown}:{server.server_port}/metrics")
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
