"""`pyzbpf doctor`: rows out of answers and expectations, and the text."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pyzbpf.cli import doctor
from pyzbpf.kernel.features import system, table
from pyzbpf.kernel.features.feature import Answer, Expectation, Feature
from tests.support.reports import report, row

ROOT = Path(__file__).parents[3]
YES, NO, UNKNOWN = Answer(True), Answer(False, "EINVAL"), Answer(None, "EPERM, CAP_BPF missing")
OLD = Expectation(False, "needs Linux 6.9", "boot Linux 6.9 or newer")


@pytest.mark.parametrize(
    ("answer", "should", "reason", "mend"),
    [
        (YES, Expectation(True), "", ""),
        (YES, OLD, "beyond what was expected: needs Linux 6.9", ""),
        (NO, OLD, "needs Linux 6.9", "boot Linux 6.9 or newer"),
        (NO, Expectation(True), "refused although Linux 6.9 and newer has it: EINVAL", ""),
        (Answer(False, "EPERM"), Expectation(True), "newer has it: EPERM", "policy of this system"),
        (NO, Expectation(None, "may be built without CONFIG_A", "take"), "may be built without CONFIG_A", "take"),
        (UNKNOWN, Expectation(True), "CAP_BPF missing", "run as root"),
        (UNKNOWN, OLD, "needs Linux 6.9; EPERM", "run as root"),
    ],
)  # fmt: skip
def test_rows(answer, should, reason, mend):
    row = doctor.judged(Feature("arena", "6.9", lambda: answer), answer, should)
    assert (row["name"], row["since"], row["answer"]) == ("arena", "6.9", answer.word)
    assert row["expected"] == Answer(should.supported).word
    assert reason in row["reason"] and bool(reason) is bool(row["reason"])
    assert mend in row["mend"] and bool(mend) is bool(row["mend"])


def test_a_workaround_is_no_reason_to_act():
    thing = Feature("DECL_TAG", "5.16", lambda: NO, workaround="an integer")
    assert doctor.judged(thing, NO, OLD)["mend"] == "nothing to do: an integer"


def test_the_text():
    lines = [
        *doctor.text(
            report(
                "6.1.5",
                attaching=[
                    row("xdp"),
                    row("fentry", "no", reason="EPERM", mend="look"),
                    row("fexit", "no", reason="EPERM", mend="look"),
                    row("tcx", "no", reason="needs Linux 6.6", mend="boot Linux 6.6 or newer"),
                ],
                helpers=[row("bpf_a"), row("bpf_b", "no", reason="needs Linux 6.2")],
            )
        )
    ]
    assert lines[0].startswith("Linux r (6.1.5), x86_64")
    assert "  ✔ xdp     what for" in lines
    assert lines.count("            → look") == 1, "said once for both"
    assert not any("boot" in line for line in lines)
    assert "  ✘ needs Linux 6.2: bpf_b" in lines
    assert not any("bpf_a" in line for line in lines)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks a kernel; run it on Linux")
def test_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "pyzbpf", "doctor", "--json"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert list(found["groups"]) == [*system.GROUPS, *table.GROUPS]
    for rows in found["groups"].values():
        for one in rows:
            assert list(one) == ["name", "answer", "expected", "since", "purpose", "reason", "mend"]
            assert one["answer"] in ("yes", "no", "unknown")
    done = subprocess.run(
        [sys.executable, "-m", "pyzbpf", "doctor"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert "program types:" in done.stdout


def test_another_system_is_told_so(monkeypatch):
    from pyzbpf.errors import UnsupportedError

    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(UnsupportedError, match="darwin"):
        doctor.run(None)
