"""Everything that tests/kernel would compile, for machines without a compiler: one folder for all of them.

``python -m tests.support.prebuilt FOLDER``, then ``PYZBPF_TEST_PROBES=FOLDER`` where the tests run.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tests.support import c_probes, targets, zig_probes


def build_all(folder: Path) -> None:
    """Every probe in every mode for both byte orders, and the target program for every machine."""
    targets.build_all(folder)
    c_probes.build_all(folder)
    zig_probes.build_all(folder)
    shutil.rmtree(folder / "cache", ignore_errors=True)  # Zig's


if __name__ == "__main__":
    build_all(Path(sys.argv[1]))
