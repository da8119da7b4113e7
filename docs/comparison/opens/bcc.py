from bcc import BPF

b = BPF(text="""
struct event { u32 pid; char command[16]; char path[60]; };
BPF_PERF_OUTPUT(events);

TRACEPOINT_PROBE(syscalls, sys_enter_openat) {
    struct event event = {};
    event.pid = bpf_get_current_pid_tgid() >> 32;
    bpf_get_current_comm(&event.command, sizeof(event.command));
    bpf_probe_read_user_str(&event.path, sizeof(event.path), args->filename);
    events.perf_submit(args, &event, sizeof(event));
    return 0;
}
""")

def show(cpu, data, size):
    event = b["events"].event(data)
    print(event.pid, event.command.decode(), event.path.decode())

b["events"].open_perf_buffer(show)
while True:
    b.perf_buffer_poll()
