"""Storages: values that belong to a task, a file, a socket or a control group, and end with it.

The kernel takes the owner as a descriptor, and lists no owners.
"""

from __future__ import annotations

import os
import sys

from pyzbpf.errors import Error, NotFoundError, SystemCallError
from pyzbpf.kernel import commands
from pyzbpf.kernel.fd import Fd
from pyzbpf.kernel.syscall import EBADF, EINVAL, ENOENT, ENOTSOCK, ESRCH, explained
from pyzbpf.maps.base import Map
from pyzbpf.uapi import enums as e

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

# Type -> what an owner may be beside something with fileno().
_OWNERS = {
    e.BPF_MAP_TYPE_SK_STORAGE: "a socket",
    e.BPF_MAP_TYPE_TASK_STORAGE: "the number of a process, or something with fileno() of a pidfd",
    e.BPF_MAP_TYPE_INODE_STORAGE: "the path of a file, or an open file",
    e.BPF_MAP_TYPE_CGRP_STORAGE: "the path of a control group's directory, or its descriptor",
}


class Storage(Map):
    """``map[owner]`` reads, stores and deletes an owner's value.

    An owner is a socket (sk_storage, Linux 5.2), the number of a process (task_storage, 5.11), a path or open file
    (inode_storage, 5.10), a control group's directory (cgrp_storage, 6.2); always also anything with ``fileno()``
    of the right kind. Owners cannot be listed: a program can walk them with an iterator.
    """

    __slots__ = ()

    def __getitem__(self, owner: Any) -> Any:
        with self._owner(owner) as key:
            raw = self.lookup_raw(key)
        if raw is None:
            raise KeyError(owner)
        return self.decode_value(raw)

    def __contains__(self, owner: object) -> bool:
        with self._owner(owner) as key:
            return self.lookup_raw(key) is not None

    def _update(self, key: Any, value: Any, flags: int) -> None:
        raw = self.encode_value(value)
        with self._owner(key) as raw_key:
            commands.map_update(self.fileno(), raw_key, raw, flags)

    def __delitem__(self, owner: Any) -> None:
        with self._owner(owner) as key:
            if not commands.map_delete(self.fileno(), key):
                raise KeyError(owner)

    def delete(self, keys: Iterable[Any], /) -> int:
        removed = 0
        for owner in keys:
            with self._owner(owner) as key:
                removed += commands.map_delete(self.fileno(), key)
        return removed

    def update(self, other: Any = (), /, **_: Any) -> None:
        for owner, value in other.items() if hasattr(other, "items") else other:
            self[owner] = value

    def _raw_keys(self) -> Iterator[bytes]:
        raise Error(
            f"map '{self.name}': the kernel does not list the owners of a storage; walk them in a program of section "
            "iter/bpf_sk_storage_map, iter/task or iter/cgroup"
        )

    def __len__(self) -> int:
        return sum(1 for _ in self._raw_keys())

    def walk(self) -> Iterator[bytes]:
        return self._raw_keys()

    def _owner(self, owner: Any) -> _Owner:
        """The owner's descriptor, for a ``with`` block in which the kernel's refusals name map and owner."""
        place = f"map '{self.name}', owner {owner!r}"
        ours = None if hasattr(owner, "fileno") else self._opened(owner)
        return _Owner(ours or owner, place, _OWNERS[self.spec.type], ours)

    def _opened(self, owner: Any) -> Fd:
        kind = self.spec.type
        if kind == e.BPF_MAP_TYPE_TASK_STORAGE and isinstance(owner, int):
            try:
                return Fd(os.pidfd_open(owner), f"process {owner}")
            except (OSError, OverflowError) as error:
                if getattr(error, "errno", ESRCH) in (ESRCH, EINVAL):
                    raise NotFoundError(f"map '{self.name}': there is no process {owner}") from None
                raise
        if kind in (e.BPF_MAP_TYPE_INODE_STORAGE, e.BPF_MAP_TYPE_CGRP_STORAGE) and isinstance(
            owner, (str, os.PathLike)
        ):
            try:
                return Fd(os.open(owner, os.O_RDONLY | os.O_CLOEXEC), str(owner))
            except OSError as error:
                what = f"map '{self.name}', owner '{os.fspath(owner)}': {error.strerror}"
                raise (NotFoundError if error.errno == ENOENT else Error)(what) from None
        raise Error(f"map '{self.name}', owner: {_OWNERS[kind]} is wanted, not {owner!r}")


class _Owner:
    """A descriptor of an owner, ours or somebody else's, for one call; ``place`` and ``wanted`` are for its refusal."""

    __slots__ = ("_fd", "_ours", "_place", "_wanted")

    def __init__(self, fd: Any, place: str, wanted: str, ours: Fd | None) -> None:
        self._fd = fd
        self._ours = ours  # to be closed; what the caller gave stays open
        self._place = place
        self._wanted = wanted

    def __enter__(self) -> bytes:
        """The key."""
        number = self._fd.fileno()
        if number < 0:  # what is closed
            raise Error(f"{self._place}: {self._wanted} is wanted, and this is closed")
        return int(number).to_bytes(4, sys.byteorder)

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if self._ours is not None:
            self._ours.close()
        if isinstance(error, SystemCallError):
            reason = f"{self._wanted} is wanted"
            raise explained(error, self._place, {EBADF: reason, ENOTSOCK: reason}) from None
