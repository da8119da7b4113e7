"""What a command says of its use: where it is wrong, what is worth a remark; and types of arguments."""

from __future__ import annotations

import argparse
import sys

from pyzbpf.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn


class UsageError(Error):
    """The command line asks for something that the target does not have, or that makes no sense for it."""

    exit_code = 2


class Parser(argparse.ArgumentParser):
    """argparse's, but the reason stands first, and a line instead of all options: an error is read from its start."""

    def error(self, message: str) -> NoReturn:
        self.exit(
            UsageError.exit_code, f"pyzbpf: error: {message}\n  `{self.prog} --help` says how it is used.\n"
        )

    def unrecognized(self, arguments: list[str]) -> NoReturn:
        """Refuse arguments that no option and no place takes."""
        if not arguments[0].startswith("-"):
            self.error(f"'{arguments[0]}' is one argument too many")
        name = arguments[0].partition("=")[0]
        known = [option for action in self._actions for option in action.option_strings]
        self.error(f"there is no option {name}{like(name, known)}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        # argparse's own words show the reprs of all choices and the nearest of none.
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]
            raise argparse.ArgumentError(action, f"there is no '{value}'{near(str(value), known)}")


def remark(text: str) -> None:
    """Say on stderr what a user may not expect."""
    print(f"pyzbpf: note: {text}", file=sys.stderr, flush=True)


def positive(text: str) -> int:
    """An argument that is a whole number from 1 up."""
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1 up")
    return int(text)


def integer(text: str) -> int:
    """An argument that is a number, in any base that Zig writes."""
    try:
        return int(text, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number") from None


def whole(text: str) -> int:
    """The same from 0 up."""
    value = integer(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 0 up")
    return value


def seconds(text: str) -> float:
    """An argument that is a number of seconds above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds above 0")
    return value


def near(name: str, known: list[str]) -> str:
    """What to add to an error about a name that does not exist: those that are like it, and all there are."""
    return f"{like(name, known)}\n  There is: {', '.join(known) or 'none'}."


def like(name: str, known: list[str]) -> str:
    """The same without the list, where that is long."""
    from difflib import get_close_matches

    found = get_close_matches(name, known, n=3)
    return f"; did you mean {' or '.join(found)}?" if found else ""
