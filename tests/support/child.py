"""Child processes by fork, which end whatever happens in them: none of them becomes a second run of the tests."""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def start(work: Callable[[], object]) -> int:
    """Do ``work()`` in a child process; its number, for the caller to wait for."""
    child = os.fork()
    if child:
        return child
    status = 1  # pragma: no cover - another process, as all below
    try:
        work()
        status = 0
    except BaseException:  # noqa: BLE001 - told by its status, too
        traceback.print_exc()
    finally:
        os._exit(status)


def run(work: Callable[[], object]) -> int:
    """Do ``work()`` in a child process and wait for it: 0 where it returned, 1 where it raised."""
    return os.waitstatus_to_exitcode(os.waitpid(start(work), 0)[1])
