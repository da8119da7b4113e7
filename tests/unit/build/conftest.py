"""The compiler, or the reason why there is none."""

from __future__ import annotations

import pytest

from pyzbpf.build import compiler
from pyzbpf.errors import BuildError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def zig() -> Path:
    """The pinned Zig compiler; without it the test is skipped, and the message says what to install."""
    try:
        return compiler.find_zig()
    except BuildError as error:
        pytest.skip(str(error))
