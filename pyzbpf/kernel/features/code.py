"""What programs may be made of: instructions, helper functions, kernel functions; and what loading takes."""

from __future__ import annotations

import os

from pyzbpf.btf import types as kinds
from pyzbpf.errors import Error
from pyzbpf.kernel import vmlinux
from pyzbpf.kernel.features import ask
from pyzbpf.kernel.features.feature import Answer, Feature
from pyzbpf.kernel.privilege import to_load
from pyzbpf.uapi import enums as e
from pyzbpf.uapi import since
from pyzbpf.uapi.helpers import HELPERS as NAMES

_SOCKET, _TRACEPOINT = e.BPF_PROG_TYPE_SOCKET_FILTER, e.BPF_PROG_TYPE_TRACEPOINT

_PROBE_READ_KERNEL, _GET_ATTACH_COOKIE, _LOOP = 113, 174, 181

# What the verifier says of a helper that it does not know, and of one that is not for the program's type.
_UNKNOWN = "invalid func unknown"
_ELSEWHERE = ("unknown func ", "program of this type cannot use helper ")


def helper(number: int) -> Answer:
    """Whether the kernel knows the helper, be it for other types of programs."""
    result, log = ask.load(_SOCKET, ask.call(number) + ask.EXIT)
    if result >= 0 or not log:
        return ask.verdict(result, "CAP_BPF")
    return Answer(False, f"{_UNKNOWN}#{number}") if _UNKNOWN in log else Answer(True)


def helper_for(type: int, number: int) -> Answer:
    """Whether programs of the type may call the helper; that the call lacks its arguments does not matter."""
    result, log = ask.load(type, ask.call(number) + ask.EXIT)
    if result >= 0 or not log:
        return ask.verdict(result, to_load(type))
    refused = any(words in log for words in (_UNKNOWN, *_ELSEWHERE))
    return ask.refusal(result, to_load(type), log) if refused else Answer(True)


def _many() -> Answer:
    """More than 4096 instructions."""
    return ask.program(_SOCKET, ask.move(0, 0) * 4096 + ask.EXIT, log=False)


def _callback() -> Answer:
    """The address of a function: in a program whose functions have no names, so it is refused in other words."""
    address = ask.instruction(0x18, 1, e.BPF_PSEUDO_FUNC, immediate=3) + ask.instruction(0)
    return ask.refused_with("missing btf func_info", _SOCKET, address + ask.RETURN + ask.RETURN)


def _loop() -> Answer:
    return helper(_LOOP)


def _kernel_function() -> Answer:
    """A call of what is no function: kernels with kfuncs say that it is none."""
    result, log = ask.load(
        e.BPF_PROG_TYPE_SCHED_CLS, ask.instruction(0x85, src=e.BPF_PSEUDO_KFUNC_CALL, immediate=1) + ask.EXIT
    )
    if result < 0 and "is not a function" in log:
        return Answer(True)
    return ask.verdict(result, to_load(e.BPF_PROG_TYPE_SCHED_CLS), log=log)


def kernel_type(name: str, kind: int) -> int | Answer:
    """The id of a type of the kernel; an answer where there is none."""
    try:
        types = vmlinux.vmlinux()
    except Error as error:
        return Answer(False, (getattr(error, "advice", None) or str(error)).partition("\n")[0])
    for found in types.find(name, kind):
        if found.name == name:
            return types.id_of(found)
    return Answer(False, f"the kernel's types have no '{name}'")


def _calls(*names: str) -> Answer:
    """A program that calls kernel functions without arguments."""
    code = b""
    for name in names:
        found = kernel_type(name, kinds.FUNC)
        if isinstance(found, Answer):
            return found
        code += ask.instruction(0x85, src=e.BPF_PSEUDO_KFUNC_CALL, immediate=found)
    return ask.program(e.BPF_PROG_TYPE_SCHED_CLS, code + ask.RETURN)


def _numbers() -> Answer:
    """An iterator of numbers on the stack, made and destroyed."""
    frame = ask.instruction(0xBF, 1, 10) + ask.instruction(0x07, 1, immediate=-8)
    code = b""
    for name, arguments in (
        ("bpf_iter_num_new", ask.move(2, 0) + ask.move(3, 1)),
        ("bpf_iter_num_destroy", b""),
    ):
        found = kernel_type(name, kinds.FUNC)
        if isinstance(found, Answer):
            return found
        code += frame + arguments + ask.instruction(0x85, src=e.BPF_PSEUDO_KFUNC_CALL, immediate=found)
    return ask.program(e.BPF_PROG_TYPE_SCHED_CLS, code + ask.RETURN)


def _arena_offsets() -> Answer:
    """An offset of 1 GiB into a map's value: refused for its size by older kernels, for the map's by newer ones."""
    made = ask.map(e.BPF_MAP_TYPE_ARRAY)
    if made < 0:
        return ask.refusal(made, "CAP_BPF")
    try:
        address = ask.instruction(0x18, 1, e.BPF_PSEUDO_MAP_VALUE, immediate=made)
        code = address + ask.instruction(0, immediate=1 << 30) + ask.RETURN
        return ask.refused_with("invalid access to map value pointer", _SOCKET, code)
    finally:
        os.close(made)


