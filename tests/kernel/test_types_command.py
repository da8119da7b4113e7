"""`pyzbpf types` on the running kernel's BTF: what it prints compiles and reads right values."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import pyzbpf
from pyzbpf.btf import decode, zig
from pyzbpf.btf import types as kinds
from pyzbpf.build.compile import build_probe
from pyzbpf.cli.main import main
from tests.support import features, zig_probes
from tests.support.objects import sample

ROOT = Path(__file__).parents[2]
VMLINUX = Path("/sys/kernel/btf/vmlinux")
COMMON_TYPES = """
    task_struct sock sk_buff file inode dentry mm_struct request net_device bio cred nsproxy vm_area_struct super_block
    path qstr socket tcp_sock inet_sock udp_sock iphdr ipv6hdr tcphdr udphdr ethhdr in6_addr sockaddr_in sockaddr_in6
    signal_struct sighand_struct files_struct fdtable fs_struct pid pid_namespace user_namespace uts_namespace cgroup
    css_set kmem_cache page rq cfs_rq sched_entity gendisk block_device request_queue module linux_binprm pt_regs
    bpf_prog bpf_map trace_event_raw_sys_enter trace_event_raw_sched_switch kernfs_node work_struct timer_list hrtimer
    mount vfsmount net list_head rb_node
