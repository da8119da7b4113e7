"""Files of programs and libraries below another root directory, as a process in a container sees them."""

from __future__ import annotations

import shutil
import struct
import sys
from pathlib import Path

import pytest

from pyzbpf.elf import library
from pyzbpf.errors import NotFoundError

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"),
    reason="files are found as Linux's dynamic linker does; run it there",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A container's files: a library by an absolute link, and one that its loader's cache names."""
    for folder in ("lib", "usr/lib/deep", "usr/bin", "etc"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(sys.executable, tmp_path / "usr/lib/deep/libtool.so.1.2")  # for this machine
    (tmp_path / "lib/libtool.so.1").symlink_to("/usr/lib/deep/libtool.so.1.2")
    (tmp_path / "lib/other.so").write_text("a script of the linker")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/lib/libtool.so.1", "usr/lib/deep/libtool.so.1.2"),
        ("/lib/../usr/./lib/deep/libtool.so.1.2", "usr/lib/deep/libtool.so.1.2"),
        ("/../../etc/passwd", "etc/passwd"),
        ("/no/such/file", "no/such/file"),
    ],
)
def test_paths_stay_below_the_root(root: Path, path: str, found: str) -> None:
    assert library.within(str(root), path) == str(root / found)
    assert library.within("", path) == library.within("/", path) == path


def test_links_that_go_round(root: Path) -> None:
    (root / "lib/round").symlink_to("/lib/round")
    assert library.within(str(root), "/lib/round") == str(root / "lib/round")


def test_libraries_without_a_cache(root: Path) -> None:
    found = str(root / "usr/lib/deep/libtool.so.1.2")
    assert library.find("libtool.so.1", str(root)) == library.find("libtool", str(root)) == found
    assert library.find("tool", str(root)) == found
    (root / "lib/no-linux-gnu").mkdir()
    shutil.copy(sys.executable, root / "lib/no-linux-gnu/libdeep.so.2")
    assert library.find("deep", str(root)) == str(root / "lib/no-linux-gnu/libdeep.so.2")
    with pytest.raises(NotFoundError, match=f"no program or shared library 'other.so' below '{root}'"):
        library.find("other.so", str(root))  # it is for no machine


def test_libraries_of_the_cache(root: Path) -> None:
    names = b"libcached.so.3\0/lib/libtool.so.1\0"
    head = struct.pack("=20sII20x", b"glibc-ld.so.cache1.1", 1, len(names))
    entry = struct.pack("=iIIIQ", 0, len(head) + 24, len(head) + 24 + 15, 0, 0)
    (root / "etc/ld.so.cache").write_bytes(head + entry + names)
    assert library.find("libcached", str(root)) == str(root / "usr/lib/deep/libtool.so.1.2")


def test_programs(root: Path) -> None:
    shutil.copy(sys.executable, root / "usr/bin/mytool")
    assert library.find("mytool", str(root)) == str(root / "usr/bin/mytool")
