"""``pyzbpf stubs``: the typed modules of a project's probes, into its source tree, for editors and type checkers.

A wheel brings them anyway; a type checker that reads the source tree does not see those of an editable
install.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pyzbpf.build.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``pyzbpf stubs``."""
    parser.add_argument(
        "project", metavar="PROJECT", nargs="?", type=Path, default=Path(), help="its folder (here)"
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 where a stub is not up to date"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write ``NAME_skel.pyi`` beside the package's modules; the paths of those that changed go to stdout."""
    from pyzbpf.build import settings
    from pyzbpf.build.compile import replace

    write = _is_stale if arguments.check else replace
    found = settings.read(settings.load(arguments.project), arguments.project)
    stale = False
    folder = settings.package_folder(arguments.project, found.package)
    for path, text in stubs(found, folder or arguments.project.joinpath(*found.package.split("."))):
        if write(path, text):
            stale = True
            print(path)
    return int(arguments.check and stale)


def _is_stale(path: Path, text: bytes) -> bool:
    return not path.is_file() or path.read_bytes() != text


def stubs(found: Settings, folder: Path) -> Iterator[tuple[Path, bytes]]:
    """(path, contents) of the stub of each probe."""
    from pyzbpf.build import stubs as writer
    from pyzbpf.build.compile import build_probe, write_modules
    from pyzbpf.build.dependencies import zig_files

    for name, source in found.probes.items():
        options = found.options[name]
        with contextlib.suppress(ValueError):  # in messages, as one would call it here
            source = source.relative_to(Path.cwd())
        with tempfile.TemporaryDirectory(prefix="pyzbpf-") as directory:
            made = build_probe(
                source,
                endian="host",
                mode=options.mode,
                cpu=options.cpu,
                modules=options.modules,
                include=options.include,
                output_directory=Path(directory),
            )
            write_modules(made, name, zig_files(source, options.modules) or [source])
            file = f"{name}{writer.SUFFIX}.pyi"
            yield folder / file, Path(directory, file).read_bytes()
