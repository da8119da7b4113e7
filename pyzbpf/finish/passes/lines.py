"""Line records: file names without the builder's folders, one record per instruction.

Absolute paths make objects differ from machine to machine. Two records for one instruction (inline
assembly that emits nothing makes them) are refused by the kernel: "Invalid line_info".
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    for section, lines in unit.lines.items():
        last = {line.offset: line for line in lines}
        unit.lines[section] = [last[offset] for offset in sorted(last)]
        for line in unit.lines[section]:
            line.file = portable(line.file, unit.prefixes)


def portable(path: str, prefixes: Sequence[tuple[str, str]]) -> str:
    """The path below the longest folder that is known, with slashes; else its last part."""
    for folder, replacement in sorted(prefixes, key=lambda prefix: -len(prefix[0])):
        folder = folder.rstrip("/\\")
        if path.startswith((folder + "/", folder + "\\")):
            return (replacement + path[len(folder) + 1 :]).replace("\\", "/")
    if path.startswith("/") or re.match(r"[A-Za-z]:[\\/]", path):
        return re.split(r"[\\/]", path)[-1]
    return path.replace("\\", "/")
