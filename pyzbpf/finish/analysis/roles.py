"""What a function is to the kernel: a program, something a program calls, or something the kernel calls."""

from __future__ import annotations

from pyzbpf.elf import image as elf
from pyzbpf.errors import ObjectError
from pyzbpf.finish.analysis.flow import is_trap
from pyzbpf.finish.code import Line
from pyzbpf.insn.instruction import CALL
from pyzbpf.spec import functions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.code import Call, Function, Instruction
    from pyzbpf.finish.unit import Unit

# The line of a trap of which nobody knows where it was written.
UNKNOWN = Line("", "", 0)
# What the names of the SDK's files begin with, as the pass `lines` has written them.
SDK_FILES = "pyzbpf/zig/"
# The same and the standard library's: no line that an author could look at to mend something.
FOREIGN_FILES = (SDK_FILES, "zig/")
# The SDK's word for a callback that somebody looks after: it may be left at a trap.
CALLBACK_MARK = "callback"
# And of a failed safety check: the kind of check, and the registers of its operands.
TRAP_MARK = "trap"
# What kinds begin with that are no failed check: the error that the author's function returned.
ERROR_KIND = "error."
# On a program's first instruction: the author's choice of what it returns at a trap.
VERDICT_MARK = "verdict"
# The message of a panic, where it is known.
MESSAGE_MARK = "message"


def is_program(function: Function) -> bool:
    """Whether it is an entry: exported, in a section of its kind."""
    return not functions.is_subprogram_section(function.section.name) and not is_local(function)


def is_local(function: Function) -> bool:
    """Whether the kernel verifies it together with its callers."""
    return function.symbol.binding == elf.STB_LOCAL


def is_guarded_callback(function: Function) -> bool:
    """Whether the SDK wrote it, and tests whether it was left at a trap."""
    return any(mark.kind == CALLBACK_MARK for i in function.instructions for mark in i.marks)


def left_value(function: Function) -> int:
    """What such a callback returns when it is left."""
    return next(
        int(mark.text) for i in function.instructions for mark in i.marks if mark.kind == CALLBACK_MARK
    )


def is_marked(instruction: Instruction) -> bool:
    """Whether the SDK said which check fails there."""
    return any(mark.kind == TRAP_MARK for mark in instruction.marks)


def is_returned_error(trap: Instruction) -> bool:
    """Whether a program ends there because the author's function returned an error."""
    return any(mark.kind == TRAP_MARK and mark.text.startswith(ERROR_KIND) for mark in trap.marks)


def operands(trap: Instruction) -> set[int]:
    """The registers that the SDK's mark of a failed check names."""
    texts = [mark.text for mark in trap.marks if mark.kind == TRAP_MARK]
    return {int(word[1:]) for text in texts for word in text.split(" ")[1:]}


def callbacks(unit: Unit) -> set[Function]:
    """The functions whose address is taken."""
    return {i.callee for _, i in unit.code.instructions() if i.callee is not None and i.opcode != CALL}


def trapping(unit: Unit) -> set[Function]:
    """The functions that may be left at a trap: their own, or that of a function they call."""
    found = {function for function, instruction in unit.code.instructions() if is_trap(instruction)}
    grown = bool(found)
    while grown:
        calling = {f for f, i in unit.code.instructions() if i.opcode == CALL and i.callee in found}
        grown = not calling <= found
        found |= calling
    return found


def authors_call(instruction: Instruction) -> Call | None:
    """Where the author's code calls the SDK's that contains the instruction; None: it is the author's own."""
    return next((call for call in instruction.calls if not call.file.startswith(FOREIGN_FILES)), None)


def line_of(function: Function, instruction: Instruction) -> Line | None:
    """The author's line of an instruction: of the call that it comes from, its own record, or the last one
    before it; None where it is not known (`passes/trap_lines.py`).
    """
    call = authors_call(instruction)
    if call is not None:
        return call
    if instruction.line is UNKNOWN:
        return None
    last = None
    for other in function.instructions:
        last = other.line or last
        if other is instruction:
            break
    return last


def fault(unit: Unit, function: Function, instruction: Instruction, message: str, advice: str) -> ObjectError:
    """An error at an instruction, with the author's line where it is known."""
    line = line_of(function, instruction)
    place = f"{line.file}:{line.position >> 10}: " if line is not None else ""
    return ObjectError(
        place + message,
        file=unit.image.file,
        section=function.section.name,
        symbol=function.symbol.name,
        offset=unit.code.offset_of(function, instruction),
        advice=advice,
    )
