import socket
import struct

from bcc import BPF

b = BPF(text="""
#include <net/sock.h>
struct event { u32 pid; u32 address; u16 port; char command[16]; };
BPF_PERF_OUTPUT(events);

int kprobe__tcp_connect(struct pt_regs *ctx, struct sock *sk) {
    struct event event = {};
    event.pid = bpf_get_current_pid_tgid() >> 32;
    event.address = sk->__sk_common.skc_daddr;
    event.port = ntohs(sk->__sk_common.skc_dport);
    bpf_get_current_comm(&event.command, sizeof(event.command));
    events.perf_submit(ctx, &event, sizeof(event));
    return 0;
}
""")

def show(cpu, data, size):
    event = b["events"].event(data)
    print(event.pid, event.command.decode(), socket.inet_ntoa(struct.pack("=I", event.address)), event.port)

b["events"].open_perf_buffer(show)
while True:
    b.perf_buffer_poll()
