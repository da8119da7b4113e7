"""One probe, all the way: source -> raw object -> finished object -> file, replaced only if it changed.

CMake runs ``python -m pyzbpf.build.compile JOB.json`` for each probe, every time: compiling takes a
tenth of a second, and only the compiler knows which files a probe imports.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from pyzbpf.build import compiler, settings
from pyzbpf.errors import BuildError, Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

JOB_KEYS = ("source", "name", "endian", "mode", "cpu", "output_directory", "cache")


def build_probe(
    source: Path,
    *,
    endian: str = "both",
    mode: str = "safe",
    cpu: str = "v3",
    output_directory: Path,
    keep: Path | None = None,
    cache: Path | None = None,
    modules: Mapping[str, Path] | None = None,
    name: str | None = None,
) -> list[Path]:
    """Build the finished objects of one probe and return their paths.

    ``endian`` is "both", "host", "little" or "big"; ``mode`` "safe", "small" or "fast"; ``cpu`` "v1" to
    "v4". The objects are ``NAME.bpfel.o`` and ``NAME.bpfeb.o`` in ``output_directory``, where NAME
    is the source file's unless ``name`` says otherwise. ``keep`` is a directory that receives every
    stage of the build and a script that repeats it (`pyzbpf.build.keep`). ``cache`` is Zig's local cache (default: a temporary
    one), ``modules`` are further Zig modules by import name. Raises BuildError.
    """
    for key, value in (("endian", endian), ("mode", mode), ("cpu", cpu)):
        settings.check_choice(key, value)
    stem = settings.probe_name(source)
    if not source.is_file():
        raise BuildError(f"{source}: there is no such file")
    from pyzbpf.finish.pipeline import finish  # after the cheap checks: it is most of our import time

    zig = compiler.find_zig()
    written = []
    with tempfile.TemporaryDirectory(prefix="pyzbpf-") as directory:
        temporary = Path(directory)
        zig_cache = cache or temporary / "cache"
        for order in compiler.ENDIAN_CHOICES[endian]:
            file_name = f"{name or stem}.{compiler.ARCHITECTURES[order]}.o"
            raw = temporary / file_name
            command = compiler.compile_probe(
                source,
                raw,
                endian=order,
                mode=mode,
                cpu=cpu,
                cache=zig_cache,
                modules=modules,
                zig=zig,
            )
            data = raw.read_bytes()
            prefixes = compiler.path_prefixes(source, zig=zig, cache=zig_cache)
            lines = source_lines(source.parent)
            if keep is not None:
                from pyzbpf.build.keep import keep_stages

                keep_stages(
                    keep, data, command, source=source, raw=raw, endian=order, name=name or stem,
                    prefixes=prefixes, source_line=lines,
                )  # fmt: skip
            finished = finish(
                data, file=source.name, name=name or stem, endian=order, prefixes=prefixes, source_line=lines
            )
            target = output_directory / file_name
            replace(target, finished)
            written.append(target)
    return written


def source_lines(folder: Path) -> Callable[[str, int], str]:
    """The text of a line, counted from 1, of a file below the probe's folder; "" where there is none."""
    files: dict[str, list[str]] = {}

    def line(name: str, number: int) -> str:
        if name not in files:
            try:
                files[name] = (folder / name).read_text(encoding="utf-8", errors="replace").splitlines()
            except OSError:
                files[name] = []  # of the compiler, or a module from elsewhere
        return files[name][number - 1] if 0 < number <= len(files[name]) else ""

    return line


def replace(target: Path, data: bytes) -> bool:
    """Write ``data`` atomically, unless ``target`` holds it already; True if it was written."""
    try:
        if target.read_bytes() == data:
            return False
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        temporary.chmod(0o644)  # mkstemp makes a private file
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return True


def report(error: Error) -> None:
    """The compiler's own words first, unchanged, then ours."""
    if isinstance(error, BuildError) and error.output:
        sys.stderr.write(error.output if error.output.endswith("\n") else error.output + "\n")
    print(f"pyzbpf: error: {error}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Do the job that a JSON file describes; errors go to stderr."""
    try:
        (path,) = arguments
        job = json.loads(Path(path).read_text(encoding="utf-8"))
        if set(job) != set(JOB_KEYS):
            raise BuildError(f"{path}: must have the keys {', '.join(JOB_KEYS)}, not {', '.join(job)}")
        build_probe(
            Path(job["source"]),
            name=job["name"],
            endian=job["endian"],
            mode=job["mode"],
            cpu=job["cpu"],
            output_directory=Path(job["output_directory"]),
            cache=Path(job["cache"]),
        )
    except Error as error:
        report(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
