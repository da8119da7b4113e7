"""Writes ``_pyzbpf_index.py`` into a package: what its objects hold, so that opening one parses no ELF.

CMake runs ``index JOB.json`` when all objects of a package are there. The module is a Python literal. It is
also what makes an editable install rebuild probes on import: scikit-build-core watches modules, not data files.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pyzbpf.build.compile import do_job, replace, stamp
from pyzbpf.errors import BuildError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

JOB_KEYS = ("objects", "index", "stamp")
FILE = "_pyzbpf_index.py"
HEADER = '"""What the probes of this package hold. Written by pyzbpf when the package was built."""\n\n'


def write_entry(target: Path, name: str) -> None:
    """Write what a finished object holds beside it, where `main` finds it."""
    from pyzbpf.spec.index import to_index

    entry = to_index(target.read_bytes(), file=target.name, name=name)
    replace(_entry(target), _literal(entry, "  ").encode())


def index_text(objects: Iterable[Path]) -> str:
    """The module's text for objects (``NAME.bpfel.o``, ``NAME.bpfeb.o``) with their entries: the same for the same."""
    from pyzbpf.spec.open import SUFFIX

    probes: dict[str, dict[str, str]] = {}
    for path in sorted(objects, key=lambda path: path.name):
        for order, suffix in SUFFIX.items():
            if path.name.endswith(suffix):
                probes.setdefault(path.name.removesuffix(suffix), {})[order] = _entry(path).read_text("utf-8")
                break
        else:
            raise BuildError(f"{path}: the name of an object ends in {' or '.join(SUFFIX.values())}")
    lines = []
    for name, found in probes.items():
        # "little" before "big" whatever the order of the files.
        entries = [f"  {order!r}: {found[order]},\n" for order in SUFFIX if order in found]
        lines += [f" {name!r}: {{\n", *entries, " },\n"]
    return f"{HEADER}PROBES = {{\n{''.join(lines)}}}\n"


def _entry(target: Path) -> Path:
    return target.with_suffix(".index")


def _literal(value: object, indent: str) -> str:
    # One line for each item of a dict or list: readable in a diff, quick to compile.
    inner = indent + " "
    if isinstance(value, dict) and value:
        items = [f"{inner}{key!r}: {_literal(item, inner)},\n" for key, item in value.items()]
        return "{\n" + "".join(items) + indent + "}"
    if isinstance(value, list) and value:
        return "[\n" + "".join(f"{inner}{item!r},\n" for item in value) + indent + "]"
    return repr(value)


def run_job(job: Mapping[str, str]) -> None:
    """Write the index unless it is up to date, and the stamp."""
    target = Path(job["index"])
    replace(target, index_text(map(Path, job["objects"].split(";"))).encode())
    stamp(target)
    Path(job["stamp"]).write_bytes(b"")


def main(arguments: Sequence[str]) -> int:
    """Do the job that a JSON file describes."""
    return do_job(arguments, JOB_KEYS, run_job)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
