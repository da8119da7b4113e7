"""The command ``pyzbpf``: a table of commands, one file each, imported when used.

Data goes to stdout, everything else to stderr. Exit codes: 0 done, 1 run-time error, 2 wrong usage,
3 privilege missing, 4 kernel feature missing, 5 the verifier refused (`Error.exit_code`).
A reader of stdout that goes away ends a command with 1, and in silence.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import traceback
import warnings
from contextlib import contextmanager, suppress
from importlib import import_module

from pyzbpf.cli.usage import Parser
from pyzbpf.errors import BuildError, Error, advice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Command -> one line of help; its module is pyzbpf.cli.<command>, with add_arguments() and run().
COMMANDS = {
    "demo": "run a prebuilt probe and watch its events",
    "run": "load and attach a probe and print its events, and at the end its maps",
    "export": "load and attach a probe and serve what it counts to Prometheus",
    "new": "make a project: a probe, a program, tests, and what it takes to publish it",
    "dev": "watch a project, build its probes and run a command again when a file changes",
    "stubs": "write the types of a project's probes beside its package, for editors and type checkers",
    "profile": "sample where the processors are, and draw a flame graph",
    "build": "compile probes to BPF objects, without making a wheel",
    "types": "print Zig declarations of kernel types",
    "doctor": "say what this kernel and system can do for BPF, and how to mend what they cannot",
    "verify": "load a probe without attaching it, and say what the verifier thinks of each program",
    "list": "list installed probes, where probes can be attached, or what is loaded in the kernel and who holds it",
    "inspect": "show what an object, a wheel or an installed probe holds",
}
INTERRUPTED = 130  # what a shell reports for a program that SIGINT has ended
_ENDING = (signal.SIGTERM,) + ((signal.SIGHUP,) if sys.platform != "win32" else ())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # what the terminal's encoding lacks is escaped, not fatal
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            return _main(arguments)
        finally:
            if sys.stdout is not None:  # closed by whoever started us
                sys.stdout.flush()  # here, where a reader that went away can still be dealt with
    except BrokenPipeError:
        # Whoever read our output has what it wanted; the interpreter must not complain at its exit, too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _main(arguments: Sequence[str] | None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    wants_traceback = bool(os.environ.get("PYZBPF_TRACEBACK"))
    try:
        parsed, unrecognized = _parser(arguments).parse_known_args(arguments)
        if unrecognized:
            parsed.parser.unrecognized(unrecognized)
        wants_traceback = wants_traceback or parsed.traceback
        with warnings.catch_warnings(), _ended_in_order():
            warnings.showwarning = _warn  # type: ignore[assignment]
            code: int = import_module(f"pyzbpf.cli.{parsed.command}").run(parsed)
        return code
    except Error as error:
        if wants_traceback:
            traceback.print_exc()
        _report(error)
        return error.exit_code
    except BrokenPipeError:
        raise
    except OSError as error:
        if wants_traceback:
            traceback.print_exc()
        place = "" if error.filename is None else f"{error.filename}: "
        hint = advice(error.errno)
        _report(f"{place}{error.strerror or error}" + (f"\n  {hint}" if hint else ""))
        return Error.exit_code
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return INTERRUPTED


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Within ``with``: SIGTERM and SIGHUP are exceptions, so that no temporary folder, child or filter stays behind.

    Where they mean something else already (``nohup``, a program that calls us), that holds.
    """
    mine = []
    try:
        with suppress(ValueError):  # not the main thread, which alone may set them
            for number in _ENDING:
                if signal.getsignal(number) is signal.SIG_DFL:
                    signal.signal(number, _end)
                    mine.append(number)
        yield
    finally:
        for number in mine:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int, _: object) -> None:
    raise SystemExit(128 + number)


def _warn(message: Warning | str, *_: object) -> None:
    print(f"pyzbpf: warning: {message}", file=sys.stderr)


def _report(error: Exception | str) -> None:
    if sys.stdout is not None:
        sys.stdout.flush()
    if isinstance(error, BuildError) and error.output:
        # The compiler's own words, unchanged.
        sys.stderr.write(error.output if error.output.endswith("\n") else error.output + "\n")
    print(f"pyzbpf: error: {error}", file=sys.stderr)


def _parser(arguments: Sequence[str]) -> Parser:
    parser = Parser(
        prog="pyzbpf",
        description="Author eBPF probes in Zig, ship them as one small wheel, run them from Python.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version)
    parser.add_argument("--traceback", action="store_true", help="show where an error came from")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    named = next((argument for argument in arguments if argument in COMMANDS), None)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(
            name, help=summary, description=summary[0].upper() + summary[1:] + ".", allow_abbrev=False
        )
        # Valid before and after the command; the default must not undo the former.
        command.add_argument(
            "--traceback", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
        )
        command.set_defaults(parser=command)
        if name == named:
            import_module(f"pyzbpf.cli.{name}").add_arguments(command)
    return parser


class _Version(argparse.Action):
    # argparse's own action wants the version beforehand, and looking it up costs as much as a command.

    def __init__(self, option_strings: Sequence[str], **_: object) -> None:
        super().__init__(option_strings, dest=argparse.SUPPRESS, nargs=0, help="print the version and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from pyzbpf import __version__

        print("pyzbpf", __version__)
        parser.exit()
