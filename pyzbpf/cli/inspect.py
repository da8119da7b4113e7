"""``pyzbpf inspect``: what an object, a wheel or an installed probe holds; no root, any OS. A loaded program's code."""

from __future__ import annotations

import json

from pyzbpf.cli import c_text, target
from pyzbpf.cli.output import write
from pyzbpf.cli.usage import UsageError
from pyzbpf.uapi import enums

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from typing import Any

    from pyzbpf.runtime.program import Program
    from pyzbpf.spec.externs import ExternSpec
    from pyzbpf.spec.model import MapSpec, ObjectSpec, ProgramSpec, VariableSpec

# Longest value of a variable that is printed whole.
VALUE_WIDTH = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``pyzbpf inspect``."""
    parser.add_argument("target", metavar="TARGET", help=target.HELP)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON: a list with one item for each object")
    form.add_argument(
        "--raw", action="store_true", help="print an object file's types, symbols and instructions"
    )
    form.add_argument(
        "--passes",
        action="store_true",
        help="print what each pass of the finisher changes in an object as the compiler wrote it "
        "(`pyzbpf build --keep` keeps those)",
    )
    form.add_argument(
        "--listing",
        choices=("xlated", "jited"),
        help="print the code of a loaded program, with the lines of its source: what the verifier has made of it, or the "
        "machine code (takes pyzbpf[disassembly]); TARGET is its id, which `pyzbpf list --loaded` shows, or its pin",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print every object of the target."""
    if arguments.listing:
        with _loaded(arguments.target) as program:
            write(program.listing(arguments.listing).splitlines())
        return 0
    if arguments.raw or arguments.passes:
        from pyzbpf.cli import raw

        for line in (raw.contents if arguments.raw else raw.changes)(arguments.target):
            print(line)
        return 0
    found = [describe(spec) for spec in target.objects(arguments.target)]
    if arguments.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        print("\n\n".join(text(item) for item in found))
    return 0


def _loaded(target: str) -> Program:
    from pyzbpf.runtime.program import Program

    try:
        return Program.by_id(int(target)) if target.isdecimal() else Program.pinned(target)
    except ValueError as error:
        raise UsageError(str(error)) from error


def describe(spec: ObjectSpec) -> dict[str, Any]:
    """All that is printed of an object, as plain values."""
    return {
        "name": spec.name,
        "file": spec.file,
        "endian": spec.endian,
        "license": spec.license,
        "programs": [_program(spec, found) for found in spec.programs.values()],
        "maps": [_map(spec, found) for found in spec.maps.values()],
        "variables": [_variable(spec, found) for found in spec.variables.values()],
        "externs": [_extern(spec, found) for found in spec.externs.values()],
        "traps": _traps(spec),
    }


def text(item: dict[str, Any]) -> str:
    """The same for people."""
    lines = [f"{item['file']}: {item['endian']}-endian, licence {item['license'] or 'none'}"]
    for heading, describe_lines in _LINES.items():
        if item[heading]:
            lines.append(heading)
            lines += [f"  {line}" for entry in item[heading] for line in describe_lines(entry)]
    return "\n".join(lines)


def _program(spec: ObjectSpec, found: ProgramSpec) -> dict[str, Any]:
    return {
        "name": found.name,
        "section": found.section,
        "type": _name("BPF_PROG_TYPE_", found.type),
        "attach_type": found.attach_type,
        "target": found.target,
        "instructions": len(spec.functions[found.name].instructions) // 8,
        "autoload": found.autoload,
    }


def _map(spec: ObjectSpec, found: MapSpec) -> dict[str, Any]:
    item: dict[str, Any] = {
        "name": found.name,
        "type": _name("BPF_MAP_TYPE_", found.type),
        "key_size": found.key_size,
        "value_size": found.value_size,
        "max_entries": found.max_entries,
        "flags": found.flags,
        "pinning": found.pinning,
    }
    for key in ("key_type", "value_type", "event_type"):
        type_id = getattr(found, key)
        # The type of a data map is the list of its variables, which stand below anyhow.
        known = spec.btf is not None and type_id and found.contents is None
        item[key] = c_text.definition(spec.btf, type_id) if spec.btf is not None and known else None
    return item


