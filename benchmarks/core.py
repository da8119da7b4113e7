"""CO-RE against the running kernel: pyzbpf beside libbpf. Prints a Markdown table.

    sudo python benchmarks/core.py [RUNS]

Every number is the median of fresh processes, so nothing is cached in them; the two take turns. Needs
the ``ziglang`` package (for the object) and libbpf.so.1 (the peer, called through ctypes).
"""

from __future__ import annotations

import compileall
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[0] = str(HERE.parent)  # this folder has a module `code`, as the standard library has
STRUCT = 4
ROOTS = (b"task_struct", b"mm_struct", b"file", b"inode", b"sock", b"sk_buff", b"net_device")


def milliseconds() -> float:
    """The clock."""
    return time.perf_counter() * 1e3


def libbpf(path: str) -> dict[str, float]:
    """What libbpf takes in this process."""
    library = ctypes.CDLL("libbpf.so.1")
    library.libbpf_set_print(None)
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    for name, result, *arguments in (
        ("btf__load_vmlinux_btf", pointer),
        ("btf__find_by_name_kind", ctypes.c_int32, pointer, text, ctypes.c_uint32),
        ("btf__free", None, pointer),
        ("bpf_object__open_file", pointer, text, pointer),
        ("bpf_object__load", ctypes.c_int, pointer),
        ("bpf_object__close", None, pointer),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    start = milliseconds()
    types = library.btf__load_vmlinux_btf()
    for root in ROOTS:
        if library.btf__find_by_name_kind(types, root, STRUCT) <= 0:
            raise SystemExit(f"libbpf: the kernel has no struct {root.decode()}")
    found = milliseconds()
    library.btf__free(types)
    begin = milliseconds()
    opened = library.bpf_object__open_file(path.encode(), None)
    if library.bpf_object__load(opened):
        raise SystemExit("libbpf: cannot load the object")
    loaded = milliseconds()
    library.bpf_object__close(opened)
    return {"types": found - start, "load": loaded - begin}


def pyzbpf(path: str) -> dict[str, float]:
    """What pyzbpf takes in this process: modules are imported before the clock, and timed apart."""
    import pyzbpf
    from pyzbpf.kernel import syscall
    from pyzbpf.runtime import object as _  # noqa: F401 - the loader, as for any object

    syscall.gate()
    spec = pyzbpf.open(path)
    start = milliseconds()
    from pyzbpf.adapt.adapt import adapt
    from pyzbpf.adapt.core import Relocator
    from pyzbpf.kernel.target import KernelTarget

    imported = milliseconds()
    adapt(spec, spec.programs["paths"], Relocator(spec, KernelTarget))
    resolved = milliseconds()
    adapt(spec, spec.programs["paths"], Relocator(spec, KernelTarget))
    again = milliseconds()
    return {"import": imported - start, "types": resolved - imported, "again": again - resolved}


def loading(path: str) -> dict[str, float]:
    """An object from its file into the kernel, everything but the interpreter's start and pyelftools."""
    import pyzbpf
    from pyzbpf.kernel import syscall
    from pyzbpf.runtime import object as _  # noqa: F401
    from pyzbpf.spec import read as _read  # noqa: F401

    syscall.gate()
    start = milliseconds()
    probe = pyzbpf.open(path).load()
    loaded = milliseconds()
    probe.close()
    return {"load": loaded - start}


def medians(what: tuple[str, ...], path: str, runs: int) -> dict[str, dict[str, float]]:
    """Each of the functions in ``runs`` fresh processes, in turns."""
    results: dict[str, list[dict[str, float]]] = {name: [] for name in what}
    for _ in range(runs):
        for name in what:
            done = subprocess.run(
                [sys.executable, __file__, name, path], capture_output=True, text=True, check=True
            )
            results[name].append(json.loads(done.stdout))
    return {
        name: {key: statistics.median(one[key] for one in rows) for key in rows[0]}
        for name, rows in results.items()
    }


def main(runs: int = 31) -> None:
    """Compile the object, measure, print."""
    compileall.compile_dir(HERE.parent / "pyzbpf", quiet=1)  # as pip does when it installs
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "core.o")
        machine = "bpfel" if sys.byteorder == "little" else "bpfeb"
        command = [sys.executable, "-m", "ziglang", "cc", "-target", f"{machine}-freestanding", "-O2", "-g"]
        subprocess.run([*command, "-c", str(HERE / "core.c"), "-o", path], check=True)
        found = medians(("libbpf", "pyzbpf", "loading"), path, runs)
    peer, ours, load = found["libbpf"], found["pyzbpf"], found["loading"]["load"]
    rows = (
        (
            "kernel types opened, 7 structs found (libbpf), 7 paths resolved (pyzbpf)",
            peer["types"],
            ours["types"],
        ),
        ("the same, pyzbpf's modules for it imported too", peer["types"], ours["types"] + ours["import"]),
        ("the same again in the process", peer["types"], ours["again"]),
        ("object opened, relocated, loaded", peer["load"], load),
    )
    print(
        f"Linux {os.uname().release}, Python {sys.version.split()[0]}, median of {runs} fresh processes, ms\n"
    )
    print("| | libbpf (C) | pyzbpf | ratio |\n|---|---:|---:|---:|")
    for what, theirs, mine in rows:
        print(f"| {what} | {theirs:.2f} | {mine:.2f} | {mine / theirs:.2f} |")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps({"libbpf": libbpf, "pyzbpf": pyzbpf, "loading": loading}[sys.argv[1]](sys.argv[2])))
    else:
        main(*map(int, sys.argv[1:]))
