"""The command line's frame: exit codes, errors, what goes where."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
import threading
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


def test_a_refusal_of_the_system_says_what_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, OSError(errno.ENOSPC, "No space left on device", "/there"))
    assert capsys.readouterr().err == (
        "pyzbpf: error: /there: No space left on device\n  Make room there, or name another place.\n"
    )
    run(monkeypatch, OSError(errno.EIO, "Input/output error"))
    assert capsys.readouterr().err == "pyzbpf: error: Input/output error\n"
    run(monkeypatch, OSError("something"))
    assert capsys.readouterr().err == "pyzbpf: error: something\n"
    run(monkeypatch, errors.SystemCallError(errno.EMFILE, "Too many open files", command="BPF_MAP_CREATE"))
    assert "BPF_MAP_CREATE: Too many open files (errno" in (err := capsys.readouterr().err)
    assert "ulimit -n" in err


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


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send: run on a POSIX system")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_lets_a_command_clean_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: signal.Signals
) -> None:
    class Killed(Command):
        def run(self, arguments: object) -> int:
            with tempfile.TemporaryDirectory(dir=tmp_path):
                os.kill(os.getpid(), number)
            return 0

    monkeypatch.setattr(cli, "import_module", lambda _: Killed(0))
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with pytest.raises(SystemExit) as caught:
            cli.main(["inspect"])
        assert signal.signal(number, signal.SIG_DFL) is signal.SIG_DFL
    finally:
        signal.signal(number, before)
    assert caught.value.code == 128 + number
    assert not list(tmp_path.iterdir())


def test_it_may_be_called_in_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(run(monkeypatch, 7)))
    thread.start()
    thread.join()
    assert found == [7]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "the following arguments are required: COMMAND\n  `pyzbpf --help` says"),
        (["inspct"], "argument COMMAND: there is no 'inspct'; did you mean inspect or list?\n  There is: demo, run, "),
        (["inspect"], "the following arguments are required: TARGET\n  `pyzbpf inspect --help` says"),
        (["inspect", "a", "b"], "'b' is one argument too many\n  `pyzbpf inspect --help` says"),
        (["inspect", "a", "--jsn"], "there is no option --jsn; did you mean --json?\n"),
        (["inspect", "a", "--unheard-of=1"], "there is no option --unheard-of\n"),
        (["build", "a.zig", "--mode", "sfae"], "argument --mode: there is no 'sfae'; did you mean safe?\n  There is: safe"),
        (["demo", "loopbak"], "argument NAME: there is no 'loopbak'; did you mean loopback?\n  There is: loopback, exec."),
        (["run", "a.o", "--count", "x"], "argument --count: 'x' is not a whole number from 1 up\n  `pyzbpf run --help` says"),
        (["list", "--kind", "map"], "--kind goes with --loaded\n  `pyzbpf list --help` says"),
    ],
)  # fmt: skip
def test_wrong_usage(capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"pyzbpf: error: {reason}")
    assert "usage:" not in err


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
