"""`pyzbpf demo`: both demos, with the traffic that they make themselves."""

from __future__ import annotations

import os
import re
import signal

import pytest

import pyzbpf
from pyzbpf.cli import demo
from pyzbpf.cli.main import main
from tests.support import zig_probes


@pytest.fixture(autouse=True)
def probes_of_this_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheel holds them in the package `pyzbpf.probes`; here they are compiled."""
    monkeypatch.setattr(
        demo, "open_spec", lambda target: pyzbpf.open(zig_probes.path(target.removeprefix("pyzbpf.probes:")))
    )


CLOCK = r"\d\d:\d\d:\d\d\.\d{6}"


@pytest.mark.parametrize(
    ("name", "row"),
    [("loopback", CLOCK + r" +\d+  \S+ +\S+ +(\d+ -> \d+|-)"), ("exec", CLOCK + r" +\d+ +(\d+|-)  \S+")],
)
def test_rows(name: str, row: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", name, "--count", "3"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.startswith("time ") and len(rows) == 3
    assert all(re.match(row, line) for line in rows), rows


def test_duration(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--duration", "0.3"]) == 0
    assert len(capsys.readouterr().out.splitlines()) > 1


def test_ctrl_c_is_an_end_as_good_as_any(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(demo.DEMOS["loopback"], "traffic", lambda: os.kill(os.getpid(), signal.SIGINT))
    assert main(["demo", "--duration", "60"]) == 0
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_an_orderly_end(number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(number)
    monkeypatch.setattr(demo.DEMOS["loopback"], "traffic", lambda: os.kill(os.getpid(), number))
    assert main(["demo", "--duration", "60"]) == 128 + number
    assert signal.getsignal(number) is before
