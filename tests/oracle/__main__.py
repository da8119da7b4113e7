"""Hold the loader against libbpf on every object of a folder: what is read, sent to the kernel and accepted.

    python -m tests.oracle FOLDER [--libbpf PREFIX] [--verbose]

Takes root and a C compiler with libbpf's headers (apt-get install gcc libbpf-dev). Every file that ends in .o is
loaded by both on this kernel; nothing is attached. Ends with 1 where a difference is not explained by
tests/oracle/differences.py.
"""

from __future__ import annotations

import argparse
import collections
import json
import sys
import tempfile
from pathlib import Path

from tests.oracle import ours
from tests.oracle.compare import Difference, differences
from tests.oracle.witness import Libbpf, Pins, Unavailable, pins


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="where the objects are; folders in it are searched, too")
    parser.add_argument("--libbpf", type=Path, metavar="PREFIX", help="a libbpf other than the system's")
    parser.add_argument("--json", action="store_true", help="one record for each object")
    parser.add_argument("--verbose", action="store_true", help="objects without a difference, too")
    arguments = parser.parse_args()
    paths = sorted(p for p in arguments.folder.rglob("*.o") if p.is_file())
    if not paths:
        parser.error(f"no object in {arguments.folder}")
    with tempfile.TemporaryDirectory(prefix="pyzbpf-oracle-") as folder:
        try:
            libbpf = Libbpf(Path(folder), arguments.libbpf)
        except Unavailable as error:
            print(error, file=sys.stderr)
            return 2
        with pins() as folder_of_pins:
            return _run(paths, libbpf, folder_of_pins, arguments)


def _run(paths: list[Path], libbpf: Libbpf, pins: Pins, arguments: argparse.Namespace) -> int:
    counts: collections.Counter[str] = collections.Counter()
    kinds: collections.Counter[str] = collections.Counter()
    version = ""
    for path in paths:
        theirs = libbpf.ask(path, pins.path)
        pins.clear()
        version = theirs.get("version", version)
        mine = ours.ask(path, pins.path)
        pins.clear()
        found = differences(theirs, mine)
        open_ones = [one for one in found if not one.why]
        counts["different" if open_ones else "explained" if found else "same"] += 1
        counts["loaded by both"] += not (theirs.get("loaded", 1) or mine.get("loaded", 1))
        kinds.update(one.kind for one in open_ones)
        _show(path.relative_to(arguments.folder), found, arguments)
    words = ", ".join(f"{number} {what}" for what, number in counts.items())
    print(f"libbpf {version}: {len(paths)} objects: {words}", file=sys.stderr)
    if kinds:
        words = ", ".join(f"{number} {what}" for what, number in kinds.most_common())
        print(f"not explained: {words}", file=sys.stderr)
    return 1 if counts["different"] else 0


def _show(path: Path, found: list[Difference], arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(json.dumps({"object": str(path), "differences": [one._asdict() for one in found]}), flush=True)
    elif found or arguments.verbose:
        print(f"{path}: {'differs' if any(not d.why for d in found) else 'explained' if found else 'same'}")
        for one in found:
            print(f"  {one.kind}: {one.text}" + (f"\n    expected: {one.why}" if one.why else ""), flush=True)


if __name__ == "__main__":
    sys.exit(main())
