"""What the stub of a probe's module says of its types."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import pyzbpf
from pyzbpf.btf.decode import decode
from pyzbpf.btf.record import EnumValue, Record
from pyzbpf.build import stubs
from pyzbpf.runtime.object import load
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


def test_a_member_called_as_a_keyword_keeps_its_comment() -> None:
    writer = Writer(sys.byteorder)
    u32 = writer.int("u32", 4)
    event = writer.struct("Event", 4, [("from", u32, 0)])
    spec = object_spec()
    spec.btf = decode(writer.bytes(), sys.byteorder)
    add_map(spec, "seen", 1, key_size=4, value_size=4, max_entries=1, key_type=u32, value_type=event)
    comments = {"Event.from": "Where it began."}
    assert '    from_: int\n    """Where it began."""\n' in stubs.stub_text(spec, comments)
    assert "    'Event': 'from_: Where it began.',\n" in stubs.module_text(spec, comments)


def test_what_every_enum_value_has() -> None:
    """A new attribute of Python's int belongs into the list."""
    assert {name for name in dir(EnumValue) if not name.startswith("_")} | {"name"} <= stubs.OF_INT
    assert not [name for name in dir(Record) if not name.startswith("_")], "a member may have any name"


def test_the_options_of_load_are_those_that_the_types_know() -> None:
    """The types themselves are mypy's to compare, where the one calls the other."""
    text = (Path(pyzbpf.__file__).parent / "spec" / "typed.pyi").read_text()
    told = re.findall(
        r"^    (\w+):", text.partition("class LoadOptions")[2].partition("class ")[0], re.MULTILINE
    )
    assert told == list(inspect.signature(load).parameters)[1:]
