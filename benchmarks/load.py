"""Opening and loading an object: pyzbpf beside libbpf. Prints a Markdown table.

    sudo python benchmarks/load.py [RUNS]

The objects are C programs of `tests/oracle/corpus`, so that libbpf knows them in the same form; "by an index" is what a
wheel's probe is opened by, without ELF. Every number is the median of fresh processes, in which another object without
CO-RE was loaded before the clock starts, so that modules are imported; the two take turns. ``memory`` is what opening and loading adds to the process. Needs the
``ziglang`` package (for the objects) and libbpf.so.1 (the peer, called through ctypes).
"""

from __future__ import annotations

import ctypes
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
CORPUS = HERE.parent / "tests" / "oracle" / "corpus"
sys.path[0] = str(HERE.parent)  # this folder has a module `code`, as the standard library has

# Object -> what it is.
OBJECTS = {
    "no_license": "one program, nothing else",
    "subprograms": "three programs, six functions, variables",
    "typical_tool": "two programs, four maps, variables",
    "core_everywhere": "CO-RE: fifteen relocations, nothing cached",
    "many_programs": "200 programs, a map, a function",
}


def milliseconds() -> float:
    """Processor time of this process, in the kernel too: the machine may do other things meanwhile."""
    return time.process_time() * 1e3


def memory() -> int:
    """The most that this process has had, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _warm(path: str) -> str:
    return str(Path(path).with_name("typical_tool.o"))


def libbpf(path: str) -> dict[str, float]:
    """What libbpf takes in this process."""
    library = ctypes.CDLL("libbpf.so.1")
    library.libbpf_set_print(None)
    library.bpf_object__open_file.restype = ctypes.c_void_p
    warm = ctypes.c_void_p(library.bpf_object__open_file(_warm(path).encode(), None))
    library.bpf_object__load(warm)
    library.bpf_object__close(warm)
    before = memory()
    start = milliseconds()
    opened = ctypes.c_void_p(library.bpf_object__open_file(path.encode(), None))
    middle = milliseconds()
    refused = library.bpf_object__load(opened)
    end = milliseconds()
    if refused:
        raise SystemExit(f"libbpf cannot load {path}: {refused}")
    return {"open": middle - start, "load": end - middle, "memory": memory() - before}


def pyzbpf(path: str, *, index: bool = False) -> dict[str, float]:
    """What pyzbpf takes in this process."""
    import pyzbpf
    from pyzbpf.kernel import syscall
    from pyzbpf.runtime import object as _  # noqa: F401 - the loader, as for any object
    from pyzbpf.spec import index as indexed
    from pyzbpf.spec import read

    syscall.gate()
    assert read, "ELF is read in any case"
    pyzbpf.open(_warm(path)).load().close()
    data = Path(path).read_bytes()
    entry = indexed.to_index(data, file=path, name="object") if index else None
    before = memory()
    start = milliseconds()
    spec = pyzbpf.open(path) if entry is None else indexed.from_index(entry, data, file=path, name="object")
    middle = milliseconds()
    assert spec is not None
    with spec.load():
        end = milliseconds()
    return {"open": middle - start, "load": end - middle, "memory": memory() - before}


WAYS = {"libbpf": libbpf, "pyzbpf": pyzbpf, "index": lambda path: pyzbpf(path, index=True)}


def measure(path: Path, runs: int) -> dict[str, dict[str, float]]:
    """The medians by way and number."""
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(runs):
        for way in WAYS:
            command = [sys.executable, __file__, "--one", way, str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found[way].append(json.loads(done.stdout))
    return {
        way: {name: statistics.median(run[name] for run in results) for name in results[0]}
        for way, results in found.items()
    }


def main(runs: int) -> None:
    """Print the table."""
    from pyzbpf.build import compiler

    print("| object | libbpf ms | pyzbpf ms | ratio | by an index ms | ratio | memory KiB |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory(prefix="pyzbpf-benchmark-") as folder:
        paths = {name: Path(folder) / f"{name}.o" for name in OBJECTS}
        for name, path in paths.items():
            compile_ = [
                compiler.find_zig(),
                "cc",
                "-target",
                "bpfel-freestanding",
                "-mcpu=v3",
                "-O2",
                "-g",
                "-w",
            ]
            subprocess.run([*compile_, "-c", CORPUS / f"{name}.c", "-o", path], check=True)
        for name, what in OBJECTS.items():
            found = measure(paths[name], runs)
            total = {way: numbers["open"] + numbers["load"] for way, numbers in found.items()}
            cells = [f"`{name}`: {what}", f"{total['libbpf']:.2f}"]
            for way in ("pyzbpf", "index"):
                cells += [f"{total[way]:.2f}", f"{total[way] / total['libbpf']:.2f}"]
            cells.append(
                f"{found['libbpf']['memory']:.0f}, {found['pyzbpf']['memory']:.0f}, {found['index']['memory']:.0f}"
            )
            print("|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(WAYS[sys.argv[2]](sys.argv[3])))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 21)
