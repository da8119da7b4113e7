"""Places in code as section names and options write them: ``function`` or ``function+0x1c``."""

from __future__ import annotations

from pyzbpf.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.spec.model import ProgramSpec


def split_offset(text: str) -> tuple[str, int]:
    """Name and offset in bytes; a "+" that no number follows belongs to the name."""
    name, plus, offset = text.rpartition("+")
    if not plus:
        return text, 0
    try:
        return name, int(offset, 0)
    except ValueError:
        return text, 0


def on_return(spec: ProgramSpec) -> bool:
    """Whether the kind probes the way out of a function."""
    return spec.kind.startswith(("kret", "uret"))


def refuse_offset(spec: ProgramSpec, offset: int) -> None:
    """A return has no place in a function: it is what all its ways out have in common."""
    if offset and on_return(spec):
        raise ObjectError(
            f"a {spec.kind} takes no offset ({offset:#x}): it runs when the whole function returns",
            section=spec.section,
            symbol=spec.name,
            advice="Leave the offset out, or probe the instruction with the kind without 'ret'.",
        )
