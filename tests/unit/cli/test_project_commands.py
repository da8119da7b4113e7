"""`pyzbpf new`, `stubs` and `dev`: the commands about a project."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pyzbpf.build import settings
from pyzbpf.cli import dev, new
from pyzbpf.cli.main import main
from pyzbpf.cli.usage import UsageError
from pyzbpf.errors import BuildError

ROOT = Path(__file__).parents[3]
PATIENCE_S = 120


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["new", "my-tool", "--directory", str(tmp_path)]) == 0
    assert "my-tool: see README.md there" in capsys.readouterr().out
    return tmp_path / "my-tool"


def test_new_says_a_command_that_pip_takes_for_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name alone would be a project of the package index."""
    monkeypatch.chdir(tmp_path)
    assert main(["new", "my-tool"]) == 0
    assert f"`pip wheel --no-deps {Path('.')}{os.sep}my-tool`" in capsys.readouterr().out


def test_new_leaves_what_is_there_alone(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (project / "README.md").read_text()
    assert main(["new", "my-tool", "--directory", str(project.parent)]) == 2
    assert "exists already, and is not empty; choose another name" in capsys.readouterr().err
    assert (project / "README.md").read_text() == before


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("-xy", "begins with a letter and ends with a letter or digit: 'xy' could be one"),
        ("x y", "letters (a to z), digits, '-', '_' and '.' only, two or more"),
        ("x y", ": 'x-y' could be one"),
        ("ä", "ends with a letter or digit"),
        ("x/../y", ": 'x-..-y' could be one"),
        ("x.", "ends with a letter or digit"),
        ("1xy", ": 'xy' could be one"),
        ("class", "'class' is a word of Python's own"),
        ("json", "'json' is a module of Python's standard library; choose another, as in 'json-probe'"),
        ("test", "'test' is"),
        ("tests", "'tests' is what the folder of tests is imported as"),
        ("pyzbpf", "'pyzbpf' is what pyzbpf is imported as"),
        ("numpy", "'numpy' is"),
        ("PyTest", "'pytest' is what pytest is imported as, and one would hide the other"),
        ("pip", "'pip' is"),
        ("scikit-build.core", "'scikit_build_core' is"),
    ],
)
def test_names_that_no_project_has(name: str, why: str) -> None:
    with pytest.raises(UsageError, match=f"'{name}' cannot be a project's name.*{re.escape(why)}"):
        new.files(name, "xdp")


def test_names_of_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new, "packages_distributions", lambda: {"yaml": ["PyYAML"]})
    with pytest.raises(UsageError, match="'yaml' is what PyYAML is imported as"):
        new.files("YAML", "xdp")
    assert new.files("yaml-probe", "xdp")


def test_new_looks_at_the_name_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", ""]) == 2
    assert "'' cannot be a project's name" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is where nobody can write: run on Linux")
def test_new_where_nobody_can_write(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "my-tool", "--directory", "/proc"]) == 1
    assert "/proc/my-tool" in capsys.readouterr().err


@pytest.mark.parametrize("template", sorted(new.KINDS))
def test_nothing_stays_to_be_filled_in(template: str) -> None:
    for name, text in new.files("a-b", template).items():
        assert not {
            word for word in ("@project@", "@package@", "@probe@", "@summary@") if word in name + text
        }
    assert (new.TEMPLATES / template).is_dir()


def table(project: Path, *lines: str) -> None:
    """Put lines at the start of the project's [tool.pyzbpf]."""
    file = project / "pyproject.toml"
    file.write_text(file.read_text().replace("[tool.pyzbpf]\n", "\n".join(["[tool.pyzbpf]", *lines, ""])))


