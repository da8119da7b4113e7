"""The verifier's log -> the reason, the author's line, and what to change.

The log's text is no interface of the kernel: it differs between releases, so everything here has a
way to fail to nothing, and the whole log stays in `VerifierError.log`.
"""

from __future__ import annotations

import re

from pyzbpf.adapt.adapt import MISSING_MAP
from pyzbpf.errors import Error, VerifierError
from pyzbpf.runtime.hints import COUNTERS, HINTS, LEAK, TOO_COMPLEX, TOO_LARGE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.adapt.adapt import ReadyProgram
    from pyzbpf.btf.decode import Btf
    from pyzbpf.spec.model import FunctionSpec, ProgramSpec

# An instruction as the verifier walks over it: "12: (85) call bpf_map_lookup_elem#1".
_INSTRUCTION = re.compile(r"^\s*(\d+): \([0-9a-f]{2}\)")

# The author's text from the line records: "; value.* += 1; @ probe.zig:5" (the place since 6.8).
_COMMENT = re.compile(r"^; (?P<text>.*?)(?: @ (?P<file>\S+):(?P<line>\d+))?$")

# Lines that say how the verifier went on, or how much it did, and not why it stopped.
_NOISE = re.compile(
    r"""^\s*(?:
      $                                        | ;\s
    | \d+:\s                                   | from\ \d+\ to\ \d+
    | R\d+(?:_\w+)?=                           | frame\d+:
    | processed\ \d+\ insns                    | verification\ time
    | stack\ depth                             | insns_?(?:processed|self)
    | subprog\b                                | max_states
    | peak_states                              | mark_precise:
    | last_idx                                 | first_idx
    | regs=                                    | parent\ (?:didn|already|node)
    | caller:                                  | callee:
    | (?:old|cur)\ state:
    | returning\ from\ callee                  | to\ caller\ at
    | func\#\d+                                | Func\#\d+
    | Validating\ \w+\(\)                      | arg\#\d+\ reference\ type\('UNKNOWN
    | \d+\ lines?\ omitted
    | \(null\)$
    )""",
    re.VERBOSE,
)

# "invalid access to packet, off=0 size=1" comes before "R2 offset is outside of the packet".
_SECOND_HALF = re.compile(r"^R\d+ .*(?:outside of|unbounded|negative)")
_FIRST_HALF = re.compile(r"^invalid (?:access|indirect)")

# Linux 7.3 tells at length what went wrong, below the line that all kernels write: paragraphs with a heading.
_REPORT = re.compile(r"^Verification failed:")
_PARAGRAPH = re.compile(r"^(Reason|Suggestion):$")

# Faults of the control flow are found before any instruction is walked.
_NAMED_INDEX = re.compile(r"\b(?:at|from|unreachable|to)? ?insn (\d+)")

_ALLOCATED = re.compile(r"alloc_insn=(\d+)")


# A CO-RE relocation without an answer made the instruction a call that nobody passes
# ("invalid func unknown#195896080"): the verifier got there.
_UNRESOLVED = (
    "This kernel has nothing that fits, and the code can be reached: ask first whether it exists, in the same function "
    "and not by way of a variable in memory, or describe the type as this kernel has it, as another flavour."
)

# The kernel's name for a helper whose number it does not know.
_UNKNOWN_HELPER = re.compile(r"(?:invalid|unknown) func unknown#(\d+)")

_MISSING = "Ask before the call, in the same function: `if (bpf.kfuncExists(name, Prototype)) ...`."


def explain(
    spec: ProgramSpec, ready: ReadyProgram, btf: Btf | None, *, log: str, errno: int
) -> VerifierError:
    """The error for a refused program."""
    lines, report = _without_report(log.splitlines())
    position, reason = _find_reason(lines)
    index = _index(lines, position, reason)
    hint: str | None
    if index is not None and index in ready.unresolved:
        reason, hint = f"CO-RE relocation {ready.unresolved[index]}", _UNRESOLVED
    elif (missing := _missing_map(reason, ready)) is not None:
        reason = f"use of the map '{missing}', which was not created"
        hint = f"Create it (spec.maps['{missing}'].autocreate = True), or leave the program out."
    elif index is not None and index in ready.missing:
        reason, hint = f"call of the kernel function {ready.missing[index]}", _MISSING
    else:
        hint = _hint(lines, reason, ready, btf) or report.get("Suggestion")
    source = _source(ready, btf, index) if index is not None else None
    return VerifierError(
        spec.name,
        reason=reason,
        log=log,
        errno=errno,
        source=source or _last_comment(lines, position),
        hint=hint,
        excerpt=_excerpt(lines, position),
    )


# What btf_get_prog_ctx_type says without them: a function's context is memory that may be null to it, then.
_NO_TYPES, _MEMORY_OR_NULL = "btf_vmlinux is malformed", "'mem_or_null'"

# How much of the log a traceback shows: the walk to the fault, without what the verifier counted.
_EXCERPT = 12


def _excerpt(lines: list[str], position: int) -> str:
    """The end of the log up to the reason, both halves of one that has two."""
    end = position + 1
    if end < len(lines) and _SECOND_HALF.match(lines[end]):
        end += 1
    return "\n".join(line.rstrip() for line in lines[max(0, end - _EXCERPT) : end])