_V2 = ask.move(0, 0) + ask.instruction(0xA5, 0, offset=1, immediate=0) + ask.move(0, 1) + ask.EXIT
_V3 = ask.move(0, 0) + ask.instruction(0xA6, 0, offset=1, immediate=0) + ask.move(0, 1) + ask.EXIT
_V4 = ask.move(0, 0) + ask.instruction(0xBF, 0, 0, offset=8) + ask.EXIT  # sign extension of 8 bits
_LOOPS = (
    ask.move(0, 10) + ask.instruction(0x17, 0, immediate=1) + ask.instruction(0x55, 0, offset=-2) + ask.EXIT
)
_FETCH = (
    ask.instruction(0x7A, 10, offset=-8, immediate=1) + ask.move(0, 1)
    + ask.instruction(0xDB, 10, 0, offset=-8, immediate=0x01) + ask.EXIT
)  # fmt: skip

COOKIE = Feature(
    "attach cookie",
    since.COOKIE,
    helper_for,
    (_TRACEPOINT, _GET_ATTACH_COOKIE),
    purpose="a number for each place a program is attached to (bpf_get_attach_cookie)",
    options=("CONFIG_BPF_EVENTS",),
)
PROBE_READ_KERNEL = Feature(
    "bpf_probe_read_kernel",
    since.PROBE_READ_KERNEL,
    helper_for,
    (_TRACEPOINT, _PROBE_READ_KERNEL),
    purpose="reading the kernel's memory",
    options=("CONFIG_BPF_EVENTS",),
)
CALLBACKS = Feature(
    "callbacks", since.CALLBACKS, _callback, purpose="functions that the kernel calls: bpf_loop, timers"
)
FEATURES = (
    Feature("cpu v2", since.CPU_V2, ask.program, (_SOCKET, _V2), purpose="jumps if lower"),
    Feature(
        "cpu v3",
        since.CPU_V3,
        ask.program,
        (_SOCKET, _V3),
        purpose="32-bit jumps; what pyzbpf builds by default",
    ),
    Feature(
        "cpu v4",
        since.CPU_V4,
        ask.program,
        (_SOCKET, _V4),
        purpose="sign extension, signed division, long jumps",
    ),
    Feature("a million instructions", since.INSTRUCTIONS_MILLION, _many, purpose="4096 before"),
    Feature("bounded loops", since.BOUNDED_LOOPS, ask.program, (_SOCKET, _LOOPS)),
    Feature("atomics that fetch", since.ATOMICS, ask.program, (_SOCKET, _FETCH)),
    CALLBACKS,
    Feature("bpf_loop", str(since.helper(_LOOP)), _loop, purpose="loops of any length (bpf.loop in Zig)"),
    PROBE_READ_KERNEL,
    COOKIE,
    Feature(
        "kernel functions",
        since.KFUNCS,
        _kernel_function,
        purpose="kfuncs",
        needs=("btf", "jit"),
        machines={"aarch64": "5.18", "s390x": "6.3"},  # b5e975d256db, 63d7b53ab59f
    ),
    Feature(
        "bpf_rcu_read_lock",
        since.RCU_KFUNCS,
        _calls,
        ("bpf_rcu_read_lock", "bpf_rcu_read_unlock"),
        purpose="kfuncs for all types of programs",
        needs=("btf", "jit"),
    ),
    Feature(
        "iterators in programs",
        since.OPEN_CODED_ITERATORS,
        _numbers,
        purpose="bpf_iter_num_new and its kin",
        needs=("btf", "jit"),
    ),
    Feature(
        "sleepable uprobes",
        since.SLEEPABLE_UPROBES,
        ask.program,
        (e.BPF_PROG_TYPE_KPROBE, ask.RETURN, {"prog_flags": e.BPF_F_SLEEPABLE}),
        purpose="uprobe.s",
        options=("CONFIG_BPF_EVENTS",),
    ),
    Feature("large arena offsets", since.ARENA_OFFSETS, _arena_offsets, purpose="arenas above 512 MiB"),
    Feature(
        "program names",
        since.PROGRAM_NAME,
        lambda: ask.program(_SOCKET, name="pyzbpf"),
    ),
    Feature(
        "expected attach type",
        since.EXPECTED_ATTACH_TYPE,
        ask.program,
        (
            e.BPF_PROG_TYPE_CGROUP_SOCK,
            ask.RETURN_ONE,
            {"expected_attach_type": e.BPF_CGROUP_INET4_POST_BIND},
        ),
        options=("CONFIG_CGROUP_BPF",),
    ),
)

HELPERS = tuple(
    Feature(f"bpf_{name}", since.helper(number) or "", helper, (number,))
    for number, (name, _) in NAMES.items()
)
