"""Finishes one raw object for ``zig build``: build.zig runs ``python -m pyzbpf.build.finish``."""

from __future__ import annotations

import sys
from pathlib import Path

from pyzbpf.build.compile import replace, report, source_lines
from pyzbpf.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """``NAME ENDIAN PROBE_FOLDER SDK_FOLDER ZIG_LIB_FOLDER RAW OUTPUT``."""
    from pyzbpf.finish.pipeline import finish

    try:
        name, endian, probe, sdk, library, raw, output = arguments
        folders = ((probe, ""), (sdk, "pyzbpf/zig/"), (library, "zig/"))
        finished = finish(
            Path(raw).read_bytes(),
            file=f"{name}.zig",
            name=name,
            endian=endian,
            prefixes=[(str(Path(folder).resolve()), stand_in) for folder, stand_in in folders],
            source_line=source_lines(Path(probe)),
        )
        replace(Path(output), finished)
    except Error as error:
        report(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
