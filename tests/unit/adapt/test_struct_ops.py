"""Structs of functions against hand-made types: of the kernel itself and of a module, of both byte orders."""

from __future__ import annotations

import struct
from types import SimpleNamespace

import pytest

from pyzbpf.adapt import struct_ops
from pyzbpf.btf import types as kinds
from pyzbpf.btf.decode import decode
from pyzbpf.btf.lazy import LazyBtf
from pyzbpf.btf.memory import Bytes
from pyzbpf.errors import ObjectError, SystemCallError, UnsupportedError
from pyzbpf.runtime import struct_ops as loading
from pyzbpf.spec.model import MapSpec
from pyzbpf.uapi import enums as e
from tests.support.assemble import Asm, add_program, object_spec
from tests.support.btf_writer import Writer
from tests.support.core import lazy

ENDIANS = ("little", "big")
COMMON = 64  # where the struct begins in what is stored


class ModuleWriter(Writer):
    """Types that go on where the kernel's end."""

    def __init__(self, kernel: Writer) -> None:
        super().__init__("little" if kernel.order == "<" else "big")
        self.shift = len(kernel.strings)
        self.count = kernel.count
        self.strings = bytearray()

    def text(self, value: str) -> int:
        return super().text(value) + self.shift if value else 0


class Target:
    """The kernel's types, and a module's where the kernel has none."""

    name = "the kernel of the test"

    def __init__(self, *tables: LazyBtf) -> None:
        self.tables = tables

    def find(self, name, kind, module=""):
        for table in self.tables:
            found = [(table, type) for type in table.find(name, kind)]
            if found:
                return found
        return []


def define(w: Writer, number: int, *, flags: int = 0) -> tuple[int, int]:
    """A struct of functions and what holds it: (the struct's id, the holder's)."""
    void = w.ptr(0)
    start = w.ptr(w.prototype(number, [("a", number)]))
    ops = w.struct("my_ops", 24, [("owner", void, 0), ("start", start, 64), ("flags", flags or number, 128)])
    common = w.struct("bpf_struct_ops_common_value", 8, [("state", number, 0)])
    members = [("common", common, 0), ("data", ops, 8 * COMMON)]
    return ops, w.struct("bpf_struct_ops_my_ops", COMMON + 24, members)


def kernel(endian: str) -> tuple[Writer, int]:
    w = Writer(endian)
    return w, w.int("int", 4, 1)


def mine(endian: str, *, newer: int = 0):
    """A probe with `struct my_ops___mine { int flags; int (*start)(int); int newer; }`, start = go."""
    spec = object_spec(endian=endian)
    w = Writer(endian)
    number = w.int("int", 4, 1)
    start = w.ptr(w.prototype(number, [("a", number)]))
    members = [("flags", number, 0), ("start", start, 64), ("newer", number, 128)]
    type_id = w.struct("my_ops___mine", 24, members)
    spec.btf = decode(w.bytes(), endian)
    order = "<" if endian == "little" else ">"
    spec.maps["ops"] = MapSpec(
        "ops",
        section=".struct_ops.link",
        type=e.BPF_MAP_TYPE_STRUCT_OPS,
        key_size=4,
        value_size=24,
        max_entries=1,
        flags=e.BPF_F_LINK,
        value_type=type_id,
        contents=bytearray(struct.pack(order + "IxxxxQIxxxx", 7, 0, newer)),
        values=[(8, "go")],
    )
    add_program(spec, "go", "socket", Asm(endian).mov_imm(0, 0).exit_())
    return spec


