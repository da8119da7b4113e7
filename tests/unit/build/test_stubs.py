"""What the stub of a probe's module says of its types."""

from __future__ import annotations

import sys

from pyzbpf.btf.decode import decode
from pyzbpf.build import stubs
from tests.support.assemble import add_map, object_spec
from tests.support.btf_writer import Writer


def test_members_of_unnamed_members_are_properties() -> None:
    writer = Writer(sys.byteorder)
    u16, u32 = writer.int("u16", 2), writer.int("u32", 4)
    halves = writer.struct("", 4, [("left", u16, 0), ("right", u16, 16)])
    event = writer.struct("Event", 8, [("pid", u32, 0), ("", halves, 32)])
    spec = object_spec()
    spec.btf = decode(writer.bytes(), sys.byteorder)
    add_map(spec, "seen", 1, key_size=4, value_size=8, max_entries=1, key_type=u32, value_type=event)
    text = stubs.stub_text(spec)
    start = text.index("class Event(Record):")
    assert text[start:].splitlines()[:8] == [
        "class Event(Record):",
        "    pid: int",
        "    _1: anonymous",
        "    @property",
        "    def left(self) -> int: ...",
        "    @property",
        "    def right(self) -> int: ...",
        "    def __init__(self, pid: int, _1: anonymous) -> None: ...",
    ]
