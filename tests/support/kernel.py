"""Tests that load programs into the kernel: marked, and skipped with what to do where that cannot be."""

from __future__ import annotations

import functools
import sys

import pytest

from pyzbpf.errors import Error
from pyzbpf.kernel import commands
from tests.support.require import is_required

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


@functools.cache
def obstacle() -> str:
    """Why nothing can be loaded here; "" where it can."""
    if not sys.platform.startswith("linux"):
        return "needs Linux; run the suite there"
    try:
        commands.map_create("obstacle", map_type=2, key_size=4, value_size=4, max_entries=1).close()
        commands.next_id("prog", 0)
    except Error as error:
        return f"needs the privilege to load BPF programs; run pytest as root: {error}"
    return ""


def mark(items: Iterable[pytest.Item]) -> None:
    """Mark tests as ones that need the kernel."""
    for item in items:
        item.add_marker(pytest.mark.kernel)
        if obstacle() and not is_required("kernel"):
            item.add_marker(pytest.mark.skip(reason=obstacle()))
