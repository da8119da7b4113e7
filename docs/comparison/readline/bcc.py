from bcc import BPF

b = BPF(text="""
struct event { u32 pid; char line[80]; };
BPF_PERF_OUTPUT(events);

int typed(struct pt_regs *ctx) {
    struct event event = {};
    if (!PT_REGS_RC(ctx))
        return 0;
    event.pid = bpf_get_current_pid_tgid() >> 32;
    bpf_probe_read_user_str(&event.line, sizeof(event.line), (void *)PT_REGS_RC(ctx));
    events.perf_submit(ctx, &event, sizeof(event));
    return 0;
}
""")
b.attach_uretprobe(name="/bin/bash", sym="readline", fn_name="typed")

def show(cpu, data, size):
    event = b["events"].event(data)
    print(event.pid, event.line.decode())

b["events"].open_perf_buffer(show)
while True:
    b.perf_buffer_poll()
