"""Where a kernel's types come from, and what is said where there are none."""

from __future__ import annotations

import errno
import os
import sys

import pytest

from pyzbpf.btf import types as kinds
from pyzbpf.btf.lazy import LazyBtf
from pyzbpf.errors import ObjectError, UnsupportedError
from pyzbpf.kernel import target, vmlinux
from tests.support.btf_writer import Writer

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="needs Linux; run the suite there"
)


def types(name: str, endian: str = sys.byteorder) -> Writer:
    w = Writer(endian)
    u32 = w.int("u32", 4)
    w.struct(name, 8, [("first", u32, 0), ("second", u32, 32)])
    w.struct(f"{name}___2", 8, [("first", u32, 32)])
    return w


@pytest.fixture
def sysfs(tmp_path, monkeypatch):
    """A folder in the place of /sys/kernel/btf, and nothing known from before."""
    monkeypatch.setattr(vmlinux, "FOLDER", str(tmp_path))
    monkeypatch.setattr(vmlinux, "_kernel", None)
    monkeypatch.setattr(vmlinux, "_modules", {})
    return tmp_path


@pytest.mark.parametrize("mapped", [True, False])
def test_the_running_kernel_is_opened_once(sysfs, monkeypatch, mapped):
    library = vmlinux._library()
    if not mapped:  # as before Linux 6.16
        monkeypatch.setattr(library, "mmap", lambda *_: library.failed)
    (sysfs / "vmlinux").write_bytes(types("task_struct").bytes())
    first = target.KernelTarget()
    found = first.find("task_struct", kinds.STRUCT)
    assert [type.name for _, type in found] == ["task_struct", "task_struct___2"]
    os.unlink(sysfs / "vmlinux")
    assert [type for _, type in target.KernelTarget().find("task_struct", kinds.STRUCT)] == [
        t for _, t in found
    ]
    assert first.endian == sys.byteorder
    assert not any(os.readlink(f"/proc/self/fd/{number}").startswith(str(sysfs))
                   for number in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{number}"))  # fmt: skip


def test_modules_are_asked_for_what_the_kernel_has_not(sysfs):
    kernel = types("task_struct")
    (sysfs / "vmlinux").write_bytes(kernel.bytes())
    module = Writer(sys.byteorder)
    module.strings = bytearray(b"in_module\0")
    module.types += kernel._words(len(kernel.strings), 4 << 24 | 1, 8, 1, 1, 0)
    (sysfs / "driver").write_bytes(module.bytes())
    looked = target.KernelTarget()
    assert [table.name for table, _ in looked.find("task_struct", kinds.STRUCT)] == ["vmlinux"] * 2
    assert not vmlinux._modules
    ((table, found),) = looked.find("in_module", kinds.STRUCT)
    assert (table.name, table.id_of(found)) == ("driver", kernel.count + 1)
    # It may be loaded later, and go again.
    (sysfs / "later").write_bytes(module.bytes())
    assert [table.name for table, _ in looked.find("in_module", kinds.STRUCT)] == ["driver", "later"]
    os.unlink(sysfs / "driver")
    assert [table.name for table, _ in looked.find("in_module", kinds.STRUCT)] == ["later"]


def test_a_kernel_without_types(sysfs):
    with pytest.raises(UnsupportedError, match="CONFIG_DEBUG_INFO_BTF=y") as caught:
        target.KernelTarget()
    assert 'spec.load(btf="/path/vmlinux.btf")' in str(caught.value)
    assert "5.4" in str(caught.value)


def test_types_that_may_not_be_read(sysfs, monkeypatch):
    def refused(*_: object) -> int:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(vmlinux.os, "open", refused)
    with pytest.raises(UnsupportedError, match="vmlinux: Permission denied"):
        target.KernelTarget()


def test_types_from_a_file(tmp_path):
    path = tmp_path / "custom.btf"
    path.write_bytes(types("task_struct", "big").bytes())
    custom = target.FileTarget(str(path))
    assert (custom.endian, custom.name) == ("big", str(path))
    assert [type.name for _, type in custom.find("task_struct", kinds.STRUCT)] == [
        "task_struct",
        "task_struct___2",
    ]
    assert custom.find("nothing", kinds.STRUCT) == []
    for data, message in (
        (b"\x7fELF" + bytes(60), r"an ELF file, not its type information\n  Take it out: objcopy"),
        (b"short", "cut off in its header"),
        (bytes(64), "is not BTF's"),
    ):
        path.write_bytes(data)
        with pytest.raises(ObjectError, match=message) as caught:
            target.FileTarget(str(path))
        assert str(caught.value).startswith(str(path))
    with pytest.raises(ObjectError, match=r"gone\.btf: cannot be read: No such file"):
        target.FileTarget(str(tmp_path / "gone.btf"))


@pytest.mark.parametrize("endian", ["little", "big"])
def test_memory_of_the_c_library(endian):
    """It searches as the plain one does."""
    w = Writer(endian)
    u32 = w.int("u32", 4)
    for number in range(50):
        w.struct(f"s{number % 7}", 4, [(f"m{number}", number % 9 + 1, 0)])
    data = w.bytes()
    native = LazyBtf(vmlinux._in_memory(bytearray(data)), name="native")
    assert type(native._memory) is vmlinux._Memory
    plain = LazyBtf(vmlinux.Bytes(data), name="plain")
    for number in range(8):
        ours, theirs = (table.find(f"s{number}", kinds.STRUCT) for table in (native, plain))
        assert [found.place for found in ours] == [found.place for found in theirs]
        assert len(ours) == sum(1 for n in range(50) if n % 7 == number)
    memory = native._memory
    assert memory.find(b"nowhere", 0, len(data)) == memory.find(b"x", 5, 5) == -1
    assert memory.find_word(0xFFFFFFFF, 0, len(data)) == memory.find_word(u32, 8, 8) == -1
