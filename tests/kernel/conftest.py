"""Tests that need Linux and the privilege to load BPF programs.

Skipped without it; with PYZBPF_REQUIRE=kernel in the environment they fail instead. Every test is
checked for descriptors and kernel objects it leaves behind.
"""

from __future__ import annotations

import os
import time

import pytest

from pyzbpf.kernel import commands
from pyzbpf.uapi import attrs, enums
from tests.support import kernel

HERE = os.path.dirname(__file__)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    kernel.mark(item for item in items if str(item.path).startswith(HERE))


_CREATING = {
    enums.BPF_MAP_CREATE: ("map", attrs.MAP_INFO),
    enums.BPF_PROG_LOAD: ("prog", attrs.PROG_INFO),
    enums.BPF_BTF_LOAD: ("btf", attrs.BTF_INFO),
    enums.BPF_LINK_CREATE: ("link", {"id": (4, 4)}),
    enums.BPF_RAW_TRACEPOINT_OPEN: ("link", {"id": (4, 4)}),
}


def _descriptors() -> dict[str, str]:
    found = {}
    for number in os.listdir("/proc/self/fd"):
        path = f"/proc/self/fd/{number}"
        if os.path.lexists(path):  # that of the listing itself is gone
            found[number] = os.readlink(path)
    return found


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch: pytest.MonkeyPatch):
    """Fail a test that leaves descriptors open or objects of its own in the kernel.

    Only ids made by this process count: other processes load programs at the same time.
    """
    made: list[tuple[str, int]] = []
    real = commands.bpf

    def bpf(command: int, attributes: bytearray) -> int:
        result = real(command, attributes)
        if result >= 0 and command in _CREATING:
            kind, layout = _CREATING[command]
            made.append((kind, int(commands.object_info(result, layout)["id"])))
        return result

    monkeypatch.setattr(commands, "bpf", bpf)
    before = _descriptors()
    yield
    after = _descriptors()
    left = {number: after[number] for number in after.keys() - before.keys()}
    assert not left, f"descriptors left open: {left}"
    # The kernel frees after a grace period, in its own time.
    deadline = time.monotonic() + 120
    while True:
        alive = [(kind, number) for kind, number in made if _exists(kind, number)]
        if not alive:
            return
        if time.monotonic() > deadline:
            pytest.fail(f"objects left in the kernel: {alive}")
        time.sleep(0.02)


def _exists(kind: str, number: int) -> bool:
    # By walking the ids, not by opening one: each last close of a program array takes a reference
    # for its clearing work (prog_array_map_clear), which is never given back where that work is
    # pending already, so a second close within milliseconds leaks the map for good.
    return commands.next_id(kind, number - 1) == number
