"""libbpf's word on an object beside ours: where they differ."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from pyzbpf.uapi.enums import BPF_MAP_TYPE_STRUCT_OPS
from tests.oracle.differences import EXPECTED
from tests.support.sent import listing

# Members of a map's definition that must be the same; memory nodes the kernel does not tell.
_MAP = ("type", "key_size", "value_size", "max_entries", "flags", "map_extra")
_PROGRAM = ("type", "attach_type", "autoload")


class Difference(NamedTuple):
    """``kind`` is what differs, ``text`` how; ``why`` is from the table of differences ("": unexplained)."""

    kind: str
    text: str
    why: str


def differences(theirs: dict[str, Any], ours: dict[str, Any]) -> list[Difference]:
    """Everything that differs, explained where the table can."""
    found = list(_all(theirs, ours))
    said = theirs.get("said", "")
    major, minor = re.findall(r"\d+", theirs.get("version", "v0.0"))[:2]
    version = int(major), int(minor)
    return [Difference(kind, text, explain(kind, f"{text}\n{said}", version)) for kind, text in found]


def explain(kind: str, text: str, version: tuple[int, int]) -> str:
    """What the table says of a difference from that version; "" for nothing."""
    for row in EXPECTED:
        holds = row.before == (0, 0) or version < row.before
        if row.kind == kind and holds and re.search(row.pattern, text):
            return row.why
    return ""


def _all(theirs: dict[str, Any], ours: dict[str, Any]) -> list[tuple[str, str]]:
    if "crashed" in theirs or "crashed" in ours:
        answers = {"libbpf": theirs, "pyzbpf": ours}
        return [("crash", f"{who}: {said['crashed']}") for who, said in answers.items() if "crashed" in said]
    if theirs["opened"] or ours["opened"]:
        return _opened(theirs, ours)
    found = [("program", text) for text in _programs(theirs["programs"], ours["programs"])]
    found += _loaded(theirs, ours)
    found += [("map", text) for text in _maps(theirs, ours)]
    found += _sent(theirs, ours)
    return found


def _opened(theirs: dict[str, Any], ours: dict[str, Any]) -> list[tuple[str, str]]:
    if theirs["opened"] and ours["opened"]:
        return []
    if ours["opened"]:
        kind = "refused" if not theirs["loaded"] or _some(theirs) else "refused early"
        return [(kind, f"we do not read it: {ours['error']}")]
    return [("more", f"libbpf does not open it (errno {theirs['opened']})")]


def _some(theirs: dict[str, Any]) -> bool:
    """Whether libbpf loads at least one of the programs."""
    return 0 in theirs.get("alone", {}).values()


def _loaded(theirs: dict[str, Any], ours: dict[str, Any]) -> list[tuple[str, str]]:
    found = []
    if ours["loaded"] and not theirs["loaded"]:
        found.append(("refused", f"libbpf loads it, we do not: {ours['error']}"))
    elif theirs["loaded"] and not ours["loaded"]:
        found.append(("more", f"we load it, libbpf does not (errno {theirs['loaded']})"))
    elif theirs["loaded"]:
        for name, errno in theirs.get("alone", {}).items():
            mine = ours["alone"].get(name)
            if mine is not None and bool(mine) != bool(errno):
                why = f": {ours['alone_errors'][name]}" if mine else f" (errno {errno})"
                who = "libbpf loads it alone, we do not" if mine else "we load it alone, libbpf does not"
                found.append(("refused" if mine else "more", f"program '{name}': {who}{why}"))
    return found


def _programs(theirs: list[dict[str, Any]], ours: list[dict[str, Any]]) -> list[str]:
    found = []
    mine = {program["name"]: program for program in ours}
    for program in theirs:
        other = mine.pop(program["name"], None)
        if other is None:
            found.append(f"program '{program['name']}' of section '{program['section']}': we have none")
            continue
        found += [
            f"program '{program['name']}' of section '{program['section']}': {member} {other[member]}, libbpf {program[member]}"
            for member in _PROGRAM
            if other[member] != program[member]
        ]
    return found + [f"program '{name}': libbpf has none" for name in mine]


def _maps(theirs: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    if bool(theirs["loaded"]) != bool(ours["loaded"]):
        return []  # one says what the kernel made of it, the other what the object says
    found = []
    mine = list(ours["maps"])
    for map in theirs["maps"]:
        # Names are cut, so that two may have one: the order is the same.
        other = next((other for other in mine if other["name"] == map["name"][:15]), None)
        if other is None:
            if map["autocreate"]:
                found.append(f"map '{map['name']}': we have none")
            continue
        mine.remove(other)
        told = [name for name in _MAP if name != "value_size" or not _is_unmade_struct(map, theirs)]
        found += [
            f"map '{map['name']}': {member} {other[member]:#x}, libbpf {map[member]:#x}"
            for member in told
            if other[member] != map[member]
        ]
    return found + [f"map '{map['name']}': libbpf has none" for map in mine if map["autocreate"]]


def _is_unmade_struct(map: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """A struct of functions that was not made: its size is the kernel's or the object's, by how far libbpf came."""
    return bool(theirs["loaded"]) and map["type"] == BPF_MAP_TYPE_STRUCT_OPS


def _sent(theirs: dict[str, Any], ours: dict[str, Any]) -> list[tuple[str, str]]:
    """Instructions, maps by name where libbpf says which descriptor was which, and places of attaching."""
    found: list[tuple[str, str]] = []
    if theirs["loaded"] and "load failed" not in theirs["said"]:
        return found  # it gave up before the instructions were ready
    mine = {program["name"]: program for program in ours["sent"]}
    names = {map["fd"]: map["name"][:15] for map in theirs["maps"]}
    known = all(map["fd"] >= 0 for map in theirs["maps"] if map["autocreate"])
    for program in theirs["sent"]:
        other = mine.get(program["name"])
        if other is None:
            if not ours["loaded"]:
                found.append(("code", f"program '{program['name']}': we sent none"))
            continue
        a = listing(bytes.fromhex(program["code"]), names if known else None)
        b = listing(bytes.fromhex(other["code"]), ours["named"] if known else None)
        if a != b:
            place = next(
                (n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
            )
            found.append((
                "code",
                f"program '{program['name']}': {len(b)} instructions, libbpf {len(a)}; at {place}: "
                f"{b[place] if place < len(b) else 'none'}, libbpf {a[place] if place < len(a) else 'none'}",
            ))  # fmt: skip
        if program["loaded"] and other["loaded"]:
            found += [
                ("target", f"program '{program['name']}': {member} {other[member]}, libbpf {program[member]}")
                for member in ("attach_btf_id", "attach_type")
                if other[member] != program[member]
            ]
    return found
