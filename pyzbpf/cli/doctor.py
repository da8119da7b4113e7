"""``pyzbpf doctor``: what this kernel and this system can do for BPF, and the mend for what they cannot."""

from __future__ import annotations

import json
import os
import platform
import sys

from pyzbpf.errors import UnsupportedError
from pyzbpf.kernel import kconfig
from pyzbpf.kernel.features import facts, system, table
from pyzbpf.kernel.features.feature import BOOT, Answer, Expectation, Feature, expected

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    Row = dict[str, str]
    Report = dict[str, object]

SCHEMA = 1
_SIGNS = {"yes": "✔", "no": "✘", "unknown": "?"}
_HELPERS = "helpers"
_POLICY = "a policy of this system refuses it: kernel lockdown, a security module, a seccomp filter, a changed kernel"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``pyzbpf doctor``."""
    parser.add_argument("--json", action="store_true", help="print everything as JSON, whose form is stable")


def run(arguments: argparse.Namespace) -> int:
    """Print the report; what is missing is no failure of the command."""
    if not sys.platform.startswith("linux"):
        raise UnsupportedError(f"asking the kernel of {sys.platform}", advice="Run pyzbpf doctor on Linux.")
    found = report()
    if arguments.json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        print("\n".join(text(found)))
    return 0


def report() -> Report:
    """Everything, as the JSON has it.

    ``schema``, ``kernel`` and ``groups``: name -> rows of ``name``, ``answer`` (yes, no, unknown),
    ``expected`` (the same, by release, configuration and machine; "" for what is not the kernel's),
    ``since``, ``purpose``, ``reason`` and ``mend``.
    """
    known = facts.running()
    groups: dict[str, list[Row]] = {}
    for name, checks in system.GROUPS.items():
        groups[name] = [_checked(check) for check in checks]
    for name, features in table.GROUPS.items():
        groups[name] = [judged(feature, feature.answer(), expected(feature, known)) for feature in features]
    number = kconfig.version()
    return {
        "schema": SCHEMA,
        "kernel": {
            "release": platform.release(),
            "version": f"{number >> 16}.{number >> 8 & 255}.{number & 255}",
            "machine": os.uname().machine,
            "byteorder": sys.byteorder,
        },
        "groups": groups,
    }


def _checked(check: system.Check) -> Row:
    answer = check.probe()
    mend = check.mend if answer.supported is False else ""
    return {
        "name": check.name,
        "answer": answer.word,
        "expected": "",
        "since": "",
        "purpose": check.purpose,
        "reason": answer.reason,
        "mend": mend,
    }


def judged(feature: Feature, answer: Answer, should: Expectation) -> Row:
    """One feature's row: the kernel's answer beside what was to be expected of it."""
    reason, mend = answer.reason, ""
    if answer.supported:
        reason = f"beyond what was expected: {should.reason}" if should.supported is False else ""
    elif answer.supported is None:
        mend = system.GRANT if "missing" in reason else ""
        if should.supported is False:
            reason = f"{should.reason}; {reason}"
    elif should.supported:
        reason = f"refused although Linux {feature.since} and newer has it: {reason}"
        mend = _POLICY if "EPERM" in reason else ""
    else:
        reason, mend = should.reason, should.mend
    if answer.supported is False and feature.workaround:
        mend = f"nothing to do: {feature.workaround}"
    return {
        "name": feature.name,
        "answer": answer.word,
        "expected": Answer(should.supported).word,
        "since": feature.since,
        "purpose": feature.purpose,
        "reason": reason,
        "mend": mend,
    }


def text(report: Report) -> Iterator[str]:
    """The report for people: a line for each thing, and one more for the mend of what is missing."""
    kernel, groups = report["kernel"], report["groups"]
    assert isinstance(kernel, dict)
    assert isinstance(groups, dict)
    yield f"Linux {kernel['release']} ({kernel['version']}), {kernel['machine']}, {kernel['byteorder']}-endian"
    for name, rows in groups.items():
        yes = sum(row["answer"] == "yes" for row in rows)
        yield f"\n{name}: {yes} of {len(rows)}"
        yield from _summary(rows) if name == _HELPERS else _lines(rows)


def _lines(rows: list[Row]) -> Iterator[str]:
    width = max(len(row["name"]) for row in rows)
    said = ""
    for row in rows:
        about = row["reason"] or row["purpose"]
        yield f"  {_SIGNS[row['answer']]} {row['name']:{width}}  {about}".rstrip()
        # One mend after another may be the same; and what the release says needs no second line.
        if row["mend"] and row["mend"] != said and not row["mend"].startswith(BOOT):
            said = row["mend"]
            yield f"    {'':{width}}  → {said}"


def _summary(rows: list[Row]) -> Iterator[str]:
    """Helpers that are missing, by the release they come with: two hundred lines would hide the rest."""
    missing: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row["answer"] != "yes":
            missing.setdefault((row["answer"], row["reason"]), []).append(row["name"])
    for (answer, reason), names in missing.items():
        yield f"  {_SIGNS[answer]} {reason}: {', '.join(names)}"
