"""An object under repair as text: what a pass has changed is the difference of two of these."""

from __future__ import annotations

from pyzbpf.btf import dump
from pyzbpf.elf import image as elf
from pyzbpf.insn.instruction import CALL, EXIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyzbpf.finish.code import Code, Function, Instruction
    from pyzbpf.finish.unit import Unit

_BINDINGS = ("local", "global", "weak")


def text(unit: Unit) -> list[str]:
    """The lines: sections, symbols, variables, types, then code with its references and records."""
    return [*_sections(unit), *_symbols(unit), *_variables(unit), *dump.dump(unit.types), *_code(unit.code)]


def _sections(unit: Unit) -> Iterator[str]:
    for section in unit.image.sections:
        if section.name not in (".BTF", ".BTF.ext") and not section.is_code:
            yield f"section {section.name}: {len(section.data)} bytes"
            if section.is_data or section.name in ("maps", "license"):
                yield f"    {bytes(section.data).hex(' ', 4)}"


def _symbols(unit: Unit) -> Iterator[str]:
    for symbol in unit.named_symbols():
        binding = _BINDINGS[symbol.binding] if symbol.binding < len(_BINDINGS) else str(symbol.binding)
        section = symbol.section
        if section is not None and section.is_code:
            yield f"symbol {symbol.name}: {binding}, {section.name}"  # its place is the code's to say
        elif section is not None:
            yield f"symbol {symbol.name}: {binding}, {section.name}+{symbol.value:#x}, {symbol.size} bytes"
        else:
            yield f"symbol {symbol.name}: {binding}, undefined"


def _variables(unit: Unit) -> Iterator[str]:
    for section, variables in unit.variables.items():
        for variable, offset, size in sorted(variables, key=lambda entry: entry[1]):
            yield f"variable {section.name}+{offset:#x}: type={variable}, {size} bytes"


def _code(code: Code) -> Iterator[str]:
    for function in code.functions:
        yield f"function {function.symbol.name} in {function.section.name}: type={function.type_id}"
        numbers = {instruction: number for number, instruction in enumerate(function.instructions)}
        for instruction in function.instructions:
            if instruction.line is not None:
                line = instruction.line
                yield f"    ; {line.file}:{line.position >> 10}:{line.position & 0x3FF}: {line.text.strip()}"
            yield f"    {numbers[instruction]}: {_instruction(instruction, numbers, function)}"


def _instruction(instruction: Instruction, numbers: dict[Instruction, int], function: Function) -> str:
    words = [f"{instruction.opcode:#04x} r{instruction.destination} r{instruction.source}"]
    if instruction.target is not None:
        words.append(f"-> {numbers.get(instruction.target, 'outside of ' + function.symbol.name)}")
    elif instruction.opcode not in (CALL, EXIT) or instruction.immediate:
        words.append(f"{instruction.offset:+d} imm={instruction.immediate}")
    if instruction.is_wide and instruction.high:
        words.append(f"high={instruction.high}")
    if instruction.callee is not None:
        words.append(f"function {instruction.callee.symbol.name}")
    elif instruction.symbol is not None:
        symbol = instruction.symbol
        words.append(f"section {symbol.name}" if symbol.type == elf.STT_SECTION else f"symbol {symbol.name}")
    if instruction.core is not None:
        words.append(
            f"core kind={instruction.core.kind} type={instruction.core.type_id} {instruction.core.path}"
        )
    words += [f"marked {mark.kind} '{mark.text}'" for mark in instruction.marks]
    return ", ".join(words)
