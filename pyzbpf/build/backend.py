"""The PEP 517 and PEP 660 hooks: scikit-build-core's, with what a project of probes needs filled in.

A project says ``build-backend = "pyzbpf.build"`` and ``[tool.pyzbpf]``; it has no CMakeLists.txt. What
it sets in ``[tool.scikit-build]`` or with ``-C`` always wins.
"""

from __future__ import annotations

from pathlib import Path

import scikit_build_core.build as scikit

from pyzbpf.build import sdk, settings, wheel
from pyzbpf.build.compile import report
from pyzbpf.errors import BuildError, Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeVar

    Result = TypeVar("Result")
    # As packaging tools pass it: text, or a list where an option was repeated.
    Config = Mapping[str, str | list[str]] | None

PROJECT = Path(__file__).resolve().parent / "cmake" / "project"


def build_wheel(
    wheel_directory: str, config_settings: Config = None, metadata_directory: str | None = None
) -> str:
    """PEP 517: compile the probes and make the wheel, checked and the same on every machine."""

    def run(config: dict[str, str | list[str]], found: settings.Settings) -> str:
        name = scikit.build_wheel(wheel_directory, config, metadata_directory)
        made = Path(wheel_directory, name)
        wheel.check(made, found)
        wheel.put_in_order(made)
        return name

    return _with_settings(config_settings, run)


def build_editable(
    wheel_directory: str, config_settings: Config = None, metadata_directory: str | None = None
) -> str:
    """PEP 660: compile the probes and make a wheel that points to the source tree."""
    return _with_settings(
        config_settings, lambda config, _: scikit.build_editable(wheel_directory, config, metadata_directory)
    )


def build_sdist(sdist_directory: str, config_settings: Config = None) -> str:
    """PEP 517: the source distribution; the settings are checked, nothing is compiled."""
    return _with_settings(config_settings, lambda config, _: scikit.build_sdist(sdist_directory, config))


def get_requires_for_build_wheel(config_settings: Config = None) -> list[str]:
    """PEP 517: the compiler, and cmake and ninja where the system has none."""
    return _with_settings(
        config_settings, lambda config, _: [ziglang(), *scikit.get_requires_for_build_wheel(config)]
    )


def get_requires_for_build_editable(config_settings: Config = None) -> list[str]:
    """PEP 660: the same for an editable install."""
    return _with_settings(
        config_settings, lambda config, _: [ziglang(), *scikit.get_requires_for_build_editable(config)]
    )


def get_requires_for_build_sdist(config_settings: Config = None) -> list[str]:
    """PEP 517: nothing, unless the project runs CMake for its source distribution."""
    return _with_settings(config_settings, lambda config, _: scikit.get_requires_for_build_sdist(config))


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: Config = None) -> str:
    """PEP 517: the metadata without building."""
    return _with_settings(
        config_settings, lambda config, _: scikit.prepare_metadata_for_build_wheel(metadata_directory, config)
    )


def prepare_metadata_for_build_editable(metadata_directory: str, config_settings: Config = None) -> str:
    """PEP 660: the metadata without building."""
    return _with_settings(
        config_settings,
        lambda config, _: scikit.prepare_metadata_for_build_editable(metadata_directory, config),
    )


def ziglang() -> str:
    """The requirement that brings the compiler, of the one release that will do."""
    return f"ziglang=={sdk.zig_version()}"


def defaults(root: Path, endian: str = "both") -> dict[str, str]:
    """What scikit-build-core is told unless the project or the user says otherwise."""
    return {
        "cmake.source-dir": str(PROJECT),
        "cmake.version": ">=3.20",
        # Objects for the BPF machine run on every host: one wheel, nothing platform-specific in it. One
        # with the objects of the builder's byte order only is for machines like the builder's.
        "wheel.py-api": "py3",
        "wheel.platlib": "true" if endian == "host" else "false",
        "wheel.reproducible": "true",
        # What a build on import says goes to stdout, among a program's data. A failed one is told on stderr anyway.
        "editable.verbose": "false",
        "cmake.define.PYZBPF_PROJECT_DIR": root.as_posix(),
    }


def with_defaults(
    pyproject: Mapping[str, Any], config: Config, root: Path, endian: str = "both"
) -> dict[str, str | list[str]]:
    """``config`` with the defaults for the keys that neither it nor ``[tool.scikit-build]`` sets."""
    given = {} if config is None else dict(config)
    table = pyproject.get("tool", {}).get("scikit-build", {})
    said = {key.removeprefix("skbuild.") for key in given}
    for key, value in defaults(root, endian).items():
        if key in said or _lookup(table, key):
            continue
        for override in table.get("overrides", []):
            # scikit-build-core ranks what we pass above an override, so ours would silently win.
            if _lookup(override, key):
                raise BuildError(
                    f"pyproject.toml: [[tool.scikit-build.overrides]] sets {key}, which pyzbpf sets, too; "
                    f"say in [tool.scikit-build] what {key} is otherwise (pyzbpf's own value is '{value}')"
                )
        given[key] = value
    return given


def _with_settings(
    config: Config, run: Callable[[dict[str, str | list[str]], settings.Settings], Result]
) -> Result:
    # A mistake of the author earns its message, not a traceback through the packaging tool.
    root = Path.cwd()
    try:
        pyproject = settings.load(root)
        found = settings.read(pyproject, root)
        return run(with_defaults(pyproject, config, root, found.endian), found)
    except Error as error:
        report(error)
        raise SystemExit(1) from None


def _lookup(table: Mapping[str, Any], dotted: str) -> bool:
    found: Any = table
    for part in dotted.split("."):
        if not isinstance(found, dict) or part not in found:
            return False
        found = found[part]
    return True
