"""Features and what is expected of a kernel: no kernel is asked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pyzbpf.kernel.features import table
from pyzbpf.kernel.features.feature import Answer, Facts, Feature, expected, numbers
from pyzbpf.uapi import enums, since
from pyzbpf.uapi.helpers import HELPERS

X86 = {"CONFIG_A": "y"}


def feature(**more) -> Feature:
    return Feature("thing", "5.8", lambda: Answer(True), **more)


@pytest.mark.parametrize(
    ("thing", "facts", "supported", "reason"),
    [
        (feature(), Facts((5, 8), "x86_64"), True, ""),
        (feature(), Facts((5, 7), "x86_64"), False, "needs Linux 5.8"),
        (feature(), Facts((5, 10), "x86_64"), True, ""),
        (
            feature(machines={"aarch64": "6.0"}),
            Facts((5, 10), "aarch64"),
            False,
            "needs Linux 6.0 on aarch64",
        ),
        (feature(machines={"arm": None}), Facts((7, 0), "arm"), False, "no kernel for arm has it"),
        (feature(options=["CONFIG_A"]), Facts((6, 0), "x86_64", options=X86), True, ""),
        (
            feature(options=["CONFIG_B"]),
            Facts((6, 0), "x86_64", options=X86),
            False,
            "built without CONFIG_B",
        ),
        (feature(options=["CONFIG_B"]), Facts((6, 0), "x86_64"), None, "may be built without CONFIG_B"),
        (feature(options=["CONFIG_A"]), Facts((6, 0), "x86_64", options={"CONFIG_A": "m"}), None, "a module"),
        (feature(needs=["jit"]), Facts((6, 0), "x86_64", jit=True), True, ""),
        (feature(needs=["jit"]), Facts((6, 0), "x86_64", jit=False), False, "JIT"),
        (feature(needs=["btf"]), Facts((6, 0), "x86_64"), None, "BTF"),
    ],
)
def test_what_a_kernel_should_have(thing, facts, supported, reason):
    found = expected(thing, facts)
    assert found.supported is supported
    assert reason in found.reason
    assert bool(found.mend) is (supported is not True and "no kernel" not in reason)


def test_a_probe_never_raises():
    broken = Feature("thing", "5.8", lambda: 1 // 0)
    assert broken.answer().supported is None
    assert "ZeroDivisionError" in broken.answer().reason
    assert not broken.supported


def test_a_probe_is_asked_once():
    asked = []
    thing = Feature("thing", "5.8", lambda: asked.append(1) or Answer(False, "no"))
    assert thing.answer() is thing.answer()
    assert asked == [1]
    assert [Answer(a).word for a in (True, False, None)] == ["yes", "no", "unknown"]


def test_every_type_has_its_first_kernel():
    for prefix, found in (("BPF_MAP_TYPE_", since.MAPS), ("BPF_PROG_TYPE_", since.PROGRAMS)):
        wanted = {value for name, value in vars(enums).items() if name.startswith(prefix) and value}
        assert found.keys() == wanted


def test_every_helper_has_its_first_kernel():
    releases = [since.helper(number) for number in sorted(HELPERS)]
    assert None not in releases
    assert releases == sorted(releases, key=numbers)
    assert since.helper(max(HELPERS) + 1) is None
    assert (since.helper(113), since.helper(130), since.helper(181)) == ("5.5", "5.8", "5.17")


def test_every_type_has_its_feature():
    assert len(table.GROUPS["map types"]) == len(since.MAPS)
    assert len(table.GROUPS["program types"]) == len(since.PROGRAMS)
    assert len(table.GROUPS["helpers"]) == len(HELPERS)


def test_names_and_numbers():
    for group, features in table.GROUPS.items():
        names = [found.name for found in features]
        assert len(names) == len(set(names)), group
        for found in features:
            for release in (found.since, *filter(None, found.machines.values())):
                assert numbers(release) >= (3, 18)
            assert all(option.startswith("CONFIG_") for option in found.options)
            assert set(found.needs) <= {"jit", "btf"}


# enum kern_feature_id of libbpf's src/libbpf_internal.h -> the feature here.
OF_LIBBPF = {
    "FEAT_PROG_NAME": "program names",
    "FEAT_GLOBAL_DATA": "global data",
    "FEAT_BTF": "type information",
    "FEAT_BTF_FUNC": "functions",
    "FEAT_BTF_DATASEC": "variables",
    "FEAT_BTF_GLOBAL_FUNC": "global functions",
    "FEAT_ARRAY_MMAP": "arrays in memory",
    "FEAT_EXP_ATTACH_TYPE": "expected attach type",
    "FEAT_PROBE_READ_KERN": "bpf_probe_read_kernel",
    "FEAT_PROG_BIND_MAP": "bound maps",
    "FEAT_MODULE_BTF": "names of tables",
    "FEAT_BTF_FLOAT": "FLOAT",
    "FEAT_PERF_LINK": "perf event link",
    "FEAT_BTF_DECL_TAG": "DECL_TAG",
    "FEAT_BTF_TYPE_TAG": "TYPE_TAG",
    "FEAT_MEMCG_ACCOUNT": "memory counted by cgroup",
    "FEAT_BPF_COOKIE": "attach cookie",
    "FEAT_BTF_ENUM64": "ENUM64",
    "FEAT_SYSCALL_WRAPPER": "wrapped system calls",
    "FEAT_UPROBE_MULTI_LINK": "uprobe multi",
    "FEAT_ARG_CTX_TAG": "tags on arguments",
    "FEAT_BTF_QMARK_DATASEC": "sections with '?'",
    "FEAT_LDIMM64_FULL_RANGE_OFF": "large arena offsets",
    "FEAT_UPROBE_SYSCALL": "uprobe call",
    "FEAT_BTF_LAYOUT": "layout",
    "FEAT_BPF_SYSCALL_COMMON_ATTRS": "common attributes",
}
ROOT = Path(__file__).parents[3]


def test_each_feature_that_libbpf_asks_for_is_one_here():
    assert len(set(OF_LIBBPF.values())) == 26
    known = {
        found.name: found for title, group in table.GROUPS.items() if title != "helpers" for found in group
    }
    rows = re.findall(
        r"^\| (.+?) \| ([\d.]+) \| ([0-9a-f]{12}) \| .+ \|$",
        (ROOT / "docs/doctor.md").read_text(),
        re.MULTILINE,
    )
    assert {name for name, _, _ in rows} == set(OF_LIBBPF.values())
    releases = (ROOT / "pyzbpf/uapi/since.py").read_text().splitlines()
    for name, first, commit in rows:
        assert known[name].since == first, name
        assert any(f'"{first}"' in line and commit in line for line in releases), name
