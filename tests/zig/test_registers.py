"""Where the SDK reads registers, against the C headers of each machine: asm/ptrace.h, which Zig brings along."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pyzbpf.build import compiler
from pyzbpf.build.compile import build_probe
from pyzbpf.insn import instruction as insn
from pyzbpf.spec.read import read

LOAD_EIGHT_BYTES = 0x79
CONTEXT = 1  # the register in which a program finds it

# Machine -> Zig's target, the struct of its asm/ptrace.h, and the member of each register that is asked for.
MACHINES = {
    "x86_64": ("x86_64-linux-musl", "struct pt_regs", "rdi rsi rdx rcx r8 r9 rax rip rsp"),
    "arm64": (
        "aarch64-linux-musl", "struct user_pt_regs",
        "regs[0] regs[1] regs[2] regs[3] regs[4] regs[5] regs[0] pc sp",
    ),
    "riscv64": ("riscv64-linux-musl", "struct user_regs_struct", "a0 a1 a2 a3 a4 a5 a0 pc sp"),
    "s390x": (
        "s390x-linux-musl", "user_pt_regs",
        "gprs[2] gprs[3] gprs[4] gprs[5] gprs[6] - gprs[2] psw.addr gprs[15]",
    ),
}  # fmt: skip
# By which member of the kernel's `struct pt_regs` the object tells the machines apart.
KNOWN_BY = {"di": "x86_64", "pstate": "arm64", "a0": "riscv64"}
ASKED = [*(f"arg({index})" for index in range(6)), "result()", "instructionPointer()", "stackPointer()"]

Places = dict[str, dict[str, int]]


def programs(asked: list[str]) -> str:
    names = [f"read{index}" for index in range(len(asked))]
    table = ", ".join(f'.{name} = "kprobe/x"' for name in names)
    functions = (
        f"pub fn {name}(ctx: *const bpf.PtRegs) void {{ seen = ctx.{what}; }}\n"
        for name, what in zip(names, asked, strict=True)
    )
    return (
        f'const bpf = @import("bpf");\npub const programs = .{{ {table} }};\n'
        f"export var seen: u64 = 0;\n{''.join(functions)}"
    )


def places(data: bytes, asked: list[str]) -> Places:
    """Machine -> what is asked for -> the offset at which the object reads it there."""
    spec = read(data, file="probe.o", name="probe")
    assert spec.btf is not None
    found: Places = {}
    for index, what in enumerate(asked):
        function = spec.functions[f"read{index}"]
        names = {
            offset: spec.btf.get(root).members[int(access.split(":")[1])].name
            for offset, root, access, _ in function.core
        }
        machine = "s390x"
        for offset in range(0, len(function.instructions), insn.SIZE):
            code = function.instructions[offset : offset + insn.SIZE]
            machine = KNOWN_BY[names[offset]] if offset in names else machine
            source = code[1] >> 4 if spec.endian == "little" else code[1] & 15
            if code[0] == LOAD_EIGHT_BYTES and source == CONTEXT:
                found.setdefault(machine, {})[what] = int.from_bytes(code[2:4], spec.endian)
    return found


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Places:
    folder = tmp_path_factory.mktemp("registers")
    source = folder / "probe.zig"
    all_of_them: Places = {}
    for endian, asked in (("little", ASKED), ("big", [what for what in ASKED if what != "arg(5)"])):
        source.write_text(programs(asked))
        (path,) = build_probe(
            source, endian=endian, mode="fast", output_directory=folder, cache=folder / "cache"
        )
        all_of_them |= places(path.read_bytes(), asked)
    return all_of_them


def holds(tmp_path: Path, machine: str, assertions: list[str]) -> bool:
    target, _, _ = MACHINES[machine]
    source = tmp_path / "places.c"
    source.write_text(
        "#include <stddef.h>\n#include <asm/ptrace.h>\n"
        + "".join(f'_Static_assert({claim}, "{claim}");\n' for claim in assertions)
    )
    command = [compiler.find_zig(), "cc", "-target", target, "-c", source, "-o", tmp_path / "places.o"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0 or "static assertion failed" in done.stderr, done.stderr
    return done.returncode == 0


@pytest.mark.parametrize("machine", MACHINES)
def test_registers_are_where_the_machine_has_them(machine: str, found: Places, tmp_path: Path) -> None:
    _, struct, members = MACHINES[machine]
    wanted = {what: member for what, member in zip(ASKED, members.split(), strict=True) if member != "-"}
    assert found[machine].keys() == wanted.keys()
    claims = [f"offsetof({struct}, {member}) == {found[machine][what]}" for what, member in wanted.items()]
    assert holds(tmp_path, machine, claims)
    assert not holds(tmp_path, machine, [claims[0] + " + 8"])
