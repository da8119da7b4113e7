"""Count the lines of the ten probes of docs/comparison, tool by tool, and write docs/comparison.md.

    python -m scripts.compare [--check]

A line counts where it holds more than blanks, a comment or a closing bracket alone: what an author has to
write and a reader to understand. With --check nothing is written, and a page that is out of date is an error.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER, PAGE = ROOT / "docs" / "comparison", ROOT / "docs" / "comparison.md"

PROBES = {
    "opens": "files that are opened: process, command, path",
    "started": "programs that are started, with the parent's number",
    "exits": "processes that end, with their exit code",
    "connects": "TCP connections to IPv4 addresses",
    "readline": "lines typed into bash",
    "syscalls": "system calls by process",
    "read_bytes": "bytes read by process",
    "packets": "IPv4 packets of an interface by protocol (XDP)",
    "latency": "how long vfs_read takes, as a histogram",
    "block_sizes": "sizes of requests to block devices, as a histogram",
}
TOOLS = {
    "pyzbpf": ("pyzbpf.zig", "pyzbpf.py"),
    "bpftrace": ("bpftrace.bt",),
    "BCC": ("bcc.py",),
    "libbpf in C": ("libbpf.bpf.c", "libbpf.h", "libbpf.c"),
    "zbpf": ("zbpf.zig", "zbpf_host.zig"),
}

_NOTHING = re.compile(r"\s*(?:(?://|#(?!include|define)|/\*).*)?\s*\Z|[\s{}()\[\];,]*\Z")


def lines(path: Path) -> int:
    """How many lines of a file say something."""
    return sum(not _NOTHING.match(line) for line in path.read_text(encoding="utf-8").splitlines())


def counted(probe: str, tool: str) -> list[int]:
    """The lines of each file that a tool needs for a probe; [] where it cannot do it."""
    return [lines(FOLDER / probe / name) for name in TOOLS[tool] if (FOLDER / probe / name).exists()]


def page() -> str:
    """The page with the table."""
    rows = ["| probe | " + " | ".join(TOOLS) + " |", "|---|" + "---|" * len(TOOLS)]
    totals: dict[str, list[int]] = {tool: [] for tool in TOOLS}
    for probe, what in PROBES.items():
        cells = []
        for tool in TOOLS:
            found = counted(probe, tool)
            totals[tool] += [sum(found)] if found else []
            cells.append(_cell(found))
        rows.append(f"| [{what}](comparison/{probe}) | " + " | ".join(cells) + " |")
    means = [f"{sum(found) / len(found):.1f}" for found in totals.values()]
    rows.append("| **mean** | " + " | ".join(means) + " |")
    return (ROOT / "scripts" / "compare.txt").read_text(encoding="utf-8").replace("{table}", "\n".join(rows))


def _cell(found: list[int]) -> str:
    if len(found) > 1:
        return f"{sum(found)} ({' + '.join(map(str, found))})"
    return str(found[0]) if found else "–"


def main() -> int:
    parser = argparse.ArgumentParser(description="Write docs/comparison.md.")
    parser.add_argument("--check", action="store_true", help="write nothing, fail if the page differs")
    options = parser.parse_args()
    text = page()
    if not options.check:
        PAGE.write_text(text, encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != text:
        print("docs/comparison.md is stale: run python -m scripts.compare", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
