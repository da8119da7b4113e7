"""BPF_PROG_LOAD once more, for the verifier's log."""

from __future__ import annotations

from pyzbpf.kernel import commands, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# Sizes of the log buffer. Kernels before 5.2 refuse 16 MiB and more (UINT_MAX >> 8 in bpf_check).
_LOG_SIZES = (64 << 10, 256 << 10, 1 << 20, 4 << 20, (16 << 20) - 1, 64 << 20, 256 << 20)
_LOG_ENOUGH = (16 << 20) - 1
_REASONS = 1  # BPF_LOG_LEVEL1: the walk to what was refused


def load(
    values: Mapping[str, int | bytes], plain: Mapping[str, int | bytes], verdict: int, level: int
) -> tuple[int, str]:
    """(descriptor or negative errno, log) of a program that was refused with ``verdict``, or whose log is wanted.

    ``plain`` are the members ``values`` without those that carry function and line records. ``level`` is that of the log
    (0: the user wants none, and a log costs time, so there was none yet).
    """
    result, log = _asked(values, level) if level else _reason(values, verdict)
    if result != -syscall.E2BIG or len(plain) == len(values) or log:
        return result, log
    # Linux 4.18 and 4.19 know BTF and not yet func_info: members beyond their bpf_attr.
    if level:
        return _asked(plain, level)
    result, _ = commands.prog_load(plain)
    return (result, "") if result >= 0 else _reason(plain, result)


def _asked(values: Mapping[str, int | bytes], level: int) -> tuple[int, str]:
    verdict, log = _with_log(values, level)
    if verdict == -syscall.ENOSPC:  # more than any buffer holds; its end is kept
        verdict, _ = commands.prog_load(values)
    if verdict < 0 and not level & _REASONS:
        verdict, more = _with_log(values, level | _REASONS)  # statistics alone do not say why
        log = more or log
    return verdict, log


def _reason(values: Mapping[str, int | bytes], verdict: int) -> tuple[int, str]:
    """With a log that is too short the kernel says ENOSPC, which hides the verdict of the first time. And the program
    may pass the second time, where memory was short the first time.
    """
    again, log = _with_log(values, _REASONS)
    return again if again >= 0 else verdict, log


def _with_log(values: Mapping[str, int | bytes], level: int) -> tuple[int, str]:
    result, least, text = 0, 0, b""
    for size in _LOG_SIZES:
        if size < least:
            continue
        log = bytearray(size)
        result, wanted = commands.prog_load({**values, "log_level": level}, log=log)
        text = bytes(log.partition(b"\0")[0]) or text
        # Since Linux 6.4 the kernel says how much it had to say, and a log that is too short
        # keeps the end, where the reason is: no need for hundreds of megabytes then.
        if result != -syscall.ENOSPC or (wanted and size >= _LOG_ENOUGH):
            break
        least = min(wanted, _LOG_ENOUGH)
    return result, text.decode(errors="replace")
