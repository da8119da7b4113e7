"""Prints the packets of the loopback interface, and sends a few itself so that there are some."""

from __future__ import annotations

import argparse
import socket
import sys
import time

import pyzbpf

DISCARD_PORT = 9


def main() -> int:
    """Run until so many packets were seen, or for so long."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10, help="stop after so many packets (%(default)s)")
    parser.add_argument(
        "--duration", type=float, default=5.0, help="stop after so many seconds (%(default)s)"
    )
    arguments = parser.parse_args()
    try:
        return watch(arguments.count, arguments.duration)
    except pyzbpf.Error as error:
        print(f"loopback: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def watch(count: int, duration: float) -> int:
    """Load the probe and print its events."""
    seen = 0
    end = time.monotonic() + duration
    with pyzbpf.open("loopback:loopback") as spec, spec.load() as probe:
        probe.attach()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while seen < count and time.monotonic() < end:
                sender.sendto(b"hello", ("127.0.0.1", DISCARD_PORT))
                for packet in probe.maps["events"].read(max_events=count - seen, timeout=0.2):
                    print(f"{packet.time} {packet.length} bytes, protocol {packet.protocol:#06x}")
                    seen += 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
