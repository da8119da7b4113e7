"""Stacks as folded lines, as speedscope's JSON, as a picture."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from pyzbpf.cli import flame
from pyzbpf.cli.main import main

SAMPLES = [
    (("sh", "main", "a<b>"), 3),
    (("sh", "main"), 1),
    (("sh", "main", "read;x", "vfs_read_[k]"), 4),
]
SVG = "{http://www.w3.org/2000/svg}"


def test_folded_lines_hold_no_more_separators_than_meant():
    assert flame.folded(SAMPLES) == "sh;main;a<b> 3\nsh;main 1\nsh;main;read:x;vfs_read_[k] 4\n"


def test_speedscope_refers_to_each_frame_by_number():
    document = json.loads(flame.speedscope(SAMPLES, "title"))
    names = [frame["name"] for frame in document["shared"]["frames"]]
    (profile,) = document["profiles"]
    stacks = [tuple(names[number] for number in stack) for stack in profile["samples"]]
    assert list(zip(stacks, profile["weights"], strict=True)) == SAMPLES
    assert (profile["type"], profile["startValue"], profile["endValue"]) == ("sampled", 0, 8)


def test_a_picture_has_a_box_for_each_function_as_wide_as_it_was_seen():
    root = ET.fromstring(flame.svg(SAMPLES, "8 samples & more"))
    boxes = {
        group.findtext(f"{SVG}title"): float(group.find(f"{SVG}rect").get("width"))
        for group in root.iter(f"{SVG}g")
        if group.get("data-w")
    }
    assert boxes == {
        "all: 8 samples, 100.00%": 1200,
        "sh: 8 samples, 100.00%": 1200,
        "main: 8 samples, 100.00%": 1200,
        "a<b>: 3 samples, 37.50%": 450,
        "read;x: 4 samples, 50.00%": 600,
        "vfs_read_[k]: 4 samples, 50.00%": 600,
    }
    assert "8 samples & more" in root.itertext()


def test_nothing_seen_is_a_picture_too():
    assert ET.fromstring(flame.svg([], "0 samples")).tag == f"{SVG}svg"
    assert flame.folded([]) == ""
    assert json.loads(flame.speedscope([], "x"))["profiles"][0]["samples"] == []


def test_what_cannot_be_profiled_or_written_is_said_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["profile", "-o", str(tmp_path / "none" / "out.svg")]) == 2
    assert f"there is no folder {tmp_path / 'none'}" in capsys.readouterr().err
    assert main(["profile", "-p", str(1 << 30)]) == 1
    assert f"there is no process {1 << 30}" in capsys.readouterr().err
