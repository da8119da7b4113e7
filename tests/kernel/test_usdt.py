"""Statically defined probes (USDT) from a Zig probe: of a small C program, and of an interpreter."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pyzbpf.build import compiler
from pyzbpf.elf import usdt, usdt_arguments
from pyzbpf.errors import Error, LayoutWarning, NotFoundError, ObjectError, UnsupportedError
from pyzbpf.kernel import kconfig
from pyzbpf.links import usdt as links
from pyzbpf.uapi import since
from tests.support import features, libbpf, zig_probes
from tests.support.targets import COUNTED, DONE, Target, zig_program
from tests.support.zig_probes import need_compiler

PATIENCE = 20
PYTHON = "/usr/bin/python3"  # Debian's is built --with-dtrace


@pytest.fixture
def probe():
    features.needs_to_know_the_machine()
    with few().load() as loaded:
        yield loaded


def few():
    """With room for eight places of different arguments."""
    spec = zig_probes.spec("links/usdt")
    spec.maps["__bpf_usdt_specs"].max_entries = 8
    return spec


def arguments(event) -> tuple[int, ...]:
    return tuple(event.arguments[: event.count])


def test_arguments_and_cookie(probe):
    with Target() as target:
        link = probe.programs["passed"].attach(
            path=target.path(), provider="target", name="done", cookie=2**63
        )
        assert link.kind == "usdt"
        assert link.target == f"usdt '{target.path()}:target:done'"
        target.done()
        target.done()
        first, second = probe.maps["seen"].read(2, timeout=PATIENCE)
        assert arguments(first) == arguments(second) == DONE
        assert (first.pid, first.cookie) == (target.pid, 2**63)
        link.detach()
        target.done()
        assert probe.maps["seen"].read(1, timeout=0) == []


def test_a_program_that_may_sleep():
    features.since(since.SLEEPABLE_UPROBES, "usdt.s")
    features.needs_to_know_the_machine()
    spec = few()
    spec.programs["passed"].autoload, spec.programs["may_sleep"].autoload = False, True
    with Target() as target, spec.load() as probe:
        link = probe.programs["may_sleep"].attach(path=target.path(), name="done", pid=target.pid)
        target.done()
        (event,) = probe.maps["seen"].read(1, timeout=PATIENCE)
        assert arguments(event) == DONE
        link.detach()
        target.done()
        assert probe.maps["seen"].read(1, timeout=0) == []


def test_the_semaphore_is_raised_while_attached(probe):
    with Target() as target:
        target.counted()
        assert not target.semaphore()
        with probe.programs["passed"].attach(path=target.path(), name="counted"):
            assert target.semaphore()
            target.counted()
            (event,) = probe.maps["seen"].read(1, timeout=PATIENCE)
            assert arguments(event) == COUNTED
        assert not target.semaphore()


SEMAPHORE = r"""
unsigned short semaphore __attribute__((section(".probes"), used));
int main(void)
{
	__asm__ volatile("990: nop\n"
		".pushsection .note.stapsdt,\"\",\"note\"\n.balign 4\n.4byte 992f-991f, 994f-993f, 3\n"
		"991: .asciz \"stapsdt\"\n992: .balign 4\n993: .8byte 990b, 0, semaphore\n"
		".asciz \"shared\"\n.asciz \"page\"\n.asciz \"\"\n994: .balign 4\n.popsection\n");
	return *(volatile unsigned short *)&semaphore;
}
"""


def test_a_semaphore_that_shares_its_page_is_warned_of(probe, tmp_path):
    """With another writable part of the file; without one it is raised in what starts later."""
    need_compiler()
    source = tmp_path / "shared.c"
    source.write_text(SEMAPHORE)

    def attached(*options: str):
        path = tmp_path / "shared"
        subprocess.run([compiler.find_zig(), "cc", "-O1", *options, source, "-o", path], check=True)
        return path, probe.programs["passed"].attach(path=path, provider="shared", name="page")

    path, link = attached("-Wl,-z,norelro")
    with link:
        assert subprocess.run([path], check=False).returncode == 1
    with pytest.warns(LayoutWarning, match=r"may not see it raised.* -Wl,-z,norelro") as caught:
        attached()[1].detach()
    assert caught[0].filename == __file__


def test_a_program_in_zig(probe):
    """Its note was written by inline assembly, without <sys/sdt.h>."""
    path = zig_program()
    with Target(path) as target:
        probe.programs["passed"].attach(path=path, provider="target_zig", name="done", cookie=4)
        target.done()
        (event,) = probe.maps["seen"].read(1, timeout=PATIENCE)
        assert (arguments(event), event.cookie) == (DONE, 4)


def test_one_process_of_two(probe):
    with Target() as watched, Target() as other:
        probe.programs["passed"].attach(path=watched.path(), name="done", pid=watched.pid)
        other.done()
        watched.done()
        events = probe.maps["seen"].read(2, timeout=1)
        assert [event.pid for event in events] == [watched.pid]


def test_two_probes_by_cookie_and_numbers_used_again(probe):
    attach = probe.programs["passed"].attach
    with Target() as target:
        for _ in range(20):  # more than there are records
            with (
                attach(path=target.path(), name="done", cookie=1),
                attach(path=target.path(), name="counted", cookie=2),
            ):
                pass
        attach(path=target.path(), name="done", cookie=1)
        attach(path=target.path(), name="counted", cookie=2)
        target.done()
        target.counted()
        events = probe.maps["seen"].read(2, timeout=PATIENCE)
        assert [(event.cookie, arguments(event)) for event in events] == [(1, DONE), (2, COUNTED)]


def test_no_record_is_left(probe):
    if not kconfig.computed("LINUX_HAS_BPF_COOKIE"):
        pytest.skip("without cookies (before Linux 5.15) a place is attached once; needs Linux 5.15")
    with Target() as target:
        links = [probe.programs["passed"].attach(path=target.path(), name="done") for _ in range(8)]
        with pytest.raises(Error, match=r"8 different places.*max_entries = 16"):
            probe.programs["passed"].attach(path=target.path(), name="done")
        links[3].close()
        probe.programs["passed"].attach(path=target.path(), name="done")


def test_where_the_section_says():
    features.needs_to_know_the_machine()
    spec = zig_probes.spec("links/usdt")
    with Target() as target:
        spec.programs["passed"].target = f"{target.path()}:target:done"
        with spec.load() as probe:
            (link,) = probe.attach()
            target.done()
            (event,) = probe.maps["seen"].read(1, timeout=PATIENCE)
            assert arguments(event) == DONE
            assert link.target.endswith(":target:done'")


def test_as_a_process_in_another_root_sees_it(probe, tmp_path):
    """The target below a directory that takes the place of a container's root, by an absolute symbolic link."""
    (tmp_path / "opt").mkdir()
    copy = shutil.copy(Target.path(), tmp_path / "opt" / "real")
    (tmp_path / "opt" / "link").symlink_to("/opt/real")
    with Target(copy) as target:
        probe.programs["passed"].attach(path="/opt/link", root=tmp_path, name="done")
        target.done()
        (event,) = probe.maps["seen"].read(1, timeout=PATIENCE)
        assert arguments(event) == DONE


