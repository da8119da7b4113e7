"""What else the interface to the kernel can do: commands of bpf(2), and how it counts memory and reports."""

from __future__ import annotations

import os
from errno import EBADF, EFAULT, ENXIO, EPROTO

from pyzbpf.errors import Error
from pyzbpf.kernel import commands, kallsyms, syscall
from pyzbpf.kernel.features import ask
from pyzbpf.kernel.features.code import helper
from pyzbpf.kernel.features.feature import Answer, Feature
from pyzbpf.uapi import attrs, since
from pyzbpf.uapi import enums as e

_NOBODY = 0xFFFFFFFF  # no descriptor has this number
_COARSE_TIME = 160  # helper ktime_get_coarse_ns, of the same release as memory counted by cgroup
_COMMON = 1 << 16  # BPF_COMMON_ATTRS
_UPROBE = 336  # uprobe(2) of x86_64

# Beginnings of the names of system calls behind wrappers, by uname(2)'s machine (CONFIG_ARCH_HAS_SYSCALL_WRAPPER).
WRAPPERS = {
    "x86_64": "x64", "i386": "ia32", "aarch64": "arm64", "arm": "arm", "s390x": "s390x", "riscv64": "riscv",
    "ppc64le": "powerpc", "ppc64": "powerpc",
}  # fmt: skip


def _statistics() -> Answer:
    made = commands.request(e.BPF_ENABLE_STATS, attrs.ENABLE_STATS, {"type": e.BPF_STATS_RUN_TIME})
    return ask.verdict(made, "CAP_SYS_ADMIN")


def _streams() -> Answer:
    values: dict[str, int | bytes] = {"prog_fd": _NOBODY, "stream_id": e.BPF_STREAM_STDERR}
    read = commands.request(e.BPF_PROG_STREAM_READ_BY_FD, attrs.PROG_STREAM_READ, values)
    return ask.verdict(read, "CAP_BPF", yes=(EBADF,))


def _token() -> Answer:
    """With a descriptor that is none: EBADF, before any privilege is asked for."""
    made = commands.request(e.BPF_TOKEN_CREATE, attrs.TOKEN_CREATE, {"bpffs_fd": _NOBODY})
    return ask.verdict(made, "CAP_BPF", yes=(EBADF,))


def _log_size() -> Answer:
    """A log of which the kernel says how long it is."""
    log = bytearray(4096)
    code, license = ask.RETURN, b"GPL\0"
    values: dict[str, int | bytes] = {
        "prog_type": e.BPF_PROG_TYPE_SOCKET_FILTER,
        "insn_cnt": len(code) // 8,
        "insns": syscall.address(code),
        "license": syscall.address(license),
    }
    result, size = commands.prog_load(values, log=log)
    if result < 0:
        return ask.refusal(result, "CAP_BPF")
    os.close(result)
    return Answer(bool(size), "" if size else "log_true_size stays 0")


def _common() -> Answer:
    """Common attributes at the address 0: EFAULT. Older kernels know no such command."""
    attributes = bytearray(attrs.PROG_LOAD["prog_token_fd"][0] + 4)
    command = e.BPF_PROG_LOAD | _COMMON
    result = syscall.raw("bpf", command, syscall.address(attributes), len(attributes), 0, 16)
    return ask.verdict(result, "CAP_BPF", yes=(EFAULT,))


def _uprobe_call() -> Answer:
    """Called from anywhere but the kernel's own trampoline it says ENXIO, and EPROTO in Linux 7.2."""
    if os.uname().machine != "x86_64":
        return Answer(False, "a system call of x86_64")
    return ask.verdict(syscall.numbered(_UPROBE), "CAP_PERFMON", yes=(ENXIO, EPROTO))


def _wrapper() -> Answer:
    prefix = WRAPPERS.get(syscall.machine(os.uname().machine, narrow=False))
    if prefix is None:
        return Answer(False, "not on this machine")
    name = f"__{prefix}_sys_bpf"
    try:
        return Answer(True) if kallsyms.has(name) else Answer(False, f"the kernel has no symbol {name}")
    except Error as error:
        return Answer(None, str(error))


SYSCALL_WRAPPER = Feature(
    "wrapped system calls",
    since.SYSCALL_WRAPPER,
    _wrapper,
    purpose="where ksyscall looks for a call's arguments",
    options=("CONFIG_ARCH_HAS_SYSCALL_WRAPPER", "CONFIG_KALLSYMS"),
    machines={"aarch64": "4.19", "s390x": "5.0", "ppc64le": "6.1", "ppc64": "6.1", "riscv64": "6.6"},
)
MEMORY_CGROUP = Feature(
    "memory counted by cgroup",
    since.MEMORY_CGROUP,
    helper,
    (_COARSE_TIME,),
    purpose="no RLIMIT_MEMLOCK for maps and programs",
    workaround="the limit is lifted when the kernel refuses for it",
)
FEATURES = (
    MEMORY_CGROUP,
    SYSCALL_WRAPPER,
    Feature("statistics", since.STATISTICS, _statistics, purpose="run time of programs (BPF_ENABLE_STATS)"),
    Feature("true size of the log", since.LOG_TRUE_SIZE, _log_size, purpose="long verifier logs"),
    Feature("token", since.TOKENS, _token, purpose="BPF in user namespaces (BPF_TOKEN_CREATE)"),
    Feature("streams", since.STREAMS, _streams, purpose="what programs print for their owner"),
    Feature(
        "uprobe call",
        since.UPROBE_CALL,
        _uprobe_call,
        purpose="cheap uprobes and USDT",
        options=("CONFIG_UPROBES",),
        machines=dict.fromkeys(("aarch64", "arm", "i386", "ppc64", "ppc64le", "riscv64", "s390x")),
    ),
    Feature("common attributes", since.COMMON_ATTRIBUTES, _common, purpose="a log for every command"),
)
