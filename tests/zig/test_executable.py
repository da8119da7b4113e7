"""Where functions lie in files: programs and libraries of several machines, whole and stripped."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from pyzbpf.build import compiler
from pyzbpf.cli import points
from pyzbpf.elf import executable
from pyzbpf.errors import NotFoundError, ObjectError
from tests.support import targets
from tests.support.zig_probes import need_compiler

LIBRARY = """
__attribute__((visibility("default"), noinline)) int shown(int x) { return x * 3; }
static int hidden_one(int x) { return x + 7; }
static void *choose(void) { return (void *)hidden_one; }
__attribute__((visibility("default"))) int chosen(int x) __attribute__((ifunc("choose")));
__attribute__((used, visibility("default"))) int unresolved(int);
__attribute__((visibility("default"))) int caller(int x) { return unresolved(x); }
"""
TWO_VERSIONS = """
__asm__(".symver old_way, way@V1\\n.symver new_way, way@@V2");
int old_way(void) { return 1; }
int new_way(void) { return 2; }
"""


@pytest.fixture(autouse=True)
def zig() -> None:
    need_compiler()


def build(folder: Path, text: str, *options: str, machine: str = "x86_64") -> str:
    source, target = folder / "source.c", folder / "built"
    source.write_text(text)
    command = [compiler.find_zig(), "cc", "-target", f"{machine}-linux-none", "-nostdlib", "-O1", *options]
    subprocess.run([*command, source, "-o", target], check=True)
    return str(target)


def by_sections(path: str, name: str) -> int:
    """The same in another way: by the symbol's section, whose place in the file is known."""
    with Path(path).open("rb") as file:
        elf = ELFFile(file)
        for table in (".symtab", ".dynsym"):
            found = elf.get_section_by_name(table)
            for symbol in found.get_symbol_by_name(name) or () if found else ():
                home = elf.get_section(symbol["st_shndx"])
                return int(symbol["st_value"] - home["sh_addr"] + home["sh_offset"])
    raise AssertionError(name)


@pytest.mark.parametrize("machine", targets.MACHINES)
def test_a_program(machine: str, tmp_path: Path) -> None:
    path = str(targets.compile_for(machine, tmp_path / machine))
    assert executable.function_offset(path, "target_add") == by_sections(path, "target_add")
    with pytest.raises(NotFoundError, match=r"symbol 'targetadd': .*did you mean target_add\?\n.*inlined"):
        executable.function_offset(path, "targetadd")
    with pytest.raises(NotFoundError, match="no function of this name"):
        executable.function_offset(path, "add")  # the end of another name


@pytest.mark.parametrize("stripped", [False, True])
def test_a_library(tmp_path: Path, stripped: bool) -> None:
    path = build(tmp_path, LIBRARY, "-shared", *(["-s"] if stripped else []))
    assert executable.function_offset(path, "shown") == by_sections(path, "shown")
    with pytest.raises(ObjectError, match=r"'chosen': is chosen among several .*IFUNC"):
        executable.function_offset(path, "chosen")
    with pytest.raises(NotFoundError, match="'unresolved': no function"):
        executable.function_offset(path, "unresolved")
    if stripped:
        with pytest.raises(NotFoundError, match=r"stripped: the functions it exports are known.*offset="):
            executable.function_offset(path, "hidden_one")
    else:
        assert executable.function_offset(path, "hidden_one") == by_sections(path, "hidden_one")


def test_a_program_without_any_name(tmp_path: Path) -> None:
    path = build(tmp_path, "void _start(void) { for (;;); }", "-static", "-s")
    with pytest.raises(NotFoundError, match=r"stripped: no name is left.*offset="):
        executable.function_offset(path, "_start")
    with pytest.raises(NotFoundError, match=r"nothing here is like .*\n.*stripped: no name is left"):
        points.matching(f"uprobe/{path}:*")
    with pytest.raises(NotFoundError, match=r"it has no USDT probes .*\n.*<sys/sdt\.h>"):
        points.matching(f"usdt/{path}:*:*")


def test_the_version_that_new_programs_get(tmp_path: Path) -> None:
    (tmp_path / "map").write_text("V1 { way; };\nV2 { way; } V1;\n")
    path = build(tmp_path, TWO_VERSIONS, "-shared", "-s", f"-Wl,--version-script={tmp_path / 'map'}")
    data = Path(path).read_bytes()
    at = executable.function_offset(path, "way")
    assert b"\xb8\x02\x00\x00\x00" in data[at : at + 16], "mov eax, 2"


def test_files_that_are_none(tmp_path: Path) -> None:
    text = tmp_path / "script"
    text.write_text("#!/bin/sh\n")
    with pytest.raises(ObjectError, match=r"script: not an ELF file\n.*interpreter"):
        executable.function_offset(str(text), "main")
    whole = Path(build(tmp_path, LIBRARY, "-shared")).read_bytes()
    cut = tmp_path / "cut"
    for end in range(4, len(whole), max(1, len(whole) // 200)):
        cut.write_bytes(whole[:end])
        try:
            executable.function_offset(str(cut), "shown")
        except (ObjectError, NotFoundError):
            pass