def interpreter() -> str:
    if not os.path.exists(PYTHON) or not usdt.read(PYTHON).probes:
        pytest.skip(f"needs an interpreter with USDT probes at {PYTHON}, as Debian's is")
    return PYTHON


def test_an_interpreter(probe):
    """Python says which generation it collects, in memory at its stack pointer."""
    path = interpreter()
    if not kconfig.computed("LINUX_HAS_BPF_COOKIE"):
        pytest.skip("a file that is mapped anywhere needs cookies (Linux 5.15), or pid=")
    probe.programs["passed"].attach(path=path, provider="python", name="gc__start", cookie=3)
    work = "import gc; gc.disable(); gc.collect(0); gc.collect(1); gc.collect(2); gc.collect(1)"
    with subprocess.Popen([path, "-S", "-c", work]) as child:
        pass
    assert child.returncode == 0
    events = [event for event in probe.maps["seen"].read(10000, timeout=2) if event.pid == child.pid]
    generations = [event.arguments[0] for event in events]
    assert "0, 1, 2, 1" in ", ".join(map(str, generations))
    assert {event.cookie for event in events} == {3}


def test_libbpf_stores_the_same_records(probe):
    """Of every probe of the interpreter and of the target."""
    files = [(str(Target.path()), "done"), (str(Target.path()), "counted")]
    if os.path.exists(PYTHON):
        files += [(PYTHON, name) for name in {found.name for found in usdt.read(PYTHON).probes}]
    if not kconfig.computed("LINUX_HAS_BPF_COOKIE"):
        pytest.skip("libbpf attaches to a file that is mapped anywhere by cookies only (Linux 5.15)")
    for file, name in files:
        executable = usdt.read(file)
        places = usdt.find(executable, file, "", name)
        theirs = libbpf.usdt_records(zig_probes.path("links/usdt"), file, places[0].provider, name, cookie=77)
        ours = {
            usdt_arguments.pack(
                place.arguments, executable.machine, endian=sys.byteorder, cookie=77, file=file, probe=name
            )
            for place in places
        }
        assert set(theirs) == ours, (file, name)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, ObjectError, "does not say which program or library"),
        ({"path": "/bin/sh"}, ObjectError, "does not say which probe"),
        ({"path": "/bin/sh", "name": "x"}, NotFoundError, r"has no USDT probes \(no section .note.stapsdt\)"),
        ({"path": "/nothing/here", "name": "x"}, NotFoundError, "cannot be read: No such file"),
        ({"path": "/etc/hostname", "name": "x"}, Error, "/etc/hostname"),
        ({"path": "libnothinglikeit", "name": "x"}, NotFoundError, "no program or shared library"),
        ({"path": "libnothinglikeit", "root": "/nowhere", "name": "x"}, NotFoundError, "below '/nowhere'"),
        ({"path": "/bin/sh", "name": 5}, TypeError, "option 'name' is a str"),
        ({"path": "/bin/sh", "name": "x", "pid": "1"}, TypeError, "option 'pid' is an int"),
    ],
)
def test_mistakes(probe, options, error, message):
    with pytest.raises(error, match=message):
        probe.programs["passed"].attach(**options)
    assert probe.links == []


