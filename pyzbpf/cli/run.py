"""``pyzbpf run``: load, attach, print events, and at the end what iterators write and the maps hold."""

from __future__ import annotations

from pyzbpf.cli import assign, attach_options, target
from pyzbpf.cli.output import FORMATS, note
from pyzbpf.cli.usage import UsageError, near, positive, remark, seconds
from pyzbpf.cli.watch import Stop, buffers, detach, first_failure, iterators, watch
from pyzbpf.errors import Error
from pyzbpf.events.stream import ShortEvent
from pyzbpf.links.attach import KINDS, why_not
from pyzbpf.spec import section

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence
    from typing import Any

    from pyzbpf.runtime.object import Object
    from pyzbpf.spec.model import ObjectSpec, ProgramSpec


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``pyzbpf run``."""
    parser.add_argument(
        "-o",
        "--output",
        choices=FORMATS,
        default="text",
        help="columns, JSON with one record on each line, or CSV (%(default)s)",
    )
    parser.add_argument("--count", type=positive, metavar="N", help="stop after N events")
    parser.add_argument(
        "--duration", type=seconds, metavar="SECONDS", help="stop after so many seconds (default: by Ctrl-C)"
    )
    add_probe_arguments(parser)


def add_probe_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare those that say which probe runs, how and where."""
    parser.usage = "%(prog)s [OPTION]... TARGET"  # forty options are listed below, in groups
    parser.add_argument("target", metavar="TARGET", help=target.HELP)
    parser.add_argument(
        "--set", type=assign.pair, action="append", default=[], metavar="NAME=VALUE", help=assign.HELP
    )
    parser.add_argument(
        "--program",
        action="append",
        default=[],
        metavar="NAME",
        help="load and attach only this program; can be repeated",
    )
    attach_options.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the probe until its end is asked for; Ctrl-C is the ordinary end."""
    spec, given = prepare(arguments)
    with Stop() as stop, spec.load() as probe:
        attach(probe, given)
        output = FORMATS[arguments.output](buffers(probe), spec.btf)
        # Iterators run when they are read: where there is nothing else, there is nothing to wait for.
        if len(iterators(probe)) < len(probe.links):
            look = first_failure(probe, remark)
            for stream, batch in watch(
                probe, stop, count=arguments.count, duration_s=arguments.duration, before_round=look
            ):
                if isinstance(batch, ShortEvent):
                    output.broken(batch)
                else:
                    output.events(stream, batch)
        detach(probe)
        output.walks(probe)
        output.end(probe)
    return stop.exit_code


def prepare(arguments: argparse.Namespace) -> tuple[ObjectSpec, dict[str, Any]]:
    """The object as it is to be loaded, and the options that it is attached with; nothing is in the kernel yet."""
    spec = target.one(arguments.target)
    for name, text in arguments.set:
        assign.assign(spec, name, text)
    choose(spec, arguments.program)
    given = attach_options.given(arguments)
    attach_options.check(spec, _wanted(spec), given)
    return spec, given


def attach(probe: Object, given: Mapping[str, Any]) -> None:
    """Attach it with these options, and say where."""
    try:
        probe.attach(**attach_options.of(probe, given))
    except ValueError as error:
        raise UsageError(str(error)) from error
    _begin(probe)


def choose(spec: ObjectSpec, names: Sequence[str]) -> None:
    """Leave out all programs but those that are named."""
    for name in names:
        if name not in spec.programs:
            raise UsageError(
                f"--program: {spec.file} has no program '{name}'{near(name, list(spec.programs))}"
            )
    for program in spec.programs.values() if names else ():
        program.autoload = program.autoattach = program.name in names


def _wanted(spec: ObjectSpec) -> list[ProgramSpec]:
    """The programs that are attached; refused, before anything is loaded, where one cannot be."""
    wanted = [program for program in spec.programs.values() if program.autoload and program.autoattach]
    if not wanted:
        optional = ", ".join(program.name for program in spec.programs.values())
        advice = f"\n  Name one that is loaded on demand: --program {optional}" if optional else ""
        raise Error(f"{spec.file}: there is no program to attach{advice}")
    for program in wanted:
        if not program.type:
            section.check(program, file=spec.file)
    strange = [program for program in wanted if program.kind not in KINDS]
    if strange:
        raise Error(_not_attached(spec, strange, wanted))
    return wanted


def _not_attached(spec: ObjectSpec, strange: Sequence[ProgramSpec], wanted: Sequence[ProgramSpec]) -> str:
    others = [program.name for program in wanted if program not in strange]
    advice = f"\n  To run the others: {' '.join(f'--program {name}' for name in others)}" if others else ""
    reasons = "".join(
        f"\n  {attach_options.names([program])}: {why_not(program.kind)}" for program in strange
    )
    return f"{spec.file}: not every program can be attached{reasons}{advice}"


def _begin(probe: Object) -> None:
    if probe.btf_error is not None:
        remark(f"this kernel takes no type information ({probe.btf_error})")
    places = ", ".join(f"{link.program} on {link.target}" for link in probe.links)
    note(f"pyzbpf: {probe.spec.name} runs: {places}; Ctrl-C ends it")
