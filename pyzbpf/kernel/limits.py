"""What depends on the kernel's release and build.

RLIMIT_MEMLOCK, which kernels before 5.11 charge for maps and programs, and trampolines.
"""

from __future__ import annotations

import os

from pyzbpf.kernel.privilege import sysctl
from pyzbpf.uapi import since


def older(release: str, version: str) -> bool:
    """Whether a kernel of this release comes before a version such as "5.8"; False where it cannot be told."""
    numbers = release.partition("-")[0].split(".")
    try:
        return [int(number) for number in numbers[:2]] < [int(number) for number in version.split(".")]
    except ValueError:
        return False


def charges_memlock(release: str) -> bool:
    """Whether a kernel of this release counts BPF memory against RLIMIT_MEMLOCK.

    Counted by memory cgroup since Linux 5.11 (merge of "bpf: switch to memcg-based memory
    accounting"). There is nothing to ask but the release; a backport costs one needless raise.
    """
    return older(release, since.MEMORY_CGROUP)


def raise_memlock() -> bool:
    """Lift the limit, after an EPERM that it may explain; whether it is worth trying again."""
    if not charges_memlock(os.uname().release):
        return False
    import resource  # needed on old kernels only

    unlimited = resource.RLIM_INFINITY
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == unlimited:
        return False
    try:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (unlimited, unlimited))
    except (ValueError, OSError):  # no CAP_SYS_RESOURCE: then the EPERM stands
        return False
    return True


def no_jit() -> str:
    """Why what takes a JIT cannot be had, or ""."""
    jit = sysctl("net.core.bpf_jit_enable")
    if jit is None:
        return "It takes a JIT, and this kernel was built without (CONFIG_BPF_JIT)."
    return "It takes the JIT, which is off: sysctl net.core.bpf_jit_enable=1." if jit == "0" else ""


def no_trampolines() -> str:
    """Why this kernel cannot put programs in the way of its functions (fentry, fexit, LSM), or "".

    To be asked when it has refused: ENOMEM without a JIT, ENOTSUPP without direct calls of ftrace.
    """
    without = no_jit()
    if without:
        return without
    machine = os.uname().machine
    if machine == "aarch64" and older(os.uname().release, "6.4"):
        return "arm64 has it since Linux 6.4 (CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS)."
    if machine not in ("x86_64", "aarch64"):
        return f"This kernel has no trampolines on {machine} (CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS)."
    return ""
