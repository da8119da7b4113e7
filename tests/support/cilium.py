"""cilium/ebpf as a witness: the programs in go/, built with Debian's own packages of it and of Go.

"bookworm" is what apt installs on Debian 12: 0.9.1, from 2022. "newest" is unpacked from the archive's
unstable suite with a Go that is new enough; nothing of it is installed.
"""

from __future__ import annotations

import functools
import gzip
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.support.require import missing
from tests.vm import cache, packages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SOURCES = Path(__file__).with_name("go")
PACKAGE = "golang-github-cilium-ebpf-dev"
SUITE = "sid"
EDITIONS = ("bookworm", "newest")


class Edition(NamedTuple):
    """A Go compiler with a cilium/ebpf, and which that is: "0.9.1"."""

    go: Path
    packages: Path
    version: str

    def load(self, path: Path, folder: Path | None = None) -> dict[str, Any]:
        """What it reads of an object, and with ``folder`` loads and pins there.

        ``error`` is "" or why it does not open it, ``refused`` has the programs that it does not load.
        """
        return self._run("load", path, *([folder] if folder else []))

    def relocate(self, path: Path, btf: Path) -> dict[str, Any]:
        """By program, each instruction with a CO-RE record, resolved for the types in a file."""
        return self._run("relocate", path, btf)

    def _run(self, name: str, *arguments: Path) -> dict[str, Any]:
        done = subprocess.run([_built(self, name), *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@functools.cache
def edition(name: str) -> Edition:
    """One of EDITIONS; skips the test where it is not to be had."""
    return {"bookworm": _installed, "newest": _unpacked}[name]()


def _installed() -> Edition:
    go = shutil.which("go")
    asked = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", PACKAGE], capture_output=True, text=True)
    if go is None or asked.returncode:
        missing("cilium", f"needs Go and cilium/ebpf: apt-get install golang-go {PACKAGE}")
    return Edition(Path(go), Path("/usr/share/gocode"), _upstream(asked.stdout))


def _unpacked() -> Edition:
    try:
        root = cache.kept("cilium", _take)
    except (packages.Unavailable, OSError) as error:
        missing("archive", f"needs Debian's archive, by apt: {error}")
    with gzip.open(root / f"usr/share/doc/{PACKAGE}/changelog.Debian.gz", "rt") as file:
        version = file.readline().partition("(")[2].partition(")")[0]
    (go,) = root.glob("usr/lib/go-*/bin/go")
    return Edition(go, root / "usr/share/gocode", _upstream(version))


def _take(folder: Path) -> None:
    def unpack(*names: str) -> None:
        packages.unpack(packages.architecture(), [f"{name}/{SUITE}" for name in names], folder)

    unpack(PACKAGE, "golang-golang-x-sys-dev", "golang-go")
    # golang-go is links to the Go of the day: /usr/bin/go -> ../lib/go-1.27/bin/go.
    release = (folder / "usr/bin/go").readlink().parts[-3]
    unpack(f"golang-{release.removeprefix('go-')}-go", f"golang-{release.removeprefix('go-')}-src")


def _upstream(version: str) -> str:
    return version.partition("-")[0].partition("+")[0]


@functools.cache
def _built(edition: Edition, name: str) -> Path:
    target = _folder() / f"{name}-{edition.version}"
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOFLAGS": "",
        "GOPATH": str(edition.packages),
        "GOTOOLCHAIN": "local",
        "GOCACHE": str(cache.folder() / "go-build"),
        "CGO_ENABLED": "0",
    }
    environment.pop("GOROOT", None)
    command = [edition.go, "build", "-o", target, SOURCES / f"{name}.go"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


@functools.cache
def _folder() -> Path:
    import atexit

    folder = tempfile.mkdtemp(prefix="pyzbpf-tests-go-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
