//! `@import("bpf")`: everything a probe needs, by name; nothing is defined here.
//!
//! A probe is an ordinary Zig file: maps are `export var` in section `.maps`, programs are
//! `export fn` in the section that says where they attach (libbpf's names: "xdp",
//! "tracepoint/sched/sched_process_exec", "raw_tp/sched_switch", "socket").

// Maps.
pub const Hash = @import("bpf/map/hash.zig").Hash;
pub const LruHash = @import("bpf/map/hash.zig").LruHash;
pub const PerCpuHash = @import("bpf/map/hash.zig").PerCpuHash;
pub const Array = @import("bpf/map/array.zig").Array;
pub const PerCpuArray = @import("bpf/map/array.zig").PerCpuArray;
pub const LruPerCpuHash = @import("bpf/map/hash.zig").LruPerCpuHash;
pub const ResizableHash = @import("bpf/map/hash.zig").ResizableHash;
pub const LpmTrie = @import("bpf/map/hash.zig").LpmTrie;
pub const Prefix = @import("bpf/map/hash.zig").Prefix;
pub const Queue = @import("bpf/map/queue.zig").Queue;
pub const Stack = @import("bpf/map/queue.zig").Stack;
pub const BloomFilter = @import("bpf/map/queue.zig").BloomFilter;
pub const TaskStorage = @import("bpf/map/storage.zig").TaskStorage;
pub const SkStorage = @import("bpf/map/storage.zig").SkStorage;
pub const InodeStorage = @import("bpf/map/storage.zig").InodeStorage;
pub const CgroupStorage = @import("bpf/map/storage.zig").CgroupStorage;
pub const CgroupLocal = @import("bpf/map/storage.zig").CgroupLocal;
pub const PerCpuCgroupLocal = @import("bpf/map/storage.zig").PerCpuCgroupLocal;
pub const DevMap = @import("bpf/map/redirect.zig").DevMap;
pub const DevMapHash = @import("bpf/map/redirect.zig").DevMapHash;
pub const CpuMap = @import("bpf/map/redirect.zig").CpuMap;
pub const XskMap = @import("bpf/map/redirect.zig").XskMap;
pub const SockMap = @import("bpf/map/sockets.zig").SockMap;
pub const SockHash = @import("bpf/map/sockets.zig").SockHash;
pub const ReuseportSockArray = @import("bpf/map/sockets.zig").ReuseportSockArray;
pub const ProgArray = @import("bpf/map/references.zig").ProgArray;
pub const ArrayOfMaps = @import("bpf/map/references.zig").ArrayOfMaps;
pub const HashOfMaps = @import("bpf/map/references.zig").HashOfMaps;
pub const CgroupArray = @import("bpf/map/references.zig").CgroupArray;
pub const PerfCounterArray = @import("bpf/map/references.zig").PerfCounterArray;
pub const Arena = @import("bpf/map/arena.zig").Arena;
pub const arena = @import("bpf/map/arena.zig");
pub const UserRingBuf = @import("bpf/map/user_ring_buf.zig").UserRingBuf;
pub const RingBuf = @import("bpf/map/ring_buf.zig").RingBuf;
pub const PerfEventArrayOf = @import("bpf/map/perf_event_array.zig").PerfEventArrayOf;
pub const PerfEventArray = @import("bpf/map/perf_event_array.zig").PerfEventArray;
pub const StackTrace = @import("bpf/map/stacks.zig").StackTrace;
pub const MapOptions = @import("bpf/map/definition.zig").Options;
pub const MapType = constants.MapType;
pub const Error = @import("bpf/result.zig").Error;
pub const check = @import("bpf/result.zig").check;

// Aggregates: maps that Python knows the meaning of.
pub const Counter = @import("bpf/map/counter.zig").Counter;
pub const CounterBy = @import("bpf/map/counter.zig").CounterBy;
pub const Hist = @import("bpf/map/hist.zig").Hist;
pub const HistBy = @import("bpf/map/hist.zig").HistBy;
pub const StackCounter = @import("bpf/map/stacks.zig").StackCounter;

// The running kernel's own types, by name.
pub const core = @import("bpf/core.zig");

// What the kernel defines: configuration, variables, functions.
pub const kconfig = @import("bpf/external.zig").kconfig;
pub const weakKconfig = @import("bpf/external.zig").weakKconfig;
pub const ksym = @import("bpf/external.zig").ksym;
pub const kfunc = @import("bpf/external.zig").kfunc;
pub const kfuncExists = @import("bpf/external.zig").kfuncExists;
pub const declare = @import("bpf/external.zig").declare;

