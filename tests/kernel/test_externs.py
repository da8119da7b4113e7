"""Configuration, symbols and functions of the running kernel, as a probe sees them."""

from __future__ import annotations

import gzip
import os
import sys
import threading
from pathlib import Path

import pytest

from pyzbpf.adapt import externs
from pyzbpf.btf import types as kinds
from pyzbpf.btf.decode import decode
from pyzbpf.errors import ObjectError, PrivilegeError, UnsupportedError, VerifierError
from pyzbpf.kernel import commands, kallsyms, kconfig, vmlinux
from pyzbpf.spec.externs import read, values_map
from tests.support import features, zig_probes
from tests.support.assemble import R0, R1, R2, Asm, add_data_map, add_program, object_spec
from tests.support.btf_writer import Writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.spec.model import ObjectSpec

EXTERN = 2


@pytest.fixture(autouse=True)
def _kernel_types() -> None:
    features.needs_types()


def configuration() -> dict[str, str]:
    """The kernel's own, read another way than the loader does."""
    for path in (Path(f"/boot/config-{os.uname().release}"), Path("/proc/config.gz")):
        if path.exists():
            data = path.read_bytes()
            text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
            return dict(line.split("=", 1) for line in text.splitlines() if line.startswith("CONFIG_"))
    pytest.skip("needs the kernel's configuration: /proc/config.gz (CONFIG_IKCONFIG_PROC) or /boot/config-*")


def symbol(name: str) -> int:
    for line in Path("/proc/kallsyms").read_text().splitlines():
        fields = line.split()
        if fields[2] == name:
            return int(fields[0], 16)
    return 0


def test_a_probe_of_everything() -> None:
    features.since("6.2", "the kernel function bpf_task_from_pid")
    features.needs_jit("a call of a kernel function")
    config = configuration()
    spec = zig_probes.spec("externals")
    spec.variables["wanted"].value = threading.get_native_id()
    with spec.load() as probe:
        assert probe.btf_error is None, "the kernel took the type information"
        assert probe.programs["ask"].test_run().retval == 0
        value = {name: variable.value for name, variable in probe.variables.items()}
        values = probe.maps[".kconfig"][0]
        assert probe.maps[".kconfig"].info["btf_value_type_id"]
        with pytest.raises(PrivilegeError):  # frozen
            commands.map_update(probe.maps[".kconfig"].fd.fileno(), bytes(4), bytes(13))
    assert value["hertz"] == int(config["CONFIG_HZ"]) == values.CONFIG_HZ
    major, minor, patch = os.uname().release.split("-")[0].split(".")[:3]
    if "Debian" not in os.uname().version and not os.path.exists("/proc/version_signature"):
        assert value["version"] == int(major) << 16 | int(minor) << 8 | min(int(patch), 255)
    assert value["preempt"] is (config.get("CONFIG_BPF") == "y")
    assert value["symbol"] == symbol("bpf_prog_fops")
    assert (value["missing_option"], value["missing_symbol"], value["has_missing"]) == (0, 0, False)
    assert value["found_pid"] == value["wanted"]
    assert bytes(spec.maps[".kconfig"].contents or b"") == bytes(13), "the spec is not changed"


@pytest.mark.parametrize("mode", ["safe", "small", "fast"])
def test_a_probe_of_plain_declarations(mode: str) -> None:
    features.since("6.2", "the kernel function bpf_task_from_pid")
    features.needs_jit("a call of a kernel function")
    config = configuration()
    spec = zig_probes.spec("declarations", mode)
    assert {name: (found.kind, found.weak) for name, found in spec.externs.items()} == {
        "CONFIG_HZ": ("kconfig", False), "LINUX_KERNEL_VERSION": ("kconfig", False), "CONFIG_NO_SUCH_OPTION": ("kconfig", True),
        "_stext": ("ksym", False), "no_such_variable": ("ksym", True), "bpf_no_such_function": ("kfunc", True),
        "bpf_strcmp": ("kfunc", True), "bpf_task_from_pid": ("kfunc", False), "bpf_task_release": ("kfunc", False),
    }  # fmt: skip
    spec.variables["wanted"].value = threading.get_native_id()
    with spec.load() as probe:
        assert probe.btf_error is None, "the kernel took the type information"
        assert probe.programs["ask"].test_run().retval == 0
        value = {name: variable.value for name, variable in probe.variables.items()}
    assert value["hertz"] == int(config["CONFIG_HZ"]) and value["version"] >> 16 >= 5
    assert (value["option"], value["variable"]) == (0, 0)
    assert value["symbol"] == symbol("_stext") != 0
    assert value["found_pid"] == value["wanted"]
    has_strcmp = bool(vmlinux.vmlinux().find("bpf_strcmp", kinds.FUNC))
    assert value["compared"] == (0 if has_strcmp else 9)


