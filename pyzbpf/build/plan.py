"""``[tool.pyzbpf]`` -> CMake: one pyzbpf_add_probe() for each probe of a project.

CMake runs ``python -m pyzbpf.build.plan PROJECT OUTPUT.cmake`` when it configures, so that globs mean
the same to CMake and to us.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pyzbpf.build import compiler, settings
from pyzbpf.build.compile import replace, report
from pyzbpf.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def cmake_text(found: settings.Settings, root: Path) -> str:
    """The statements that build the probes, and that configure anew when a glob's answer changes."""
    lines = []
    for name, source in found.probes.items():
        options = found.options[name]
        words = [
            f"{name} SOURCE {_quote(source.as_posix())} ENDIAN {found.endian}",
            f"MODE {options.mode} CPU {options.cpu} PACKAGE {found.package}",
            *_list("MODULES", [f"{module}={path.as_posix()}" for module, path in options.modules.items()]),
            *_list("INCLUDE", [path.as_posix() for path in options.include]),
        ]
        lines.append(f"pyzbpf_add_probe({' '.join(words)})")
    for pattern in found.patterns:
        # Only a trigger: CMake's globs need not find exactly what ours do.
        command = "GLOB_RECURSE" if "**" in pattern else "GLOB"
        text = (root / pattern.replace("**/", "")).as_posix()
        lines.append(f"file({command} pyzbpf_trigger CONFIGURE_DEPENDS {_quote(text)})")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    """``PROJECT OUTPUT``; also refuses a missing compiler, before anything is built."""
    try:
        project, output = map(Path, arguments)
        found = settings.read(settings.load(project), project)
        compiler.find_zig()
        replace(output, cmake_text(found, project).encode())
    except Error as error:
        report(error)
        return 1
    return 0


def _list(keyword: str, items: Sequence[str]) -> list[str]:
    return [keyword, *map(_quote, items)] if items else []


def _quote(text: str) -> str:
    # A bracket argument: nothing inside is special to CMake.
    return f"[==[{text}]==]"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
