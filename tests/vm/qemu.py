"""Boots a kernel with an initramfs in QEMU and reads its console to the end."""

from __future__ import annotations

import os
import platform
import re
import select
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from tests.vm import cache, processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO


class Machine(NamedTuple):
    """How QEMU is an architecture."""

    program: str
    package: str  # Debian's, that has it
    native: str  # `uname -m` of a machine that KVM could use
    options: tuple[str, ...]
    console: str
    processor: str = "max"  # where it is emulated
    command_line: str = ""  # for its kernel


_SERIAL = ("-serial", "stdio")
MACHINES = {
    "amd64": Machine(
        "qemu-system-x86_64", "qemu-system-x86", "x86_64", ("-machine", "q35", *_SERIAL), "ttyS0",
        # QEMU 7.2 leaves chance flags behind cmpxchg16b, and the kernel's allocator dies of them. Without it
        # kmalloc_nolock() of Linux 6.18 takes nothing but from caches that are debugged, and arenas and
        # task storage are ENOMEM.
        "max,-cx16",
        # A busy host gives the emulated timer no turn while the kernel checks it: "IO-APIC + timer doesn't work", a panic.
        "slab_debug=F,kmalloc-* no_timer_check",
    ),
    "arm64": Machine(
        "qemu-system-aarch64", "qemu-system-arm", "aarch64", ("-machine", "virt", *_SERIAL), "ttyAMA0",
        # Every function of the kernel signs its return address; by the architecture's own cipher (QARMA) QEMU takes
        # several times as long for all that the kernel does.
        "max,pauth-impdef=on",
    ),
    "s390x": Machine(
        "qemu-system-s390x", "qemu-system-misc", "s390x",
        ("-machine", "s390-ccw-virtio", "-chardev", "stdio,id=c0", "-device", "sclpconsole,chardev=c0"),
        "ttysclp0",
        # QEMU 7.2 adds up wrongly where Linux 6.9 and newer use vectors (csum_partial): what the kernel answers by
        # itself, as resets of TCP and neighbours of IPv6, has a wrong checksum and is dropped.
        "max,vx=off",
    ),
}  # fmt: skip
# An oops is the end, and is seen as one. The LSM of BPF is on wherever it is built in.
# Warnings go to the console (loglevel 5); the whole log is looked through at the end, so that none of it may be
# overwritten.
COMMAND_LINE = (
    "rdinit=/init loglevel=5 oops=panic panic=-1 lsm=capability,bpf random.trust_cpu=on log_buf_len=4M"
)
MEMORY = 1536  # MiB


class Boot(NamedTuple):
    """What came of it; ``ended`` says why QEMU was ended by us."""

    console: bytes
    seconds: float
    ended: str


def missing(architectures: Sequence[str]) -> list[str]:
    """Debian's packages that lack here for booting these architectures."""
    needed = {MACHINES[name].package for name in architectures if not shutil.which(MACHINES[name].program)}
    if "amd64" in architectures and not Path("/usr/share/seabios/bios-256k.bin").exists():
        needed.add("seabios")
    return sorted(needed)


def boot(
    architecture: str,
    kernel: Path,
    archives: Sequence[Path],
    *,
    accelerator: str = "tcg",
    timeout: float,
    silence: float,
    log: Path | None = None,
    stop: threading.Event | None = None,
    command_line: str = "",
) -> Boot:
    """Boot and wait until the guest is off.

    ``archives`` are its initramfs, one laid over the other. It is ended after ``timeout`` seconds, or
    when nothing was said for ``silence`` seconds. The console goes into the file ``log`` while it speaks. ``stop``, when it is set, ends it at once.
    """
    machine = MACHINES[architecture]
    # Without a name, so that nothing of it can stay; beside the cache, for there is room.
    with tempfile.TemporaryFile(dir=cache.folder()) as whole:
        for path in archives:
            with path.open("rb") as part:
                shutil.copyfileobj(part, whole, 1 << 20)
        whole.flush()
        command = [
            machine.program, *machine.options, "-accel", accelerator,
            "-cpu", "host" if accelerator == "kvm" else machine.processor, "-smp", "1", "-m", str(MEMORY),
            "-display", "none", "-monitor", "none", "-nodefaults", "-no-reboot",
            "-kernel", str(kernel), "-initrd", f"/dev/fd/{whole.fileno()}",
            "-append", " ".join(
                f"console={machine.console} {COMMAND_LINE} {machine.command_line} {command_line}".split()
            ),
        ]  # fmt: skip
        with (
            (log or Path(os.devnull)).open("wb", buffering=0) as file,
            subprocess.Popen(
                processes.bound(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, pass_fds=(whole.fileno(),),
            ) as process,
        ):  # fmt: skip
            return _watch(process, timeout, silence, file, stop or threading.Event())


def _watch(
    process: subprocess.Popen[bytes], timeout: float, silence: float, log: BinaryIO, stop: threading.Event
) -> Boot:
    begin = last = time.monotonic()
    console, ended = bytearray(), ""
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    try:
        while True:
            now = time.monotonic()
            limits = ((begin + timeout, f"the guest has run for {timeout:.0f} s"),
                      (last + silence, f"the guest has said nothing for {silence:.0f} s"))  # fmt: skip
            until, ended = (now, "the guest was stopped") if stop.is_set() else min(limits)
            if now >= until:
                break
            if not select.select([descriptor], [], [], min(1, until - now))[0]:
                continue
            data = os.read(descriptor, 1 << 16)
            if not data:  # it is off
                process.wait(60)
                ended = ""
                break
            console += data
            log.write(data)
            last = time.monotonic()
    finally:
        process.kill()
    status = process.wait()
    if not ended and status:
        ended = f"QEMU ended with status {status}"
    return Boot(bytes(console), time.monotonic() - begin, ended)


def accelerator(architecture: str, kernel: Path, archives: Sequence[Path]) -> str:
    """``kvm`` where a trial boot with it has worked on this machine, else ``tcg``.

    That /dev/kvm opens says nothing: kernels hang under some that open. The answer is kept for the
    machine's kernel and the version of QEMU.
    """
    if platform.machine() != MACHINES[architecture].native or not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    said = subprocess.run(
        [MACHINES[architecture].program, "--version"], capture_output=True, text=True, check=True
    )
    version = re.sub(r"\W+", "-", said.stdout.partition("\n")[0]).strip("-")

    def trial(half: Path) -> None:
        done = boot(
            architecture, kernel, archives, accelerator="kvm", timeout=30, silence=30,
            command_line="pyzbpf_trial",
        )  # fmt: skip
        worked = not done.ended and b"init: the trial has worked" in done.console
        (half / "answer").write_text("kvm" if worked else "tcg")

    key = f"accelerator/{architecture}-{platform.release()}-{version}"
    return (cache.kept(key, trial) / "answer").read_text()
