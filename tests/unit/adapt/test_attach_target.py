"""Places that programs attach to, found by the names that the kernel's types give them."""

from __future__ import annotations

import pytest

from pyzbpf.adapt import attach_target
from pyzbpf.errors import NotFoundError, ObjectError, UnsupportedError
from pyzbpf.spec.read import program
from tests.support.btf_writer import Writer
from tests.support.core import Kernel


def kernel(endian: str = "little") -> tuple[Kernel, dict[str, int]]:
    w = Writer(endian)
    prototype = w.prototype(0, [])
    names = ("vfs_read", "vfs_write", "bpf_lsm_file_open", "bpf_iter_task", "sched_switch")
    ids = {name: w.func(name, prototype) for name in names}
    for name in ("btf_trace_sched_switch", "btf_trace_sched_waking"):
        ids[name] = w.typedef(name, w.ptr(prototype))
    w.typedef("vfs_reads", prototype)
    return Kernel(w), ids


def find(section: str, target: Kernel | None = None) -> tuple[int, str]:
    spec = program("probe", section)
    assert attach_target.needed(spec)
    return attach_target.find(spec, lambda: target or kernel()[0], file="a.o")


@pytest.mark.parametrize("endian", ["little", "big"])
@pytest.mark.parametrize(
    ("section", "name"),
    [
        ("tp_btf/sched_switch", "btf_trace_sched_switch"),
        ("tp_btf.s/sched_waking", "btf_trace_sched_waking"),
        ("fentry/vfs_read", "vfs_read"),
        ("fentry/vmlinux:vfs_read", "vfs_read"),
        ("fexit.s/vfs_write", "vfs_write"),
        ("fmod_ret/sched_switch", "sched_switch"),
        ("lsm/file_open", "bpf_lsm_file_open"),
        ("lsm_cgroup/file_open", "bpf_lsm_file_open"),
        ("iter/task", "bpf_iter_task"),
    ],
)
def test_places(section, name, endian):
    target, ids = kernel(endian)
    assert find(section, target) == (ids[name], "")


@pytest.mark.parametrize(
    "section", ["raw_tp/sched_switch", "kprobe/vfs_read", "xdp", "freplace/x", "fentry.multi/vfs_*"]
)
def test_other_kinds_need_none(section):
    assert not attach_target.needed(program("probe", section))


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("tp_btf/sched_swich", "no tracepoint 'sched_swich'; did you mean sched_switch"),
        ("fentry/vfs_reed", r"no function 'vfs_reed'; did you mean vfs_read"),
        ("lsm/file_opened", r"no LSM hook 'file_opened'; did you mean file_open\?"),
        ("lsm/security_file_open", r"no LSM hook 'security_file_open'; did you mean file_open\?"),
        (
            "lsm/nosuch_hook",
            r"no LSM hook 'nosuch_hook'\n  `pyzbpf list lsm` lists what there is\.",
        ),
        ("iter/tusk", r"no iterator 'tusk'; did you mean task\?"),
        ("tp_btf/vfs_read", "no tracepoint 'vfs_read'\\n"),
    ],
)
def test_wrong_names_are_told_with_similar_ones(section, message):
    with pytest.raises(NotFoundError, match=message) as caught:
        find(section)
    assert caught.value.section == section


def test_a_kernel_without_hooks_for_lsm_programs():
    types = Writer("little")
    types.func("vfs_read", types.prototype(0, []))
    with pytest.raises(UnsupportedError, match=r"kind 'lsm' .*Linux 5\.7(.|\n)*CONFIG_BPF_LSM"):
        find("lsm/file_open", Kernel(types))


def test_no_name():
    with pytest.raises(ObjectError, match="does not say which tracepoint"):
        find("tp_btf")


class WithModule(Kernel):
    """The same types again as those of a module, numbered on from the kernel's."""

    def find(self, name, kind, module=""):
        self.asked.append((name, module))
        own = [] if module else super().find(name, kind)
        return own or [(Module(self.types), found) for found in self.types.find(name, kind)]


class Module:
    first, name = 100, "nf_tables"

    def __init__(self, types):
        self.types = types

    def id_of(self, found):
        return self.first + self.types.id_of(found)


def test_a_module_may_be_named():
    kernel_, ids = kernel()
    target = WithModule(kernel_.types)
    assert find("fentry/nf_tables:vfs_read", target) == (100 + ids["vfs_read"], "nf_tables")
    assert target.asked == [("vfs_read", "nf_tables")]
    assert find("fentry/vmlinux:vfs_read", target) == (ids["vfs_read"], "")
    with pytest.raises(NotFoundError, match="nf_tables has no function 'nf_hook', or is not loaded"):
        find("fentry/nf_tables:nf_hook", target)


def test_a_kernel_without_types():
    def none():
        raise UnsupportedError("x")

    spec = program("probe", "fentry/vfs_read")
    with pytest.raises(UnsupportedError, match=r"kind 'fentry' .*\n.*CONFIG_DEBUG_INFO_BTF"):
        attach_target.find(spec, none, file="a.o")
