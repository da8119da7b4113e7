"""libbpf as the judge of what can be attached here: where a section says enough, both attach it, or neither."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyzbpf.errors import Error
from tests.support import features, libbpf, zig_probes

ENOENT = 2
TRACEPOINTS = ("tracepoint", "tp")
TRACEFS = Path("/sys/kernel/tracing/events")

# Probe -> its programs whose sections say all; "" stands for all of them.
PROBES = {
    "tracepoints": (),
    "cookies": (),
    "tp_btf": (),
    "iterators": (),
    "kprobes": (),
    "functions": (),
    "links/calls": (),
    "links/kinds": ("modify",),
}


@pytest.mark.parametrize("name", PROBES)
def test_both_attach_or_neither(name: str) -> None:
    features.needs_types()
    spec = zig_probes.spec(name)
    names = PROBES[name] or tuple(n for n, program in spec.programs.items() if program.autoload)
    for program_name, program in spec.programs.items():
        program.autoload = program_name in names
    try:
        probe = spec.load()
    except Error:  # of this kernel or its policy: then libbpf does not load it, either
        with pytest.raises(AssertionError):
            libbpf.attaches(zig_probes.path(name), names)
        return
    theirs = libbpf.attaches(zig_probes.path(name), names)
    with probe:
        assert sorted(theirs) == sorted(probe.programs)
        for program_name, errno in theirs.items():
            try:
                probe.programs[program_name].attach().close()
                ours = ""
            except Error as error:
                ours = str(error)
            if errno == ENOENT and spec.programs[program_name].kind in TRACEPOINTS and not TRACEFS.exists():
                errno = 0  # it looks only where tracefs may be mounted, and we find it without
            assert bool(errno) == bool(ours), (program_name, errno, ours)
