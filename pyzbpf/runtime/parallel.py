"""The same work for many things at once, by as many threads as there are processors.

A program is verified while the interpreter's lock is given up, and processes that may load anything do not wait for
each other in the kernel (it takes a lock of its own for unprivileged ones only).
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

# Threads cost about as much as the verification of this many instructions.
_WORTH = 4000
_MOST = 8
# Pieces of work for each thread.
_PIECES = 4


def workers(sizes: Sequence[int]) -> int:
    """How many threads pay for programs of so many instructions each; 1: none beside this one."""
    if len(sizes) < 2 or sum(sizes) < _WORTH:
        return 1
    return min(len(os.sched_getaffinity(0)), len(sizes), _MOST)


def parts(things: Sequence[Any], threads: int) -> list[Sequence[Any]]:
    """The things in as many pieces as are worth it: one for one thread, else enough that none waits for long."""
    size = len(things) if threads == 1 else max(1, len(things) // (threads * _PIECES))
    return [things[start : start + size] for start in range(0, len(things), size)]


def each(
    work: Callable[[Any], Any], things: Sequence[Any], threads: int
) -> tuple[list[Any], BaseException | None]:
    """(what ``work`` gave for the things in order, the first exception in that order or None).

    After an exception no further work is begun. An interrupt counts as an exception of the thing at hand, and what
    other threads were doing is waited for, so that nothing which was made is forgotten.
    """
    results: list[Any] = [None] * len(things)
    failures: dict[int, BaseException] = {}
    queue = iter(range(len(things)))

    def take() -> None:
        for index in queue:
            if failures:
                return
            try:
                results[index] = work(things[index])
            except BaseException as error:  # noqa: BLE001 - the caller raises it
                failures[index] = error
                return

    others = _start(take, threads - 1)
    take()
    while others:
        try:
            others[-1].join()
            others.pop()
        except BaseException as error:  # noqa: BLE001, PERF203 - a signal's, while we wait
            failures.setdefault(len(things), error)
    done = [result for result in results if result is not None]
    return done, failures[min(failures)] if failures else None


def _start(take: Callable[[], None], count: int) -> list[Any]:
    if count < 1:
        return []
    import threading  # 2 ms of start-up, for those who win more

    threads = [threading.Thread(target=take, name=f"pyzbpf load {i}") for i in range(count)]
    for thread in threads:
        thread.start()
    return threads
