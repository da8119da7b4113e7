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


def asked(name: str, values: Mapping[str, int | bytes], level: int) -> tuple[int, str]:
    """(descriptor or negative errno, log) with the log that the user wants, and a reason in it after a refusal."""
    verdict, log = _with_log(name, values, level)
    if verdict < 0 and not level & _REASONS:
        verdict, more = _with_log(name, values, level | _REASONS)  # statistics alone do not say why
        log = more or log
    return verdict, log


def reason(name: str, values: Mapping[str, int | bytes], verdict: int) -> tuple[int, str]:
    """(descriptor or negative errno, log) of a program that was refused without a log, which costs time.

    With a log that is too short the kernel says ENOSPC, which hides the ``verdict`` of the first time. And the program
    may pass the second time, where memory was short the first time.
    """
    again, log = _with_log(name, values, _REASONS)
    return again if again >= 0 else verdict, log


def _with_log(name: str, values: Mapping[str, int | bytes], level: int) -> tuple[int, str]:
    result, least, text = 0, 0, b""
    for size in _LOG_SIZES:
        if size < least:
            continue
        log = bytearray(size)
        result, wanted = commands.prog_load(name, {**values, "log_level": level}, log=log)
        text = bytes(log.partition(b"\0")[0]) or text
        # Since Linux 6.4 the kernel says how much it had to say, and a log that is too short
        # keeps the end, where the reason is: no need for hundreds of megabytes then.
        if result != -syscall.ENOSPC or (wanted and size >= _LOG_ENOUGH):
            break
        least = min(wanted, _LOG_ENOUGH)
    return result, text.decode(errors="replace")