"""

MATCHED = ["task_struct", "sk_buff", "sock", "net_device", "file", "page", "inode", "dentry", "mm_struct"]

PROGRAM = """
export var pid: i32 = 0;
export var parent: i32 = 0;
export var start: u64 = 0;
export fn ask(_: *bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    const task = bpf.core.currentTask(task_struct);
    pid = bpf.core.read(task, "tgid");
    parent = bpf.core.read(task, "real_parent.tgid");
    start = bpf.core.read(task, "mm.start_code");
    return 0;
}
"""


def test_what_it_prints_is_a_probes_first_half(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    zig_probes.need_compiler()
    assert main(["types", "task_struct:tgid,comm,real_parent.tgid,mm.start_code,sched_reset_on_fork"]) == 0
    source = tmp_path / "printed.zig"
    source.write_text(capsys.readouterr().out + PROGRAM)
    (path,) = build_probe(source, endian="host", output_directory=tmp_path)
    with pyzbpf.open(path).load() as probe:
        probe.programs["ask"].test_run(context=bytes(96))
        assert probe.variables["pid"].value == os.getpid()
        assert probe.variables["parent"].value == os.getppid()
        assert probe.variables["start"].value > 0


def test_a_missing_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["types", "task_struct", "--btf", "no/such.btf"]) == 1
    assert (
        "no/such.btf: cannot be read: No such file or directory\n  --btf names a file"
        in capsys.readouterr().err
    )


def test_a_name_that_is_not_there_comes_with_the_file_that_was_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    features.needs_types()
    copy = tmp_path / "another.btf"
    copy.write_bytes(VMLINUX.read_bytes())
    for options, file in (([], VMLINUX), (["--btf", str(copy)], copy)):
        for wanted, message in (
            ("task_struct:never_was", "struct task_struct has no member 'never_was'"),
            ("never_was", "the BTF has no struct, union, enum or typedef 'never_was'"),
        ):
            assert main(["types", wanted, *options]) == 1
            assert f"{file}, symbol 'never_was': {message}" in capsys.readouterr().err


def test_a_file_without_types_is_told_what_is_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "text"
    for data in (b"", b"x", b"some text"):
        path.write_bytes(data)
        assert main(["types", "task_struct", "--btf", str(path)]) == 1
        assert capsys.readouterr().err == (
            f"pyzbpf: error: {path}: holds neither BTF nor an object\n  BTF is what /sys/kernel/btf/vmlinux holds\n"
        )
    path.write_bytes(sample().replace(b"\0.BTF\0", b"\0.btf\0"))
    assert main(["types", "task_struct", "--btf", str(path)]) == 1
    assert "has no section .BTF\n  compile it with debug information" in capsys.readouterr().err


def composites(btf: decode.Btf, type_id: int) -> kinds.Type | None:
    _, found = btf.resolve(type_id)
    return found if found is not None and found.kind in (kinds.STRUCT, kinds.UNION) else None


def members(btf: decode.Btf, found: kinds.Type, start: int = 0) -> dict[str, tuple[int, int, int]]:
    """Name -> (bit offset, size in bytes, bits of a bit field), through members without a name."""
    known: dict[str, tuple[int, int, int]] = {}
    for member in found.members:
        inner = composites(btf, member.type)
        if member.name:
            known[member.name] = (start + member.bit_offset, btf.size_of(member.type), member.bits)
        elif inner is not None:
            known |= members(btf, inner, start + member.bit_offset)
    return known


def asked(name: str, known: dict[str, tuple[int, int, int]]) -> str:
    """A program that asks where each member of a declared type lies, how large it is and how it is shifted."""
    type_ = zig.identifier(name)
    lines = [
        f'    of_{name}[{4 * place + part}] = @truncate(bpf.core.{question}({type_}, "{member}"));'
        for place, member in enumerate(known)
        for part, question in enumerate(("offset", "size", "leftShift", "rightShift"))
        if part < 2 or known[member][2]
    ]
    head = f'export fn ask_{name}(_: *bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {{'
    return "\n".join(
        [f"export var of_{name}: [{4 * len(known)}]u32 = @splat(0);", head, *lines, "    return 0;\n}\n"]
    )


def test_whole_types_match_the_kernel_that_they_are_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    zig_probes.need_compiler()
    assert main(["types", *MATCHED]) == 0
    source = tmp_path / "matched.zig"
    source.write_text(
        capsys.readouterr().out
        + f"export var matching: [{len(MATCHED)}]bool = @splat(false);\n"
        + "".join(
            f'export fn ask_{name}(_: *bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int '
            f"{{ matching[{place}] = bpf.core.membersMatch({name}); return 0; }}\n"
            for place, name in enumerate(MATCHED)
        )
    )
    (path,) = build_probe(source, endian="host", output_directory=tmp_path)
    with pyzbpf.open(path).load() as probe:
        for program in probe.programs.values():
            program.test_run(context=bytes(96))
        assert dict(zip(MATCHED, probe.variables["matching"].value, strict=True)) == dict.fromkeys(
            MATCHED, True
        )


def test_whole_types_have_every_member_where_the_kernel_has_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """About sixty structs and the two hundred that lie in them: all that is printed compiles and is found."""
    zig_probes.need_compiler()
    btf = decode.decode(VMLINUX.read_bytes(), sys.byteorder)
    wanted = [name for name in COMMON_TYPES.split() if btf.find(name, kinds.STRUCT)]
    assert len(wanted) > 50
    assert main(["types", *wanted]) == 0
    printed = capsys.readouterr().out
    assert not [line for line in printed.splitlines() if line.strip().startswith("//")]
    known = {}
    for line in printed.splitlines():
        if line.startswith("pub const ") and " = extern " in line:
            name, head = line.split()[2].strip('@"'), line.split()[5]
            kind = kinds.STRUCT if head == "struct" else kinds.UNION
            known[name] = members(btf, btf.get(btf.find(name, kind)))
    known = {name: found for name, found in known.items() if found}
    assert len(known) > 150 and set(wanted) <= set(known)
    source = tmp_path / "printed.zig"
    source.write_text(printed + "".join(asked(name, found) for name, found in known.items()))
    (path,) = build_probe(source, endian="host", output_directory=tmp_path)
    with pyzbpf.open(path).load() as probe:
        for name, found in known.items():
            probe.programs[f"ask_{name}"].test_run(context=bytes(96))
            answers = probe.variables[f"of_{name}"].value
            for place, (member, (bit_offset, size, bits)) in enumerate(found.items()):
                answer = answers[4 * place : 4 * place + 4]
                expected = answer[:2] if bits else [bit_offset // 8, size]
                if bits:  # the load is the compiler's choice; shifted left, the field's highest bit is bit 63
                    inside = bit_offset - 8 * answer[0]
                    left = 64 - inside - bits if sys.byteorder == "little" else 8 * (8 - answer[1]) + inside
                    expected += [left, 64 - bits]
                assert answer[: len(expected)] == expected, f"{name}.{member}"


VALUES = """
export var descriptor: u32 linksection(".rodata") = 0;
export var in_namespace: i32 = 0;
export var state: u32 = 0;
export var cap: u64 = 0;
export var mask: u64 = 0;
export fn ask(_: *bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    const task = bpf.core.currentTask(task_struct);
    in_namespace = bpf.core.read(task, "thread_pid.numbers[0].nr");
    cap = bpf.core.read(task, "cred.cap_effective.val");
    mask = bpf.core.read(task, "cpus_mask.bits[0]");
    const files = @intFromPtr(bpf.core.read(task, "files.fdt.fd"));
    var entry: u64 = 0;
    _ = bpf.helpers.probe_read_kernel(@ptrCast(&entry), 8, @ptrFromInt(files +% 8 * descriptor));
    const opened = @intFromPtr(bpf.core.read(bpf.core.pointer(file, entry), "private_data"));
    state = @backingInt(bpf.core.read(bpf.core.pointer(socket, opened), "state"));
    return 0;
}
"""


def test_arrays_without_length_enums_and_inner_structs_read_the_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    zig_probes.need_compiler()
    wanted = "task_struct:thread_pid.numbers,cred.cap_effective,cpus_mask,files.fdt.fd"
    assert main(["types", wanted, "file:private_data", "socket:state"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"numbers: \[[01]\]upid", printed), "an element before Linux 6.5, then none"
    assert "cpus_mask: cpumask" in printed
    (tmp_path / "printed.zig").write_text(printed + VALUES)
    (path,) = build_probe(tmp_path / "printed.zig", endian="host", output_directory=tmp_path)
    one, other = socket.socketpair()
    with one, other, pyzbpf.open(path) as spec:
        spec.variables["descriptor"].value = one.fileno()
        with spec.load() as probe:
            probe.programs["ask"].test_run(context=bytes(96))
            value = {name: variable.value for name, variable in probe.variables.items()}
    status = dict(
        line.split(":\t")
        for line in Path("/proc/thread-self/status").read_text().splitlines()
        if ":\t" in line
    )
    if os.stat("/proc/self/ns/pid").st_ino == 0xEFFFFFFC:  # PROC_PID_INIT_INO: numbers[0] is as we see it
        assert value["in_namespace"] == threading.get_native_id()
    assert value["in_namespace"] > 0
    assert value["state"] == 3  # SS_CONNECTED
    assert value["cap"] == int(status["CapEff"], 16)
    assert value["mask"] == int(status["Cpus_allowed"].replace(",", ""), 16) & (1 << 64) - 1


WRONG = """
const bpf = @import("bpf");
const task_struct = extern struct { pid: u64, comm: bpf.Text(16), cpu_clock: u32, start_time: u64, real_parent: ?*task_struct };
export var sum: u64 = 0;
export fn wrong(_: *bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    const task = bpf.core.currentTask(task_struct);
    sum = bpf.core.read(task, "real_parent.pid") +% bpf.core.read(task, "start_time");
    return bpf.core.read(task, "comm")[0];
}
export fn careful(_: *bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    sum = bpf.core.size(task_struct, "pid") +% bpf.core.offset(task_struct, "pid");
    return 0;
}
"""


def test_a_member_of_the_wrong_width_is_warned_of(tmp_path: Path) -> None:
    zig_probes.need_compiler()
    (tmp_path / "wrong.zig").write_text(WRONG)
    (path,) = build_probe(tmp_path / "wrong.zig", endian="host", output_directory=tmp_path)
    with pytest.warns(pyzbpf.LayoutWarning) as caught, pyzbpf.open(path).load():
        pass
    (warning,) = caught
    assert warning.filename == __file__
    assert str(warning.message) == (
        f"{path}, function 'wrong': struct task_struct.pid has 4 bytes in the kernel and 8 in the probe: a copy of so "
        "many bytes (core.read, bpf_probe_read_kernel) is not its value; declare it as `pyzbpf types` does"
    )
    command = [sys.executable, "-m", "pyzbpf", "run", str(path), "--duration", "0.1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0
    assert done.stderr.startswith(
        f"pyzbpf: warning: {path}, function 'wrong': struct task_struct.pid has 4 bytes"
    )


WRONG_IN_C = """
#include "core.h"
struct task_struct { u64 pid; } CORE;
u64 seen;
SEC("raw_tp/sys_enter") int wrong(void *context)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    u64 value = 0;
    READ(value, task->pid);
    seen = value;
    return 0;
}
"""


def test_clang_s_reads_are_looked_at_too(tmp_path: Path) -> None:
    zig_probes.need_compiler()
    (tmp_path / "core.h").write_text((ROOT / "tests" / "zig" / "c" / "core.h").read_text())
    (tmp_path / "wrong.c").write_text(WRONG_IN_C)
    (path,) = build_probe(tmp_path / "wrong.c", endian="host", output_directory=tmp_path)
    with pytest.warns(
        pyzbpf.LayoutWarning, match="task_struct.pid has 4 bytes in the kernel and 8 in the probe"
    ):
        pyzbpf.open(path).load().close()
