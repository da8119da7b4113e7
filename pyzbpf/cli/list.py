"""``pyzbpf list``: the probes of installed packages, where probes can be attached, or what is loaded, with its owners."""

from __future__ import annotations

import json
import os
import sys
from importlib import metadata

from pyzbpf.cli.columns import Column, header, line, printable
from pyzbpf.cli.output import note, write
from pyzbpf.kernel import inventory
from pyzbpf.spec.open import INDEX_MODULE

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pyzbpf.kernel.inventory import Loaded

KINDS = ("program", "map", "link", "btf")
_OWNERS = 3  # that a line names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``pyzbpf list``."""
    parser.add_argument(
        "points",
        metavar="POINTS",
        nargs="?",
        help="where probes can be attached: tracepoint/sched/*, kprobe/vfs_*, uprobe/libc.so.6:mem*, usdt/python3:*, lsm, "
        "*exec* (default: installed probes)",
    )
    parser.add_argument("--loaded", action="store_true", help="what is loaded in the kernel, by whomever")
    parser.add_argument("--kind", choices=KINDS, help="with --loaded: only these")
    parser.add_argument("--json", action="store_true", help="one JSON object on each line")


def run(arguments: argparse.Namespace) -> int:
    """Print one line for each."""
    if arguments.kind and not arguments.loaded:
        arguments.parser.error("--kind goes with --loaded")
    if arguments.points is not None:
        if arguments.loaded:
            arguments.parser.error("POINTS and --loaded are two different questions")
        from pyzbpf.cli.points import matching

        write(
            json.dumps({"section": found}) if arguments.json else found
            for found in matching(arguments.points)
        )
        return 0
    if not arguments.loaded:
        targets = list(installed())
        for target in targets:
            print(json.dumps({"probe": target}) if arguments.json else target)
        if not targets:
            note(f"pyzbpf: no package of this Python ({sys.executable}) holds probes")
        return 0
    found = [thing for thing in inventory.everything() if arguments.kind in (None, thing.kind)]
    if arguments.json:
        for thing in found:
            print(json.dumps(record(thing)))
        return 0
    for kind in KINDS:
        table([thing for thing in found if thing.kind == kind], kind)
    return 0


def installed() -> Iterator[str]:
    """``package:probe`` of every probe that a distribution of this Python holds, or an editable install shows."""
    from pyzbpf.spec.open import SUFFIX, probe_name

    seen = set()
    for package, names in _packages():
        if f"{INDEX_MODULE}.py" in names:
            seen |= {
                f"{package}:{probe_name(name)}" for name in names if name.endswith(tuple(SUFFIX.values()))
            }
    return iter(sorted(seen))


def _packages() -> Iterator[tuple[str, set[str]]]:
    # Packages and the files in each; none is imported.
    for distribution in metadata.distributions():
        folders: dict[str, set[str]] = {}
        for file in distribution.files or ():
            folder, _, name = str(file).rpartition("/")
            folders.setdefault(folder.replace("/", "."), set()).add(name)
        yield from folders.items()
    # An editable install with a build folder has its objects there; the finder of scikit-build-core knows.
    for finder in sys.meta_path:
        for package, places in getattr(finder, "submodule_search_locations", {}).items():
            for place in filter(os.path.isdir, places):
                yield package, set(os.listdir(place))


def record(thing: Loaded) -> dict[str, object]:
    """One line of ``--json``."""
    owners = [{"pid": process, "command": command} for process, command in thing.owners]
    known = {"record": thing.kind, "id": thing.id, "name": thing.name, "type": thing.type}
    return {**known, **thing.details, "owners": owners}


def table(things: list[Loaded], kind: str) -> None:
    """A table of one kind, and an empty line behind it."""
    if not things:
        return
    columns = [
        Column(kind, right=True, get=lambda thing: thing.id),
        Column("type", get=lambda thing: thing.type),
        Column("name", get=lambda thing: thing.name),
        Column("", get=details),
        Column("held by", get=owners),
    ]
    for column in columns:  # all are known, so every line is as wide as the widest
        for thing in things:
            column.put(column.show(column.get(thing)))
    print(header(columns))
    for thing in things:
        print(line(columns, thing))
    print()


def details(thing: Loaded) -> str:
    """What there is to know of its kind, in a few words."""
    about = thing.details
    if thing.kind == "program":
        maps = about["maps"]
        assert isinstance(maps, list)
        words = [f"{about['instructions']} instructions", f"uid {about['uid']}"]
        words += [f"maps {','.join(map(str, maps))}"] if maps else []
        words += [f"{about['runs']} runs"] if about["runs"] else []
        return ", ".join(words)
    if thing.kind == "map":
        return f"{about['key_size']} -> {about['value_size']} bytes, {about['max_entries']} entries"
    if thing.kind == "btf":
        return f"{about['size']} bytes"
    return ", ".join(f"{name} {printable(str(value))}" for name, value in about.items())


def owners(thing: Loaded) -> str:
    """Processes with a descriptor; one that nobody has is held by a link, a program, a pin or the kernel."""
    shown = [f"{command} ({process})" for process, command in thing.owners[:_OWNERS]]
    more = len(thing.owners) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "") or "-"
