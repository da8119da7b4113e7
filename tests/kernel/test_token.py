"""BPF tokens: a process in a user namespace of its own loads what a BPF file system delegates to it."""

from __future__ import annotations

import ctypes
import os
import socket
import traceback

import pytest

from pyzbpf.errors import NotFoundError, PrivilegeError, SystemCallError, UnsupportedError
from pyzbpf.kernel import token
from pyzbpf.kernel.syscall import address, raw
from tests.support import features, zig_probes
from tests.support.bpf_fs import mounted
from tests.support.probes import PACKET

LIBC = ctypes.CDLL(None, use_errno=True)
NEW_USER, NEW_MOUNTS, NEW_NETWORK = 0x10000000, 0x00020000, 0x40000000
SET_STRING, CREATE = 1, 6
DELEGATED = ("delegate_cmds", "delegate_maps", "delegate_progs", "delegate_attachs")


def in_a_user_namespace(work, options: tuple[str, ...] = DELEGATED) -> str:
    """Run ``work(folder)`` in one, ``folder`` a BPF file system of its own; what it returned, or its traceback.

    The namespace makes the file system, this process gives it its options, as a container's manager does.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        child = os.fork()
        if not child:  # pragma: no cover - another process
            try:
                answer = _child(theirs, work)
            except BaseException:  # noqa: BLE001 - told to the parent
                answer = traceback.format_exc()
            theirs.sendall(answer.encode())
            os._exit(0)
        theirs.close()
        try:
            if ours.recv(1) != b"u":
                pytest.skip(
                    f"needs user namespaces (sysctl user.max_user_namespaces): {ours.recv(10000).decode()}"
                )
            for name, text in (("uid_map", "0 0 1"), ("setgroups", "deny"), ("gid_map", "0 0 1")):
                with open(f"/proc/{child}/{name}", "w") as file:
                    file.write(text)
            ours.sendall(b"m")
            _, (context,), _, _ = socket.recv_fds(ours, 1, 1)
            try:
                for option in options:
                    assert (
                        raw(
                            "fsconfig",
                            context,
                            SET_STRING,
                            address(option.encode() + b"\0"),
                            address(b"any\0"),
                            0,
                        )
                        == 0
                    )
                assert raw("fsconfig", context, CREATE, 0, 0, 0) == 0
                folder = raw("fsmount", context, 0, 0)
                assert folder >= 0
            finally:
                os.close(context)
            socket.send_fds(ours, [b"f"], [folder])
            os.close(folder)
            told = b""
            while part := ours.recv(10000):
                told += part
            return told.decode()
        finally:
            ours.close()
            os.waitpid(child, 0)


def _child(pipe: socket.socket, work) -> str:  # pragma: no cover - another process
    if LIBC.unshare(NEW_USER | NEW_MOUNTS | NEW_NETWORK):
        pipe.sendall(b"!")
        return os.strerror(ctypes.get_errno())
    pipe.sendall(b"u")
    assert pipe.recv(1) == b"m"
    os.setresuid(0, 0, 0)
    context = raw("fsopen", address(b"bpf\0"), 0)
    assert context >= 0, context
    socket.send_fds(pipe, [b"c"], [context])
    _, (folder,), _, _ = socket.recv_fds(pipe, 1, 1)
    return str(work(f"/proc/self/fd/{folder}"))


def test_a_namespace_loads_what_it_was_lent():
    features.since("6.9", "BPF tokens")

    def work(folder: str) -> object:
        spec = zig_probes.spec("network")
        for name, program in spec.programs.items():
            program.autoload = name == "classifier"
        refused = "nothing"
        try:
            spec.load().close()
        except PrivilegeError:
            refused = "refused"
        with spec.load(token=folder) as probe:
            run = probe.programs["classifier"].test_run(PACKET)
            return f"without: {refused}; with: {run.retval == 0xFFFFFFFF}, types: {probe.btf_error}"

    assert in_a_user_namespace(work) == "without: refused; with: True, types: None"


def test_what_is_not_delegated_is_refused():
    features.since("6.9", "BPF tokens")

    def work(folder: str) -> object:
        try:
            zig_probes.spec("historic").load(token=folder)
        except PrivilegeError as error:
            return f"refused: {error.capability}"
        return "loaded"

    assert in_a_user_namespace(work, DELEGATED[:2]).startswith("refused: CAP_")

    def nothing(folder: str) -> object:
        try:
            token.create(folder)
        except SystemCallError as error:
            return error
        return "a token"

    assert "delegates nothing" in in_a_user_namespace(nothing, ())


def test_mistakes(tmp_path):
    with pytest.raises(NotFoundError, match="no folder to ask for a BPF token"):
        zig_probes.spec("historic").load(token=tmp_path / "none")
    if features.is_older("6.9"):
        with pytest.raises(UnsupportedError, match=r"6\.9"):
            token.create(str(tmp_path))
        return
    with pytest.raises(SystemCallError, match="it is no BPF file system"):
        token.create(str(tmp_path))
    with (
        mounted(tmp_path / "bpf") as folder,
        pytest.raises((SystemCallError, PrivilegeError), match=r"load without token=|not the first one"),
    ):
        token.create(str(folder))
