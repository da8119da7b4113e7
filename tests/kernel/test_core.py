"""CO-RE on the running kernel: the same instructions as libbpf makes, and right numbers.

The probes are C: clang writes the records, bpftool's libbpf is the other loader.
"""

from __future__ import annotations

import os
import random
import struct
import sys
import threading

import pytest

import pyzbpf
from pyzbpf.adapt.adapt import adapt
from pyzbpf.adapt.core import Relocator
from pyzbpf.btf import types as kinds
from pyzbpf.btf.decode import decode
from pyzbpf.btf.encode import Strings, encode
from pyzbpf.btf.flavour import essential
from pyzbpf.btf.lazy import LazyBtf
from pyzbpf.errors import ObjectError, UnsupportedError, VerifierError
from pyzbpf.kernel import vmlinux
from pyzbpf.kernel.target import FileTarget, KernelTarget
from tests.support import c_probes, features
from tests.support.bpf_fs import mounted
from tests.support.bpftool import bpftool, pinned
from tests.support.btf_writer import Writer
from tests.support.probes import counter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyzbpf.btf.decode import Btf

KERNEL_TYPES = f"{vmlinux.FOLDER}/vmlinux"


@pytest.fixture(autouse=True)
def _kernel_types() -> None:
    features.needs_types()


@pytest.fixture
def bpffs(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "bpf") as folder:
        yield folder


@pytest.fixture(scope="module")
def whole() -> Btf:
    """The kernel's types, all of them, read by the other reader."""
    features.needs_types()
    with open(KERNEL_TYPES, "rb") as file:
        return decode(file.read(), sys.byteorder)


def tags(path: Path, **options: object) -> dict[str, tuple[str, int]]:
    with pyzbpf.open(path).load(**options) as probe:
        return {
            name: (program.info["tag"].to_bytes(8, sys.byteorder).hex(), program.info["xlated_prog_len"])
            for name, program in probe.programs.items()
        }


@pytest.mark.parametrize("cpu", ["v1", "v2", "v3", "v4"])
@pytest.mark.parametrize("name", ["core_values", "core_loads"])
def test_the_same_instructions_as_libbpf(name: str, cpu: str, bpffs: Path) -> None:
    if cpu == "v4":
        features.since("6.6", "the instruction set v4")
    path = c_probes.path(name, f"-mcpu={cpu}")
    bpftool("prog", "loadall", path, bpffs / name)
    ours = tags(path)
    shown = {program: pinned(bpffs / name / program) for program in ours}
    # The tag is the kernel's hash of the instructions that it was given.
    assert ours == {program: (theirs["tag"], theirs["bytes_xlated"]) for program, theirs in shown.items()}
    assert sorted(os.listdir(bpffs / name)) == sorted(ours)


def member_offset(whole: Btf, root: int, *names: str) -> int:
    """Bytes from the start of a type to a member, by another way than the relocator's."""
    bits = 0
    for name in names:
        _, found = whole.resolve(root)
        assert found is not None
        place = {member.name: member for member in _flat(whole, found, 0)}[name]
        bits, root = bits + place.bit_offset, place.type
    return bits // 8


def _flat(whole: Btf, found: kinds.Type, shift: int) -> Iterator[kinds.Member]:
    for member in found.members:
        _, inner = whole.resolve(member.type)
        if not member.name and inner is not None:
            yield from _flat(whole, inner, shift + member.bit_offset)
        else:
            yield kinds.Member(member.name, member.type, shift + member.bit_offset, member.bits)


def run(name: str = "core_values", **options: object) -> dict[str, object]:
    """The variables after each program ran once, in this thread."""
    with pyzbpf.open(c_probes.path(name)).load(**options) as probe:
        for program in probe.programs.values():
            program.test_run(context=bytes(16))
        return {variable: found.value for variable, found in probe.variables.items()}


def test_fields_of_the_running_task() -> None:
    values = run()
    assert values["pid"] == threading.get_native_id()
    assert values["tgid"] == os.getpid()
    assert values["parent"] == os.getppid()
    with open(f"/proc/self/task/{threading.get_native_id()}/comm", encoding="utf-8") as file:
        name = file.read().rstrip("\n")
    assert values["comm"] == name
    assert values["letter"] == (ord(name[5]) if len(name) > 5 else 0)
    assert 0 < values["runtime"] < 1 << 60
    assert values["never"] == 0


