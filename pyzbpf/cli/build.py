"""``pyzbpf build``: probe sources -> finished objects in a folder."""

from __future__ import annotations

from pathlib import Path

from pyzbpf.cli.usage import remark
from pyzbpf.errors import BuildError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``pyzbpf build``."""
    from pyzbpf.build.settings import CHOICES, DEFAULTS

    parser.add_argument("sources", metavar="SRC", nargs="+", type=Path, help="a probe: .zig, or .c")
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        default=Path(),
        help="where NAME.bpfel.o and NAME.bpfeb.o go (here)",
    )
    for key, text in (
        ("endian", "byte order of the machines it is for"),
        ("cpu", "BPF instruction set; v4 needs Linux 6.6"),
        ("mode", "safe keeps Zig's safety checks, which small and fast leave out"),
    ):
        parser.add_argument(
            f"--{key}", choices=CHOICES[key], help=f"{text} (as the project of SRC says, or {DEFAULTS[key]})"
        )
    parser.add_argument(
        "--keep",
        metavar="DIR",
        type=Path,
        help="put every stage there, too: the compiler's object, a text after each pass that changed it, the finished "
        "object, and a script that repeats it all",
    )


def run(arguments: argparse.Namespace) -> int:
    """Build each source; the paths of the objects go to stdout."""
    from pyzbpf.build.compile import build_source
    from pyzbpf.build.settings import stem

    sources: dict[str, Path] = {}
    for source in arguments.sources:
        first = sources.setdefault(stem(source), source)
        if first != source:
            raise BuildError(f"{first} and {source} would make the same object; rename one")
    for source in sources.values():
        for path in build_source(
            source,
            endian=arguments.endian,
            mode=arguments.mode,
            cpu=arguments.cpu,
            output_directory=arguments.output,
            keep=arguments.keep,
            say=remark,
        ):
            print(path)
    return 0