def _missing_map(reason: str, ready: ReadyProgram) -> str | None:
    """The map that a poisoned load was for."""
    unknown = _UNKNOWN_HELPER.search(reason)
    number = int(unknown[1]) - MISSING_MAP if unknown else -1
    return ready.references[number][2] if 0 <= number < len(ready.references) else None


def reason_of(log: str) -> str:
    """The line of a log that says why; "" for a log without one."""
    return _find_reason(_without_report(log.splitlines())[0])[1] if log.strip() else ""


def _find_reason(lines: list[str]) -> tuple[int, str]:
    """(position in the log, text) of what says why."""
    for position in range(len(lines) - 1, -1, -1):
        line = lines[position]
        if _NOISE.match(line):
            continue
        before = lines[position - 1] if position else ""
        if _SECOND_HALF.match(line) and _FIRST_HALF.match(before):
            return position - 1, f"{before.strip()}; {line.strip()}"
        return position, line.strip()
    last = next((line.strip() for line in reversed(lines) if line.strip()), "no reason in the log")
    return len(lines), last


def _without_report(lines: list[str]) -> tuple[list[str], dict[str, str]]:
    """The log as every kernel writes it, and the paragraphs of a report."""
    start = next((number for number, line in enumerate(lines) if _REPORT.match(line)), len(lines))
    found: dict[str, str] = {}
    heading = ""
    for line in lines[start:]:
        match = _PARAGRAPH.match(line)
        if match or not line.strip():
            heading = match[1] if match else ""
        elif heading:
            found[heading] = f"{found.get(heading, '')} {line.strip()}".lstrip()
    return lines[:start], found


def _index(lines: list[str], position: int, reason: str) -> int | None:
    """The instruction at which it stopped."""
    for line in reversed(lines[:position]):
        match = _INSTRUCTION.match(line)
        if match:
            return int(match[1])
    match = _NAMED_INDEX.search(reason)
    return int(match[1]) if match else None


# File names that the build gives to the SDK's and the standard library's lines.
_SDK_FILES = ("pyzbpf/zig/", "zig/")


def _source(ready: ReadyProgram, btf: Btf | None, index: int) -> str | None:
    """``file:line:column: text`` of an instruction, from the line records of its function."""
    if btf is None:
        return None
    home: tuple[int, FunctionSpec] | None = None
    for place in ready.places:
        if place[0] <= index:
            home = place
    if home is None:
        return None
    start, function = home
    known = sorted((line for line in function.lines if line[0] <= index - start), reverse=True)
    if not known:
        return None
    try:
        # What an SDK call does carries the SDK's own lines; the author's is the one before them.
        own = (line for line in known if not btf.string(line[1]).startswith(_SDK_FILES))
        _, file, text, where = next(own, known[0])
        name, source = btf.string(file), btf.string(text).strip()
    except Error:  # a damaged object must not hide what the verifier said
        return None
    place_text = f"{name}:{where >> 10}:{where & 0x3FF}"
    return f"{place_text}: {source}" if source else place_text


def _last_comment(lines: list[str], position: int) -> str | None:
    """The place as the log itself names it: the last line of source before the reason."""
    for line in reversed(lines[:position]):
        match = _COMMENT.match(line)
        if match and match["text"]:
            return f"{match['file']}:{match['line']}: {match['text']}" if match["file"] else match["text"]
    return None


def _hint(lines: list[str], reason: str, ready: ReadyProgram, btf: Btf | None) -> str | None:
    if _MEMORY_OR_NULL in reason and any(_NO_TYPES in line for line in lines):
        return (
            "This kernel has no types of its own (CONFIG_DEBUG_INFO_BTF=y), by which it knows the context that a function "
            "of the program is given: make that function inline."
        )
    advice = next((advice for pattern, advice in HINTS if pattern.search(reason)), None)
    if advice and LEAK.search(reason):
        match = next(filter(None, map(_ALLOCATED.search, reversed(lines))), None)
        place = _source(ready, btf, int(match[1])) if match else None
        return f"{advice} It was acquired at {place}" if place else advice
    if advice and (TOO_LARGE.search(reason) or TOO_COMPLEX.search(reason)):
        places = _counters(ready, btf)
        return advice + COUNTERS.format(places=", ".join(places)) if places else advice
    if unknown := _UNKNOWN_HELPER.search(reason):
        return _helper(int(unknown[1])) or advice
    return advice


# How many places a hint names.
_PLACES = 4


def _counters(ready: ReadyProgram, btf: Btf | None) -> list[str]:
    """Where the program adds, and looks whether it overflows."""
    from pyzbpf.spec import traps

    used = {addend for _, _, name, addend in ready.references if name == traps.SECTION}
    found = [
        trap for trap in traps.read(btf, file="") if trap.kind == "integerOverflow" and trap.offset in used
    ]
    places = dict.fromkeys(f"{trap.place()}: {trap.text}" for trap in found if "+" in trap.text)
    return [*places][:_PLACES] + (["…"] if len(places) > _PLACES else [])


def _helper(number: int) -> str | None:
    """What is known of a helper that this kernel does not know."""
    from pyzbpf.uapi import since
    from pyzbpf.uapi.helpers import HELPERS

    if number not in HELPERS:
        return None
    return f"It is bpf_{HELPERS[number][0]}, which does not exist in this kernel: it came with Linux {since.helper(number)}."
