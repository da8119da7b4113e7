"""Debian's kernels and libraries of any architecture, through an apt root of our own.

The address of the archive is the one in the machine's own apt sources; the machine's apt is left as
it is. Point releases leave the archive after some time, so a kernel is asked for by its series and
the newest package at hand is taken when the tests run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from tests.vm import cache
from tests.vm.image import find_btf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Each architecture has a root of its own: where one index of a suite is broken, apt leaves out that
# suite for all of them.
SUITES = ("bullseye", "bookworm", "bookworm-backports", "trixie", "trixie-backports", "sid", "experimental")
FORMAT = 2  # of a kernel's folder in the cache; counted up when what is kept there changes
FRESH = 20 * 3600  # seconds for which the lists of packages are taken as they are
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Unavailable(Exception):
    """The archive does not have it, or cannot be reached; the message says what to do."""


class Kernel(NamedTuple):
    """A kernel in the archive, ``release`` as in ``uname -r``."""

    architecture: str
    release: str
    packages: tuple[str, ...]  # with the image and the configuration
    modules: str = ""  # the package of the modules, where they are apart


def stanzas(text: str, name: str) -> Iterator[tuple[list[str], list[str], list[str]]]:
    """(URIs, suites, components) of the sources in a file: both of apt's formats (sources.list(5))."""
    if name.endswith(".sources"):
        for block in re.split(r"\n\s*\n", text):
            block = "\n".join(line for line in block.splitlines() if not line.startswith("#"))
            fields = {
                key.lower(): value.split()
                for key, value in re.findall(r"^([\w-]+):((?:.|\n(?=[ \t]))*)", block, re.MULTILINE)
            }
            if "deb" in fields.get("types", []) and fields.get("enabled") != ["no"]:
                yield fields.get("uris", []), fields.get("suites", []), fields.get("components", [])
    else:
        for line in text.splitlines():
            found = re.match(r"\s*deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+([^#]+)", line)
            if found:
                yield [found[1]], [found[2]], found[3].split()


def archive_of(files: Iterable[tuple[str, str]]) -> str:
    """The address of Debian's archive in these (name, text) of apt's sources."""
    releases = {suite.partition("-")[0] for suite in SUITES} | {"stable", "testing", "unstable", "oldstable"}
    for name, text in files:
        for addresses, suites, components in stanzas(text, name):
            if addresses and "main" in components and releases & set(suites):
                return addresses[0]
    raise Unavailable(
        "no archive of Debian in the machine's apt sources: add one (`deb ADDRESS bookworm main`), "
        "or give a kernel by --kernel FILE"
    )


def archive() -> str:
    """The address of Debian's archive as this machine reaches it."""
    places = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    names = [path for path in places if path.suffix in (".list", ".sources") and path.is_file()]
    return archive_of((path.name, path.read_text()) for path in names)


def _configuration(root: Path, architecture: str) -> str:
    # How the machine reaches archives (proxies) holds for us, too.
    machine = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    reaching = [line for line in machine.splitlines() if re.match(r"Acquire::(http|https|ftp)::", line)]
    return "\n".join([
        f'Dir "{root}/";',
        f'Dir::State "{root}/state";',
        f'Dir::State::status "{root}/status";',
        f'Dir::Cache "{root}/cache";',
        f'Dir::Etc "{root}/etc";',
        f'APT::Architecture "{architecture}";',
        f'APT::Architectures {{"{architecture}";}};',
        'APT::Sandbox::User "root";',
        'Acquire::Languages "none";',
        'Acquire::GzipIndexes "true";',
        'Acquire::Retries "3";',
        *reaching,
        "",
    ])  # fmt: skip


