"""The build half's door for packaging tools: the hooks of PEP 517 and PEP 660, found on first use.

They live in `pyzbpf.build.backend`, which imports scikit-build-core; the compiler driver beside it
(`pyzbpf.build.compiler`) must work without.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

HOOKS = frozenset(
    {
        "build_editable",
        "build_sdist",
        "build_wheel",
        "get_requires_for_build_editable",
        "get_requires_for_build_sdist",
        "get_requires_for_build_wheel",
        "prepare_metadata_for_build_editable",
        "prepare_metadata_for_build_wheel",
    }
)


def __getattr__(name: str) -> Callable[..., Any]:
    if name in HOOKS:
        from pyzbpf.build import backend

        hook: Callable[..., Any] = getattr(backend, name)
        return hook
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(HOOKS)
