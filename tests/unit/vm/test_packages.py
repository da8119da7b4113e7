"""Which package is the kernel that was asked for, and where the archive is."""

from __future__ import annotations

import lzma
import struct
import subprocess
import zlib
from pathlib import Path

import pytest

from tests.vm import cache, image, packages

ARCHIVE = """
linux-image-5.10.0-30-cloud-amd64 linux-image-5.10.0-32-amd64 linux-image-5.10.0-32-cloud-amd64
linux-image-6.1.0-50-cloud-amd64-unsigned linux-image-6.1.0-9-cloud-amd64 linux-image-6.1.0-47-rt-amd64
linux-image-6.12.9+bpo-cloud-amd64 linux-image-6.12.107+deb13-cloud-amd64 linux-image-6.12.107+deb13-cloud-amd64-dbg
linux-image-6.12.95+deb12-amd64 linux-image-7.2.13+deb14-cloud-amd64 linux-binary-7.2.13+deb14-cloud-amd64
linux-image-7.3-rc5-cloud-amd64 linux-image-cloud-amd64 linux-headers-9.9-cloud-amd64
"""
NAMES = ARCHIVE.split()


@pytest.mark.parametrize(
    ("series", "flavour", "release"),
    [
        ("5.10", "cloud", "5.10.0-32-cloud-amd64"),
        ("5.10", "", "5.10.0-32-amd64"),
        ("6.1", "cloud", "6.1.0-9-cloud-amd64"),
        ("6.12", "cloud", "6.12.107+deb13-cloud-amd64"),
        ("6.12", "", "6.12.95+deb12-amd64"),
        ("newest", "cloud", "7.3-rc5-cloud-amd64"),
    ],
)
def test_the_newest_of_a_series(series: str, flavour: str, release: str) -> None:
    assert packages.choose(NAMES, "amd64", series, flavour)[0].release == release


def test_a_kernel_that_the_mirror_lists_but_does_not_hold_gives_way_to_an_older_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def modules(kernel: packages.Kernel) -> Path:
        if kernel.release in gone:
            raise packages.Unavailable(f"{kernel.release}: 404 Not Found")
        return tmp_path

    listed = subprocess.CompletedProcess([], 0, stdout=ARCHIVE)
    monkeypatch.setattr(packages, "_root", lambda _: tmp_path)
    monkeypatch.setattr(packages, "_run", lambda *_: listed)
    monkeypatch.setattr(packages, "modules", modules)
    gone = {"6.12.107+deb13-cloud-amd64"}
    assert packages.resolve("amd64", "6.12").release == "6.12.9+bpo-cloud-amd64"
    gone.add("6.12.9+bpo-cloud-amd64")
    with pytest.raises(packages.Unavailable, match=r"6\.12\.107.*404.*\n6\.12\.9.*404"):
        packages.resolve("amd64", "6.12")


def test_image_and_modules_apart() -> None:
    (found,) = packages.choose(NAMES, "amd64", "7.2", "cloud")
    release = "7.2.13+deb14-cloud-amd64"
    assert found.packages == (f"linux-binary-{release}", f"linux-base-{release}")
    assert found.modules == f"linux-modules-{release}"


def test_a_series_that_is_gone_names_what_is_there() -> None:
    with pytest.raises(
        packages.Unavailable, match=r"no amd64 kernel 6\.6 .*it has 5\.10, 6\.1, 6\.12, 7\.2, 7\.3"
    ):
        packages.choose(NAMES, "amd64", "6.6", "cloud")
    with pytest.raises(packages.Unavailable, match="it has none"):
        packages.choose(NAMES, "arm64", "6.1", "cloud")


DEB822 = """\
# a comment
Types: deb
# URIs: http://old.example/debian
URIs: http://one.example/debian-security
Suites: bookworm-security
Components: main

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb deb-src
URIs:
 http://two.example/debian
 http://three.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
"""
LINES = """\
# deb http://off.example/debian bookworm main
deb [signed-by=/k arch=amd64] http://four.example/debian/ trixie main # contrib
"""


def test_the_archive_in_both_formats() -> None:
    assert packages.archive_of([("debian.sources", DEB822)]) == "http://two.example/debian"
    assert packages.archive_of([("sources.list", LINES)]) == "http://four.example/debian/"
    other = ("other.list", "deb http://five.example/ubuntu noble main\n")
    assert packages.archive_of([other, ("sources.list", LINES)]) == "http://four.example/debian/"
    with pytest.raises(packages.Unavailable, match="--kernel FILE"):
        packages.archive_of([other])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("pack", [bytes, lzma.compress, lambda data: zlib.compress(data, 1, 31)])
def test_types_are_found_in_an_image(order: str, pack) -> None:
    length = image.SMALLEST
    header = image.BTF_MAGIC[order] + struct.pack(order + "4I", 0, length, length, 100)
    types = header + bytes(range(256)) * (length // 256) + bytes(100)
    small = image.BTF_MAGIC[order] + struct.pack(order + "4I", 0, 8, 8, 8) + bytes(16)
    inside = b"code" * 99 + small + image.BTF_MAGIC[order] + bytes(16) + types + b"more code"
    assert image.find_btf(b"setup \x1f\x8b\x08" + pack(inside) + b"signature") == types
    assert image.find_btf(b"setup" + pack(inside[:-2000])) is None


def test_a_command_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert image.find_btf(b"no payload") is None
    with pytest.raises(FileNotFoundError, match="apt-get install zstd"):
        image.find_btf(b"setup" + image.ZSTD + bytes(64))


def test_what_was_interrupted_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYZBPF_VM_CACHE", str(tmp_path))

    def interrupted(half: Path) -> None:
        (half / "file").write_text("a part")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.kept("thing", interrupted)
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != "locks"] == []
    made = cache.kept("thing", lambda half: (half / "file").write_text("whole"))
    assert (made / "file").read_text() == "whole"
    assert cache.kept("thing", interrupted) == made
