from bcc import BPF

b = BPF(text="""
#include <linux/sched.h>
struct event { u32 pid; u32 parent; char command[16]; };
BPF_PERF_OUTPUT(events);

TRACEPOINT_PROBE(sched, sched_process_exec) {
    struct event event = {};
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    event.pid = bpf_get_current_pid_tgid() >> 32;
    event.parent = task->real_parent->tgid;
    bpf_get_current_comm(&event.command, sizeof(event.command));
    events.perf_submit(args, &event, sizeof(event));
    return 0;
}
""")

def show(cpu, data, size):
    event = b["events"].event(data)
    print(event.pid, event.parent, event.command.decode())

b["events"].open_perf_buffer(show)
while True:
    b.perf_buffer_poll()
