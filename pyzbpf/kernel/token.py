"""BPF tokens: the right to load, lent to a user namespace by the options of a BPF file system (Linux 6.9)."""

from __future__ import annotations

import os

from pyzbpf.errors import NotFoundError, PrivilegeError, SystemCallError, UnsupportedError
from pyzbpf.kernel import commands, limits
from pyzbpf.kernel.fd import Fd
from pyzbpf.kernel.syscall import EINVAL, ENOENT, EOPNOTSUPP, explained
from pyzbpf.uapi import since


def create(path: str) -> Fd:
    """A token of the BPF file system that is mounted at ``path``; what it permits, its mount options say.

    NotFoundError where there is nothing, UnsupportedError before Linux 6.9, PrivilegeError outside of the
    user namespace that the file system was made for.
    """
    try:
        place = Fd(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), path)
    except OSError as error:
        raise NotFoundError(
            f"no folder to ask for a BPF token: {error.strerror}",
            file=path,
            advice="It is the place where a BPF file system is mounted with delegate_cmds=… and its kin.",
        ) from None
    with place:
        try:
            return commands.token_create(place.fileno(), f"the BPF file system at {path}")
        except PrivilegeError as error:
            raise PrivilegeError(
                f"a BPF token of {path}: it is for processes with CAP_BPF in the user namespace that this file system was "
                "made in, which is not the first one",
                capability=error.capability,
            ) from error
        except SystemCallError as error:
            if error.errno == EINVAL and limits.older(os.uname().release, since.TOKENS):
                raise UnsupportedError("BPF tokens", since=since.TOKENS) from error
            raise explained(error, f"a BPF token of {path}", _REASONS) from error


_REASONS = {
    EINVAL: "it is no BPF file system, or not its uppermost folder",
    ENOENT: "this file system delegates nothing: mount it with delegate_cmds, delegate_maps, delegate_progs and "
    "delegate_attachs",
    EOPNOTSUPP: "in the first user namespace there are capabilities instead; load without token=",
}
