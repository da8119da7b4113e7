"""Errors cross from one process to another: multiprocessing pickles what a worker has raised."""

from __future__ import annotations

import copy
import pickle

import pytest

from pyzbpf import errors

EXAMPLES = (
    errors.Error("no"),
    errors.ObjectError("cut off", file="a.o", section="maps", symbol="counts", offset=8, advice="Build it again."),
    errors.NotFoundError("not there", file="b.o"),
    errors.BuildError("does not compile", output="a.zig:1:1"),
    errors.VerifierError(
        "p", reason="R0 !read_ok", log="0: exit\nR0 !read_ok", errno=13, source="p.zig:3:5", hint="Set it.", excerpt="R0"
    ),
    errors.UnsupportedError("tcx", since="6.6", advice="Use clsact."),
    errors.PrivilegeError("may not", capability="CAP_BPF"),
    errors.SystemCallError(22, "Invalid argument", command="BPF_MAP_CREATE", detail="map 'a'"),
)  # fmt: skip


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_a_copy_says_the_same(error: errors.Error) -> None:
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(other) is type(error)
        assert str(other) == str(error)
        assert vars(other) == vars(error)
        assert getattr(other, "errno", None) == getattr(error, "errno", None)


def test_every_kind_has_an_example() -> None:
    kinds = {getattr(errors, name) for name in errors.__all__} - {errors.LayoutWarning}
    assert {type(error) for error in EXAMPLES} == kinds
