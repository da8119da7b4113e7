"""The options of ``python -m tests.vm``, and what is wrong with them."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from pyzbpf.cli.usage import positive, seconds
from tests.vm import kinds, qemu, suite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of the command, its own and behind ``--`` pytest's; what cannot work ends it at once, with 2."""
    own, given = list(arguments), []
    if "--" in own:
        place = own.index("--")
        own, given = own[:place], own[place + 1 :]
    parser = _parser()
    options = parser.parse_args(own)
    options.pytest = given
    wrong = _wrong(options)
    if wrong:
        parser.error(wrong)
    return options


def _wrong(options: argparse.Namespace) -> str:
    """What is wrong with options that are right one by one; it would be late to notice it after a build."""
    chosen = [bool(options.kernels), options.all, options.kernel is not None]
    if sum(chosen) > 1:
        return "names of kernels, --all and --kernel exclude each other"
    if options.write_docs and (options.pytest or options.doctor or options.kinds):
        return "--write-docs is for all of tests/kernel: without --doctor or --kinds, and without arguments of pytest"
    if options.kinds and (options.pytest or options.doctor):
        return "--kinds runs tests of its own: without --doctor, and without arguments of pytest"
    if options.kernel and (options.write_docs or options.doctor or options.kinds):
        return "the documentation is about the kernels of --list, not about --kernel"
    if options.kernel and not _readable(options.kernel):
        return f"--kernel: '{options.kernel}' is no file that can be read"
    if options.junit and (options.junit.is_dir() or not options.junit.absolute().parent.is_dir()):
        return f"--junit: '{options.junit}' is no file in a folder that exists"
    if options.console and options.console.exists() and not options.console.is_dir():
        return f"--console: '{options.console}' is no folder"
    return ""


def _readable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.R_OK)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.vm", description="The kernel tests on other kernels."
    )
    parser.add_argument(
        "kernels",
        nargs="*",
        metavar="KERNEL",
        help="names of --list, or amd64, arm64, s390x; default: the subset for continuous integration",
    )
    parser.add_argument("--all", action="store_true", help="every kernel of the matrix")
    parser.add_argument("--list", action="store_true", help="print the matrix and end")
    parser.add_argument(
        "--kernel", type=Path, metavar="FILE", help="boot this image, with all it needs built in"
    )
    parser.add_argument(
        "--arch", choices=sorted(qemu.MACHINES), default="amd64", help="its architecture (%(default)s)"
    )
    parser.add_argument(
        "--accelerator",
        choices=("auto", "tcg", "kvm"),
        default="auto",
        help="auto: kvm where a trial boot with it works, else tcg",
    )
    parser.add_argument(
        "--jobs",
        type=positive,
        default=max(1, os.cpu_count() or 1),
        help="kernels side by side (%(default)s)",
    )
    parser.add_argument(
        "--timeout", type=seconds, default=3600, metavar="S", help="seconds for one kernel (%(default)s)"
    )
    parser.add_argument(
        "--silence",
        type=seconds,
        default=600,
        metavar="S",
        help="seconds without a word from it (%(default)s)",
    )
    parser.add_argument("--console", type=Path, metavar="DIR", help="keep each console as DIR/KERNEL.txt")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML")
    parser.add_argument(
        "--doctor",
        action="store_true",
        help="keep what `pyzbpf doctor` says on these kernels in docs/doctor and write docs/doctor.md anew; by itself "
        "only tests its claims",
    )
    parser.add_argument(
        "--kinds",
        action="store_true",
        help="run the tests that see each attach kind at work, keep what they say in docs/attach-kinds and write "
        "docs/attach-kinds.md anew",
    )
    parser.add_argument(
        "--write-docs",
        action="store_true",
        help="keep what all tests say on these kernels in docs/kernels, docs/doctor and docs/attach-kinds, each kernel's "
        "when it has ended, and write the three pages anew",
    )
    return parser


def chosen_tests(options: argparse.Namespace) -> list[str]:
    """What pytest is given in each guest: the arguments behind ``--``, and which tests where they do not say."""
    given = list(options.pytest)
    if options.doctor and not given:
        given = ["tests/kernel/test_features.py"]
    if options.kinds:
        given = kinds.arguments()
    return given if _names_tests(given) else ["tests/kernel", *given]


def _names_tests(arguments: Sequence[str]) -> bool:
    """Whether arguments of pytest say where tests are; what follows -k or -m does not."""
    return any(
        before not in ("-k", "-m") and (suite.ROOT / argument.partition("::")[0]).exists()
        for before, argument in zip(["", *arguments], arguments, strict=False)
    )
