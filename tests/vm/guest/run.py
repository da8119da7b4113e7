"""Runs the tests inside a guest and sends what became of them over the console, frame by frame.

/suite/run.json holds pytest's arguments and the environment. A frame is
``@@pyzbpf NUMBER CHECKSUM BASE64@@`` on a line of its own; the kernel may write into the same console, so
that each frame has a checksum, and all of them are sent once more at the end.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
import zlib

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TOO_LONG = 8000  # characters of one failure that are worth a console's time


class Console:
    """The way to the host."""

    def __init__(self) -> None:
        # A descriptor of its own, which no test captures; the kernel's console takes frames as they are.
        self._file = os.open("/dev/console", os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY)
        self._sent: list[bytes] = []

    def send(self, **fields: Any) -> None:
        """Send one frame."""
        data = zlib.compress(json.dumps(fields).encode())
        text = base64.b64encode(data).decode()
        self._sent.append(f"@@pyzbpf {len(self._sent)} {zlib.crc32(data):08x} {text}@@\n".encode())
        self._write(self._sent[-1])

    def repeat(self) -> None:
        """Send everything once more."""
        for frame in self._sent:
            self._write(frame)

    @property
    def number(self) -> int:
        """How many frames there were."""
        return len(self._sent)

    def _write(self, data: bytes) -> None:
        data = b"\n" + data
        while data:
            data = data[os.write(self._file, data) :]


class Reporter:
    """A plugin of pytest."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.count = 0
        self._parts: list[pytest.TestReport] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.console.send(kind="collected", count=len(session.items))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if not report.passed:
            self._outcome(report.nodeid, report.outcome, _words(report), 0.0)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._parts = []
        self.console.send(kind="started", test=nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._parts.append(report)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        worst = next((part for part in self._parts if part.failed), None)
        if worst is None:
            worst = next((part for part in self._parts if part.skipped), None)
        seconds = sum(part.duration for part in self._parts)
        self._outcome(nodeid, worst.outcome if worst else "passed", _words(worst) if worst else "", seconds)

    def _outcome(self, test: str, outcome: str, words: str, seconds: float) -> None:
        self.count += 1
        self.console.send(kind="outcome", test=test, outcome=outcome, words=words, seconds=round(seconds, 3))


def _words(report: pytest.TestReport | pytest.CollectReport) -> str:
    if report.skipped and isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    if hasattr(report, "wasxfail"):
        return f"expected failure: {report.wasxfail}"
    text = "\n".join([str(report.longreprtext), *(f"{name}:\n{said}" for name, said in report.sections)])
    return text if len(text) <= TOO_LONG else text[: TOO_LONG // 2] + "\n[…]\n" + text[-TOO_LONG // 2 :]


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError as error:
        return f"({error.strerror})"


def facts() -> dict[str, Any]:
    """Which machine this is, and what runs on it."""
    import platform

    import pyzbpf

    system = os.uname()
    return {
        "release": system.release,
        "machine": system.machine,
        "byteorder": sys.byteorder,
        "python": platform.python_version(),
        "pyzbpf": pyzbpf.__file__,
        "jit": _read("/proc/sys/net/core/bpf_jit_enable"),
        "types": os.path.exists("/sys/kernel/btf/vmlinux"),
        "lsm": _read("/sys/kernel/security/lsm"),
        "memory": _read("/proc/meminfo").split("\n", 1)[0],
    }


def doctor() -> dict[str, Any]:
    """What `pyzbpf doctor --json` says here."""
    from pyzbpf.cli import doctor

    return doctor.report()


def kernel_log() -> list[str]:
    """Every line that the kernel has said and still knows."""
    found: list[str] = []
    kmsg = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    try:
        while True:
            try:
                said = os.read(kmsg, 8192).decode(errors="replace").partition(";")[2]
            except BlockingIOError:
                return found
            except BrokenPipeError:  # that one was overwritten
                continue
            found.append(said.split("\n")[0])
    finally:
        os.close(kmsg)


def main() -> int:
    """Run what run.json says."""
    console = Console()
    with open("/suite/run.json") as file:
        asked = json.load(file)
    os.environ.update(asked["environment"])
    console.send(kind="facts", **facts())
    console.send(kind="doctor", report=doctor())
    reporter = Reporter(console)
    log = os.open("/tmp/pytest.log", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    os.dup2(log, 1)
    begin = time.monotonic()
    status = int(pytest.main(asked["arguments"], plugins=[reporter]))
    said = os.pread(log, 1 << 20, 0).decode(errors="replace") if status > 1 else ""
    console.send(
        kind="end", status=status, count=reporter.count, seconds=round(time.monotonic() - begin, 1),
        said=said[-TOO_LONG:], kernel=kernel_log(), frames=console.number + 1,
    )  # fmt: skip
    console.repeat()
    return status


if __name__ == "__main__":
    sys.exit(main())
