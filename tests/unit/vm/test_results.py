"""A guest's console -> its result: what is not complete is a failure, whatever was passed before."""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from tests.vm import report, results
from tests.vm.guest import run as guest

FACTS = {"kind": "facts", "release": "6.1.0-50-cloud-amd64", "machine": "x86_64"}


def outcome(test: str, said: str = "passed", words: str = "") -> list[dict[str, Any]]:
    name = f"tests/kernel/test_{test}"
    return [
        {"kind": "started", "test": name},
        {"kind": "outcome", "test": name, "outcome": said, "words": words, "seconds": 0.5},
    ]


def session(*outcomes: list[dict[str, Any]], status: int = 0, **end: Any) -> list[dict[str, Any]]:
    """What a guest sends when all is well."""
    sent = [FACTS, {"kind": "collected", "count": len(outcomes)}, *(f for pair in outcomes for f in pair)]
    last = {"status": status, "count": len(outcomes), "seconds": 3.0, "said": "", "kernel": []}
    return [*sent, {"kind": "end", **last, "frames": len(sent) + 1, **end}]


def frame(number: int, fields: dict[str, Any] | list[int]) -> bytes:
    data = zlib.compress(json.dumps(fields).encode())
    return f"@@pyzbpf {number} {zlib.crc32(data):08x} {b64encode(data).decode()}@@".encode()


def console(sent: list[dict[str, Any]], *, copies: int = 2) -> bytes:
    frames = [frame(number, fields) for number, fields in enumerate(sent)]
    sent_twice = b"".join(b"\r\n" + one + b"\r\n" for one in frames * copies)
    return b"[    0.1] booting\r\n" + sent_twice + END


END = b"init: the tests' process ended with 0\r\n"


GOOD = session(outcome("a.py::one"), outcome("a.py::two", "skipped", "needs Linux 6.2"), outcome("b.py::one"))


def test_a_complete_result() -> None:
    run = results.read("amd64-6.1", console(GOOD))
    assert (run.problem, run.release, run.failed) == ("", "6.1.0-50-cloud-amd64", 0)
    assert [(found.group, found.outcome) for found in run.outcomes] == [
        ("a", "passed"),
        ("a", "skipped"),
        ("b", "passed"),
    ]
    assert report.closing([run]) == "2 passed, 0 failed, 1 skipped on 1 kernels"


@pytest.mark.parametrize("place", range(len(GOOD)))
def test_a_frame_that_the_kernel_wrote_into_comes_a_second_time(place: int) -> None:
    whole = console(GOOD)
    one = frame(place, GOOD[place])
    broken = one[:30] + b"[   12.3] printk\r\n" + one[30:]
    once = whole.replace(one, broken, 1)
    assert results.read("x", once).problem == ""
    twice = whole.replace(one, broken)
    run = results.read("x", twice)
    assert run.problem and run.failed == 1


@pytest.mark.parametrize("length", range(0, len(console(GOOD, copies=1)) - 20, 37))
def test_a_truncated_result_is_a_failure(length: int) -> None:
    run = results.read("x", console(GOOD, copies=1)[:length])
    assert run.failed == 1 and run.problem
    assert not run.count("failed")


def test_a_crash_names_the_test_and_shows_the_end() -> None:
    text = console(GOOD[:5], copies=1) + b"\x1b[31m[ 9.9] Oops: double fault\r\n[ 9.9] Kernel panic\r\n"
    run = results.read("x", text)
    assert run.problem == "the guest ended before the tests did; tests/kernel/test_a.py::two was running"
    assert run.tail.endswith("[ 9.9] Oops: double fault\n[ 9.9] Kernel panic")
    assert "@@" not in run.tail
    assert "Kernel panic" in report.failures(run)


def test_a_guest_that_was_ended_has_failed_even_with_a_result() -> None:
    run = results.read("x", console(GOOD), ended="the guest has run for 5 s")
    assert run.failed == 1 and run.problem == "the guest has run for 5 s"