@pytest.mark.parametrize("endian", ENDIANS)
@pytest.mark.parametrize("place", ["kernel", "module"])
def test_members_go_where_the_kernel_has_them(endian, place):
    w, number = kernel(endian)
    if place == "kernel":
        ops, whole = define(w, number)
        target = Target(lazy(w))
    else:
        module = ModuleWriter(w)
        ops, whole = define(module, number)
        base = lazy(w)
        target = Target(base, LazyBtf(Bytes(module.bytes()), name="driver", base=base))
    spec = mine(endian)
    ready = struct_ops.adapt(spec, spec.maps["ops"], lambda: target)
    assert (ready.type_id, ready.module) == (whole, "driver" if place == "module" else "")
    assert ready.programs == [(COMMON + 8, "go")]
    assert ready.places == {"go": (ops, 1)}
    order = "<" if endian == "little" else ">"
    assert ready.value == bytes(COMMON + 16) + struct.pack(order + "I", 7) + bytes(4)
    assert loading.place(spec, spec.programs["go"], {"ops": ready}) == (ops, 1, ready.module)


def test_what_does_not_fit_is_named():
    w, number = kernel("little")
    define(w, number)
    spec = mine("little", newer=1)
    with pytest.raises(ObjectError, match="member 'newer': this kernel's struct my_ops has no such member"):
        struct_ops.adapt(spec, spec.maps["ops"], lambda: Target(lazy(w)))
    w, number = kernel("little")
    define(w, number, flags=w.int("long", 8, 1))
    spec = mine("little")
    with pytest.raises(ObjectError, match="member 'flags': it has 4 bytes, and 8 in this kernel"):
        struct_ops.adapt(spec, spec.maps["ops"], lambda: Target(lazy(w)))
    w, number = kernel("little")
    define(w, number, flags=w.ptr(number))
    with pytest.raises(ObjectError, match="member 'flags': it is of another kind in this kernel"):
        struct_ops.adapt(spec, spec.maps["ops"], lambda: Target(lazy(w)))
    spec.programs.clear()
    w, number = kernel("little")
    define(w, number)
    with pytest.raises(ObjectError, match="member 'start': the object has no program 'go'"):
        struct_ops.adapt(spec, spec.maps["ops"], lambda: Target(lazy(w)))
    w, _ = kernel("little")
    with pytest.raises(UnsupportedError, match="has no struct bpf_struct_ops_my_ops, nor has a module"):
        struct_ops.adapt(spec, spec.maps["ops"], lambda: Target(lazy(w)))


def test_a_map_of_a_module_says_of_which(monkeypatch):
    w, number = kernel("little")
    module = ModuleWriter(w)
    _, whole = define(module, number)
    base = lazy(w)
    target = Target(base, LazyBtf(Bytes(module.bytes()), name="driver", base=base))
    spec = mine("little")
    ready = struct_ops.adapt(spec, spec.maps["ops"], lambda: target)
    assert target.find("my_ops", kinds.STRUCT)[0][0].name == "driver"
    asked = []
    monkeypatch.setattr(loading.map_open, "create", lambda spec, *_, **more: asked.append((spec, more)))
    fds = [SimpleNamespace(fileno=lambda number=number: number) for number in (5, 9)]
    loading.create(spec.maps["ops"], ready, fds[0], None, token=0, module=fds[1])
    ((as_kernel, more),) = asked
    assert as_kernel.flags == e.BPF_F_LINK | e.BPF_F_VTYPE_BTF_OBJ_FD
    assert as_kernel.value_size == COMMON + 24
    assert more == {
        "btf_fd": 5, "btf_vmlinux_value_type_id": whole, "map_token_fd": 0, "value_type_btf_obj_fd": 9,
    }  # fmt: skip
    assert spec.maps["ops"].flags == e.BPF_F_LINK

    def refuse(*_: object, **__: object) -> None:
        raise SystemCallError(22, "Invalid argument", command="BPF_MAP_CREATE")

    monkeypatch.setattr(loading.map_open, "create", refuse)
    monkeypatch.setattr(loading.os, "uname", lambda: SimpleNamespace(release="6.8.0"))
    with pytest.raises(UnsupportedError, match="struct of functions of the module driver") as caught:
        loading.create(spec.maps["ops"], ready, fds[0], None, token=0, module=fds[1])
    assert caught.value.since == "6.9"
    monkeypatch.setattr(loading.os, "uname", lambda: SimpleNamespace(release="6.9.0"))
    with pytest.raises(SystemCallError):
        loading.create(spec.maps["ops"], ready, fds[0], None, token=0, module=fds[1])
