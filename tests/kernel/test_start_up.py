"""What a probe of a wheel has imported when it is attached: each module is 0.1 to 0.3 ms of start-up."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pyzbpf
from pyzbpf.build.index import index_text, write_entry
from pyzbpf.spec.open import SUFFIX
from tests.support import zig_probes

# Raise it for what every probe needs, no more.
MOST = 33
# What a program has to ask for.
NOT_ASKED_FOR = {
    "ctypes", "threading", "pyzbpf.btf.codec", "pyzbpf.btf.parse", "pyzbpf.btf.types", "pyzbpf.kernel.privilege",
    "pyzbpf.kernel.limits", "pyzbpf.kernel.memory", "pyzbpf.kernel.vmlinux", "pyzbpf.maps.pin", "pyzbpf.runtime.attempt",
    "pyzbpf.runtime.contents", "pyzbpf.runtime.struct_ops", "pyzbpf.runtime.test_run",
}  # fmt: skip

SCRIPT = """
import sys
before = set(sys.modules)
sys.path[:0] = {paths!r}
import pyzbpf
with pyzbpf.open("started:probe").load() as probe:
    assert len(probe.attach()) == 1
    after = set(sys.modules)
print(*sorted(after - before))
"""


def test_what_an_attached_probe_has_imported(tmp_path: Path) -> None:
    package = tmp_path / "started"
    package.mkdir()
    (package / "__init__.py").write_text("")
    target = package / f"probe{SUFFIX[sys.byteorder]}"
    shutil.copy(zig_probes.path("constants", mode="fast"), target)
    write_entry(target, "probe")
    (package / "_pyzbpf_index.py").write_text(index_text([target]))
    paths = [str(tmp_path), str(Path(pyzbpf.__file__).parents[1])]
    # -S: development tools may put imports into site-packages' .pth files.
    command = [sys.executable, "-I", "-S", "-c", SCRIPT.format(paths=paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    imported = done.stdout.split()
    assert "pyzbpf.links.socket_filter" in imported
    assert not NOT_ASKED_FOR.intersection(imported)
    ours = [name for name in imported if name.startswith("pyzbpf")]
    assert len(ours) <= MOST, ours
