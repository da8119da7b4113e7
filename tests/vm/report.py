"""Runs in words: a table of kernels and groups of tests, JUnit XML, and the page of the documentation."""

from __future__ import annotations

import collections
import re
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.vm import matrix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.vm.results import Run

PAGE = Path(__file__).parents[2] / "docs" / "kernels.md"


def _cell(run: Run, group: str) -> str:
    counts = collections.Counter(found.outcome for found in run.outcomes if found.group == group)
    parts = [str(counts["passed"])] if counts["passed"] or not counts else []
    parts += [f"**{counts['failed']} failed**"] if counts["failed"] else []
    parts += [f"{counts['skipped']} skipped"] if counts["skipped"] else []
    return ", ".join(parts) if counts else "–"


def results(runs: Sequence[Run]) -> str:
    """The table in Markdown, and under it why tests were skipped."""
    groups = sorted({found.group for run in runs for found in run.outcomes})
    ran = [run for run in runs if not run.not_run]
    lines = [
        "| | " + " | ".join(f"{run.name}<br>{run.release}" for run in ran) + " |",
        "|---" * (len(ran) + 1) + "|",
    ]
    lines += [f"| {group} | " + " | ".join(_cell(run, group) for run in ran) + " |" for group in groups]
    lines.append(
        "| **all** | "
        + " | ".join(
            f"{run.count('passed')} passed, {run.failed} failed, {run.count('skipped')} skipped"
            for run in ran
        )
        + " |"
    )
    lines += ["", "Why tests were skipped, or kernels not run:", ""]
    lines += skips(runs)
    return "\n".join(lines)


def skips(runs: Sequence[Run]) -> list[str]:
    """One line for each reason, with the kernels and how many tests it concerned there."""
    reasons: dict[str, dict[str, int]] = {}
    for run in runs:
        for found in run.outcomes:
            if found.outcome == "skipped":
                reason = found.words.split("\n")[0]
                by_run = reasons.setdefault(reason, {})
                by_run[run.name] = by_run.get(run.name, 0) + 1
    lines = [
        f"- {reason}: {', '.join(f'{name} ({count})' for name, count in by_run.items())}"
        for reason, by_run in sorted(reasons.items())
    ]
    return lines + [f"- {run.name} was not run: {run.not_run}" for run in runs if run.not_run]


def failures(run: Run) -> str:
    """What went wrong in a run, with the end of its console where it did not end by itself."""
    parts = [
        f"--- {run.name} ({run.release}): {found.test}\n{found.words}"
        for found in run.outcomes
        if found.outcome == "failed"
    ]
    if run.problem:
        end = "" if run.alarms else f"\nThe end of its console:\n{run.tail}"
        parts.append(f"--- {run.name} ({run.release}): {run.problem}{end}")
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
            said = "\n\n".join(run.alarms) or run.tail
            ET.SubElement(case, kind, message=words.split("\n")[0]).text = f"{words}\n{said}"
    ET.ElementTree(root).write(path, encoding="unicode", xml_declaration=True)


def replaced(text: str, name: str, part: str) -> str:
    """A page with the part between its comments ``<!-- NAME -->`` and ``<!-- end of NAME -->`` replaced."""
    pattern = rf"(<!-- {name} -->\n).*?(\n<!-- end of {name} -->)"
    new, count = re.subn(pattern, lambda found: f"{found[1]}{part}{found[2]}", text, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"the page has {count} places for {name}, not one")
    return new


def write_page(runs: Sequence[Run]) -> None:
    """Write matrix and results into the documentation."""
    text = replaced(PAGE.read_text(), "matrix", matrix.table())
    PAGE.write_text(replaced(text, "results", results(runs)))
