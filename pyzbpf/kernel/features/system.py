"""What BPF wants of the system around the kernel: privileges, mounts, switches; and how to mend what is missing."""

from __future__ import annotations

import os

from pyzbpf.kernel import kconfig, privilege, vmlinux
from pyzbpf.kernel.features.facts import JIT, jit
from pyzbpf.kernel.features.feature import Answer
from pyzbpf.kernel.limits import charges_memlock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LOCKDOWN = "/sys/kernel/security/lockdown"
LSM = "/sys/kernel/security/lsm"
MOUNTS = "/proc/self/mounts"

_SECURITYFS = "; mount -t securityfs securityfs /sys/kernel/security"
GRANT = "run as root (sudo), or grant it: setcap, AmbientCapabilities= of systemd, --cap-add of a container"


class Check:
    """A fact of the system: ``probe()`` says whether it is as it should be, ``mend`` what to do where it is not."""

    __slots__ = ("mend", "name", "probe", "purpose")

    def __init__(self, name: str, probe: Callable[[], Answer], *, purpose: str = "", mend: str = "") -> None:
        self.name = name
        self.probe = probe
        self.purpose = purpose
        self.mend = mend


def _text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return None


def _capability(name: str) -> Answer:
    held = privilege.effective()
    if held is None:
        return Answer(None, "/proc/self/status cannot be read")
    return Answer(not privilege.missing(name, held))


def _chosen(text: str) -> str:
    """The word in brackets: "none" of "[none] integrity confidentiality"."""
    return text.partition("[")[2].partition("]")[0] or text


def _lockdown() -> Answer:
    text = _text(LOCKDOWN)
    if text is None:
        mounted = os.path.isdir(os.path.dirname(LOCKDOWN)) and bool(os.listdir(os.path.dirname(LOCKDOWN)))
        return (
            Answer(True, "no lockdown in this kernel")
            if mounted
            else Answer(None, f"{LOCKDOWN} cannot be read{_SECURITYFS}")
        )
    return Answer(_chosen(text) != "confidentiality", _chosen(text))


def _sysctl(name: str, good: Callable[[int], bool]) -> Answer:
    value = privilege.sysctl(name)
    if value is None:
        return Answer(None, "there is none, or it may not be read")
    return Answer(good(int(value)), value)


def _paranoid() -> Answer:
    """Above 2 nobody opens perf events without the capability."""
    answer = _sysctl("kernel.perf_event_paranoid", lambda value: value <= 2)
    if answer.supported is False and not privilege.missing("CAP_PERFMON", privilege.effective()):
        return Answer(True, f"{answer.reason}, which CAP_PERFMON passes over")
    return answer


def _memlock() -> Answer:
    if not charges_memlock(os.uname().release):
        return Answer(True, "not counted by this kernel")
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if resource.RLIM_INFINITY in (soft, hard) or not privilege.missing(
        "CAP_SYS_RESOURCE", privilege.effective()
    ):
        return Answer(True, "unlimited" if soft == resource.RLIM_INFINITY else "lifted when needed")
    return Answer(False, f"{soft >> 10} KiB")


def _mount(kind: str) -> Answer:
    """Where a filesystem of the kind is mounted for this process."""
    text = _text(MOUNTS)
    if text is None:
        return Answer(None, f"{MOUNTS} cannot be read")
    places = [
        line.split()[1] for line in text.splitlines() if len(line.split()) > 2 and line.split()[2] == kind
    ]
    return Answer(True, ", ".join(sorted(places))) if places else Answer(False, "not mounted")


def _types() -> Answer:
    path = f"{vmlinux.FOLDER}/vmlinux"
    try:
        with open(path, "rb") as file:
            return Answer(file.read(2) in (b"\x9f\xeb", b"\xeb\x9f"), path)
    except FileNotFoundError:
        return Answer(False, f"there is no {path}")
    except OSError as error:
        return Answer(None, f"{path}: {os.strerror(error.errno or 0)}")


def _configuration() -> Answer:
    path = next((path for path in kconfig.places() if os.access(path, os.R_OK)), "")
    return Answer(True, path) if path else Answer(False, f"neither {' nor '.join(kconfig.places())}")


