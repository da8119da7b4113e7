"""The verifier's log -> the reason, the author's line, and what to change.

The log's text is no interface of the kernel: it differs between releases, so everything here has a
way to fail to nothing, and the whole log stays in `VerifierError.log`.
"""

from __future__ import annotations

import re

from pyzbpf.adapt.adapt import MISSING_MAP
from pyzbpf.errors import Error, VerifierError

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
    )


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
    advice = next((advice for pattern, advice in _HINTS if pattern.search(reason)), None)
    if advice and _LEAK.search(reason):
        match = next(filter(None, map(_ALLOCATED.search, reversed(lines))), None)
        place = _source(ready, btf, int(match[1])) if match else None
        return f"{advice} It was acquired at {place}" if place else advice
    if unknown := _UNKNOWN_HELPER.search(reason):
        return _helper(int(unknown[1])) or advice
    return advice


def _helper(number: int) -> str | None:
    """What is known of a helper that this kernel does not know."""
    from pyzbpf.uapi import since
    from pyzbpf.uapi.helpers import HELPERS

    if number not in HELPERS:
        return None
    return f"It is bpf_{HELPERS[number][0]}, which does not exist in this kernel: it came with Linux {since.helper(number)}."


_LEAK = re.compile(r"reference leak|Unreleased reference|reference has not been")

# First match wins; the narrow ones come first.
_HINTS = (
    (_LEAK, "Every path must give back what it acquired: submit or discard a ring-buffer record before each return."),
    (
        re.compile(r"_or_null'|or_null expected|possibly NULL pointer"),
        "The pointer may be null. Unwrap the optional before use: `const value = map.lookup(&key) orelse return 0;`.",
    ),
    (
        re.compile(r"outside of the packet|[Ii]nvalid access to packet"),
        (
            "Compare with the packet's end before each access: `if (data + @sizeOf(Header) > data_end) return verdict;`. "
            "A helper that may move the packet makes all checked pointers void."
        ),
    ),
    (
        re.compile(r"failed to find the address for kernel symbol"),
        "The kernel keeps no addresses of variables: it takes one built with CONFIG_KALLSYMS_ALL=y.",
    ),
    (
        re.compile(r"GPL-restricted|GPL compatible|gpl_only"),
        "This helper is for GPL-compatible programs only: declare the probe's licence as \"GPL\" (or \"Dual MIT/GPL\").",
    ),
    (
        re.compile(r"invalid func unknown|unknown func|cannot use helper|helper access .* not allowed|unsupported helper"),
        "The helper does not exist in this kernel, or not for this kind of program; `pyzbpf doctor` lists what does.",
    ),
    (
        re.compile(r"JIT is required|not allowed in non-JITed programs|JIT does not support"),
        "Switch the JIT compiler on (sysctl -w net.core.bpf_jit_enable=1), on a kernel built with CONFIG_BPF_JIT=y.",
    ),
    (
        re.compile(r"stack size .* exceeds|combined stack|too large.* stack|invalid (?:write|read) (?:to|from) stack|BPF stack limit"),
        (
            "A program has 512 bytes of stack, its subprograms included. Move large buffers into a per-CPU array map or "
            "a global variable, and keep indices into arrays on the stack within them."
        ),
    ),
    (
        re.compile(r"indirect read from stack|invalid indirect access|uninitialized"),
        (
            "Some of the bytes passed to the helper were never written, padding included: start from "
            "`std.mem.zeroes(T)` instead of `undefined`."
        ),
    ),
    (
        re.compile(r"[Ii]nfinite loop|back-edge|loop is not bounded|may_goto"),
        (
            "The verifier must see the end of each loop: iterate over a constant range (`for (0..64)`) and leave early. "
            "Loops are accepted since Linux 5.3."
        ),
    ),
    (
        re.compile(r"too large\. Processed|too many instructions|sequence of \d+ jumps|too complex|Argument list too long"),
        (
            "The verifier gave up after a million instructions on all paths together: lower the bounds of loops, move the "
            "body of a loop into a function, or do the rest in Python."
        ),
    ),
    (
        re.compile(r"unreachable insn"),
        "Some code can never run: often what follows an endless loop or an `unreachable`. Remove it, or end the loop.",
    ),
    (
        re.compile(r"misaligned packet access"),
        (
            "This kernel reads no number at an odd place: give the members of the type `align(1)`, as in "
            "`extern struct { number: u32 align(1) }`, or read bytes."
        ),
    ),
    (
        re.compile(r"unbounded|min value is negative|makes \w+ pointer be out of bounds|variable .*access .*var_off"),
        (
            "The verifier does not know how large the index or length can be. Check it just before the access, in an "
            "unsigned type: `if (i >= items.len) return 0;`. Safe mode (--mode safe) keeps Zig's own bounds checks; where it was "
            "built so already, the compiler left the check out because it knew the range: index with "
            "`bpf.memory.index(i, len)`."
        ),
    ),
    (
        re.compile(r"outside of the (?:allowed memory|array) range|invalid access to (?:map value|memory)|out of bounds"),
        (
            "The access can reach beyond the value: compare the index with the length (`<`, not `<=`), and the size of the "
            "type with the map's value. Safe mode (--mode safe) keeps Zig's own checks; where the compiler left one out "
            "because it knew the range (`x % len`, `@clz`), index with `bpf.memory.index(i, len)`."
        ),
    ),
    (
        re.compile(r"invalid mem access '(?:scalar|inv)'|invalid mem access 'mem'|pointer type .* must point"),
        (
            "What is dereferenced is a number to the verifier. A pointer that was read from kernel or user memory is "
            "followed with a probe_read helper or a CO-RE read; @ptrFromInt does not make a pointer here."
        ),
    ),
    (
        re.compile(r"R0 !read_ok"),
        "The function returns without a value on some path: every path of a program returns a number.",
    ),
    (
        re.compile(r"!read_ok"),
        (
            "A register is used before it has a value: a variable that is `undefined`, or an argument the function does "
            "not have. A call makes r1 to r5 void."
        ),
    ),
    (
        re.compile(r"invalid bpf_context access|modified ctx ptr|dereference of modified"),
        (
            "This place of the context does not exist for this kind of program, or may not be read or written with this "
            "size. Use the fields of the kind's context type as they are declared."
        ),
    ),
    (
        re.compile(r"At program exit the register R0|has (?:value|unknown scalar value).* should have been"),
        "The return value is not one this kind of program may return; give one of the kind's verdicts.",
    ),
    (
        re.compile(r"leaks addr|leaks kernel"),
        "A kernel address would become visible to users, which needs CAP_PERFMON; store the value, not the pointer.",
    ),
    (
        re.compile(r"pointer arithmetic|pointer operation|bitwise operator"),
        "Only adding to and subtracting from a pointer is allowed, and not for every kind of pointer.",
    ),
    (
        re.compile(r"type=\w+ expected="),
        (
            "The helper wants another kind of pointer: a map itself where a map is expected, a variable on the stack or a "
            "map value where memory is expected."
        ),
    ),
    (
        re.compile(r"last insn is not an exit|jump out of range|unknown opcode"),
        "The code itself is damaged; rebuild the probe, and report this if it stays.",
    ),
)  # fmt: skip
