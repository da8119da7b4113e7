"""The inside of an object as text, and what each pass of the finisher changes in it."""

from __future__ import annotations

import difflib
from pathlib import Path

from pyzbpf.cli import target
from pyzbpf.errors import NotFoundError, advice
from pyzbpf.finish import unit
from pyzbpf.finish.pipeline import stages
from pyzbpf.finish.text import text
from pyzbpf.spec.open import SOURCES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def contents(path: str) -> Iterator[str]:
    """The lines of an object's types, symbols and code, as they stand in the file."""
    yield from text(unit.read(_data(path, raw=False), file=path))


def changes(path: str) -> Iterator[str]:
    """For each pass a unified difference of the text before and after it; finished objects have none."""
    work = unit.read(_data(path, raw=True), file=path)
    before = text(work)
    for name in stages(work):
        after = text(work)
        yield f"== {name}" + ("" if after != before else ": nothing to do")
        yield from difflib.unified_diff(before, after, "before", "after", lineterm="", n=1)
        before = after


def _data(path: str, *, raw: bool) -> bytes:
    """An object file's bytes; of a source the object that is made of it, as the compiler writes it or finished."""
    if path.endswith(SOURCES):
        with target.built(path, raw=raw) as made:
            return made.read_bytes()
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise NotFoundError(
            f"cannot be read: {error.strerror}",
            file=path,
            advice=advice(error.errno) or "--raw and --passes want an object file, or a probe's source",
        ) from error
