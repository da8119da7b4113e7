"""Runs ``pyzbpf.build.NAME`` of the very package that this file belongs to, installed or not.

CMake starts it as ``python run.py NAME ARGUMENT...``: a wheel that builds itself is on no path that
``python -m`` would search.
"""

import importlib
import pathlib
import sys

NAMES = ("bill", "compile", "index", "plan", "zig_build")


def main() -> int:
    root = pathlib.Path(__file__).resolve().parents[3]
    # Python puts this file's folder first; the package's parent belongs there.
    sys.path[0] = str(root)
    name, *arguments = sys.argv[1:]
    if name not in NAMES:
        raise SystemExit(f"run.py: '{name}' is none of {', '.join(NAMES)}")
    module = importlib.import_module(f"pyzbpf.build.{name}")
    code: int = module.main(arguments)
    return code


if __name__ == "__main__":
    sys.exit(main())
