"""Alarms of a guest's kernel: found with their text, and failures unless the table says why not."""

from __future__ import annotations

import re

import pytest

from tests.unit.vm.test_results import GOOD, console
from tests.vm import alarms, matrix, report, results

WARNING = [
    "------------[ cut here ]------------",
    "WARNING: CPU: 0 PID: 91 at kernel/bpf/verifier.c:2718 reg_bounds_sanity_check+0x1c8/0x210",
    "Modules linked in: cls_bpf",
    "Call Trace:",
    " <TASK>",
    " bpf_check+0x20/0x30",
    "---[ end trace 0000000000000000 ]---",
]
STALL = [
    "rcu: INFO: rcu_sched self-detected stall on CPU",
    "rcu: \t0-....: (2099 ticks this GP)",
    "Call Trace:",
    " do_idle+0x1/0x2",
]
QUIET = [
    "Linux version 6.12.107 (gcc) #1 SMP PREEMPT_DYNAMIC Debian",
    "Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on",
    "RETBleed: WARNING: Spectre v2 mitigation leaves CPU vulnerable to RETBleed attacks, data leaks possible!",
    "** This means that this is a DEBUG kernel and it is unsafe for production use. **",
    "python3[91] is installing a program with bpf_probe_write_user helper that may corrupt user memory!",
]


@pytest.mark.parametrize(
    "line",
    [
        "BUG: kernel NULL pointer dereference, address: 0000000000000008",
        "kernel BUG at mm/slub.c:563!",
        "WARNING: kernel/bpf/core.c:2718 at bpf_check, CPU#0: python3/91",
        "WARNING: possible circular locking dependency detected",
        "WARNING: suspicious RCU usage",
        "INFO: possible recursive locking detected",
        "INFO: task python3:91 blocked for more than 120 seconds.",
        "Oops: general protection fault, probably for non-canonical address 0xdead: 0000 [#1]",
        "general protection fault: 0000 [#1] SMP",
        "Unable to handle kernel pointer dereference in virtual kernel address space",
        "Internal error: Oops: 96000004 [#1] SMP",
        "UBSAN: array-index-out-of-bounds in kernel/bpf/core.c:1:2",
        "refcount_t: underflow; use-after-free.",
        "list_del corruption. prev->next should be 1, but was 2",
        "python3: page allocation failure: order:4, mode:0x40dc0(GFP_KERNEL), nodemask=(null)",
        "Call Trace:",
    ],
)
def test_how_alarms_begin(line: str) -> None:
    assert alarms.unexpected("amd64-6.12", [*QUIET, line, " bpf_check+0x20/0x30"]) == [
        f"{line}\n bpf_check+0x20/0x30"
    ]


def test_each_alarm_has_its_own_lines() -> None:
    log = [*QUIET, *WARNING, "between", *WARNING, "after"]
    assert alarms.splats(log) == ["\n".join(WARNING[1:])] * 2
    assert alarms.splats(QUIET) == []


def test_a_guest_whose_kernel_was_alarmed_has_failed() -> None:
    """Though every test in it has passed; the text is shown."""
    alarmed = [*GOOD[:-1], {**GOOD[-1], "kernel": [*QUIET, *WARNING]}]
    run = results.read("amd64-6.12", console(alarmed))
    assert run.failed == 1 and run.count("failed") == 0
    assert run.problem.startswith("the guest's kernel was alarmed: WARNING: CPU: 0 PID: 91 at kernel/bpf")
    assert " bpf_check+0x20/0x30" in report.failures(run)


def serial(lines: list[str]) -> bytes:
    """As they come over the console."""
    return b"".join(f"[   12.345678][   T91] {line}\r\n".encode() for line in lines)


def test_an_alarm_behind_the_result_is_seen_on_the_console() -> None:
    run = results.read("amd64-6.12", console(GOOD) + serial(WARNING))
    assert run.failed == 1 and run.alarms == ["\n".join(WARNING[1:])]
    assert (
        results.read("amd64-6.12", serial(WARNING) + console(GOOD)).failed == 0
    )  # the log has it, if it is one


def test_the_alarms_of_a_guest_that_hangs_are_shown() -> None:
    run = results.read(
        "amd64-6.12", console(GOOD[:5], copies=1) + serial(WARNING), ended="the guest is silent"
    )
    assert run.problem.startswith("the guest is silent; ")
    assert " bpf_check+0x20/0x30" in report.failures(run)


def test_what_the_table_expects_is_no_failure() -> None:
    stalled = [*GOOD[:-1], {**GOOD[-1], "kernel": [*QUIET, *STALL]}]
    assert results.read("s390x-6.12", console(stalled)).failed == 0
    row = alarms.Expected("WARNING: .*reg_bounds", "amd64-6[.].*", "known")
    assert alarms.unexpected("amd64-6.12", WARNING, [row]) == []
    assert alarms.unexpected("s390x-6.12", WARNING, [row]) != []


@pytest.mark.parametrize("row", alarms.EXPECTED)
def test_the_table_says_why_and_where(row: alarms.Expected) -> None:

    assert row.why and any(re.fullmatch(row.kernels, kernel.name) for kernel in matrix.MATRIX)
