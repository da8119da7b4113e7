"""The page of the documentation that shows what `pyzbpf doctor` says on each kernel."""

from __future__ import annotations

import json

from pyzbpf.cli import doctor
from pyzbpf.kernel.features import system, table
from tests.support.reports import report, row
from tests.vm import doctor as pages
from tests.vm import results


def test_the_page():
    older = report(
        "6.1.5",
        system=[row("tracefs", "no")],
        things=[row("a"), row("b", "no", reason="needs Linux 6.6", since="6.6"), row("c", "no", reason="built without CONFIG_C")],
        helpers=[row("bpf_x", since="6.1"), row("bpf_y", "no", since="6.2")],
    )  # fmt: skip
    newer = report(
        "6.12.1", things=[row("a"), row("b", since="6.6"), row("c")],
        helpers=[row("bpf_x", since="6.1"), row("bpf_y", since="6.2")],
    )  # fmt: skip
    text = pages.page([older, newer])
    assert "tracefs" not in text
    assert "| b | 6.6 | – | ✔ |" in text
    assert "| c | 5.8 | ✘ | ✔ |" in text
    assert "| bpf_y | 6.2 | – | ✔ |" in text
    assert "- x86_64-6.1: c: built without CONFIG_C" in text


def test_reports_of_different_age_stand_side_by_side():
    """One kernel is asked anew, with a feature that the other was never asked for."""
    new = report(
        "6.1.5", things=[row("a"), row("new", since="6.0"), row("b")], helpers=[row("bpf_x", since="6.1")]
    )
    old = report("6.12.1", things=[row("a"), row("b")], helpers=[])
    text = pages.page([new, old])
    assert "| new | 6.0 | ✔ | ? |" in text
    assert "| bpf_x | 6.1 | ✔ | – |" in text
    assert text.index("| a |") < text.index("| new |") < text.index("| b |")


def test_asking_one_kernel_leaves_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "FOLDER", tmp_path)
    monkeypatch.setattr(pages, "PAGE", tmp_path / "doctor.md")
    pages.PAGE.write_text("<!-- kernels -->\n\n<!-- end of kernels -->\n")
    both = [report("6.1.5", things=[row("a")], helpers=[]), report("6.12.1", things=[row("a")], helpers=[])]
    pages.write([results.Run("one", doctor=found) for found in both])
    changed = report("6.12.1", things=[row("a", "no", reason="gone")], helpers=[])
    pages.write([results.Run("two", doctor=changed), results.Run("crashed")])
    assert "| a | 5.8 | ✔ | ✘ |" in pages.PAGE.read_text()


def test_a_report_is_written_with_a_row_on_a_line():
    found = report("6.1.5", things=[row("a"), row("b")], helpers=[])
    text = pages.written(found)
    assert json.loads(text) == found
    assert sum('"name"' in line for line in text.splitlines()) == 2


def test_the_documentation_shows_the_reports_it_keeps():
    kept = pages.kept()
    assert kept
    assert pages.page(kept) in pages.PAGE.read_text(), "python -m tests.vm --doctor writes it anew"
    for found in kept:
        assert found["schema"] == doctor.SCHEMA
        assert list(found["groups"]) == [*system.GROUPS, *table.GROUPS]
        for group, features in table.GROUPS.items():
            names = [one["name"] for one in found["groups"][group]]
            assert names == [feature.name for feature in features], f"{pages.name(found)}: regenerate"
