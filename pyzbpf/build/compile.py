"""One probe, all the way: source -> raw object -> finished object -> file, replaced only if it changed.

CMake runs ``compile JOB.json`` for a probe when one of its files has changed (`run_job`).
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import zlib
from pathlib import Path

from pyzbpf.build import compiler, dependencies, sdk, settings
from pyzbpf.errors import BuildError, Error, ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import TypeVar

    Result = TypeVar("Result")

JOB_KEYS = (
    "source", "name", "endian", "mode", "cpu", "modules", "include", "output_directory", "cache", "stamp",
)  # fmt: skip
EPOCH = 1 << 29  # 1987; twice that is 2004


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
    include: Sequence[Path] = (),
    files: list[Path] | None = None,
    name: str | None = None,
) -> list[Path]:
    """Build the finished objects of one probe and return their paths.

    ``endian`` is "both", "host", "little" or "big"; ``mode`` "safe", "small" or "fast"; ``cpu`` "v1" to
    "v4". The objects are ``NAME.bpfel.o`` and ``NAME.bpfeb.o`` in ``output_directory``, where NAME
    is the source file's unless ``name`` says otherwise. ``keep`` is a directory that receives every
    stage of the build and a script that repeats it (`pyzbpf.build.keep`). ``cache`` is Zig's local cache (default: a temporary
    one), ``modules`` are further Zig modules by import name, ``include`` directories of C headers. ``files``
    is given what a C probe consists of, as the compiler lists it. Raises BuildError.
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
        prefixes = compiler.path_prefixes(source, zig=zig, cache=zig_cache)
        lines = source_lines(source.parent)
        orders = compiler.ENDIAN_CHOICES[endian]

        def compile_for(order: str) -> list[str]:
            return compiler.compile_probe(
                source, temporary / f"{order}.o", endian=order, mode=mode, cpu=cpu, cache=zig_cache,
                modules=modules, include=include, dependencies=temporary / f"{order}.d", zig=zig,
            )  # fmt: skip

        for order, command in zip(orders, _side_by_side(compile_for, orders), strict=True):
            raw = temporary / f"{order}.o"
            data = raw.read_bytes()
            if files is not None:
                files += _listed(temporary / f"{order}.d", source)
            target = output_directory / f"{name or stem}.{compiler.ARCHITECTURES[order]}.o"
            if keep is not None:
                from pyzbpf.build.keep import keep_stages

                keep_stages(
                    keep, data, command, source=source, raw=raw, base=target.name.removesuffix(".o"),
                    endian=order, name=name or stem, prefixes=prefixes, source_line=lines,
                )  # fmt: skip
            with _named(source):
                finished = finish(
                    data,
                    file=source.name,
                    name=name or stem,
                    endian=order,
                    prefixes=prefixes,
                    source_line=lines,
                )
            replace(target, finished)
            written.append(target)
    return written


@contextlib.contextmanager
def _named(source: Path) -> Iterator[None]:
    # An object has the file's name alone, wherever it is built; a message says where it is.
    try:
        yield
    except ObjectError as error:
        if error.file == source.name:
            error.file = str(source)
        raise


def build_source(
    source: Path,
    *,
    output_directory: Path,
    endian: str | None = None,
    mode: str | None = None,
    cpu: str | None = None,
    keep: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> list[Path]:
    """`build_probe`; what is not given is as the project says that ``source`` belongs to, or the default.

    The project is the nearest folder above with ``[tool.pyzbpf]`` in its pyproject.toml; its ``modules`` and
    ``include`` hold, too. ``say`` is told what it changes. Raises BuildError.
    """
    project = settings.find_project(source)
    said, default = settings.of_source(source, project), settings.of_source(source, None)
    given = {"endian": endian, "mode": mode, "cpu": cpu}
    given = {key: value for key, value in given.items() if value is not None}
    words = [
        f"{key} {value if isinstance(value, str) else ', '.join(map(str, value))}"
        for key, value in said.items()
        if key not in given and value != default[key]
    ]
    if words and project is not None:
        say(f"{source} is built as {project / 'pyproject.toml'} says: {'; '.join(words)}")
    return build_probe(source, output_directory=output_directory, keep=keep, **{**said, **given})


def _listed(depfile: Path, source: Path) -> list[Path]:
    """What the compiler of a C probe says that it has read; nothing for one in Zig."""
    if not depfile.is_file():
        return []
    folder = source.resolve().parent
    return [folder / path for path in dependencies.listed(depfile.read_text(encoding="utf-8"))]


def _side_by_side(work: Callable[[str], Result], items: Sequence[str]) -> list[Result]:
    """``work`` of each item at the same time; the error of the first that has one."""
    if len(items) == 1:
        return [work(items[0])]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(work, items))


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