def test_wrong_names(probe):
    path = str(Target.path())
    attach = probe.programs["passed"].attach
    with pytest.raises(NotFoundError, match="symbol 'dun': no such USDT probe; did you mean target:"):
        attach(path=path, name="dun")
    with pytest.raises(NotFoundError, match=r"symbol 'target:count': .*did you mean target:counted"):
        attach(path=path, provider="target", name="count")
    with pytest.raises(NotFoundError, match="no process 2147483647"):
        attach(path=path, name="done", pid=2**31 - 1)
    assert probe.links == []


def test_all_places_are_one_link(probe):
    features.since(since.UPROBE_MULTI_PROCESS, "USDT by one link")
    with Target() as target:
        link = probe.programs["passed"].attach(path=target.path(), name="done", cookie=5)
        assert link.info["kind"] == "uprobe_multi"
        target.done()
        (event,) = probe.maps["seen"].read(1, timeout=PATIENCE)
        assert (arguments(event), event.cookie) == (DONE, 5)


def test_a_program_that_was_loaded_for_places_one_by_one(monkeypatch):
    """As by an older kernel, or another loader: perf events take it, and they alone."""
    features.needs_to_know_the_machine()
    with monkeypatch.context() as older:
        older.setattr(links, "loaded_as", lambda: 0)
        probe = few().load()
    with probe, Target() as target:
        with probe.programs["passed"].attach(path=target.path(), name="counted", cookie=6):
            assert target.semaphore()
            target.counted()
            (event,) = probe.maps["seen"].read(1, timeout=PATIENCE)
            assert (arguments(event), event.cookie) == (COUNTED, 6)
        assert not target.semaphore()


def test_a_failure_in_the_middle_leaves_nothing(monkeypatch):
    """The second of several places fails: the first is detached again, and its record is free."""
    from pyzbpf.kernel import perf_event

    real, calls = perf_event.probe, []

    def fail(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 2:
            raise UnsupportedError("the second")
        return real(*arguments, **options)

    features.needs_to_know_the_machine()
    places = usdt.find(usdt.read(str(Target.path())), "f", "", "done")
    monkeypatch.setattr(links, "loaded_as", lambda: 0)
    monkeypatch.setattr(usdt, "find", lambda *_: [*places, *places])
    monkeypatch.setattr(perf_event, "probe", fail)
    with few().load() as probe:
        with pytest.raises(UnsupportedError):
            probe.programs["passed"].attach(path=Target.path(), name="done")
        assert links._used == {}
        assert probe.links == []


def test_an_object_without_the_maps():
    features.needs_to_know_the_machine()
    with zig_probes.spec("uprobes").load() as probe:
        with pytest.raises(ObjectError, match=r"no map __bpf_usdt_specs.*(.|\n)*usdt.bpf.h"):
            probe.programs["entered"].attach(kind="usdt", path=Target.path(), name="done")
        assert probe.links == []


def test_notes_of_damaged_files(tmp_path: Path):
    data = Path(Target.path()).read_bytes()
    for size in (5, 64, 1000, len(data) - 40):
        cut = tmp_path / "cut"
        cut.write_bytes(data[:size])
        with pytest.raises(ObjectError, match="damaged or cut-off ELF file"):
            usdt.read(str(cut))
