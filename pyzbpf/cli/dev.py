"""``pyzbpf dev``: watches a project, builds its probes when a file changes, and runs a command again."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

from pyzbpf.cli.usage import UsageError, positive, seconds
from pyzbpf.errors import BuildError, Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

# Folders that tools fill: a change there is none of the author's.
IGNORED = frozenset(("build", "dist", "zig-out", "node_modules", "__pycache__"))
SUFFIXES = frozenset((".zig", ".c", ".h", ".py", ".toml"))
GRACE_S = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``pyzbpf dev``."""
    parser.add_argument(
        "--project", metavar="DIR", type=Path, default=Path(), help="the project's folder (here)"
    )
    parser.add_argument(
        "--interval", metavar="S", type=seconds, default=0.3, help="seconds between looks (%(default)s)"
    )
    parser.add_argument(
        "--count", metavar="N", type=positive, default=None, help="stop after so many builds (never)"
    )
    parser.add_argument(
        "program",
        metavar="-- COMMAND",
        nargs="*",
        help="what runs after each build; it is ended when the next one begins (the tests: python -m pytest)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Until Ctrl-C, or so many builds; exits with 1 if the last one failed."""
    check_is_project(arguments.project)
    command = arguments.program or [sys.executable, "-m", "pytest", "-q"]
    before: dict[Path, int] = {}
    child: subprocess.Popen[bytes] | None = None
    builds = 0
    failed = False
    try:
        while arguments.count is None or builds < arguments.count:
            now = times(arguments.project)
            if now == before:
                time.sleep(arguments.interval)
                continue
            before = now
            builds += 1
            stop(child)
            child = None
            failed = not build(arguments.project)
            if not failed:
                child = start(command, arguments.project)
        if child is not None and child.wait() != 0:
            failed = True
    finally:
        stop(child)
    return int(failed)


def check_is_project(folder: Path) -> None:
    """Refuse a folder without ``[tool.pyzbpf]``, for no change there would ever make a probe.

    A pyproject.toml that cannot be read is one that the author is writing: that is told where it is built.
    """
    from pyzbpf.build import settings

    is_project = (folder / "pyproject.toml").is_file()
    if is_project:
        with contextlib.suppress(BuildError):
            is_project = "pyzbpf" in settings.load(folder).get("tool", {})
    if not is_project:
        raise UsageError(
            f"{folder.resolve()} is no project: it has no pyproject.toml with {settings.TABLE}; "
            "name the folder of one: --project DIR"
        )


def times(project: Path) -> dict[Path, int]:
    """When the files that count were changed, in nanoseconds."""
    found = {}
    for path in _files(project):
        with contextlib.suppress(OSError):  # deleted meanwhile
            found[path] = path.stat().st_mtime_ns
    return found


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name.startswith(".") or path.name in IGNORED:
            continue
        if path.is_dir():
            yield from _files(path)
        elif path.suffix in SUFFIXES:
            yield path


def build(project: Path) -> bool:
    """Compile and check every probe; what is wrong goes to stderr. The objects are the importer's to make."""
    from pyzbpf.build import settings
    from pyzbpf.build.compile import report
    from pyzbpf.cli.stubs import stubs

    began = time.monotonic()
    try:
        found = settings.read(settings.load(project), project)
        made = [path for path, _ in stubs(found, project)]
    except (BuildError, Error) as error:
        report(error)
        return False
    print(
        f"pyzbpf: {len(made)} probes built in {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True
    )
    return True


def start(command: Sequence[str], project: Path) -> subprocess.Popen[bytes]:
    """The author's command, in the project's folder."""
    try:
        return subprocess.Popen(command, cwd=project)
    except OSError as error:
        raise Error(f"{command[0]} cannot be run: {error.strerror}") from error


def stop(child: subprocess.Popen[bytes] | None) -> None:
    """Ask it to end as Ctrl-C would, and then end it."""
    if child is None or child.poll() is not None:
        return
    child.send_signal(signal.SIGINT if sys.platform != "win32" else signal.SIGTERM)
    try:
        child.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
