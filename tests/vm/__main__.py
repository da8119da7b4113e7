"""The kernel tests on other kernels: ``python -m tests.vm [KERNEL…] [options] [-- pytest arguments]``.

See docs/kernels.md. The exit status is 0 only when every test on every kernel has passed or was skipped,
and every kernel that was asked for has run.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from tests.vm import cache, matrix, processes, qemu, report, suite
from tests.vm.guests import Guest, say
from tests.vm.options import chosen_tests, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from tests.vm import results


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for; the exit status."""
    options = parse(arguments)
    if options.list:
        print(matrix.table())
        return 0
    try:
        rows = matrix.chosen(options.kernels, everything=options.all)
    except KeyError as error:
        names = ", ".join(row.name for row in matrix.MATRIX)
        print(f"there is no kernel {error} in the matrix: {names}", file=sys.stderr)
        return 2
    if options.kernel:
        rows = [matrix.Row(options.kernel.name, options.arch, (), ci=False, why="--kernel")]
    lacking = qemu.missing(sorted({row.architecture for row in rows}))
    if lacking:
        print(f"needs QEMU: apt-get install {' '.join(lacking)}", file=sys.stderr)
        return 2
    runs = run(rows, options, chosen_tests(options))
    print(f"\n{report.results(runs)}\n")
    if options.junit:
        report.junit(runs, options.junit)
    print(report.closing(runs))
    optional = {row.name for row in rows if row.optional}
    return int(any(run.failed or (run.not_run and run.name not in optional) for run in runs))


def run(rows: list[matrix.Row], options: argparse.Namespace, arguments: list[str]) -> list[results.Run]:
    """Build the wheels once, and give them to each kernel with pytest's ``arguments``."""
    begin, stop = time.monotonic(), threading.Event()
    commit = report.commit()  # before hours in which the tree may change
    if options.console:
        options.console.mkdir(parents=True, exist_ok=True)
    with cache.temporary() as work, ThreadPoolExecutor(options.jobs) as pool:
        (work / "wheels").mkdir()
        wheels = suite.build_wheels(work / "wheels")
        suite.pack(work / "suite.cpio", wheels, arguments=arguments, work=work)
        names = ", ".join(wheel.name for wheel in wheels)
        say(f"on every kernel: {names} ({time.monotonic() - begin:.0f} s to build and pack)")
        guests = [Guest(row, options, stop, commit) for row in rows]
        try:
            # The slow ones first, so that none of them is left alone at the end.
            slow_first = sorted(guests, key=lambda guest: guest.row.architecture == "amd64")
            running = {guest.row.name: pool.submit(guest.run, work / "suite.cpio") for guest in slow_first}
            return [running[row.name].result() for row in rows]
        except BaseException:
            stop.set()  # whoever ends this command ends its guests
            pool.shutdown(cancel_futures=True)
            raise


def command(arguments: Sequence[str]) -> int:
    """`main`, ended in order by signals, and in silence where the reader of what it prints has gone away."""
    processes.end_in_order()
    try:
        status = main(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nor may the interpreter complain
        return 1
    return status


if __name__ == "__main__":
    sys.exit(command(sys.argv[1:]))
