"""Objects of the Rust compiler, as aya's users have them; how they were made says their source."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pyzbpf

OBJECT = Path(__file__).parent / "rust" / ("count.bpfel" if sys.byteorder == "little" else "count.bpfeb")


def test_a_program_in_rust():
    with pyzbpf.open(OBJECT) as spec, spec.load() as probe:
        assert probe.btf_error is None
        with probe.programs["count"].attach():
            os.getppid()
        assert [int.from_bytes(value, sys.byteorder) for value in probe.maps["COUNTS"].values()] == [0, 7]
