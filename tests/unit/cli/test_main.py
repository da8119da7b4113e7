"""The command line's frame: exit codes, errors, what goes where."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pyzbpf import errors
from pyzbpf.cli import main as cli

ROOT = Path(__file__).resolve().parents[3]


class Command:
    """Stands for the module of `pyzbpf inspect`."""

    def __init__(self, outcome: BaseException | int) -> None:
        self.outcome = outcome

    def add_arguments(self, parser: object) -> None:
        pass

    def run(self, arguments: object) -> int:
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


def run(monkeypatch: pytest.MonkeyPatch, outcome: BaseException | int, *arguments: str) -> int:
    monkeypatch.delenv("PYZBPF_TRACEBACK", raising=False)
    monkeypatch.setattr(cli, "import_module", lambda _: Command(outcome))
    return cli.main(arguments or ["inspect"])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.Error("boom"), 1),
        (errors.BuildError("boom"), 1),
        (errors.ObjectError("boom"), 1),
        (errors.PrivilegeError("boom", capability="CAP_BPF"), 3),
        (errors.UnsupportedError("boom"), 4),
        (errors.VerifierError("p", reason="boom", log="", errno=22), 5),
        (errors.SystemCallError(1, "boom", command="bpf"), 1),
        (PermissionError(13, "boom"), 1),
    ],
)
def test_errors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    assert run(monkeypatch, error) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("pyzbpf: error: ")
    assert "boom" in err
    assert "Traceback" not in err


def test_success(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, 0) == 0


def test_the_compilers_words_come_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, errors.BuildError("sentence", output="x.zig:1:1: error: words"))
    assert capsys.readouterr().err == "x.zig:1:1: error: words\npyzbpf: error: sentence\n"


@pytest.mark.parametrize("arguments", [("--traceback", "inspect"), ("inspect", "--traceback")])
def test_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert run(monkeypatch, errors.Error("boom"), *arguments) == 1
    assert "Traceback" in capsys.readouterr().err


def test_traceback_by_variable(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cli, "import_module", lambda _: Command(OSError(5, "boom")))
    monkeypatch.setenv("PYZBPF_TRACEBACK", "1")
    assert cli.main(["inspect"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_interrupt(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, KeyboardInterrupt()) == 128 + signal.SIGINT
    assert capsys.readouterr() == ("", "\n")


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["inspect"], ["inspect", "a", "b"], ["--nonsense"]])
def test_wrong_usage(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: pyzbpf")


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert all(name in out for name in cli.COMMANDS)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], name: str) -> None:
    with pytest.raises(SystemExit):
        cli.main([name, "--help"])
    assert f"usage: pyzbpf {name}" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    name, version = capsys.readouterr().out.split()
    assert name == "pyzbpf"
    assert version[0].isdigit()


def test_a_command_does_not_import_the_others() -> None:
    code = "import sys; from pyzbpf.cli.main import main\ntry: main(['inspect', 'x.o'])\nfinally: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert "pyzbpf.cli.inspect" in done.stdout
    assert "pyzbpf.cli.build" not in done.stdout.split()
    assert not [name for name in done.stdout.split() if name.startswith("pyzbpf.build")]


def test_a_terminal_of_few_letters() -> None:
    code = "import pyzbpf.cli.main as cli; cli._main = lambda _: print('\u2026 \xe9'); cli.main([])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("\\u2026 \\xe9\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGPIPE: run on a POSIX system")
def test_a_reader_that_goes_away() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "pyzbpf", "build", "--help"],
        cwd=ROOT,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    assert done.stderr == ""