# What one instruction makes of an extern is stored in `.bss`, and read there.
def asking(asm: Asm, types: Writer, *, weak: tuple[str, ...] = ()) -> ObjectSpec:
    spec = object_spec()
    spec.btf = decode(types.bytes(), sys.byteorder)
    for found in read(spec.btf, {}, file="test.o"):
        found.weak = found.name in weak
        spec.externs[found.name] = found
    values = values_map(spec.btf, spec.externs.values())
    if values is not None:
        spec.maps[values.name] = values
    add_data_map(spec, ".bss", bytes(8))
    add_program(spec, "main", "socket", asm.load_data(R2, ".bss").store(8, R2, R1).mov_imm(R0, 0).exit_())
    return spec


def answer(spec: ObjectSpec) -> int:
    with spec.load() as probe:
        assert probe.btf_error is None, probe.btf_error
        probe.programs["main"].test_run(bytes(14))
        raw = probe.maps[".bss"].fd.fileno()
        return int.from_bytes(commands.map_lookup(raw, bytes(4), 8) or b"", sys.byteorder)


def one(name: str, *, section: str = ".ksyms", kind: str = "void") -> Writer:
    """Type information that declares one variable and nothing else."""
    w = Writer(sys.byteorder)
    number = {"u64": 8, "u8": 1, "u128": 16}.get(kind)
    type_ = w.const(0) if number is None else w.int(kind, number)
    w.datasec(section, [(w.var(name, type_, EXTERN), 0, number or 0)])
    return w


def test_the_address_of_a_symbol() -> None:
    spec = asking(Asm().load_extern(R1, "_stext"), one("_stext"))
    assert answer(spec) == symbol("_stext") != 0


def test_a_missing_symbol() -> None:
    asm = Asm().load_extern(R1, "no_such_symbol")
    assert answer(asking(asm, one("no_such_symbol"), weak=("no_such_symbol",))) == 0
    with pytest.raises(
        UnsupportedError, match=r"program 'main': the kernel symbol 'no_such_symbol'.*\n.*in C __weak"
    ):
        asking(Asm().load_extern(R1, "no_such_symbol"), one("no_such_symbol")).load()


def test_a_variable_with_its_type() -> None:
    """The kernel's types hold the variables that each processor has of its own."""
    w = Writer(sys.byteorder)
    unsigned = w.int("unsigned int", 4)
    w.datasec(".ksyms", [(w.var("cpu_number_is_missing", unsigned, EXTERN), 0, 4)])
    assert (
        answer(asking(Asm().load_extern(R1, "cpu_number_is_missing"), w, weak=("cpu_number_is_missing",)))
        == 0
    )

    types = vmlinux.vmlinux()
    name = next((n for n in ("runqueues", "kernel_cpustat", "softnet_data") if types.find(n, 14)), None)
    if name is None:
        pytest.skip("needs a kernel whose types hold a variable that is known here")
    (variable,) = types.find(name, 14)
    pointee = types.get(variable.type)
    assert pointee is not None
    w = Writer(sys.byteorder)
    w.datasec(".ksyms", [(w.var(name, w.struct(pointee.name, 4, []), EXTERN), 0, 4)])
    spec = asking(Asm().load_extern(R1, name).mov_imm(R1, 7), w)
    spec.programs["main"].type, spec.programs["main"].section = 17, "raw_tp"
    if symbol(name):
        with spec.load() as probe:
            assert probe.programs["main"].info["xlated_prog_len"]
    else:
        with pytest.raises(VerifierError, match=f"kernel symbol '{name}'") as caught:
            spec.load()
        assert "CONFIG_KALLSYMS_ALL" in str(caught.value)
    wrong = Writer(sys.byteorder)
    wrong.datasec(".ksyms", [(wrong.var(name, wrong.int("u32", 4), EXTERN), 0, 4)])
    with pytest.raises(ObjectError, match=f"the type of '{name}' is another one"):
        asking(Asm().load_extern(R1, name), wrong).load()


