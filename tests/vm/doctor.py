"""``pyzbpf doctor --json`` of each kernel, kept in docs/doctor, and the table of them in docs/doctor.md."""

from __future__ import annotations

import json
from pathlib import Path

from tests.vm import report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from tests.vm.results import Run

    Report = dict[str, Any]
    Rows = dict[str, dict[str, str]]

FOLDER = Path(__file__).parents[2] / "docs" / "doctor"
PAGE = FOLDER.with_suffix(".md")

# Groups that say what the guest is like, not what the kernel can do.
SURROUNDINGS = ("privileges", "system")
HELPERS = "helpers"


def name(found: Report) -> str:
    """The machine and the series: ``x86_64-6.12``."""
    kernel = found["kernel"]
    major, minor, _ = kernel["version"].split(".")
    return f"{kernel['machine']}-{major}.{minor}"


def write(runs: Iterable[Run]) -> None:
    """Keep the report of each run, and write the page anew from all that are kept."""
    FOLDER.mkdir(exist_ok=True)
    for run in runs:
        if run.doctor:
            (FOLDER / f"{name(run.doctor)}.json").write_text(written(run.doctor))
    PAGE.write_text(report.replaced(PAGE.read_text(), "kernels", page(kept())))


def written(found: Report) -> str:
    """The report as JSON with a row on a line, so that what changes is seen."""
    head = {member: value for member, value in found.items() if member != "groups"}
    groups = ",\n".join(
        json.dumps(group) + ": [\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]"
        for group, rows in found["groups"].items()
    )
    return f'{json.dumps(head)[:-1]}, "groups": {{\n{groups}\n}}}}\n'


def kept() -> list[Report]:
    """The reports in the documentation, by machine and from the oldest kernel on."""
    found = [json.loads(path.read_text()) for path in FOLDER.glob("*.json")]
    return sorted(found, key=lambda one: (one["kernel"]["machine"] != "x86_64", *_order(one)))


def _order(found: Report) -> tuple[str, list[int]]:
    return found["kernel"]["machine"], [int(part) for part in found["kernel"]["version"].split(".")]


def page(reports: Sequence[Report]) -> str:
    """A table for each group, features by kernels, and the reasons for each ✘."""
    reasons: dict[str, dict[str, list[str]]] = {}
    lines: list[str] = []
    titles = [f"{found['kernel']['machine']}<br>{found['kernel']['version']}" for found in reports]
    for group in _named(list(found["groups"]) for found in reports):
        if group in SURROUNDINGS:
            continue
        by_kernel = [{row["name"]: row for row in found["groups"].get(group, [])} for found in reports]
        lines += ["", f"| {group} | since | " + " | ".join(titles) + " |", "|---" * (len(reports) + 2) + "|"]
        if group == HELPERS:
            lines += _releases(by_kernel)
            continue
        for feature in _named(list(rows) for rows in by_kernel):
            cells = [_cell(rows.get(feature)) for rows in by_kernel]
            lines.append(f"| {feature} | {_since(feature, by_kernel)} | " + " | ".join(cells) + " |")
            for found, cell, rows in zip(reports, cells, by_kernel, strict=True):
                if cell == "✘":
                    why = reasons.setdefault(name(found), {})
                    why.setdefault(rows[feature]["reason"], []).append(feature)
    return "\n".join([*lines[1:], "", "What ✘ stands for:", "", *_reasons(reasons)])


def _named(lists: Iterable[list[str]]) -> list[str]:
    """All names, in the order of the longest list: some reports are older than others, and know fewer."""
    ordered = sorted(lists, key=len, reverse=True)
    return list(dict.fromkeys(name for names in ordered for name in names))


def _since(feature: str, by_kernel: Sequence[Rows]) -> str:
    return next(rows[feature]["since"] for rows in reversed(by_kernel) if feature in rows)


def _cell(row: Mapping[str, str] | None) -> str:
    """✔ yes, – too old, ✘ another reason, ? not told."""
    if row is None:
        return "?"
    if row["answer"] == "no":
        return "–" if row["reason"].startswith("needs Linux ") else "✘"
    return {"yes": "✔", "unknown": "?"}[row["answer"]]


def _releases(by_kernel: Sequence[Rows]) -> list[str]:
    """Helpers by the release they came with: how many of them each kernel has."""
    releases: dict[str, list[str]] = {}
    for feature in _named(list(rows) for rows in by_kernel):
        releases.setdefault(_since(feature, by_kernel), []).append(feature)
    lines = []
    for since, names in releases.items():
        counts = [sum(_cell(rows.get(feature)) == "✔" for feature in names) for rows in by_kernel]
        cells = ["✔" if count == len(names) else "–" if not count else str(count) for count in counts]
        first, *more = names
        span = f"{first} … {more[-1]} ({len(names)})" if more else first
        lines.append(f"| {span} | {since} | " + " | ".join(cells) + " |")
    return lines


def _reasons(reasons: Mapping[str, Mapping[str, Sequence[str]]]) -> list[str]:
    return [
        f"- {kernel}: " + "; ".join(f"{', '.join(names)}: {reason}" for reason, names in why.items())
        for kernel, why in reasons.items()
    ]
