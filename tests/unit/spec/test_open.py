"""`pyzbpf.open`: paths, bytes, packages in folders and zips, with and without an index."""

from __future__ import annotations

import errno
import importlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import pyzbpf
from pyzbpf.errors import NotFoundError, ObjectError
from pyzbpf.finish.pipeline import finish
from pyzbpf.spec.index import from_index, to_index
from pyzbpf.spec.open import probe_name, probes
from tests.support.objects import sample

ENDIANS = ["little", "big"]


def finished(endian: str) -> bytes:
    return finish(sample(endian, relocate_by_section=True, linkage=0), file="probe.zig", name="probe")


def package(folder: Path, name: str, *, index: bool, endians: list[str] = ENDIANS) -> Path:
    root = folder / name
    root.mkdir(parents=True)
    (root / "__init__.py").write_text("")
    entries = {}
    for endian in endians:
        data = finished(endian)
        suffix = {"little": "bpfel", "big": "bpfeb"}[endian]
        (root / f"probe.{suffix}.o").write_bytes(data)
        entries[endian] = to_index(data, file="probe", name="probe")
    if index:
        (root / "_pyzbpf_index.py").write_text(f"PROBES = {{'probe': {entries!r}}}\n")
    return root


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    return tmp_path


def facts(spec: pyzbpf.ObjectSpec) -> object:
    """Everything a spec says, as comparable values."""

    def slots(thing: object) -> dict[str, object]:
        names = [n for n in type(thing).__slots__ if not n.startswith("_") and n not in ("map", "references")]
        return {name: getattr(thing, name) for name in names}

    functions = [
        (slots(f), [slots(r) | {"kind": r.kind} for r in f.references]) for f in spec.functions.values()
    ]
    return (
        spec.name, spec.endian, spec.license, spec.btf and spec.btf.data,
        [slots(p) for p in spec.programs.values()], [slots(m) for m in spec.maps.values()], repr(functions),
        [(slots(v), v.map.name) for v in spec.variables.values()],
    )  # fmt: skip


@pytest.mark.parametrize("endian", ENDIANS)
def test_bytes_and_paths(tmp_path: Path, endian: str) -> None:
    data = finished(endian)
    path = tmp_path / "hello.bpfel.o"
    path.write_bytes(data)
    spec = pyzbpf.open(path)
    assert (spec.name, spec.file, spec.endian) == ("hello", str(path), endian)
    assert pyzbpf.open(str(path)).programs.keys() == pyzbpf.open(data).programs.keys() == {"prog"}
    with pyzbpf.open(data) as again:
        assert again.license == "GPL"


@pytest.mark.parametrize("index", [True, False])
def test_a_package_gives_the_object_of_the_byte_order(on_path: Path, index: bool) -> None:
    name = f"pkg_{'indexed' if index else 'plain'}"
    package(on_path, name, index=index)
    assert pyzbpf.open(f"{name}:probe").endian == sys.byteorder
    assert pyzbpf.open(f"{name}:probe", endian="big").endian == "big"
    assert list(probes(name)) == ["probe"]


@pytest.mark.parametrize("endian", ENDIANS)
def test_the_index_says_what_the_object_says(endian: str) -> None:
    data = finished(endian)
    entry = eval(repr(to_index(data, file="a", name="a")))
    spec = from_index(entry, data, file="a", name="a")
    assert spec is not None
    plain = pyzbpf.open(data)
    plain.name = "a"
    assert facts(spec) == facts(plain)
    assert spec.variables["limit"].value == 7


def test_index_and_object_must_belong_together() -> None:
    data = finished("little")
    entry = to_index(data, file="a", name="a")
    changed = data[:-1] + bytes([data[-1] ^ 1])
    with pytest.raises(ObjectError, match="do not belong together"):
        from_index(entry, changed, file="a", name="a")
    assert from_index({**entry, "format": 0}, data, file="a", name="a") is None


def test_an_index_of_another_format_falls_back_to_the_object(on_path: Path) -> None:
    root = package(on_path, "pkg_old", index=False)
    (root / "_pyzbpf_index.py").write_text(
        "PROBES = {'probe': {'little': {'format': 0}, 'big': {'format': 0}}}\n"
    )
    assert list(pyzbpf.open("pkg_old:probe").programs) == ["prog"]


