"""Runs in words: a table of kernels and groups of tests, JUnit XML, and the page of the documentation."""

from __future__ import annotations

import collections
import json
import re
import subprocess
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from tests.vm import matrix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.vm.results import Run

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "kernels.md"
FOLDER = PAGE.with_suffix("")  # what the page is made of, a file for each kernel


class Summary(NamedTuple):
    """What the table tells of a run: how many tests of each group had each outcome, and why some were skipped."""

    name: str
    release: str
    commit: str  # of this project; "" where nobody asked
    failed: int
    groups: dict[str, dict[str, int]]
    skips: dict[str, int]
    not_run: str


def summary(run: Run, commit: str = "") -> Summary:
    """The same of a run."""
    groups: dict[str, dict[str, int]] = {}
    for found in run.outcomes:
        counts = groups.setdefault(found.group, {})
        counts[found.outcome] = counts.get(found.outcome, 0) + 1
    skips = collections.Counter(
        found.words.split("\n")[0] for found in run.outcomes if found.outcome == "skipped"
    )
    return Summary(
        run.name, run.release, commit, run.failed, groups, dict(sorted(skips.items())), run.not_run
    )


def _cell(counts: dict[str, int] | None) -> str:
    if counts is None:
        return "–"
    passed, failed, skipped = (counts.get(name, 0) for name in ("passed", "failed", "skipped"))
    parts = [str(passed)] if passed else []
    parts += [f"**{failed} failed**"] if failed else []
    parts += [f"{skipped} skipped"] if skipped else []
    return ", ".join(parts)


def _total(of: Summary) -> str:
    count = collections.Counter[str]()
    for counts in of.groups.values():
        count.update(counts)
    return f"{count['passed']} passed, {of.failed} failed, {count['skipped']} skipped"


def table(summaries: Sequence[Summary]) -> str:
    """The table in Markdown, and under it why tests were skipped."""
    groups = sorted({group for one in summaries for group in one.groups})
    ran = [one for one in summaries if not one.not_run]
    titles = ["<br>".join(filter(None, (one.name, one.release, one.commit))) for one in ran]
    lines = ["| | " + " | ".join(titles) + " |", "|---" * (len(ran) + 1) + "|"]
    lines += [
        f"| {group} | " + " | ".join(_cell(one.groups.get(group)) for one in ran) + " |" for group in groups
    ]
    lines.append("| **all** | " + " | ".join(map(_total, ran)) + " |")
    return "\n".join([*lines, "", "Why tests were skipped, or kernels not run:", "", *_reasons(summaries)])


def results(runs: Sequence[Run]) -> str:
    """The table of these runs."""
    return table([summary(run) for run in runs])


def _reasons(summaries: Sequence[Summary]) -> list[str]:
    """One line for each reason, with the kernels and how many tests it concerned there."""
    reasons: dict[str, list[str]] = {}
    for one in summaries:
        for reason, count in one.skips.items():
            reasons.setdefault(reason, []).append(f"{one.name} ({count})")
    lines = [f"- {reason}: {', '.join(where)}" for reason, where in sorted(reasons.items())]
    return lines + [f"- {one.name} was not run: {one.not_run}" for one in summaries if one.not_run]


def failures(run: Run) -> str:
    """What went wrong in a run, with the end of its console where it did not end by itself."""
    parts = [
        f"--- {run.name} ({run.release}): {found.test}\n{found.words}"
        for found in run.outcomes
        if found.outcome == "failed"
    ]
    if run.problem:
        parts.append(f"--- {run.name} ({run.release}): {run.problem}\nThe end of its console:\n{run.tail}")
    parts += [f"--- {run.name} ({run.release}): the kernel says\n{alarm}" for alarm in run.alarms]
    return "\n\n".join(parts)


def closing(runs: Sequence[Run]) -> str:
    """The last line: totals of all kernels."""
    passed = sum(run.count("passed") for run in runs)
    skipped = sum(run.count("skipped") for run in runs)
    line = f"{passed} passed, {sum(run.failed for run in runs)} failed, {skipped} skipped"
    absent = [run.name for run in runs if run.not_run]
    return f"{line} on {len(runs) - len(absent)} kernels" + (
        f"; not run: {', '.join(absent)}" if absent else ""
    )


def junit(runs: Sequence[Run], path: Path) -> None:
    """Write JUnit XML: a suite for each kernel."""
    root = ET.Element("testsuites")
    for run in runs:
        suite = ET.SubElement(root, "testsuite", name=run.name, tests=str(len(run.outcomes)))
        for found in run.outcomes:
            case = ET.SubElement(
                suite,
                "testcase",
                classname=f"{run.name}.{found.group}",
                name=found.test,
                time=str(found.seconds),
            )
            if found.outcome != "passed":
                kind = {"failed": "failure", "skipped": "skipped"}[found.outcome]
                first = found.words.strip().split("\n")[-1 if kind == "failure" else 0]
                ET.SubElement(case, kind, message=first).text = found.words
        if run.problem or run.not_run:
            case = ET.SubElement(suite, "testcase", classname=run.name, name="the guest itself")
            kind = "error" if run.problem else "skipped"
            words = run.problem or run.not_run
            said = "\n\n".join([words, *run.alarms, run.tail])
            ET.SubElement(case, kind, message=words.split("\n")[0]).text = said
    ET.ElementTree(root).write(path, encoding="unicode", xml_declaration=True)


def replaced(text: str, name: str, part: str) -> str:
    """A page with the part between its comments ``<!-- NAME -->`` and ``<!-- end of NAME -->`` replaced."""
    pattern = rf"(<!-- {name} -->\n).*?(\n<!-- end of {name} -->)"
    new, count = re.subn(pattern, lambda found: f"{found[1]}{part}{found[2]}", text, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"the page has {count} places for {name}, not one")
    return new


def commit() -> str:
    """The commit that is tested, with ``-dirty`` behind it where files differ from it; "" outside of git.

    The documentation may differ: runs that keep what came of them write it, each kernel when it ends.
    """
    try:
        name = _git("describe", "--always", "--exclude=*")
        return f"{name}-dirty" if _git("diff", "--name-only", "HEAD", "--", ":!docs") else name
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def keep(runs: Sequence[Run], commit: str) -> None:
    """Keep what came of these kernels, and write the page anew from all that is kept."""
    FOLDER.mkdir(exist_ok=True)
    for run in runs:
        text = json.dumps(summary(run, commit)._asdict(), indent=1, ensure_ascii=False)
        (FOLDER / f"{run.name}.json").write_text(text + "\n")
    PAGE.write_text(page(PAGE.read_text()))


def kept() -> list[Summary]:
    """What is kept, in the order of the matrix."""
    paths = [FOLDER / f"{row.name}.json" for row in matrix.MATRIX]
    return [Summary(**json.loads(path.read_text())) for path in paths if path.exists()]


def page(text: str) -> str:
    """The page with matrix and results as they are now."""
    return replaced(replaced(text, "matrix", matrix.table()), "results", table(kept()))
