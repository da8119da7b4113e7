import time

from bcc import BPF

b = BPF(text="""
BPF_HASH(starts, u32, u64);
BPF_HISTOGRAM(values);

int kprobe__vfs_read(struct pt_regs *ctx) {
    u32 thread = bpf_get_current_pid_tgid();
    u64 now = bpf_ktime_get_ns();
    starts.update(&thread, &now);
    return 0;
}

int kretprobe__vfs_read(struct pt_regs *ctx) {
    u32 thread = bpf_get_current_pid_tgid();
    u64 *start = starts.lookup(&thread);
    if (!start)
        return 0;
    values.increment(bpf_log2l(bpf_ktime_get_ns() - *start));
    starts.delete(&thread);
    return 0;
}
""")
time.sleep(10)
b["values"].print_log2_hist("value")
