"""CO-RE on kernels with other layouts: our answers are libbpf's, and Zig's questions are clang's.

The objects are resolved for the type information of real kernels, without booting them. libbpf, which
patches all programs before it loads the first, is the witness for little-endian kernels; it does not
open an object of the other byte order.
"""

from __future__ import annotations

import itertools

import pytest

import pyzbpf
from pyzbpf.build.compile import build_probe
from tests.oracle.conftest import LITTLE
from tests.support import c_probes, cilium, libbpf, zig_probes
from tests.support.core_answers import (
    CLASSES_WITH_OFFSET,
    LOCAL_TYPE_ID,
    POISON,
    Question,
    answer,
    answers,
    at_index,
    by_index,
)
from tests.support.sent import listing, sent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from tests.oracle.conftest import Archive, KernelTypes
    from tests.support.sent import Instruction

    Answers = dict[Question, set[int | str]]

ZIG = ["core_twin", "core", "tp_btf"]
C = ["core_twin", "core_values", "core_loads", "core_missing"]


def finished(language: str, endian: str, folder: Path) -> Path:
    """core_twin, built as a user would build it."""
    if language == "zig":
        return zig_probes.path("core_twin", "fast", endian)
    source = c_probes.FOLDERS[0] / "core_twin.c"
    return build_probe(source, endian=endian, mode="fast", output_directory=folder, cache=folder / "cache")[0]


def answered(path: Path, types: KernelTypes) -> Answers:
    btf = pyzbpf.open(path).btf
    assert btf is not None
    return answers(btf, sent(path, types.path), types.endian)


@pytest.mark.parametrize("name", [f"{name}.zig" for name in ZIG] + [f"{name}.c" for name in C])
def test_libbpf_patches_the_same_instructions(name: str, little: KernelTypes) -> None:
    """All of every program, byte for byte, poisoned ones among them."""
    stem, _, language = name.partition(".")
    path = zig_probes.path(stem) if language == "zig" else c_probes.path(stem)
    theirs, ours = libbpf.relocated(path, little.path), sent(path, little.path)
    assert sorted(theirs.code) == sorted(ours.code)
    for program, code in ours.code.items():
        assert listing(code, None) == listing(theirs.code[program], None), program


def test_zig_is_answered_as_clang_is(types: KernelTypes, tmp_path: Path) -> None:
    zig, clang = (answered(finished(language, types.endian, tmp_path), types) for language in ("zig", "c"))
    assert {question.kind for question in zig} == set(range(13))
    assert len(zig) > 50
    assert all(len(found) == 1 for found in (*zig.values(), *clang.values()))
    assert sorted(zig) == sorted(clang)
    different = {question for question in zig if zig[question] != clang[question]}
    # Ids in the object's own types are the compiler's affair.
    assert {question.kind for question in different} <= {LOCAL_TYPE_ID}


def test_the_layouts_differ(archive: Archive, tmp_path: Path) -> None:
    """Otherwise the tests above would prove little."""
    path = finished("zig", "little", tmp_path)
    found = {kernel: answered(path, archive.types(*kernel)) for kernel in LITTLE}
    for one, other in itertools.combinations(LITTLE, 2):
        different = [question for question in found[one] if found[one][question] != found[other][question]]
        assert len(different) >= 10, (one, other, different)
    kinds = {
        question.kind
        for question in found[LITTLE[0]]
        if len({tuple(answer[question]) for answer in found.values()}) > 1
    }
    # Offsets, sizes, existence, type ids and sizes, values of enumerations.
    assert kinds >= {0, 1, 2, 7, 9, 11}


@pytest.mark.parametrize("language", ["zig", "c"])
def test_what_is_missing_is_poisoned_and_explained(language: str, types: KernelTypes, tmp_path: Path) -> None:
    path = finished(language, types.endian, tmp_path)
    made = sent(path, types.path)
    ready = made.ready["lacking"]
    assert sorted(text.split(" (", 1)[0].split(": ", 1)[0] for text in ready.unresolved.values()) == [
        "<byte_off> struct task_struct.never_was",
        "<byte_sz> struct task_struct.never_was",
        "<enumval_value> enum perf_callchain_context::PERF_CONTEXT_NEVER",
        "<enumval_value> enum vm_event_item::NR_NEVER",
        "<signed> struct task_struct.never_was",
    ]
    for text in ready.unresolved.values():
        assert "the kernel's struct task_struct has no member 'never_was'" in text or "has no value" in text
    found = answered(path, types)
    nothing = {question: answer for question, answer in found.items() if question.root == "no_such_type"}
    assert len(nothing) == 4
    assert set().union(*nothing.values()) == {0}
    never = [answer for question, answer in found.items() if "never" in question.path.lower()]
    assert set().union(*never) == {0, "poison"}


# What cilium/ebpf answers in another way than libbpf and the kernel (bpf_core_calc_relo_insn): for a type
# that is not there size and id are 0; numbers of an enum that old BTF does not say the sign of are signed.
OTHERWISE = {
    (9, "no_such_type"): {"poison"},
    (7, "no_such_type"): {"poison"},
    (11, "perf_callchain_context"): {"poison", 0xFFFFFF80, 0xFFFFFFFFFFFFFF80},
}


def test_another_resolver_gives_the_same_answers(types: KernelTypes, tmp_path: Path) -> None:
    """cilium/ebpf resolves without a kernel, and so for the other byte order, which libbpf does not."""
    path = finished("zig", types.endian, tmp_path)
    spec, ours = pyzbpf.open(path), sent(path, types.path)
    assert spec.btf is not None
    questions = by_index(spec.btf, ours)
    seen = cilium.edition("newest").relocate(path, types.path)
    assert sorted(seen) == sorted(spec.programs)
    compared = 0
    for program, rows in seen.items():
        code = at_index(listing(ours.code[program], None, types.endian))
        for row in rows:
            assert row["error"] == ""
            question, instruction = questions[program, row["index"]], code[row["index"]]
            theirs = told(row, instruction)
            if (question.kind, question.root) in OTHERWISE:
                assert theirs in OTHERWISE[question.kind, question.root], question
            elif question.kind != LOCAL_TYPE_ID:  # it gives the object's types new ids
                assert theirs == answer(instruction), question
                compared += 1
    assert compared > 55


def told(row: dict[str, Any], instruction: Instruction) -> int | str:
    """What cilium/ebpf put into an instruction, in the words of `answer`."""
    if row["constant"] == POISON:
        return "poison"
    if instruction.opcode & 7 in CLASSES_WITH_OFFSET:
        return int(row["offset"])
    return row["constant"] & 0xFFFFFFFFFFFFFFFF if instruction.high is not None else int(row["constant"])
