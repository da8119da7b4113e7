"""What programs print for their owner (Linux 6.17), and the run time of all of them (5.8)."""

from __future__ import annotations

from pyzbpf.errors import SystemCallError, UnsupportedError
from pyzbpf.kernel import commands
from pyzbpf.kernel.syscall import EINVAL
from pyzbpf.uapi import since
from pyzbpf.uapi.enums import BPF_STREAM_STDERR, BPF_STREAM_STDOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.kernel.fd import Fd

_STREAMS = {"stdout": BPF_STREAM_STDOUT, "stderr": BPF_STREAM_STDERR}
_ROOM = 1 << 16


def read(program: int, stream: str) -> str:
    """All that is in a stream, which is empty then."""
    if stream not in _STREAMS:
        raise ValueError(f"a stream is 'stdout' or 'stderr', not {stream!r}")
    buffer = bytearray(_ROOM)
    parts: list[bytes] = []
    while True:
        try:
            count = commands.stream_read(program, _STREAMS[stream], buffer)
        except SystemCallError as error:
            if error.errno != EINVAL:
                raise
            raise UnsupportedError("streams of programs", since=since.STREAMS) from error
        if not count:
            return b"".join(parts).decode(errors="replace")
        parts.append(bytes(buffer[:count]))


def statistics() -> Fd:
    """Have the kernel measure the run time of every program until this is closed (`with`).

    It costs each run some 20 ns. `Program.statistics` reads what was measured.
    """
    try:
        return commands.enable_statistics()
    except SystemCallError as error:
        if error.errno != EINVAL:
            raise
        advice = "sysctl kernel.bpf_stats_enabled=1 does the same for all (Linux 5.1)."
        raise UnsupportedError("BPF_ENABLE_STATS", since=since.STATISTICS, advice=advice) from error
