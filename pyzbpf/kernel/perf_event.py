"""perf_event_open(2): output buffers of perf event arrays, tracepoints, kprobes, uprobes and samples.

Layout and numbers: include/uapi/linux/perf_event.h.
"""

from __future__ import annotations

import os
import struct
import sys

from pyzbpf.errors import UnsupportedError
from pyzbpf.kernel import syscall
from pyzbpf.kernel.fd import Fd
from pyzbpf.kernel.syscall import EACCES, EINVAL, ENODEV, ENOSYS, EOPNOTSUPP, EPERM, ESRCH, failure, raw

_TYPE_HARDWARE, _TYPE_SOFTWARE, _TYPE_TRACEPOINT, _TYPE_BREAKPOINT = 0, 1, 2, 5
_COUNT_SW_BPF_OUTPUT = 10
_SAMPLE_RAW = 1 << 10
_FORMAT_LOST = 1 << 4
_FLAG_FD_CLOEXEC = 8
_INHERIT, _FREQUENCY = 1, 10  # bit fields of perf_event_attr

# struct perf_event_attr up to config2 (PERF_ATTR_SIZE_VER1, Linux 2.6.33): type, size, config, sample_period,
# sample_type, read_format, flag bits, wakeup_events, bp_type, config1, config2.
_ATTRIBUTES = struct.Struct("=IIQQQQQIIQQ")


def _attributes(
    type: int,
    config: int,
    *,
    period: int = 0,
    sample_type: int = 0,
    read_format: int = 0,
    flags: int = 0,
    wakeup: int = 0,
    breakpoint: int = 0,
    config1: int = 0,
    config2: int = 0,
) -> bytes:
    size = _ATTRIBUTES.size
    return _ATTRIBUTES.pack(
        type, size, config, period, sample_type, read_format, flags, wakeup, breakpoint, config1, config2
    )


def _flag(number: int, order: str = sys.byteorder) -> int:
    """A bit field of one bit: C counts them from the lowest bit on little-endian machines, else from the highest."""
    return 1 << (number if order == "little" else 63 - number)


def _ioctl_number(direction: int, number: int, size: int, machine: str) -> int:
    """_IOC('$', ...) of asm-generic/ioctl.h; powerpc has its own direction bits and field widths."""
    if machine.startswith("ppc"):
        return {0: 1, 1: 4}[direction] << 29 | size << 16 | ord("$") << 8 | number
    return direction << 30 | size << 16 | ord("$") << 8 | number


def _open(attributes: bytes, cpu: int, thread: int = -1) -> int:
    return raw("perf_event_open", syscall.address(attributes), thread, cpu, -1, _FLAG_FD_CLOEXEC)


def _refused(result: int, what: str) -> Exception:
    if result in (-ENOSYS, -EOPNOTSUPP):
        return UnsupportedError(
            f"perf_event_open ({what})",
            advice="The kernel was built without perf events (CONFIG_PERF_EVENTS), or a seccomp filter hides the call.",
        )
    return _failed(result, what)


def _failed(result: int, what: str) -> Exception:
    # A high kernel.perf_event_paranoid answers EACCES where other calls answer EPERM.
    errno = EPERM if result == -EACCES else result
    return failure(errno, command="perf_event_open", capability="CAP_PERFMON", detail=what)


def bpf_output(cpu: int) -> tuple[Fd | None, bool]:
    """An event that carries what programs on ``cpu`` send: (descriptor, whether `lost` can be asked).

    None where the CPU went offline. The kernel counts what it drops for each event since Linux 6.0
    (PERF_FORMAT_LOST, commit 119a784c8127); an older one refuses the bit.
    """
    what = f"output of CPU {cpu}"
    for read_format in (_FORMAT_LOST, 0):
        # Each sample wakes a reader that sleeps: sample_period and wakeup_events are 1.
        attributes = _attributes(
            _TYPE_SOFTWARE, _COUNT_SW_BPF_OUTPUT,
            period=1, sample_type=_SAMPLE_RAW, read_format=read_format, wakeup=1,
        )  # fmt: skip
        result = _open(attributes, cpu)
        if result >= 0:
            return Fd(result, f"perf event, {what}"), bool(read_format)
        if result != -EINVAL:
            break
    if result == -ENODEV:  # not online
        return None, False
    raise _refused(result, what)


def lost(fd: int) -> int:
    """How many samples did not fit into the buffer of an event made with PERF_FORMAT_LOST."""
    return int(struct.unpack("=QQ", os.read(fd, 16))[1])


def tracepoint(number: int, name: str) -> Fd:
    """An event at the tracepoint with this id, for all processes.

    One CPU is enough: a program attached to it runs for the tracepoint itself, on every CPU
    (perf_event_attach_bpf_prog puts it in the tracepoint's array of programs).
    """
    what = f"tracepoint '{name}'"
    result = _open(_attributes(_TYPE_TRACEPOINT, number), 0)
    if result < 0:
        raise _refused(result, what)
    return Fd(result, f"perf event, {what}")


_DEVICES = "/sys/bus/event_source/devices"
_SEMAPHORE = 32  # where the offset of one begins in config (PERF_UPROBE_REF_CTR_OFFSET_SHIFT)


def _device(device: str, path: str) -> int | None:
    """A number that sysfs tells of a perf device: its type, or behind a colon the first bit of a field."""
    try:
        with open(f"{_DEVICES}/{device}/{path}", encoding="ascii") as file:
            return int(file.read().rpartition(":")[2].partition("-")[0])
    except (FileNotFoundError, NotADirectoryError):
        return None


