"""What is imported when: a light door, a compiler driver without scikit-build-core, no POSIX."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pyzbpf

PACKAGE = Path(pyzbpf.__file__).parent
POSIX_ONLY = {"crypt", "fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"}
# What the modules os and signal lack on Windows, as far as anybody would use it.
POSIX_CALLS = {
    "os": {
        "chown", "chroot", "confstr", "eventfd", "fchmod", "fchown", "fork", "forkpty", "getegid", "geteuid",
        "getgid", "getgroups", "getloadavg", "getpgid", "getuid", "killpg", "lchown", "memfd_create", "mkfifo",
        "mknod", "nice", "openpty", "pidfd_open", "posix_fadvise", "posix_spawn", "pread", "pwrite",
        "sched_getaffinity", "sendfile", "setgid", "setpgid", "setsid", "setuid", "statvfs", "sysconf", "uname",
        "wait3", "wait4", "WNOHANG",
    },
    "signal": {"SIGALRM", "SIGHUP", "SIGKILL", "SIGUSR1", "alarm", "pause", "setitimer", "sigwait"},
}  # fmt: skip
BUILD_ROOMS = ("build", "finish", "spec", "btf", "elf", "insn", "uapi")
BUILD_COMMANDS = ("build", "dev", "inspect", "new", "stubs")
BUILD_FILES = sorted(
    [path for room in BUILD_ROOMS for path in (PACKAGE / room).rglob("*.py")]
    + [PACKAGE / "cli" / f"{name}.py" for name in BUILD_COMMANDS]
)
BUILD_FILES.remove(PACKAGE / "elf" / "library.py")  # the dynamic linker's way to a library, for uprobes
LOAD_HALF = {"adapt", "events", "kernel", "links", "maps", "runtime"}


def imported_by(statement: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"{statement}; import sys; print(*sys.modules)"],
        env={"PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return found


def test_the_door_is_light() -> None:
    bare = imported_by("pass")
    assert imported_by("import pyzbpf") - bare == {"pyzbpf"}


def test_the_driver_needs_no_scikit_build_core() -> None:
    found = imported_by("import pyzbpf.build.compiler, pyzbpf.build.settings, pyzbpf.build.compile")
    assert not [name for name in found if name.startswith(("scikit_build_core", "elftools", "ziglang"))]


@pytest.mark.parametrize(
    "path",
    sorted([*(PACKAGE / "build").rglob("*.py"), *(PACKAGE / "cli").glob("*.py")]),
    ids=lambda path: path.name,
)
def test_builds_run_on_every_system(path: Path) -> None:
    assert not imports(path) & POSIX_ONLY


def posix_calls(text: str) -> list[str]:
    """What a module uses of POSIX outside of `if sys.platform` (either branch), and paths that only POSIX has."""
    found = []

    def visit(node: ast.AST, *, guarded: bool) -> None:
        if isinstance(node, (ast.If, ast.IfExp)):
            guarded = guarded or ast.unparse(node.test).startswith(("sys.platform", "os.name", "hasattr(os"))
        name = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
        if name.partition(".")[2] in POSIX_CALLS.get(name.partition(".")[0], ()) and not guarded:
            found.append(f"{node.lineno}: {name}")
        if isinstance(node, ast.keyword) and node.arg == "shell":
            found.append(f"{node.value.lineno}: a shell")
        text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
        if text.startswith(("/tmp", "/dev/", "/proc/", "/usr/", "/bin/", "/etc/")):
            found.append(f"{node.lineno}: {text!r}")
        for child in ast.iter_child_nodes(node):
            visit(child, guarded=guarded)

    visit(ast.parse(text), guarded=False)
    return found


def test_what_counts_as_posix() -> None:
    text = (
        "import os, sys\nos.fork()\nif sys.platform == 'win32':\n    pass\nelse:\n    os.killpg(1, 9)\n"
        "open('/proc/self/fd')\nsubprocess.run('x', shell=True)\n"
    )
    assert posix_calls(text) == ["2: os.fork", "7: '/proc/self/fd'", "8: a shell"]


@pytest.mark.parametrize("path", BUILD_FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_the_build_half_calls_nothing_of_posix(path: Path) -> None:
    assert not imports(path) & POSIX_ONLY
    assert not posix_calls(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", sorted((PACKAGE / "build").rglob("*.py")), ids=lambda path: path.name)
def test_the_build_half_knows_nothing_of_the_load_half(path: Path) -> None:
    rooms = {name.split(".")[1] for name in imports(path) if name.startswith("pyzbpf.")}
    assert not rooms & LOAD_HALF


def test_every_public_name_resolves() -> None:
    for name in pyzbpf.__all__:
        assert getattr(pyzbpf, name) is not None
    assert dir(pyzbpf) == pyzbpf.__all__
    with pytest.raises(AttributeError, match="has no attribute 'load'"):
        pyzbpf.load  # noqa: B018
