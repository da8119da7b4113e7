"""The length of a packet is an index that the verifier takes once it is checked."""

from __future__ import annotations

import pytest

from tests.support import zig_probes


@pytest.mark.parametrize(("name", "returned"), [("received", 2), ("queued", 0)])
def test_a_length_as_an_index(name: str, returned: int) -> None:
    spec = zig_probes.spec("packet_lengths")
    for other, program in spec.programs.items():
        program.autoload = other == name
    with spec.load() as probe:
        for length, verdict in ((14, returned), (60, returned), (63, returned)):
            assert probe.programs[name].test_run(bytes(length)).retval == verdict
        found = {length: count for length, count in enumerate(probe.variables["lengths"].value) if count}
        assert found == {14: 1, 60: 1, 63: 1}
        assert probe.traps == []
        if name == "received":
            probe.programs[name].test_run(bytes(64))
            (trap,) = probe.traps
            assert (trap.kind, trap.operands) == ("outOfBounds", (64, 64))
