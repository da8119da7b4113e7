"""Skips for what the running kernel lacks, each with the feature and the first kernel that has it."""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from pathlib import Path

import pytest

from pyzbpf.errors import Error, PrivilegeError, UnsupportedError
from pyzbpf.kernel import limits
from pyzbpf.maps import open as map_open
from pyzbpf.uapi import since as uapi_since

RELEASE = os.uname().release


def since(version: str, feature: str) -> None:
    """Skip on kernels before ``version``."""
    if limits.older(RELEASE, version):
        pytest.skip(f"{feature} needs Linux {version}, this is {RELEASE}")


def is_older(version: str) -> bool:
    """Whether the running kernel comes before ``version``."""
    return limits.older(RELEASE, version)


def has_types() -> bool:
    """Whether the kernel carries types of its own."""
    return os.path.exists("/sys/kernel/btf/vmlinux")


def needs_types() -> None:
    """Skip where the kernel carries no types of its own."""
    if not has_types():
        pytest.skip("this kernel has no BTF (/sys/kernel/btf/vmlinux); CONFIG_DEBUG_INFO_BTF=y brings it")


def has_jit() -> bool:
    """Whether programs are compiled for the machine: kernels without the compiler have no such file."""
    path = Path("/proc/sys/net/core/bpf_jit_enable")
    return path.exists() and path.read_text().strip() != "0"


def needs_jit(feature: str) -> None:
    """Skip where programs are interpreted."""
    if not has_jit():
        pytest.skip(f"{feature} needs the JIT compiler: CONFIG_BPF_JIT=y, net.core.bpf_jit_enable=1")


def needs_kprobes() -> None:
    """Skip where the kernel was built without kprobes, as the host of a micro-VM is."""
    if not os.path.exists("/sys/bus/event_source/devices/kprobe/type"):
        pytest.skip("this kernel has no kprobe PMU; run in the virtual machines (python -m tests.vm)")


def needs_to_know_the_machine() -> None:
    """Skip where registers cannot be read: which little-endian machine it is, the kernel's types say."""
    if sys.byteorder == "little":
        needs_types()


def no_trampolines(error: Error) -> str:
    """Why a kernel refuses fentry, fexit and LSM programs whoever loads them, or "" where it should not."""
    if isinstance(error, PrivilegeError) and "although this process has" in str(error):
        return f"this system's policy refuses it; run in the virtual machines (python -m tests.vm): {error}"
    reason = limits.no_trampolines() if isinstance(error, UnsupportedError) else ""
    return f"no trampolines, which fentry, LSM and their kin take: {reason}" if reason else ""


def needs_bpf_security_module() -> None:
    """Skip where hooks of LSM are never called: the list is in securityfs, which is mounted for the moment."""
    libc = ctypes.CDLL(None, use_errno=True)
    with tempfile.TemporaryDirectory(prefix="pyzbpf-securityfs-") as folder:
        if libc.mount(b"securityfs", os.fsencode(folder), b"securityfs", 0, None):
            pytest.skip("needs securityfs, and the right to mount it (CONFIG_SECURITYFS)")
        try:
            with open(f"{folder}/lsm") as file:
                modules = file.read().split(",")
        finally:
            libc.umount2(os.fsencode(folder), 2)
    if "bpf" not in modules:
        pytest.skip(
            f"needs the security module bpf (CONFIG_BPF_LSM=y, which takes the JIT compiler); boot with lsm={','.join([*modules, 'bpf'])}"
        )


def has_map(type_: int) -> bool:
    """Whether the kernel is new enough for maps of this type."""
    return not is_older(uapi_since.MAPS[type_])


def needs_map(type_: int) -> None:
    """Skip where the kernel is too old for maps of this type."""
    since(uapi_since.MAPS[type_], map_open.type_name(type_))
