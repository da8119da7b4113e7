"""Where each kind of program and of map is seen at work: the probe that has it, and the test in tests/kernel that makes
the kernel run it and looks at what came of it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_SECTIONS = "links/sections"


def _rows(probe: str, test: str, kinds: str) -> dict[str, tuple[str, str]]:
    return dict.fromkeys(kinds.split(), (probe, test))


# Kind of libbpf's section table -> probe, test.
PROGRAMS: Mapping[str, tuple[str, str]] = {
    **_rows("historic", "zig_probes::test_the_historic_example_sees_real_packets", "socket"),
    **_rows("kprobes", "kprobe::test_arguments_and_result", "kprobe kretprobe"),
    **_rows("links/many", "many::test_functions_of_the_kernel_in_and_out", "kprobe.multi kretprobe.multi"),
    **_rows("links/many", "many::test_a_session_of_the_kernel", "kprobe.session"),
    **_rows("links/calls", "many::test_system_calls", "ksyscall kretsyscall"),
    **_rows("uprobes", "uprobe::test_arguments_and_result", "uprobe uretprobe"),
    **_rows("links/many", "many::test_functions_of_a_library_in_and_out", "uprobe.multi uretprobe.multi"),
    **_rows("links/many", "many::test_a_session_of_user_space", "uprobe.session"),
    **_rows(
        _SECTIONS,
        "sections::test_functions_of_a_library",
        "uprobe.s uretprobe.s uprobe.multi.s uretprobe.multi.s uprobe.session.s",
    ),
    **_rows("links/usdt", "usdt::test_arguments_and_cookie", "usdt"),
    **_rows("links/usdt", "usdt::test_a_program_that_may_sleep", "usdt.s"),
    **_rows("tracepoints", "zig_probes::test_tracepoints_see_one_system_call", "tracepoint raw_tp"),
    **_rows("cookies", "cookies::test_a_program_reads_its_cookie", "tp"),
    **_rows(
        _SECTIONS,
        "sections::test_tracepoints",
        "raw_tracepoint raw_tracepoint.s raw_tp.s tracepoint.s tp.s tp_btf.s",
    ),
    **_rows(
        _SECTIONS,
        "sections::test_a_tracepoint_whose_arguments_can_be_written",
        "raw_tracepoint.w raw_tp.w",
    ),
    **_rows("tp_btf", "tp_btf::test_fields_of_a_task", "tp_btf"),
    **_rows("functions", "functions::test_arguments_and_result", "fentry fexit"),
    **_rows("links/kinds", "kinds::test_a_result_is_modified", "fmod_ret"),
    **_rows(
        _SECTIONS,
        "sections::test_functions_of_the_kernel",
        "fentry.s fexit.s fmod_ret.s fsession fsession.s fentry.multi fexit.multi fsession.multi fentry.multi.s "
        "fexit.multi.s fsession.multi.s",
    ),
    **_rows("links/extensions", "freplace::test_it_decides_until_it_is_detached", "freplace"),
    **_rows("functions", "functions::test_a_security_hook", "lsm"),
    **_rows(_SECTIONS, "sections::test_a_security_hook_that_may_sleep", "lsm.s"),
    **_rows("links/kinds", "kinds::test_a_security_hook_of_a_control_group", "lsm_cgroup"),
    **_rows("samples", "perf_event::test_each_event_of_a_counter", "perf_event"),
    **_rows("iterators", "iterator::test_records_of_all_tasks", "iter"),
    **_rows(_SECTIONS, "sections::test_an_iterator_that_may_sleep", "iter.s"),
    **_rows("links/kinds", "kinds::test_a_system_call_program_writes_into_its_context", "syscall"),
    **_rows("network", "tc::test_a_filter_counts_and_drops_and_goes", "tc"),
    **_rows("network", "tc::test_tcx", "tcx/ingress tc/egress"),
    **_rows(
        _SECTIONS, "sections::test_packets_of_an_interface", "tc/ingress tcx/egress classifier xdp.frags"
    ),
    **_rows(_SECTIONS, "sections::test_an_action_of_traffic_control", "action"),
    **_rows("links/kinds", "kinds::test_netkit", "netkit/primary netkit/peer"),
    **_rows("packets", "packets::test_packets_that_come_in", "xdp"),
    **_rows(
        _SECTIONS,
        "sections::test_programs_of_device_and_cpu_maps",
        "xdp/devmap xdp.frags/devmap xdp/cpumap xdp.frags/cpumap",
    ),
    **_rows(_SECTIONS, "sections::test_programs_of_routes", "lwt_in lwt_out lwt_xmit"),
    **_rows(_SECTIONS, "sections::test_a_program_of_segment_routing", "lwt_seg6local"),
    **_rows("links/sockets", "sockets::test_sk_lookup", "sk_lookup"),
    **_rows("links/sockets", "sockets::test_flow_dissector", "flow_dissector"),
    **_rows("links/sockets", "sockets::test_sk_reuseport", "sk_reuseport"),
    **_rows(_SECTIONS, "sections::test_a_connection_that_moves_to_another_listener", "sk_reuseport/migrate"),
    **_rows("links/sockets", "sockets::test_sk_skb", "sk_skb/stream_parser sk_skb/stream_verdict"),
    **_rows(_SECTIONS, "sections::test_what_comes_into_the_sockets_of_a_map", "sk_skb/verdict sk_skb"),
    **_rows("links/sockets", "sockets::test_sk_msg", "sk_msg"),
    **_rows("links/netfilter", "sockets::test_netfilter", "netfilter"),
    # Of a kernel with CONFIG_BPF_LIRC_MODE2, which takes CONFIG_RC_CORE=y: none of Debian's is.
    **_rows(_SECTIONS, "sections::test_an_infrared_receiver", "lirc_mode2"),
    **_rows(
        "network",
        "cgroup::test_packets_and_sockets_of_one_group",
        "cgroup_skb/ingress cgroup_skb/egress cgroup/sock_create",
    ),
    **_rows(_SECTIONS, "sections::test_packets_of_a_group_either_way", "cgroup/skb"),
    **_rows(
        "links/kinds",
        "kinds::test_control_groups",
        "cgroup/connect4 cgroup/bind4 cgroup/post_bind4 cgroup/sendmsg4 cgroup/getpeername4 cgroup/sock_release "
        "cgroup/sysctl cgroup/getsockopt cgroup/setsockopt cgroup/dev sockops",
    ),
    **_rows(
        _SECTIONS,
        "sections::test_control_groups",
        "cgroup/sock cgroup/bind6 cgroup/post_bind6 cgroup/connect6 cgroup/connect_unix cgroup/sendmsg6 "
        "cgroup/sendmsg_unix cgroup/recvmsg4 cgroup/recvmsg6 cgroup/recvmsg_unix cgroup/getpeername6 "
        "cgroup/getpeername_unix cgroup/getsockname4 cgroup/getsockname6 cgroup/getsockname_unix",
    ),
    **_rows("newer/struct_ops", "zig_maps::test_a_struct_of_functions_is_called", "struct_ops"),
    **_rows("newer/scheduler", "zig_maps::test_a_scheduler_begins_and_ends", "struct_ops.s"),
}

# Kind of map -> probe, test.
MAPS: Mapping[str, tuple[str, str]] = {
    **_rows("map_kinds", "zig_maps::test_hash_tables", "hash array percpu_hash lru_hash lru_percpu_hash"),
    **_rows("aggregates", "aggregates::test_counters", "percpu_array"),
    **_rows("aggregates", "aggregates::test_stacks_are_counted", "stack_trace"),
    **_rows(
        "newer/map_references",
        "zig_maps::test_maps_of_maps_and_tail_calls",
        "prog_array array_of_maps hash_of_maps",
    ),
    **_rows("historic", "zig_probes::test_the_historic_example_sees_real_packets", "perf_event_array"),
    **_rows("map_kinds", "zig_maps::test_groups_and_counters", "cgroup_array"),
    **_rows("map_kinds", "zig_maps::test_the_longest_prefix_counts", "lpm_trie"),
    **_rows("map_kinds", "zig_maps::test_redirection", "devmap cpumap"),
    **_rows("map_kinds", "zig_maps::test_packets_for_a_socket_of_xdp", "xskmap"),
    **_rows("map_kinds", "zig_maps::test_redirection_to_all", "devmap_hash"),
    **_rows("map_kinds", "zig_maps::test_sockets_that_a_program_gathers", "sockhash"),
    **_rows("map_kinds", "zig_maps::test_data_is_sent_out_of_another_socket", "sockmap"),
    **_rows("map_kinds", "zig_maps::test_one_of_those_that_share_a_port", "reuseport_sockarray"),
    **_rows(
        "map_kinds",
        "zig_maps::test_values_of_sockets_and_groups",
        "sk_storage cgroup_storage percpu_cgroup_storage",
    ),
    **_rows("map_kinds", "zig_maps::test_lines", "queue stack"),
    **_rows("newer/struct_ops", "zig_maps::test_a_struct_of_functions_is_called", "struct_ops"),
    **_rows("tracepoints", "zig_probes::test_tracepoints_see_one_system_call", "ringbuf"),
    **_rows("newer/storages", "zig_maps::test_values_of_files", "inode_storage"),
    **_rows("map_kinds", "zig_maps::test_values_of_tasks", "task_storage"),
    **_rows("map_kinds", "zig_maps::test_a_bloom_filter", "bloom_filter"),
    **_rows("map_kinds", "zig_maps::test_messages_from_user_space", "user_ringbuf"),
    **_rows("newer/storages", "zig_maps::test_values_of_groups", "cgrp_storage"),
    **_rows("newer/arena", "zig_maps::test_an_arena_is_shared", "arena"),
    **_rows("newer/resizable", "zig_maps::test_a_hash_table_that_grows", "rhash"),
}
# Kinds that no program declares, and why.
UNDECLARED = {
    "insn_array": "a compiler's jump table: instructions of another program, which loaders fill",
}