def _root(architecture: str) -> Path:
    """The apt root of an architecture, its lists of packages no older than a day."""
    root = cache.folder() / "apt" / architecture
    with cache.locked(f"apt-{architecture}"):
        for part in ("state/lists/partial", "cache/archives/partial", "etc/sources.list.d",
                     "etc/preferences.d", "etc/apt.conf.d", "etc/trusted.gpg.d"):  # fmt: skip
            (root / part).mkdir(parents=True, exist_ok=True)
        (root / "status").touch()
        sources = (
            f"Types: deb\nURIs: {archive()}\nSuites: {' '.join(SUITES)}\nComponents: main\n"
            f"Architectures: {architecture}\nCheck-Valid-Until: no\nSigned-By: {KEYRING}\n"
        )
        file, stamp = root / "etc/sources.list.d/debian.sources", root / "updated"
        same = file.exists() and file.read_text() == sources
        if same and stamp.exists() and time.time() - stamp.stat().st_mtime < FRESH:
            return root
        file.write_text(sources)
        (root / "apt.conf").write_text(_configuration(root, architecture))
        stamp.unlink(missing_ok=True)
        # A suite that does not have this architecture, or is being renewed, is left out by apt.
        done = _run(root, "apt-get", "-q", "update")
        if not any((root / "state/lists").glob("*_Packages*")):
            raise Unavailable(
                f"apt-get update for {architecture} brought no list of packages:\n{done.stderr}"
            )
        stamp.touch()
    return root


def _run(root: Path, *command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "APT_CONFIG": str(root / "apt.conf"), "LC_ALL": "C.UTF-8"}
    return subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, check=False)


def numbers(release: str) -> tuple[int, ...]:
    """What orders releases: `6.12.107+deb13-cloud-amd64` -> (6, 12, 107, 13)."""
    return tuple(int(number) for number in re.findall(r"\d+", re.split(r"-[a-z]", release)[0]))


def choose(names: Iterable[str], architecture: str, series: str, flavour: str) -> list[Kernel]:
    """The kernels of a series ("6.12", or "newest" of all) among names of packages, the newest first.

    `flavour` is "" or "cloud". Raises Unavailable where there is none.
    """
    end = f"-{flavour}-{architecture}" if flavour else f"-{architecture}"
    known = set(names)
    releases = []
    for name in known:
        match = re.fullmatch(rf"linux-image-(\d[\d.]*(?:\+[\w.]+)?(?:-(?:\d+|rc\d+))?{end})", name)
        if match and (series == "newest" or numbers(match[1])[:2] == numbers(series)):
            releases.append(match[1])
    if not releases:
        nearest = sorted({numbers(name[12:])[:2] for name in known if name.startswith("linux-image-")
                          and name.endswith(end) and name[12].isdigit()})  # fmt: skip
        at_hand = ", ".join(".".join(map(str, pair)) for pair in nearest) or "none"
        raise Unavailable(f"the archive has no {architecture} kernel {series} any more; it has {at_hand}")
    return [_kernel(architecture, release, known) for release in sorted(releases, key=numbers, reverse=True)]


def _kernel(architecture: str, release: str, known: set[str]) -> Kernel:
    # From Linux 7 on Debian keeps the image and the modules in packages of their own.
    if f"linux-binary-{release}" in known:
        apart = (f"linux-binary-{release}", f"linux-base-{release}")
        return Kernel(architecture, release, apart, f"linux-modules-{release}")
    return Kernel(architecture, release, (f"linux-image-{release}",))


def resolve(architecture: str, series: str, flavour: str | None = None) -> Kernel:
    """The newest kernel of a series that can be had now, downloaded.

    ``architecture`` is Debian's word (amd64, arm64, s390x), ``series`` "6.12" or "newest", ``flavour``
    "cloud" (the default where Debian has it: the smallest) or "". While a point release comes or goes, a
    mirror may list a package that it does not hold: an older one of the series is as good. Raises Unavailable.
    """
    if flavour is None:
        flavour = "" if architecture == "s390x" else "cloud"
    listed = _run(_root(architecture), "apt-cache", "pkgnames", "linux-")
    refusals = []
    for kernel in choose(listed.stdout.split(), architecture, series, flavour):
        refusal = _refusal(kernel)
        if not refusal:
            return kernel
        refusals.append(refusal)
    raise Unavailable("\n".join(refusals))


