"""Which files a Zig probe is made of, so that it is built again when one of them changes, and only then.

Zig writes no list of them for an object, but it can be read off the source: the operand of ``@import`` is
a literal by the language's rules, and the compiler opens every file and module that is named so, used or
not, and no other. ``@embedFile`` may compute its name; a probe that does so is built every time.
"""

from __future__ import annotations

import re
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Comments, and the lines of multi-line strings, which may hold anything; then the signs that matter.
_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|\\\\[^\n]*)
    |"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|@"(?:\\.|[^"\\\n])*"|@?\w+|[^\s]""",
    re.VERBOSE,
)


def zig_files(source: Path, modules: Mapping[str, Path]) -> list[Path] | None:
    """The author's files of a probe, sorted; None where they cannot be told from the source.

    ``modules`` are further Zig modules by import name, of which those count that are imported. What ``bpf``
    and ``std`` consist of is not among them.
    """
    found: set[Path] = set()
    waiting = [source.resolve()]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        if path.suffix != ".zig":
            continue
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # the compiler says what is missing
        named = named_files(text, modules)
        if named is None:
            return None
        waiting += [(path.parent / name).resolve() for name in named]
    return sorted(found)


def named_files(text: str, modules: Mapping[str, Path]) -> list[Path] | None:
    """What Zig source names in ``@import`` and ``@embedFile``, relative to it; None where a name is computed.

    The name of one of the ``modules`` is its file.
    """
    tokens = [match.group() for match in _TOKEN.finditer(text) if match.lastgroup != "comment"]
    found = []
    for builtin, opening, operand, closing in zip(tokens, tokens[1:], tokens[2:], tokens[3:], strict=False):
        if builtin not in ("@import", "@embedFile") or opening != "(":
            continue
        if not operand.startswith('"') or closing not in (")", ","):
            if builtin == "@embedFile":
                return None
            continue
        name = unquoted(operand[1:-1])
        if builtin == "@embedFile" or name.endswith((".zig", ".zon")):
            found.append(Path(name))
        elif name in modules:
            found.append(modules[name].absolute())
    return found


def unquoted(text: str) -> str:
    """What stands between the quotes of a Zig string, with its escapes resolved."""
    return re.sub(
        r"\\(x[0-9a-fA-F]{2}|.)",
        lambda match: chr(int(match[1][1:], 16)) if match[1].startswith("x") else match[1],
        text,
    )


def depfile(target: Path, files: Iterable[Path]) -> bytes:
    """A dependency file as Make and Ninja read it."""
    return f"{_escaped(target)}: {' '.join(map(_escaped, files))}\n".encode()


def listed(text: str) -> list[Path]:
    """The files that a compiler's dependency file names behind its target."""
    _, _, rest = text.replace("\\\n", " ").partition(": ")
    return [
        Path(re.sub(r"\\([ #])", r"\1", word).replace("$$", "$")) for word in re.findall(r"(?:\\.|\S)+", rest)
    ]


def _escaped(path: Path) -> str:
    return re.sub(r"([ #])", r"\\\1", path.as_posix()).replace("$", "$$")
