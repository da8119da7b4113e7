"""The table of kernels, the page that shows it, and what a run of it ends with."""

from __future__ import annotations

import os
import re
import stat
import sys
import threading
from pathlib import Path

import pytest

from tests.support import c_probes
from tests.vm import __main__ as command
from tests.vm import (
    cpio,
    doctor,
    guests,
    kinds,
    matrix,
    options,
    packages,
    qemu,
    report,
    results,
    suite,
    userland,
)


def test_the_page_has_the_matrix() -> None:
    page = report.PAGE.read_text()
    assert report.replaced(page, "matrix", matrix.table()) == page, "python -m tests.vm --all --write-docs"


def test_the_page_names_every_package_of_qemu() -> None:
    page = report.PAGE.read_text()
    assert all(machine.package in page for machine in qemu.MACHINES.values())


def test_the_results_on_the_page_are_of_the_matrix() -> None:
    found = re.search(r"<!-- results -->\n(\| \|.*)\n", report.PAGE.read_text())
    assert found is not None
    names = re.findall(r"\| ([\w.-]+)<br>", found[1])
    assert names and set(names) <= {row.name for row in matrix.MATRIX}
    missing = {row.name for row in matrix.MATRIX if not row.optional} - set(names)
    assert not missing, f"no results for {missing}: python -m tests.vm --all --write-docs"


def test_no_kernel_test_is_expected_to_fail() -> None:
    marked = [path.name for path in (suite.ROOT / "tests/kernel").glob("*.py") if "xfail" in path.read_text()]
    assert marked == [], "docs/kernels.md says that there are none"


def test_the_page_shows_the_results_that_are_kept() -> None:
    page = report.PAGE.read_text()
    assert report.page(page) == page, "python -m tests.vm --all --write-docs"
    assert {path.stem for path in report.FOLDER.glob("*")} <= {row.name for row in matrix.MATRIX}


def test_one_kernels_results_leave_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "PAGE", tmp_path / "kernels.md")
    monkeypatch.setattr(report, "FOLDER", tmp_path / "kernels")
    monkeypatch.setattr(matrix, "MATRIX", [row("one"), row("two")])
    report.PAGE.write_text(
        "<!-- matrix -->\n\n<!-- end of matrix -->\n<!-- results -->\n\n<!-- end of results -->\n"
    )
    report.keep([results.Run("two", "6.12.1", outcomes=[GOOD]), results.Run("one", not_run="gone")], "abc1")
    report.keep([results.Run("one", "6.1.5", outcomes=[BAD])], "abc2")
    page = report.PAGE.read_text()
    assert "| | one<br>6.1.5<br>abc2 | two<br>6.12.1<br>abc1 |" in page
    assert "| a | **1 failed** | 1 |" in page
    assert "was not run" not in page


@pytest.mark.parametrize(
    ("option", "pages"),
    [
        ("--write-docs", ["kernels", "doctor", "kinds"]),
        ("--doctor", ["doctor"]),
        ("--kinds", ["kinds"]),
        ("--jobs=1", []),
    ],
)
def test_each_kernel_is_kept_when_it_has_ended(
    monkeypatch: pytest.MonkeyPatch, option: str, pages: list[str]
) -> None:
    told: list[str] = []
    monkeypatch.setattr(report, "keep", lambda *_: told.append("kernels"))
    monkeypatch.setattr(doctor, "write", lambda *_: told.append("doctor"))
    monkeypatch.setattr(kinds, "write", lambda *_: told.append("kinds"))
    run = results.Run("one", "6.1.5", outcomes=[GOOD])
    guests.keep(run, options.parse([option]), "abc1")
    assert told == pages


@pytest.mark.parametrize("ended", [False, True])
def test_a_guest_that_was_ended_is_not_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ended: bool
) -> None:
    told: list[results.Run] = []
    monkeypatch.setattr(guests, "keep", lambda run, *_: told.append(run))
    stop, run = threading.Event(), results.Run("one", problem="ended")
    monkeypatch.setattr(guests.Guest, "_run", lambda *_: (stop.set() if ended else None) or run)
    guests.Guest(matrix.MATRIX[0], options.parse([]), stop, "abc1").run(tmp_path)
    assert told == ([] if ended else [run])


def test_names_of_kernels() -> None:
    names = [row.name for row in matrix.MATRIX]
    assert len(set(names)) == len(names)
    assert {row.architecture for row in matrix.MATRIX} == set(qemu.MACHINES)
    assert [row.name for row in matrix.chosen([], everything=False)] == [
        "amd64-6.1",
        "amd64-6.12",
        "amd64-newest",
        "s390x-6.12",
    ]
    assert [row.name for row in matrix.chosen(["arm64", "arm64-6.1"], everything=False)] == [
        "arm64-6.1",
        "arm64-newest",
    ]
    assert matrix.chosen([], everything=True) == list(matrix.MATRIX)
    with pytest.raises(KeyError):
        matrix.chosen(["amd64-6"], everything=False)


