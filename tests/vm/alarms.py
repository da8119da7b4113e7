"""What a guest's kernel was alarmed about, found in its log: a failure, unless a table here says why not."""

from __future__ import annotations

import re
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Expected(NamedTuple):
    """Alarms that are no failure: a pattern of their first line, the kernels that have them, and why."""

    pattern: str
    kernels: str  # a pattern of names of the matrix
    why: str


EXPECTED = (
    Expected(
        r"(rcu: )?INFO: rcu_\w+ (self-)?detected (expedited )?stalls?|watchdog: BUG: soft lockup|BUG: workqueue lockup",
        ".*",
        "an emulated processor that its host does not let run for twenty seconds stands still; a program "
        "that hangs the kernel is seen by the guest's silence",
    ),
    Expected(
        r"WARNING: CPU: \d+ PID: \d+ at kernel/bpf/verifier\.c:\d+ reg_bounds_sanity_check",
        "amd64-6.18",
        "the verifier of 6.18.15 says of bounds of its own that they contradict each other, and goes on without them",
    ),
)

# How the kernel begins: lib/bug.c, kernel/panic.c, locking/lockdep.c, rcu/tree_stall.h, hung_task.c, watchdog.c,
# mm/page_alloc.c, mm/kasan, lib/ubsan.c, arch/*/mm/fault.c and traps.c. A stack that is shown for any other
# reason begins with its own line.
_BEGINNING = re.compile(
    r"(watchdog: )?(BUG: |WARNING: |kernel BUG at |Oops|Internal error: |Unable to handle |UBSAN: )"
    r"|general protection fault|(rcu: )?INFO: (task .* blocked|rcu_|possible |inconsistent |trying to register)"
    r"|refcount_t: |list_(add|del) corruption|.*: page allocation failure"
)
_STACK = re.compile(r"Call [Tt]race:")
_END = "---[ end trace "
_LINES = 100  # that belong to one alarm at most


def splats(log: Iterable[str]) -> list[str]:
    """Each alarm in the lines of a kernel's log, with what was said about it."""
    found: list[list[str]] = []
    left = 0  # lines that may still belong to the last one
    for line in log:
        if _BEGINNING.match(line) or (not left and _STACK.match(line)):
            found.append([])
            left = _LINES
        if left:
            found[-1].append(line)
            left = 0 if line.startswith(_END) else left - 1
    return ["\n".join(lines) for lines in found]


def unexpected(name: str, log: Iterable[str], expected: Sequence[Expected] = EXPECTED) -> list[str]:
    """The alarms of the kernel ``name`` that no row of the table is about."""
    return [
        splat
        for splat in splats(log)
        if not any(re.fullmatch(row.kernels, name) and re.match(row.pattern, splat) for row in expected)
    ]