@pytest.mark.zig
@pytest.mark.parametrize("place", ["probes/started.zig", "scratch/deeper/other.zig"])
def test_a_source_is_built_as_its_project_says(
    project: Path, place: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that is no probe of it. What is said of one probe alone holds for that, an option goes before all."""
    monkeypatch.chdir(project)
    is_probe = place.startswith("probes")
    table(
        project,
        'cpu = "v1"',
        'mode = "small"',
        'modules = { wire = "zig/wire.zig" }',
        'override.started.cpu = "v2"',
    )
    (project / "zig").mkdir()
    (project / "zig" / "wire.zig").write_text("pub const longest: u32 = 100;\n")
    source = Path(place)
    source.parent.mkdir(parents=True, exist_ok=True)
    text = (project / "probes" / "started.zig").read_text()
    source.write_text(text + 'export var most: u32 linksection(".rodata") = @import("wire").longest;\n')
    cpu = "v2" if is_probe else "v1"
    assert main(["build", place, "-o", "out", "--endian", "little", "--mode", "safe"]) == 0
    out, err = capsys.readouterr()
    assert out == f"out/{source.stem}.bpfel.o\n"
    assert (
        err == f"pyzbpf: note: {place} is built as {project}/pyproject.toml says: cpu {cpu}; modules wire\n"
    )
    assert main(["inspect", place, "--json"]) == 0
    out, err = capsys.readouterr()
    assert '"most"' in out
    assert f"says: mode small; cpu {cpu}; modules wire\n" in err


def test_projects_are_looked_for_upwards(project: Path) -> None:
    """A pyproject.toml that is not of ours is passed by; no project, no settings of one."""
    inner = project / "vendor" / "tool"
    inner.mkdir(parents=True)
    (inner / "pyproject.toml").write_text('[project]\nname = "tool"\ndescription = "like tool.pyzbpf"\n')
    assert settings.find_project(inner / "x.zig") == project
    assert settings.find_project(project.parent / "x.zig") is None
    default = {"endian": "both", "mode": "safe", "cpu": "v3", "modules": {}, "include": []}
    assert settings.of_source(project.parent / "x.zig", None) == default
    table(project, 'cpu = "v9"')
    with pytest.raises(BuildError, match="cpu cannot be 'v9'"):
        settings.of_source(project / "x.zig", project)


@pytest.mark.zig
def test_stubs(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = project / "src" / "my_tool" / "started_skel.pyi"
    assert main(["stubs", str(project), "--check"]) == 1
    assert not path.exists()
    assert main(["stubs", str(project)]) == 0
    assert capsys.readouterr().out.splitlines() == [str(path)] * 2
    assert "class Event(Record):" in path.read_text()
    assert main(["stubs", str(project), "--check"]) == 0
    probe = project / "probes" / "started.zig"
    probe.write_text(probe.read_text().replace("uid: u32,\n    command", "user: u32,\n    command").replace("event.uid", "event.user"))  # fmt: skip
    assert main(["stubs", str(project), "--check"]) == 1
    assert main(["stubs", str(project)]) == 0
    assert "user: int" in path.read_text()


def test_where_a_package_is(tmp_path: Path) -> None:
    assert settings.package_folder(tmp_path, "a.b") is None
    for base in (Path(), Path("python"), Path("src")):
        (tmp_path / base / "a").mkdir(parents=True)
        assert settings.package_folder(tmp_path, "a.b") == tmp_path / base / "a" / "b"


def test_what_dev_watches(project: Path) -> None:
    before = dev.times(project)
    for path in ("build/x.zig", ".venv/x.py", "notes.txt"):
        (project / path).parent.mkdir(exist_ok=True)
        (project / path).write_text("")
    assert dev.times(project) == before
    (project / "probes" / "more.zig").write_text("")
    assert set(dev.times(project)) - set(before) == {project / "probes" / "more.zig"}


@pytest.mark.parametrize(
    "table",
    [None, '[project]\nname = "x"\n', '[tool.other]\nname = "pyzbpf"\n'],
    ids=["no file", "no table", "other"],
)
def test_dev_asks_for_a_project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, table: str | None
) -> None:
    monkeypatch.setattr(dev, "times", lambda _: pytest.fail("it watches a folder that is no project"))
    if table is not None:
        (tmp_path / "pyproject.toml").write_text(table)
    assert main(["dev", "--project", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == (
        "",
        f"pyzbpf: error: {tmp_path} is no project: it has no pyproject.toml with [tool.pyzbpf]; "
        "name the folder of one: --project DIR\n",
    )


def test_dev_waits_for_a_mistake_in_the_table_to_be_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.pyzbpf\n")
    assert main(["dev", "--project", str(tmp_path), "--count", "1"]) == 1
    assert f"pyzbpf: error: {tmp_path}/pyproject.toml: " in capsys.readouterr().err


@pytest.mark.zig
def test_dev_builds_and_runs_again(project: Path) -> None:
    """A change builds again and ends the command of the time before; a mistake is told and runs nothing."""
    log = project / "log.txt"
    program = f"import time\nopen({str(log)!r}, 'a').write('run\\n')\ntime.sleep({PATIENCE_S})\n"
    with subprocess.Popen(
        [sys.executable, "-m", "pyzbpf", "dev", "--project", project, "--interval", "0.05", "--count", "3",
         "--", sys.executable, "-c", program],
        cwd=ROOT, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None

        def wait_for(condition) -> None:
            until = time.monotonic() + PATIENCE_S
            while not condition():
                assert time.monotonic() < until
                time.sleep(0.02)

        try:
            probe = project / "probes" / "started.zig"
            good = probe.read_text()
            wait_for(lambda: log.exists() and log.read_text() == "run\n")
            probe.write_text(good + "// more\n")
            wait_for(lambda: log.read_text() == "run\nrun\n")
            probe.write_text(good + "const x = ;\n")
            assert process.wait(PATIENCE_S) == 1
        finally:
            process.kill()
        told = process.stderr.read()
    assert told.count("1 probes built in") == 2
    assert "error: expected expression, found ';'" in told
    assert log.read_text() == "run\nrun\n"
