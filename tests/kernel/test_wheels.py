"""The wheels as users have them: the demo of pyzbpf and the examples, with the objects that were built into them."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


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


def test_the_wheel_has_the_objects_of_both_byte_orders() -> None:
    need("pyzbpf.probes")
    import pyzbpf

    for endian in ("little", "big"):
        spec = pyzbpf.open("pyzbpf.probes:loopback", endian=endian)
        assert spec.endian == endian
        assert spec.programs
