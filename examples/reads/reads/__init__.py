"""Prints how many bytes processes ask for when they read files, and how many they get."""

from __future__ import annotations

import argparse
import sys
import time

import pyzbpf


def main() -> int:
    """Run until so many reads were seen, or for so long."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pid", type=int, default=0, help="this process only")
    parser.add_argument("--count", type=int, default=10, help="stop after so many reads (%(default)s)")
    parser.add_argument(
        "--duration", type=float, default=5.0, help="stop after so many seconds (%(default)s)"
    )
    arguments = parser.parse_args()
    try:
        return watch(arguments.pid, arguments.count, arguments.duration)
    except pyzbpf.Error as error:
        print(f"reads: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def watch(pid: int, count: int, duration: float) -> int:
    """Load the probe and print its events."""
    seen = 0
    end = time.monotonic() + duration
    with pyzbpf.open("reads:reads") as spec:
        spec.variables["only"].value = pid
        with spec.load() as probe:
            probe.attach()
            print("reads: attached", file=sys.stderr, flush=True)
            while seen < count and time.monotonic() < end:
                for read in probe.maps["reads"].read(max_events=count - seen, timeout=0.2):
                    print(f"{read.pid} {read.command} {read.asked} {read.got}", flush=True)
                    seen += 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
