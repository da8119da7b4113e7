"""Wrong use of a command that shows only after its arguments were read; and types of arguments."""

from __future__ import annotations

import argparse

from pyzbpf.errors import Error


class UsageError(Error):
    """The command line asks for something that the target does not have, or that makes no sense for it."""

    exit_code = 2


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
    from difflib import get_close_matches

    like = get_close_matches(name, known, n=3)
    hint = f"; did you mean {' or '.join(like)}?" if like else ""
    return f"{hint}\n  There is: {', '.join(known) or 'none'}."
