import time

from bcc import BPF

b = BPF(text="""
BPF_HASH(counts, u32, u64);

int kretprobe__vfs_read(struct pt_regs *ctx) {
    long read = PT_REGS_RC(ctx);
    if (read > 0)
        counts.increment(bpf_get_current_pid_tgid() >> 32, read);
    return 0;
}
""")
time.sleep(10)
print({key.value: value.value for key, value in b["counts"].items()})
