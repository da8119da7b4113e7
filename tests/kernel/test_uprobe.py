"""Uprobes and uretprobes from a Zig probe: this process' own calls of libc."""

from __future__ import annotations

import ctypes
import os
import shutil
import struct

import pytest

from pyzbpf.elf import executable, library
from pyzbpf.errors import Error, NotFoundError, ObjectError
from pyzbpf.uapi.enums import BPF_MAP_TYPE_RINGBUF
from tests.support import features, zig_probes
from tests.support.targets import ADD, Target, zig_program

LIBC = ctypes.CDLL(None)
PATIENCE = 20
# Two calls that take a 32-bit number each: a process, and what of it.
NAME = "getpriority"


@pytest.fixture
def probe():
    features.needs_to_know_the_machine()
    spec = zig_probes.spec("uprobes")
    spec.variables["with_cookie"].value = not features.is_older("5.15")
    with spec.load() as loaded:
        yield loaded


def cookie(value: int) -> int:
    return 0 if features.is_older("5.15") else value


def libc_file() -> str:
    """The file this process has libc from."""
    with open("/proc/self/maps") as maps:
        for line in maps:
            path = line.split(maxsplit=5)[5:]
            if path and os.path.basename(path[0].strip()).startswith(
                ("libc.so", "libc-", "ld-musl", "libc.musl")
            ):
                return path[0].strip()
    pytest.skip("Python is linked statically here; one that uses a shared libc is wanted")


def test_arguments_and_result(probe):
    path = libc_file()
    options = {"path": path, "symbol": NAME, "pid": os.getpid()}
    entered = probe.programs["entered"].attach(**options, cookie=cookie(7))
    returned = probe.programs["returned"].attach(**options)
    assert entered.target == f"uprobe at '{path}:{NAME}'"
    assert returned.target == f"uretprobe at '{path}:{NAME}'"
    result = LIBC.getpriority(0, os.getpid())
    call, back = probe.maps["calls"].read(2, timeout=PATIENCE)
    assert (call.first & 0xFFFFFFFF, call.second, call.cookie) == (0, os.getpid(), cookie(7))
    assert back.result == result
    entered.close()
    entered.close()
    returned.detach()
    LIBC.getpriority(0, 0)
    assert probe.maps["calls"].read(1, timeout=0) == []


def test_another_program(probe):
    """One without libc, whose symbols are its own; its first argument is 20 of 20 + 22."""
    with Target() as target:
        for name in ("entered", "returned"):
            probe.programs[name].attach(path=target.path(), symbol="target_add")
        assert target.add() == 42
        call, back = probe.maps["calls"].read(2, timeout=PATIENCE)
    first, second, result = ADD
    assert (call.first & 0xFFFFFFFF, call.second, back.result) == (first, second, result)


def test_a_program_in_zig(probe):
    path = zig_program()
    with Target(path) as target:
        for name in ("entered", "returned"):
            probe.programs[name].attach(path=path, symbol="target_add", pid=target.pid)
        assert target.add() == 42
        call, back = probe.maps["calls"].read(2, timeout=PATIENCE)
    assert (call.first & 0xFFFFFFFF, call.second, back.result) == ADD


def test_another_process_is_not_seen(probe):
    probe.programs["entered"].attach(path=libc_file(), symbol=NAME, pid=1)
    LIBC.getpriority(0, 0)
    assert probe.maps["calls"].read(1, timeout=0) == []


def test_every_process_is_seen(probe):
    probe.programs["entered"].attach(path=libc_file(), symbol=NAME)
    LIBC.getpriority(0, 12345)
    assert 12345 in {call.second for call in probe.maps["calls"].read(1000, timeout=PATIENCE)}


def test_by_offset_in_the_file(probe):
    path = libc_file()
    probe.programs["entered"].attach(
        path=path, offset=executable.function_offset(path, NAME), pid=os.getpid()
    )
    LIBC.getpriority(0, 4321)
    (call,) = probe.maps["calls"].read(1, timeout=PATIENCE)
    assert call.second == 4321


def test_where_the_section_says():
    features.needs_to_know_the_machine()
    spec = zig_probes.spec("uprobes")
    spec.programs["returned"].autoload = False
    spec.programs["entered"].target = f"{libc_file()}:{NAME}+0x0"
    with spec.load() as probe:
        (link,) = probe.attach(pid=os.getpid())
        assert link.kind == "uprobe"
        LIBC.getpriority(0, 99)
        (call,) = probe.maps["calls"].read(1, timeout=PATIENCE)
        assert call.second == 99
        # Names given on the spot go before those of the section.
        with pytest.raises(NotFoundError, match="symbol 'nothing_like_it'"):
            probe.programs["entered"].attach(symbol="nothing_like_it")


