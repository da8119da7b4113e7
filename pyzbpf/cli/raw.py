"""The inside of an object as text, and what each pass of the finisher changes in it."""

from __future__ import annotations

import difflib
from pathlib import Path

from pyzbpf.errors import NotFoundError
from pyzbpf.finish import unit
from pyzbpf.finish.pipeline import stages
from pyzbpf.finish.text import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def contents(path: str) -> Iterator[str]:
    """The lines of an object's types, symbols and code, as they stand in the file."""
    yield from text(unit.read(_data(path), file=path))


def changes(path: str) -> Iterator[str]:
    """For each pass a unified difference of the text before and after it; finished objects have none."""
    work = unit.read(_data(path), file=path)
    before = text(work)
    for name in stages(work):
        after = text(work)
        yield f"== {name}" + ("" if after != before else ": nothing to do")
        yield from difflib.unified_diff(before, after, "before", "after", lineterm="", n=1)
        before = after


def _data(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise NotFoundError(
            f"cannot be read: {error.strerror}", file=path, advice="--raw and --passes want an object file"
        ) from error
