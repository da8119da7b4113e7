"""What runs above the kernel: Debian's Python with numpy, busybox, iproute2 and bpftool, as an initramfs.

Nothing of the packages is run; they are unpacked, and what no test needs is left out.
"""

from __future__ import annotations

import compileall
import hashlib
import lzma
import py_compile
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.vm import cache, cpio, packages

SUITE, PYTHON = "bookworm", "3.11"
PACKAGES = (
    "libc6", "libgcc-s1", "zlib1g", "libexpat1", "libffi8", "liblzma5", "libbz2-1.0",
    f"libpython{PYTHON}-minimal", f"libpython{PYTHON}-stdlib", f"python{PYTHON}-minimal",
    "busybox-static",
    "iproute2", "libbpf1", "libelf1", "libmnl0", "libbsd0", "libmd0", "libcap2", "libselinux1",
    "libpcre2-8-0", "libxtables12",
    "bpftool", "util-linux", "libcap-ng0",
    "python3-numpy", "libblas3", "liblapack3", "libgfortran5", "libstdc++6",
)  # fmt: skip
ALSO = {"amd64": ("libquadmath0",)}  # of one architecture
# What their packages choose among several of when they are installed.
LINKS = {"libblas.so.3": "blas", "liblapack.so.3": "lapack"}
COMMANDS = ("sh", "ash", "mount", "umount", "mkdir", "insmod", "poweroff", "true", "false", "sleep", "cat",
            "ls", "ps", "dmesg", "echo", "uname", "touch", "ln", "cp", "rm", "kill", "id", "head", "tail",
            "grep", "env", "ping", "nc", "unshare", "nsenter")  # fmt: skip
SUPERFLUOUS = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/lintian", "usr/share/bug",
               "usr/share/bash-completion", "usr/share/python3", *(f"usr/lib/python{PYTHON}/{name}" for name in
               ("ensurepip", "idlelib", "lib2to3", "turtledemo", "pydoc_data", "test", "tkinter",
                "lib-dynload/_codecs_*")), "usr/lib/*/gconv", "usr/share/gdb", "usr/share/gcc",
               *(f"usr/lib/python3/dist-packages/numpy/{name}" for name in
                 ("*/tests", "*/*/tests", "tests", "distutils", "f2py")))  # fmt: skip
# Modules that tests need where the kernel does not have them built in
MODULES = ("af_packet", "veth", "dummy", "sch_ingress", "cls_bpf", "cls_matchall", "act_bpf", "netkit")


def same_python() -> bool:
    """Whether this Python compiles for the guest's: bytecode is the same within 3.11, on every machine."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}" == PYTHON


def compile_all(folder: Path, strip: Path) -> None:
    """Bytecode beside the sources, taken unchecked: compiling is slow in a guest."""
    if same_python():
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        compileall.compile_dir(folder, quiet=2, stripdir=str(strip), invalidation_mode=mode, workers=1)


def base(architecture: str) -> Path:
    """The archive with the userland of an architecture, made if need be."""
    key = hashlib.sha256(Path(__file__).read_bytes() + Path(cpio.__file__).read_bytes()).hexdigest()[:12]
    folder = cache.kept(f"userland/{architecture}-{key}", lambda half: _make(architecture, half))
    return folder / "base.cpio"


def _make(architecture: str, half: Path) -> None:
    root = half.parent / "root"
    root.mkdir()
    names = (*PACKAGES, *ALSO.get(architecture, ()))
    packages.unpack(architecture, (f"{name}/{SUITE}" for name in names), root)
    for pattern in SUPERFLUOUS:
        for path in root.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name in ("proc", "sys", "dev", "tmp", "run", "root", "etc", "usr/bin", "usr/sbin", "sbin"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "usr/bin/python3").symlink_to(f"python{PYTHON}")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    for name in COMMANDS:
        (root / "bin" / name).unlink(missing_ok=True)
        (root / "bin" / name).symlink_to("busybox")
    for name, folder in LINKS.items():
        for path in (root / "usr/lib").glob(f"*/{folder}/{name}"):
            (path.parents[1] / name).symlink_to(f"{folder}/{name}")
    for folder in (f"usr/lib/python{PYTHON}", "usr/lib/python3/dist-packages"):
        compile_all(root / folder, root)
    cpio.pack(root, half / "base.cpio")


def _found(folder: Path, name: str) -> Path | None:
    # A module's file may be written with `-` or `_`.
    pattern = re.sub("[-_]", "[-_]", name)
    return next(iter(sorted(folder.rglob(f"{pattern}.ko*"))), None)


def _module(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix == ".xz":
        return lzma.decompress(data)
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dcq"], input=data, capture_output=True, check=True).stdout
    return data


def in_order(folder: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """Modules and those they depend on, each after what it needs; built-in and missing ones are left out."""
    order: dict[str, bytes] = {}

    def add(name: str) -> None:
        name = name.replace("-", "_")
        path = None if name in order else _found(folder, name)
        if path is None:
            return
        data = _module(path)
        found = re.search(rb"\0depends=([^\0]*)\0", data)
        for needed in (found[1] if found else b"").decode().split(","):
            if needed:
                add(needed)
        order[name] = data

    for name in names:
        add(name)
    return order


def modules(kernel: packages.Kernel) -> Path:
    """The archive with the kernel's modules that tests need, in /modules, and its configuration in /boot."""

    def make(half: Path) -> None:
        root = half.parent / "root"
        (root / "modules").mkdir(parents=True)
        for place, (name, data) in enumerate(in_order(packages.modules(kernel), MODULES).items()):
            (root / "modules" / f"{place:02}-{name}.ko").write_bytes(data)
        configuration = packages.configuration(kernel)
        if configuration is not None:
            (root / "boot").mkdir()
            shutil.copyfile(configuration, root / "boot" / f"config-{kernel.release}")
        cpio.pack(root, half / "modules.cpio")

    key = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    return cache.kept(f"kernels/{kernel.release}/initramfs-{packages.FORMAT}-{key}", make) / "modules.cpio"
