"""`pyzbpf verify`: every program is loaded, none is attached, and what the verifier counted can be compared."""

from __future__ import annotations

import json
import os

import pytest

import pyzbpf
from pyzbpf.cli import target
from pyzbpf.cli.main import main
from pyzbpf.errors import PrivilegeError
from pyzbpf.runtime.statistics import statistics
from tests.support import c_probes, zig_probes


def records(capsys, *arguments: str) -> tuple[int, list[dict]]:
    code = main(["verify", *arguments, "-o", "json"])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_what_the_verifier_counted(capsys):
    code, found = records(capsys, str(c_probes.path("subprograms")), "--stats")
    assert code == 0
    assert [record["program"] for record in found] == ["first", "second", "third"]
    for record in found:
        assert record["accepted"] and record["record"] == "program"
        assert record["processed"] > 0 and record["instructions"] > 0 and record["time_us"] >= 0
        assert record["states"] >= record["peak_states"] >= 0
        assert isinstance(record["stack"], list)
    assert len(found[0]["stack"]) == 7, "the program and six functions"


def test_every_refused_program_is_told_of(capsys):
    code, found = records(capsys, str(c_probes.path("refused")), "--stats")
    assert code == 5
    verdicts = {record["program"]: record["accepted"] for record in found}
    assert verdicts == {"good": True, "unchecked": False, "endless": False, "outside": False}
    refused = {record["program"]: record for record in found if not record["accepted"]}
    assert "orelse return" in refused["unchecked"]["hint"]
    assert "refused.c:20" in refused["unchecked"]["source"]
    assert refused["endless"]["reason"].startswith("infinite loop detected")


def test_one_program_of_a_refused_object(capsys):
    assert main(["verify", str(c_probes.path("refused")), "--program", "good"]) == 0
    assert capsys.readouterr().out == "good: accepted\n"


def test_what_has_changed_since(capsys, tmp_path):
    path = tmp_path / "before.json"
    target = str(zig_probes.path("command"))
    _, found = records(capsys, target, "--stats")
    found[0]["processed"] -= 3
    del found[0]["states"]
    path.write_text("".join(json.dumps(record) + "\n" for record in found))
    assert main(["verify", target, "--compare", str(path)]) == 0
    out = capsys.readouterr().out
    assert f"{found[0]['processed'] + 3} (+3)" in out
    assert out.count("(new)") == 1
    _, compared = records(capsys, target, "--compare", str(path))
    assert compared[0]["before"]["processed"] == found[0]["processed"]


def test_what_was_there_and_what_is_refused_now(capsys, tmp_path):
    path = tmp_path / "before.json"
    target = str(c_probes.path("refused"))
    _, found = records(capsys, target, "--stats")
    earlier = [{**found[0], "program": name, "processed": 70} for name in ("endless", "forgotten")]
    path.write_text("".join(json.dumps(record) + "\n" for record in earlier))
    assert main(["verify", target, "--compare", str(path)]) == 5
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "refused (was 70)" in lines["endless"]
    assert "gone (was 70)" in lines["forgotten"]
    _, compared = records(capsys, target, "--compare", str(path))
    assert compared[-1] == {"record": "gone", "program": "forgotten", "before": earlier[1]}
    _, alone = records(capsys, target, "--compare", str(path), "--program", "good")
    assert [record["program"] for record in alone] == ["good"]


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "",
        '{"record": "event"}\n',
        "[1]\n",
        '{"program": 5}\n',
        '{"program": "tasks"}\n',
        '{"record": "program", "program": ["good"], "accepted": true}\n',
        '{"record": "program", "program": "good", "accepted": true, "processed": "x"}\n',
    ],
)
def test_a_file_that_cannot_be_compared_with(capsys, tmp_path, text):
    path = tmp_path / "before.json"
    path.write_text(text)
    assert main(["verify", str(c_probes.path("refused")), "--compare", str(path)]) == 2
    assert "holds something else" in capsys.readouterr().err
    assert main(["verify", str(c_probes.path("refused")), "--compare", str(tmp_path / "none")]) == 2


def test_what_the_process_lacks_is_told_once(capsys, monkeypatch):
    """Alone a program needs less than the object, which would be another message."""
    spec = pyzbpf.open(c_probes.path("refused"))

    def load(**_):
        wanted = [name for name, program in spec.programs.items() if program.autoload]
        raise PrivilegeError(f"not permitted: {', '.join(wanted)}", capability="CAP_BPF")

    monkeypatch.setattr(type(spec), "load", lambda _, **options: load(**options))
    monkeypatch.setattr(target, "one", lambda _: spec)
    assert main(["verify", "refused.o"]) == 3
    error = capsys.readouterr().err
    assert error.startswith(f"pyzbpf: error: not permitted: {', '.join(spec.programs)}"), error
    assert error.count("not permitted") == 1


def test_nothing_stays(capsys):
    before = sorted(os.listdir("/proc/self/fd"))
    assert main(["verify", str(c_probes.path("pinned"))]) == 0
    assert sorted(os.listdir("/proc/self/fd")) == before
    assert not os.path.exists("/sys/fs/bpf/pyzbpf_pinned")
    assert capsys.readouterr().out == "count: accepted\n"


def test_logs_of_older_kernels_say_less():
    log = "processed 6 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 2 mark_read 0\n"
    assert statistics(log) == {"processed": 6, "states_per_instruction": 0, "states": 1, "peak_states": 2}
    assert statistics("") == {}
