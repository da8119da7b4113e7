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


def members(kind: str, before: Attached | str | None, after: Attached | str | None) -> dict[str, int]:
    """The members of bpf_attr.link_create for the options `before` and `after`; ``kind`` names their struct.

    Either is a `Link`, a `Program` or "all".
    """
    if before is not None and after is not None:
        raise ValueError("give before= or after=, not both")
    other, flag = (after, BPF_F_AFTER) if before is None else (before, BPF_F_BEFORE)
    if other is None:
        return {}
    if other == ALL:
        return {"flags": flag}
    if isinstance(other, str) or not hasattr(other, "fileno"):
        name = "after" if before is None else "before"
        raise TypeError(f"option '{name}' is a link, a program or 'all', not {other!r}")
    flag |= BPF_F_LINK if isinstance(other, Link) else 0
    return {"flags": flag, f"{kind}.relative_fd": other.fileno()}
