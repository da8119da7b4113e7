"""Global functions whose argument is the context, for kernels before 6.8 (94e1c70a3452), which read no tag. Pure.

There a global function takes the context only by a pointer to the struct of the program's type. `arg:ctx` lets the author
write `void *`, and share the function between types; so each type gets a prototype of its own, as libbpf gives it.
"""

from __future__ import annotations

import struct

from pyzbpf.adapt.btf_rewriter import BtfRewriter
from pyzbpf.btf import types as kinds
from pyzbpf.btf.decode import Btf
from pyzbpf.uapi import enums as e

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyzbpf.adapt.adapt import ReadyProgram

TAG = "arg:ctx"

_HEADER, _PARAMETER = 12, 8

_SK_BUFF = (
    e.BPF_PROG_TYPE_CGROUP_SKB, e.BPF_PROG_TYPE_FLOW_DISSECTOR, e.BPF_PROG_TYPE_LWT_IN, e.BPF_PROG_TYPE_LWT_OUT,
    e.BPF_PROG_TYPE_LWT_SEG6LOCAL, e.BPF_PROG_TYPE_LWT_XMIT, e.BPF_PROG_TYPE_SCHED_ACT, e.BPF_PROG_TYPE_SCHED_CLS,
    e.BPF_PROG_TYPE_SK_SKB, e.BPF_PROG_TYPE_SOCKET_FILTER,
)  # fmt: skip
# include/linux/bpf_types.h; other types have no struct of a name.
_CONTEXTS = {
    **dict.fromkeys(_SK_BUFF, "__sk_buff"),
    e.BPF_PROG_TYPE_CGROUP_DEVICE: "bpf_cgroup_dev_ctx",
    e.BPF_PROG_TYPE_CGROUP_SOCK: "bpf_sock",
    e.BPF_PROG_TYPE_CGROUP_SOCK_ADDR: "bpf_sock_addr",
    e.BPF_PROG_TYPE_CGROUP_SOCKOPT: "bpf_sockopt",
    e.BPF_PROG_TYPE_CGROUP_SYSCTL: "bpf_sysctl",
    e.BPF_PROG_TYPE_KPROBE: "bpf_user_pt_regs_t",
    e.BPF_PROG_TYPE_NETFILTER: "bpf_nf_ctx",
    e.BPF_PROG_TYPE_PERF_EVENT: "bpf_perf_event_data",
    e.BPF_PROG_TYPE_RAW_TRACEPOINT: "bpf_raw_tracepoint_args",
    e.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE: "bpf_raw_tracepoint_args",
    e.BPF_PROG_TYPE_SK_LOOKUP: "bpf_sk_lookup",
    e.BPF_PROG_TYPE_SK_MSG: "sk_msg_md",
    e.BPF_PROG_TYPE_SK_REUSEPORT: "sk_reuseport_md",
    e.BPF_PROG_TYPE_SOCK_OPS: "bpf_sock_ops",
    e.BPF_PROG_TYPE_XDP: "xdp_md",
}


def tagged(btf: Btf) -> dict[int, set[int]]:
    """Id of a global function -> which of its arguments are tagged, from 0 on."""
    found: dict[int, set[int]] = {}
    for _, tag in btf.named(kinds.DECL_TAG):
        if tag.name != TAG or tag.component < 0:
            continue
        function = btf.get(tag.type)
        if function.kind == kinds.FUNC and function.linkage == kinds.GLOBAL:
            found.setdefault(tag.type, set()).add(tag.component)
    return found


def typed(btf: Btf, programs: Iterable[tuple[int, ReadyProgram]]) -> Btf:
    """The types with a function and a prototype more for each tagged function of each type of program.

    ``programs`` are (BPF_PROG_TYPE_*, program); their func_info is changed to name the new functions.
    """
    tags = tagged(btf)
    rewriter = _Rewriter(btf)
    for program_type, ready in programs:
        name = _CONTEXTS.get(program_type)
        if name is not None:
            ready.func_info = [
                (index, rewriter.function(type_id, tags[type_id], name) if type_id in tags else type_id)
                for index, type_id in ready.func_info
            ]
    return Btf(rewriter.bytes(), btf.endian)


class _Rewriter(BtfRewriter):
    """Adds what is asked for once."""

    def __init__(self, btf: Btf) -> None:
        super().__init__(btf)
        self._contexts: dict[str, int] = {}
        self._functions: dict[tuple[int, str], int] = {}

    def function(self, type_id: int, arguments: set[int], context: str) -> int:
        """The id of the function with a pointer to that struct for each of the arguments."""
        if (type_id, context) not in self._functions:
            found = self.btf.get(type_id)
            prototype = self.btf.get(found.type)
            words = list(self._words(prototype.place, _HEADER // 4 + 2 * len(prototype.parameters)))
            for number in arguments:
                words[_HEADER // 4 + 2 * number + 1] = self._context(context)
            header = self._words(found.place, 2)
            self._functions[type_id, context] = self.add_type(*header, self.add_type(*words))
        return self._functions[type_id, context]

    def _context(self, name: str) -> int:
        """The id of a pointer to a struct of that name, which nobody looks into."""
        if name not in self._contexts:
            described = self.add_type(self.add_string(name.encode()), kinds.STRUCT << 24, 0)
            self._contexts[name] = self.add_type(0, kinds.PTR << 24, described)
        return self._contexts[name]

    def _words(self, place: int, count: int) -> tuple[int, ...]:
        return struct.unpack_from(f"{self.order}{count}I", self.btf.data, place)
