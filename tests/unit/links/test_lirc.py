"""Infrared receivers without one: what the kernel is asked for, what is given back, and what is said when it refuses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pyzbpf.errors import Error, NotFoundError, SystemCallError
from pyzbpf.kernel import commands
from pyzbpf.kernel.fd import Fd
from pyzbpf.links import lirc
from pyzbpf.spec.model import ProgramSpec
from pyzbpf.uapi import enums as e

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SPEC = ProgramSpec(
    "pulse",
    section="lirc_mode2",
    kind="lirc_mode2",
    type=e.BPF_PROG_TYPE_LIRC_MODE2,
    attach_type=e.BPF_LIRC_MODE2,
)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Fd]:
    """A file stands for it, and for the device."""
    path = tmp_path / "lirc0"
    path.write_text("")
    before = set(os.listdir("/proc/self/fd"))
    with Fd(os.open(path, os.O_RDONLY), "program") as fd:
        yield fd
    assert set(os.listdir("/proc/self/fd")) == before


def test_attached_and_taken_out_once(program: Fd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []
    monkeypatch.setattr(
        commands, "prog_attach", lambda what, **values: asked.append((what, values["attach_type"]))
    )
    monkeypatch.setattr(
        commands, "prog_detach", lambda **values: asked.append(("detached", values["attach_type"]))
    )
    device = tmp_path / "lirc0"
    link = lirc.attach(program, SPEC, device=device)
    assert (link.kind, link.target, link.attached) == ("lirc_mode2", f"lirc_mode2 of '{device}'", True)
    link.detach()
    link.detach()
    assert asked == [(f"lirc_mode2 of '{device}'", e.BPF_LIRC_MODE2), ("detached", e.BPF_LIRC_MODE2)]


@pytest.mark.parametrize(
    ("errno", "words"),
    [(22, "no infrared receiver in mode 2"), (17, "attached to it already"), (7, "64 programs are attached")],
)
def test_refusals(
    program: Fd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, errno: int, words: str
) -> None:
    def refuse(what: str, **_: object) -> None:
        raise SystemCallError(errno, os.strerror(errno), command="BPF_PROG_ATTACH", detail=what)

    monkeypatch.setattr(commands, "prog_attach", refuse)
    with pytest.raises(SystemCallError, match=words):
        lirc.attach(program, SPEC, device=tmp_path / "lirc0")


def test_which_receiver(program: Fd) -> None:
    with pytest.raises(Error, match=r"say for which receiver: attach\(device='/dev/lirc0'\)"):
        lirc.attach(program, SPEC)
    with pytest.raises(
        NotFoundError, match="infrared receiver '/dev/lirc-none' cannot be opened: No such file"
    ):
        lirc.attach(program, SPEC, device="/dev/lirc-none")
