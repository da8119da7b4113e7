"""The headers for probes in C: every helper, both byte orders, what a probe is made of."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyzbpf
from pyzbpf.build import compile as compile_room
from pyzbpf.build import dependencies, sdk
from pyzbpf.build.compile import build_probe
from pyzbpf.uapi.helpers import HELPERS

SOURCE = Path(__file__).parent / "c_headers" / "exec.c"


def test_every_helper_is_declared() -> None:
    text = (sdk.c_include() / "bpf" / "bpf_helper_defs.h").read_text()
    declared = re.findall(
        r"^static [\w *]+?\(\*const bpf_(\w+)\)\(.*\) = \(void \*\)(\d+);$", text, re.MULTILINE
    )
    assert {int(number): name for name, number in declared} == {
        number: name for number, (name, _) in HELPERS.items()
    }


def test_a_probe_of_both_byte_orders(tmp_path: Path) -> None:
    for path in build_probe(SOURCE, output_directory=tmp_path):
        spec = pyzbpf.open(path)
        assert list(spec.programs) == ["started"]
        assert spec.programs["started"].section == "tp_btf/sched_process_exec"
        assert {"counts", "events"} < set(spec.maps)
        assert spec.maps["events"].event_type
        assert {kind for _, _, _, kind in spec.functions["started"].core} == {0}
        # The address 0x1234 and the header's first byte lie in memory as the network wants them.
        assert spec.endian == ("little" if path.name.endswith("bpfel.o") else "big")


def test_a_header_is_part_of_the_probe(tmp_path: Path) -> None:
    job = {
        "source": str(SOURCE), "name": "exec", "endian": "host", "mode": "safe", "cpu": "v3", "modules": "",
        "include": str(tmp_path), "output_directory": str(tmp_path / "out"), "cache": str(tmp_path / "cache"),
        "stamp": str(tmp_path / "stamp"),
    }  # fmt: skip
    (tmp_path / "job.json").write_text(json.dumps(job))
    assert compile_room.main([str(tmp_path / "job.json")]) == 0
    made_of = dependencies.listed((tmp_path / "stamp.d").read_text())
    assert {SOURCE, SOURCE.with_name("event.h"), sdk.c_include() / "bpf" / "bpf_helpers.h"} <= set(made_of)
    assert "class event(Record):" in (tmp_path / "out" / "exec_skel.pyi").read_text()
