"""A control group of a test's own, and a mount of cgroup2 where there is none."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile

import pytest

from pyzbpf.kernel import cgroup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def mounted() -> Iterator[str]:
    """Where cgroup2 is mounted."""
    found = cgroup.mount_point()
    if found is not None:
        yield found
        return
    with tempfile.TemporaryDirectory(prefix="pyzbpf-cgroup2-") as folder:
        done = subprocess.run(["mount", "-t", "cgroup2", "none", folder], check=False, capture_output=True)
        if done.returncode:
            pytest.skip(f"needs cgroup2 (CONFIG_CGROUPS) and the right to mount it: {done.stderr.decode()}")
        try:
            yield folder
        finally:
            subprocess.run(["umount", folder], check=True)


@contextlib.contextmanager
def own() -> Iterator[str]:
    """A new cgroup without processes; those that joined it meanwhile must have ended."""
    with mounted() as top:
        folder = f"{top}/pyzbpf-test-{os.getpid()}"
        os.mkdir(folder)
        try:
            yield folder
        finally:
            os.rmdir(folder)


def run_in(folder: str, work) -> int:
    """Do ``work()`` in a child process of that cgroup; its exit status (0: it returned)."""
    child = os.fork()
    if not child:  # pragma: no cover - another process
        status = 1
        try:
            with open(f"{folder}/cgroup.procs", "w") as file:
                file.write(str(os.getpid()))
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
