from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from pyzbpf.errors import Error, UnsupportedError
from pyzbpf.links import attach
from pyzbpf.links.base import Link
from pyzbpf.spec.model import ProgramSpec
from pyzbpf.spec.section_table import SECTIONS


def program(kind: str) -> ProgramSpec:
    return ProgramSpec("probe", section=kind, kind=kind, type=1, attach_type=None)


@pytest.mark.parametrize("kind", attach.KINDS)
def test_rows_name_a_file_and_its_options(kind):
    file, options = attach.KINDS[kind]
    parameters = inspect.signature(attach._file(file).attach).parameters
    assert tuple(p.name for p in parameters.values() if p.kind is p.KEYWORD_ONLY) == options
    assert attach.options(kind) == options


def test_the_table_in_the_documentation_has_every_row():
    page = (Path(__file__).parents[3] / "docs" / "attach.md").read_text()
    documented = [
        (cells[1], set(re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", cells[2]))))
        for cells in (line.split("|") for line in page.splitlines() if line.startswith("| `"))
    ]
    for kinds, _, options in attach._ROWS:
        first = kinds.split()[0]
        assert [names for names, known in documented if first in names and known == set(options)], (
            first,
            options,
        )
    assert {frozenset(known) for _, known in documented} == {
        frozenset(options) for _, _, options in attach._ROWS
    }


def test_every_section_is_attached_or_says_what_is_done_with_it():
    sections = {pattern.rstrip("+/") for pattern, *_ in SECTIONS}
    assert attach.KINDS.keys() | attach.NEVER.keys() == sections


def test_a_kind_of_nobodys():
    with pytest.raises(Error, match="no kind 'tracing_all' is known to attach") as caught:
        attach.attach(None, program("tracing_all"))
    assert not isinstance(caught.value, UnsupportedError), "that would blame the kernel"
    assert "autoattach" in str(caught.value)
    assert attach.options("tracing_all") == ()


@pytest.mark.parametrize("kind", attach.NEVER)
def test_kinds_that_are_never_attached_say_what_is_done_with_them(kind):
    with pytest.raises(Error, match="this kind is not attached; ") as caught:
        attach.attach(None, program(kind))
    assert attach.NEVER[kind] in str(caught.value)
    assert kind not in attach.KINDS


def test_unknown_option_names_the_known():
    with pytest.raises(TypeError, match="takes interface and mode, not 'device'"):
        attach.attach(None, program("xdp"), device="eth0")


class Part:
    def __init__(self, name: str, closed: list[str]) -> None:
        self.name = name
        self.closed = closed

    def fileno(self) -> int:
        return 7

    def close(self) -> None:
        self.closed.append(self.name)


def test_link_closes_the_link_first_and_once():
    closed: list[str] = []
    with Link(program("xdp"), "somewhere", [Part("link", closed), Part("event", closed)]) as link:
        assert link.fileno() == 7
        assert link.attached
        assert repr(link) == "<Link probe to somewhere, attached>"
    link.detach()
    assert closed == ["link", "event"]
    assert repr(link) == "<Link probe to somewhere, detached>"
    with pytest.raises(ValueError, match="closed"):
        link.fileno()
