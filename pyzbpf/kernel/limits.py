"""What depends on the kernel's release: RLIMIT_MEMLOCK, which kernels before 5.11 charge for maps and programs."""

from __future__ import annotations

import os

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
