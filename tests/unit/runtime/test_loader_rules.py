from __future__ import annotations

import subprocess
import sys

import pytest

from pyzbpf.errors import ObjectError
from pyzbpf.kernel import privilege
from pyzbpf.runtime import loader
from pyzbpf.uapi import enums as e
from tests.support.assemble import add_data_map, add_map, object_spec


@pytest.mark.parametrize(
    ("name", "kernel"),
    [
        ("probe", "probe"),
        ("a_name_that_is_much_too_long", "a_name_that_is_"),
        ("mod.f(u32)", "mod.f_u32_"),
        ("é", "_"),
    ],
)
def test_kernel_names(name, kernel):
    assert loader.kernel_name(name) == kernel


def test_data_maps_are_named_after_their_object():
    spec = object_spec("connections")
    assert loader.map_name(spec, add_data_map(spec, ".rodata", b"x")) == "connecti.rodata"
    assert loader.map_name(spec, add_data_map(spec, ".kconfig", b"x")) == "connect.kconfig"
    assert loader.map_name(spec, add_map(spec, "events", 27)) == "events"
    assert loader.map_name(spec, add_data_map(spec, ".data.traps", b"x")) == ".data.traps"


@pytest.mark.parametrize(
    ("type_", "capability"),
    [
        (e.BPF_PROG_TYPE_SOCKET_FILTER, "CAP_BPF"),
        (e.BPF_PROG_TYPE_TRACEPOINT, "CAP_BPF and CAP_PERFMON"),
        (e.BPF_PROG_TYPE_XDP, "CAP_BPF and CAP_NET_ADMIN"),
    ],
)
def test_capability_by_type(type_, capability):
    assert privilege.to_load(type_) == capability


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="other systems are refused before; needs Linux"
)
@pytest.mark.parametrize(("endian", "file"), [("little", "bpfel"), ("big", "bpfeb")])
def test_the_other_byte_order_is_refused_with_advice(monkeypatch, endian, file):
    monkeypatch.setattr(loader.sys, "byteorder", endian)
    loader.check_machine(object_spec(endian=endian))
    other = "big" if endian == "little" else "little"
    with pytest.raises(ObjectError, match=f"{file}.o"):
        loader.check_machine(object_spec(endian=other))


HEAVY = "typing enum dataclasses logging argparse numpy inspect pathlib elftools re collections asyncio importlib socket"


def test_loading_and_attaching_imports_nothing_heavy():
    """-S as well as -I: what site and its .pth files import is not ours."""
    script = f"""
import sys
sys.path.insert(0, {sys.path[0]!r}); sys.path[1:1] = {[p for p in sys.path if "site-packages" not in p]!r}
import pyzbpf.runtime.object, pyzbpf.links.attach, pyzbpf.maps.open, pyzbpf.maps.variables
from pyzbpf.links.attach import KINDS, _file
from pyzbpf.kernel import privilege
from pyzbpf.runtime import loader
if sys.platform.startswith("linux"):
    for file, *_ in [*KINDS.values(), *loader.KINDS.values()]:
        _file(file)
    loader.syscall.gate()
print(*sorted(set({HEAVY.split()!r}) & sys.modules.keys()))
"""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
