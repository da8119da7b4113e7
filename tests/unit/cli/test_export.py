"""`pyzbpf export` before anything is loaded: its library, and where it listens."""

from __future__ import annotations

import argparse
import sys

import pytest

from pyzbpf.cli import export
from pyzbpf.cli.main import main


def test_without_the_library_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    for name in ("pyzbpf.cli.metrics", "prometheus_client.core"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert main(["export", "x.o"]) == 1
    assert capsys.readouterr().err == (
        "pyzbpf: error: the library prometheus-client is missing; "
        f"run: {sys.executable} -m pip install 'pyzbpf[prometheus]'\n"
    )


@pytest.mark.parametrize(
    ("text", "place"),
    [("127.0.0.1:9435", ("127.0.0.1", 9435)), (":80", ("0.0.0.0", 80)), ("[::1]:1", ("::1", 1)), ("a.b:0", ("a.b", 0))],
)  # fmt: skip
def test_where_it_listens(text: str, place: tuple[str, int]) -> None:
    assert export.address(text) == place


@pytest.mark.parametrize("text", ["", "9435", "host", "host:", "host:x", "host:65536", "host:-1"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not HOST:PORT"):
        export.address(text)