def row(name: str, *, optional: bool = False) -> matrix.Row:
    return matrix.Row(name, "amd64", ("6.1",), ci=False, why="", optional=optional)


GOOD = results.Outcome("tests/kernel/test_a.py::one", "passed", "", 0.1)
BAD = results.Outcome("tests/kernel/test_a.py::one", "failed", "E", 0.1)
END = {
    "passed": (results.Run("one", outcomes=[GOOD]), 0),
    "failed": (results.Run("one", outcomes=[BAD]), 1),
    "crashed": (results.Run("one", outcomes=[GOOD], problem="the guest ended"), 1),
    "not run": (results.Run("one", not_run="the archive has it not"), 1),
}


@pytest.mark.parametrize("name", END)
def test_exit_status(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run, status = END[name]
    monkeypatch.setattr(command, "run", lambda *_: [run])
    monkeypatch.setattr(qemu, "missing", lambda _: [])
    monkeypatch.setattr(matrix, "MATRIX", [row("one")])
    assert command.main(["one"]) == status
    assert re.search(
        r"\d+ passed, \d+ failed, \d+ skipped on \d kernels", capsys.readouterr().out.splitlines()[-1]
    )
    monkeypatch.setattr(matrix, "MATRIX", [row("one", optional=True)])
    assert command.main(["one"]) == (0 if run.not_run else status)


def test_what_to_install_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert command.main(["s390x", "arm64"]) == 2
    assert "apt-get install qemu-system-arm qemu-system-misc" in capsys.readouterr().err
    assert command.main(["ppc64"]) == 2
    assert "there is no kernel 'ppc64' in the matrix: amd64-5.10" in capsys.readouterr().err


def test_arguments_of_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[list[str]] = []
    monkeypatch.setattr(command, "run", lambda _rows, _options, arguments: given.append(arguments) or [])
    monkeypatch.setattr(qemu, "missing", lambda _: [])
    for own in (
        ["amd64"],
        ["amd64", "--", "-x"],
        ["--", "tests/kernel/test_maps.py", "-k", "array"],
        ["--", "-k", "docs"],
        ["--", "tests/kernel/test_maps.py::test_x"],
    ):
        command.main(own)
    assert given == [
        ["tests/kernel"],
        ["tests/kernel", "-x"],
        ["tests/kernel/test_maps.py", "-k", "array"],
        ["tests/kernel", "-k", "docs"],
        ["tests/kernel/test_maps.py::test_x"],
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--jobs", "0"], "'0' is not a whole number from 1 up"),
        (["--timeout", "-1"], "'-1' is not a number of seconds above 0"),
        (["--all", "amd64"], "names of kernels, --all and --kernel exclude each other"),
        (["amd64", "--kernel", __file__], "exclude each other"),
        (["--kernel", "/nothing"], "--kernel: '/nothing' is no file that can be read"),
        (
            ["--junit", "/nothing/junit.xml"],
            "--junit: '/nothing/junit.xml' is no file in a folder that exists",
        ),
        (["--junit", "/tmp"], "--junit: '/tmp' is no file"),
        (["--console", __file__], "is no folder"),
        (["--write-docs", "--", "-x"], "--write-docs is for all of tests/kernel"),
        (["--write-docs", "--kernel", __file__], "the documentation is about the kernels of --list"),
        (["--doctor", "--kernel", __file__], "the documentation is about the kernels of --list"),
    ],
)
def test_what_cannot_work_is_noticed_before_anything_is_built(
    arguments: list[str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(command, "run", lambda *_: pytest.fail("it was begun"))
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_kvm_is_tried_once_for_each_version_of_qemu(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYZBPF_VM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(qemu.MACHINES, "fake", qemu.MACHINES["fake"]._replace(native=os.uname().machine))
    monkeypatch.setattr(os, "access", lambda *_: True)

    def ask(version: str, said: str) -> str:
        machine.write_text(
            f"#!/bin/sh\n[ $1 = --version ] && echo 'QEMU {version}' || echo \"{said}\" | tee -a {tmp_path}/trials\n"
        )
        machine.chmod(0o755)
        return qemu.accelerator("fake", tmp_path / "vmlinuz", [])

    assert ask("7.2 (a)", "init: the trial has worked") == "kvm"
    assert ask("7.2 (a)", "no more") == "kvm"
    assert ask("9.0 (b)", "no more") == "tcg"
    assert (tmp_path / "trials").read_text().count("\n") == 2


def test_a_kernel_that_is_not_to_be_had(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = []

    def resolve(architecture: str, series: str) -> packages.Kernel:
        asked.append((architecture, series))
        raise packages.Unavailable(f"no {series}")

    monkeypatch.setattr(packages, "resolve", resolve)
    two = matrix.Row("one", "amd64", ("6.6", "6.7"), ci=False, why="")
    run = guests.Guest(two, options.parse([]), threading.Event(), "abc1").run(tmp_path)
    assert asked == [("amd64", "6.6"), ("amd64", "6.7")]
    assert (run.not_run, run.failed) == ("no 6.7; none of 6.6 either", 0)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose QEMU is a script of the test's."""
    program = tmp_path / "qemu"
    fake = qemu.Machine(str(program), "qemu", "none", (), "ttyS0")
    monkeypatch.setitem(qemu.MACHINES, "fake", fake)
    return program


def boot(
    machine: Path, script: str, tmp_path: Path, *, timeout: float = 60, silence: float = 60
) -> qemu.Boot:
    machine.write_text(f"#!{sys.executable}\nimport sys, time\n{script}\n")
    machine.chmod(machine.stat().st_mode | stat.S_IXUSR)
    parts = [tmp_path / "first", tmp_path / "second"]
    for part in parts:
        part.write_bytes(part.name.encode())
    return qemu.boot(
        "fake", tmp_path / "vmlinuz", parts, timeout=timeout, silence=silence, log=tmp_path / "log"
    )


def test_a_boot_to_the_end(machine: Path, tmp_path: Path) -> None:
    script = "print(open(sys.argv[sys.argv.index('-initrd') + 1]).read(), sys.argv[-1])"
    done = boot(machine, script, tmp_path)
    assert done.ended == "" and done.console.startswith(b"firstsecond console=ttyS0 rdinit=/init")
    assert (tmp_path / "log").read_bytes() == done.console


def test_guests_that_hang(machine: Path, tmp_path: Path) -> None:
    done = boot(machine, "print('up', flush=True)\ntime.sleep(600)", tmp_path, silence=1)
    assert (done.console, done.ended) == (b"up\n", "the guest has said nothing for 1 s")
    done = boot(machine, "while True: print('up', flush=True); time.sleep(0.05)", tmp_path, timeout=2)
    assert done.ended == "the guest has run for 2 s"
    assert results.read("x", done.console, ended=done.ended).failed == 1


def test_a_guest_ends_with_the_command(machine: Path, tmp_path: Path) -> None:
    machine.write_text(f"#!{sys.executable}\nimport time\nprint('up', flush=True)\ntime.sleep(600)\n")
    machine.chmod(0o755)
    stop = threading.Event()
    timer = threading.Timer(0.5, stop.set)
    timer.start()
    done = qemu.boot("fake", tmp_path / "vmlinuz", [], timeout=60, silence=60, stop=stop)
    timer.join()
    assert done.ended == "the guest was stopped"


def test_qemu_that_fails(machine: Path, tmp_path: Path) -> None:
    done = boot(machine, "sys.exit('no such processor')", tmp_path)
    assert done.ended == "QEMU ended with status 1" and b"no such processor" in done.console


def test_archives_of_folders(tmp_path: Path) -> None:
    folder = tmp_path / "root"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "file").write_bytes(b"12345")
    (folder / "a" / "file").chmod(0o755)
    (folder / "link").symlink_to("a/file")
    cpio.pack(folder, tmp_path / "archive")
    data = (tmp_path / "archive").read_bytes()
    assert len(data) % 512 == 0
    found, at = {}, 0
    while True:
        assert data[at : at + 6] == cpio.MAGIC
        fields = [int(data[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        mode, size, name_size = fields[1], fields[6], fields[11]
        name = data[at + 110 : at + 110 + name_size - 1].decode()
        start = (at + 110 + name_size + 3) & ~3
        if name == "TRAILER!!!":
            break
        found[name] = (oct(mode), data[start : start + size])
        at = (start + size + 3) & ~3
    assert found == {
        "a": (oct((folder / "a").stat().st_mode), b""),
        "a/file": ("0o100755", b"12345"),
        "link": ("0o120777", b"a/file"),
    }


def test_modules_come_after_what_they_need(tmp_path: Path) -> None:
    for name, needs in (("veth", ""), ("cls_bpf", "act-api,sch"), ("act_api", ""), ("sch", "act_api")):
        (tmp_path / f"{name}.ko").write_bytes(b"\x7fELF\0license=GPL\0depends=%s\0" % needs.encode())
    order = list(userland.in_order(tmp_path, ("cls_bpf", "veth", "built_in")))
    assert order == ["act_api", "sch", "cls_bpf", "veth"]


def test_the_guests_python_is_the_one_that_is_unpacked() -> None:
    assert f"python{userland.PYTHON}-minimal" in userland.PACKAGES
    assert userland.same_python() == (f"{sys.version_info[0]}.{sys.version_info[1]}" == userland.PYTHON)


def test_what_is_carried_into_a_guest_exists() -> None:
    assert all((suite.ROOT / name).is_dir() for name in (*suite.CARRIED, *suite.SOURCES))


def test_what_is_compiled_for_guests_is_compiled_anew_when_it_changes() -> None:
    assert all(str(folder.relative_to(suite.ROOT)).startswith(suite.SOURCES) for folder in c_probes.FOLDERS)
