"""Wheels: how long they take, how large they are, what importing costs. Prints Markdown tables.

    sudo python benchmarks/packaging.py [RUNS]

Needs pyzbpf[build] in this Python. The peers are `zig cc` with `bpftool gen skeleton` (package bpftool) for the
same probe in C, and BCC (package python3-bpfcc, of /usr/bin/python3); what is missing is left out, and said.
Each time is the median of RUNS (5) and is processor time, of the program and all that it starts: other work on the
machine does not lengthen it, and where two compilers run side by side it is more than what a clock shows.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)

ZIG = """
const bpf = @import("bpf");
const Event = extern struct { pid: u32, command: bpf.Text(16) };

export var events: bpf.RingBuf(Event) linksection(".maps") = .{};

export fn hello(_: *anyopaque) linksection("raw_tp/sched_process_exec") c_int {
    const event = events.reserve() orelse return 0;
    event.pid = bpf.process.pid();
    bpf.process.command(&event.command);
    events.submit(event);
    return 0;
}
"""
C = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct event { __u32 pid; char command[16]; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 18); } events SEC(".maps");
SEC("raw_tp/sched_process_exec")
int hello(void *ctx)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) return 0;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(event->command, sizeof(event->command));
	bpf_ringbuf_submit(event, 0);
	return 0;
}
char LICENSE[] SEC("license") = "GPL";
"""
BCC = """
import time
from bcc import BPF
BPF(text='''
struct event { u32 pid; char command[16]; };
BPF_RINGBUF_OUTPUT(events, 64);
RAW_TRACEPOINT_PROBE(sched_process_exec) {
    struct event event = {.pid = bpf_get_current_pid_tgid() >> 32};
    bpf_get_current_comm(event.command, sizeof(event.command));
    events.ringbuf_output(&event, sizeof(event), 0);
    return 0;
}''')
"""
OURS = "import pyzbpf\nwith pyzbpf.open('hello:hello') as s, s.load() as p: p.attach()\n"
TABLE = """
[build-system]
requires = ["pyzbpf[build]"]
build-backend = "pyzbpf.build"
[project]
name = "hello"
version = "1"
[tool.pyzbpf]
probes = ["probes/*.zig"]
"""


