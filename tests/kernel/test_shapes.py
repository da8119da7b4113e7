"""The kernel takes the type information of every shape of type, and an event of many comes whole."""

from __future__ import annotations

import pytest

from tests.support import zig_probes


@pytest.mark.parametrize("mode", ["safe", "small", "fast"])
def test_types_of_every_shape(mode: str) -> None:
    with zig_probes.spec("shapes", mode).load() as probe:
        assert probe.btf_error is None
        assert {n: v.value for n, v in probe.variables.items() if n in ("three", "unsigned24", "odd_name")} == {
            "three": 1, "unsigned24": 9, "odd_name": 13,
        }  # fmt: skip
        assert probe.programs["prog"].test_run(bytes(64)).retval == 2
        (event,) = probe.maps["ring"].read(1, timeout=10)
    assert event._asdict() == {
        "wide": "top", "negative": "minus", "large": 1 << 100, "flags": {"bits": 1 | 2 << 1 | 3 << 4 | 4 << 16}, "small": "one",
        "double": 0.0, "half": 0.0, "chosen": {"value": 14}, "choice": {"number": 0, "bytes": "00000000"},
    }  # fmt: skip
    assert type(event.chosen).__name__ == "chosen_name"
