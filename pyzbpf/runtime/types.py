"""The object's type information as an older kernel takes it."""

from __future__ import annotations

from pyzbpf.errors import Error, SystemCallError
from pyzbpf.kernel import commands, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.btf.decode import Btf
    from pyzbpf.kernel.fd import Fd

_LOG = 64 << 10


def load_older(
    btf: Btf, error: SystemCallError, *, file: str, token: int = 0
) -> tuple[Fd | None, Error | None]:
    """The kernel's descriptor of types that it has refused with ``error``, or why it takes none: most programs run
    without.

    A kernel that refuses a kind which came after it gets the types without that kind; it is asked which ones.
    """
    older = _older(btf)
    if older == btf.data:
        return None, _refused(btf.data, error, file)
    try:
        return commands.btf_load(older, token=token), None
    except SystemCallError as refusal:
        return None, _refused(older, refusal, file)


def _older(btf: Btf) -> bytes:
    """The types without the kinds that this kernel says it does not know; the same bytes where it knows all."""
    from pyzbpf.adapt import older_btf  # old kernels only
    from pyzbpf.btf import types as kinds
    from pyzbpf.kernel.features import types as features

    known = {
        kinds.FUNC: features.GLOBAL_FUNCTIONS,
        kinds.DATASEC: features.QUESTION_SECTIONS,
        kinds.FLOAT: features.FLOAT,
        kinds.DECL_TAG: features.DECL_TAG,
        kinds.TYPE_TAG: features.TYPE_TAG,
        kinds.ENUM64: features.ENUM64,
        older_btf.LAYOUT: features.LAYOUT,
    }
    return older_btf.without(btf, {kind for kind in older_btf.recent(btf) if not known[kind].supported})


def _refused(data: bytes, error: SystemCallError, file: str) -> SystemCallError:
    """The same error with the last line of the kernel's own log in it."""
    log = bytearray(_LOG)
    try:
        commands.btf_load(data, log=log).close()
    except Error:
        pass
    lines = log.partition(b"\0")[0].decode(errors="replace").split("\n")
    reason = next((line.strip() for line in reversed(lines) if line.strip()), "no reason given")
    return syscall.detailed(error, f"{file}, section '.BTF': {reason}")