def option(name: str, kind: str, *, weak: bool = False) -> ObjectSpec:
    asm = Asm().load_extern(R1, name).load(8 if kind == "u64" else 1, R1, R1)
    return asking(asm, one(name, section=".kconfig", kind=kind), weak=(name,) if weak else ())


def test_options() -> None:
    config = configuration()
    assert answer(option("CONFIG_HZ", "u64")) == int(config["CONFIG_HZ"])
    assert answer(option("CONFIG_BPF", "u8")) == ord("y")
    assert answer(option("CONFIG_NO_SUCH", "u64", weak=True)) == 0
    assert answer(option("LINUX_NOT_KNOWN", "u64", weak=True)) == 0
    assert answer(option("LINUX_HAS_BPF_COOKIE", "u64")) == (not features.is_older("5.15"))
    wrapped = any(symbol(f"__{machine}_sys_bpf") for machine in ("x64", "arm64", "s390x"))
    assert answer(option("LINUX_HAS_SYSCALL_WRAPPER", "u8")) == wrapped


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("CONFIG_NO_SUCH", "u64", ["program 'main'", "CONFIG_NO_SUCH", "function 'main'", "is not set in /", "weakKconfig (in C __weak)"]),
        ("CONFIG_HZ", "u128", ["symbol 'CONFIG_HZ'", "u128 cannot hold it"]),
        ("CONFIG_BPF", "u64", ["symbol 'CONFIG_BPF'", "says y", "an integer"]),
        ("LINUX_NOT_KNOWN", "u64", ["symbol 'LINUX_NOT_KNOWN'", "LINUX_KERNEL_VERSION"]),
    ],
)  # fmt: skip
def test_options_that_cannot_be_had(name: str, kind: str, words: list[str]) -> None:
    configuration()
    spec = asking(Asm().load_extern(R1, name), one(name, section=".kconfig", kind=kind))
    with pytest.raises((UnsupportedError, ObjectError)) as caught:
        spec.load()
    assert all(word in str(caught.value) for word in words), caught.value


def test_no_configuration_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kconfig, "places", lambda: ["/nowhere/config", "/nowhere/config.gz"])
    for weak in (True, False):  # what cannot be known is not 0
        with pytest.raises(UnsupportedError, match=r"CONFIG_HZ.*\n.*/nowhere/config or /nowhere/config.gz"):
            option("CONFIG_HZ", "u64", weak=weak).load()


def test_programs_that_are_left_out_ask_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("nothing was to be asked")

    monkeypatch.setattr(kconfig, "options", never)
    monkeypatch.setattr(kallsyms, "addresses", never)
    spec = option("CONFIG_HZ", "u64")
    spec.programs["main"].autoload = False
    spec.load().close()


def call(name: str, *, weak: bool) -> ObjectSpec:
    w = Writer(sys.byteorder)
    prototype = w.prototype(0, [])
    w.datasec(".ksyms", [(w.func(name, prototype, EXTERN), 0, 0)])
    asm = Asm().call_function(name, "kfunc").mov_imm(R1, 3)
    return asking(asm, w, weak=(name,) if weak else ())


def test_a_missing_function_that_is_called() -> None:
    with pytest.raises(
        UnsupportedError,
        match=r"program 'main': the kernel function 'bpf_none'.*\n.*function 'main'.*in C declare it __weak",
    ):
        call("bpf_none", weak=False).load()
    with pytest.raises(VerifierError) as caught:
        call("bpf_none", weak=True).load()
    assert "the kernel function 'bpf_none': the running kernel has no such function" in str(caught.value)
    assert "kfuncExists" in str(caught.value)
    assert str(externs.POISON) in caught.value.log


def test_another_prototype() -> None:
    features.since("6.2", "the kernel function bpf_task_from_pid")
    with pytest.raises(
        ObjectError, match="prototype of 'bpf_task_from_pid' is another one in the running kernel"
    ):
        call("bpf_task_from_pid", weak=False).load()
