"""Honest claims: a kernel as new as a feature's number has it, an older one does not.

What the kernel answers is compared with what its release, its configuration and its machine promise.
A difference is a wrong number in `uapi/since.py`, a probe that asks the wrong question, or one of the
reasons in EXCEPTIONS, each of which is recognised by a fact of the system.
"""

from __future__ import annotations

import errno
import functools
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from pyzbpf.errors import Error
from pyzbpf.kernel import tracefs
from pyzbpf.kernel.features import facts, table
from pyzbpf.kernel.features.feature import Feature, expected

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
FEATURES = [(group, feature) for group, features in table.GROUPS.items() for feature in features]
KNOWN = functools.cache(facts.running)


def functions_are_sealed() -> bool:
    """The list of traceable functions is refused to root, which no option of mainline does."""
    try:
        with tracefs._root() as root:
            place = os.open("available_filter_functions", os.O_RDONLY, dir_fd=root.fileno())
            try:
                os.read(place, 1)
            finally:
                os.close(place)
    except OSError as error:
        return error.errno == errno.EPERM
    except Error:
        return False
    return False


def maps_of_arenas_without_jit() -> bool:
    """Before Linux 7.0 the map is made on a kernel without a JIT, though no program can use it."""
    known = KNOWN()
    return known.jit is False and numbers_between((6, 9), (7, 0))


def numbers_between(first: tuple[int, int], end: tuple[int, int]) -> bool:
    return first <= KNOWN().version < end


class Excuse(NamedTuple):
    """Features that may answer ``answer`` against expectation where ``fact`` holds."""

    names: frozenset[str]
    answer: bool
    fact: Callable[[], bool]


EXCEPTIONS = (
    Excuse(
        frozenset(
            (
                "ext",
                "lsm",
                "fentry",
                "fexit",
                "fmod_ret",
                "fsession",
                "fentry multi",
                "LSM hooks",
                "LSM hooks of cgroups",
            )
        ),
        False,
        functions_are_sealed,
    ),
    Excuse(frozenset(("arena",)), True, maps_of_arenas_without_jit),
    # Carried back to the stable series 6.6 (6.6.33) and 6.9 (6.9.4).
    Excuse(frozenset(("uprobe multi of a process",)), True, lambda: numbers_between((6, 6), (6, 10))),
)


def excused(feature: Feature, answer: bool | None) -> bool:
    return any(feature.name in e.names and answer is e.answer and e.fact() for e in EXCEPTIONS)


@pytest.mark.parametrize(("group", "feature"), FEATURES, ids=[f"{g}-{f.name}" for g, f in FEATURES])
def test_honest_claims(group: str, feature: Feature) -> None:
    answer = feature.answer()
    should = expected(feature, KNOWN())
    assert answer.supported is not None, f"root is answered: {answer}"
    if should.supported is None:
        pytest.skip(
            f"{should.reason}: run it on a kernel whose configuration can be read, with that part built in"
        )
    if answer.supported is not should.supported and not excused(feature, answer.supported):
        pytest.fail(
            f"{group}, {feature.name}: Linux {feature.since} should be the first; this kernel is "
            f"{KNOWN().version} on {KNOWN().machine} and says {answer}; {should.reason or 'it should have it'}"
        )


@pytest.mark.parametrize(("group", "feature"), FEATURES[:5])
def test_answers_are_kept(group: str, feature: Feature) -> None:
    assert feature.answer() is feature.answer()


UNPRIVILEGED = """
import os, sys
from pyzbpf.cli import doctor
from pyzbpf.kernel import syscall
from pyzbpf.kernel.features import facts
syscall.gate()
facts.running()  # as root: the codecs and gzip may not be readable for the other user
before = len(os.listdir("/proc/self/fd"))
os.setgroups([]); os.setgid(65534); os.setuid(65534)
found = doctor.report()
assert len(os.listdir("/proc/self/fd")) == before
rows = [row for rows in found["groups"].values() for row in rows]
unknown = {row["name"] for row in rows if row["answer"] == "unknown"}
assert {"hash", "array", "socket_filter", "xdp"} <= unknown, unknown
reasons = {row["reason"] for row in rows if row["name"] == "kprobe"}
assert reasons == {"EPERM, CAP_BPF and CAP_PERFMON missing"}, reasons
assert "\\n".join(doctor.text(found))
"""


@pytest.mark.skipif(
    Path("/proc/sys/kernel/unprivileged_bpf_disabled").read_text().strip() == "0",
    reason="this kernel lets anybody load socket filters; run with kernel.unprivileged_bpf_disabled=1 or 2",
)
def test_without_privilege_the_answers_are_unknown() -> None:
    done = subprocess.run([sys.executable, "-c", UNPRIVILEGED], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
