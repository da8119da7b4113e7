"""What pyelftools answers damaged files with: whatever its parsers trip over."""

from __future__ import annotations

import struct

from elftools.common.exceptions import ELFError
from elftools.construct.core import ConstructError

DAMAGED = (
    ELFError,
    ConstructError,
    ValueError,
    KeyError,
    IndexError,
    AttributeError,
    TypeError,
    struct.error,
)
