"""`pyzbpf inspect --raw` and `--passes`."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyzbpf.cli.main import main
from pyzbpf.finish.pipeline import finish
from tests.support.objects import sample


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    path = tmp_path / "probe.raw.o"
    path.write_bytes(sample(relocate_by_section=True, linkage=0))
    return path


def test_raw_shows_types_symbols_and_code(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "--raw", str(raw)]) == 0
    out = capsys.readouterr().out
    assert "STRUCT 'probe.Event' size=16" in out
    assert "symbol probe.second: local, .maps+0x20" in out
    assert "; /home/me/probe.zig:7:5: call();" in out
    assert "section .maps" in out and "function sub" not in out


def test_passes_show_what_each_changes(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "--passes", str(raw)]) == 0
    out = capsys.readouterr().out
    assert "-symbol probe.second: local" in out.partition("== constants")[0]
    assert "+[5] STRUCT 'Event'" in out.partition("== type_names")[2] or "STRUCT 'Event'" in out
    assert "== lines" in out


def test_a_finished_object_has_nothing_left_to_do(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finished = tmp_path / "probe.bpfel.o"
    finished.write_bytes(finish(raw.read_bytes(), file="probe.zig"))
    assert main(["inspect", "--passes", str(finished)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines and all(line.endswith(": nothing to do") for line in lines)


@pytest.mark.parametrize("other", ["--json", "--passes"])
def test_raw_is_text_only(raw: Path, capsys: pytest.CaptureFixture[str], other: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["inspect", "--raw", other, str(raw)])
    assert caught.value.code == 2
    assert "not allowed with argument --raw" in capsys.readouterr().err


def test_a_missing_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "--raw", "not/there.o"]) == 1
    assert "not/there.o: cannot be read" in capsys.readouterr().err
