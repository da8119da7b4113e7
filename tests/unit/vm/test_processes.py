"""However the command is ended, no guest goes on, and its temporary files are gone or go with the next run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.vm import cache, processes, suite

PATIENCE_S = 60
# The command itself, with a script in QEMU's place that tells its number, and nothing to build.
DRIVER = """
import sys
from pathlib import Path
from tests.vm import __main__ as command, guests, qemu, suite
qemu.MACHINES["amd64"] = qemu.Machine(sys.argv[1], "qemu", "none", (), "ttyS0")
qemu.missing = lambda _: []
guests.Guest._files = lambda _: (Path("vmlinuz"), [])
suite.build_wheels = lambda _: []
suite.pack = lambda archive, *_, **__: archive.write_bytes(b"suite")
sys.exit(command.command(["--kernel", sys.argv[1], "--console", sys.argv[2], "--accelerator", "tcg"]))
"""
GUEST = f"#!{sys.executable}\nimport os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)\n"


def wait_for(condition) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_gone(process: int) -> bool:
    """Whether it has ended; as a zombie it may wait for whoever has inherited it."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYZBPF_VM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    return tmp_path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, signal.SIGINT])
def test_signals(home: Path, number: signal.Signals) -> None:
    machine = home / "qemu"
    machine.write_text(GUEST)
    machine.chmod(0o755)
    console = home / "console" / "qemu.txt"
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER, machine, console.parent], cwd=suite.ROOT, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as command:  # fmt: skip
        try:
            wait_for(lambda: console.exists() and console.read_text().endswith("\n"))
            guest = int(console.read_text())
            work = list((home / "cache" / "work").iterdir())
            assert len(work) == 1 and not is_gone(guest)
            command.send_signal(number)
            status = command.wait(PATIENCE_S)
        finally:
            command.kill()
    wait_for(lambda: is_gone(guest))
    if number in processes.SIGNALS:
        assert status == 128 + number
    if number == signal.SIGKILL:
        assert work[0].exists()
        with cache.temporary():
            assert not work[0].exists()
    assert list((home / "cache" / "work").iterdir()) == []
    assert list((home / "temporary").iterdir()) == []


def test_folders_in_use_stay(home: Path) -> None:
    with cache.temporary() as first:
        (first / "file").touch()
        with cache.temporary() as second:
            assert (first / "file").exists() and second.exists()
    assert not first.exists() and not second.exists()


def test_a_program_that_is_interrupted_ends_with_its_children(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = f'sleep 600 & echo $! > "{home}/child"; wait'

    def interrupt(*_: object) -> int:
        wait_for(lambda: (home / "child").exists() and (home / "child").read_text().endswith("\n"))
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        processes.run(["sh", "-c", script], cwd=home, environment=os.environ)
    wait_for(lambda: is_gone(int((home / "child").read_text())))


def test_a_program_that_fails_is_an_error(home: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError, match=r"\['sh', '-c', 'exit 3'\].* 3"):
        processes.run(["sh", "-c", "exit 3"], cwd=home, environment=os.environ)


def test_a_program_whose_parent_is_gone_does_not_begin() -> None:
    command = processes.bound(["echo", "begun"])
    assert subprocess.run(command, capture_output=True, text=True).stdout == "begun\n"
    command[command.index(str(os.getpid()))] = "1"
    assert subprocess.run(command, capture_output=True, text=True).stdout == ""


BUILDING = """
import sys, time
from pathlib import Path
from tests.support import zig_probes
from tests.vm import processes
def build(name, **_):
    import os
    with open(sys.argv[1], "a") as file:
        file.write(f"{os.getpid()}\\n")
    time.sleep(600)
zig_probes._build = build
processes.end_in_order()
zig_probes.build_all(Path(sys.argv[2]))
"""


def test_workers_that_compile_end_with_the_command_when_it_is_killed(home: Path) -> None:
    list_ = home / "workers"
    with subprocess.Popen([sys.executable, "-c", BUILDING, list_, home], cwd=suite.ROOT) as command:
        try:
            wait_for(lambda: list_.exists() and list_.read_text().endswith("\n"))
        finally:
            command.kill()
    workers = {int(line) for line in list_.read_text().split()}
    assert workers and command.pid not in workers
    wait_for(lambda: all(map(is_gone, workers)))


def test_the_reader_of_the_output_may_go_away() -> None:
    done = subprocess.run(
        f"{sys.executable} -m tests.vm --list | true",
        shell=True,
        cwd=suite.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
