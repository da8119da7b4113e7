"""The first kernel release of each part of the BPF interface: the one place where such a number stands.

Checked against kernels older and newer than each by tests/kernel/test_features.py. A number is a fact
of mainline Linux (the release whose include/uapi/linux/bpf.h has the name first, or that has the commit
which is named); a distribution may have carried the thing back to an older one.
"""

from __future__ import annotations

from pyzbpf.uapi import enums as e

# enum bpf_map_type
MAPS = {
    e.BPF_MAP_TYPE_HASH: "3.19",
    e.BPF_MAP_TYPE_ARRAY: "3.19",
    e.BPF_MAP_TYPE_PROG_ARRAY: "4.2",
    e.BPF_MAP_TYPE_PERF_EVENT_ARRAY: "4.3",
    e.BPF_MAP_TYPE_PERCPU_HASH: "4.6",
    e.BPF_MAP_TYPE_PERCPU_ARRAY: "4.6",
    e.BPF_MAP_TYPE_STACK_TRACE: "4.6",
    e.BPF_MAP_TYPE_CGROUP_ARRAY: "4.8",
    e.BPF_MAP_TYPE_LRU_HASH: "4.10",
    e.BPF_MAP_TYPE_LRU_PERCPU_HASH: "4.10",
    e.BPF_MAP_TYPE_LPM_TRIE: "4.11",
    e.BPF_MAP_TYPE_ARRAY_OF_MAPS: "4.12",
    e.BPF_MAP_TYPE_HASH_OF_MAPS: "4.12",
    e.BPF_MAP_TYPE_DEVMAP: "4.14",
    e.BPF_MAP_TYPE_SOCKMAP: "4.14",
    e.BPF_MAP_TYPE_CPUMAP: "4.15",
    e.BPF_MAP_TYPE_XSKMAP: "4.18",
    e.BPF_MAP_TYPE_SOCKHASH: "4.18",
    e.BPF_MAP_TYPE_CGROUP_STORAGE: "4.19",
    e.BPF_MAP_TYPE_REUSEPORT_SOCKARRAY: "4.19",
    e.BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE: "4.20",
    e.BPF_MAP_TYPE_QUEUE: "4.20",
    e.BPF_MAP_TYPE_STACK: "4.20",
    e.BPF_MAP_TYPE_SK_STORAGE: "5.2",
    e.BPF_MAP_TYPE_DEVMAP_HASH: "5.4",
    e.BPF_MAP_TYPE_STRUCT_OPS: "5.6",
    e.BPF_MAP_TYPE_RINGBUF: "5.8",
    e.BPF_MAP_TYPE_INODE_STORAGE: "5.10",
    e.BPF_MAP_TYPE_TASK_STORAGE: "5.11",
    e.BPF_MAP_TYPE_BLOOM_FILTER: "5.16",
    e.BPF_MAP_TYPE_USER_RINGBUF: "6.1",
    e.BPF_MAP_TYPE_CGRP_STORAGE: "6.2",
    e.BPF_MAP_TYPE_ARENA: "6.9",
    e.BPF_MAP_TYPE_INSN_ARRAY: "6.19",
    e.BPF_MAP_TYPE_RHASH: "7.2",
}

