"""``pyzbpf build --keep DIR``: every stage of a build, to look at and to repeat.

For each object ``NAME.ARCH``: ``.raw.o`` as the compiler wrote it, ``.NN-PASS.txt`` the whole object as
text after each pass that changed it (compare two with ``diff``), ``.o`` the finished object, and
``.repeat.sh``, which does it all again.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from pyzbpf.build import sdk
from pyzbpf.finish import unit
from pyzbpf.finish.pipeline import stages
from pyzbpf.finish.text import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


def keep_stages(
    folder: Path,
    data: bytes,
    command: Sequence[str],
    *,
    source: Path,
    raw: Path,
    base: str,
    endian: str,
    name: str,
    prefixes: Sequence[tuple[str, str]],
    source_line: Callable[[str, int], str],
) -> None:
    """Write the stages of one object into ``folder``, before the finisher has its say.

    ``data`` is what ``command`` wrote into ``raw``, ``base`` the object's name without suffix.
    """
    from pyzbpf.build.compile import replace

    probe = source.resolve().parent
    roots = (probe, sdk.root() / "zig", Path(command[0]).resolve().parent / "lib")
    text_of = script(command, folder=probe, raw=raw, base=base, endian=endian, name=name, roots=roots)
    replace(folder / f"{base}.repeat.sh", text_of)
    (folder / f"{base}.repeat.sh").chmod(0o755)
    for file_name, contents in files(
        data, base=base, file=source.name, prefixes=prefixes, source_line=source_line
    ):
        replace(folder / file_name, contents)


def files(
    raw: bytes,
    *,
    base: str,
    file: str,
    prefixes: Sequence[tuple[str, str]],
    source_line: Callable[[str, int], str] | None = None,
) -> Iterator[tuple[str, bytes]]:
    """(file name, contents) of the raw object and of the text after each pass that changed something.

    A pass that refuses the object ends the list: the last text is what it was given.
    """
    yield f"{base}.raw.o", raw
    work = unit.read(raw, file=file, prefixes=prefixes, source_line=source_line)
    before = text(work)
    yield f"{base}.00-raw.txt", _lines(before)
    for number, name in enumerate(stages(work), 1):
        after = text(work)
        if after != before:
            yield f"{base}.{number:02}-{name.replace('_', '-')}.txt", _lines(after)
        before = after


def script(
    command: Sequence[str],
    *,
    folder: Path,
    raw: Path,
    base: str,
    endian: str,
    name: str,
    roots: Sequence[Path],
) -> bytes:
    """A shell script that compiles and finishes one object again, beside itself.

    ``command`` is the compiler's, which ran in ``folder`` and wrote ``raw``; ``roots`` are the folders
    that the finisher is told (the probe's, the SDK's, the compiler's library).
    """
    here = f'"$here"/{base}.raw.o'
    compile_ = " ".join(
        shlex.quote(word).replace(shlex.quote(str(raw)), here) if str(raw) in word else shlex.quote(word)
        for word in command
    )
    finish = shlex.join([sys.executable, "-m", "pyzbpf.build.finish", name, endian, *map(str, roots)])
    lines = [
        "#!/bin/sh",
        "# Compiles and finishes the probe again, into this folder.",
        "set -eu",
        'here=$(cd "$(dirname "$0")" && pwd)',
        'export ZIG_LOCAL_CACHE_DIR="$here/cache" ZIG_GLOBAL_CACHE_DIR="$here/cache/global"',
        f"(cd {shlex.quote(str(folder))} && {compile_})",
        f'{finish} {here} "$here"/{base}.o',
        "",
    ]
    return "\n".join(lines).encode()


def _lines(lines: Sequence[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()
