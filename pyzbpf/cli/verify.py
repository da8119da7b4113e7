"""``pyzbpf verify``: load every program, attach none, and say what the verifier thinks of it."""

from __future__ import annotations

import json
import sys

from pyzbpf.cli import assign, target
from pyzbpf.cli.columns import Column, header, line
from pyzbpf.cli.output import write
from pyzbpf.cli.run import choose
from pyzbpf.cli.usage import UsageError
from pyzbpf.errors import Error, PrivilegeError, VerifierError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Iterator, Mapping
    from typing import Any

    from pyzbpf.runtime.program import Program
    from pyzbpf.spec.model import ObjectSpec, ProgramSpec

_STATISTICS = 4  # BPF_LOG_STATS of include/linux/bpf_verifier.h

# What is compared: the time differs from run to run.
_COUNTS = ("instructions", "processed", "states", "peak_states", "stack")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``pyzbpf verify``."""
    parser.add_argument("target", metavar="TARGET", help=target.HELP)
    parser.add_argument(
        "--stats",
        action="store_true",
        help="print what the verifier counted: instructions, states, stack, time",
    )
    parser.add_argument(
        "--compare",
        metavar="FILE",
        help="print what has changed since an earlier `--stats -o json` that was kept in FILE",
    )
    parser.add_argument(
        "-o",
        "--output",
        choices=("text", "json"),
        default="text",
        help="columns, or JSON with one record on each line (%(default)s)",
    )
    parser.add_argument(
        "--set", type=assign.pair, action="append", default=[], metavar="NAME=VALUE", help=assign.HELP
    )
    parser.add_argument(
        "--program", action="append", default=[], metavar="NAME", help="verify only this one; can be repeated"
    )


def run(arguments: argparse.Namespace) -> int:
    """Verify, and end as the worst program did."""
    before = _read(arguments.compare) if arguments.compare is not None else None
    spec = target.one(arguments.target)
    for name, text in arguments.set:
        assign.assign(spec, name, text)
    choose(spec, arguments.program)
    for map in spec.maps.values():
        map.pinning = 0  # nothing stays
    code = 0
    found = []
    counted = arguments.stats or before is not None
    for record, exit_code in verify(spec, log_level=_STATISTICS if counted else 0):
        if before is not None:
            record["before"] = before.get(record["program"])
        found.append(record)
        code = max(code, exit_code)
    if before is not None and not arguments.program:
        found += _gone(before, {record["program"] for record in found})
    if arguments.output == "json":
        write(json.dumps(record, ensure_ascii=False) for record in found)
    else:
        write(_text(found, counted=counted, compared=before is not None))
    return code


def verify(spec: ObjectSpec, *, log_level: int) -> Iterator[tuple[dict[str, Any], int]]:
    """(record, exit code) of each program; where the object is refused, each is loaded alone."""
    wanted = [program for program in spec.programs.values() if program.autoload]
    if not wanted:
        raise Error(
            f"{spec.file}: there is no program to verify; name one that is loaded on demand: --program"
        )
    try:
        with spec.load(log_level=log_level) as probe:
            for name, program in probe.programs.items():
                yield _accepted(spec, spec.programs[name], program), 0
        return
    except Error as error:
        whole = error
    for program_spec in wanted:
        for other in wanted:
            other.autoload = other is program_spec
        try:
            with spec.load(log_level=log_level) as probe:
                yield _accepted(spec, program_spec, probe.programs[program_spec.name]), 0
        except Error as error:
            if isinstance(error, PrivilegeError) and isinstance(whole, PrivilegeError):
                error = whole  # which names all that the object needs, so that it is told once
            yield _refused(spec, program_spec, error), error.exit_code


def _record(spec: ObjectSpec, program: ProgramSpec, *, accepted: bool) -> dict[str, Any]:
    return {
        "record": "program",
        "object": spec.name,
        "program": program.name,
        "section": program.section,
        "accepted": accepted,
    }


def _accepted(spec: ObjectSpec, program_spec: ProgramSpec, program: Program) -> dict[str, Any]:
    from pyzbpf.runtime.statistics import statistics

    record = _record(spec, program_spec, accepted=True)
    record["instructions"] = int(program.info["xlated_prog_len"]) // 8
    record.update(statistics(program.log))
    return record


def _refused(spec: ObjectSpec, program: ProgramSpec, error: Error) -> dict[str, Any]:
    record = _record(spec, program, accepted=False)
    record["error"] = str(error)
    if isinstance(error, VerifierError):
        record.update(reason=error.reason, source=error.source, hint=error.hint)
    return record


def _gone(before: Mapping[str, dict[str, Any]], there: Collection[str]) -> list[dict[str, Any]]:
    """A record for each program that was there and is not any more."""
    return [
        {"record": "gone", "program": name, "before": record}
        for name, record in before.items()
        if name not in there
    ]


def _read(path: str) -> dict[str, dict[str, Any]]:
    """The records that an earlier run has written."""
    try:
        with open(path, encoding="utf-8") as file:
            records = [json.loads(text) for text in file if text.strip()]
        if not all(map(_is_ours, records)):
            raise ValueError
        found = {record["program"]: record for record in records if record["record"] == "program"}
        if not found:
            raise ValueError
        return found
    except OSError as error:
        raise UsageError(f"--compare: {path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"--compare: {path} holds something else than `pyzbpf verify --stats -o json` prints"
        ) from error


def _is_ours(record: object) -> bool:
    """Whether it is a record that this command prints."""
    if not isinstance(record, dict) or not isinstance(record.get("program"), str):
        return False
    if record.get("record") == "gone":
        return True
    counts = (_number(record.get(name, 0)) for name in _COUNTS)
    return (
        record.get("record") == "program"
        and isinstance(record.get("accepted"), bool)
        and all(isinstance(count, int) for count in counts)
    )


def _text(records: list[dict[str, Any]], *, counted: bool, compared: bool) -> Iterator[str]:
    # Each once: what the process or the kernel lacks is the same for all programs.
    for message in dict.fromkeys(record["error"] for record in records if "error" in record):
        print(f"pyzbpf: error: {message}", file=sys.stderr)
    if not counted:
        for record in records:
            yield f"{record['program']}: {_verdict(record)}"
        return
    names = (*_COUNTS, "time_us")
    row = [Column("program", width=16, get=lambda record: record["program"])]
    row += [Column(name, right=True, width=10, get=_getter(name, compared=compared)) for name in names]
    for record in records:  # twice, so that the columns are as wide as they must be
        line(row, record)
    yield header(row)
    for record in records:
        yield line(row, record)


def _verdict(record: Mapping[str, Any]) -> str:
    if record["record"] == "gone":
        return "gone"
    if record["accepted"]:
        return "accepted"
    return "refused" if "reason" in record else "not tried"


def _getter(name: str, *, compared: bool) -> Any:
    def get(record: Mapping[str, Any]) -> str:
        now = _number(record.get(name))
        then = _number((record.get("before") or {}).get(name))
        if not record.get("accepted"):
            return _verdict(record) + (f" (was {then})" if then is not None and name != "time_us" else "")
        if not compared or name == "time_us" or now is None:
            return "" if now is None else str(now)
        if then is None:
            return f"{now} (new)"
        return str(now) if now == then else f"{now} ({now - then:+d})"

    return get


def _number(value: int | list[int] | None) -> int | None:
    """A count; of the stack the sum over the functions, which all lie on it when the deepest runs."""
    return sum(value) if isinstance(value, list) else value
