"""The plan of the house, checked: which room may import which, how large a file may be, what a door shows."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "pyzbpf"
FORMATS = {"errors", "uapi", "elf", "btf", "insn"}
LOAD_HALF = {"kernel", "adapt", "maps", "links", "events", "runtime", "symbols"}

# Room -> what it may import; docs/architecture.md shows the same table.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "uapi": set(),
    "elf": {"errors"},
    "btf": {"errors"},
    "insn": {"errors", "uapi"},
    "spec": FORMATS,
    "finish": FORMATS | {"spec"},
    "build": {"finish", "spec", "btf", "uapi", "errors"},
    "kernel": {"btf", "uapi", "errors"},
    "adapt": {"spec", "btf", "insn", "uapi", "errors"},
    "maps": {"kernel", "spec", "btf", "uapi", "errors"},
    "links": {"kernel", "spec", "elf", "uapi", "errors"},
    "symbols": {"kernel", "elf", "maps", "errors"},
    "events": {"maps", "kernel", "spec", "btf", "uapi", "errors"},
    "runtime": {"spec", "adapt", "kernel", "maps", "links", "events", "btf", "insn", "uapi", "errors"},
    "probes": set(),
    "__init__": {"spec", "runtime", "errors"},
}
FREE = {"cli", "__main__", "pytest_plugin"}  # these may use every room
# Upward on purpose: ObjectSpec.load() is the door from the spec to the runtime, imported when called.
DOORS = {("spec/model.py", "runtime")}

ONLY_IN = {
    "elftools": {"elf"},
    "numpy": {"btf"},
    "pyarrow": {"btf"},
    "ctypes": {"kernel", "uapi"},
    "mmap": {"kernel"},
    "subprocess": {"build", "cli"},
    "argparse": {"cli"},
    "prometheus_client": {"cli"},
    "capstone": {"runtime"},
    "pytest": {"pytest_plugin"},
    "scikit_build_core": {"build"},
}
# What a probe of a wheel must not pay for on its way to the kernel.
HEAVY = {"typing", "typing_extensions", "enum", "dataclasses", "argparse", "logging", "inspect", "numpy",
         "elftools", "pathlib", "subprocess", "importlib.metadata"}  # fmt: skip

HARD_FILE_LIMIT, FUNCTION_LIMIT = 600, 70
GENERATED = {"uapi/enums.py", "uapi/attrs.py", "uapi/helpers.py", "spec/section_table.py"}


def files() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if not path.name.startswith("_pyzbpf_index"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import, wherever it hides; those for type checkers only are left out."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def violations() -> Iterator[str]:
    for path in files():
        room, where = room_of(path), path.relative_to(PACKAGE).as_posix()
        for line, name in imports_of(path):
            top, _, rest = name.partition(".")
            if top != "pyzbpf":
                if room not in ONLY_IN.get(top, {room}):
                    yield f"{where}:{line}: {top} belongs in {sorted(ONLY_IN[top])}"
                continue
            target = rest.partition(".")[0]
            if room in FREE or target in ("", room, "__version__") or (where, target) in DOORS:
                continue
            if target not in MAY_IMPORT[room]:
                yield f"{where}:{line}: {room} may not import {target}"


def test_every_room_is_on_the_plan() -> None:
    assert {room_of(path) for path in files()} - FREE == set(MAY_IMPORT)


def test_the_plan_has_no_cycle() -> None:
    tuple(graphlib.TopologicalSorter(MAY_IMPORT).static_order())


def test_imports_follow_the_plan() -> None:
    assert list(violations()) == []


def test_build_half_and_load_half_do_not_meet() -> None:
    assert not LOAD_HALF & (MAY_IMPORT["build"] | MAY_IMPORT["finish"])
    for room in LOAD_HALF:
        assert not {"build", "finish"} & MAY_IMPORT[room]


def test_the_plan_is_the_one_in_the_documentation() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    rows = {}
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and cells[0].startswith("`"):
            for room in cells[0].replace("`", "").split(", "):
                rows[room] = {word for word in cells[2].replace("`", "").split(", ") if word not in ("–", "")}
    assert rows == {
        room: allowed for room, allowed in MAY_IMPORT.items() if room not in ("__init__", "probes")
    }


def test_room_doors_are_empty() -> None:
    for path in files():
        if path.name == "__init__.py" and path.parent not in (PACKAGE, PACKAGE / "build"):
            body = ast.parse(path.read_text()).body
            assert all(isinstance(node, ast.Expr) for node in body), f"{path} must hold a docstring at most"


def test_files_and_functions_stay_small() -> None:
    for path in files():
        where = path.relative_to(PACKAGE).as_posix()
        if where in GENERATED:
            continue
        text = path.read_text()
        assert len(text.splitlines()) <= HARD_FILE_LIMIT, f"{where} has more than {HARD_FILE_LIMIT} lines"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (node.end_lineno or 0) - node.lineno + 1
                assert length <= FUNCTION_LIMIT, f"{where}:{node.lineno}: {node.name} has {length} lines"


@pytest.mark.parametrize("room", sorted(LOAD_HALF | {"spec", "btf", "insn", "uapi", "errors"}))
def test_the_way_to_the_kernel_imports_nothing_heavy(room: str) -> None:
    for path in files():
        if room_of(path) != room or path.name in ("read.py", "columns.py"):  # pyelftools, numpy: in functions
            continue
        for line, name in imports_of(path):
            heavy = {module for module in HEAVY if name == module or name.startswith(module + ".")}
            assert not heavy, f"{path.relative_to(ROOT)}:{line}: imports {heavy}"


def test_importing_the_package_imports_nothing_heavy() -> None:
    script = (
        "import sys; before = set(sys.modules); import pyzbpf; "
        "print(' '.join(sorted(set(sys.modules) - before)))"
    )
    # -S: development tools may put imports into site-packages' .pth files.
    result = subprocess.run(
        [sys.executable, "-S", "-c", script], check=True, capture_output=True, text=True, cwd=ROOT
    )
    assert result.stdout.split() == ["pyzbpf"]


def test_the_public_names_are_there() -> None:
    import pyzbpf

    assert dir(pyzbpf) == sorted(pyzbpf.__all__)
    for name in pyzbpf.__all__:
        assert getattr(pyzbpf, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'opne'"):
        pyzbpf.opne  # noqa: B018


def test_nothing_of_a_machine_stands_in_the_tree() -> None:
    """No absolute path of somebody's home and no host of a package registry."""
    listed = subprocess.run(["git", "ls-files"], check=False, capture_output=True, text=True, cwd=ROOT)
    if listed.returncode:
        pytest.skip("not a git checkout: run in a clone to check it")
    hosts = ("pypi." + "org", "python" + "hosted", "deb." + "debian", "npm" + "js")
    for name in listed.stdout.split():
        path = ROOT / name
        if path.is_file() and path.suffix in (".py", ".md", ".toml", ".zig", ".zon", ".cmake", ".txt", ""):
            text = path.read_text()
            home = re.search(r"(?<![\w}>])/(root|work)/", text)  # not: /proc/PID/root/, a container's root
            assert home is None, f"{name} holds {home}"
            for word in hosts:
                assert word not in text, f"{name} holds {word}"