def test_before_links_of_the_kernel(probe, monkeypatch):
    """Linux 5.10 to 5.14: the program is set on the event."""
    from pyzbpf.errors import SystemCallError
    from pyzbpf.kernel import commands

    def refuse(*_, **__):
        raise SystemCallError(22, "Invalid argument", command="BPF_LINK_CREATE")

    monkeypatch.setattr(commands, "link_create", refuse)
    link = probe.programs["returned"].attach(path=libc_file(), symbol=NAME, pid=os.getpid())
    assert link.fileno() > 0
    result = LIBC.getpriority(0, 0)
    (back,) = probe.maps["calls"].read(1, timeout=PATIENCE)
    assert back.result == result
    link.close()
    LIBC.getpriority(0, 0)
    assert probe.maps["calls"].read(1, timeout=0) == []
    with pytest.raises(Error, match=r"Invalid argument|5\.15"):
        probe.programs["entered"].attach(path=libc_file(), symbol=NAME, cookie=1)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, ObjectError, "does not say which program or library"),
        ({"path": "/bin/sh"}, ObjectError, "does not say which function"),
        ({"path": "/etc/hostname", "symbol": "x"}, Error, "/etc/hostname"),
        (
            {"path": "/nothing/here", "symbol": "x"},
            NotFoundError,
            "/nothing/here: cannot be read: No such file",
        ),
        ({"path": "libnothinglikeit", "symbol": "x"}, NotFoundError, "no program or shared library"),
        ({"path": 5, "symbol": "x"}, TypeError, "PathLike"),
        ({"path": "/bin/sh", "symbol": "x", "pid": -1}, ValueError, "option 'pid'"),
        ({"path": "/bin/sh", "symbol": "x", "cookie": "y"}, TypeError, "option 'cookie' is an int, not 'y'"),
    ],
)
def test_mistakes(probe, options, error, message):
    with pytest.raises(error, match=message):
        probe.programs["entered"].attach(**options)
    assert probe.links == []


def test_wrong_symbols_and_processes(probe):
    path = libc_file()
    attach = probe.programs["entered"].attach
    with pytest.raises(NotFoundError, match=r"symbol 'getprioritty': .*did you mean .*getpriority"):
        attach(path=path, symbol="getprioritty")
    with pytest.raises(NotFoundError, match="no process 2147483647"):
        attach(path=path, symbol=NAME, pid=2**31 - 1)
    with pytest.raises(ObjectError, match=r"a uretprobe takes no offset \(0x4\)"):
        probe.programs["returned"].attach(path=path, symbol=f"{NAME}+4")
    assert probe.links == []


def test_an_offset_beyond_the_end_of_the_file(probe):
    path = libc_file()
    size = os.stat(path).st_size
    attach = probe.programs["entered"].attach
    with pytest.raises(
        ObjectError, match=rf"offset {size:#x}: is beyond the end of the file, which has {size:#x} bytes"
    ):
        attach(path=path, offset=size)
    with pytest.raises(ObjectError, match=rf"symbol '{NAME}', .*is beyond the end of the file"):
        attach(path=path, symbol=NAME, offset=1 << 40)
    assert probe.links == []


def test_libraries_are_found_by_name():
    assert library.find("/any/path") == "/any/path"
    assert os.path.samefile(library.find("sh"), "/bin/sh")
    assert os.path.samefile(library.find("libc.so.6"), libc_file())
    assert library._version("libx.so.10") > library._version("libx.so.9.1")
    assert library.find("c") == library.find("libc") == library.find("libc.so.6")


@pytest.mark.parametrize("kind", ["uprobe", "uprobe.multi"])
def test_a_library_by_name_as_a_process_in_another_root_sees_it(kind, tmp_path):
    """A directory that takes the place of a container's root, as /proc/PID/root does; links in it are absolute."""
    features.needs_to_know_the_machine()
    (tmp_path / "lib").mkdir()
    (tmp_path / "opt").mkdir()
    copy = shutil.copy(Target.path(), tmp_path / "opt" / "real")
    (tmp_path / "lib" / "libtarget.so.1").symlink_to("/opt/real")
    if kind == "uprobe.multi":
        features.since("6.6", kind)
        spec, name, place = zig_probes.spec("links/many"), "user_in", {"symbols": "target_add"}
    else:
        spec, name, place = zig_probes.spec("uprobes"), "entered", {"symbol": "target_add"}
    for other, program in spec.programs.items():
        program.autoload = other == name
    with Target(copy) as target:
        if kind == "uprobe.multi":
            spec.variables["wanted"].value = target.pid
        with spec.load() as probe:
            link = probe.programs[name].attach(path="target", root=tmp_path, **place)
            assert str(tmp_path / "opt" / "real") in link.target
            assert target.add() == 42
            (events,) = (map for map in probe.maps.values() if map.spec.type == BPF_MAP_TYPE_RINGBUF)
            assert len(events.read(1, timeout=PATIENCE)) == 1
            with pytest.raises(NotFoundError, match="no program or shared library 'targett' below"):
                probe.programs[name].attach(path="targett", root=tmp_path, **place)


def test_the_library_cache_is_read_whole_or_not():
    names = b"libx.so.1\0/lib/libx.so.1\0"
    head = struct.pack("=20sII20x", b"glibc-ld.so.cache1.1", 1, len(names))
    entry = struct.pack("=iIIIQ", 0, len(head) + 24, len(head) + 34, 0, 0)
    data = head + entry + names
    assert library.parse_cache(data) == [("libx.so.1", "/lib/libx.so.1")]
    assert library.parse_cache(b"ld.so-1.7.0\0older".ljust(64, b"\0") + data) == [
        ("libx.so.1", "/lib/libx.so.1")
    ]
    for end in range(len(data)):
        library.parse_cache(data[:end])
    assert library.parse_cache(b"nothing") == []
