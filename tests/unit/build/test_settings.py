"""``[tool.pyzbpf]``: what is accepted, and how each mistake is refused."""

from __future__ import annotations

import pytest

from pyzbpf.build import settings
from pyzbpf.errors import BuildError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with two probes."""
    (tmp_path / "probes").mkdir()
    for name in ("second", "first"):
        (tmp_path / "probes" / f"{name}.zig").write_text("")
    (tmp_path / "README.md").write_text("")
    return tmp_path


def read(root: Path, name: str = "my-tool.x", **table: Any) -> settings.Settings:
    return settings.read({"project": {"name": name}, "tool": {"pyzbpf": table}}, root)


def test_defaults(root: Path) -> None:
    found = read(root, probes=["probes/*.zig"])
    assert list(found.probes) == ["first", "second"]
    assert found.probes["first"] == (root / "probes" / "first.zig").resolve()
    options = found.options["first"]
    assert (found.endian, options.mode, options.cpu) == ("both", "safe", "v3")
    assert (options.modules, options.include) == ({}, [])
    assert found.package == "my_tool_x"


def test_everything_set(root: Path) -> None:
    found = read(
        root, probes=["probes/first.zig"], endian="host", mode="small", cpu="v4", package="my.probes"
    )
    options = found.options["first"]
    assert (found.endian, options.mode, options.cpu, found.package) == ("host", "small", "v4", "my.probes")
    assert list(found.probes) == ["first"]


def test_one_probe_differs(root: Path) -> None:
    """[tool.pyzbpf.override.NAME] goes before [tool.pyzbpf], for that probe alone."""
    (root / "wire.zig").write_text("")
    found = read(
        root,
        probes=["probes/*.zig"],
        mode="small",
        modules={"wire": "wire.zig"},
        override={"second": {"cpu": "v4", "modules": {}, "include": ["probes"]}},
    ).options
    assert (found["first"].mode, found["first"].cpu, found["first"].include) == ("small", "v3", [])
    assert found["first"].modules == {"wire": (root / "wire.zig").resolve()}
    assert (found["second"].mode, found["second"].cpu, found["second"].modules) == ("small", "v4", {})
    assert found["second"].include == [(root / "probes").resolve()]


def test_overlapping_patterns_give_each_probe_once(root: Path) -> None:
    assert list(read(root, probes=["probes/*.zig", "**/first.zig"]).probes) == ["first", "second"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"probe": ["x"]}, r"has no key 'probe'; did you mean 'probes'\? Allowed: probes, endian, mode"),
        ({"zzz": 1, "probes": ["x"]}, r"has no key 'zzz'; Allowed: probes"),
        ({}, r"probes is missing; .* probes = \[\"probes/\*\.zig\"\]"),
        ({"probes": []}, "probes is empty"),
        ({"probes": "probes/*.zig"}, "probes must be a list of glob patterns"),
        ({"probes": [1]}, "probes must be a list of glob patterns"),
        ({"probes": ["nothing/*.zig"]}, r"probes: 'nothing/\*\.zig' matches no file below"),
        ({"probes": ["probes"]}, "probes: 'probes' matches no file below"),
        (
            {"probes": ["READ*"]},
            r"\[tool\.pyzbpf\] probes: 'READ\*': .*/README\.md: a probe is a \.zig or \.c file",
        ),
        ({"probes": ["/etc/*.zig"]}, r"'/etc/\*\.zig' must be a pattern below the project"),
        ({"probes": ["../*.zig"]}, r"'\.\./\*\.zig' must be a pattern below the project"),
        ({"probes": [""]}, "'' must be a pattern below the project"),
        ({"probes": ["probes/*"], "endian": "litle"}, "endian cannot be 'litle'; did you mean 'little'"),
        ({"probes": ["probes/*"], "endian": "Both"}, "endian cannot be 'Both'; did you mean 'both'"),
        ({"probes": ["probes/*"], "mode": "debug"}, "mode cannot be 'debug'; Allowed: safe, small, fast"),
        ({"probes": ["probes/*"], "cpu": 3}, r"cpu cannot be 3; did you mean 'v3'\? Allowed: v1, v2, v3, v4"),
        ({"probes": ["probes/*"], "cpu": ["v3"]}, r"cpu cannot be \['v3'\]"),
        ({"probes": ["probes/*"], "package": "a/b"}, r"not 'a/b'; did you mean 'a\.b'\?"),
        (
            {"probes": ["probes/*"], "package": "my-tool"},
            "package must be the dotted name of an import package",
        ),
        ({"probes": ["probes/*"], "package": 1}, "package must be the dotted name"),
        (
            {"probes": ["probes/*"], "package": "my.class"},
            r"package: no `import` can name 'my\.class', for 'class' is a word of Python's own; .* 'my\.class_'",
        ),
        (
            {"probes": ["probes/*"], "modules": ["x"]},
            r"modules must be Zig files by import name, .* not \['x'\]",
        ),
        ({"probes": ["probes/*"], "modules": {"x": 1}}, "modules must be Zig files by import name"),
        (
            {"probes": ["probes/*"], "modules": {"std": "probes/first.zig"}},
            "'std' cannot be the name of a module",
        ),
        (
            {"probes": ["probes/*"], "modules": {"x": "none.zig"}},
            r"modules: 'x': 'none\.zig' is no Zig file below",
        ),
        ({"probes": ["probes/*"], "include": "include"}, "include must be a list of directories"),
        ({"probes": ["probes/*"], "include": ["none"]}, "include: 'none' is no directory below"),
        ({"probes": ["probes/*"], "override": []}, "override must hold tables"),
        (
            {"probes": ["probes/*"], "override": {"frist": {}}},
            r"override\.frist\]: there is no probe 'frist'; did you mean 'first'",
        ),
        ({"probes": ["probes/*"], "override": {"first": 1}}, r"override\.first must be a table"),
        (
            {"probes": ["probes/*"], "override": {"first": {"endian": "big"}}},
            r"override\.first\] has no key 'endian'; Allowed: mode",
        ),
        (
            {"probes": ["probes/*"], "override": {"first": {"mode": "quick"}}},
            r"override\.first\] mode cannot be 'quick'",
        ),
    ],
)
def test_mistakes_are_refused_by_name(root: Path, table: dict[str, Any], message: str) -> None:
    with pytest.raises(BuildError, match=message):
        read(root, **table)


def test_a_package_that_the_project_has_not(root: Path) -> None:
    """Misspelt, it would be a new folder in the wheel, beside the package that asks for its probes."""
    assert read(root, probes=["probes/*"], package="nowhere").package == "nowhere", "it has objects alone"
    (root / "src" / "my_tool_x").mkdir(parents=True)
    with pytest.raises(
        BuildError,
        match=r"package: the project has no package 'nowhere\.probes', but 'my_tool_x' \(src/my_tool_x\); "
        r".* make the folder src/nowhere",
    ):
        read(root, probes=["probes/*"], package="nowhere.probes")
    assert read(root, probes=["probes/*"], package="my_tool_x.objects").package == "my_tool_x.objects"
    (root / "src" / "my_tool_x" / "probes").mkdir()
    with pytest.raises(
        BuildError, match=r"no package 'my_tool_x\.probse'; did you mean 'my_tool_x\.probes'\? If not, "
    ):
        read(root, probes=["probes/*"], package="my_tool_x.probse")
    table = {
        "pyzbpf": {"probes": ["probes/*"], "package": "other"},
        "scikit-build": {"wheel": {"packages": ["lib/other"]}},
    }
    assert settings.read({"project": {"name": "my-tool.x"}, "tool": table}, root).package == "other"
    (root / "nowhere").mkdir()
    assert read(root, probes=["probes/*"], package="nowhere.probes").package == "nowhere.probes"


def test_no_table(root: Path) -> None:
    with pytest.raises(BuildError, match=r"there is no \[tool\.pyzbpf\]; add it with"):
        settings.read({"project": {"name": "x"}}, root)
    with pytest.raises(BuildError, match=r"must be a table"):
        settings.read({"tool": {"pyzbpf": 1}}, root)


def test_two_files_of_one_name(root: Path) -> None:
    (root / "more").mkdir()
    (root / "more" / "first.c").write_text("")
    with pytest.raises(BuildError, match=r"two files would make probe 'first'.*first\.zig.*first\.c"):
        read(root, probes=["probes/*.zig", "more/*.c"])


def test_a_c_program_named_as_users_of_libbpf_do(root: Path) -> None:
    source = root / "probes" / "opens.bpf.c"
    source.write_text("")
    assert read(root, probes=["probes/*.bpf.c"]).probes == {"opens": source.resolve()}
    (root / "probes" / "opens.c").write_text("")
    with pytest.raises(BuildError, match="two files would make probe 'opens'"):
        read(root, probes=["probes/opens*"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("exec-snoop.zig", r"'exec-snoop' cannot be the name of a probe; .*'exec_snoop\.zig'"),
        ("2nd.zig", r"as in 'nd\.zig'"),
        ("notes.txt", r"a probe is a \.zig or \.c file"),
    ],
)
def test_names_of_probes(root: Path, name: str, message: str) -> None:
    (root / "odd").mkdir()
    (root / "odd" / name).write_text("")
    with pytest.raises(BuildError, match=message):
        read(root, probes=["odd/*"])


def test_load(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"pyproject\.toml: there is no such file"):
        settings.load(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool.pyzbpf\n")
    with pytest.raises(BuildError, match=r"pyproject\.toml: Expected"):
        settings.load(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool.pyzbpf]\nprobes = []\n")
    assert settings.load(tmp_path) == {"tool": {"pyzbpf": {"probes": []}}}
