"""The typed module that the build makes of each probe: what type checkers and the interpreter say of it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.packaging.environments import Environment, clean_environment
from tests.support.require import missing

PROBE = """
const bpf = @import("bpf");

/// Why it was seen.
const Kind = enum(u32) { start = 1, stop, from, name, real, bit_length, to_bytes, _ };
const Inner = extern struct { flag: bool, numbers: [3]u16 };
/// A program that was started.
const Event = extern struct {
    /// Nanoseconds since boot.
    time: u64,
    kind: Kind,
    command: bpf.Text(16),
    inner: [2]Inner,
};
const Key = extern struct {
    pid: u32,
    /// Which port.
    from: u32,
};
/// Members called as types are.
const Shadow = extern struct { bytes: u64, list: [2]u32, Key: Key, address: [6]u8, int: u16, more: [2]Key };

export var events: bpf.RingBuf(Event) linksection(".maps") = .{};
const Opened = extern struct { path: bpf.Text(8) };
const Failed = extern struct { code: i32 };
export var files: bpf.RingBuf(union(enum) { opened: Opened, failed: Failed }) linksection(".maps") = .{};
export var counts: bpf.Hash(Key, u64, 100) linksection(".maps") = .{};
export var cpus: bpf.PerCpuArray(Inner, 4) linksection(".maps") = .{};
/// Only this user.
export var only_uid: u32 linksection(".rodata") = 7;
export var shadows: bpf.Hash(u32, Shadow, 10) linksection(".maps") = .{};
export var seen: Inner = .{ .flag = true, .numbers = .{ 1, 2, 3 } };

export fn started(_: *anyopaque) linksection("tracepoint/sched/sched_process_exec") c_int {
    const event = events.reserve() orelse return 0;
    event.kind = .start;
    seen.numbers[0] +%= @truncate(only_uid);
    _ = counts.lookup(&.{ .pid = 1, .from = 2 });
    events.submit(event);
    files.output(.{ .failed = .{ .code = -2 } }) catch {};
    return 0;
}
"""
PROGRAM = """
from __future__ import annotations

import pyzbpf
from typedtool import started_skel
from typedtool.started_skel import Event, Inner, Key, Kind, Opened


def name(event: Event) -> str:
    kind = event.kind
    return f"{event.time} {event.command} {kind.name if isinstance(kind, Kind) else kind}"


def first(inner: Inner) -> int:
    return inner.numbers[0]


def run(probe: pyzbpf.Object) -> None:
    probe.attach()


def main() -> None:
    with started_skel.open() as spec:
        spec.variables["only_uid"].value = 1000
        spec.maps["counts"].max_entries = 10
        with spec.load(log_level=1, pin_root="/sys/fs/bpf") as probe:
            run(probe)
            probe.maps["counts"][Key(pid=1, from_=2)] = 3
            for key, count in probe.maps["counts"].items():
                print(key.pid + key.from_ + count)
            print([inner.flag for inner in probe.maps["cpus"][0]])
            print(first(probe.variables["seen"].value), probe.programs["started"].name)
            for event in probe.maps["events"].read(timeout=0.1):
                print(name(event), first(event.inner[0]), event.kind == Kind.stop)
            for number, shadow in probe.maps["shadows"].items():
                print(number + shadow.bytes + shadow.list[0], shadow.address.hex(), shadow.more[0].pid + shadow.Key.pid)
            for file in probe.maps["files"].read(timeout=0):
                print(file.path if isinstance(file, Opened) else file.code + 1)
"""
# What the program above gets wrong when one of its words is replaced, and what mypy and pyright both name.
MISTAKES = [
    ("event.command", "event.comand", "comand"),
    ('variables["only_uid"]', 'variables["only_uids"]', "only_uids"),
    ('variables["only_uid"].value = 1000', 'variables["only_uid"].value = "root"', "str"),
    ('probe.maps["events"]', 'probe.maps["event"]', "event"),
    ('probe.programs["started"]', 'probe.programs["start"]', "start"),
    ("Key(pid=1, from_=2)", "Key(pid=1)", "from_"),
    ("Key(pid=1, from_=2)", "Key(pid=1, to=2)", "to"),
    ("[Key(pid=1, from_=2)] = 3", "[(1, 2)] = 3", "Key"),
    ("key.pid + ", "key.tgid + ", "tgid"),
    ("inner.numbers[0]", "inner.numbers[0].value", "value"),
    ("Kind.stop", "Kind.stopped", "stopped"),
    ("load(log_level=1", "load(loglevel=1", "loglevel"),
    ("load(log_level=1", 'load(log_level="all"', "str"),
    ("file.path if", "file.code if", "code"),
    ("shadow.address.hex()", "shadow.address.hexes()", "hexes"),
    ("shadow.more[0].pid", "shadow.more[0].tgid", "tgid"),
    ("else file.code", "else file.path", "path"),
]
RUN_TIME = """
import pickle, sys
from typedtool import started_skel as skel
from typedtool.started_skel import Event, Inner, Key, Kind

spec = skel.open()
assert type(spec) is skel.Spec and skel.Object.__name__ == "Object"
assert type(spec.variables["seen"].value) is Inner, "one class for each type, whoever asks"
assert spec.variables["seen"].value == Inner(flag=True, numbers=[1, 2, 3])
assert type(skel.open().variables["seen"].value) is Inner
assert skel.open(endian="big").variables["seen"].value == Inner(True, [1, 2, 3])
assert Key(pid=1, from_=2) == Key(1, 2) and Key._fields == ("pid", "from_")
assert Kind.start == 1 and str(Kind.stop) == "stop" and isinstance(Kind.from_, Kind)
assert isinstance(Kind.name, Kind) and Kind.real.name == "real" and Kind.to_bytes == 7
assert Event._fields == ("time", "kind", "command", "inner")
assert "elftools" not in sys.modules
try:
    skel.Evnt
