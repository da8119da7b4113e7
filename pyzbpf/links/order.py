"""Where a program runs among others of the same place: before or behind one of them, or all (Linux 6.6)."""

from __future__ import annotations

from pyzbpf.links.base import Link
from pyzbpf.uapi.enums import BPF_F_AFTER, BPF_F_BEFORE, BPF_F_LINK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Attached(Protocol):
        """A link, or a loaded program that is attached there."""

        def fileno(self) -> int: ...


ALL = "all"


def members(
    kind: str, before: Attached | str | None, after: Attached | str | None, *, programs: bool = True
) -> dict[str, int]:
    """The members of bpf_attr.link_create for the options `before` and `after`; ``kind`` names their struct.

    Either is a `Link`, "all", or a `Program` where the kind has ``programs`` beside links.
    """
    if before is not None and after is not None:
        raise ValueError("give before= or after=, not both")
    other, flag = (after, BPF_F_AFTER) if before is None else (before, BPF_F_BEFORE)
    if other is None:
        return {}
    if other == ALL:
        return {"flags": flag}
    is_link = isinstance(other, Link)
    if isinstance(other, str) or not hasattr(other, "fileno") or not (is_link or programs):
        name = "after" if before is None else "before"
        kinds = "a link, a program or 'all'" if programs else "a link, such as attach() returned, or 'all'"
        raise TypeError(f"option '{name}' is {kinds}, not {other!r}")
    flag |= BPF_F_LINK if is_link else 0
    return {"flags": flag, f"{kind}.relative_fd": other.fileno()}
