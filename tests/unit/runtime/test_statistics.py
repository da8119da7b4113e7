"""What the verifier counted, in the words of several kernels."""

from __future__ import annotations

import pytest

from pyzbpf.runtime.statistics import statistics

END = "processed 73 insns (limit 1000000) max_states_per_insn 1 total_states 6 peak_states 5 mark_read 0\n"
COUNTED = {"processed": 73, "states_per_instruction": 1, "states": 6, "peak_states": 5}


@pytest.mark.parametrize(
    ("log", "more"),
    [
        ("", {}),
        ("verification time 239 usec\nstack depth 0+16+8\n", {"time_us": 239, "stack": [0, 16, 8]}),  # 6.18
        (
            "verification time 254134 usec\nstack depth max 24\n"
            "subprog 0 (first) main insns_self 8 insns_total 23 stack 8\n"
            "subprog 1 (top) global insns_self 7 insns_total 47 stack 16\n",
            {"time_us": 254134, "stack": [8, 16]},
        ),  # 7.3
    ],
)
def test_numbers_of_a_log(log: str, more: dict[str, object]) -> None:
    assert statistics(log + END) == {**COUNTED, **more}
