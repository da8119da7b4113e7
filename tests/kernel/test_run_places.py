"""`pyzbpf run` with options that say where programs attach, and with iterators."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.kernel.test_run_command import Run, here, records, start
from tests.kernel.test_uprobe import NAME, libc_file
from tests.support import child, features, network
from tests.support.targets import Target

if TYPE_CHECKING:
    from pathlib import Path


def programs(*names: str) -> list[str]:
    return [argument for name in names for argument in ("--program", name)]


def needs_iterators() -> None:
    features.needs_types()
    features.since("5.8", "iterators")


def test_what_an_iterator_writes_is_printed_and_nothing_is_waited_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    needs_iterators()
    code, out, err = here(capsys, *programs("maps"), probe="iterators")
    *identities, last = out.splitlines()
    assert (code, last) == (0, "that was all")
    assert identities and all(line.isdigit() for line in identities)
    assert err == "pyzbpf: iterators runs: maps on iter 'bpf_map'; Ctrl-C ends it\n"


def test_several_iterators_have_titles_and_one_walks_a_map(capsys: pytest.CaptureFixture[str]) -> None:
    needs_iterators()
    code, out, _ = here(capsys, *programs("maps", "elements"), "--map", "squares", probe="iterators")
    assert code == 0
    parts = dict(part.lstrip("\n").split("\n", 1) for part in out.split("\n\n"))
    assert parts["elements"].splitlines() == [f"{number} 0 -1%" for number in range(8)]
    assert parts["maps"].endswith("that was all\n") or parts["maps"].endswith("that was all")


def test_records_of_iterators_are_hex_digits(capsys: pytest.CaptureFixture[str]) -> None:
    needs_iterators()
    if features.is_older("6.1"):
        code, _, err = here(capsys, *programs("records"), "--pid", str(os.getpid()), probe="iterators")
        assert (code, "6.1" in err) == (4, True)
        return
    code, out, _ = here(
        capsys, *programs("records"), "--tid", str(os.getpid()), "-o", "json", probe="iterators"
    )
    (record,) = records(out)
    assert (code, record["record"], record["program"]) == (0, "iterator", "records")
    assert bytes.fromhex(str(record["text"]))[:8] == 2 * os.getpid().to_bytes(4, sys.byteorder)


def test_the_calls_of_one_process() -> None:
    features.needs_to_know_the_machine()
    arguments = (
        "--path",
        libc_file(),
        "--symbol",
        NAME,
        "--pid",
        str(os.getpid()),
        "-o",
        "json",
        "--count",
        "1",
    )
    process = start(
        *programs("entered"), "--set", f"with_cookie={'false' if features.is_older('5.15') else 'true'}", *arguments,
        probe="uprobes",
    )  # fmt: skip
    try:
        run = Run(process)
        assert run.first.startswith(f"pyzbpf: uprobes runs: entered on uprobe at '{libc_file()}:{NAME}'")
        ctypes.CDLL(None).getpriority(0, 4321)
        code, out, _ = run.result()
    finally:
        process.kill()
        process.communicate()
    assert (code, json.loads(out.splitlines()[0])["value"]["second"]) == (0, 4321)


def test_maps_that_the_loader_fills_are_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Where the arguments of a statically defined probe are is nothing that the probe has found out."""
    features.needs_to_know_the_machine()
    with Target() as target:
        where = ("--path", str(target.path()), "--provider", "target", "--probe", "done", "--duration", "0.1")
        code, out, _ = here(capsys, *where, "-o", "json", probe="links/usdt")
    assert (code, out) == (0, "")


def socket_in(group: Path) -> None:
    """Join the control group and make a socket there."""
    (group / "cgroup.procs").write_text(str(os.getpid()))
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()


def test_a_control_group() -> None:
    with network.cgroup() as group:
        process = start(*programs("created"), "--cgroup", str(group), "-o", "json", probe="network")
        try:
            run = Run(process)
            assert f"created on cgroup/sock_create of cgroup '{group}'" in run.first
            assert child.run(lambda: socket_in(group)) == 0
            code, out, _ = run.end()
        finally:
            process.kill()
            process.communicate()
    seen = {record["key"]: record["value"] for record in records(out) if record.get("map") == "seen"}
    assert code == 0 and seen[2] == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_filter_goes_with_the_command_whatever_signal_ends_it(number: signal.Signals) -> None:
    program = shutil.which("tc", path=network.PATH)
    with network.veth() as pair:
        arguments = ("--interface", pair.name, "--direction", "ingress", "--priority", "7")
        process = start(*programs("classifier"), *arguments, probe="network")
        try:
            run = Run(process)
            assert f"classifier on tc ingress of interface '{pair.name}'" in run.first
            shown = subprocess.run(
                [program, "filter", "show", "dev", pair.name, "ingress"], capture_output=True, text=True
            )
            assert "pref 7 " in shown.stdout
            code, _, err = run.end(number)
        finally:
            process.kill()
            process.communicate()
        assert (code, err) == (0 if number == signal.SIGINT else 128 + number, "")
        shown = subprocess.run([program, "qdisc", "show", "dev", pair.name], capture_output=True, text=True)
        assert "clsact" not in shown.stdout


@pytest.mark.parametrize(
    ("probe", "arguments", "message"),
    [
        ("network", [*programs("classifier")], "classifier in 'tc' needs --interface NAME (network interface"),
        ("network", [*programs("classifier"), "--interface", "lo"], "classifier in 'tc' needs --direction ingress or egress (which packets, of tc)"),
        ("network", [*programs("tcx_in")], "tcx_in in 'tcx/ingress' needs --interface"),
        ("network", [*programs("created")], "created in 'cgroup/sock_create' needs --cgroup PATH (control group"),
        ("uprobes", [*programs("entered")], "needs --path FILE (program or library"),
        ("iterators", [*programs("elements")], "elements in 'iter/bpf_map_elem' needs --map"),
        ("iterators", [*programs("elements"), "--map", "squars"], "has no map 'squars'; did you mean squares?"),
        ("network", [*programs("tcx_in"), "--ifindex", "999999"], "--ifindex: there is no network interface 999999"),
        ("network", [*programs("tcx_in"), "--ifindex", "1", "--interface", "lo"], "--ifindex, not both"),
        ("network", [*programs("tcx_in"), "--interface", "lo", "--pid", "1"], "--pid: no program of"),
        ("samples", ["--frequency", "1", "--period", "1"], "frequency= (samples a second) or period="),
        ("samples", ["--priority", "x"], "'x' is not a whole number"),
        ("samples", ["--event", "cycle"], "there is no 'cycle'"),
        ("samples", ["--cpu", "-1"], "'-1' is not a whole number from 0 up"),
    ],
)  # fmt: skip
def test_wrong_use(
    probe: str, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = here(capsys, *arguments, probe=probe)
    assert (code, out) == (2, "")
    assert message in err and "Traceback" not in err
