"""What became of a run in a guest, read from its console: complete, or a failure."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.vm import alarms

FRAME = re.compile(rb"@@pyzbpf (\d+) ([0-9a-f]{8}) ([A-Za-z0-9+/=]+)@@")
# What init says behind the result: without it the guest has not ended by itself.
ENDED = re.compile(rb"init: the tests' process ended with (\d+)")
PANIC = b"Kernel panic - not syncing"
# A line of the kernel's on the console: its time, perhaps who says it (CONFIG_PRINTK_CALLER), and the text.
SAID_BY_KERNEL = re.compile(rb"\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? ([^\r\n]*)")
OUTCOMES = {"passed", "failed", "skipped"}
TAIL = 40  # lines of a console that say why it ended
NO_TEXT = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[^\t\n -~\x80-\U0010ffff]")


class Outcome(NamedTuple):
    """One test: `passed`, `failed` or `skipped`, and why."""

    test: str
    outcome: str
    words: str
    seconds: float

    @property
    def group(self) -> str:
        """The file's name without `test_`: the groups of the table."""
        return self.test.partition("::")[0].rpartition("/")[2].removeprefix("test_").removesuffix(".py")


@dataclass
class Run:
    """One kernel's run. ``problem`` says why it is a failure whatever its tests say."""

    name: str
    release: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    doctor: dict[str, Any] = field(default_factory=dict)  # what `pyzbpf doctor --json` says there
    outcomes: list[Outcome] = field(default_factory=list)
    problem: str = ""
    tail: str = ""
    not_run: str = ""
    seconds: float = 0.0  # from the start of QEMU to its end
    tests_seconds: float = 0.0
    alarms: list[str] = field(default_factory=list)  # of its kernel, each with its stack

    def count(self, outcome: str) -> int:
        """How many tests passed, failed or were skipped."""
        return sum(found.outcome == outcome for found in self.outcomes)

    @property
    def failed(self) -> int:
        """Failed tests; a run with a problem counts as one of its own."""
        return self.count("failed") + bool(self.problem)


def frames(console: bytes) -> dict[int, dict[str, Any]]:
    """The intact frames by their numbers."""
    found: dict[int, dict[str, Any]] = {}
    for match in FRAME.finditer(console):
        try:
            data = base64.b64decode(match[3], validate=True)
        except binascii.Error:
            continue
        if zlib.crc32(data) != int(match[2], 16):
            continue
        try:
            fields = json.loads(zlib.decompress(data))
        except (zlib.error, ValueError):  # whole, but not ours
            continue
        if isinstance(fields, dict) and isinstance(fields.get("kind"), str):
            found[int(match[1])] = fields
    return found


def tail(console: bytes) -> str:
    """The last lines that are no frames."""
    text = re.sub(rb"@@pyzbpf [^\n]*", b"", console).decode(errors="replace").replace("\r", "\n")
    lines = [line.rstrip() for line in NO_TEXT.sub("", text).split("\n") if line.strip()]
    return "\n".join(lines[-TAIL:])


def read(name: str, console: bytes, *, ended: str = "") -> Run:
    """The result on a console; ``ended`` says how the guest was ended if not by itself."""
    try:
        run = _read(name, console, ended)
    except (KeyError, TypeError, AttributeError) as error:  # a test writes to the console, too
        return Run(
            name, tail=tail(console), problem=f"a frame of the result is not of this version: {error!r}"
        )
    if not run.problem:
        run.problem = _not_over(console)
    if not run.problem and run.alarms:
        run.problem = f"the guest's kernel was alarmed: {run.alarms[0].splitlines()[0]}"
    return run


def _not_over(console: bytes) -> str:
    """What is wrong with the end of a guest whose result is complete."""
    if PANIC in console:
        return "the guest's kernel has panicked"
    last = max(match.end() for match in FRAME.finditer(console))
    if not ENDED.search(console, last):
        return "the guest has sent its result, and did not come to its end"
    return ""


def _read(name: str, console: bytes, ended: str) -> Run:
    sent = frames(console)
    run = Run(name, tail=tail(console))
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for number in sorted(sent):
        by_kind.setdefault(sent[number].pop("kind"), []).append(sent[number])
    run.facts = by_kind.get("facts", [{}])[0]
    run.doctor = by_kind.get("doctor", [{"report": {}}])[0]["report"]
    run.release = run.facts.get("release", "")
    run.outcomes = [Outcome(**fields) for fields in by_kind.get("outcome", [])]
    run.problem = ended or _incomplete(by_kind, len(sent))
    if run.problem:
        done = {found.test for found in run.outcomes}
        begun = [found["test"] for found in by_kind.get("started", []) if found["test"] not in done]
        if begun:
            run.problem += f"; {begun[-1]} was running"
    # The log as the guest has read it, and what came on the console since; all of the console where it has not.
    log: list[str] = []
    begin = 0
    if "end" in by_kind:
        end = by_kind["end"][0]
        run.tests_seconds, log = end["seconds"], end["kernel"]
        begin = max(match.end() for match in FRAME.finditer(console))
    said = SAID_BY_KERNEL.findall(console, begin)
    run.alarms = alarms.unexpected(name, [*log, *(line.decode(errors="replace") for line in said)])
    return run


def _incomplete(by_kind: dict[str, list[dict[str, Any]]], intact: int) -> str:
    if "facts" not in by_kind:
        return "the guest has not come as far as the tests"
    if "end" not in by_kind:
        return "the guest ended before the tests did"
    end = by_kind["end"][0]
    if intact != end["frames"]:
        return f"the result is incomplete: {intact} of {end['frames']} frames are intact"
    counted, collected = end["count"], sum(found["count"] for found in by_kind.get("collected", []))
    if end["status"] > 1:
        return f"pytest ended with status {end['status']}:\n{end['said']}"
    if counted < collected:
        return f"the result is incomplete: {counted} of {collected} tests have an outcome"
    unknown = {found["outcome"] for found in by_kind.get("outcome", [])} - OUTCOMES
    if unknown or not counted:
        return f"no test has an outcome that is known: {sorted(unknown)}"
    failed = sum(found["outcome"] == "failed" for found in by_kind.get("outcome", []))
    if bool(failed) != bool(end["status"]):
        return f"pytest ended with status {end['status']} although {failed} tests failed"
    return ""
