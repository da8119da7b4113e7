from __future__ import annotations

import os
import sys
import warnings

import pytest

from pyzbpf.kernel import commands, cpus, fd, perf_event
from pyzbpf.kernel.fd import Fd
from pyzbpf.kernel.memory import PAGE, Fence, Mapping
from pyzbpf.uapi import attrs


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("0\n", [0]), ("0-3", [0, 1, 2, 3]), ("0-1,4,6-7\n", [0, 1, 4, 6, 7]), ("", [])],
)
def test_cpu_lists(text, numbers):
    assert cpus.parse(text) == numbers


def test_attributes_are_no_longer_than_what_is_set():
    data = commands.pack(
        attrs.MAP_CREATE, {"map_type": 1, "max_entries": 0x01020304, "map_flags": 0, "map_name": b""}
    )
    assert data == (1).to_bytes(4, sys.byteorder) + bytes(8) + (0x01020304).to_bytes(4, sys.byteorder)
    assert commands.unpack(attrs.MAP_CREATE, data, "max_entries") == 0x01020304
    assert commands.unpack(attrs.MAP_CREATE, data, "map_extra") == 0


def test_names_in_attributes():
    data = commands.pack(attrs.MAP_CREATE, {"map_name": b"probe.rodata"})
    offset, size = attrs.MAP_CREATE["map_name"]
    assert data[offset : offset + size] == b"probe.rodata\0\0\0\0"


@pytest.mark.parametrize(
    ("machine", "enable", "set_program"),
    [("x86_64", 0x2400, 0x40042408), ("s390x", 0x2400, 0x40042408), ("ppc64le", 0x20002400, 0x80042408)],
)
def test_ioctl_numbers(machine, enable, set_program):
    assert perf_event._ioctl_number(0, 0, 0, machine) == enable
    assert perf_event._ioctl_number(1, 8, 4, machine) == set_program


def opened(what: str = "test") -> Fd:
    return Fd(os.open(os.devnull, os.O_RDONLY), what)


def test_fd_closes_once():
    with opened("null device") as one:
        number = one.fileno()
        os.fstat(number)
    one.close()
    assert one.closed
    with pytest.raises(ValueError, match="null device is closed"):
        one.fileno()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)
    assert repr(one) == "<Fd null device, closed>"


@pytest.mark.parametrize("trace", [False, True])
def test_fd_that_was_forgotten_is_reported_and_closed(monkeypatch, trace):
    monkeypatch.setattr(fd, "trace", trace)
    one = opened("map 'forgotten'")
    number = one.fileno()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del one
    assert len(caught) == 1
    assert caught[0].category is ResourceWarning
    text = str(caught[0].message)
    assert f"unclosed map 'forgotten', descriptor {number}" in text
    assert ("test_small_parts.py" in text) is trace
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


@pytest.mark.parametrize(
    ("offset", "raw"), [(0, b"a"), (8, b"12345678"), (6, b"ab"), (3, b"1234"), (16, b"123")]
)
def test_mapping_loads_and_stores(tmp_path, offset, raw):
    path = tmp_path / "memory"
    path.write_bytes(bytes(PAGE))
    with path.open("r+b") as file:
        mapping = Mapping(file.fileno(), PAGE, what="file", writable=True)
        mapping.store(offset, raw)
        assert mapping.load(offset, len(raw)) == raw
        mapping.close()
        mapping.close()
    assert path.read_bytes()[offset : offset + len(raw)] == raw


def test_fence_can_be_passed_again_and_again():
    fence = Fence()
    for _ in range(3):
        fence()
