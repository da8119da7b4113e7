"""The kernel tests on other kernels: ``python -m tests.vm [KERNEL…] [options] [-- pytest arguments]``.

See docs/kernels.md. The exit status is 0 only when every test on every kernel has passed or was skipped,
and every kernel that was asked for has run.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pyzbpf.cli.usage import positive, seconds
from tests.vm import cache, doctor, kinds, matrix, packages, processes, qemu, report, results, suite, userland

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_printing, _writing = threading.Lock(), threading.Lock()


def say(text: str) -> None:
    """Print at once, from whichever thread."""
    with _printing:
        print(text, flush=True)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of the command, its own and behind ``--`` pytest's; what cannot work ends it at once, with 2."""
    own, given = list(arguments), []
    if "--" in own:
        place = own.index("--")
        own, given = own[:place], own[place + 1 :]
    parser = _parser()
    options = parser.parse_args(own)
    options.pytest = given
    wrong = _wrong(options)
    if wrong:
        parser.error(wrong)
    return options


def _wrong(options: argparse.Namespace) -> str:
    """What is wrong with options that are right one by one; it would be late to notice it after a build."""
    chosen = [bool(options.kernels), options.all, options.kernel is not None]
    if sum(chosen) > 1:
        return "names of kernels, --all and --kernel exclude each other"
    if options.write_docs and (options.pytest or options.doctor or options.kinds):
        return "--write-docs is for all of tests/kernel: without --doctor or --kinds, and without arguments of pytest"
    if options.kinds and (options.pytest or options.doctor):
        return "--kinds runs tests of its own: without --doctor, and without arguments of pytest"
    if options.kernel and (options.write_docs or options.doctor or options.kinds):
        return "the documentation is about the kernels of --list, not about --kernel"
    if options.kernel and not _readable(options.kernel):
        return f"--kernel: '{options.kernel}' is no file that can be read"
    if options.junit and (options.junit.is_dir() or not options.junit.absolute().parent.is_dir()):
        return f"--junit: '{options.junit}' is no file in a folder that exists"
    if options.console and options.console.exists() and not options.console.is_dir():
        return f"--console: '{options.console}' is no folder"
    return ""


def _readable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.R_OK)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.vm", description=__doc__.partition(":")[0])
    parser.add_argument(
        "kernels",
        nargs="*",
        metavar="KERNEL",
        help="names of --list, or amd64, arm64, s390x; default: the subset for continuous integration",
    )
    parser.add_argument("--all", action="store_true", help="every kernel of the matrix")
    parser.add_argument("--list", action="store_true", help="print the matrix and end")
    parser.add_argument(
        "--kernel", type=Path, metavar="FILE", help="boot this image, with all it needs built in"
    )
    parser.add_argument(
        "--arch", choices=sorted(qemu.MACHINES), default="amd64", help="its architecture (%(default)s)"
    )
    parser.add_argument(
        "--accelerator",
        choices=("auto", "tcg", "kvm"),
        default="auto",
        help="auto: kvm where a trial boot with it works, else tcg",
    )
    parser.add_argument(
        "--jobs",
        type=positive,
        default=max(1, os.cpu_count() or 1),
        help="kernels side by side (%(default)s)",
    )
    parser.add_argument(
        "--timeout", type=seconds, default=3600, metavar="S", help="seconds for one kernel (%(default)s)"
    )
    parser.add_argument(
        "--silence",
        type=seconds,
        default=600,
        metavar="S",
        help="seconds without a word from it (%(default)s)",
    )
    parser.add_argument("--console", type=Path, metavar="DIR", help="keep each console as DIR/KERNEL.txt")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML")
    parser.add_argument(
        "--doctor",
        action="store_true",
        help="keep what `pyzbpf doctor` says on these kernels in docs/doctor and write docs/doctor.md anew; by itself "
        "only tests its claims",
    )
    parser.add_argument(
        "--kinds",
        action="store_true",
        help="run the tests that see each attach kind at work, keep what they say in docs/attach-kinds and write "
        "docs/attach-kinds.md anew",
    )
    parser.add_argument(
        "--write-docs",
        action="store_true",
        help="keep what all tests say on these kernels in docs/kernels, docs/doctor and docs/attach-kinds, each kernel's "
        "when it has ended, and write the three pages anew",
    )
    return parser