def probe(
    device: str,
    name: str,
    offset: int,
    what: str,
    *,
    on_return: bool = False,
    process: int | None = None,
    semaphore: int = 0,
) -> Fd:
    """An event at a function of the kernel (device "kprobe") or of a file (device "uprobe"; Linux 4.17).

    ``name`` is the function or the file's path, ``offset`` in bytes from its start; ``on_return`` probes the
    way out of it. ``process``: only there (uprobe; None: everywhere). ``semaphore`` is the offset in the file
    of a counter that is one higher while the event is there (uprobe; Linux 4.20, commit a6ca88b241d5).
    """
    type = _device(device, "type")
    bit = _device(device, "format/retprobe")
    if type is None or bit is None:
        mounted = os.path.isdir(_DEVICES)
        raise UnsupportedError(
            f"a {device} (this kernel has no {device} PMU: no {_DEVICES}/{device})",
            advice=f"The kernel was built without CONFIG_{device.upper()}_EVENTS=y."
            if mounted
            else f"There is no {_DEVICES}: mount sysfs at /sys, or take a kernel with CONFIG_PERF_EVENTS=y.",
        )
    if semaphore and _device(device, "format/ref_ctr_offset") is None:
        from pyzbpf.uapi import since

        raise UnsupportedError(f"a probe with a semaphore ({what})", since=since.SEMAPHORES)
    text = os.fsencode(name) + b"\0"
    config = int(on_return) << bit | semaphore << _SEMAPHORE
    attributes = _attributes(type, config, config1=syscall.address(text), config2=offset)
    result = _open(attributes, 0 if process is None else -1, -1 if process is None else process)
    if result < 0:
        raise _failed(result, what)
    return Fd(result, f"perf event, {what}")


# enum perf_type_id, enum perf_sw_ids and enum perf_hw_id, by the names that perf(1) has for them.
COUNTERS = {
    "cpu-clock": (_TYPE_SOFTWARE, 0),
    "task-clock": (_TYPE_SOFTWARE, 1),
    "page-faults": (_TYPE_SOFTWARE, 2),
    "context-switches": (_TYPE_SOFTWARE, 3),
    "cpu-migrations": (_TYPE_SOFTWARE, 4),
    "minor-faults": (_TYPE_SOFTWARE, 5),
    "major-faults": (_TYPE_SOFTWARE, 6),
    "alignment-faults": (_TYPE_SOFTWARE, 7),
    "emulation-faults": (_TYPE_SOFTWARE, 8),
    "cpu-cycles": (_TYPE_HARDWARE, 0),
    "instructions": (_TYPE_HARDWARE, 1),
    "cache-references": (_TYPE_HARDWARE, 2),
    "cache-misses": (_TYPE_HARDWARE, 3),
    "branch-instructions": (_TYPE_HARDWARE, 4),
    "branch-misses": (_TYPE_HARDWARE, 5),
    "bus-cycles": (_TYPE_HARDWARE, 6),
    "stalled-cycles-frontend": (_TYPE_HARDWARE, 7),
    "stalled-cycles-backend": (_TYPE_HARDWARE, 8),
    "ref-cycles": (_TYPE_HARDWARE, 9),
}


def sample(
    counter: str, count: int, what: str, *, by_frequency: bool, cpu: int | None, thread: int | None
) -> Fd | None:
    """An event at every ``count``-th of what a counter of COUNTERS counts, or ``count`` times a second.

    On one CPU (None: all), or in one thread and those it makes (None: all); one of the two is given. None
    where that CPU went offline or that thread ended.
    """
    type, config = COUNTERS[counter]
    flags = (_flag(_FREQUENCY) if by_frequency else 0) | (_flag(_INHERIT) if thread is not None else 0)
    attributes = _attributes(type, config, period=count, flags=flags)
    return _watch(attributes, what, cpu, thread)


def _watch(attributes: bytes, what: str, cpu: int | None, thread: int | None) -> Fd | None:
    result = _open(attributes, -1 if cpu is None else cpu, -1 if thread is None else thread)
    if result in (-ENODEV, -ESRCH):
        return None
    if result < 0:
        raise _failed(result, what)
    return Fd(result, f"perf event, {what}")


# HW_BREAKPOINT_* of include/uapi/linux/hw_breakpoint.h
ACCESSES = {"read": 1, "write": 2, "read or write": 3, "execute": 4}


def breakpoint(
    address: int, access: str, size: int, what: str, *, period: int, cpu: int | None, thread: int | None
) -> Fd | None:
    """An event at every ``period``-th access of ACCESSES to ``size`` bytes at an address; CPU and thread as `sample`'s."""
    flags = _flag(_INHERIT) if thread is not None else 0
    attributes = _attributes(
        _TYPE_BREAKPOINT, 0,
        period=period, flags=flags, breakpoint=ACCESSES[access], config1=address, config2=size,
    )  # fmt: skip
    return _watch(attributes, what, cpu, thread)


def enable(fd: int) -> None:
    """Start the event."""
    _control(fd, 0, "PERF_EVENT_IOC_ENABLE", direction=0, size=0)


def set_program(fd: int, program: int) -> None:
    """Run the program at each event (kernels before 5.15 have no link for it)."""
    _control(fd, program, "PERF_EVENT_IOC_SET_BPF", direction=1, size=4)


_NUMBERS = {"PERF_EVENT_IOC_ENABLE": 0, "PERF_EVENT_IOC_SET_BPF": 8}


def _control(fd: int, argument: int, command: str, *, direction: int, size: int) -> None:
    import fcntl

    try:
        fcntl.ioctl(fd, _ioctl_number(direction, _NUMBERS[command], size, os.uname().machine), argument)
    except OSError as error:
        errno = error.errno or 0
        raise failure(errno, command=command, capability="CAP_PERFMON") from None