def _variable(spec: ObjectSpec, found: VariableSpec) -> dict[str, Any]:
    from pyzbpf.btf.record import plain

    return {
        "name": found.name,
        "map": found.map.name,
        "offset": found.offset,
        "size": found.size,
        "type": spec.btf.describe(found.type_id) if spec.btf is not None and found.type_id else None,
        "value": plain(found.value),
        "constant": found.map.frozen,
    }


def _extern(spec: ObjectSpec, found: ExternSpec) -> dict[str, Any]:
    known = spec.btf is not None and found.type_id and found.kind != "kfunc"
    return {
        "name": found.name,
        "kind": found.kind,
        "weak": found.weak,
        "type": spec.btf.describe(found.type_id) if spec.btf is not None and known else None,
    }


def _traps(spec: ObjectSpec) -> list[dict[str, Any]]:
    """The safety checks; one of a function that was inlined stands in the object several times, and here once."""
    found: dict[tuple[object, ...], dict[str, Any]] = {}
    for trap in spec.traps:
        key = (trap.file, trap.line, trap.column, trap.kind, trap.function, trap.message(), trap.text)
        check = {
            "file": trap.file, **trap.position(), "kind": trap.kind, "function": trap.function,
            "message": trap.message(), "text": trap.text, "count": 0,
        }  # fmt: skip
        found.setdefault(key, check)["count"] += 1
    return list(found.values())


def _program_lines(item: dict[str, Any]) -> Iterator[str]:
    optional = "" if item["autoload"] else ", loaded on demand"
    yield f"{item['name']}: {item['type']} in {item['section']}, {item['instructions']} instructions{optional}"


def _map_lines(item: dict[str, Any]) -> Iterator[str]:
    sizes = f"key {item['key_size']} B, value {item['value_size']} B, max_entries {item['max_entries']}"
    flags = f", flags {item['flags']:#x}" if item["flags"] else ""
    pinned = ", pinned by name" if item["pinning"] else ""
    yield f"{item['name']}: {item['type']}, {sizes}{flags}{pinned}"
    for key in ("key_type", "value_type", "event_type"):
        if item[key]:
            first, *rest = item[key].splitlines()
            yield f"  {key.removesuffix('_type')}: {first}"
            yield from (f"  {line}" for line in rest)


def _variable_lines(item: dict[str, Any]) -> Iterator[str]:
    value = str(item["value"])
    if len(value) > VALUE_WIDTH:
        value = value[: VALUE_WIDTH - 1] + "…"
    constant = "const " if item["constant"] else ""
    yield f"{item['name']}: {constant}{item['type'] or str(item['size']) + ' bytes'} = {value}"


def _extern_lines(item: dict[str, Any]) -> Iterator[str]:
    type_ = f" {item['type']}" if item["type"] else ""
    yield f"{item['name']}: {item['kind']}{type_}{', may be missing' if item['weak'] else ''}"


def _trap_lines(item: dict[str, Any]) -> Iterator[str]:
    times = f" (x{item['count']})" if item["count"] > 1 else ""
    text = f": {item['text']}" if item["text"] else ""
    place = ":".join(str(item[key]) for key in ("file", "line", "column") if key in item)
    yield f"{place}: {item['kind']} in {item['function']}{times}{text}"


_LINES = {
    "programs": _program_lines, "maps": _map_lines, "variables": _variable_lines, "externs": _extern_lines,
    "traps": _trap_lines,
}  # fmt: skip


def _name(prefix: str, value: int) -> str:
    # Where a constant has two names the newer one comes later.
    names = {number: name for name, number in vars(enums).items() if name.startswith(prefix)}
    return names[value].removeprefix(prefix).lower() if value in names else str(value)