class Guest:
    """A row of the matrix on its way: found, downloaded, booted."""

    def __init__(
        self, row: matrix.Row, options: argparse.Namespace, stop: threading.Event, commit: str
    ) -> None:
        self.row = row
        self.options = options
        self.stop = stop
        self.commit = commit  # that is tested

    def _files(self) -> tuple[Path, list[Path]]:
        if self.options.kernel:
            return self.options.kernel, [userland.base(self.row.architecture)]
        kernel = self._resolve()
        return packages.image(kernel), [userland.base(self.row.architecture), userland.modules(kernel)]

    def _resolve(self) -> packages.Kernel:
        *others, last = self.row.series
        for series in others:
            with contextlib.suppress(packages.Unavailable):
                return packages.resolve(self.row.architecture, series)
        return packages.resolve(self.row.architecture, last)

    def run(self, tests: Path) -> results.Run:
        """Boot it, read the result and keep it; what is not to be had comes back as not run."""
        run = self._run(tests)
        if not self.stop.is_set():  # a guest that was ended says nothing of its kernel
            keep(run, self.options, self.commit)
        return run

    def _run(self, tests: Path) -> results.Run:
        name = self.row.name
        try:
            image, archives = self._files()
        except packages.Unavailable as error:
            say(f"{name}: not run: {error}")
            return results.Run(name, not_run=str(error))
        archives.append(tests)
        how = self.options.accelerator
        if how == "auto":
            how = qemu.accelerator(self.row.architecture, image, archives)
        say(f"{name}: booting {image.parent.parent.name if not self.options.kernel else image} ({how})")
        done = qemu.boot(
            self.row.architecture, image, archives, accelerator=how,
            timeout=self.options.timeout, silence=self.options.silence,
            stop=self.stop,
            log=self.options.console and self.options.console / f"{name}.txt",
        )  # fmt: skip
        run = results.read(name, done.console, ended=done.ended)
        run.seconds = done.seconds
        say(
            f"{name}: {run.release}: {run.count('passed')} passed, {run.failed} failed, "
            f"{run.count('skipped')} skipped in {run.seconds:.0f} s (tests {run.tests_seconds:.0f} s)"
        )
        if run.failed:
            say(f"\n{report.failures(run)}\n")
        return run


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for; the exit status."""
    options = parse(arguments)
    pytest_arguments = list(options.pytest)
    if options.doctor and not pytest_arguments:
        pytest_arguments = ["tests/kernel/test_features.py"]
    if options.kinds:
        pytest_arguments = kinds.arguments()
    if not _names_tests(pytest_arguments):
        pytest_arguments.insert(0, "tests/kernel")
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
    runs = run(rows, options, pytest_arguments)
    print(f"\n{report.results(runs)}\n")
    if options.junit:
        report.junit(runs, options.junit)
    print(report.closing(runs))
    optional = {row.name for row in rows if row.optional}
    return int(any(run.failed or (run.not_run and run.name not in optional) for run in runs))


def _names_tests(arguments: Sequence[str]) -> bool:
    """Whether arguments of pytest say where tests are; what follows -k or -m does not."""
    return any(
        before not in ("-k", "-m") and (suite.ROOT / argument.partition("::")[0]).exists()
        for before, argument in zip(["", *arguments], arguments, strict=False)
    )


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


def keep(run: results.Run, options: argparse.Namespace, commit: str) -> None:
    """Tell the documentation of a run, as soon as it is there: the others may take hours."""
    with _writing:
        if options.write_docs:
            report.keep([run], commit)
        if options.write_docs or options.doctor:
            doctor.write([run])
        if options.write_docs or options.kinds:
            kinds.write([run], commit)


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
