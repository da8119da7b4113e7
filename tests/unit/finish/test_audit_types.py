"""What types tell of mistakes, refused when the probe is built."""

from __future__ import annotations

import pytest

from pyzbpf.errors import ObjectError
from pyzbpf.finish.pipeline import finish
from tests.support import elf_writer
from tests.support.assemble import Asm
from tests.support.btf_writer import Writer
from tests.support.elf_writer import EXEC, OBJECT, WRITE, Section, Symbol
from tests.support.objects import definition


def probe(section: str, context: str, *, result: bool = True, map_section: str = "") -> bytes:
    btf = Writer()
    number = btf.int("int", 4, 1)
    pointer = btf.ptr(btf.struct(context, 4, [("x", number, 0)]))
    func = btf.func("prog", btf.prototype(number if result else 0, [("ctx", pointer)]), 1)
    sections, symbols = [], []
    if map_section:
        var = btf.var(
            "table", definition(btf, type=1, key=("t", number), value=("t", number), max_entries=4), 1
        )
        btf.datasec(map_section, [(var, 0, 32)], 32)
        sections.append(Section(map_section, bytes(32), WRITE))
        symbols.append(Symbol("table", map_section, size=32, type=OBJECT))
    code = bytes(Asm("little").mov_imm(0, 0).raw(0x95).code)
    ext = btf.ext({section: [(0, func)]})
    return elf_writer.write(
        [
            Section(section, code, EXEC),
            *sections,
            Section(".BTF", btf.bytes(), 0),
            Section(".BTF.ext", ext, 0),
        ],
        [Symbol("prog", section, size=16), *symbols],
    )


@pytest.mark.parametrize(
    ("section", "context"),
    [("xdp", "xdp_md"), ("socket", "__sk_buff"), ("tc", "__sk_buff"), ("raw_tp/x", "bpf_raw_tracepoint_args"),
     ("xdp", "my_own_view"), ("tracepoint/a/b", "Tracepoint_x"), ("tp", "anything")],
)  # fmt: skip
def test_what_fits_passes(section: str, context: str) -> None:
    assert finish(probe(section, context), file="probe.zig")


@pytest.mark.parametrize(
    ("data", "message", "advice"),
    [
        (probe("xdp", "__sk_buff"), "the program takes a __sk_buff", "its context is xdp_md"),
        (probe("socket", "xdp_md"), "the program takes a xdp_md", "its context is __sk_buff"),
        (probe("xdp", "xdp_md", result=False), "the program returns nothing", "declare it `c_int`"),
        (probe("tracepoint/sched_switch", "x"), "'sched_switch' is one word", "write tracepoint/<category>/sched_switch"),
        (probe("kprobe/", "pt_regs"), "what the program of kind 'kprobe' is for", "write kprobe/<name>; or 'kprobe'"),
        (probe("?fentry.s/", "x"), "what the program of kind 'fentry.s' is for", "write ?fentry.s/<name>"),
        (probe("xdp", "xdp_md", map_section=".data"), "a map in section .data", 'linksection(".maps")'),
    ],
)  # fmt: skip
def test_what_does_not_is_refused(data: bytes, message: str, advice: str) -> None:
    with pytest.raises(ObjectError) as caught:
        finish(data, file="probe.zig")
    assert message in str(caught.value) and advice in str(caught.value)
    assert caught.value.symbol in ("prog", "table") and caught.value.section


def test_a_map_in_the_legacy_section_is_told_the_right_one() -> None:
    with pytest.raises(ObjectError, match=r"belongs into `linksection\(\"\.maps\"\)`"):
        finish(probe("xdp", "xdp_md", map_section="maps"), file="probe.zig")
