"""The table of what must be given back: each row is whole, by the names and flags of the kernel's own lists."""

from __future__ import annotations

import pytest

from pyzbpf.finish.analysis.things import ACQUIRE, RELEASE


@pytest.mark.parametrize("call", ACQUIRE, ids=str)
def test_what_gives_something_back_takes_it_in_its_first_argument(call: int | str) -> None:
    kind = ACQUIRE[call]
    assert not kind.release or RELEASE[kind.release] == 1


@pytest.mark.parametrize(
    ("acquire", "release", "zeros"),
    [
        ("bpf_obj_new", "bpf_obj_drop", 0),  # KF_IMPLICIT_ARGS: the kernel adds the argument itself
        ("bpf_obj_new_impl", "bpf_obj_drop_impl", 1),
        ("bpf_percpu_obj_new", "bpf_percpu_obj_drop", 0),
        ("bpf_refcount_acquire", "bpf_obj_drop", 0),
        ("bpf_get_mem_cgroup", "bpf_put_mem_cgroup", 0),
        ("bpf_xdp_get_xfrm_state", "bpf_xdp_xfrm_state_release", 0),
        ("hid_bpf_allocate_context", "hid_bpf_release_context", 0),
    ],
)
def test_pairs(acquire: str, release: str, zeros: int) -> None:
    assert (ACQUIRE[acquire].release, ACQUIRE[acquire].zeros) == (release, zeros)


def test_what_goes_into_a_list_or_a_tree_is_held_no_more() -> None:
    for name in ("bpf_list_push_front", "bpf_list_push_back", "bpf_rbtree_add"):
        assert RELEASE[name] == RELEASE[f"{name}_impl"] == 2
