"""Doc comments of Zig source, for the stub: no object carries them.

A reader of lines, not a parser: it knows the declarations that become types, variables and programs, one
for each line as `zig fmt` puts them. What it does not know has no comment in the stub.
"""

from __future__ import annotations

import re

_CONTAINER = re.compile(
    r"(?:pub )?const (\w+) = (?:extern |packed )?(?:struct|union|enum)\b[^;]*\{\s*(//.*)?$"
)
_DECLARATION = re.compile(
    r"(?:(?:pub|export) )*(?:threadlocal )?(?:var|const|(?:inline |noinline )?fn) (\w+)"
)
_FIELD = re.compile(r"(\w+|@\"\w+\")\s*[:=,]")
_TEXT = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|//.*')


def doc_comments(text: str) -> dict[str, str]:
    """Declarations ("Event", "Event.pid", "only_uid") and the text behind the ``///`` before each."""
    found: dict[str, str] = {}
    lines: list[str] = []
    around: list[tuple[str, int]] = []  # containers with the depth of their braces
    depth = 0
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("///"):
            lines.append(line[3:].strip())
            continue
        if not line:
            continue
        name = _name(line, inside=bool(around) and around[-1][1] == depth)
        if name and lines and (depth == 0 or (around and around[-1][1] == depth)):
            found[".".join([container for container, _ in around] + [name])] = "\n".join(lines).strip()
        lines = []
        bare = _TEXT.sub("", line)
        opened = _CONTAINER.match(line)
        depth += bare.count("{") - bare.count("}")
        if opened and bare.count("{") > bare.count("}"):
            around.append((opened[1], depth))
        while around and around[-1][1] > depth:
            around.pop()
    return found


def _name(line: str, *, inside: bool) -> str:
    match = _DECLARATION.match(line) or (_FIELD.match(line) if inside else None)
    return match[1].removeprefix('@"').removesuffix('"') if match else ""
