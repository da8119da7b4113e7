"""A row of the matrix on its way: its kernel found, downloaded, booted, and what came of it kept."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

from tests.vm import doctor, kinds, matrix, packages, qemu, report, results, userland

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

_printing, _writing = threading.Lock(), threading.Lock()


def say(text: str) -> None:
    """Print at once, from whichever thread."""
    with _printing:
        print(text, flush=True)


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
        try:
            return packages.resolve(self.row.architecture, last)
        except packages.Unavailable as error:
            if not others:
                raise
            raise packages.Unavailable(f"{error}; none of {', '.join(others)} either") from error

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


def keep(run: results.Run, options: argparse.Namespace, commit: str) -> None:
    """Tell the documentation of a run, as soon as it is there: the others may take hours."""
    with _writing:
        if options.write_docs:
            report.keep([run], commit)
        if options.write_docs or options.doctor:
            doctor.write([run])
        if options.write_docs or options.kinds:
            kinds.write([run], commit)
