"""What privilege a refused call wanted, and what this process has: the text of a PrivilegeError."""

from __future__ import annotations

import os

from pyzbpf.errors import PrivilegeError
from pyzbpf.uapi import enums as e

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# Bit numbers of include/uapi/linux/capability.h.
CAPABILITIES = {
    "CAP_NET_ADMIN": 12,
    "CAP_NET_RAW": 13,
    "CAP_IPC_LOCK": 14,
    "CAP_SYS_ADMIN": 21,
    "CAP_SYS_RESOURCE": 24,
    "CAP_PERFMON": 38,
    "CAP_BPF": 39,
}

_TRACING = frozenset((
    e.BPF_PROG_TYPE_KPROBE,
    e.BPF_PROG_TYPE_TRACEPOINT,
    e.BPF_PROG_TYPE_PERF_EVENT,
    e.BPF_PROG_TYPE_RAW_TRACEPOINT,
    e.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE,
    e.BPF_PROG_TYPE_TRACING,
    e.BPF_PROG_TYPE_STRUCT_OPS,
    e.BPF_PROG_TYPE_EXT,
    e.BPF_PROG_TYPE_LSM,
))  # fmt: skip
_PLAIN = frozenset((e.BPF_PROG_TYPE_SOCKET_FILTER, e.BPF_PROG_TYPE_CGROUP_SKB))


def to_load(program_type: int) -> str:
    """What loading a program of the type needs (bpf_prog_load in kernel/bpf/syscall.c)."""
    if program_type in _TRACING:
        return "CAP_BPF and CAP_PERFMON"
    return "CAP_BPF" if program_type in _PLAIN else "CAP_BPF and CAP_NET_ADMIN"


def to_load_all(program_types: Iterable[int]) -> str:
    """What loading programs of these types needs in all."""
    wanted = {"CAP_BPF": None}  # maps and type information take it, too
    for program_type in program_types:
        wanted.update(dict.fromkeys(to_load(program_type).split(" and ")))
    return " and ".join(wanted)


def effective() -> int | None:
    """The effective capabilities of this process as a bit mask; None where they cannot be read."""
    try:
        # Bytes: a codec would be imported, which a process that has just given up its rights may not read.
        with open("/proc/self/status", "rb") as status:
            for line in status:
                if line.startswith(b"CapEff:"):
                    return int(line.split()[1], 16)
    except OSError:
        pass
    return None


def missing(wanted: str, held: int | None) -> list[str]:
    """Those of the capabilities in ``wanted`` (joined by " and ") that the mask lacks.

    CAP_SYS_ADMIN contains CAP_BPF and CAP_PERFMON, which were split from it in Linux 5.8.
    """
    if held is None:
        return wanted.split(" and ")
    admin = held >> CAPABILITIES["CAP_SYS_ADMIN"] & 1
    split = ("CAP_BPF", "CAP_PERFMON")
    return [
        name
        for name in wanted.split(" and ")
        if not held >> CAPABILITIES[name] & 1 and not (admin and name in split)
    ]


def sysctl(name: str) -> str | None:
    """The value of a sysctl such as ``kernel.unprivileged_bpf_disabled``; None where there is none."""
    try:
        with open("/proc/sys/" + name.replace(".", "/"), "rb") as file:
            return file.read().strip().decode()
    except OSError:
        return None


def refusal(command: str, capability: str, detail: str = "") -> PrivilegeError:
    """The error for a ``command`` that ended with EPERM (or EACCES) and needs ``capability``."""
    what = f"{command} ({detail})" if detail else command
    lacking = missing(capability, effective())
    if lacking:
        text = f"{what}: not permitted; it needs {capability}, or root. This process lacks {' and '.join(lacking)}"
        if os.geteuid() == 0:
            text += ": it is root in a container or user namespace; grant the capability to the container"
        else:
            text += ": run it with sudo, or grant it (setcap, AmbientCapabilities= of systemd)"
        disabled = sysctl("kernel.unprivileged_bpf_disabled") if "CAP_BPF" in lacking else None
        if disabled not in (None, "0"):
            text += f"; kernel.unprivileged_bpf_disabled is {disabled}, so there is no way without it"
        return PrivilegeError(text, capability=capability)
    from pyzbpf.kernel import limits  # which reads sysctls through this file

    reasons = [
        "kernel lockdown (/sys/kernel/security/lockdown)",
        "a security module",
        "a seccomp filter of the container",
    ]
    if limits.charges_memlock(os.uname().release):
        reasons.append("RLIMIT_MEMLOCK (ulimit -l), which counts the memory of BPF before Linux 5.11")
    return PrivilegeError(
        f"{what}: not permitted although this process has {capability}. A policy of this system refuses: "
        f"{', '.join(reasons[:-1])} or {reasons[-1]}",
        capability=capability,
    )
