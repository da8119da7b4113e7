"""The kernels that the tests run on: one table, the same as in docs/kernels.md."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """One kernel. Of ``series`` the first that the archive has is taken."""

    name: str
    architecture: str
    series: tuple[str, ...]
    ci: bool
    why: str
    optional: bool = False  # that it is not to be had is no failure


# Between 6.1 and 6.12 Debian has kept none; 6.6 and its neighbours are taken where an archive has them.
NEAR_6_6 = ("6.6", "6.7", "6.5", "6.8", "6.4", "6.9", "6.3", "6.10", "6.11")

MATRIX = (
    Row("amd64-5.10", "amd64", ("5.10",), False, "the oldest with long support: no loops, no timers, no links of perf events"),
    Row("amd64-6.1", "amd64", ("6.1", "5.15"), True, "Debian 12"),
    Row("amd64-6.6", "amd64", NEAR_6_6, False, "long support", optional=True),
    Row("amd64-6.12", "amd64", ("6.12",), True, "Debian 13: arenas, token, tcx"),
    Row("amd64-6.18", "amd64", ("6.18",), False, "long support"),
    Row("amd64-newest", "amd64", ("newest",), True, "what is coming"),
    Row("arm64-6.1", "arm64", ("6.1",), False, "no fentry: no direct calls in ftrace yet"),
    Row("arm64-newest", "arm64", ("newest",), False, "what is coming"),
    Row("s390x-6.1", "s390x", ("6.1",), False, "big-endian, without /sys/kernel/btf/vmlinux, without JIT"),
    Row("s390x-6.12", "s390x", ("6.12",), True, "big-endian, without JIT"),
    Row("s390x-newest", "s390x", ("newest",), False, "big-endian, without JIT"),
)  # fmt: skip


def chosen(names: list[str], *, everything: bool) -> list[Row]:
    """The rows of these names (or beginnings of names), by default the subset of `ci`. Raises KeyError."""
    if everything:
        return list(MATRIX)
    if not names:
        return [row for row in MATRIX if row.ci]
    rows = []
    for name in names:
        found = [row for row in MATRIX if row.name == name] or [
            row for row in MATRIX if row.name.startswith(f"{name}-")
        ]
        if not found:
            raise KeyError(name)
        rows += [row for row in found if row not in rows]
    return rows


def table() -> str:
    """The matrix in Markdown, as the documentation has it."""
    lines = ["| kernel | architecture | series | by default | |", "|---|---|---|---|---|"]
    for row in MATRIX:
        series = row.series[0] + (" or the nearest there is" if len(row.series) > 2 else "")
        if len(row.series) == 2:
            series = " or ".join(row.series)
        lines.append(
            f"| `{row.name}` | {row.architecture} | {series} | {'yes' if row.ci else ''} | {row.why} |"
        )
    return "\n".join(lines)
