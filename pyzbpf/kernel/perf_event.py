"""perf_event_open(2): the per-CPU output buffers of perf event arrays, and tracepoints.

Layout and numbers: include/uapi/linux/perf_event.h.
"""

from __future__ import annotations

import os
import struct

from pyzbpf.errors import UnsupportedError
from pyzbpf.kernel.fd import Fd
from pyzbpf.kernel.syscall import EACCES, EINVAL, ENOSYS, EOPNOTSUPP, EPERM, failure, raw

_TYPE_SOFTWARE, _TYPE_TRACEPOINT = 1, 2
_COUNT_SW_BPF_OUTPUT = 10
_SAMPLE_RAW = 1 << 10
_FORMAT_LOST = 1 << 4
_FLAG_FD_CLOEXEC = 8

# struct perf_event_attr as of its first version (PERF_ATTR_SIZE_VER0): type, size, config,
# sample_period, sample_type, read_format, flag bits, wakeup_events, bp_type, config1.
_ATTRIBUTES = struct.Struct("=IIQQQQQIIQ")


def _ioctl_number(direction: int, number: int, size: int, machine: str) -> int:
    """_IOC('$', ...) of asm-generic/ioctl.h; powerpc has its own direction bits and field widths."""
    if machine.startswith("ppc"):
        return {0: 1, 1: 4}[direction] << 29 | size << 16 | ord("$") << 8 | number
    return direction << 30 | size << 16 | ord("$") << 8 | number


def _open(attributes: bytes, cpu: int) -> int:
    import ctypes  # already there: the system call needs it

    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    return raw("perf_event_open", ctypes.addressof(buffer), -1, cpu, -1, _FLAG_FD_CLOEXEC)


def _refused(result: int, what: str) -> Exception:
    if result in (-ENOSYS, -EOPNOTSUPP):
        return UnsupportedError(
            f"perf_event_open ({what})",
            advice="The kernel was built without perf events (CONFIG_PERF_EVENTS), or a seccomp filter hides the call.",
        )
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
        attributes = _ATTRIBUTES.pack(
            _TYPE_SOFTWARE, _ATTRIBUTES.size, _COUNT_SW_BPF_OUTPUT, 1, _SAMPLE_RAW, read_format, 0, 1, 0, 0
        )
        result = _open(attributes, cpu)
        if result >= 0:
            return Fd(result, f"perf event, {what}"), bool(read_format)
        if result != -EINVAL:
            break
    if result == -19:  # ENODEV: not online
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
    result = _open(_ATTRIBUTES.pack(_TYPE_TRACEPOINT, _ATTRIBUTES.size, number, 0, 0, 0, 0, 0, 0, 0), 0)
    if result < 0:
        raise _refused(result, what)
    return Fd(result, f"perf event, {what}")


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
