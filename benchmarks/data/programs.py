"""An object with many programs: parsed, relocated, loaded."""

from __future__ import annotations

import compileall
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pyzbpf
from benchmarks.data.setting import Row, Setting, clock, wall
from pyzbpf.build.index import index_text, write_entry
from pyzbpf.runtime import parallel
from pyzbpf.spec.open import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SOURCE = """typedef unsigned long long u64;
#define SEC(name) __attribute__((section(name), used))
struct {{ int (*type)[1]; unsigned (*key); u64 (*value); int (*max_entries)[256]; }} counts SEC(".maps");
static void *(*lookup)(void *, const void *) = (void *)1;
{functions}
char _license[] SEC("license") = "GPL";
"""
FUNCTION = """SEC("socket") int program{0}(void *context)
{{
	unsigned key = {0};
	u64 *found = lookup(&counts, &key);
	if (found) __sync_fetch_and_add(found, {0});
	return 0;
}}
"""


def objects(setting: Setting, count: int) -> Path:
    """An object file with so many programs."""
    source, target = setting.folder / f"many{count}.c", setting.folder / f"many{count}.o"
    if not target.exists():
        source.write_text(SOURCE.format(functions="\n".join(FUNCTION.format(i) for i in range(count))))
        machine = "bpfel" if sys.byteorder == "little" else "bpfeb"
        command = [
            sys.executable,
            "-m",
            "ziglang",
            "cc",
            "-target",
            f"{machine}-freestanding",
            "-O2",
            "-g",
            "-w",
        ]
        subprocess.run([*command, "-c", source, "-o", target], check=True)
    return target


def installed(setting: Setting, path: Path) -> str:
    """The same object as a probe of an installed package: with an index beside it."""
    package = setting.folder / "site" / "manyprograms"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    target = package / f"many{SUFFIX[sys.byteorder]}"
    shutil.copy(path, target)
    write_entry(target, "many")
    (package / "_pyzbpf_index.py").write_text(index_text([target]))
    compileall.compile_dir(package, quiet=1)
    sys.path.insert(0, str(package.parent))
    return "manyprograms:many"


def load(path: Path | str, threads: int) -> Callable[[], float]:
    """pyzbpf, in so many threads: the processor's time of one, the wall's of several."""
    now = clock if threads == 1 else wall

    def measure() -> float:
        real, parallel.workers = parallel.workers, lambda _: threads
        try:
            start = now()
            probe = pyzbpf.open(path).load()
            took = now() - start
            probe.close()
        finally:
            parallel.workers = real
        return took

    return measure


def rows(setting: Setting) -> list[Row]:
    """In sequence and in two threads."""
    path = objects(setting, 200)
    name = installed(setting, path)
    c, c_wall, one, two, index_one, index_two = setting.turns(
        lambda: float(setting.call("object_load", str(path).encode()).cpu_ns),
        lambda: float(setting.call("object_load", str(path).encode()).ns),
        load(path, 1),
        load(path, 2),
        load(name, 1),
        load(name, 2),
    )
    return [
        Row("200 programs, in sequence", "libbpf", c / 1e6, one / 1e6, "≤ 1.35", "ms"),
        Row("200 programs, two threads", "libbpf (one thread)", c_wall / 1e6, two / 1e6, "≤ 0.85", "ms"),
        Row("200 programs of a wheel, in sequence", "libbpf", c / 1e6, index_one / 1e6, "≤ 1.35", "ms"),
        Row(
            "200 programs of a wheel, two threads",
            "libbpf (one thread)",
            c_wall / 1e6,
            index_two / 1e6,
            "≤ 0.85",
            "ms",
        ),
    ]
