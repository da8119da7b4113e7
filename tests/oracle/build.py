"""Build the objects that the loader is held against libbpf on: the C programs of `corpus` and every Zig probe.

    python -m tests.oracle.build FOLDER

Each program is compiled by `zig cc` and by every clang on the PATH (apt-get install clang-14 clang-16 clang-19
clang-22), for several instruction sets, and once without debug information where it can do without. Two of them are
linked by bpftool.
What a compiler cannot say is named, and left out.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from pyzbpf.build import compiler
from pyzbpf.errors import BuildError
from tests.support import c_probes, zig_probes

CORPUS = Path(__file__).with_name("corpus")
FOLDERS = (CORPUS, c_probes.FOLDERS[0])

_CLANGS = ("clang", *(f"clang-{number}" for number in range(13, 30)))
_PLAIN = {"legacy_maps", "no_license"}  # need no type information
_LINKED = ("linked_one", "linked_two")


class Compiler(NamedTuple):
    """``name`` is part of the objects' names, ``command`` compiles, ``cpus`` are the instruction sets asked for."""

    name: str
    command: tuple[str, ...]
    cpus: tuple[str, ...]


def compilers() -> list[Compiler]:
    """Zig's and every clang of another version."""
    zig = (str(compiler.find_zig()), "cc", "-target", "bpfel-freestanding")
    found = [Compiler("zig", zig, ("v1", "v2", "v3", "v4"))]
    seen = set()
    for name in _CLANGS:
        path = shutil.which(name)
        if path is None or (real := Path(path).resolve()) in seen:
            continue
        seen.add(real)
        found.append(Compiler(name, (path, "-target", "bpf"), ("v3",)))
    return found


def build(folder: Path) -> list[str]:
    """Build everything into the folder; what could not be built, with the compiler's first words."""
    folder.mkdir(parents=True, exist_ok=True)
    failed = []
    for one in compilers():
        for cpu in one.cpus:
            for source in sorted(path for place in FOLDERS for path in place.glob("*.c")):
                failed += _compile(one, source, cpu, folder)
        failed += _link(one, folder)
    for mode in zig_probes.MODES:
        for name in zig_probes.EVERY:
            try:
                path = zig_probes.path(name, mode)
            except BuildError as error:
                failed.append(f"{name} ({mode}): {str(error).splitlines()[0]}")
                continue
            shutil.copy(path, folder / f"{Path(name).name}.zig-{mode}.o")
    return failed


def _compile(one: Compiler, source: Path, cpu: str, folder: Path) -> list[str]:
    variants = [("", ("-g",))]
    if source.stem in _PLAIN:
        variants.append((".plain", ()))
    failed = []
    for suffix, options in variants:
        target = folder / f"{source.stem}.{one.name}-{cpu}{suffix}.o"
        command = [*one.command, "-O2", f"-mcpu={cpu}", "-w", *options, "-c", source, "-o", target]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            words = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr[:80])
            failed.append(f"{target.name}: {words}")
    return failed


def _link(one: Compiler, folder: Path) -> list[str]:
    bpftool = shutil.which("bpftool")
    if bpftool is None:
        return ["linked objects: there is no bpftool (apt-get install bpftool)"]
    cpu = one.cpus[-1]
    parts = [folder / f"{name}.{one.name}-{cpu}.o" for name in _LINKED]
    target = folder / f"linked.{one.name}-{cpu}.o"
    done = subprocess.run(
        [bpftool, "gen", "object", target, *parts], capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return []
    target.unlink(missing_ok=True)  # bpftool leaves an empty file, which would count as an object
    return [f"{target.name}: {done.stderr.strip()}"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.build", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    failed = build(arguments.folder)
    for line in failed:
        print(f"not built: {line}")
    print(f"{len(list(arguments.folder.glob('*.o')))} objects, {len(failed)} not built", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
