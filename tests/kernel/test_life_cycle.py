"""Who owns what, and what becomes of it: forgotten links, threads, attachments that fail half-way."""

from __future__ import annotations

import contextlib
import gc
import os
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from pyzbpf.errors import NotFoundError
from pyzbpf.kernel import fd
from pyzbpf.links import usdt
from tests.kernel.test_uprobe import LIBC, NAME, libc_file
from tests.support import features, zig_probes
from tests.support.targets import Target

THREADS, ROUNDS = 8, 6
PATIENCE = 20


def entered():
    features.needs_to_know_the_machine()
    return zig_probes.spec("uprobes").load()


def test_a_forgotten_link_says_where_it_was_made(monkeypatch):
    """By hand, without an object that would close it."""
    from pyzbpf.links.attach import attach

    monkeypatch.setattr(fd, "trace", True)
    with entered() as probe:
        program = probe.programs["entered"]
        link = attach(program.fd, program.spec, path=libc_file(), symbol=NAME, pid=os.getpid())
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del link
            gc.collect()
        told = [str(warning.message) for warning in caught if warning.category is ResourceWarning]
        assert any(f"uprobe at '{libc_file()}:{NAME}'" in text for text in told)
        assert all("test_a_forgotten_link_says_where_it_was_made" in text for text in told)
        LIBC.getpriority(0, 0)
        assert probe.maps["calls"].read(1, timeout=0) == [], "it is closed all the same"


def test_a_forgotten_object_is_closed_with_its_links():
    probe = entered()
    probe.programs["entered"].attach(path=libc_file(), symbol=NAME, pid=os.getpid())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del probe
        gc.collect()
    told = " ".join(str(warning.message) for warning in caught if warning.category is ResourceWarning)
    for noun in ("map 'calls'", "program 'entered'", "uprobe at"):
        assert noun in told, "and the fixture sees that nothing stays in the kernel"


def test_threads_attach_and_detach_side_by_side():
    with entered() as probe:
        attach = probe.programs["entered"].attach

        def work(_: int) -> None:
            for _ in range(ROUNDS):
                with attach(path=libc_file(), symbol=NAME, pid=os.getpid()):
                    LIBC.getpriority(0, 0)

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(work, range(THREADS)))
        assert probe.links == []
        seen = probe.maps["calls"].read(10000, timeout=PATIENCE)
        assert len(seen) >= THREADS * ROUNDS
        LIBC.getpriority(0, 0)
        assert probe.maps["calls"].read(1, timeout=0) == []


def test_threads_share_the_records_of_usdt():
    """Each thread's cookie is in a record of its own, though all attach at once."""
    features.needs_to_know_the_machine()
    features.since("5.15", "one place of a USDT probe attached twice")
    with zig_probes.spec("links/usdt").load() as probe, Target() as target:
        attach = probe.programs["passed"].attach
        with ThreadPoolExecutor(THREADS) as pool, contextlib.ExitStack() as links:
            for link in pool.map(lambda n: attach(path=target.path(), name="done", cookie=n), range(THREADS)):
                links.enter_context(link)
            target.done()
            events = probe.maps["seen"].read(THREADS, timeout=PATIENCE)
            assert sorted(event.cookie for event in events) == list(range(THREADS))
        assert usdt._used == {}


def test_what_was_attached_before_a_failure_is_detached_again():
    """Of an object with a good and a bad place, and of a program that takes the second of two places."""
    spec = zig_probes.spec("uprobes")
    features.needs_to_know_the_machine()
    spec.programs["entered"].target = f"{libc_file()}:{NAME}"
    spec.programs["returned"].target = f"{libc_file()}:no_such_function"
    with spec.load() as probe:
        with pytest.raises(NotFoundError, match="symbol 'no_such_function'"):
            probe.attach(pid=os.getpid())
        assert probe.links == []
        LIBC.getpriority(0, 0)
        assert probe.maps["calls"].read(1, timeout=0) == []
