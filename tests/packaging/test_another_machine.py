"""The same objects from a machine of another kind: Zig's compiler for another processor, run by QEMU, in other folders."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import ziglang

from pyzbpf.build import sdk
from tests.support.require import missing
from tests.vm import cache

ROOT = Path(__file__).parents[2]
OTHER = "x86_64" if platform.machine() == "aarch64" else "aarch64"


def emulator() -> str:
    found = shutil.which(f"qemu-{OTHER}")
    return found or missing(
        "qemu-user", f"needs qemu-{OTHER}: apt-get install --no-install-recommends qemu-user"
    )


def compiler() -> Path:
    """Zig's compiler for the other processor, of the release that is installed here."""
    version = importlib.metadata.version("ziglang")

    def download(folder: Path) -> None:
        chosen = ("--only-binary=:all:", "--platform", f"manylinux_2_17_{OTHER}", f"ziglang=={version}")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, *chosen]
        subprocess.run(command, check=True, capture_output=True, text=True)
        (wheel,) = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        wheel.unlink()
        (folder / "ziglang" / "zig").chmod(0o755)

    try:
        return cache.kept(f"zig/{OTHER}-{version}", download) / "ziglang" / "zig"
    except subprocess.CalledProcessError as error:
        missing("qemu-user", f"needs the package ziglang for {OTHER}: {error.stderr}")


@pytest.mark.parametrize("endian", ["bpfel", "bpfeb"])
def test_objects_are_the_same_bytes(tmp_path: Path, endian: str) -> None:
    """The script that `build --keep` leaves is run again there, with copies of the sources."""
    run_there, other_zig = emulator(), compiler()
    source = ROOT / "examples" / "loopback" / "probes" / "loopback.zig"
    kept, there = tmp_path / "kept", tmp_path / "there"
    subprocess.run(
        [sys.executable, "-m", "pyzbpf", "build", source, "-o", tmp_path, "--keep", kept],
        check=True,
        cwd=ROOT,
    )
    shutil.copytree(sdk.module().parent, there / "zig")
    shutil.copytree(source.parent, there / "probes")
    script = (kept / f"loopback.{endian}.repeat.sh").read_text()
    zig = Path(ziglang.__file__).with_name("zig")
    for here, instead in (
        (f"{zig} build-obj", f"{run_there} {other_zig} build-obj"),
        (str(source.parent), str(there / "probes")),
        (str(sdk.module().parent), str(there / "zig")),
        (str(zig.with_name("lib")), str(other_zig.with_name("lib"))),
    ):
        assert here in script
        script = script.replace(here, instead)
    (there / "repeat.sh").write_text(script)
    subprocess.run(["sh", there / "repeat.sh"], check=True, cwd=ROOT)
    name = f"loopback.{endian}.o"
    assert (there / name).read_bytes() == (tmp_path / name).read_bytes()
