"""From the start of a process to an attached program: pyzbpf, libbpf in C, BCC, bpftrace, bare Python."""

from __future__ import annotations

import compileall
import os
import shutil
import statistics
import subprocess
import time
from pathlib import Path

from benchmarks.data.setting import HERE, Row, Setting, compile_c, with_headers
from pyzbpf.build.index import index_text, write_entry

ROOT = HERE.parents[1]
BCC = """from bcc import BPF, PerfSWConfig, PerfType
b = BPF(text="BPF_ARRAY(seen, u64, 1); int sample(struct bpf_perf_event_data *c) { seen.increment(0); return 0; }")
b.attach_perf_event(ev_type=PerfType.SOFTWARE, ev_config=PerfSWConfig.CPU_CLOCK, fn_name="sample", sample_freq=99)
print("attached", flush=True)
"""
OURS = """import sys
sys.path[:0] = {paths!r}
import pyzbpf
with pyzbpf.open("started:{name}").load() as probe:
    probe.attach()
    print("attached", flush=True)
"""
PYTHON = "/usr/bin/python3"
PAUSE_S = 0.08  # a process that detaches waits for the kernel, and whoever attaches then would wait with it


def _wheel(setting: Setting) -> Path:
    """A package as our wheels install it: objects, their index, compiled modules."""
    package = setting.folder / "site" / "started"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text("")
    for name in ("seen", "paths"):
        write_entry(Path(shutil.copy(setting.object(name), package)), name)
    (package / "_pyzbpf_index.py").write_text(index_text(package.glob("*.o")))
    shutil.copytree(ROOT / "pyzbpf", package.parent / "pyzbpf", dirs_exist_ok=True)
    compileall.compile_dir(package.parent, quiet=1)
    subprocess.run([PYTHON, "-m", "compileall", "-q", package.parent], check=True)
    return package.parent


def _commands(setting: Setting) -> dict[str, list[str]]:
    """Every process that is measured, as far as it runs here."""
    site = _wheel(setting)
    compile_c("-o", setting.folder / "start", HERE / "start.c", "-lbpf")
    compile_c("-o", setting.folder / "launch", HERE / "launch.c")
    found = {"bare Python": [PYTHON, "-I", "-c", "print('attached')"]}
    for name in ("seen", "paths"):
        script = setting.folder / f"ours_{name}.py"
        script.write_text(OURS.format(paths=[str(site)], name=name))
        found[f"pyzbpf {name}"] = [PYTHON, "-I", str(script)]
        found[f"libbpf {name}"] = [str(setting.folder / "start"), str(setting.object(name))]
    (setting.folder / "start_with_bcc.py").write_text(BCC)
    if shutil.which("bpftrace"):
        found["bpftrace"] = [
            "bpftrace",
            "-e",
            "software:cpu-clock:10000000 { @ = count(); } interval:ms:1 { exit(); }",
        ]
        found["bpftrace CO-RE"] = [
            "bpftrace", "-e",
            "software:cpu-clock:10000000 { @ = ((struct task_struct *)curtask)->real_parent->tgid; } interval:ms:1 { exit(); }",
        ]  # fmt: skip
    found["BCC"] = [PYTHON, str(setting.folder / "start_with_bcc.py")]
    pins = f"/sys/fs/bpf/pyzbpf-benchmark-{os.getpid()}"
    if shutil.which("bpftool"):
        load = f"bpftool prog loadall {setting.object('seen')} {pins} && echo attached; rm -rf {pins}"
        found["bpftool (loads only)"] = ["sh", "-c", load]
    return found


def _run(launcher: Path, command: list[str]) -> tuple[float, float, float] | None:
    """Milliseconds of wall and CPU time, MiB at the peak; None where it does not run here."""
    before = with_headers(launcher.parent) if command[-1].endswith("with_bcc.py") else []
    done = subprocess.run([*before, launcher, *command], capture_output=True, text=True, check=False)
    time.sleep(PAUSE_S)
    if done.returncode or "ttach" not in done.stdout:
        return None
    wall, cpu, memory = map(float, done.stderr.rsplit("\n", 2)[1].split())
    return wall, cpu, memory


def rows(setting: Setting) -> list[Row]:
    """Wall time and memory of whole processes."""
    commands = _commands(setting)
    found: dict[str, list[tuple[float, float, float]]] = {}
    for round_ in range(setting.rounds + 1):
        for name, command in commands.items():
            result = _run(setting.folder / "launch", command)
            if round_ and result is not None:
                found.setdefault(name, []).append(result)
    medians = {
        name: [statistics.median(column) for column in zip(*runs, strict=True)]
        for name, runs in found.items()
    }
    goals = {
        ("pyzbpf seen", "BCC"): "≤ 1/40 = 0.025",
        ("pyzbpf seen", "bpftrace"): "≤ 1/15 = 0.067",
        ("pyzbpf seen", "bare Python"): "≤ 5 ms more, aim 2",
        ("pyzbpf paths", "libbpf paths"): "≤ 2",
        **dict.fromkeys((("pyzbpf seen", "libbpf seen"), ("pyzbpf seen", "bpftool (loads only)")), ""),
        **dict.fromkeys((("pyzbpf paths", "BCC"), ("pyzbpf paths", "bpftrace CO-RE")), ""),
        ("pyzbpf paths", "bare Python"): "",
    }
    made = []
    for (ours, peer), goal in goals.items():
        if peer not in medians:
            print(f"(not measured: {peer} does not run here)")
            continue
        what = "process start → attached" + (", CO-RE" if ours.endswith("paths") else "")
        made.append(Row(f"{what}, wall", peer, medians[peer][0], medians[ours][0], goal, "ms"))
        if peer in ("bare Python", "libbpf seen", "libbpf paths"):
            made.append(Row(f"{what}, CPU", peer, medians[peer][1], medians[ours][1], "", "ms"))
    for name, goal in (("pyzbpf seen", "≤ 12 MiB"), ("pyzbpf paths", "")):
        what = "peak memory" + (", CO-RE" if name.endswith("paths") else "")
        made.append(Row(what, "bare Python", medians["bare Python"][2], medians[name][2], goal, "MiB"))
    made += [
        Row("peak memory", peer, medians[peer][2], medians["pyzbpf seen"][2], "", "MiB")
        for peer in ("BCC", "bpftrace")
        if peer in medians
    ]
    return made