def test_with_an_index_nothing_parses_elf(on_path: Path) -> None:
    package(on_path, "pkg_fast", index=True)
    script = (
        "import sys, pyzbpf\n"
        "spec = pyzbpf.open('pkg_fast:probe')\n"
        "spec.variables['limit'].value = 9\n"
        "assert list(spec.programs) == ['prog']\n"
        "bad = {'elftools', 'typing', 'enum', 'dataclasses', 'argparse', 'logging', 'numpy', 'ctypes'} & set(sys.modules)\n"
        "assert not bad, bad\n"
    )
    root = Path(pyzbpf.__file__).parent.parent
    # -S: site-packages' .pth files of development tools may import anything.
    subprocess.run(
        [sys.executable, "-S", "-c", script], check=True, cwd=on_path, env={"PYTHONPATH": f"{on_path}:{root}"}
    )


def test_a_package_inside_a_zip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, "pkg_zipped", index=True)
    archive = tmp_path / "site.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for file in (tmp_path / "pkg_zipped").iterdir():
            target.write(file, f"pkg_zipped/{file.name}")
    monkeypatch.syspath_prepend(str(archive))
    spec = pyzbpf.open("pkg_zipped:probe")
    assert list(spec.programs) == ["prog"] and "site.zip" in spec.file


def test_what_does_not_exist_is_named(on_path: Path) -> None:
    package(on_path, "pkg_one", index=True, endians=["big" if sys.byteorder == "little" else "little"])
    with pytest.raises(NotFoundError, match=r"no package 'no_such_package' is installed"):
        pyzbpf.open("no_such_package:probe")
    with pytest.raises(NotFoundError, match=r"has no probe 'wrong'[\s\S]*it holds: probe"):
        pyzbpf.open("pkg_one:wrong")
    with pytest.raises(
        NotFoundError,
        match=r"has no probe 'probe' for .*\n  its wheel was built for the other byte order only",
    ):
        pyzbpf.open("pkg_one:probe")
    with pytest.raises(
        NotFoundError, match=r"has no probe 'porbe'.*\n  did you mean probe\? it holds: probe"
    ):
        pyzbpf.open("pkg_one:porbe")
    with pytest.raises(NotFoundError, match=r"'pkg-one' is no name of a package\n  .*: pkg_one:probe"):
        pyzbpf.open("pkg-one:probe")
    with pytest.raises(NotFoundError, match=r"holds no probes at all; was it built with pyzbpf\? \(.*json"):
        pyzbpf.open("json:probe")
    with pytest.raises(NotFoundError, match=r"does/not/exist\.o: cannot be read: No such file"):
        pyzbpf.open("does/not/exist.o")
    with pytest.raises(NotFoundError, match="cannot be read"):
        pyzbpf.open(on_path)


@pytest.mark.parametrize("name", ["probe.zig", "probe.c"])
def test_a_source_is_no_object(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("const x = 1;")
    with pytest.raises(
        ObjectError, match=rf"is the source of a probe.*\n  build it first: pyzbpf build .*/{name}"
    ):
        pyzbpf.open(tmp_path / name)


def test_a_file_that_may_not_be_read_says_whose_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object) -> object:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(NotFoundError, match="Permission denied\n  The file's owner and mode"):
        pyzbpf.open(tmp_path / "x.o")


def test_a_package_that_fails_to_import_says_so_itself(on_path: Path) -> None:
    (on_path / "pkg_broken.py").write_text("import not_there_at_all\n")
    with pytest.raises(ModuleNotFoundError, match="not_there_at_all"):
        pyzbpf.open("pkg_broken:probe")


@pytest.mark.parametrize(
    ("path", "name"),
    [("a/hello.bpfel.o", "hello"), ("hello.bpfeb.o", "hello"), ("x.bpf.o", "x"), ("y.o", "y"), ("z", "z")],
)
def test_probe_name(path: str, name: str) -> None:
    assert probe_name(path) == name
