"""`pyzbpf types --btf FILE` on kernels of both byte orders: what it writes compiles, and finds its way home."""

from __future__ import annotations

import pytest

import pyzbpf
from pyzbpf.btf import decode
from pyzbpf.btf import types as kinds
from pyzbpf.build.compile import build_probe
from pyzbpf.cli.main import main
from tests.support.core_answers import answers
from tests.support.sent import sent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from pyzbpf.btf.decode import Btf
    from tests.oracle.conftest import KernelTypes

WANTED = [
    "task_struct:tgid,comm,real_parent.tgid,mm.start_code,sched_reset_on_fork,se.sum_exec_runtime",
    "sk_buff:len,pkt_type,dev.ifindex",
    "bpf_attr:prog_type,map_type",
    "sock:__sk_common.skc_family",
    "pid_type",
    "perf_callchain_context",
]
PROGRAM = """
export var out: [16]u64 = @splat(0);
export fn ask(_: *bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    out[0] = bpf.core.offset(task_struct, "tgid");
    out[1] = bpf.core.offset(task_struct, "comm");
    out[2] = bpf.core.offset(task_struct, "real_parent");
    out[3] = bpf.core.offset(mm_struct, "start_code");
    out[4] = bpf.core.offset(sk_buff, "dev");
    out[5] = bpf.core.offset(net_device, "ifindex");
    out[6] = bpf.core.offset(bpf_attr, "prog_type");
    out[7] = bpf.core.offset(sock, "__sk_common.skc_family");
    out[8] = bpf.core.offset(task_struct, "se.sum_exec_runtime");
    out[9] = bpf.core.enumValue(pid_type.PIDTYPE_SID);
    out[10] = bpf.core.enumValue(perf_callchain_context.PERF_CONTEXT_KERNEL);
    out[11] = bpf.core.rightShift(task_struct, "sched_reset_on_fork");
    out[12] = bpf.core.read(bpf.core.currentTask(task_struct), "mm.start_code");
    return 0;
}
"""


def offset(btf: Btf, type_id: int, *names: str) -> int:
    """Bytes to a member, through anonymous ones, by the decoder that reads everything."""
    bits = 0
    for name in names:
        bits, type_id = next(iter(_places(btf, type_id, name, bits)))
    return bits // 8


def _places(btf: Btf, type_id: int, name: str, bits: int) -> list[tuple[int, int]]:
    _, found = btf.resolve(type_id)
    assert found is not None
    places = []
    for member in found.members:
        if member.name == name:
            places.append((bits + member.bit_offset, member.type))
        elif not member.name:
            places += _places(btf, member.type, name, bits + member.bit_offset)
    return places


def test_what_it_writes_compiles_and_is_found(
    types: KernelTypes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["types", *WANTED, "--btf", str(types.path)]) == 0
    source = tmp_path / "printed.zig"
    source.write_text(capsys.readouterr().out + PROGRAM)
    (path,) = build_probe(source, endian=types.endian, mode="fast", output_directory=tmp_path)
    spec = pyzbpf.open(path)
    assert spec.btf is not None
    made = sent(path, types.path)
    assert not any(ready.unresolved for ready in made.ready.values())
    found = answers(spec.btf, made, types.endian)
    numbers = {(one.kind, one.root, one.path): answer for one, answer in found.items()}
    btf = decode.decode(types.path.read_bytes(), types.endian)
    for root, kind, names in [
        ("task_struct", kinds.STRUCT, ["tgid"]),
        ("task_struct", kinds.STRUCT, ["comm"]),
        ("task_struct", kinds.STRUCT, ["real_parent"]),
        ("task_struct", kinds.STRUCT, ["se", "sum_exec_runtime"]),
        ("mm_struct", kinds.STRUCT, ["start_code"]),
        ("sk_buff", kinds.STRUCT, ["dev"]),
        ("net_device", kinds.STRUCT, ["ifindex"]),
        ("bpf_attr", kinds.UNION, ["prog_type"]),
        ("sock", kinds.STRUCT, ["__sk_common", "skc_family"]),
    ]:
        expected = offset(btf, btf.find(root, kind), *names)
        assert numbers[0, root, "".join(f".{name}" for name in names)] == {expected}, (root, names)
    sid = dict(btf.get(btf.find("pid_type", kinds.ENUM)).values)["PIDTYPE_SID"]
    assert numbers[11, "pid_type", "PIDTYPE_SID"] == {sid}
    assert numbers[11, "perf_callchain_context", "PERF_CONTEXT_KERNEL"] == {2**64 - 128}
    assert numbers[5, "task_struct", ".sched_reset_on_fork"] == {63}


def test_all_members_of_large_types_compile(
    types: KernelTypes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be declared in Zig is a comment, not an error."""
    names = ["task_struct", "sk_buff", "sock", "net_device", "file", "bpf_prog", "page"]
    assert main(["types", *names, "--btf", str(types.path)]) == 0
    source = tmp_path / "whole.zig"
    uses = "".join(f"    sum += bpf.core.typeSize({name});\n" for name in names)
    source.write_text(
        capsys.readouterr().out + "export var sum: u64 = 0;\n"
        'export fn ask(_: *bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {\n'
        + "".join(f"    _ = @sizeOf({name});\n" for name in names)
        + uses
        + "    return 0;\n}\n"
    )
    (path,) = build_probe(source, endian=types.endian, mode="fast", output_directory=tmp_path)
    assert not any(ready.unresolved for ready in sent(path, types.path).ready.values())
