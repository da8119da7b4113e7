"""The type information of finished objects before readers that are not ours: pahole, bpftool and a C compiler.

Both byte orders of every probe: what they read has the names, sizes and offsets that our own decoder reads.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import pyzbpf
from pyzbpf.btf import types as kinds
from pyzbpf.build import compiler
from tests.support import zig_probes
from tests.support.bpftool import BPFTOOL, bpftool
from tests.support.require import missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyzbpf.btf.decode import Btf
    from pyzbpf.btf.types import Type

ENDIANS = ["little", "big"]
# Zig takes names that C keeps for itself, and BTF takes them, too.
NOT_C = {"shapes": "error: cannot combine with previous 'double' declaration specifier"}
WORDS = {kinds.STRUCT: "struct", kinds.UNION: "union"}


def types_of(path: Path) -> Btf:
    btf = pyzbpf.open(path).btf
    assert btf is not None
    return btf


def named(btf: Btf) -> list[Type]:
    """The structs and unions with a name of their own; of a name that two have, readers show one."""
    found = [type for type in btf.types if type is not None and type.kind in WORDS and type.name]
    names = [type.name for type in found]
    return [type for type in found if names.count(type.name) == 1]


def pahole(path: Path, *options: str) -> tuple[str, str]:
    program = shutil.which("pahole")
    if program is None:
        missing("pahole", "needs pahole: apt-get install pahole")
    done = subprocess.run([program, "-F", "btf", *options, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.mark.parametrize("endian", ENDIANS)
@pytest.mark.parametrize("name", zig_probes.ALL)
def test_pahole_reads_the_same_structs(name: str, endian: str) -> None:
    path = zig_probes.path(name, endian=endian)
    btf = types_of(path)
    for kind, options in ((kinds.STRUCT, ["--sizes"]), (kinds.UNION, ["--sizes", "--unions"])):
        text, said = pahole(path, *options)
        seen = {row[0]: int(row[1]) for row in map(str.split, text.splitlines())}
        # It leaves out what has no members: names that only stand behind pointers.
        ours = {type.name: type.size for type in named(btf) if type.kind == kind and type.members}
        assert {key: seen.get(key) for key in ours} == ours
        # pahole 1.24 does not know tags, and says so of each; it has no other complaint.
        tags = [number for number, type in enumerate(btf.types) if type and type.kind == kinds.DECL_TAG]
        assert said.splitlines() in ([], [f"BTF: idx: {number}, Unknown kind 17" for number in tags])
    text, _ = pahole(path)
    for type in named(btf):
        if type.kind == kinds.STRUCT and type.members:
            body = re.search(rf"^struct {type.name} {{\n(.*?)^}};", text, re.MULTILINE | re.DOTALL)
            assert body is not None, type.name
            for member in type.members:
                assert not member.name or re.search(rf"\b{member.name}\b", body[1]), (type.name, member.name)


@pytest.mark.parametrize("endian", ENDIANS)
@pytest.mark.parametrize("name", zig_probes.ALL)
def test_the_dump_of_bpftool_is_c_of_the_same_layout(name: str, endian: str, tmp_path: Path) -> None:
    """A C compiler agrees on size and offset of everything in it."""
    if BPFTOOL is None:
        missing("bpftool", "needs bpftool: apt-get install bpftool")
    path = zig_probes.path(name, endian=endian)
    source = tmp_path / "types.c"
    text = bpftool("btf", "dump", "file", path, "format", "c")
    source.write_text("\n".join([text, *assertions(types_of(path), text)]) + "\n")
    machine = {"little": "bpfel", "big": "bpfeb"}[endian]
    command = [compiler.find_zig(), "cc", "-target", f"{machine}-freestanding", "-Werror", "-Wno-visibility"]
    command.append("-Wno-pragma-clang-attribute")  # of a dump without structs
    done = subprocess.run(
        [*command, "-c", source, "-o", tmp_path / "types.o"], capture_output=True, text=True, check=False
    )
    if name in NOT_C:
        assert NOT_C[name] in done.stderr
    else:
        assert done.returncode == 0, done.stderr


def assertions(btf: Btf, text: str) -> Iterator[str]:
    for type in named(btf):
        called = f"{WORDS[type.kind]} {type.name}"
        if f"{called} {{" not in text:  # not used by anything: a forward declaration at most
            assert not type.members, called
            continue
        if any(is_short_enum(btf, member.type) for member in type.members):
            continue  # bpftool 7.1 writes every enum as one of four bytes
        yield f'_Static_assert(sizeof({called}) == {type.size}, "{called}");'
        for member in type.members:
            if member.name and not member.bits:
                yield (
                    f"_Static_assert(__builtin_offsetof({called}, {member.name}) == {member.bit_offset // 8}, "
                    f'"{called}.{member.name}");'
                )


def is_short_enum(btf: Btf, type_id: int) -> bool:
    """Whether a type is an enum of less than four bytes, or made of one."""
    _, found = btf.resolve(type_id)
    if found is None or found.kind == kinds.PTR:
        return False
    if found.kind == kinds.ARRAY:
        return is_short_enum(btf, found.type)
    if found.kind in WORDS:
        return any(is_short_enum(btf, member.type) for member in found.members)
    return found.kind == kinds.ENUM and found.size < 4
