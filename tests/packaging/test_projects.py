"""Users' projects: examples/loopback, what its settings change, and what happens to mistakes."""

from __future__ import annotations

import json
import os
import re
import sys
import zipfile
from pathlib import Path

import pytest

from pyzbpf.build import settings
from tests.packaging.environments import GENERATORS, Environment, configure_error, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Example = Callable[[str], Path]

OBJECTS = {"loopback/loopback.bpfel.o", "loopback/loopback.bpfeb.o"}
LISTS = """
cmake_minimum_required(VERSION 3.20...4.1)
project(loopback LANGUAGES NONE)
find_package(pyzbpf 0.1 REQUIRED CONFIG)
pyzbpf_add_probe(loopback SOURCE probes/loopback.zig {})
"""


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def refused(builder: Environment, project: Path) -> str:
    """What an author sees whose project cannot be built, by pip and without -v."""
    done = builder.run(
        "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", project / "out", project, check=False
    )
    assert done.returncode != 0
    assert not list((project / "out").glob("*.whl"))
    return done.stdout + done.stderr


def test_own_cmake(builder: Environment, example: Example, tmp_path: Path) -> None:
    """Door B: plain scikit-build-core and find_package(pyzbpf) give what door A gives."""
    project = example("own")
    (project / "CMakeLists.txt").write_text(LISTS.format("ENDIAN both PACKAGE loopback"))
    edit(project / "pyproject.toml", '"pyzbpf.build"', '"scikit_build_core.build"')
    done = builder.run(
        "-c",
        "import sys, scikit_build_core.build as b; print(b.build_wheel(sys.argv[1]))",
        tmp_path,
        cwd=project,
    )
    found = contents(tmp_path / done.stdout.splitlines()[-1])
    shipped = contents(builder.build_wheel(example("other"), tmp_path / "out"))
    for name in [*OBJECTS, "loopback/_pyzbpf_index.py", "loopback-0.1.0.dist-info/sboms/pyzbpf.cdx.json"]:
        assert found[name] == shipped[name]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("ENDIAN middle", "ENDIAN must be one of both;host;little;big, not middle"),
        ("MODE quick", "MODE must be one of safe;small;fast, not quick"),
        ("CPU v5", "CPU must be one of v3;v1;v2;v4, not v5"),
        ("SPEED fast", "wrong arguments"),
        ("PACKAGE", "wrong arguments"),
        (")\npyzbpf_add_probe(loopback SOURCE probes/loopback.zig", "has a probe of this name already"),
        (")\npyzbpf_add_probe(a-b SOURCE probes/loopback.zig", "letters, digits and underscores only"),
        (")\npyzbpf_add_probe(x SOURCE probes/none.zig", r"probes/none\.zig does not exist"),
        (
            "PACKAGE a-b",
            r"PACKAGE must be the dotted name of an import package, as in mytool\.probes, not 'a-b'",
        ),
        ("PACKAGE a..b", r"PACKAGE must be the dotted name .*, not 'a\.\.b'"),
        ("PACKAGE a/b", "PACKAGE must be the dotted name .*, not 'a/b'"),
        ("PACKAGE a.class", r"no import can name 'a\.class', for 'class' is a word of Python's own"),
        ("MODULES wire", "MODULES are name=file, not 'wire'"),
        ("MODULES wire=", "MODULES are name=file, not 'wire='"),
        ("MODULES wire=none.zig", r"MODULES: 'wire': \S*/none\.zig is no Zig file"),
        ("MODULES wire=CMakeLists.txt", r"MODULES: 'wire': \S*/CMakeLists\.txt is no Zig file"),
        ("MODULES a-b=probes/loopback.zig", "'a-b' cannot be the name of a module"),
        *(
            (f"MODULES {name}=probes/loopback.zig", f"'{name}' cannot be the name of a module")
            for name in settings.RESERVED_MODULES
        ),
        ("INCLUDE probes none", r"INCLUDE: \S*/none is no directory"),
    ],
)
def test_wrong_arguments_of_the_cmake_function(
    installed: Path, tmp_path: Path, example: Example, arguments: str, message: str
) -> None:
    project = example("loopback")
    (project / "CMakeLists.txt").write_text(LISTS.format(arguments))
    assert re.search(message, configure_error(project, installed, tmp_path / "tree"))


def test_cmake_and_table_together(builder: Environment, example: Example, tmp_path: Path) -> None:
    """A CMakeLists.txt of one's own with pyzbpf_add_project(), or a refusal where it forgets that."""
    project = example("own")
    with (project / "pyproject.toml").open("a") as file:
        file.write('[tool.scikit-build]\ncmake.source-dir = "."\n')
    lists = project / "CMakeLists.txt"
    lists.write_text(LISTS.replace("pyzbpf_add_probe(loopback SOURCE probes/loopback.zig {})", ""))
    error = refused(builder, project)
    assert "pyzbpf: error: the wheel would lack loopback/loopback.bpfel.o" in error
    lists.write_text(lists.read_text() + "pyzbpf_add_project()\n")
    assert set(contents(builder.build_wheel(project, tmp_path / "out"))) >= OBJECTS


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("probes =", "probe =", r"\[tool\.pyzbpf\] has no key 'probe'; did you mean 'probes'\?"),
        ("probes/*.zig", "probes/*.zigg", r"probes: 'probes/\*\.zigg' matches no file below"),
        (
            "[tool.pyzbpf]",
            '[tool.pyzbpf]\nendian = "litle"',
            "endian cannot be 'litle'; did you mean 'little'",
        ),
        ("[tool.pyzbpf]", "[tool.pyzbpf]\ncpu = 3", r"cpu cannot be 3; did you mean 'v3'\?"),
    ],
)
def test_mistakes_in_the_table(
    builder: Environment, example: Example, old: str, new: str, message: str
) -> None:
    project = example("wrong")
    edit(project / "pyproject.toml", old, new)
    error = refused(builder, project)
    assert re.search(f"pyzbpf: error: pyproject.toml: .*{message}", error)
    assert "Traceback" not in error


