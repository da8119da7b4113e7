"""``pyzbpf new``: a project with a probe, a program, tests, and what it takes to publish it."""

from __future__ import annotations

import keyword
import os
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from pyzbpf.cli.usage import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]*[A-Za-z0-9]", re.ASCII)
# What pyzbpf, a project's tests and the tools for them import, installed here or not, and what it is of.
_IMPORTED = {
    "build": "build", "elftools": "pyelftools", "numpy": "numpy", "pip": "pip", "pyarrow": "pyarrow",
    "pytest": "pytest", "pyzbpf": "pyzbpf", "scikit_build_core": "scikit-build-core", "test": "Python's own test suite",
    "tests": "the folder of tests", "ziglang": "ziglang",
}  # fmt: skip
TEMPLATES = Path(__file__).parent / "templates"


class Kind:
    """A template: the probe's file and program, and the project in a sentence."""

    __slots__ = ("probe", "program", "summary")

    def __init__(self, probe: str, program: str, summary: str) -> None:
        self.probe = probe
        self.program = program
        self.summary = summary


KINDS = {
    "tracepoint": Kind("started", "started", "Shows every program that is started"),
    "kprobe": Kind("reads", "read", "Shows how large the reads from files are"),
    "uprobe": Kind("mallocs", "malloc", "Shows how much memory a process asks for at a time"),
    "usdt": Kind("imported", "imported", "Shows which modules Python programs import"),
    "xdp": Kind("limit", "limit", "Drops packets that are longer than a limit"),
    "cgroup": Kind("connect", "connect", "Refuses connections of a control group to a port"),
    "lsm": Kind("check", "check", "Refuses to start a program"),
    "profile": Kind("sample", "sample", "Shows which programs use the processors"),
}

# File of the project -> template: of the kind where it has one, else the common one.
FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    ".gitignore": "gitignore",
    "build.zig": "build.zig",
    "zls.json": "zls.json",
    "probes/@probe@.zig": "probe.zig",
    "src/@package@/__init__.py": "program.py",
    "src/@package@/__main__.py": "main.py",
    "src/@package@/py.typed": "py.typed",
    "tests/test_shipped.py": "test_shipped.py",
    "tests/test_@probe@.py": "test.py",
    ".github/workflows/test.yml": "test.yml",
    ".github/workflows/publish.yml": "publish.yml",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``pyzbpf new``."""
    parser.add_argument("name", metavar="NAME", help="the project's name, and its folder's")
    parser.add_argument(
        "--template", choices=sorted(KINDS), default="tracepoint", help="what the probe is (%(default)s)"
    )
    parser.add_argument(
        "--directory", metavar="DIR", type=Path, default=Path(), help="where the folder is made (here)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the project; a folder that has something in it is left alone."""
    contents = files(arguments.name, arguments.template)
    if not arguments.directory.is_dir():
        raise UsageError(f"there is no folder {arguments.directory}; make it first")
    folder = arguments.directory / arguments.name
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists already, and is not empty; choose another name")
    for name, text in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    # pip takes a name alone for a project of the package index.
    place = folder if folder.is_absolute() else os.path.join(os.curdir, folder)
    print(f"{folder}: see README.md there; `pip wheel --no-deps {place}` makes its wheel")
    return 0


def files(project: str, template: str) -> dict[str, str]:
    """The files of a project by their names; UsageError where it cannot be called so."""
    package = re.sub(r"[-.]+", "_", project).lower()
    if not _NAME.fullmatch(project):
        near = re.sub(r"[^A-Za-z0-9._-]+", "-", project).lstrip("0123456789._-").rstrip("._-")
        raise UsageError(
            f"'{project}' cannot be a project's name, which has letters (a to z), digits, '-', '_' and '.' only, two or "
            "more; it begins with a letter and ends with a letter or digit"
            + (f": '{near}' could be one" if _NAME.fullmatch(near) else "")
        )
    why = _taken(package)
    if why:
        raise UsageError(
            f"'{project}' cannot be a project's name: '{package}' {why}; choose another, as in '{project}-probe'"
        )
    kind = KINDS[template]
    words = {
        "project": project, "package": package, "probe": kind.probe, "program": kind.program,
        "summary": kind.summary,
    }  # fmt: skip
    return {_filled(name, words): _filled(_template(template, file), words) for name, file in FILES.items()}


def _taken(package: str) -> str:
    # Why a package cannot be called so; "" where it can.
    if keyword.iskeyword(package):
        return "is a word of Python's own, which no import can name"
    if package in sys.stdlib_module_names:
        return "is a module of Python's standard library"
    owners = [_IMPORTED[package]] if package in _IMPORTED else packages_distributions().get(package)
    return f"is what {owners[0]} is imported as, and one would hide the other" if owners else ""


def _template(template: str, file: str) -> str:
    own = TEMPLATES / template / f"{file}.in"
    return (own if own.is_file() else TEMPLATES / "common" / f"{file}.in").read_text(encoding="utf-8")


def _filled(text: str, words: dict[str, str]) -> str:
    return re.sub(r"@(project|package|probe|program|summary)@", lambda match: words[match[1]], text)
