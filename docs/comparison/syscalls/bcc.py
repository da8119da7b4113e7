import time

from bcc import BPF

b = BPF(text="""
BPF_HASH(counts, u32, u64);

TRACEPOINT_PROBE(raw_syscalls, sys_enter) {
    counts.increment(bpf_get_current_pid_tgid() >> 32);
    return 0;
}
""")
time.sleep(10)
print({key.value: value.value for key, value in b["counts"].items()})
