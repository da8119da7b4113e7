"""Finding the compiler, its caches, and what stands where."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pyzbpf.build import compiler, sdk, settings
from pyzbpf.errors import BuildError

ROOT = Path(__file__).resolve().parents[3]
POSIX = pytest.mark.skipif(
    sys.platform == "win32", reason="the stand-in compiler is a shell script: run on a POSIX system"
)


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_the_pin_is_one_line() -> None:
    """Of build.zig.zon; the extra repeats it, for metadata are no program."""
    pyproject = settings.load(ROOT)
    assert f"ziglang=={sdk.zig_version()}" in pyproject["project"]["optional-dependencies"]["build"]
    files = [
        ROOT / "pyproject.toml",
        ROOT / "build.zig.zon",
        ROOT / "build.zig",
        *(ROOT / "pyzbpf").rglob("*.*"),
    ]
    texts = {
        path: path.read_text() for path in files if path.suffix in (".py", ".toml", ".zig", ".zon", ".in")
    }
    naming = {
        path.name: text.count(sdk.zig_version()) for path, text in texts.items() if sdk.zig_version() in text
    }
    assert naming == {"pyproject.toml": 1, "build.zig.zon": 1}
    assert f'.version = "{pyproject["project"]["version"]}"' in (ROOT / "build.zig.zon").read_text()


def test_the_same_scikit_build_core_in_both_places() -> None:
    pyproject = settings.load(ROOT)
    (pin,) = (text for text in pyproject["build-system"]["requires"] if text.startswith("scikit-build-core"))
    assert pin in pyproject["project"]["optional-dependencies"]["build"]


def test_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYZBPF_ZIG", raising=False)
    monkeypatch.setattr(compiler, "find_spec", lambda _: None)
    with pytest.raises(BuildError, match=rf"is missing; run: .* -m pip install ziglang=={sdk.zig_version()}"):
        compiler.find_zig()


@POSIX
def test_another_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYZBPF_ZIG", str(script(tmp_path / "zig", "echo 0.13.0")))
    with pytest.raises(BuildError, match=rf"Zig 0\.13\.0 is installed, but .* {sdk.zig_version()}"):
        compiler.find_zig()


def test_a_compiler_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYZBPF_ZIG", str(tmp_path / "zig"))
    with pytest.raises(BuildError, match="cannot be run"):
        compiler.find_zig()


@POSIX
def test_a_compiler_that_hangs_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the child that it has started, which would hold our pipe for a minute."""
    monkeypatch.setenv("PYZBPF_ZIG_TIMEOUT", "0.2")
    probe = tmp_path / "probe.zig"
    probe.write_text("")
    begin = time.monotonic()
    with pytest.raises(BuildError, match=r"did not end within 0\.2 s and was stopped; .* PYZBPF_ZIG_TIMEOUT"):
        compiler.compile_probe(
            probe,
            tmp_path / "probe.o",
            endian="little",
            cache=tmp_path / "cache",
            zig=script(tmp_path / "zig", "sleep 60; true"),
        )
    assert time.monotonic() - begin < 20


def test_a_wrong_timeout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYZBPF_ZIG_TIMEOUT", "long")
    with pytest.raises(BuildError, match="PYZBPF_ZIG_TIMEOUT must be a number of seconds, not 'long'"):
        compiler.compile_probe(
            tmp_path / "x.zig", tmp_path / "x.o", endian="big", cache=tmp_path, zig=tmp_path
        )


@POSIX
def test_success_without_an_object_is_a_failure(tmp_path: Path) -> None:
    probe = tmp_path / "probe.zig"
    probe.write_text("")
    with pytest.raises(BuildError, match="could not compile"):
        compiler.compile_probe(
            probe,
            tmp_path / "probe.o",
            endian="little",
            cache=tmp_path / "cache",
            zig=script(tmp_path / "zig", "exit 0"),
        )


def test_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", str(tmp_path / "given"))
    assert compiler.global_cache(tmp_path / "fallback") == tmp_path / "given"


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    occupied = tmp_path / "occupied"
    occupied.write_text("a file, where a folder would have to be")
    monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", str(occupied / "zig"))
    assert compiler.global_cache(tmp_path / "fallback") == tmp_path / "fallback"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no HOME: run on a POSIX system")
def test_the_cache_is_below_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ZIG_GLOBAL_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert compiler.global_cache(tmp_path / "fallback") == tmp_path / ".cache" / "zig"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert compiler.global_cache(tmp_path / "fallback") == tmp_path / "xdg" / "zig"


def test_prefixes_name_each_folder_in_both_spellings(tmp_path: Path) -> None:
    probe = tmp_path / "probes" / "probe.zig"
    prefixes = compiler.path_prefixes(probe, zig=tmp_path / "bin" / "zig", cache=tmp_path / "cache")
    assert prefixes[0] == (str(probe.parent), "")
    assert (str(tmp_path / "bin" / "lib"), "zig/") in prefixes
    assert (os.path.join(probe.parent, "..", "bin", "lib"), "zig/") in prefixes
    assert (str(sdk.root() / "zig"), "pyzbpf/zig/") in prefixes


def test_the_sdk_of_the_source_tree() -> None:
    assert sdk.root() == ROOT
    assert sdk.module().name == "bpf.zig"


def test_the_sdk_can_be_asked_for() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pyzbpf.build.sdk"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{ROOT}\n"


def test_a_missing_sdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sdk, "PACKAGE", tmp_path / "pyzbpf")
    with pytest.raises(BuildError, match=re.escape(str(tmp_path / "pyzbpf" / "zig" / "bpf.zig"))):
        sdk.root()
    (tmp_path / "pyzbpf" / "zig").mkdir(parents=True)
    (tmp_path / "pyzbpf" / "zig" / "bpf.zig").write_text("")
    assert sdk.root() == tmp_path / "pyzbpf"


@POSIX
def test_a_compiler_that_ended_as_it_was_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    def communicate(process: subprocess.Popen[str], **_: object) -> tuple[str, None]:
        process.wait()
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", communicate)
    with pytest.raises(KeyboardInterrupt):  # and not that there is no such process
        compiler.run(["true"], cwd=None, timeout_s=60)
