"""libbpf's word on an object: the C program beside this file, compiled against the libbpf that is asked for."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support import bpf_fs

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).with_name("libbpf_says.c")
_SECONDS = (
    600  # for one object; the verifier takes half a minute for the slowest of the kernel's, several times
)


class Unavailable(Exception):
    """No libbpf can be asked here; the text says what to install."""


class Libbpf:
    """A libbpf: Debian's, or the one installed below ``prefix`` (its `include` and `lib` or `lib64`)."""

    def __init__(self, folder: Path, prefix: Path | None = None) -> None:
        self._program = folder / "libbpf_says"
        self._environment = dict(os.environ)
        options: list[str] = []
        if prefix is not None:
            library = next(
                (p for name in ("lib64", "lib") if (p := prefix / name / "libbpf.so").exists()), None
            )
            if library is None:
                raise Unavailable(f"there is no libbpf.so below {prefix}")
            options = [f"-I{prefix / 'include'}", f"-L{library.parent}"]
            self._environment["LD_LIBRARY_PATH"] = str(library.parent)
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None:
            raise Unavailable("needs a C compiler and libbpf: apt-get install gcc libbpf-dev")
        done = subprocess.run(
            [compiler, "-O1", "-Wall", "-Werror", *options, SOURCE, "-lbpf", "-o", self._program],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise Unavailable(f"needs libbpf 1.x: apt-get install libbpf-dev\n{done.stderr}")

    def ask(self, path: Path, pins: Path) -> dict[str, Any]:
        """What it makes of the object; ``crashed`` says how it ended, where it did not answer."""
        try:
            done = subprocess.run(
                [self._program, path, pins], env=self._environment, capture_output=True, timeout=_SECONDS, check=False
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return {"crashed": f"no answer in {_SECONDS} s"}
        try:
            return json.loads(done.stdout)  # type: ignore[no-any-return]
        except json.JSONDecodeError:
            return {"crashed": f"status {done.returncode}"}


class Pins(NamedTuple):
    """A BPF file system for the maps that an object pins, emptied between loads."""

    path: Path

    def clear(self) -> None:
        for name in self.path.iterdir():
            name.unlink()


@contextlib.contextmanager
def pins() -> Iterator[Pins]:
    with (
        tempfile.TemporaryDirectory(prefix="pyzbpf-oracle-") as folder,
        bpf_fs.mounted(Path(folder) / "bpf") as root,
    ):
        own = root / "pins"  # the kernel may keep files of its own in the root (CONFIG_BPF_PRELOAD)
        own.mkdir()
        yield Pins(own)