# enum bpf_prog_type
PROGRAMS = {
    e.BPF_PROG_TYPE_SOCKET_FILTER: "3.19",
    e.BPF_PROG_TYPE_KPROBE: "4.1",
    e.BPF_PROG_TYPE_SCHED_CLS: "4.1",
    e.BPF_PROG_TYPE_SCHED_ACT: "4.1",
    e.BPF_PROG_TYPE_TRACEPOINT: "4.7",
    e.BPF_PROG_TYPE_XDP: "4.8",
    e.BPF_PROG_TYPE_PERF_EVENT: "4.9",
    e.BPF_PROG_TYPE_CGROUP_SKB: "4.10",
    e.BPF_PROG_TYPE_CGROUP_SOCK: "4.10",
    e.BPF_PROG_TYPE_LWT_IN: "4.10",
    e.BPF_PROG_TYPE_LWT_OUT: "4.10",
    e.BPF_PROG_TYPE_LWT_XMIT: "4.10",
    e.BPF_PROG_TYPE_SOCK_OPS: "4.13",
    e.BPF_PROG_TYPE_SK_SKB: "4.14",
    e.BPF_PROG_TYPE_CGROUP_DEVICE: "4.15",
    e.BPF_PROG_TYPE_SK_MSG: "4.17",
    e.BPF_PROG_TYPE_RAW_TRACEPOINT: "4.17",
    e.BPF_PROG_TYPE_CGROUP_SOCK_ADDR: "4.17",
    e.BPF_PROG_TYPE_LWT_SEG6LOCAL: "4.18",
    e.BPF_PROG_TYPE_LIRC_MODE2: "4.18",
    e.BPF_PROG_TYPE_SK_REUSEPORT: "4.19",
    e.BPF_PROG_TYPE_FLOW_DISSECTOR: "4.20",
    e.BPF_PROG_TYPE_CGROUP_SYSCTL: "5.2",
    e.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE: "5.2",
    e.BPF_PROG_TYPE_CGROUP_SOCKOPT: "5.3",
    e.BPF_PROG_TYPE_TRACING: "5.5",
    e.BPF_PROG_TYPE_STRUCT_OPS: "5.6",
    e.BPF_PROG_TYPE_EXT: "5.6",
    e.BPF_PROG_TYPE_LSM: "5.7",
    e.BPF_PROG_TYPE_SK_LOOKUP: "5.9",
    e.BPF_PROG_TYPE_SYSCALL: "5.14",
    e.BPF_PROG_TYPE_NETFILTER: "6.4",
}

# Release -> the highest number of a helper function (enum bpf_func_id) that it has. Numbers are given in
# rising order, so this says it of all of them; since 6.2 the kernel gets kfuncs instead.
_HELPERS = {
    "3.19": 3, "4.1": 11, "4.2": 16, "4.3": 22, "4.4": 25, "4.5": 26, "4.6": 30, "4.8": 36, "4.9": 41,
    "4.10": 44, "4.11": 45, "4.12": 47, "4.13": 50, "4.14": 53, "4.15": 57, "4.16": 59, "4.17": 64,
    "4.18": 80, "4.19": 83, "4.20": 90, "5.0": 92, "5.1": 98, "5.2": 108, "5.3": 109, "5.4": 110,
    "5.5": 115, "5.6": 118, "5.7": 124, "5.8": 135, "5.9": 141, "5.10": 155, "5.11": 162, "5.12": 163,
    "5.13": 165, "5.14": 168, "5.15": 175, "5.16": 179, "5.17": 185, "5.18": 193, "5.19": 203,
    "6.0": 207, "6.1": 209, "6.2": 211,
}  # fmt: skip


def helper(number: int) -> str | None:
    """The first kernel with the helper of this number; None for one that is not known."""
    return next((release for release, last in _HELPERS.items() if number <= last), None)