def seconds(*command: object, cwd: Path | None = None, **environment: str) -> float:
    """What a program takes; its failure is ours."""
    begin = processor_time()
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        # Without compiled modules every start of Python would take longer than a user's.
        env={key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    took = processor_time() - begin
    if done.returncode:
        raise SystemExit(f"{command}: {done.stdout}{done.stderr}")
    return took


def processor_time() -> float:
    """Of all programs that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def median(runs: int, measure) -> float:  # type: ignore[no-untyped-def]
    """Of several runs, in seconds."""
    return statistics.median(measure() for _ in range(runs))


def project(folder: Path) -> Path:
    """The smallest project with a probe."""
    (folder / "probes").mkdir(parents=True)
    (folder / "hello").mkdir()
    (folder / "hello" / "__init__.py").write_text("")
    (folder / "probes" / "hello.zig").write_text(ZIG)
    (folder / "pyproject.toml").write_text(TABLE)
    return folder


def build(folder: Path, output: Path, **environment: str) -> float:
    """One wheel by the hook, in a fresh process."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import pyzbpf.build as b; b.build_wheel({str(output)!r})"
    output.mkdir(parents=True, exist_ok=True)
    return seconds(sys.executable, "-c", code, cwd=folder, **environment)


def row(what: str, *cells: str) -> None:
    print(f"| {what} | {' | '.join(cells)} |", flush=True)


def main(runs: int) -> None:
    from pyzbpf.build import compiler, sdk

    zig = compiler.find_zig()
    with tempfile.TemporaryDirectory() as directory:
        base = Path(directory)
        folder = project(base / "project")
        print("| wheel of a hello probe, both byte orders | |\n|---|---:|")
        cold = build(folder, base / "cold", ZIG_GLOBAL_CACHE_DIR=str(base / "empty"))
        row("from nothing, empty caches", f"{cold:.1f} s")
        row("again, caches of Zig filled", f"{median(runs, lambda: build(folder, base / 'warm')):.1f} s")
        (wheel,) = (base / "warm").glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            unpacked = sum(item.file_size for item in archive.infolist())
            archive.extractall(base / "site")
        row("size of the wheel (goal 12,000)", f"{wheel.stat().st_size:,} bytes")
        row("size installed", f"{unpacked:,} bytes")
        editable(base, runs, zig, sdk.module())
        imports(base, runs)
        peers(base, runs, zig, sdk.c_include())


def editable(base: Path, runs: int, zig: Path, module: Path) -> None:
    """The way of a developer: edit, import."""
    folder = project(base / "edited")
    venv = base / "venv"
    seconds(sys.executable, "-m", "venv", "--without-pip", venv)
    python = venv / "bin" / "python"
    (site,) = venv.rglob("site-packages")
    tools = next(path for path in sys.path if path.endswith("site-packages"))
    (site / "given.pth").write_text(f"{ROOT}\n{tools}\n")
    options = ["build-dir=tree", "editable.rebuild=true", "editable.verbose=false"]
    seconds(
        python, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "-e", folder,
        *(f"--config-settings={option}" for option in options),
    )  # fmt: skip
    source = folder / "probes" / "hello.zig"
    number = 0

    def bare() -> float:
        return seconds(python, "-c", "import pyzbpf.spec.open")

    def unchanged() -> float:
        return seconds(python, "-c", "import pyzbpf.spec.open, hello._pyzbpf_index") - bare()

    def edited() -> float:
        nonlocal number
        number += 1
        source.write_text(ZIG.replace("return 0;\n}", f"return {number};\n}}"))
        return unchanged()

    def compile_alone() -> float:
        return seconds(
            zig, "build-obj", "-target", "bpfel-freestanding", "-O", "ReleaseSafe", "-fno-strip",
            "--dep", "probe", "--dep", "bpf", f"-Mroot={module.parent / 'bpf' / 'root.zig'}",
            "--dep", "bpf", "-Mprobe=hello.zig", f"-Mbpf={module}", f"-femit-bin={base / 'alone.o'}",
            cwd=source.parent, ZIG_LOCAL_CACHE_DIR=str(base / "alone"),
        )  # fmt: skip

    seconds(python, "-c", "import hello._pyzbpf_index")
    compile_alone()
    alone = median(runs, compile_alone)
    print("\n| import of an editable package, over a bare one | |\n|---|---:|")
    row("nothing changed (goal 0.15 s)", f"{median(runs, unchanged):.2f} s")
    row(
        f"after one edit (goal {2 * alone + 0.4:.2f} s: two `zig build-obj` and 0.4 s)",
        f"{median(runs, edited):.2f} s",
    )
    row("one `zig build-obj` by itself", f"{alone:.2f} s")


def imports(base: Path, runs: int) -> None:
    """What start-up costs on the user's machine, over a bare interpreter."""
    path = f"{base / 'site'}{os.pathsep}{ROOT}"

    def timed(code: str) -> float:
        return median(4 * runs, lambda: seconds(sys.executable, "-S", "-c", code, PYTHONPATH=path))

    for code in ("import hello, pyzbpf", "import pyzbpf.spec.open"):
        timed(code)  # compiles modules
    bare = timed("pass")
    print("\n| import, over a bare interpreter | |\n|---|---:|")
    row("`import pyzbpf` (goal 15 ms)", f"{1e3 * (timed('import pyzbpf') - bare):.1f} ms")
    row(
        "`from hello import hello_skel` (goal 25 ms)",
        f"{1e3 * (timed('from hello import hello_skel') - bare):.1f} ms",
    )
    opened = timed("from hello import hello_skel; hello_skel.open()") - bare
    row("the same, and the probe opened", f"{1e3 * opened:.1f} ms")


def peers(base: Path, runs: int, zig: Path, include: Path) -> None:
    """The same probe in C by `zig cc` and bpftool, and in BCC."""
    print(
        "\n| the same probe | time from source to what is shipped | size of what is shipped | needed where it runs |"
    )
    print("|---|---:|---:|---|")
    ours = [path.stat().st_size for path in (base / "site" / "hello").glob("*hello*")]
    took = median(runs, lambda: build(base / "project", base / "again"))
    row(
        "pyzbpf, Zig, wheel for both byte orders",
        f"{took:.2f} s",
        f"{sum(ours):,} bytes",
        "Python, pyelftools",
    )
    bpftool = shutil.which("bpftool") or shutil.which("/usr/sbin/bpftool")
    if bpftool:
        system = zig.resolve().parent / "lib" / "libc" / "include"
        headers = [include, system / "any-linux-any", system / "x86-linux-any"]

        number = 0

        def c() -> float:
            nonlocal number
            number += 1  # Zig answers from its cache where the source is the same
            (base / "hello.c").write_text(C.replace("return 0;\n}", f"return {number};\n}}"))
            compiled = seconds(
                zig, "cc", "-target", "bpfel-freestanding", "-mcpu=v3", "-O2", "-g", "-c", "hello.c", "-o", "hello.o",
                *(f"-isystem{path}" for path in headers), cwd=base,
            )  # fmt: skip
            begin = processor_time()
            text = subprocess.run(
                [bpftool, "gen", "skeleton", "hello.o"], cwd=base, capture_output=True, check=True
            )
            (base / "hello.skel.h").write_bytes(text.stdout)
            return compiled + processor_time() - begin

        row("`zig cc` + `bpftool gen skeleton`, little-endian", f"{median(runs, c):.2f} s",
            f"{(base / 'hello.skel.h').stat().st_size:,} bytes of C, to be compiled into a program", "libbpf, libelf, zlib")  # fmt: skip
    else:
        print("\nbpftool is not installed: that peer is left out.")
    bcc(base, runs)


def bcc(base: Path, runs: int) -> None:
    """Start of the program on the user's machine, where BCC compiles and we load."""
    path = f"{base / 'site'}{os.pathsep}{ROOT}"
    if os.geteuid() != 0:
        print("\nStarting the probe needs root: left out.")
        return
    print("\n| from the start of Python to the attached probe | time | installed with it |\n|---|---:|---:|")
    size = sum(file.stat().st_size for file in (ROOT / "pyzbpf").rglob("*.py")) + sum(
        file.stat().st_size for file in (ROOT / "zig").rglob("*") if file.is_file()
    )
    ours = median(runs, lambda: seconds(sys.executable, "-c", OURS, PYTHONPATH=path))
    row("pyzbpf", f"{ours:.2f} s", f"{size / 1e6:.1f} MB, without pyelftools")
    names = ("python3-bpfcc", "libbpfcc", "libllvm14", "libclang-cpp14", "libclang1-14")
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Installed-Size}\n", *names], capture_output=True, text=True, check=False
    )
    installed = sum(int(line) for line in asked.stdout.split()) / 1e3
    (base / "with_bcc.py").write_text(BCC)
    try:
        took = median(runs, lambda: seconds("/usr/bin/python3", base / "with_bcc.py"))
        row("BCC of Debian, with the LLVM it compiles with", f"{took:.2f} s", f"{installed:.0f} MB")
    except (SystemExit, FileNotFoundError) as error:
        print(f"\nBCC cannot be measured: {str(error).strip().splitlines()[-1]}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
