"""Where we differ from libbpf on purpose, or where it is too old; `docs/oracle.md` shows the table to people.

``kind`` is that of a difference, ``pattern`` is searched for in its text and in what libbpf said.
"""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    kind: str
    pattern: str
    why: str


EXPECTED: tuple[Row, ...] = ()
