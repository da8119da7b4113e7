"""Which kinds of programs are seen at work on which kernels: kept in docs/attach-kinds, and the table of them.

Every kind has a test that attaches it, causes the event and looks at what the program has done.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

from tests.vm import matrix, report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.vm.results import Outcome, Run

PAGE = Path(__file__).parents[2] / "docs" / "attach-kinds.md"
FOLDER = PAGE.with_suffix("")

# Kind -> file and function of the test; in brackets the case, where there are several.
KINDS = {
    "kprobe, kretprobe": "kprobe::test_arguments_and_result",
    "kprobe.multi, kretprobe.multi": "many::test_functions_of_the_kernel_in_and_out",
    "kprobe.session": "many::test_a_session_of_the_kernel",
    "ksyscall, kretsyscall": "many::test_system_calls",
    "uprobe, uretprobe: a program": "uprobe::test_another_program",
    "uprobe, uretprobe: libc": "uprobe::test_arguments_and_result",
    "uprobe.multi, uretprobe.multi": "many::test_functions_of_a_library_in_and_out",
    "uprobe.session": "many::test_a_session_of_user_space",
    "uprobe.s, uretprobe.s": "sections::test_functions_of_a_library[uprobe_s-1-6.0-symbol]",
    "uprobe.multi.s": "sections::test_functions_of_a_library[uprobe_multi_s-1-6.6-symbols]",
    "usdt": "usdt::test_arguments_and_cookie",
    "usdt with a semaphore": "usdt::test_the_semaphore_is_raised_while_attached",
    "usdt.s": "usdt::test_a_program_that_may_sleep",
    "usdt: Debian's Python": "usdt::test_an_interpreter",
    "tracepoint": "zig_probes::test_tracepoints_see_one_system_call",
    "raw_tp": "zig_probes::test_tracepoints_see_one_system_call",
    "raw_tp.w": "sections::test_a_tracepoint_whose_arguments_can_be_written[raw_tp_w]",
    "tracepoint.s": "sections::test_tracepoints[tracepoint_s]",
    "raw_tp.s": "sections::test_tracepoints[raw_tp_s]",
    "tp_btf": "tp_btf::test_fields_of_a_task",
    "tp_btf.s": "sections::test_tracepoints[tp_btf_s]",
    "fentry, fexit": "functions::test_arguments_and_result",
    "fentry of a program": "kinds::test_the_way_into_a_function_of_a_program",
    "fentry.s, fexit.s": "sections::test_functions_of_the_kernel[fentry_s-1-6.2]",
    "fsession": "sections::test_functions_of_the_kernel[fsession-2-7.0]",
    "fentry.multi, fexit.multi": "sections::test_functions_of_the_kernel[fentry_multi-2-7.2]",
    "fsession.multi": "sections::test_functions_of_the_kernel[fsession_multi-4-7.2]",
    "fmod_ret": "kinds::test_a_result_is_modified",
    "fmod_ret.s": "sections::test_functions_of_the_kernel[fmod_ret_s-1-6.2]",
    "freplace": "freplace::test_it_decides_until_it_is_detached",
    "lsm": "functions::test_a_security_hook",
    "lsm.s": "sections::test_a_security_hook_that_may_sleep",
    "lsm_cgroup": "kinds::test_a_security_hook_of_a_control_group",
    "perf_event": "perf_event::test_each_event_of_a_counter",
    "perf_event: breakpoint": "kinds::test_a_breakpoint",
    "iter/task": "iterator::test_records_of_all_tasks",
    "iter/bpf_map": "iterator::test_text_of_all_maps",
    "iter/bpf_map_elem": "iterator::test_elements_of_one_map",
    "iter/task_file": "iterator::test_what_else_can_be_walked[task_file]",
    "iter/task_vma": "iterator::test_what_else_can_be_walked[task_vma]",
    "iter/cgroup": "iterator::test_what_else_can_be_walked[cgroup]",
    "iter/tcp": "iterator::test_what_else_can_be_walked[tcp]",
    "iter/sockmap": "iterator::test_what_else_can_be_walked[sockmap]",
    "iter.s/task": "sections::test_an_iterator_that_may_sleep",
    "socket": "zig_probes::test_the_historic_example_sees_real_packets",
    "xdp": "packets::test_packets_that_come_in",
    "xdp in the driver": "sections::test_packets_in_the_driver",
    "xdp.frags": "sections::test_packets_of_an_interface[xdp_frags-options3]",
    "xdp/devmap": "sections::test_programs_of_device_and_cpu_maps[xdp_devmap]",
    "xdp/cpumap": "sections::test_programs_of_device_and_cpu_maps[xdp_cpumap]",
    "tc (clsact)": "tc::test_a_filter_counts_and_drops_and_goes",
    "action of tc": "sections::test_an_action_of_traffic_control",
    "tcx": "link_objects::test_order_of_an_interface",
    "netkit": "kinds::test_netkit",
    "netfilter": "sockets::test_netfilter",
    "lwt_in": "sections::test_programs_of_routes[lwt_in]",
    "lwt_out": "sections::test_programs_of_routes[lwt_out]",
    "lwt_xmit": "sections::test_programs_of_routes[lwt_xmit]",
    "lwt_seg6local": "sections::test_a_program_of_segment_routing",
    "flow_dissector": "sockets::test_flow_dissector",
    "sk_lookup": "sockets::test_sk_lookup",
    "sk_reuseport": "sockets::test_sk_reuseport",
    "sk_reuseport/migrate": "sections::test_a_connection_that_moves_to_another_listener",
    "sk_skb": "sockets::test_sk_skb",
    "sk_skb/verdict": "sections::test_what_comes_into_the_sockets_of_a_map[verdict-options0]",
    "sk_msg": "sockets::test_sk_msg",
    "sockops": "kinds::test_control_groups[sockops]",
    "cgroup_skb, cgroup/sock_create": "cgroup::test_packets_and_sockets_of_one_group",
    "cgroup/connect4": "kinds::test_control_groups[connect]",
    "cgroup/bind4": "kinds::test_control_groups[bind]",
    "cgroup/post_bind4": "kinds::test_control_groups[post_bind]",
    "cgroup/sendmsg4": "kinds::test_control_groups[sendmsg]",
    "cgroup/getpeername4": "kinds::test_control_groups[peer_name]",
    "cgroup/connect_unix": "sections::test_control_groups[connect_unix]",
    "cgroup/recvmsg4": "sections::test_control_groups[recvmsg4]",
    "cgroup/getsockname4": "sections::test_control_groups[getsockname4]",
    "cgroup/sock_release": "kinds::test_control_groups[release]",
    "cgroup/sysctl": "kinds::test_control_groups[sysctl]",
    "cgroup/getsockopt": "kinds::test_control_groups[getsockopt]",
    "cgroup/setsockopt": "kinds::test_control_groups[setsockopt]",
    "cgroup/dev": "kinds::test_control_groups[device]",
    "struct_ops with a link": "zig_maps::test_a_struct_of_functions_is_called[pyzbpf_zig-pyzbpf_zig-safe]",
    "struct_ops without": "zig_maps::test_a_struct_of_functions_is_called[pyzbpf_classic-pyzbpf_zig2-safe]",
    "struct_ops.s: a scheduler": "zig_maps::test_a_scheduler_begins_and_ends",
    "syscall (run by test_run)": "kinds::test_a_system_call_program_writes_into_its_context",
    "lirc_mode2": "sections::test_an_infrared_receiver",
}
FIRES, FAILS = "fires", "**fails**"


class Kept(NamedTuple):
    """What became of each kind on a kernel: `fires`, `**fails**`, or why the kernel does not have it."""

    name: str
    release: str
    commit: str
    kinds: dict[str, str]


def arguments() -> list[str]:
    """What pytest is given: the tests of the table and no others."""
    return sorted(
        {f"tests/kernel/test_{test.partition('[')[0].replace('::', '.py::')}" for test in KINDS.values()}
    )


def of(run: Run, commit: str) -> Kept:
    """What a run says of the kinds."""
    return Kept(
        run.name, run.release, commit, {kind: _verdict(run.outcomes, test) for kind, test in KINDS.items()}
    )


def _verdict(outcomes: Iterable[Outcome], test: str) -> str:
    file, _, function = test.partition("::")
    wanted = f"test_{file}.py::{function}"
    found = [one for one in outcomes if one.test.endswith(wanted) or f"{wanted}[" in one.test]
    if not found:
        return "not run"
    if any(one.outcome == "failed" for one in found):
        return FAILS
    skipped = [one.words.split("\n")[0] for one in found if one.outcome == "skipped"]
    return FIRES if len(skipped) < len(found) else skipped[0].removeprefix("Skipped: ")


def write(runs: Iterable[Run], commit: str) -> None:
    """Keep what came of these kernels, and write the page anew from all that is kept."""
    FOLDER.mkdir(exist_ok=True)
    for run in runs:
        if run.outcomes:
            text = json.dumps(of(run, commit)._asdict(), indent=1, ensure_ascii=False)
            (FOLDER / f"{run.name}.json").write_text(text + "\n")
    PAGE.write_text(report.replaced(PAGE.read_text(), "kinds", table(kept())))


def kept() -> list[Kept]:
    """What is kept, in the order of the matrix."""
    paths = [FOLDER / f"{row.name}.json" for row in matrix.MATRIX]
    return [Kept(**json.loads(path.read_text())) for path in paths if path.exists()]


def table(found: list[Kept]) -> str:
    """Kinds by kernels, and under it what the numbers stand for."""
    titles = ["<br>".join(filter(None, (one.name, one.release, one.commit))) for one in found]
    notes: dict[str, int] = {}
    lines = ["| kind | " + " | ".join(titles) + " |", "|---" * (len(found) + 1) + "|"]
    for kind in KINDS:
        cells = [_cell(one.kinds.get(kind, "not run"), notes) for one in found]
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *(f"{number}. {why}" for why, number in notes.items())])


def _cell(verdict: str, notes: dict[str, int]) -> str:
    if verdict in (FIRES, FAILS, "not run"):
        return verdict
    since = re.search(r"needs Linux (\d+\.\d+)", verdict)
    if since:
        return f"no: Linux {since[1]}"
    return f"no ({notes.setdefault(verdict, len(notes) + 1)})"