def test_bit_fields() -> None:
    assert run()["reset"] == 0
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    os.sched_setscheduler(0, policy | os.SCHED_RESET_ON_FORK, parameters)
    try:
        values = run()
    finally:
        os.sched_setscheduler(0, policy, parameters)
    assert values["reset"] == 1
    assert run()["reset"] == 0


def test_offsets_and_sizes(whole: Btf) -> None:
    values = run()
    task, sock = whole.find("task_struct", kinds.STRUCT), whole.find("sock", kinds.STRUCT)
    page = whole.find("page", kinds.STRUCT)
    assert values["offset_sig"] == member_offset(whole, task, "pending", "signal")
    assert values["offset_rcu"] == member_offset(whole, task, "rcu")
    assert values["offset_comm5"] == member_offset(whole, task, "comm") + 5
    assert values["offset_family"] == member_offset(whole, sock, "__sk_common", "skc_family")
    assert values["offset_daddr"] == member_offset(whole, sock, "__sk_common", "skc_daddr")
    assert values["offset_lru"] == member_offset(whole, page, "lru")
    assert values["size_task"] == whole.get(task).size
    assert values["size_attr"] == whole.get(whole.find("bpf_attr", kinds.UNION)).size
    assert (values["size_comm"], values["size_pid"], values["size_runtime"], values["size_gfp"]) == (
        16,
        4,
        8,
        4,
    )
    assert (values["signed_pid"], values["signed_runtime"]) == (1, 0)
    assert (values["left_pid"], values["right_pid"]) == (32, 32)
    assert values["target_task"] == task
    spec = pyzbpf.open(c_probes.path("core_values"))
    assert values["local_task"] == spec.btf.find("task_struct", kinds.STRUCT)


def test_what_exists(whole: Btf) -> None:
    values = run()
    members = {member.name for member in whole.get(whole.find("task_struct", kinds.STRUCT)).members}
    assert values["exists_new"] == ("__state" in members)
    assert values["exists_old"] == ("state" in members)
    state = "__state" if "__state" in members else "state"
    task = whole.find("task_struct", kinds.STRUCT)
    assert values["offset_state"] == member_offset(whole, task, state)
    assert values["state"] == 0  # we are running
    yes = ("exists_pid", "exists_pid_of_other_size", "type_task", "type_attr", "type_gfp", "matches_head")
    no = ("exists_never", "exists_tgid_as_pointer", "type_none", "type_none_t", "size_none", "target_none",
          "matches_more", "matches_none", "value_never_exists")  # fmt: skip
    assert {name: values[name] for name in yes + no} == dict.fromkeys(yes, 1) | dict.fromkeys(no, 0)


def test_values_of_enumerations(whole: Btf) -> None:
    values = run()
    numbers = dict(whole.get(whole.find("bpf_map_type", kinds.ENUM)).values)
    assert values["value_ringbuf"] == numbers["BPF_MAP_TYPE_RINGBUF"] == 27
    assert values["value_tgid"] == dict(whole.get(whole.find("pid_type", kinds.ENUM)).values)["PIDTYPE_TGID"]
    assert (values["value_exists"], values["value_of_never"]) == (1, 99)


def test_what_is_missing_is_named_with_its_line() -> None:
    spec = pyzbpf.open(c_probes.path("core_missing"))
    spec.programs["signed_load"].autoload = False
    with pytest.raises(VerifierError) as caught:
        spec.load()
    error = caught.value
    assert error.reason == (
        "CO-RE relocation <byte_off> struct task_struct.never_was (0:0): "
        "the kernel's struct task_struct has no member 'never_was'"
    )
    assert error.source is not None
    assert error.source.endswith(
        "core_missing.c:10:2: return OFFSET(((struct task_struct *)ctx)->never_was);"
    )
    assert "ask first whether it exists" in error.hint
    assert "195896080" in error.log
    spec.programs["signed_load"].autoload = True
    spec.programs["unguarded"].autoload = False
    with pytest.raises(VerifierError, match="it has 4 bytes in the kernel and 2 in the probe") as caught:
        spec.load()
    assert caught.value.source.endswith("return skb->len;")


