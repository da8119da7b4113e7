from bcc import BPF

b = BPF(text="""
#include <linux/sched.h>
struct event { u32 pid; int code; char command[16]; };
BPF_PERF_OUTPUT(events);

TRACEPOINT_PROBE(sched, sched_process_exit) {
    struct event event = {};
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    if (task->pid != task->tgid)
        return 0;
    event.pid = task->pid;
    event.code = task->exit_code >> 8;
    bpf_get_current_comm(&event.command, sizeof(event.command));
    events.perf_submit(args, &event, sizeof(event));
    return 0;
}
""")

def show(cpu, data, size):
    event = b["events"].event(data)
    print(event.pid, event.code, event.command.decode())

b["events"].open_perf_buffer(show)
while True:
    b.perf_buffer_poll()
