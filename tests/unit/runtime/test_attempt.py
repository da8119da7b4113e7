"""When the verifier is asked for its log, and how long a buffer it gets: kernels that say how much they had to say
(log_true_size, Linux 6.4) and those that do not.
"""

from __future__ import annotations

import pytest

from pyzbpf.kernel import commands
from pyzbpf.runtime import attempt

ENOSPC, EINVAL, EACCES = 28, 22, 13
KIB, MIB = 1 << 10, 1 << 20
FIRST, LAST = 64 * KIB, 256 * MIB


class Kernel:
    """Loads, or refuses with ``verdict``; has ``length`` bytes to say, and tells so from 6.4 on."""

    def __init__(self, verdict: int, length: int, *, tells: bool) -> None:
        self.verdict = verdict
        self.length = length
        self.tells = tells
        self.asked: list[tuple[int, int]] = []

    def prog_load(self, values, *, log=None):
        size = 0 if log is None else len(log)
        self.asked.append((values.get("log_level", 0), size))
        if log is None:
            return self.verdict, 0
        text = b"x" * self.length
        # A log that turns round keeps the end, one that stops the beginning.
        kept = text[-(size - 1) :] if self.tells else text[: size - 1]
        log[: len(kept)] = kept
        fits = self.length < size
        return (self.verdict if fits else -ENOSPC), self.length + 1 if self.tells else 0


def answer(monkeypatch, kernel: Kernel, level: int = 0) -> tuple[int, int]:
    """The verdict on a program, and how long its log is."""
    monkeypatch.setattr(commands, "prog_load", kernel.prog_load)
    verdict, log = attempt.load({}, {}, kernel.verdict, level)
    return verdict, len(log)


@pytest.mark.parametrize("tells", [True, False])
def test_a_refusal_is_asked_for_its_log(monkeypatch, tells):
    kernel = Kernel(-EACCES, 100, tells=tells)
    assert answer(monkeypatch, kernel) == (-EACCES, 100)
    assert kernel.asked == [(1, FIRST)]


def test_the_buffer_grows_step_by_step_before_6_4(monkeypatch):
    kernel = Kernel(-EACCES, 3 * MIB, tells=False)
    assert answer(monkeypatch, kernel) == (-EACCES, 3 * MIB)
    assert [size for _, size in kernel.asked] == [FIRST, 256 * KIB, MIB, 4 * MIB]


def test_the_true_size_is_taken_at_once(monkeypatch):
    kernel = Kernel(-EACCES, 3 * MIB, tells=True)
    assert answer(monkeypatch, kernel) == (-EACCES, 3 * MIB)
    assert [size for _, size in kernel.asked] == [FIRST, 4 * MIB]


def test_a_long_log_is_told_whole(monkeypatch):
    kernel = Kernel(-EACCES, 40 * MIB, tells=True)
    assert answer(monkeypatch, kernel) == (-EACCES, 40 * MIB)
    assert [size for _, size in kernel.asked] == [FIRST, 64 * MIB]


def test_a_log_beyond_all_buffers_leaves_the_verdict_and_says_what_is_lost(monkeypatch):
    kernel = Kernel(-EINVAL, LAST + 10, tells=True)
    monkeypatch.setattr(commands, "prog_load", kernel.prog_load)
    verdict, log = attempt.load({}, {}, -EINVAL, 0)
    first, _, rest = log.partition("\n")
    assert (verdict, len(rest)) == (-EINVAL, LAST - 1)
    assert first == "[11 bytes before this are lost: the largest log buffer has 256 MiB]"
    assert [size for _, size in kernel.asked] == [FIRST, LAST]


@pytest.mark.parametrize("tells", [True, False])
def test_a_log_that_was_asked_for_does_not_stop_what_loads(monkeypatch, tells):
    monkeypatch.setattr(attempt, "_LOG_SIZES", (FIRST, LAST))
    kernel = Kernel(7, LAST, tells=tells)
    monkeypatch.setattr(commands, "prog_load", kernel.prog_load)
    assert attempt.load({}, {}, 7, 2)[0] == 7
    assert kernel.asked == [(2, FIRST), (2, LAST), (0, 0)]


def test_statistics_alone_do_not_say_why(monkeypatch):
    kernel = Kernel(-EACCES, 100, tells=True)
    assert answer(monkeypatch, kernel, level=4) == (-EACCES, 100)
    assert kernel.asked == [(4, FIRST), (5, FIRST)]