except AttributeError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def site(builder: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed package of a project that has the probe above."""
    project = tmp_path_factory.mktemp("typed") / "project"
    (project / "probes").mkdir(parents=True)
    (project / "typedtool").mkdir()
    (project / "typedtool" / "__init__.py").write_text("")
    (project / "typedtool" / "py.typed").write_text("")
    (project / "probes" / "started.zig").write_text(PROBE)
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["pyzbpf[build]"]\nbuild-backend = "pyzbpf.build"\n'
        '[project]\nname = "typedtool"\nversion = "1"\n'
        '[tool.pyzbpf]\nprobes = ["probes/*.zig"]\n'
    )
    wheel = builder.build_wheel(project, project / "out")
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def check(
    tool: str, program: str, site: Path, installed: Path, folder: Path, *files: str
) -> subprocess.CompletedProcess[str]:
    """What a type checker, as strict as it can be, says of a program that uses the installed package."""
    if importlib.util.find_spec(tool) is None:
        extra = "pyright[nodejs]" if tool == "pyright" else tool
        missing(tool, f"{tool} is missing: pip install '{extra}'")
    (folder / "program.py").write_text(program)
    if tool == "mypy":
        user = Environment(folder / "user", site, installed)
        command = ["--strict", "--no-error-summary", f"--python-executable={user.python}"]
    else:
        (folder / "pyrightconfig.json").write_text(
            f'{{"extraPaths": ["{site.as_posix()}", "{installed.as_posix()}"]}}'
        )
        command = ["--pythonpath", sys.executable]
    return subprocess.run(
        [sys.executable, "-m", tool, *command, *(files or ["program.py"])],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("tool", ["mypy", "pyright"])
def test_a_right_program_is_accepted(tool: str, site: Path, installed: Path, tmp_path: Path) -> None:
    done = check(tool, PROGRAM, site, installed, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("tool", ["mypy", "pyright"])
def test_the_stub_itself_is_accepted(tool: str, site: Path, installed: Path, tmp_path: Path) -> None:
    """As it is where `pyzbpf stubs` has written it among the project's files, which checkers look at, too."""
    stub = (site / "typedtool" / "started_skel.pyi").read_text()
    (tmp_path / "other_skel.pyi").write_text(stub)
    done = check(tool, "import other_skel", site, installed, tmp_path, "other_skel.pyi")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("tool", ["mypy", "pyright"])
def test_every_mistake_is_refused(tool: str, site: Path, installed: Path, tmp_path: Path) -> None:
    """Each on its own line of one program, so that a checker starts once."""
    functions = PROGRAM.partition("def name")[2]
    text = PROGRAM
    for number, (old, new, _) in enumerate(MISTAKES):
        assert old in functions, old
        body = f"def name{functions}".replace(old, new)
        for function in ("name", "first", "run", "main"):
            body = body.replace(f"{function}(", f"{function}{number}(")
        text += "\n\n" + body
    done = check(tool, text, site, installed, tmp_path)
    lines = text.splitlines()
    errors = [line for line in done.stdout.splitlines() if "error" in line]
    for _, new, word in MISTAKES:
        wrong = next(number for number, line in enumerate(lines, 1) if new in line)
        assert any(f":{wrong}:" in error for error in errors), f"line {wrong} with {word}: {done.stdout}"
    assert done.returncode == 1


def test_the_classes_at_run_time(site: Path, installed: Path, tmp_path: Path) -> None:
    environment = Environment(tmp_path / "user", site, installed)
    done = environment.run("-c", RUN_TIME)
    assert done.stdout == "probe 'typedtool:started' has no type 'Evnt'\n"


def test_the_stub_names_what_there_is(site: Path, installed: Path, tmp_path: Path) -> None:
    """Every class of the stub is there at run time, with the same fields: they cannot drift apart."""
    import ast

    stub = ast.parse((site / "typedtool" / "started_skel.pyi").read_text())
    told = {
        node.name: [item.target.id for item in node.body if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)]
        for node in stub.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and node.name not in ("Spec", "Object")
    }  # fmt: skip
    assert set(told) == {"Key", "Inner", "Event", "Kind", "Opened", "Failed", "Shadow"}
    code = (
        "import sys, typedtool.started_skel as skel\n"
        f"for name, fields in {told!r}.items():\n"
        "    found = getattr(skel, name)\n"
        "    assert list(getattr(found, '_fields', fields)) == fields, name\n"
        "    assert all(hasattr(found, field) for field in fields), name\n"
    )
    Environment(tmp_path / "user", site, installed).run("-c", code)


def test_doc_comments_reach_the_stub(site: Path, installed: Path, tmp_path: Path) -> None:
    """And the classes at run time, for help()."""
    text = (site / "typedtool" / "started_skel.pyi").read_text()
    assert 'class Event(Record):\n    """A program that was started."""\n' in text
    assert '    time: int\n    """Nanoseconds since boot."""\n' in text
    assert 'class Kind(EnumValue):\n    """Why it was seen."""\n' in text
    assert '    from_: int\n    """Which port."""\n' in text
    assert "Only this user." in text
    environment = Environment(tmp_path / "user", site, installed)
    done = environment.run(
        "-c",
        "from typedtool.started_skel import Event, Inner, Kind\n"
        "print([Event.__doc__, Kind.__doc__, Inner.__doc__])\n",
    )
    docs = ["A program that was started.\n\ntime: Nanoseconds since boot.", "Why it was seen.", None]
    assert done.stdout == f"{docs}\n"
