"""pyzbpf/uapi/helpers.py, and the one fact that no header has: which helpers need a GPL-compatible licence."""

from __future__ import annotations

# Helpers that the kernel refuses to a program whose licence is not compatible with the GPL: every
# bpf_func_proto has gpl_only = true. Read from Linux 6.18: asked of its verifier for each program type,
# and for what needs other hardware or configuration (probe_write_user, override_return, rc_*) from
# kernel/trace/bpf_trace.c and drivers/media/rc/bpf-lirc.c. Not here, because their protos differ:
# get_stackid (free in perf_event programs) and get_func_ip (free in kprobe.multi, uprobe.multi).
# LSM programs need the licence whatever they call (kernel/bpf/bpf_lsm.c).
GPL_ONLY = {
    *("check_mtu", "copy_from_user_task", "fib_lookup", "get_branch_snapshot", "get_current_task"),
    *("get_current_task_btf", "get_stack", "override_return", "perf_event_output", "perf_event_read"),
    *("perf_event_read_value", "perf_prog_read_value", "probe_read", "probe_read_kernel"),
    *("probe_read_kernel_str", "probe_read_str", "probe_read_user", "probe_read_user_str"),
    *("probe_write_user", "rc_keydown", "rc_pointer_rel", "rc_repeat", "read_branch_records"),
    *("seq_printf", "seq_printf_btf", "seq_write", "skb_output", "snprintf", "task_pt_regs"),
    *("tcp_check_syncookie", "tcp_gen_syncookie", "tcp_raw_check_syncookie_ipv4"),
    *("tcp_raw_check_syncookie_ipv6", "tcp_raw_gen_syncookie_ipv4", "tcp_raw_gen_syncookie_ipv6"),
    *("timer_cancel", "timer_init", "timer_set_callback", "timer_start", "trace_printk"),
    *("trace_vprintk", "xdp_output"),
}


def helpers_module(helpers: dict[str, int]) -> str:
    """pyzbpf/uapi/helpers.py: number -> (name, GPL only)."""
    unknown = GPL_ONLY - set(helpers)
    if unknown:
        raise ValueError(f"GPL_ONLY has no helpers {unknown}")
    lines = [
        '"""The kernel\'s helper functions: number -> (name, may only a GPL-compatible program call it?)."""',
        "",
        "from __future__ import annotations",
        "",
        "HELPERS = {",
        *(f'    {number}: ("{name}", {name in GPL_ONLY}),' for name, number in helpers.items()),
        "}",
    ]
    return "\n".join(lines) + "\n"
