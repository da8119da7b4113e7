"""Shows which programs start processes."""

from __future__ import annotations

import argparse
import sys

import pyzbpf
from forks import forked_skel


def main() -> int:
    """Run until so many forks were seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10, help="stop after so many forks (%(default)s)")
    arguments = parser.parse_args()
    try:
        with forked_skel.open() as spec, spec.load() as probe:
            probe.attach()
            print("waiting for forks", file=sys.stderr, flush=True)
            for _, event in zip(range(arguments.count), probe.maps["events"], strict=False):
                print(event.pid, event.command)
    except pyzbpf.Error as error:
        print(f"forks: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0
