"""Measure and print Markdown: ``sudo python -m benchmarks.data [--quick] [--rounds N] [SECTION …]``.

Needs root, the ``ziglang`` package, libbpf's headers (Debian: libbpf-dev, gcc); numpy for its rows, and
BCC (python3-bpfcc with the kernel's headers), bpftrace and bpftool for theirs. Peers take turns with pyzbpf in
one run, the median of the rounds counts.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
import tempfile
from pathlib import Path

from benchmarks.data.setting import Setting

# Those without numpy first: once it is imported, readers use it.
SECTIONS = {
    "start": "Start-up",
    "rings": "Ring buffers: nanoseconds a record",
    "tables": "Maps: nanoseconds an entry",
    "programs": "Many programs",
    "growth": "Growth",
    "sustained": "A producer on another CPU",
}


def main() -> None:
    """Every section in a process of its own, so that numpy and memory of one are not those of the next."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)} (default: all)"
    )
    parser.add_argument("--rounds", type=int, default=7, help="at least 5 (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="small sizes: to see that it runs")
    arguments = parser.parse_args()
    wanted = arguments.sections or list(SECTIONS)
    print(
        f"Linux {os.uname().release}, {platform.machine()}, {len(os.sched_getaffinity(0))} CPUs, Python {sys.version.split()[0]}"
    )
    for name in wanted:
        child = os.fork()
        if not child:
            _section(name, arguments.rounds, 0.05 if arguments.quick else 1.0)
        if os.waitpid(child, 0)[1]:
            print(f"({name}: failed)")


def _section(name: str, rounds: int, scale: float) -> None:
    code = 1
    try:
        with tempfile.TemporaryDirectory(prefix="pyzbpf-benchmark-") as folder:
            setting = Setting(Path(folder), rounds=rounds, scale=scale)
            print(
                f"\n### {SECTIONS[name]}\n\n| what | peer | peer | pyzbpf | ratio | goal |\n|---|---|---:|---:|---:|---|"
            )
            for row in importlib.import_module(f"benchmarks.data.{name}").rows(setting):
                print(row.line())
        code = 0
    except BaseException as error:  # noqa: BLE001 - a child of fork() must not go on
        if not isinstance(error, SystemExit):
            import traceback

            traceback.print_exc()
        else:
            print(error, file=sys.stderr)
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
