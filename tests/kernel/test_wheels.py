"""The wheels as users have them: the demo of pyzbpf and the examples, with the objects that were built into them."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys

import pytest

from tests.support import features
from tests.support.examples import while_processes_start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def need(name: str) -> None:
    """Skip where a wheel with probes is not installed, a source tree for one."""
    if importlib.util.find_spec(name) is None or importlib.util.find_spec(f"{name}._pyzbpf_index") is None:
        pytest.skip(f"needs a built wheel with {name}: run python -m tests.vm, or pip install it")


def lines(*command: str) -> Sequence[str]:
    """What Python prints with these arguments."""
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_the_demo_shows_packets() -> None:
    need("pyzbpf.probes")
    shown = "\n".join(lines("-m", "pyzbpf", "demo", "loopback", "--duration", "5"))
    # Its own datagram: 14 bytes of Ethernet, 20 of IPv4, 8 of UDP, and "hello from pyzbpf".
    assert re.search(r"^\d\d:\d\d:\d\d\.\d{6}      59  IPv4  UDP   \d+ -> 9$", shown, re.MULTILINE), shown


def test_the_demo_shows_programs_that_start() -> None:
    need("pyzbpf.probes")
    shown = "\n".join(lines("-m", "pyzbpf", "demo", "exec", "--duration", "5"))
    assert re.search(r"^\d\d:\d\d:\d\d\.\d{6} +\d+ +\d+  true$", shown, re.MULTILINE), shown


def test_an_example() -> None:
    need("loopback")
    shown = lines(
        "-c", "import sys, loopback; sys.exit(loopback.main())", "--count", "4", "--duration", "120"
    )
    assert len(shown) == 4
    assert all(re.fullmatch(r"\d+ \d+ bytes, protocol 0x[0-9a-f]{4}", line) for line in shown)
    assert any(line.endswith(" 47 bytes, protocol 0x0800") for line in shown)


def test_an_example_that_reads_arguments_and_results(tmp_path: Path) -> None:
    """The same wheel on every kernel and machine: the registers are found when it is loaded."""
    need("reads")
    features.needs_kprobes()
    path = tmp_path / "file"
    path.write_bytes(bytes(100))
    start = "import sys, reads; sys.exit(reads.main())"
    options = ("--pid", str(os.getpid()), "--duration", "120", "--count", "1000")
    with subprocess.Popen(
        [sys.executable, "-c", start, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None and process.stdout is not None
            said = process.stderr.readline()
            assert said == "reads: attached\n", said + process.stderr.read()
            with open(path, "rb", buffering=0) as file:
                assert len(os.read(file.fileno(), 4711)) == 100
                assert os.read(file.fileno(), 4712) == b""
            shown = ""
            while " 4712 " not in shown:
                line = process.stdout.readline()
                assert line, process.stderr.read()
                shown += line
        finally:
            process.kill()
    assert re.search(rf"^{os.getpid()} .* 4711 100$", shown, re.MULTILINE), shown
    assert re.search(rf"^{os.getpid()} .* 4712 0$", shown, re.MULTILINE), shown


@pytest.mark.parametrize("name", ["forks", "exits"])
def test_the_examples_of_the_other_doors(name: str) -> None:
    need(name)
    code = f"import sys, {name}; sys.exit({name}.main())"
    shown = while_processes_start(sys.executable, "-c", code, "--count", "1")
    assert re.fullmatch(r"\d+ .+\n", shown), shown


def test_the_wheel_has_the_objects_of_both_byte_orders() -> None:
    need("pyzbpf.probes")
    import pyzbpf

    for endian in ("little", "big"):
        spec = pyzbpf.open("pyzbpf.probes:loopback", endian=endian)
        assert spec.endian == endian
        assert spec.programs