def test_a_guest_that_does_not_come_up() -> None:
    assert results.read("x", b"no kernel\r\n").problem == "the guest has not come as far as the tests"
    assert results.read("x", b"").failed == 1


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (session(outcome("a.py::one"), status=3, said="INTERNALERROR"), "status 3:\nINTERNALERROR"),
        (session(status=5, said="no tests ran"), "status 5"),
        (session(outcome("a.py::one"), status=1), "status 1 although 0 tests failed"),
        (session(outcome("a.py::one", "failed", "E   assert 0")), "status 0 although 1 tests failed"),
        (session(outcome("a.py::one"), count=0), "0 of 1 tests have an outcome"),
        (session(outcome("a.py::one"), frames=9), "5 of 9 frames"),
    ],
)
def test_what_does_not_fit_is_a_failure(sent: list[dict[str, Any]], words: str) -> None:
    run = results.read("x", console(sent))
    assert words in run.problem and run.failed


def test_a_guest_that_panics_behind_its_result_has_failed() -> None:
    assert "panicked" in results.read("x", console(GOOD) + b"Kernel panic - not syncing: sysrq\r\n").problem
    assert "did not come to its end" in results.read("x", console(GOOD).removesuffix(END)).problem


@pytest.mark.parametrize("fields", [{"kind": "outcome", "test": "a"}, {"kind": "end"}])
def test_frames_that_are_not_ours_are_a_failure(fields: Any) -> None:
    """What a test writes to the console ends no other kernel's run."""
    run = results.read("x", console([*GOOD[:2], fields, *GOOD[2:]]))
    assert run.problem and run.failed


def test_a_frame_that_is_not_packed_is_none() -> None:
    data = b"no zlib"
    alien = f"@@pyzbpf 3 {zlib.crc32(data):08x} {b64encode(data).decode()}@@".encode()
    assert results.read("x", alien + frame(4, [1]) + console(GOOD)).problem == ""


def test_an_unknown_outcome_is_a_failure() -> None:
    assert "exploded" in results.read("x", console(session(outcome("a.py::one", "exploded")))).problem
    assert results.read("x", console(session())).problem


def test_the_guests_own_frames_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The sending end and the receiving one, without a console between them."""
    sent = bytearray()
    monkeypatch.setattr(guest.Console, "__init__", lambda self: setattr(self, "_sent", []))
    monkeypatch.setattr(guest.Console, "_write", lambda _, data: sent.extend(b"\n" + data))
    sender = guest.Console()
    for fields in GOOD:
        sender.send(**fields)
    assert results.read("x", bytes(sent) + END).problem == ""
    first = bytes(sent)
    sender.repeat()
    assert bytes(sent) == first + first


def test_reports(tmp_path: Path) -> None:
    bad = session(
        outcome("a.py::one", "failed", "def test():\nE   assert 0"),
        outcome("b.py::two", "skipped", "needs Linux 6.2"),
        status=1,
    )
    runs = [
        results.read("amd64-6.1", console(GOOD)),
        results.read("s390x-6.12", console(bad)),
        results.Run("arm64-6.1", problem="the guest ended before the tests did", tail="Kernel panic"),
        results.Run("amd64-6.6", not_run="the archive has no amd64 kernel 6.6"),
    ]
    table = report.results(runs)
    assert re.search(r"\| a \| 1, 1 skipped \| \*\*1 failed\*\* \| – \|", table), table
    assert (
        "| 2 passed, 0 failed, 1 skipped | 0 passed, 1 failed, 1 skipped | 0 passed, 1 failed, 0 skipped |"
        in table
    )
    assert "- needs Linux 6.2: amd64-6.1 (1), s390x-6.12 (1)" in table
    assert "- amd64-6.6 was not run: the archive has no amd64 kernel 6.6" in table
    assert report.closing(runs) == "2 passed, 2 failed, 2 skipped on 3 kernels; not run: amd64-6.6"
    report.junit(runs, tmp_path / "junit.xml")
    text = (tmp_path / "junit.xml").read_text()
    assert text.count("<testcase") == 7 and text.count("<failure") == 1
    assert text.count("<skipped") == 3 and text.count("<error") == 1
    assert 'message="E   assert 0"' in text


def test_a_part_of_a_page_is_replaced() -> None:
    page = "a\n<!-- matrix -->\nold\n<!-- end of matrix -->\nb\n"
    assert report.replaced(page, "matrix", r"new \1") == page.replace("old", r"new \1")
    with pytest.raises(ValueError, match="0 places for results"):
        report.replaced(page, "results", "new")
