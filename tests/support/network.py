"""Interfaces and control groups of a test's own: made when asked for, gone when the block ends."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.support.require import missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
_CLONE_NEWNET = 0x40000000
_numbers = itertools.count()


def ip(*arguments: str) -> str:
    """What iproute2's `ip` prints; a failure is one of the test."""
    program = shutil.which("ip", path=PATH)
    if program is None:
        missing("ip", "needs the program ip: apt-get install iproute2")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
    return done.stdout


class Veth:
    """A pair of interfaces: ``name`` in this namespace with ``address``, its other end in one of its own."""

    def __init__(self, name: str, namespace: str, number: int) -> None:
        self.name = name
        self.namespace = namespace
        self.address, self.other_address = f"198.18.{number % 256}.1", f"198.18.{number % 256}.2"
        self.other_name = f"{name}p"

    @contextlib.contextmanager
    def other_side(self) -> Iterator[None]:
        """This thread in the other end's network namespace: sockets made here belong there for good."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net") as ours, open(f"/run/netns/{self.namespace}") as theirs:
            for file in (theirs, ours):
                if libc.setns(file.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
                if file is theirs:
                    try:
                        yield
                    except BaseException:
                        libc.setns(ours.fileno(), _CLONE_NEWNET)
                        raise


@contextlib.contextmanager
def veth() -> Iterator[Veth]:
    """A pair of interfaces that are up, each with an IPv4 address."""
    number = next(_numbers)
    pair = Veth(f"zb{os.getpid() % 100000}v{number % 100}", f"pyzbpf-{os.getpid()}-{number}", number)
    ip("netns", "add", pair.namespace)
    try:
        kinds = subprocess.run(
            [shutil.which("ip", path=PATH) or "ip", "link", "add", pair.name, "type", "veth",
             "peer", "name", pair.other_name, "netns", pair.namespace],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if kinds.returncode:
            missing("veth", f"needs the kernel module veth (CONFIG_VETH): {kinds.stderr.strip()}")
        try:
            ip("address", "add", f"{pair.address}/24", "dev", pair.name)
            ip("link", "set", pair.name, "up")
            ip("-n", pair.namespace, "address", "add", f"{pair.other_address}/24", "dev", pair.other_name)
            ip("-n", pair.namespace, "link", "set", pair.other_name, "up")
            ip("-n", pair.namespace, "link", "set", "lo", "up")
            yield pair
        finally:
            ip("link", "del", pair.name)
    finally:
        ip("netns", "del", pair.namespace)


def _unescaped(path: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path)


def cgroup2_mount(mounts: str | None = None) -> Path | None:
    """Where control groups of version 2 are mounted, by the mount table (hybrid systems have them aside)."""
    text = Path("/proc/self/mounts").read_text() if mounts is None else mounts
    for line in text.splitlines():
        fields = line.split()
        if fields[2] == "cgroup2":
            return Path(_unescaped(fields[1]))
    return None


@contextlib.contextmanager
def cgroup() -> Iterator[Path]:
    """An empty control group of version 2; processes that a test leaves in it go back to the root."""
    mounted, own = cgroup2_mount(), None
    libc = ctypes.CDLL(None, use_errno=True)
    if mounted is None:
        own = tempfile.mkdtemp(prefix="pyzbpf-cgroup2-")
        if libc.mount(b"cgroup2", os.fsencode(own), b"cgroup2", 0, None):
            os.rmdir(own)
            missing("cgroup2", f"needs cgroup2 in the kernel: {os.strerror(ctypes.get_errno())}")
        mounted = Path(own)
    group = mounted / f"pyzbpf-{os.getpid()}-{next(_numbers)}"
    try:
        group.mkdir()
        try:
            yield group
        finally:
            for process in (group / "cgroup.procs").read_text().split():
                (mounted / "cgroup.procs").write_text(process)
            group.rmdir()
    finally:
        if own is not None:
            libc.umount2(os.fsencode(own), 2)
            os.rmdir(own)
