"""linux/bpf.h as data: its structs and unions, its helpers with their numbers and prototypes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from scripts.generate_uapi.c_source import evaluate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Record(NamedTuple):
    """A C struct or union; ``alignment`` is what its attribute asks for, in bytes (1: nothing)."""

    kind: str
    name: str
    fields: list[Field]
    alignment: int


class Field(NamedTuple):
    """A member: ``name`` "" is anonymous, ``length`` None no array, ``bits`` None no bit field."""

    name: str
    type: str | Record
    length: int | None
    bits: int | None


class Prototype(NamedTuple):
    """A helper's signature in C: types as text, parameters as (type, name)."""

    result: str
    parameters: list[tuple[str, str]]


def read_records(text: str, names: dict[str, int]) -> dict[str, Record]:
    """All named structs and unions of a comment-free header."""
    plain = re.sub(r"__bpf_md_ptr\s*\([^,()]*,\s*(\w+)\)", r"__u64 \1", re.sub(r"(?m)^#.*", "", text))
    records = {}
    for start in re.finditer(r"^(struct|union)\s+(\w+)\s*\{", plain, re.MULTILINE):
        tokens = iter(re.findall(r"\w+|[^\s\w]", plain[start.end() :]))
        fields = read_fields(tokens, names)
        _, alignment = read_declarator(tokens)
        records[start[2]] = Record(start[1], start[2], fields, alignment)
    return records


def read_fields(tokens: Iterator[str], names: dict[str, int]) -> list[Field]:
    """The members up to the closing brace."""
    fields = []
    words: list[str] = []
    for token in tokens:
        if token == "}":
            break
        if token == "{":
            inner = read_fields(tokens, names)
            name, alignment = read_declarator(tokens)
            fields.append(Field(name, Record(words[0], "", inner, alignment), None, None))
            words = []
        elif token == ";":
            fields.append(read_member(words, names))
            words = []
        else:
            words.append(token)
    return fields


def read_declarator(tokens: Iterator[str]) -> tuple[str, int]:
    """What stands between a closing brace and its semicolon: the name, the alignment."""
    words = []
    for token in tokens:
        if token == ";":
            break
        words.append(token)
    name = words[0] if words and words[0] != "__attribute__" else ""
    alignment = int(words[words.index("aligned") + 2]) if "aligned" in words else 1
    return name, alignment


def read_member(words: list[str], names: dict[str, int]) -> Field:
    """One plain member, such as ``char name [ 16 ]`` or ``__u32 : 24``."""
    if words[-1] == "]":
        start = words.index("[")
        length = evaluate(" ".join(words[start + 1 : -1]) or "0", names)
        return Field(words[start - 1], " ".join(words[: start - 1]), length, None)
    if ":" in words:
        *type_and_name, _, bits = words
        name = type_and_name.pop() if len(type_and_name) > 1 else ""
        return Field(name, " ".join(type_and_name), None, int(bits))
    return Field(words[-1], " ".join(words[:-1]), None, None)


def read_helpers(text: str) -> dict[str, int]:
    """Helper name -> number, without the reserved number 0."""
    numbers = {name: int(number) for name, number in re.findall(r"FN\((\w+), (\d+), ##ctx\)", text)}
    del numbers["unspec"]
    return numbers


def read_prototypes(path: Path) -> dict[str, Prototype]:
    """Helper name -> signature, from the signature lines of the header's documentation.

    Where a helper is shown for several contexts, what differs becomes ``void *``.
    """
    line = re.compile(r"^ \* (\w[\w ]*?[ *]+)bpf_(\w+)\(([^)]*)\)$", re.MULTILINE)
    prototypes: dict[str, Prototype] = {}
    for result, name, listed in line.findall(path.read_text(encoding="utf-8")):
        parameters = [split_parameter(text) for text in listed.split(", ") if text != "void"]
        if name in prototypes:
            pairs = zip(prototypes[name].parameters, parameters, strict=True)
            parameters = [
                old if old[0] == new[0] else ("void *", common_name(old, new)) for old, new in pairs
            ]
        prototypes[name] = Prototype(result.strip(), parameters)
    return prototypes


def common_name(old: tuple[str, str], new: tuple[str, str]) -> str:
    """The name of a parameter that has two types: what differs in name too is the context."""
    return old[1] if old[1] == new[1] else "ctx"


def split_parameter(text: str) -> tuple[str, str]:
    """``const char *name`` -> (``const char *``, ``name``)."""
    name = re.sub(r".*[ *]", "", text)
    return text.removesuffix(name).strip(), name