# Commands of bpf(2), members of its attributes, and what they make possible.
PROGRAM_NAME = "4.15"  # cb4d2b3f03d8, with the names of maps
EXPECTED_ATTACH_TYPE = "4.17"  # 5e43f899b03a
PROBE_EVENTS = "4.17"  # e12f03d7031a, 33ea4b24277b: kprobes and uprobes by perf_event_open(2)
SYSCALL_WRAPPER = "4.17"  # ebeb8c82ffaf: of x86_64
SEMAPHORES = "4.20"  # a6ca88b241d5: of probes in user space
BTF = "4.18"  # 69b693f0aefa
BTF_FUNCTIONS = "5.0"  # 2667a2626f4d: FUNC and FUNC_PROTO, func_info; line_info is c454a46b5efd
GLOBAL_DATA = "5.2"  # d8eca5bbb2be; with DATASEC and VAR, 1dc92851849c
FREEZE = "5.2"  # 87df15de441b
INSTRUCTIONS_MILLION = "5.2"  # c04c0d2b968a
CPU_V2 = "4.14"  # 92b31a9af73b: jumps if lower
CLASSIFIER_VERDICTS = "4.4"  # 045efa82ff56: direct action
CLSACT = "4.5"  # 1f211a1b929c
CPU_V3 = "5.1"  # 092ed0968bb6: 32-bit jumps
CPU_V4 = "6.6"  # 1f9a1ea821ff and those before it
BOUNDED_LOOPS = "5.3"  # 2589726d12a1
CORE = "5.4"  # 341dfcf8d78e: /sys/kernel/btf/vmlinux
ARRAY_MMAP = "5.5"  # fc9702273e2e
PROBE_READ_KERNEL = "5.5"  # 6ae08ae3dea2
TRAMPOLINES = "5.5"  # fec56f5890d9: fentry, fexit, and programs that name their place (attach_btf_id)
GLOBAL_FUNCTIONS = "5.6"  # 51c39bb1d5d1: linkage in BTF's FUNC
BATCH = "5.6"  # cb4d03ab499d
LINKS = "5.7"  # af6eea57437a: BPF_LINK_CREATE
MODIFY_RETURN = "5.7"  # ae24082331d9
ITERATORS = "5.8"  # 180139dca8b3
STATISTICS = "5.8"  # d46edd671a14: BPF_ENABLE_STATS
NETNS_LINK = "5.8"  # 7f045a49fee0
XDP_LINK = "5.9"  # aa8d3a716b59
BIND_MAP = "5.10"  # ef15314aa5de
SLEEPABLE = "5.10"  # 1e6c62a88215
INNER_MAP_SIZES = "5.10"  # 4a8f87e60f6d: BPF_F_INNER_MAP
MEMORY_CGROUP = "5.11"  # 97306be45fbe (merge): no RLIMIT_MEMLOCK any more
MODULE_BTF = "5.11"  # 36e68442d1af
ATOMICS = "5.12"  # 5ffa25502b5a: atomic operations that fetch
BTF_FLOAT = "5.13"  # b1828f0b0482
KFUNCS = "5.13"  # e6ac2450d6de
KERNEL_VARIABLES = "5.10"  # 4976b718c355: typed .ksyms
CALLBACKS = "5.13"  # 69c087ba6225: the address of a function
PERF_LINK = "5.15"  # b89fbfbb854c
COOKIE = "5.15"  # 7adfc6c9b315
BTF_DECL_TAG = "5.16"  # b5ea834dde6b
BTF_TYPE_TAG = "5.17"  # 8c42d2fa4eea
KPROBE_MULTI = "5.18"  # 0dcac2725406
TRACING_COOKIE = "5.19"  # 2fcc82411e74: of fentry, fexit, fmod_ret and LSM
BTF_ENUM64 = "6.0"  # 6089fb325cf7
CGROUP_LSM = "6.0"  # 69fd337a975c
SLEEPABLE_UPROBES = "6.0"  # 8c7dcb84e3b7
ITERATOR_PARAMETERS = "6.1"  # f0d74c4da1f0, d4ccaf58a847: of tasks and cgroups
RCU_KFUNCS = "6.2"  # 9bb00b2895cb: bpf_rcu_read_lock
STRUCT_OPS_LINK = "6.4"  # 68b04864ca42
NETFILTER_LINK = "6.4"  # 84601d6ee68a
LOG_TRUE_SIZE = "6.4"  # 47a71c1f9af0
OPEN_CODED_ITERATORS = "6.4"  # 6018e1f407cc: bpf_iter_num_new
TCX = "6.6"  # e420bed02507
UPROBE_MULTI = "6.6"  # 89ae89f53d20
NETKIT = "6.7"  # 35dfaad7188c
STRUCT_OPS_MODULES = "6.9"  # fcc2c1fb0651: structs of functions of modules
TOKENS = "6.9"  # 35f96de04127
ARGUMENT_TAGS = "6.8"  # 94e1c70a3452: decl tag arg:ctx
QUESTION_SECTIONS = "6.9"  # bd70a8fb7ca4: DATASEC names that begin with '?'
UPROBE_MULTI_PROCESS = "6.10"  # 46ba0e49b642: pid is a process, not a thread; carried back to 6.6.33
KPROBE_SESSION = "6.10"  # 535a3692ba72
RAW_TRACEPOINT_COOKIE = "6.10"  # 68ca5d4eebb8
SOCKMAP_LINK = "6.10"  # 699c23f02c65
UPROBE_SESSION = "6.13"  # d920179b3d48
CGROUP_ORDER = "6.17"  # 120933984460: before and after others of a cgroup
STREAMS = "6.17"  # 5ab154f1463a: BPF_PROG_STREAM_READ_BY_FD
UPROBE_CALL = "6.18"  # 56101b69c919: uprobe(2) of x86_64
FSESSION = "7.0"
ARENA_OFFSETS = "7.1"  # 12a1fe6e12db
BTF_LAYOUT = "7.1"  # 626e88c070ee
COMMON_ATTRIBUTES = "7.2"  # f28771c0691b
TRACING_MULTI = "7.2"
