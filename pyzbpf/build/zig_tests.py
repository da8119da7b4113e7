"""The ``test`` blocks of a probe's Zig files, compiled for this machine and run: what needs no kernel."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from pyzbpf.build import compiler, sdk
from pyzbpf.build.dependencies import unquoted
from pyzbpf.errors import BuildError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_BLOCK = re.compile(r'^test (?:"((?:\\.|[^"\\\n])*)"|([A-Za-z_]\w*)) \{', re.MULTILINE)
# What Zig's test runner prints for each test: its number, its name, three dots, then what it printed itself
# and what became of it.
_RESULT = re.compile(r"^\d+/\d+ .*?\.(?:test|decltest)\.(?P<name>.*?)\.\.\.(?P<rest>.*)$")
_END = re.compile(r"^\d+ passed; |^All \d+ tests passed|^error: the following test command")


class Result:
    """What became of one test: ``status`` is "OK", "FAIL" or "SKIP", ``output`` what stands in between."""

    __slots__ = ("output", "status")

    def __init__(self, status: str, output: str) -> None:
        self.status = status
        self.output = output


def names(text: str) -> list[tuple[str, int]]:
    """The tests of a Zig file with the lines they begin in, from 1; blocks without a name are not among them."""
    return [
        (unquoted(match[1]) if match[1] is not None else match[2], text.count("\n", 0, match.start()) + 1)
        for match in _BLOCK.finditer(text)
    ]


def run(source: Path, modules: Mapping[str, Path] | None = None) -> dict[str, Result]:
    """Compile a file's tests and run them all; raises BuildError where they do not compile."""
    zig = compiler.find_zig()
    all_modules = {"bpf": sdk.module(), **(modules or {})}
    # LLVM, for Zig's own back end does not know sections, in which the SDK puts things.
    arguments = ["test", "-fllvm", "--color", "off"]
    for name in all_modules:
        arguments += ["--dep", name]
    arguments.append(f"-Mroot={source.name}")
    for name, path in all_modules.items():
        arguments += [*(() if name == "bpf" else ("--dep", "bpf")), f"-M{name}={path.resolve()}"]
    with tempfile.TemporaryDirectory(prefix="pyzbpf-") as directory:
        done = compiler.run(
            [str(zig), *arguments],
            cwd=source.parent,
            environment=compiler.environment(Path(directory) / "cache"),
            timeout_s=compiler.TIMEOUT_S,
        )
    found = results(done.stdout)
    if done.returncode and not found:
        raise BuildError(
            f"{source}: the tests could not be compiled", output=compiler.placed(done.stdout, source)
        )
    return found


def results(output: str) -> dict[str, Result]:
    """The tests that the runner speaks of; one that ended the runner has status "FAIL"."""
    found: dict[str, Result] = {}
    lines: list[str] = []
    name = ""
    for line in output.splitlines():
        match = _RESULT.match(line)
        if match:
            name, rest = match["name"], match["rest"]
            lines = []
            found[name] = Result("FAIL", "")  # unless it says otherwise
            if rest in ("OK", "SKIP"):
                found[name].status = rest
            elif rest:
                lines.append(rest)
        elif _END.match(line):
            name = ""
        elif name and line in ("OK", "SKIP"):  # behind what the test has printed
            found[name].status = line
        elif name:
            lines.append(line)
        if name:
            found[name].output = "\n".join(lines)
    return found
