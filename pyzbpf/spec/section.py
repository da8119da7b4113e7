"""Section name of a program -> what kind of program it is and what it wants to be attached to."""

from __future__ import annotations

from pyzbpf.errors import ObjectError
from pyzbpf.spec.section_table import SECTIONS, SLEEPABLE, XDP_FRAGS
from pyzbpf.uapi.enums import BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.spec.model import ProgramSpec

__all__ = ["SLEEPABLE", "XDP_FRAGS", "SectionMatch", "check", "match", "suggest"]

# Kinds that older objects number: before section names said the program's type, loaders of the kernel's
# samples took "socket1", "socket2" and so on for socket filters.
_NUMBERED = frozenset({"socket"})

_LOAD_FLAGS = ((SLEEPABLE, BPF_F_SLEEPABLE), (XDP_FRAGS, BPF_F_XDP_HAS_FRAGS))

_SUGGESTIONS = 3
_SIMILARITY = 0.6  # of 1, the measure and the default of difflib.get_close_matches


class SectionMatch:
    """What a section name says of its program.

    ``kind`` is the pattern of the matching row without its last sign ("kprobe", "xdp",
    "cgroup/connect4"). ``type`` and ``attach_type`` are ``BPF_PROG_TYPE_*`` and attach-type numbers of
    ``linux/bpf.h`` (None: the kind has no attach type). ``flags`` are those of
    `pyzbpf.spec.section_table`. ``target`` is the rest of the name after ``kind/`` or "".
    ``optional`` says that the name begins with "?": not loaded unless asked for.
    """

    __slots__ = ("attach_type", "flags", "kind", "optional", "target", "type")

    def __init__(
        self,
        kind: str,
        *,
        type: int,
        attach_type: int | None,
        flags: int,
        target: str,
        optional: bool,
    ) -> None:
        self.kind = kind
        self.type = type
        self.attach_type = attach_type
        self.flags = flags
        self.target = target
        self.optional = optional

    @property
    def load_flags(self) -> int:
        """The ``BPF_F_*`` flags of BPF_PROG_LOAD that this kind asks for."""
        return sum(load_flag for flag, load_flag in _LOAD_FLAGS if self.flags & flag)

    def __repr__(self) -> str:
        return f"<SectionMatch {self.kind} {self.target!r} type={self.type} attach_type={self.attach_type}>"


def match(section_name: str) -> SectionMatch | None:
    """What the section's name says, or None where libbpf would not know it either.

    Beyond libbpf it knows the numbered names of old objects ("socket1").
    """
    optional = section_name.startswith("?")
    name = section_name[1:] if optional else section_name
    unnumbered = name.rstrip("0123456789")
    if unnumbered in _NUMBERED:
        name = unnumbered
    for pattern, program_type, attach_type, flags in SECTIONS:
        if pattern[:2] != name[:2]:
            continue  # most of them, at little cost
        kind = _kind(pattern)
        if _matches(pattern, kind, name):
            return SectionMatch(
                kind,
                type=program_type,
                attach_type=attach_type,
                flags=flags,
                target=name[len(kind) + 1 :],
                optional=optional,
            )
    return None


def check(program: ProgramSpec, *, file: str) -> None:
    """Refuse a program whose section name is unknown, with the names that are like it."""
    if program.type:
        return
    near = suggest(program.section)
    hint = f"did you mean {' or '.join(repr(n) for n in near)}? " if near else ""
    raise ObjectError(
        f"unknown section name of program '{program.name}': no program type belongs to it",
        file=file,
        section=program.section,
        symbol=program.name,
        advice=hint + "The names are libbpf's: 'xdp', 'tracepoint/<category>/<name>', 'socket', ...",
    )


def suggest(section_name: str) -> list[str]:
    """Known section names that look like the given one, the likeliest first; at most three."""
    from difflib import SequenceMatcher

    name = section_name.removeprefix("?").lower()
    head, slash, target = name.partition("/")

    def similarity(kind: str) -> float:
        return max(SequenceMatcher(None, kind, text).ratio() for text in (name, head))

    found = []
    for pattern, *_ in SECTIONS:
        kind = _kind(pattern)
        likeness = similarity(kind)
        if likeness >= _SIMILARITY:
            found.append((-likeness, kind if kind == pattern else kind + slash + target))
    return [spelling for _, spelling in sorted(found)[:_SUGGESTIONS]]


def _kind(pattern: str) -> str:
    """The pattern without the sign that says how it matches."""
    return pattern[:-1] if pattern[-1] in "+/" else pattern


def _matches(pattern: str, kind: str, name: str) -> bool:
    """Whether the name is the kind itself (not for "kind/") or, for "kind+" and "kind/", in it."""
    if name == kind:
        return pattern[-1] != "/"
    return pattern != kind and name.startswith(kind) and name[len(kind)] == "/"
