"""Programs that this command starts end with it, however it ends."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# The kernel ends the program when the thread that started it is gone, by SIGKILL, too (prctl(2),
# PR_SET_PDEATHSIG); the shell looks whether that has happened before it was asked for.
_GUARD = ("setpriv", "--pdeathsig", "KILL", "sh", "-c", 'test "$PPID" = "$0" && exec "$@"')
_PR_SET_PDEATHSIG = 1
# What ends this command: exit codes by convention, 128 and the signal's number.
SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def bound(command: Sequence[str | Path]) -> list[str]:
    """The command as one that does not outlive this process."""
    return [*_GUARD, str(os.getpid()), *map(str, command)]


def run(command: Sequence[str | Path], *, cwd: Path, environment: Mapping[str, str]) -> None:
    """Run a program to its end, or, when this is interrupted, end it and all that it has started."""
    with subprocess.Popen(bound(command), cwd=cwd, env=environment, start_new_session=True) as process:
        try:
            status = process.wait()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if status:
        raise subprocess.CalledProcessError(status, [str(part) for part in command])


def end_with_parent() -> None:
    """Let the kernel end this process when the one that has forked it is gone: for workers of a pool."""
    for number in SIGNALS:  # the parent's handlers are not for workers
        signal.signal(number, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def end_in_order() -> None:
    """Let SIGTERM and SIGHUP end this process as an exception does; what is ignored (nohup) stays so."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def _end(number: int, _: object) -> None:
    for further in SIGNALS:  # one is enough: the clean-up is not to be interrupted
        signal.signal(further, signal.SIG_IGN)
    sys.exit(128 + number)