def _compiled() -> Answer:
    on = jit()
    value = privilege.sysctl(JIT)
    return (
        Answer(on, "" if value is None else f"{JIT} is {value}")
        if on is not None
        else Answer(None, f"{JIT} may not be read")
    )


def _security_modules() -> Answer:
    text = _text(LSM)
    if text is None:
        return Answer(None, f"{LSM} cannot be read{_SECURITYFS}")
    return Answer("bpf" in text.split(","), text)


GROUPS = {
    "privileges": (
        Check(
            "CAP_BPF", lambda: _capability("CAP_BPF"), purpose="maps, programs, type information", mend=GRANT
        ),
        Check("CAP_PERFMON", lambda: _capability("CAP_PERFMON"), purpose="tracing", mend=GRANT),
        Check("CAP_NET_ADMIN", lambda: _capability("CAP_NET_ADMIN"), purpose="XDP, tc, cgroups", mend=GRANT),
        Check("CAP_NET_RAW", lambda: _capability("CAP_NET_RAW"), purpose="socket filters", mend=GRANT),
        Check(
            "CAP_SYS_ADMIN",
            lambda: _capability("CAP_SYS_ADMIN"),
            purpose="ids of foreign programs and maps; CAP_BPF and CAP_PERFMON before Linux 5.8",
            mend=GRANT,
        ),
        Check(
            "lockdown",
            _lockdown,
            purpose="reading the kernel's memory",
            mend="boot without lockdown=confidentiality",
        ),
        Check(
            "kernel.unprivileged_bpf_disabled",
            lambda: _sysctl("kernel.unprivileged_bpf_disabled", lambda value: value > 0),
            purpose="keeps BPF from users without CAP_BPF",
            mend="sysctl -w kernel.unprivileged_bpf_disabled=1 (safer; pyzbpf does not need it)",
        ),
        Check(
            "kernel.perf_event_paranoid",
            _paranoid,
            purpose="perf events without CAP_PERFMON",
            mend="sysctl -w kernel.perf_event_paranoid=2, or CAP_PERFMON",
        ),
        Check(
            "kernel.kptr_restrict",
            lambda: _sysctl("kernel.kptr_restrict", lambda value: value < 2),
            purpose="addresses of the kernel's symbols",
            mend="sysctl -w kernel.kptr_restrict=1",
        ),
        Check(
            "RLIMIT_MEMLOCK",
            _memlock,
            purpose="memory for maps and programs before Linux 5.11",
            mend="ulimit -l unlimited (LimitMEMLOCK=infinity of systemd)",
        ),
    ),
    "system": (
        Check(
            "tracefs",
            lambda: _mount("tracefs"),
            purpose="tracepoints",
            mend="mount -t tracefs tracefs /sys/kernel/tracing (pyzbpf opens it without, from Linux 5.2 on)",
        ),
        Check(
            "bpffs",
            lambda: _mount("bpf"),
            purpose="pinned maps, programs and links",
            mend="mount -t bpf bpf /sys/fs/bpf",
        ),
        Check(
            "cgroup2",
            lambda: _mount("cgroup2"),
            purpose="cgroup programs",
            mend="mount -t cgroup2 cgroup2 /sys/fs/cgroup",
        ),
        Check(
            "JIT compiler",
            _compiled,
            purpose="speed; fentry, LSM and kfuncs need it",
            mend="sysctl -w net.core.bpf_jit_enable=1 (a kernel built with CONFIG_BPF_JIT=y)",
        ),
        Check(
            "kernel types (BTF)",
            _types,
            purpose="CO-RE, fentry, tp_btf, kfuncs",
            mend='take a kernel built with CONFIG_DEBUG_INFO_BTF=y, or give a file: spec.load(btf="…")',
        ),
        Check(
            "kernel configuration",
            _configuration,
            purpose=".kconfig; and what this report expects of the kernel",
            mend="take a kernel built with CONFIG_IKCONFIG_PROC=y (modprobe configs), or put its config into /boot",
        ),
        Check(
            "bpf in the list of LSMs",
            _security_modules,
            purpose="lsm programs that run",
            mend="boot with lsm=…,bpf: the list above with bpf at its end",
        ),
    ),
}
