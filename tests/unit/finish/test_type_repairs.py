"""Whatever types a compiler writes, what the passes leave is what the kernel's own checks ask for.

The checks are those of kernel/bpf/btf.c (btf_*_check_meta), written down again.
"""

from __future__ import annotations

import pytest

from pyzbpf.btf import layout
from pyzbpf.btf import types as kinds
from pyzbpf.btf.names import is_c_name
from pyzbpf.btf.types import Member, Type
from pyzbpf.elf import image as elf
from pyzbpf.errors import ObjectError
from pyzbpf.finish import unit as units
from pyzbpf.finish.passes import members, numbers, parameters, type_names, typedefs, void_types

hypothesis = pytest.importorskip("hypothesis", reason="needs hypothesis: pip install 'pyzbpf[test]'")
st = hypothesis.strategies

PASSES = (typedefs, void_types, numbers, members, type_names, parameters)
WORDS = ["probe", "Event", "u32", "a b", "ü", "9", "1st", "_", "", "Pair(u8,probe.K)", "?", "?*", "[]const ", "error{A,B}!",
         "*", '@"x.y"', "[*:0]", "(", ")", "-1", ":Payload", '@typeInfo(p.T).@"union".tag_type.?', "__struct_3"]  # fmt: skip
NAMES = st.lists(st.sampled_from(WORDS), max_size=4).map(".".join) | st.text(max_size=8).map(
    lambda text: text.replace("\0", "").encode("utf-8", "ignore").decode()
)
KINDS = [kinds.INT, kinds.FLOAT, kinds.ENUM, kinds.ENUM64, kinds.PTR, kinds.TYPEDEF, kinds.ARRAY, kinds.STRUCT, kinds.UNION, kinds.FUNC_PROTO, kinds.FUNC]  # fmt: skip


@st.composite
def graphs(draw: hypothesis.strategies.DrawFn) -> list[Type]:
    """Types as LLVM writes them for Zig: each refers to those before it only, pointers to any."""
    count = draw(st.integers(1, 12))
    made: list[Type] = []
    for number in range(1, count + 1):
        found = Type(draw(st.sampled_from(KINDS)), draw(NAMES))
        earlier = [i for i in range(1, number) if made[i - 1].kind not in (kinds.FUNC, kinds.FUNC_PROTO)]
        _fill(draw, found, earlier, made)
        made.append(found)
    return made


def _fill(draw: hypothesis.strategies.DrawFn, found: Type, earlier: list[int], made: list[Type]) -> None:
    inner = draw(st.sampled_from(earlier)) if earlier else 0
    if found.kind == kinds.INT:
        found.size, found.bits = draw(st.sampled_from([(0, 0), (1, 1), (1, 8), (4, 32), (16, 128), (32, 0), (64, 0)]))  # fmt: skip
    elif found.kind == kinds.FLOAT:
        found.size = draw(st.sampled_from([2, 4, 8, 10, 16]))
    elif found.kind in (kinds.ENUM, kinds.ENUM64):
        found.size = draw(st.sampled_from([1, 2, 4] if found.kind == kinds.ENUM else [8, 16]))
        found.values = [(name, place) for place, name in enumerate(draw(st.lists(NAMES, max_size=2)))]
    elif found.kind == kinds.PTR:
        found.type = inner
    elif found.kind == kinds.ARRAY and inner:
        found.name = ""
        found.type, found.index_type, found.count = inner, inner, draw(st.integers(0, 20))
    elif found.kind in (kinds.STRUCT, kinds.UNION):
        picked = draw(st.lists(st.sampled_from(earlier), max_size=3)) if earlier else []
        end = 0
        for place in picked:
            size = layout.size_of([None, *made], place) or 0
            found.members.append(Member(draw(NAMES), place, 0 if found.kind == kinds.UNION else 8 * end))
            end = max(end, size) if found.kind == kinds.UNION else end + size
        found.size = end
        found.members = draw(st.permutations(found.members))
    elif found.kind == kinds.FUNC_PROTO:
        found.name = ""
        found.parameters = [("", place) for place in earlier[:3]]
    elif found.kind in (kinds.FUNC, kinds.ARRAY, kinds.TYPEDEF):
        protos = [i for i, t in enumerate(made, 1) if t.kind == kinds.FUNC_PROTO]
        if found.kind == kinds.FUNC and protos:
            found.name, found.type = "f", protos[-1]
        else:
            found.kind, found.type = kinds.TYPEDEF, inner


def _complaints(types: list[Type | None]) -> list[str]:
    """What the kernel would say."""
    said = []
    for found in types[1:]:
        assert found is not None
        names = (
            [m.name for m in found.members] + [n for n, _ in found.values] + [n for n, _ in found.parameters]
        )
        if found.kind in (kinds.STRUCT, kinds.UNION, kinds.ENUM, kinds.ENUM64, kinds.TYPEDEF, kinds.FUNC):
            names.append(found.name)
        said += [f"Invalid name {name!r}" for name in names if name and not is_c_name(name)]
        if found.kind == kinds.INT and (not 0 < found.size <= 16 or not 0 < found.bits <= 8 * found.size):
            said.append(f"Invalid int {found.size} {found.bits}")
        if found.kind == kinds.FLOAT and found.size not in (2, 4, 8, 12, 16):
            said.append("Invalid type_size")
        if found.kind in (kinds.ENUM, kinds.ENUM64) and found.size not in (1, 2, 4, 8):
            said.append("Unexpected size")
        if found.kind in (kinds.PTR, kinds.ARRAY) and found.name:
            said.append("Invalid name")
        offsets = [member.bit_offset for member in found.members]
        if found.kind == kinds.STRUCT and offsets != sorted(offsets):
            said.append("Invalid member bits_offset")
        for member in found.members:
            size = layout.size_of(types, member.type)
            if not member.type or size is None:
                said.append("Invalid type_id")
            elif member.bit_offset // 8 + size > found.size:
                said.append("Member exceeds struct_size")
        if found.kind == kinds.ARRAY and layout.size_of(types, found.type) is None:
            said.append("Invalid elem")
    for found in types[1:]:
        if found is not None and found.kind == kinds.FUNC:
            prototype = types[found.type]
            assert prototype is not None
            said += ["Invalid arg" for name, type_id in prototype.parameters if type_id and not name]
    return said


@hypothesis.given(graphs(), st.sampled_from(["little", "big"]))
@hypothesis.settings(deadline=None, max_examples=40, derandomize=True)
def test_the_kernel_would_take_it(types: list[Type], endian: str) -> None:
    work = units.Unit(elf.Image(file="probe.zig", endian=endian))
    for found in types:
        work.add_type(found)
    try:
        for step in PASSES:
            step.run(work)
    except ObjectError as error:  # two types of one C name
        hypothesis.assume("are both" not in str(error))
        raise
    for step in PASSES:
        before = [str(found and (found.kind, found.name, found.size)) for found in work.types]
        step.run(work)
        assert [str(found and (found.kind, found.name, found.size)) for found in work.types] == before
    data = units.write(work)
    section = units.read(data, file="probe.o")
    assert not _complaints(section.types)
