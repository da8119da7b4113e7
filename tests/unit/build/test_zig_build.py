"""What ``zig build`` is told, what is taken from it, and what is said where it fails."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from pyzbpf.build import compiler, sdk, zig_build

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="the stand-in compiler is a shell script: run on a POSIX system"
)


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A job whose Zig does what the text in ``zig.sh`` says."""
    zig = tmp_path / "zig"
    zig.write_text(
        f'#!/bin/sh\ntest "$1" = version && echo {sdk.zig_version()} && exit\n. {tmp_path / "zig.sh"}\n'
    )
    zig.chmod(0o755)
    monkeypatch.setenv("PYZBPF_ZIG", str(zig))
    path = tmp_path / "job.json"
    text = {key: str(tmp_path / key) for key in zig_build.JOB_KEYS}
    (tmp_path / "directory").mkdir()
    path.write_text(
        json.dumps(
            {**text, "probes": f"first={tmp_path}/first.zig", "endian": "little", "options": "-Da;-Db=1"}
        )
    )
    return str(path)


def test_what_it_is_told(job: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "zig.sh").write_text(
        f'pwd > {tmp_path}/told; echo "$@" "$ZIG_LOCAL_PKG_DIR" >> {tmp_path}/told\n'
    )
    assert zig_build.main([job]) == 1
    folder, words = (tmp_path / "told").read_text().splitlines()
    assert folder == str(tmp_path / "directory")
    assert words == (
        f"build --prefix {tmp_path}/prefix --fork={sdk.root()} -Dpython={sys.executable} -Da -Db=1 "
        f"{tmp_path}/cache/packages"
    )
    assert "build.zig installs no first.bpfel.o; its install step must" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ('error: invalid option: "-Dpython"', "build.zig must give the Python that finishes the probes"),
        (
            "error: fork /x matched no pyzbpf packages",
            "build.zig.zon must name the dependency pyzbpf by .url",
        ),
    ],
)
def test_known_mistakes(
    job: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], said: str, advice: str
) -> None:
    (tmp_path / "zig.sh").write_text(f"echo '{said}'\nexit 1\n")
    assert zig_build.main([job]) == 1
    error = capfd.readouterr().err
    assert error.startswith(
        f"{said}\npyzbpf: error: {tmp_path}/directory/build.zig: zig build failed\n  {advice}"
    )


def test_a_build_that_hangs(
    job: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(compiler.TIMEOUT_VARIABLE, "0.2")
    (tmp_path / "zig.sh").write_text("sleep 60\n")
    assert zig_build.main([job]) == 1
    assert (
        "build.zig did not end within 0.2 s and was stopped; set PYZBPF_ZIG_TIMEOUT" in capfd.readouterr().err
    )