def test_a_probe_that_does_not_compile(builder: Environment, example: Example) -> None:
    project = example("broken")
    edit(project / "probes" / "loopback.zig", "ctx.len,", "ctx.size,")
    error = refused(builder, project)
    assert error.count(" probes/loopback.zig:17:23: error: no field named 'size' in struct '") == 1
    assert "        .length = ctx.size,\n" in error
    assert "^~~~" in error
    assert (
        error.count("pyzbpf: error: probes/loopback.zig:17:23: Zig could not compile the probe for bpfel")
        == 1
    )
    assert "Traceback (most recent call last):\n  File" not in error.split("pyzbpf: error:")[0]


def test_a_known_limit_earns_advice(builder: Environment, example: Example) -> None:
    project = example("broken")
    with (project / "probes" / "loopback.zig").open("a") as file:
        file.write("export fn quotient(a: i64, b: i64) i64 {\n    return @divTrunc(a, b);\n}\n")
    error = refused(builder, project)
    assert "unsupported signed division" in error
    assert "BPF has signed division only from CPU v4 (Linux 6.6)." in error


def test_one_byte_order(builder: Environment, example: Example, tmp_path: Path) -> None:
    project = example("host")
    edit(
        project / "pyproject.toml",
        "[tool.pyzbpf]",
        '[tool.pyzbpf]\nendian = "host"\npackage = "loopback.probes"',
    )
    wheel = builder.build_wheel(project, tmp_path / "out")
    found = contents(wheel)
    assert re.search(r"-py3-none-(?!any)\w+\.whl$", wheel.name), "for machines like this one"
    machine = "bpfel" if sys.byteorder == "little" else "bpfeb"
    assert [name for name in found if name.endswith(".o")] == [f"loopback/probes/loopback.{machine}.o"]
    assert "loopback/probes/_pyzbpf_index.py" in found


@pytest.mark.parametrize("generator", GENERATORS)
def test_editable_follows_the_sources(
    installed: Path, tool_site: Path, example: Example, tmp_path: Path, generator: str
) -> None:
    """With editable.rebuild an import compiles what changed: a probe, its imports, a new probe; and forgets a removed one."""
    need(generator)
    project = example("edited")
    environment = Environment(tmp_path / "editable", installed, tool_site)
    environment.run(
        "-m", "pip", "install", "--no-deps", "--no-build-isolation",
        "--config-settings=build-dir=tree", "--config-settings=editable.rebuild=true",
        "-e", project,
        environment={"CMAKE_GENERATOR": generator},
    )  # fmt: skip

    def programs(probe: str = "loopback") -> list[str]:
        code = f"import pyzbpf; print(*pyzbpf.open('loopback:{probe}').programs)"
        return environment.run("-c", code).stdout.split()  # of ours alone: the build prints nothing there

    assert programs() == ["watch"]
    source = project / "probes" / "loopback.zig"
    # Same size, same second: CMake's own check would leave the old object in place.
    for name in ("catch", "match", "watch"):
        source.write_text(re.sub(r"export fn \w+", f"export fn {name}_", source.read_text()))
        assert programs() == [f"{name}_"]
    second = project / "probes" / "second.zig"
    second.write_text(source.read_text().replace("watch_", "other"))
    assert programs("second") == ["other"]
    second.rename(second.with_name("third.zig"))
    code = "import pyzbpf.spec.open as o; print(*o.probes('loopback'))"
    assert environment.run("-c", code).stdout == "loopback third\n"
    assert programs("third") == ["other"]
    listed = environment.run("-m", "pyzbpf", "list").stdout.split()
    assert [target for target in listed if target.startswith("loopback:")] == [
        "loopback:loopback",
        "loopback:third",
    ]
    left = {
        path.name.partition("_skel")[0].partition(".")[0]
        for path in (project / "tree" / "install").rglob("*.*")
    }
    assert left == {"_pyzbpf_index", "loopback", "third"}
    good = source.read_text()
    source.write_text(good.replace("ctx.len,", "ctx.size,"))
    done = environment.run("-m", "pyzbpf", "inspect", "loopback:loopback", "--json", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "probes/loopback.zig:17:23: error: no field named 'size' in struct '" in done.stderr
    assert "pyzbpf: error: package 'loopback' cannot be imported: Command '['cmake', " in done.stderr
    assert "Traceback" not in done.stderr
    source.write_text(good + "// mended\n")
    done = environment.run("-m", "pyzbpf", "inspect", "loopback:loopback", "--json")
    assert [probe["name"] for probe in json.loads(done.stdout)] == ["loopback"]


@pytest.mark.kernel
@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(os, "geteuid") or os.geteuid() != 0,
    reason="loading a probe needs Linux and root: run as root",
)
def test_the_example_runs(
    builder: Environment, installed: Path, tool_site: Path, example: Example, tmp_path: Path
) -> None:
    built = builder.build_wheel(example("run"), tmp_path / "out")
    environment = Environment(tmp_path / "user", built, installed, tool_site)
    done = environment.run(
        "-c", "import loopback, sys; sys.exit(loopback.main())", "--count", "3", "--duration", "10"
    )
    assert len(done.stdout.splitlines()) == 3
    assert all(
        re.fullmatch(r"\d+ \d+ bytes, protocol 0x[0-9a-f]{4}", line) for line in done.stdout.splitlines()
    )
