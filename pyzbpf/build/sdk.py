"""Where the Zig SDK is: beside the package in the source tree, inside it when installed.

``python -m pyzbpf.build.sdk`` prints it, for ``zig build --fork`` in a project with a build.zig.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

from pyzbpf.errors import BuildError

PACKAGE = Path(__file__).resolve().parent.parent


def root() -> Path:
    """The Zig package: the directory with ``zig/`` and, beside it, ``build.zig``."""
    for candidate in (PACKAGE, PACKAGE.parent):
        if (candidate / "zig" / "bpf.zig").is_file():
            return candidate
    raise BuildError(
        f"the Zig SDK is missing: neither {PACKAGE / 'zig' / 'bpf.zig'} nor "
        f"{PACKAGE.parent / 'zig' / 'bpf.zig'} is a file; install pyzbpf again, unpacked "
        "(probes cannot be built from a zip)"
    )


@functools.cache
def zig_version() -> str:
    """The release of Zig that the SDK and the finisher are made for: the pin, which stands in build.zig.zon."""
    found = re.search(
        r'\.minimum_zig_version = "(.+)"', (root() / "build.zig.zon").read_text(encoding="utf-8")
    )
    assert found
    return found[1]


def module() -> Path:
    """The file that ``@import("bpf")`` means."""
    return root() / "zig" / "bpf.zig"


def probe_root() -> Path:
    """The root file of every probe, which installs the SDK's part and imports the author's."""
    return module().parent / "bpf" / "root.zig"


def c_include() -> Path:
    """The directory of the headers for probes in C: ``#include <bpf/bpf_helpers.h>``."""
    return module().parent / "c"


if __name__ == "__main__":
    print(root())
