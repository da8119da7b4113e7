"""BPF_PROG_LOAD once more, for the verifier's log."""

from __future__ import annotations

from pyzbpf.kernel import commands, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# Sizes of the log buffer. Kernels before 5.2 refuse 16 MiB and more (UINT_MAX >> 8 in bpf_check).
_LOG_SIZES = (64 << 10, 256 << 10, 1 << 20, 4 << 20, (16 << 20) - 1, 64 << 20, 256 << 20)
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
    result, wanted, size, text = 0, 0, 0, b""
    for size in _LOG_SIZES:
        if size < min(wanted, _LOG_SIZES[-1]):
            continue
        log = bytearray(size)
        # Since Linux 6.4 the kernel says how much it had to say, the final zero included.
        result, wanted = commands.prog_load({**values, "log_level": level}, log=log)
        text = bytes(log.partition(b"\0")[0]) or text
        if result != -syscall.ENOSPC:
            break
    return result, _told_whole(text.decode(errors="replace"), result, wanted - size)


def _told_whole(text: str, result: int, left: int) -> str:
    """The log, which says of itself what no buffer held: since Linux 6.4 its beginning, before that its end."""
    if result != -syscall.ENOSPC:
        return text
    most = f"the largest log buffer has {_LOG_SIZES[-1] >> 20} MiB"
    return (
        f"[{left} bytes before this are lost: {most}]\n{text}" if left > 0 else f"{text}\n[cut off: {most}]"
    )
