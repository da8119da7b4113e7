"""Loading, running and closing whole objects on the real kernel."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pyzbpf.errors import Error, ObjectError, SystemCallError, UnsupportedError, VerifierError
from pyzbpf.kernel import commands
from pyzbpf.kernel.memory import PAGE
from pyzbpf.spec.read import program
from pyzbpf.uapi import enums
from pyzbpf.uapi.attrs import PROG_LOAD
from tests.support import features
from tests.support.assemble import (
    R0,
    R1,
    R2,
    R3,
    R4,
    R10,
    Asm,
    add_data_map,
    add_function,
    add_map,
    add_program,
    add_variable,
    object_spec,
)  # fmt: skip
from tests.support.probes import PACKET, types, with_types


def returning(value: int, name: str = "answer"):
    spec = object_spec(name)
    add_program(spec, "answer", "socket", Asm().mov_imm(R0, value).exit_())
    return spec


def test_run_without_attaching():
    with returning(42).load() as probe:
        result = probe.programs["answer"].test_run(PACKET, repeat=3)
        assert result.retval == 42
        assert result.data == PACKET
        assert result.duration_ns >= 0


@pytest.mark.parametrize("kind", ["maps", "programs"])
def test_a_name_that_was_changed_is_refused(kind):
    spec = returning(42)
    add_map(spec, "answer", 1, key_size=4, value_size=4, max_entries=1)
    getattr(spec, kind)["answer"].name = "x"
    with pytest.raises(Error, match=rf"spec\.{kind}\['answer'\]\.name was made 'x': by their names"):
        spec.load()


def test_info_has_the_kernels_words():
    spec = object_spec()
    add_program(spec, "a_name_longer_than_fifteen", "socket", Asm().mov_imm(R0, 0).exit_())
    with spec.load() as probe:
        info = probe.programs["a_name_longer_than_fifteen"].info
        assert info["name"] == b"a_name_longer_t\0"
        assert info["type"] == 1


def test_subprograms_are_called():
    spec = object_spec()
    main = Asm().mov_imm(R1, 20).call_function("double").mov(R1, R0).call_function("one_more").exit_()
    add_program(spec, "main", "socket", main)
    add_function(spec, "unused", Asm().exit_())
    add_function(spec, "one_more", Asm().mov(R0, R1).add_imm(R0, 1).exit_())
    add_function(spec, "double", Asm().mov(R0, R1).raw(0x0F, R0, R1).exit_())
    with spec.load() as probe:
        assert probe.programs["main"].test_run(PACKET).retval == 41


def test_a_callback_is_called():
    features.since("5.17", "bpf_loop")
    features.needs_jit("a callback")
    btf, ids = types()
    callback = btf.function(
        "each", ids["int"], [("index", ids["u64"]), ("context", ids["pointer"])], linkage=0
    )
    spec = with_types(object_spec(), btf)
    add_data_map(spec, ".bss", bytes(8))
    add_variable(spec, "calls", ".bss", offset=0, size=8, type_id=ids["u64"])
    loop = Asm().mov_imm(R1, 5).load_function(R2, "each").mov_imm(R3, 0).mov_imm(R4, 0).call(181)
    add_program(spec, "main", "socket", loop.mov_imm(R0, 0).exit_(), type_id=ids["program"])
    body = Asm().load_data(R1, ".bss").mov_imm(R2, 1).atomic_add(8, R1, R2).mov_imm(R0, 0).exit_()
    add_function(spec, "each", body, type_id=callback)
    with spec.load() as probe:
        probe.programs["main"].test_run(PACKET)
        assert probe.variables["calls"].value == 5


def test_variables_cross_both_ways():
    btf, ids = types()
    spec = with_types(object_spec("globals"), btf)
    add_data_map(spec, ".data", bytes(16))
    add_data_map(spec, ".rodata", bytes(8), frozen=True)
    add_variable(spec, "seen", ".data", offset=0, size=4, type_id=ids["u32"])
    add_variable(spec, "big", ".data", offset=8, size=8, type_id=ids["u64"])
    add_variable(spec, "limit", ".rodata", offset=4, size=4, type_id=ids["u32"])
    asm = Asm().load_data(R1, ".rodata", 4).load(4, R0, R1).load_data(R2, ".data").store(4, R2, R0).exit_()
    add_program(spec, "main", "socket", asm, type_id=ids["program"])
    spec.variables["limit"].value = 77
    spec.variables["big"].value = 1 << 40
    with spec.load() as probe:
        assert probe.variables["big"].value == 1 << 40
        assert probe.programs["main"].test_run(PACKET).retval == 77
        assert probe.variables["seen"].value == 77
        probe.variables["seen"].value = 5
        assert probe.variables["seen"].value == 5
        assert probe.variables["limit"].value == 77
        with pytest.raises(Error, match=r"frozen.*before load\(\)"):
            probe.variables["limit"].value = 1
        with pytest.raises(Error):
            probe.variables["seen"].value = "text"
        assert commands.map_lookup(probe.maps[".rodata"].fileno(), bytes(4), 8)[4:] == (77).to_bytes(
            4, sys.byteorder
        )
        assert probe.maps[".rodata"].info["name"] == b"globals.rodata\0\0"
        with pytest.raises(Error):
            probe.maps[".rodata"][0] = bytes(8)
    assert spec.variables["seen"].value == 0, "loading must not change the spec"


def test_variables_without_shared_memory():
    # An older kernel has no BPF_F_MMAPABLE: an array made without it stands for one.
    spec = object_spec()
    add_data_map(spec, ".bss", bytes(range(16)))
    add_variable(spec, "four", ".bss", offset=4, size=4)
    with spec.load() as owner:
        plain = object_spec()
        add_map(plain, "array", 2, key_size=4, value_size=16, max_entries=1)
        with plain.load() as other:
            other.maps["array"][0] = bytes(range(16))
            from pyzbpf.maps.variables import DataMap, Variable

            data = DataMap(other.maps["array"])
            variable = Variable(spec.variables["four"], data, None)
            assert data.memory is None
            assert variable.value == bytes([4, 5, 6, 7])
            variable.value = b"abcd"
            assert other.maps["array"][0] == bytes(range(4)) + b"abcd" + bytes(range(8, 16))
        assert owner.variables["four"].value == bytes([4, 5, 6, 7])


def test_maps_of_another_object_are_used():
    spec = object_spec()
    add_map(spec, "shared", 2, key_size=4, value_size=8, max_entries=1)
    asm = Asm().load_map(R1, "shared").mov(R2, R10).add_imm(R2, -4).store_imm(4, R10, 0, -4).call(1)
    asm.jump_if_equal_imm(R0, 0, 2).mov_imm(R1, 9).store(8, R0, R1).mov_imm(R0, 0).exit_()
    add_program(spec, "write", "socket", asm)
    with spec.load() as first, spec.load(maps={"shared": first.maps["shared"]}) as second:
        second.programs["write"].test_run(PACKET)
        second.close()
        assert first.maps["shared"][0] == (9).to_bytes(8, sys.byteorder)
    with pytest.raises(KeyError, match="there is: shared"):
        spec.load(maps={"other": None})


def test_autoload_off_leaves_a_program_out():
    spec = returning(1)
    add_program(spec, "broken", "socket", Asm().exit_()).autoload = False
    with spec.load() as probe:
        assert list(probe.programs) == ["answer"]


def test_other_byte_order():
    other = "big" if sys.byteorder == "little" else "little"
    spec = object_spec(endian=other)
    add_program(spec, "main", "socket", Asm(other).mov_imm(R0, 0).exit_())
    with pytest.raises(ObjectError, match=r"endian both"):
        spec.load()


def test_btf_that_the_kernel_refuses_is_left_out():
    btf, ids = types()
    btf.struct("not a C name", 4, [("member", ids["u32"], 0)])
    spec = with_types(returning(3), btf)
    spec.functions["answer"].type_id = ids["program"]
    with spec.load() as probe:
        assert "Invalid name" in str(probe.btf_error)
        assert probe.programs["answer"].test_run(PACKET).retval == 3


def test_btf_reaches_the_kernel():
    btf, ids = types()
    spec = with_types(returning(3), btf)
    spec.functions["answer"].type_id = ids["program"]
    spec.functions["answer"].lines = [(0, btf.string("a.zig"), btf.string("return 3;"), 7 << 10 | 5)]
    spec = with_types(spec, btf)
    with spec.load() as probe:
        assert probe.btf_error is None
        info = probe.programs["answer"].info
        assert info["btf_id"]
        assert info["nr_func_info"] == info["nr_line_info"] == 1


def test_a_log_on_request():
    with returning(3).load(log_level=4) as probe:
        assert "processed" in probe.programs["answer"].log


def test_rejection_names_line_and_advice():
    btf, ids = types()
    spec = object_spec()
    add_map(spec, "values", 1, key_size=4, value_size=8, max_entries=4)
    asm = Asm()
    file = btf.string("probe.zig")
    asm.line(file, btf.string("const value = values.lookup(&key);"), 8, 19)
    asm.store_imm(4, R10, 0, -4).mov(R2, R10).add_imm(R2, -4).load_map(R1, "values").call(1)
    asm.line(file, btf.string("    value.* += 1;"), 9, 5).load(8, R1, R0).mov_imm(R0, 0).exit_()
    add_program(spec, "lookup", "socket", asm, type_id=ids["program"])
    with_types(spec, btf)
    with pytest.raises(VerifierError) as caught:
        spec.load()
    error = caught.value
    assert error.reason == "R0 invalid mem access 'map_value_or_null'"
    assert error.source == "probe.zig:9:5: value.* += 1;"
    assert "orelse" in error.hint
    assert error.errno == 13
    assert "R0 invalid mem access" in error.log
    assert "processed" in error.log
    assert str(error).startswith("program 'lookup': the verifier says: R0 invalid")


@pytest.mark.parametrize(
    ("prepare", "advice"),
    [
        (lambda asm: asm.mov(R2, R1), "const key = ctx.member"),
        (lambda asm: asm.mov_imm(R2, 5), "of a variable (`&x`)"),
    ],
)
def test_a_key_that_is_no_memory_of_the_program(prepare, advice):
    spec = object_spec()
    add_map(spec, "values", 1, key_size=4, value_size=8, max_entries=4)
    asm = prepare(Asm()).load_map(R1, "values").call(1).mov_imm(R0, 0).exit_()
    add_program(spec, "lookup", "socket", asm)
    with pytest.raises(VerifierError, match=r"R2 type=\w+ expected=fp") as caught:
        spec.load()
    assert advice in (caught.value.hint or "")


def test_a_log_longer_than_the_first_buffers():
    spec = object_spec()
    asm = Asm().mov_imm(R0, 0)
    for _ in range(4000):
        asm.add_imm(R0, 1)
    asm.load(8, R1, R0).exit_()
    add_program(spec, "long", "socket", asm)
    with pytest.raises(VerifierError) as caught:
        spec.load()
    scalar = "inv" if features.is_older("5.18") else "scalar"
    assert caught.value.reason == f"R0 invalid mem access '{scalar}'"
    assert len(caught.value.log) > 65536


def test_failure_in_the_middle_leaves_nothing():
    # The fixture looks for what is left; here two maps, BTF and a program exist before the failure.
    btf, ids = types()
    spec = with_types(returning(0), btf)
    add_map(spec, "hash", 1, key_size=4, value_size=8, max_entries=4)
    add_data_map(spec, ".bss", bytes(8))
    add_program(spec, "broken", "socket", Asm().exit_())
    with pytest.raises(VerifierError, match="R0 !read_ok"):
        spec.load()
    assert ids


def test_map_that_cannot_be_made():
    spec = returning(0)
    add_map(spec, "first", 1, key_size=4, value_size=8, max_entries=4)
    add_map(spec, "wrong", 1, key_size=0, value_size=8, max_entries=4)
    with pytest.raises(OSError, match=r"'wrong', type hash, key 0 bytes"):
        spec.load()


def test_ring_size():
    spec = returning(0)
    add_map(spec, "ring", 27, max_entries=5 * PAGE - 1)
    with spec.load() as probe:
        assert probe.maps["ring"].info["max_entries"] == 8 * PAGE
    spec.maps["ring"].max_entries = 0
    with pytest.raises(ObjectError, match="max_entries is its size in bytes, and is 0"):
        spec.load()


@pytest.mark.parametrize(
    ("name", "value", "limit"),
    [
        ("max_entries", "a", 0xFFFFFFFF),
        ("max_entries", -1, 0xFFFFFFFF),
        ("max_entries", 1 << 32, 0xFFFFFFFF),
        ("max_entries", None, 0xFFFFFFFF),
        ("value_size", 8.0, 0xFFFFFFFF),
        ("flags", 1 << 40, 0xFFFFFFFF),
        ("map_extra", 1 << 64, (1 << 64) - 1),
    ],
)
def test_an_attribute_that_is_no_number_of_the_kernel(monkeypatch, name, value, limit):
    btf, _ = types()
    spec = with_types(returning(0), btf)
    add_map(spec, "stats", 1, key_size=4, value_size=8, max_entries=4)
    setattr(spec.maps["stats"], name, value)
    monkeypatch.setattr(commands, "bpf", lambda *_: pytest.fail("a system call was made"))
    with pytest.raises(Error, match=f"map 'stats': {name} is an int from 0 to {limit}, not ") as caught:
        spec.load()
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("value", ["by_name", 2, None])
def test_a_way_of_pinning_that_is_none(value):
    btf, _ = types()
    spec = with_types(returning(0), btf)
    add_map(spec, "stats", 1, key_size=4, value_size=8, max_entries=4)
    spec.maps["stats"].pinning = value
    with pytest.raises(Error, match=f"map 'stats': pinning is 0 .none. or 1 .by name., not {value!r}"):
        spec.load()


@pytest.mark.parametrize(
    ("type_", "members", "words"),
    [
        (
            1,
            {"max_entries": 1 << 31},
            ["Argument list too long", "more than the type can hold", "max_entries"],
        ),
        (1, {"max_entries": 0}, ["Invalid argument", "at least 1 entry"]),
        (27, {"max_entries": 4096}, ["Invalid argument", "power of two", "page size"]),
    ],
)
def test_a_map_that_the_kernel_refuses_comes_with_a_hint(type_, members, words):
    spec = returning(0)
    add_map(spec, "stats", type_, key_size=4, value_size=8, **members)
    with pytest.raises(OSError, match="map 'stats'") as caught:
        spec.load()
    for word in words:
        assert word in str(caught.value)


def test_a_map_without_memory_for_it(monkeypatch):
    refusing(monkeypatch, "map_create", lambda *_, **__: True, 12)
    spec = returning(0)
    add_map(spec, "stats", 5, key_size=4, value_size=12, max_entries=1 << 20)
    with pytest.raises(OSError, match=r"map 'stats'.*16 MiB for each possible CPU.*max_entries"):
        spec.load()


def test_a_closed_map_has_its_whole_name():
    spec = returning(0)
    add_map(spec, "a_name_longer_than_fifteen", 1, key_size=4, value_size=8, max_entries=4)
    with spec.load() as probe:
        map = probe.maps["a_name_longer_than_fifteen"]
    with pytest.raises(ValueError, match="map 'a_name_longer_than_fifteen' is closed"):
        len(map)


@pytest.mark.parametrize("looked", [False, True])
def test_variables_of_a_closed_object(looked):
    spec = returning(0)
    add_data_map(spec, ".bss", bytes(8))
    add_variable(spec, "hits", ".bss", offset=0, size=8)
    with spec.load() as probe:
        hits = probe.variables["hits"]
        if looked:
            assert hits.value == bytes(8)
    with pytest.raises(ValueError, match="variable 'hits': the object is closed"):
        hits.value  # noqa: B018
    with pytest.raises(ValueError, match="variable 'hits': the object is closed"):
        hits.value = bytes(8)


def test_extern_is_refused_before_anything_is_made():
    spec = object_spec()
    add_program(spec, "main", "socket", Asm().load_extern(R1, "LINUX_KERNEL_VERSION").mov_imm(R0, 0).exit_())
    with pytest.raises(UnsupportedError, match="LINUX_KERNEL_VERSION"):
        spec.load()


def test_close_is_idempotent_and_closes_what_was_attached():
    probe = returning(0).load()
    link = probe.programs["answer"].attach(interface="lo")
    assert probe.links == [link]
    probe.close()
    probe.close()
    assert not link.attached
    with pytest.raises(ValueError, match="closed"):
        link.fileno()
    with pytest.raises(ValueError, match="closed"):
        probe.programs["answer"].fileno()


def test_no_descriptor_reaches_a_child():
    with returning(0).load() as probe:
        probe.programs["answer"].attach()
        numbers = {probe.programs["answer"].fileno(), probe.links[0].fileno()}
        assert not any(os.get_inheritable(number) for number in numbers)


def test_test_run_where_the_kernel_has_none():
    spec = object_spec()
    add_program(spec, "main", "tracepoint", Asm().mov_imm(R0, 0).exit_(), target="sched/sched_switch")
    with spec.load() as probe, pytest.raises(UnsupportedError, match="Attach it"):
        probe.programs["main"].test_run(PACKET)


def test_test_run_of_a_raw_tracepoint_takes_its_arguments():
    spec = object_spec()
    add_program(spec, "main", "raw_tracepoint", Asm().load(8, R0, R1, 8).exit_(), target="sys_enter")
    with spec.load() as probe:
        context = b"".join(n.to_bytes(8, sys.byteorder) for n in (1, 22))
        assert probe.programs["main"].test_run(context=context).retval == 22


def of_section(section: str):
    """A program that returns 1."""
    spec = object_spec()
    spec.functions["main"] = Asm().mov_imm(R0, 1).exit_().function("main", section)
    spec.programs["main"] = program(name="main", section_name=section)
    return spec


@pytest.mark.parametrize(
    ("section", "instead"), [("iter/task", "read its link"), ("tp_btf/sched_switch", "cause")]
)
def test_test_run_of_what_the_kernel_runs_by_itself_only(section, instead):
    features.needs_types()
    features.since("5.8", section)
    with (
        of_section(section).load() as probe,
        pytest.raises(UnsupportedError, match=f"Attach it, and {instead}"),
    ):
        probe.programs["main"].test_run()


@pytest.mark.parametrize("kind", ["socket", "xdp"])
def test_test_run_on_a_cpu_is_for_raw_tracepoints(kind):
    if kind == "xdp":
        features.since(
            "5.18", "the refusal of cpu= for XDP, which older kernels pass over"
        )  # with its live frames
    with of_section(kind).load() as probe, pytest.raises(OSError, match="cpu= is for raw tracepoints"):
        probe.programs["main"].test_run(PACKET, cpu=0)


def test_test_run_of_sk_lookup_takes_its_context():
    features.since("5.13", "a test run of sk_lookup")
    context = bytes(8) + (2).to_bytes(4, sys.byteorder) + bytes(60)
    with of_section("sk_lookup").load() as probe:
        run = probe.programs["main"].test_run
        assert run(context=context).retval == 1
        with pytest.raises(OSError, match=r"sk_lookup takes context=, a struct bpf_sk_lookup"):
            run(PACKET)
        with pytest.raises(OSError, match="the family in its context is AF_INET or AF_INET6"):
            run(context=bytes(len(context)))


@pytest.mark.parametrize("kind", ["socket", "xdp"])
def test_a_packet_that_is_too_long_is_explained(kind):
    spec = object_spec()
    add_program(spec, "main", kind, Asm().mov_imm(R0, 0).exit_())
    with spec.load() as probe, pytest.raises(OSError, match=r"1000000 bytes.*one page.*about \d+ bytes"):
        probe.programs["main"].test_run(bytes(1000000))


def test_a_context_that_is_too_short_is_explained():
    with (
        of_section("socket").load() as probe,
        pytest.raises(OSError, match="context= is shorter than its struct"),
    ):
        probe.programs["main"].test_run(PACKET, context=bytes(4))


def test_short_packet_is_explained():
    with returning(0).load() as probe, pytest.raises(OSError, match="14 or more"):
        probe.programs["answer"].test_run(b"short")


# -- older kernels, played by refusing what they do not know ------------------------------------


def refusing(monkeypatch, command: str, condition, errno: int = 22):
    """Make a command fail with the errno where the condition holds for its members."""
    real = getattr(commands, command)

    def call(*arguments, **members):
        if condition(*arguments, **members):
            raise SystemCallError(errno, os.strerror(errno), command=command)
        return real(*arguments, **members)

    monkeypatch.setattr(commands, command, call)


def test_kernel_without_btf(monkeypatch):
    refusing(monkeypatch, "btf_load", lambda *_, **__: True)
    btf, ids = types()
    spec = with_types(returning(3), btf)
    spec.functions["answer"].type_id = ids["program"]
    with spec.load() as probe:
        assert "section '.BTF'" in str(probe.btf_error)
        assert probe.programs["answer"].test_run(PACKET).retval == 3
    asm = Asm().mov_imm(R1, 5).load_function(R2, "answer").mov_imm(R3, 0).mov_imm(R4, 0).call(181).exit_()
    add_program(spec, "looping", "socket", asm, type_id=ids["program"])
    with pytest.raises(UnsupportedError, match=r"callbacks without BTF.*\n.*btf_load"):
        spec.load()


def test_kernel_without_function_records(monkeypatch):
    """Linux 4.18 has BTF, and answers E2BIG to the members that 5.0 added."""
    real = commands.bpf

    def bpf(command, data):
        newer = command == enums.BPF_PROG_LOAD and commands.unpack(PROG_LOAD, data, "prog_btf_fd")
        return -7 if newer else real(command, data)

    monkeypatch.setattr(commands, "bpf", bpf)
    btf, ids = types()
    spec = with_types(returning(3), btf)
    spec.functions["answer"].type_id = ids["program"]
    with spec.load() as probe:
        assert probe.programs["answer"].info["nr_func_info"] == 0
        assert probe.programs["answer"].test_run(PACKET).retval == 3


def test_kernel_without_shared_data_maps(monkeypatch):
    refusing(monkeypatch, "map_create", lambda *_, map_flags=0, **__: map_flags & 0x400)
    spec = returning(0)
    add_data_map(spec, ".data", b"01234567")
    add_variable(spec, "word", ".data", offset=4, size=4)
    with spec.load() as probe:
        assert probe.variables["word"].value == b"4567"
        probe.variables["word"].value = b"abcd"
        assert probe.maps[".data"][0] == b"0123abcd"


def test_kernel_without_global_data(monkeypatch):
    refusing(monkeypatch, "map_create", lambda *_, map_flags=0, **__: map_flags & 0x80)
    spec = returning(0)
    add_data_map(spec, ".rodata", b"01234567", frozen=True)
    with pytest.raises(UnsupportedError, match=r"global data.*5\.2"):
        spec.load()


def test_kernel_that_is_interrupted_while_verifying(monkeypatch):
    """EAGAIN: a signal came; the load is tried again."""
    real = commands.bpf
    refused = []

    def bpf(command, attributes):
        if command == enums.BPF_PROG_LOAD and len(refused) < 3:
            refused.append(command)
            return -11
        return real(command, attributes)

    monkeypatch.setattr(commands, "bpf", bpf)
    with returning(5).load() as probe:
        assert probe.programs["answer"].test_run(PACKET).retval == 5
    assert len(refused) == 3


UNPRIVILEGED = """
import os, sys
from pyzbpf.errors import PrivilegeError
from pyzbpf.runtime import object
from tests.kernel.test_load import returning, types, with_types
spec = with_types(returning(0), types()[0])
spec.load().close()  # as root, for it imports what the other user may not be able to read
os.setgid(65534)
os.setuid(65534)
try:
    spec.load()
except PrivilegeError as error:
    print(error.capability, error.exit_code, error)
"""


def test_without_privilege():
    done = subprocess.run([sys.executable, "-c", UNPRIVILEGED], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("CAP_BPF 3 BPF_BTF_LOAD: not permitted; it needs CAP_BPF, or root.")
    assert "sudo" in done.stdout