def test_types_from_a_file(tmp_path: Path) -> None:
    path = c_probes.path("core_values")
    assert tags(path, btf=KERNEL_TYPES) == tags(path)
    # A kernel that has next to nothing.
    types = Writer(sys.byteorder)
    types.enum("pid_type", [("PIDTYPE_SID", 6)])
    custom = tmp_path / "small.btf"
    custom.write_bytes(types.bytes())
    spec = pyzbpf.open(path)
    for name in ("fields", "existence"):
        spec.programs[name].autoload = False
    with pytest.raises(
        VerifierError, match=r"enum pid_type::PIDTYPE_TGID: the kernel's enum pid_type has no value"
    ):
        spec.load(btf=custom)
    spec.programs["enumerations"].autoload = False
    with spec.load(btf=custom) as probe:
        probe.programs["types"].test_run(context=bytes(16))
        assert (probe.variables["type_task"].value, probe.variables["size_task"].value) == (0, 0)


def test_a_file_of_types_that_is_none_is_named(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.btf"
    with pyzbpf.open(c_probes.path("core_values")) as spec:
        with pytest.raises(
            ObjectError, match=r"CO-RE relocation .*/wrong\.btf: cannot be read: No such file"
        ):
            spec.load(btf=wrong)
        wrong.write_text("no types, but as long as their header is")
        with pytest.raises(ObjectError, match=r"CO-RE relocation .*/wrong\.btf: magic 0x6f6e is not BTF"):
            spec.load(btf=wrong)


def test_kernels_without_types_can_run_what_needs_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(vmlinux, "FOLDER", str(tmp_path / "nothing"))
    monkeypatch.setattr(vmlinux, "_kernel", None)
    with counter("raw_tracepoint", "sys_enter", os.getpid()).load():
        pass
    with pytest.raises(UnsupportedError, match=r"CONFIG_DEBUG_INFO_BTF=y(.|\n)*spec\.load\(btf="):
        pyzbpf.open(c_probes.path("core_values")).load()
    with pyzbpf.open(c_probes.path("core_values")).load(btf=KERNEL_TYPES):
        pass


def test_other_machines_objects_are_refused_before_the_types_are_read() -> None:
    other = "big" if sys.byteorder == "little" else "little"
    with pytest.raises(pyzbpf.ObjectError, match=f"the object is for {other}-endian machines"):
        pyzbpf.open(c_probes.path("core_values", endian=other)).load()


def test_a_big_endian_object_against_the_same_kernel_turned_round(whole: Btf, tmp_path: Path) -> None:
    """What clang writes for the other byte order gets the same numbers."""
    turned = {"little": "big", "big": "little"}[sys.byteorder]
    other = tmp_path / "turned.btf"
    other.write_bytes(encode(whole.types, Strings(), turned))
    codes = []
    for endian, target in ((sys.byteorder, KernelTarget), (turned, lambda: FileTarget(str(other)))):
        spec = pyzbpf.open(c_probes.path("core_values", endian=endian))
        relocator = Relocator(spec, target)
        # `fields` reads a bit field, for which the two are compiled differently.
        for name in ("existence", "types", "enumerations"):
            ready = adapt(spec, spec.programs[name], relocator)
            assert any(function.core for _, function in ready.places)
            order = "<" if endian == "little" else ">"
            found = [
                (op, off, imm) for op, _, off, imm in struct.iter_unpack(order + "BBhi", ready.instructions)
            ]
            codes.append((name, found, ready.unresolved))
    assert codes[:3] == codes[3:]


def test_the_lazy_reader_agrees_with_the_whole(whole: Btf) -> None:
    """Names that many types have, one has, and none."""
    by_name: dict[tuple[str, int], list[int]] = {}
    for number, found in enumerate(whole.types):
        if found is not None and found.name and found.kind not in (kinds.ENUM, kinds.ENUM64):
            by_name.setdefault((essential(found.name), found.kind), []).append(number)
    several = [key for key, numbers in by_name.items() if len(numbers) > 1][:100]
    for walked in (False, True):
        kernel = LazyBtf(vmlinux._open(KERNEL_TYPES), name="vmlinux", unique=True)
        if walked:
            assert kernel.count == len(whole.types)
        for name, kind in [*several, *random.Random(5).sample(sorted(by_name), 300), ("no_such_type", 4)]:
            places = [whole.get(number).place for number in by_name.get((name, kind), [])]
            assert [found.place for found in kernel.find(name, kind)] == places, (name, kind)