def _refusal(kernel: Kernel) -> str:
    try:
        modules(kernel)
    except Unavailable as error:
        return str(error)
    return ""


def architecture() -> str:
    """Debian's word for this machine."""
    asked = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True)
    return asked.stdout.strip()


def unpack(architecture: str, packages: Iterable[str], folder: Path) -> None:
    """Download packages (`name`, or `name/suite`) and unpack them into a folder; nothing of them is run."""
    root = _root(architecture)
    debs = folder.parent / "debs"
    debs.mkdir()
    for package in packages:
        done = _run(root, "apt-get", "-q", "download", package, cwd=debs)
        found = list(debs.glob("*.deb"))
        if done.returncode or not found:
            raise Unavailable(f"apt-get download {package} ({architecture}): {done.stderr.strip()}")
        for deb in found:
            subprocess.run(["dpkg-deb", "-x", deb, folder], check=True)
            deb.unlink()
    debs.rmdir()


def image(kernel: Kernel) -> Path:
    """The kernel's image, ready to boot, downloaded if need be."""
    folder = cache.kept(f"kernels/{kernel.release}/image-{FORMAT}", lambda half: _take_image(kernel, half))
    return folder / "vmlinuz"


def _take_image(kernel: Kernel, half: Path) -> None:
    whole = half.parent / "whole"
    whole.mkdir()
    unpack(kernel.architecture, kernel.packages, whole)
    found = [*whole.glob("boot/vmlinu[xz]-*"), *whole.glob("usr/lib/modules/*/vmlinu[xz]*")]
    if not found:
        raise Unavailable(f"{kernel.packages[0]} ({kernel.architecture}) has no vmlinuz")
    shutil.copyfile(found[0], half / "vmlinuz")
    for path in [*whole.glob("boot/config-*"), *whole.glob("usr/lib/modules/*/config")]:
        shutil.copyfile(path, half / "config")
    if not kernel.modules:  # the modules came along; keep them beside, for modules()
        for place in ("lib/modules", "usr/lib/modules"):
            if (whole / place / kernel.release).is_dir():
                shutil.move(whole / place / kernel.release, half / "modules")


def configuration(kernel: Kernel) -> Path | None:
    """The options that the kernel was configured with, where its package has them."""
    found = image(kernel).parent / "config"
    return found if found.exists() else None


def modules(kernel: Kernel) -> Path:
    """The folder with the kernel's modules (as /lib/modules/RELEASE), downloaded if need be."""
    beside = image(kernel).parent / "modules"
    if beside.is_dir():
        return beside
    return cache.kept(f"kernels/{kernel.release}/modules-{FORMAT}", lambda half: _take_modules(kernel, half))


def _take_modules(kernel: Kernel, half: Path) -> None:
    whole = half.parent / "whole"
    whole.mkdir()
    unpack(kernel.architecture, [kernel.modules], whole)
    for place in ("lib/modules", "usr/lib/modules"):
        if (whole / place / kernel.release).is_dir():
            shutil.copytree(whole / place / kernel.release, half, dirs_exist_ok=True, symlinks=True)


def kernel_btf(kernel: Kernel) -> bytes:
    """The kernel's own type information (what /sys/kernel/btf/vmlinux holds), taken from its image.

    In the byte order of its architecture. Raises Unavailable where the kernel carries none.
    """

    def take(half: Path) -> None:
        found = find_btf(image(kernel).read_bytes())
        if found is None:
            raise Unavailable(f"{kernel.release} carries no type information (CONFIG_DEBUG_INFO_BTF)")
        (half / "vmlinux.btf").write_bytes(found)

    return (cache.kept(f"kernels/{kernel.release}/btf", take) / "vmlinux.btf").read_bytes()
