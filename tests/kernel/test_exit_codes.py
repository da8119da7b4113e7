"""How each command ends, and what it says where: data on stdout, the reason on stderr."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pyzbpf.cli import demo, types
from pyzbpf.cli.main import COMMANDS, main
from tests.support import features, zig_probes
from tests.support.require import missing

ROOT = Path(__file__).resolve().parents[2]
NO_SUCH = "/nothing/here"
OF_TYPES = 0 if features.has_types() else 4

# Arguments ({command} and {rejected} are objects, {folder} an empty folder), exit code, how the reason begins.
TABLE = [
    (["demo", "exec", "--count", "1"], 0, ""),
    (["demo", "other"], 2, "argument NAME: there is no 'other'"),
    (["run", "{command}", "--duration", "0.05"], 0, ""),
    (["run", NO_SUCH], 1, f"{NO_SUCH}: cannot be read"),
    (["run", "{command}", "--set", "x=1"], 2, "--set x: "),
    (["run", "{rejected}"], 5, "program 'prog': the verifier says: "),
    (["verify", "{command}"], 0, ""),
    (["verify", NO_SUCH], 1, f"{NO_SUCH}: cannot be read"),
    (["verify", "{command}", "--compare", NO_SUCH], 2, f"--compare: {NO_SUCH} cannot be read"),
    (["verify", "{rejected}"], 5, "program 'prog': the verifier says: "),
    (["verify", "{rejected}", "-o", "json"], 5, ""),
    (["export", "{command}", "--listen", "9435"], 2, "argument --listen: '9435' is not HOST:PORT"),
    (["inspect", "{command}", "--json"], 0, ""),
    (["inspect", NO_SUCH], 1, f"{NO_SUCH}: cannot be read"),
    (["inspect"], 2, "the following arguments are required: TARGET"),
    (["list", "--json"], 0, ""),
    (["list", "--loaded", "--json"], 0, ""),
    (["list", "--kind", "map"], 2, "--kind goes with --loaded"),
    (["doctor", "--json"], 0, ""),
    (["doctor", "all"], 2, "'all' is one argument too many"),
    (["types", "task_struct:pid"], OF_TYPES, ""),
    (["types", "task_struct", "--btf", NO_SUCH], 1, f"{NO_SUCH}: cannot be read"),
    (["types"], 2, "the following arguments are required: TYPE"),
    (["build", NO_SUCH + ".zig"], 1, f"{NO_SUCH}.zig: there is no such file"),
    (["build", NO_SUCH + ".zig", "--cpu", "v9"], 2, "argument --cpu: there is no 'v9'"),
    (["new", "tool", "--directory", "{folder}"], 0, ""),
    (["new", "class", "--directory", "{folder}"], 2, "'class' cannot be a project's name"),
    (["dev", "--project", "{folder}", "--count", "0"], 2, "argument --count: '0' is not"),
    (["stubs", "{folder}"], 1, "{folder}/pyproject.toml: there is no such file"),
    (["stubs", "--all"], 2, "there is no option --all"),
    (["profile", "--pid", "999999999"], 1, "there is no process 999999999"),
    (["profile", "-o", "x.png"], 2, "--output: x.png ends with none of "),
]


def call(arguments: list[str]) -> int:
    try:
        return main(arguments)
    except SystemExit as ended:  # argparse does not return
        return int(ended.code or 0)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{' '.join(row[0])} is {row[1]}")
def test_the_contract(
    row: tuple[list[str], int, str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments, code, reason = row
    monkeypatch.setattr(demo, "open_spec", lambda _: zig_probes.spec("exec"))
    words = {"folder": tmp_path}
    for probe in ("command", "rejected"):
        if any(f"{{{probe}}}" in argument for argument in arguments):
            words[probe] = zig_probes.path(probe)
    assert call([argument.format(**words) for argument in arguments]) == code
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    if reason:
        assert f"pyzbpf: error: {reason.format(**words)}" in err
    if code:
        assert not out or arguments[:2] == ["verify", "{rejected}"]
    if "json" in arguments or "--json" in arguments:
        text = out if arguments[0] in ("inspect", "doctor") else f"[{','.join(out.splitlines())}]"
        assert json.loads(text) or arguments[0] == "list"


def test_every_command_has_a_row() -> None:
    assert {row[0][0] for row in TABLE} == set(COMMANDS)


def test_a_kernel_without_types_is_4(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(types, "_VMLINUX", NO_SUCH)
    assert main(["types", "task_struct"]) == 4
    assert "CONFIG_DEBUG_INFO_BTF" in capsys.readouterr().err


# The probes of the wheel stand elsewhere here.
UNPRIVILEGED = """
import sys
from pyzbpf.cli import demo, main, profile
from pyzbpf.spec.open import open as open_spec
probe = sys.argv.pop(1)
demo.open_spec = profile.open_spec = lambda _: open_spec(probe)
sys.exit(main.main())
"""


@pytest.mark.parametrize(
    ("arguments", "probe", "code", "lacks"),
    [
        (["run", "{}"], "command", 3, "CAP_BPF and CAP_PERFMON"),
        (["verify", "{}"], "command", 3, "CAP_BPF and CAP_PERFMON"),
        (["verify", "{}", "-o", "json"], "tracepoints", 3, ""),
        (["demo"], "loopback", 3, "CAP_BPF"),
        (["profile", "-d", "1"], "profile", 3, "CAP_BPF and CAP_PERFMON"),
        (["list", "--loaded"], "command", 3, "CAP_SYS_ADMIN"),
        (["list"], "command", 0, ""),
        (["inspect", "{}"], "command", 0, ""),
        (["doctor", "--json"], "command", 0, ""),
        (["types", "task_struct:pid"], "command", OF_TYPES, ""),
        (["--help"], "command", 0, ""),
    ],
)  # fmt: skip
def test_without_privilege(arguments: list[str], probe: str, code: int, lacks: str) -> None:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        missing("setpriv", "needs setpriv of util-linux, to run a process without capabilities")
    path = str(zig_probes.path(probe))
    done = subprocess.run(
        [setpriv, "--bounding-set=-all", "--inh-caps=-all", sys.executable, "-c", UNPRIVILEGED, path,
         *(argument.format(path) for argument in arguments)],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    if lacks:
        assert done.stderr.count("not permitted") == 1
        assert f"This process lacks {lacks}: " in done.stderr
        assert not done.stdout or arguments[0] == "verify"
    elif code == 3:
        refused = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(refused) > 1 and not done.stderr
        assert all("CAP_PERFMON" in record["error"] and not record["accepted"] for record in refused)
