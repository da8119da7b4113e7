"""``pyzbpf profile``: where the processors are, as a flame graph."""

from __future__ import annotations

import math
import os
import sys
import time

from pyzbpf.cli import flame
from pyzbpf.cli.output import note
from pyzbpf.cli.usage import UsageError, positive, seconds
from pyzbpf.cli.watch import Stop, detach
from pyzbpf.errors import NotFoundError
from pyzbpf.spec.open import open as open_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from pyzbpf.cli.flame import Samples
    from pyzbpf.maps.aggregate import StackCounter
    from pyzbpf.runtime.object import Object
    from pyzbpf.symbols.stacks import Symbolizer

_PROBE = "pyzbpf.probes:profile"
# How often processes that are new are looked at: one that is gone cannot tell its functions any more.
_ROUND_S = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``pyzbpf profile``."""
    parser.add_argument(
        "-F", "--frequency", type=positive, default=99, metavar="HERTZ", help="samples a second (%(default)s)"
    )
    parser.add_argument(
        "-d",
        "--duration",
        type=seconds,
        metavar="SECONDS",
        help="stop after so many seconds (default: by Ctrl-C)",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help=f"where to write; its end says what: {', '.join(flame.FORMATS)} (default: folded stacks on stdout)",
    )
    parser.add_argument("-p", "--pid", type=positive, help="only this process")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--user", action="store_true", help="only the stacks of processes")
    only.add_argument("--kernel", action="store_true", help="only the stacks of the kernel")


def run(arguments: argparse.Namespace) -> int:
    """Sample until the end is asked for, then write."""
    write = _writer(arguments.output)
    if arguments.pid and not os.path.exists(f"/proc/{arguments.pid}"):
        raise NotFoundError(f"there is no process {arguments.pid}")
    from pyzbpf.symbols.stacks import Symbolizer

    spec = open_spec(_PROBE)
    spec.variables["process"].value = arguments.pid or 0
    symbolizer = Symbolizer()
    with spec.load() as probe, Stop() as stop:
        probe.attach(frequency=arguments.frequency)
        where = f"of process {arguments.pid}" if arguments.pid else "on every CPU"
        note(f"pyzbpf: {arguments.frequency} samples a second {where}; Ctrl-C ends it")
        seen = _sample(probe, symbolizer, stop, arguments.duration)
        detach(probe)
        for pid in seen | _processes(probe):
            symbolizer.remember(pid, again=True)  # libraries that were loaded since
        samples = _named(probe.maps["samples"], symbolizer, arguments)
        lost = probe.variables["samples_lost"].value
    total = sum(count for _, count in samples)
    title = f"{total} samples, {arguments.frequency} a second" + (
        f", process {arguments.pid}" if arguments.pid else ""
    )
    text = write(samples, title)
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        with open(arguments.output, "w", encoding="utf-8") as file:
            file.write(text)
    note(
        f"pyzbpf: {total} samples, {len(samples)} different stacks"
        + (f"; {lost} had no room" if lost else "")
    )
    return 0


def _writer(path: str | None) -> Callable[[Samples, str], str]:
    """How the output is written; before anything is measured."""
    if path is None:
        return flame.folded
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise UsageError(f"--output: there is no folder {folder}")
    for end, write in flame.FORMATS.items():
        if path.endswith(end):
            return write
    raise UsageError(
        f"--output: {path} ends with none of {', '.join(flame.FORMATS)}, which say what to write"
    )


def _sample(probe: Object, symbolizer: Symbolizer, stop: Stop, duration_s: float | None) -> set[int]:
    """Wait for the end; gives the processes that were looked at. Looking takes time, during which samples go on."""
    end = math.inf if duration_s is None else time.monotonic() + duration_s
    seen: set[int] = set()
    while not stop.requested and (left_s := end - time.monotonic()) > 0:
        time.sleep(min(_ROUND_S, left_s))
        for pid in _processes(probe) - seen:
            if time.monotonic() >= end:
                break
            symbolizer.remember(pid)
            seen.add(pid)
    return seen


def _processes(probe: Object) -> set[int]:
    counter: StackCounter = probe.maps["samples"]
    return {key.pid for key in counter}


def _named(
    counter: StackCounter, symbolizer: Symbolizer, arguments: argparse.Namespace
) -> list[tuple[tuple[str, ...], int]]:
    """Stacks by name, with the command in front; what has the same names is one."""
    found: dict[tuple[str, ...], int] = {}
    for stack in counter.stacks():
        names = symbolizer.frames(stack, user=not arguments.kernel, kernel=not arguments.user)
        frames = (stack.command or f"[{stack.pid}]", *names)
        found[frames] = found.get(frames, 0) + stack.count
    return sorted(found.items())
