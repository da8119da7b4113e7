"""Work in several threads: order, the first failure, nothing forgotten."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from pyzbpf.runtime import parallel

PATIENCE = 30


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_are_in_order(threads):
    assert parallel.each(lambda n: n * n, range(1, 200), threads) == ([n * n for n in range(1, 200)], None)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_first_failure_counts_and_what_was_done_is_known(threads):
    begun = []

    def work(number):
        begun.append(number)
        if number in (7, 8, 9):
            if number == 7:
                time.sleep(0.05)  # the later ones fail earlier
            raise ValueError(number)
        return number

    done, failure = parallel.each(work, range(1, 1000), threads)
    assert isinstance(failure, ValueError)
    assert failure.args == (7,)
    assert sorted(done) == [number for number in sorted(begun) if number not in (7, 8, 9)]
    assert max(begun) < 1000 - 1


def test_an_interrupt_waits_for_the_other_threads():
    busy, go = threading.Event(), threading.Event()

    def work(number):
        if threading.current_thread() is threading.main_thread():
            busy.wait(PATIENCE)
            threading.Timer(0.05, go.set).start()
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(PATIENCE)
        busy.set()
        go.wait(PATIENCE)
        return number

    done, failure = parallel.each(work, [1, 2], 2)
    assert isinstance(failure, KeyboardInterrupt)
    assert len(done) == 1


def test_threads_are_for_much_work():
    assert parallel.workers([10_000_000]) == 1
    assert parallel.workers([10, 10]) == 1
    assert parallel.workers([3000] * 100) == min(8, len(os.sched_getaffinity(0)))
