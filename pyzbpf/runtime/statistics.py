"""What the verifier counted: the end of a log of level 4 (``spec.load(log_level=4)``), as numbers."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# print_verification_stats in kernel/bpf/verifier.c; the first two lines come with level 4 only.
_PATTERNS = {
    "time_us": re.compile(r"^verification time (\d+) usec", re.MULTILINE),
    "processed": re.compile(r"^processed (\d+) insns", re.MULTILINE),
    "states_per_instruction": re.compile(r"max_states_per_insn (\d+)"),
    "states": re.compile(r"total_states (\d+)"),
    "peak_states": re.compile(r"peak_states (\d+)"),
}
_STACK = re.compile(r"^stack depth (\d+(?:\+\d+)*)", re.MULTILINE)
# Newer kernels (seen in 7.3) have a line for each subprogram instead.
_STACK_OF_ONE = re.compile(r"^subprog \d+ .* stack (\d+)$", re.MULTILINE)


def statistics(log: str) -> Mapping[str, int | list[int]]:
    """The numbers in a log, by name; what a kernel does not count is left out.

    ``processed`` are instructions, on all paths together (a million at most); ``states`` are the states of the
    program that the verifier kept, ``peak_states`` at one time, ``states_per_instruction`` for one; ``stack``
    are the bytes of the stack that the program and each of its subprograms take; ``time_us`` is the time
    in microseconds.
    """
    found: dict[str, int | list[int]] = {}
    for name, pattern in _PATTERNS.items():
        matches = pattern.findall(log)
        if matches:
            found[name] = int(matches[-1])
    together = _STACK.findall(log)
    stack = together[-1].split("+") if together else _STACK_OF_ONE.findall(log)
    if stack:
        found["stack"] = [int(number) for number in stack]
    return found
