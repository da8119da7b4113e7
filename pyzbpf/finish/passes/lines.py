"""Line records: file names without the builder's folders, and only lines that are what they say.

Absolute paths would make objects differ from machine to machine. Where LLVM merges two calls it may
join the line of one file with the name of another: a line that is not in the file, or that ends before
the column, comes with no text, and goes.
"""

from __future__ import annotations

import posixpath
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyzbpf.finish.code import Line
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    for function in unit.code.functions:
        for index, instruction in enumerate(function.instructions):
            line = instruction.line
            for call in instruction.calls:
                call.file = portable(call.file, unit.prefixes)
            if line is None:
                continue
            if index and not _is_real(line):  # the kernel wants one for each function's first instruction
                instruction.line = None
            else:
                line.file = portable(line.file, unit.prefixes)


def _is_real(line: Line) -> bool:
    column = line.position & 0x3FF
    return bool(line.text.strip()) and column <= len(line.text) + 1


def portable(path: str, prefixes: Sequence[tuple[str, str]]) -> str:
    """The path below the longest folder that is known, with slashes; else its last part."""
    path = _plain(path)
    known = [(_plain(folder.rstrip("/\\")), replacement) for folder, replacement in prefixes]
    for folder, replacement in sorted(known, key=lambda prefix: -len(prefix[0])):
        if path.startswith((folder + "/", folder + "\\")):
            return (replacement + path[len(folder) + 1 :]).replace("\\", "/")
    if path.startswith("/") or re.match(r"[A-Za-z]:[\\/]", path):
        return re.split(r"[\\/]", path)[-1]
    return path.replace("\\", "/")


def _plain(path: str) -> str:
    """Without `..`, by way of which Zig spells some; a path of Windows stays as it is."""
    return path if not path or re.match(r"[A-Za-z]:", path) else posixpath.normpath(path.replace("\\", "/"))
