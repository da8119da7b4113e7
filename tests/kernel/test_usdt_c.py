"""A USDT program in C, with libbpf's own <bpf/usdt.bpf.h>: it finds its arguments in what our loader stores."""

from __future__ import annotations

import os
import subprocess

import pytest

import pyzbpf
from pyzbpf.build import compiler
from tests.support import features
from tests.support.targets import COUNTED, DONE, Target
from tests.support.zig_probes import need_compiler

HEADER = "/usr/include/bpf/usdt.bpf.h"
MACHINES = {"x86_64": "x86", "aarch64": "arm64", "s390x": "s390"}
SOURCE = """
#include <linux/bpf.h>
#include <linux/ptrace.h>
#define bool _Bool
#include <bpf/usdt.bpf.h>

char LICENSE[] SEC("license") = "GPL";
long first, second, cookie;
int count, runs;

SEC("usdt")
int BPF_USDT(passed, int a, long b)
{
	first = a;
	second = b;
	cookie = bpf_usdt_cookie(ctx);
	count = bpf_usdt_arg_cnt(ctx);
	runs++;
	return 0;
}
"""


@pytest.fixture
def probe(tmp_path):
    if os.environ.get("PYZBPF_TEST_PROBES") or not os.path.exists(HEADER):
        pytest.skip(f"needs {HEADER} and a compiler: apt-get install libbpf-dev linux-libc-dev")
    need_compiler()
    features.needs_to_know_the_machine()
    machine = os.uname().machine
    source, target = tmp_path / "usdt.c", tmp_path / "usdt.bpf.o"
    source.write_text(SOURCE)
    command = [
        compiler.find_zig(), "cc", "-target", "bpfel-freestanding", "-O2", "-g", "-w",
        f"-D__TARGET_ARCH_{MACHINES[machine]}", "-I/usr/include", f"-I/usr/include/{machine}-linux-gnu",
    ]  # fmt: skip
    done = subprocess.run([*command, "-c", source, "-o", target], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with pyzbpf.open(target).load() as loaded:
        yield loaded


def test_the_header_of_libbpf(probe):
    values = probe.variables
    with Target() as target:
        with probe.programs["passed"].attach(path=target.path(), provider="target", name="done", cookie=11):
            target.done()
            assert (values["first"].value, values["second"].value) == DONE
            assert (values["cookie"].value, values["count"].value, values["runs"].value) == (11, 2, 1)
        with probe.programs["passed"].attach(path=target.path(), name="counted", pid=target.pid):
            target.counted()
            assert (values["first"].value, values["count"].value) == (*COUNTED, 1)