def do_job(arguments: Sequence[str], keys: Sequence[str], work: Callable[[dict[str, str]], None]) -> int:
    """``JOB.json``: do what CMake has written there, a JSON object of texts with just these keys.

    Errors go to stderr; returns the exit code.
    """
    try:
        (path,) = arguments
        job: dict[str, str] = json.loads(Path(path).read_text(encoding="utf-8"))
        if set(job) != set(keys):
            raise BuildError(f"{path}: must have the keys {', '.join(keys)}, not {', '.join(job)}")
        work(job)
    except Error as error:
        report(error)
        return 1
    return 0


def run_job(job: Mapping[str, str]) -> None:
    """Build the objects of a probe and its module, and say in ``stamp`` and ``stamp``.d what they are made of.

    Where that cannot be said there is no stamp, and the build tool comes again.
    """
    source, name, output = Path(job["source"]), job["name"], Path(job["output_directory"])
    modules = dict(pairs(job["modules"]))
    stamp_file = Path(job["stamp"])
    stamp_file.unlink(missing_ok=True)
    stamp_file.parent.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    objects = build_probe(
        source,
        name=name,
        endian=job["endian"],
        mode=job["mode"],
        cpu=job["cpu"],
        modules=modules,
        include=[Path(path) for path in job["include"].split(";") if path],
        output_directory=output,
        cache=Path(job["cache"]),
        files=files,
    )
    for path in objects:
        stamp(path)
    authors = dependencies.zig_files(source, modules) if source.suffix == ".zig" else files
    write_modules(objects, name, authors or [source])
    if authors is not None:
        replace(Path(f"{stamp_file}.d"), dependencies.depfile(stamp_file, [*authors, *own_files()]))
        stamp_file.write_bytes(b"")


def write_modules(objects: Sequence[Path], name: str, sources: Iterable[Path]) -> None:
    """Write beside a probe's finished objects ``NAME_skel.py`` and ``NAME_skel.pyi``, and what its index will say."""
    from pyzbpf.build import index, stubs
    from pyzbpf.build.comments import doc_comments
    from pyzbpf.spec.read import read

    comments: dict[str, str] = {}
    for path in sources:
        if path.suffix == ".zig" and path.is_file():
            comments.update(doc_comments(path.read_text(encoding="utf-8", errors="replace")))
    spec = read(objects[0].read_bytes(), file=objects[0].name, name=name)
    for suffix, text in (
        (".py", stubs.module_text(spec, comments)),
        (".pyi", stubs.stub_text(spec, comments)),
    ):
        path = objects[0].with_name(f"{name}{stubs.SUFFIX}{suffix}")
        replace(path, text.encode())
        stamp(path)
    # While all that reads objects is imported; the index is then put together without.
    for path in objects:
        index.write_entry(path, name)


def own_files() -> list[Path]:
    """What of pyzbpf, its SDK and the compiler goes into an object."""
    rooms = [sdk.PACKAGE / room for room in ("build", "finish", "spec", "btf", "elf", "insn", "uapi")]
    zig = sdk.root() / "zig"
    ours = [path for room in rooms for path in room.rglob("*.py")]
    return sorted(
        [
            compiler.find_zig(),
            *ours,
            *zig.glob("*.zig"),
            *(zig / "bpf").rglob("*.zig"),
            *(zig / "c").rglob("*.h"),
        ]
    )


def stamp(path: Path) -> None:
    """Give a file a time that says what is in it instead of when it was written.

    CMake installs, and Python compiles anew, what has another time, to the second: after two quick edits
    a file of the same size would be taken for the old one.
    """
    when = EPOCH + zlib.crc32(path.read_bytes()) % EPOCH
    os.utime(path, (when, when))


def pairs(text: str) -> Iterator[tuple[str, Path]]:
    """The items of ``name=path;name=path``, as a list in CMake is written."""
    for item in filter(None, text.split(";")):
        name, _, path = item.partition("=")
        yield name, Path(path)


def main(arguments: Sequence[str]) -> int:
    """Do the job that a JSON file describes."""
    return do_job(arguments, JOB_KEYS, run_job)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
