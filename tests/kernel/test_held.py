"""What the kernel has lent to a program goes back when a safety check fails."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from tests.support import features, zig_probes

# Program: (the first kernel that takes it, what it needs).
NEEDS = {
    "task": ("6.2", "bpf_task_from_pid"),
    "cpumask": ("6.3", "bpf_cpumask_create"),
    "cgroup_of": ("6.2", "bpf_cgroup_from_id"),
    "range": ("6.4", "bpf_iter_num_new"),
    "rcu": ("6.2", "bpf_rcu_read_lock"),
    "preempt": ("6.10", "bpf_preempt_disable"),
    "interrupts": ("6.14", "bpf_local_irq_save"),
    "dynptr": ("5.19", "dynptrs"),
    "nested": ("6.3", "bpf_cpumask_create"),
    "handed": ("6.2", "bpf_task_from_pid"),
}
NEUTRAL = -7


@pytest.mark.parametrize("name", NEEDS)
def test_it_goes_back(name: str) -> None:
    features.since(*NEEDS[name])
    if name != "dynptr":
        features.needs_jit("calling a function of the kernel")
    spec = zig_probes.spec("safe_held")
    for other, program in spec.programs.items():
        program.autoload = other == name
    number = {"cgroup_of": Path("/sys/fs/cgroup").stat().st_ino, "range": 4}.get(name, os.getpid())
    with spec.load() as probe:

        def call(index: int) -> int:
            value = probe.programs[name].test_run(context=struct.pack("=QQ", index, number)).retval
            return value - (1 << 32) if value >> 31 else value

        assert call(3) == 1
        assert probe.traps == []
        assert [call(16) for _ in range(3)] == [NEUTRAL] * 3
        assert call(3) == 1
        (trap,) = probe.traps
        assert (trap.kind, trap.count, trap.operands) == ("outOfBounds", 3, (16, 16))
        if name == "range":
            assert call(14) == NEUTRAL  # in the third round
            assert probe.traps[0].operands == (16, 16)
        if name == "dynptr":  # else the buffer would be full
            assert {call(16) for _ in range(5000)} == {NEUTRAL}
            assert call(3) == 1
