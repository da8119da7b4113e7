"""Skipping, unless the environment says that the thing must be there.

``PYZBPF_REQUIRE=kernel,zig,bpftool`` turns the skips for these into failures: for continuous
integration, where a test that does not run is a test that does not work.
"""

from __future__ import annotations

import importlib
import os
from typing import Any, NoReturn

import pytest


def is_required(name: str) -> bool:
    """Whether a missing ``name`` is a failure."""
    return name in os.environ.get("PYZBPF_REQUIRE", "").split(",")


def missing(name: str, reason: str) -> NoReturn:
    """Skip, or fail where ``name`` is required; ``reason`` says what would bring it."""
    if is_required(name):
        pytest.fail(f"PYZBPF_REQUIRE names {name}: {reason}")
    pytest.skip(reason)


def optional(name: str) -> Any:
    """The module of an extra, or a skip that says how to install it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        missing(name, f"needs {name}: pip install {name}")