// Contexts of programs.
pub const SkBuff = types.__sk_buff;
pub const XdpMd = types.xdp_md;
pub const Tracepoint = @import("bpf/program/tracepoint.zig").Tracepoint;
pub const tracepoint = @import("bpf/program/tracepoint.zig");
pub const DataLoc = @import("bpf/program/tracepoint.zig").DataLoc;
pub const RawTracepoint = @import("bpf/program/raw_tracepoint.zig").RawTracepoint;
pub const PtRegs = @import("bpf/program/registers.zig").PtRegs;
pub const Syscall = @import("bpf/program/syscall.zig").Syscall;
pub const Usdt = @import("bpf/program/usdt.zig").Usdt;
pub const PerfEvent = @import("bpf/program/perf_event.zig").PerfEvent;
pub const Iterator = @import("bpf/program/iterator.zig").Iterator;
pub const attachCookie = @import("bpf/program/cookie.zig").attachCookie;
pub const socket = @import("bpf/program/socket.zig");
pub const packet = @import("bpf/program/packet.zig");

// The kernel's helpers; the whole table is in `helpers`.
pub const helpers = @import("bpf/helpers.zig");
pub const types = @import("bpf/types.zig");
pub const constants = @import("bpf/constants.zig");
pub const ktime_get_ns = helpers.ktime_get_ns;
pub const ktime_get_boot_ns = helpers.ktime_get_boot_ns;
pub const get_prandom_u32 = helpers.get_prandom_u32;
pub const get_smp_processor_id = helpers.get_smp_processor_id;
pub const get_current_task = helpers.get_current_task;
pub const user = @import("bpf/user.zig");
pub const kernel = @import("bpf/kernel.zig");
pub const net = @import("bpf/net.zig");
pub const spin = @import("bpf/spin.zig");
pub const SpinLock = spin.SpinLock;
pub const timer = @import("bpf/timer.zig");
pub const Timer = timer.Timer;
pub const dynptr = @import("bpf/dynptr.zig");
pub const Dynptr = dynptr.Dynptr;
pub const Range = @import("bpf/range.zig").Range;
pub const throw = @import("bpf/exception.zig").throw;
pub const process = @import("bpf/process.zig");

// What user space sees.
pub const Text = @import("bpf/text.zig").Text;
pub const asText = @import("bpf/text.zig").asText;
pub const isText = @import("bpf/text.zig").isText;
pub const startsWith = @import("bpf/text.zig").startsWith;
pub const printk = @import("bpf/log.zig").printk;

// Flags and verdicts.
pub const ANY = constants.ANY;
pub const NOEXIST = constants.NOEXIST;
pub const EXIST = constants.EXIST;
pub const F_CURRENT_CPU = constants.F_CURRENT_CPU;
pub const XDP = @import("bpf/program/xdp.zig").Action;
pub const TC = @import("bpf/program/tc.zig").Action;
pub const Access = @import("bpf/program/verdicts.zig").Access;
pub const Always = @import("bpf/program/verdicts.zig").Always;
pub const Bind = @import("bpf/program/verdicts.zig").Bind;
pub const Dissected = @import("bpf/program/verdicts.zig").Dissected;
pub const Egress = @import("bpf/program/verdicts.zig").Egress;
pub const LSM = @import("bpf/program/verdicts.zig").LSM;
pub const LWT = @import("bpf/program/verdicts.zig").LWT;
pub const NF = @import("bpf/program/verdicts.zig").NF;
pub const Session = @import("bpf/program/verdicts.zig").Session;
pub const SK = @import("bpf/program/verdicts.zig").SK;
pub const Walk = @import("bpf/program/verdicts.zig").Walk;

// Programs as plain functions.
pub const entry = @import("bpf/program/plain.zig").entry;
pub const kinds = @import("bpf/program/kinds.zig").table;
pub const programs = @import("bpf/program/plain.zig").programs;

// Safe mode.
pub const panic = @import("bpf/panic.zig");
pub const mul = @import("bpf/arithmetic.zig").mul;
pub const mulSigned = @import("bpf/arithmetic.zig").mulSigned;
pub const memory = @import("bpf/memory.zig");
pub const loop = @import("bpf/loop.zig").loop;
pub const Next = @import("bpf/loop.zig").Next;

comptime {
    _ = @import("bpf/external.zig");
    _ = @import("bpf/license.zig");
    _ = @import("bpf/program/plain.zig");
    _ = @import("bpf/verdict.zig");
}
