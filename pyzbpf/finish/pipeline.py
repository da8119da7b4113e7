"""finish(raw object) -> standard object: the ordered list of passes, and nothing else.

Each pass is one repair, in a file of its own, and may be run twice without harm. What a pass relies
on stands above it in the list.
"""

from __future__ import annotations

from pyzbpf.finish import audit, audit_types, unit
from pyzbpf.finish.passes import (
    aliases,
    authors_lines,
    calls,
    checked_pointers,
    checked_values,
    constants,
    context_places,
    core_records,
    dead_code,
    externals,
    function_members,
    functions,
    kernel_members,
    known_places,
    leftovers,
    lines,
    lost_counts,
    map_definitions,
    map_order,
    map_values,
    members,
    missing_results,
    negations,
    numbers,
    overflow_bits,
    packet_lengths,
    parameters,
    placement,
    returned_errors,
    subprograms,
    symbol_names,
    targets,
    trap_declarations,
    trap_lines,
    trap_marks,
    trap_records,
    trap_verdicts,
    traps,
    twins,
    type_names,
    typedefs,
    unwinding,
    variables,
    void_types,
)
from pyzbpf.spec.read import read as read_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pyzbpf.finish.unit import Unit

PASSES: tuple[Callable[[Unit], None], ...] = (
    lines.run,  # file names without the builder's folders
    leftovers.run,  # no debug, unwind or toolchain sections
    aliases.run,  # one symbol per place
    map_values.run,  # what maps hold is named, in an array without a length
    twins.run,  # a body for each exported function
    constants.run,  # one .rodata
    subprograms.run,  # one .text
    lost_counts.run,  # counters of lost events found by their map's name
    symbol_names.run,  # C names for local symbols
    calls.run,  # no call through a pointer, no recursion
    targets.run,  # relocations name the symbol they mean
    map_order.run,  # maps that others hold come first
    trap_declarations.run,  # no type information for a trap
    typedefs.run,  # no typedef that only Zig can spell
    void_types.run,  # void is type 0
    numbers.run,  # bytes for numbers that only Zig has
    members.run,  # struct members in order of offset
    map_definitions.run,  # map structs as libbpf reads them; event types as decl tags
    type_names.run,  # C names for types
    functions.run,  # FUNC: name and linkage of its symbol
    function_members.run,  # what a struct of functions points to
    variables.run,  # VAR: name and linkage of its symbol
    parameters.run,  # every parameter has a name
    externals.run,  # .kconfig and .ksyms for what the kernel defines
    core_records.run,  # the SDK's CO-RE requests as records on minimal types
    authors_lines.run,  # the author's line for each of them, and for what acquires something
    kernel_members.run,  # no member of the kernel's read where Zig's declaration has it
    known_places.run,  # no access beyond a variable at a place that is known
    negations.run,  # negative numbers that the verifier can follow
    trap_verdicts.run,  # the author's verdicts for failed checks are possible ones
    trap_marks.run,  # a trap of its own for each safety check
    missing_results.run,  # a trap where a program ends without a result
    trap_lines.run,  # the author's line for each trap
    returned_errors.run,  # errors that are returned while something is held leave apart
    dead_code.run,  # nothing behind a trap that nothing jumps to
    overflow_bits.run,  # an overflow check is one jump
    context_places.run,  # every access to the context is at a constant place
    checked_pointers.run,  # a pointer is made behind the check of its index
    checked_values.run,  # what is checked is what is used
    packet_lengths.run,  # a packet's length is a number of 32 bits
    unwinding.run,  # traps of subprograms handed on to their programs
    placement.run,  # the way without failures goes straight on
    trap_records.run,  # what is held at a trap stays in reach
    traps.run,  # an exit for each trap
)


def finish(
    raw: bytes,
    *,
    file: str,
    name: str = "probe",
    endian: str | None = None,
    prefixes: Sequence[tuple[str, str]] = (),
    source_line: Callable[[str, int], str] | None = None,
) -> bytes:
    """Turn what Zig (or clang) wrote into a standard object that every loader reads, and check it.

    ``file`` is the object's or source's name for messages; ``name`` the probe's. ``endian``
    ("little", "big" or None for either) is what the object must be. ``prefixes`` are (absolute
    folder, replacement) pairs for file names in line records, ``source_line`` gives the text of a line
    by such a name and its number, where the object itself does not. The result depends on nothing else.

    Raises ObjectError with file, section, symbol and advice where the object could not load.
    """
    work = unit.read(raw, file=file, prefixes=prefixes, source_line=source_line)
    audit.check_machine(work.image, endian)
    audit.check_jumps(work.image)
    for _ in stages(work):
        pass
    finished = unit.write(work)
    spec = read_spec(finished, file=file, name=name)
    audit.check(spec, work.image)
    audit_types.check(spec)
    return finished


def stages(work: Unit) -> Iterator[str]:
    """Run the passes on an object one by one; yields the name of each when it is done."""
    for step in PASSES:
        step(work)
        yield step.__module__.rpartition(".")[2]
