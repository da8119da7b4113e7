"""Line records: file names without the builder's folders.

Absolute paths would make objects differ from machine to machine.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    for _, instruction in unit.code.instructions():
        if instruction.line is not None:
            instruction.line.file = portable(instruction.line.file, unit.prefixes)


def portable(path: str, prefixes: Sequence[tuple[str, str]]) -> str:
    """The path below the longest folder that is known, with slashes; else its last part."""
    for folder, replacement in sorted(prefixes, key=lambda prefix: -len(prefix[0])):
        folder = folder.rstrip("/\\")
        if path.startswith((folder + "/", folder + "\\")):
            return (replacement + path[len(folder) + 1 :]).replace("\\", "/")
    if path.startswith("/") or re.match(r"[A-Za-z]:[\\/]", path):
        return re.split(r"[\\/]", path)[-1]
    return path.replace("\\", "/")
