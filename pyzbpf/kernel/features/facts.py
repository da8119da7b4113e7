"""The facts of the running kernel that decide what it should have."""

from __future__ import annotations

import os

from pyzbpf.errors import UnsupportedError
from pyzbpf.kernel import kconfig, limits, privilege, syscall
from pyzbpf.kernel.features import table
from pyzbpf.kernel.features.feature import Facts, Feature, expected
from pyzbpf.kernel.vmlinux import FOLDER

JIT = "net.core.bpf_jit_enable"


def running() -> Facts:
    """The facts of this machine."""
    number = kconfig.version()
    wanted = {option for group in table.GROUPS.values() for feature in group for option in feature.options}
    options, where = kconfig.options(wanted)
    return Facts(
        (number >> 16, number >> 8 & 255),
        syscall.machine(os.uname().machine, narrow=False),
        options=options if where else None,
        jit=jit(),
        btf=os.path.exists(f"{FOLDER}/vmlinux"),
    )


def jit() -> bool | None:
    """Whether programs are compiled; None where this process may not know."""
    if not os.path.exists("/proc/sys/net/core"):
        return None
    if not os.path.exists("/proc/sys/" + JIT.replace(".", "/")):
        return False
    value = privilege.sysctl(JIT)
    return None if value is None else value != "0"


def refusal(feature: Feature, what: str) -> UnsupportedError | None:
    """The error of ``what`` where the kernel says that it lacks the feature; None where it has it, or does not say."""
    if feature.answer().supported is not False:
        return None
    if limits.older(os.uname().release, feature.since):
        return UnsupportedError(what, since=feature.since)
    should = expected(feature, running())
    advice = f"This kernel: {should.reason}; {should.mend}." if should.reason else None
    return UnsupportedError(what, advice=advice)
