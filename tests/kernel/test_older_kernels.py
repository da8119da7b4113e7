"""What the loader does on kernels that lack a part: the part is taken away, the kernel itself says yes or no."""

from __future__ import annotations

import os
import sys
from errno import E2BIG, EINVAL

import pytest

from pyzbpf.adapt import older_btf
from pyzbpf.btf import types as kinds
from pyzbpf.btf.decode import Btf, decode
from pyzbpf.errors import SystemCallError, UnsupportedError
from pyzbpf.kernel import commands, inventory
from pyzbpf.kernel.features import code, types
from pyzbpf.kernel.features.feature import Answer
from pyzbpf.uapi.attrs import BTF_INFO
from tests.kernel.test_load import PACKET, returning
from tests.support.assemble import R0, R1, R2, R3, R4, Asm, add_function, add_program, object_spec
from tests.support.btf_writer import Writer
from tests.support.probes import types as plain_types
from tests.support.probes import with_types

FEATURES = {
    kinds.FUNC: types.GLOBAL_FUNCTIONS,
    kinds.DATASEC: types.QUESTION_SECTIONS,
    kinds.FLOAT: types.FLOAT,
    kinds.DECL_TAG: types.DECL_TAG,
    kinds.TYPE_TAG: types.TYPE_TAG,
    kinds.ENUM64: types.ENUM64,
}


def lacking(monkeypatch: pytest.MonkeyPatch, missing: set[int]) -> list[Btf]:
    """A kernel that refuses types of these kinds; what it was given in the end is in the list."""
    given: list[Btf] = []
    real = commands.btf_load

    def btf_load(data: bytes, *, log: bytearray | None = None, token: int = 0):
        btf = decode(data, sys.byteorder)
        if older_btf.recent(btf) & missing:
            raise SystemCallError(EINVAL, os.strerror(EINVAL), command="BPF_BTF_LOAD")
        given.append(btf)
        return real(data, log=log, token=token)

    monkeypatch.setattr(commands, "btf_load", btf_load)
    for kind, feature in FEATURES.items():
        monkeypatch.setattr(feature, "_answer", Answer(kind not in missing))
    return given


def all_kinds():
    w = Writer(sys.byteorder)
    number = w.int("u32", 4)
    w.float("f64", 8)
    w.ptr(w._add("user", kinds.TYPE_TAG, number))
    w.enum("Sign", [("minus", -1), ("plus", 1)], signed=True)
    w.enum64("Large", [("low", 1), ("high", 1 << 40)])
    context = w.ptr(0)
    function = w.func("answer", w.prototype(number, [("context", context)]), kinds.GLOBAL)
    w.datasec("?.data", [(w.var("value", number, kinds.GLOBAL), 0, 4)], 4)
    w.decl_tag("mark", function)
    spec = returning(3)
    spec.btf = decode(w.bytes(), sys.byteorder)
    spec.functions["answer"].type_id = function
    return spec


@pytest.mark.parametrize("missing", [*({kind} for kind in FEATURES), set(FEATURES)], ids=str)
def test_the_kernel_takes_what_takes_their_place(monkeypatch, missing):
    unknown = {kind for kind, feature in FEATURES.items() if not feature.supported}
    given = lacking(monkeypatch, missing | unknown)
    with all_kinds().load() as probe:
        assert probe.btf_error is None
        assert probe.programs["answer"].info["nr_func_info"] == 1
        assert probe.programs["answer"].test_run(PACKET).retval == 3
    assert older_btf.recent(given[-1]) == set(FEATURES) - missing - unknown


def test_a_kernel_that_knows_all_is_asked_nothing(monkeypatch):
    for feature in FEATURES.values():
        monkeypatch.setattr(feature, "_probe", lambda: pytest.fail("probed on the way"))
        monkeypatch.setattr(feature, "_answer", None)
    btf, ids = plain_types()
    spec = with_types(returning(3), btf)
    spec.functions["answer"].type_id = ids["program"]
    with spec.load() as probe:
        assert probe.btf_error is None


def test_types_are_listed_where_they_have_no_names(monkeypatch):
    """Linux 5.10 knows the first 16 bytes of struct bpf_btf_info, and refuses more that are not zero."""
    real = commands.object_info

    def object_info(fd, layout, given=None):
        if layout is not BTF_INFO:
            return real(fd, layout, given)
        if given:
            raise SystemCallError(E2BIG, os.strerror(E2BIG), command="BPF_OBJ_GET_INFO_BY_FD")
        return {name: value for name, value in real(fd, layout).items() if layout[name][0] < 16}

    monkeypatch.setattr(commands, "object_info", object_info)
    with all_kinds().load() as probe:
        number = probe.programs["answer"].info["btf_id"]
        (found,) = [thing for thing in inventory.everything() if (thing.kind, thing.id) == ("btf", number)]
    assert (found.name, found.type) == ("", "program")


def test_callbacks_on_a_kernel_before_them(monkeypatch):
    def refuse(values, *, log=None):
        if log:
            log[:5] = b"what\n"
        return -EINVAL, 0

    monkeypatch.setattr(code.CALLBACKS, "_answer", Answer(False))
    btf, ids = plain_types()
    spec = with_types(object_spec(), btf)
    add_function(spec, "each", Asm().mov_imm(R0, 0).exit_(), type_id=ids["program"])
    asm = Asm().mov_imm(R1, 5).load_function(R2, "each").mov_imm(R3, 0).mov_imm(R4, 0).call(181).exit_()
    add_program(spec, "looping", "socket", asm, type_id=ids["program"])
    monkeypatch.setattr(commands, "prog_load", refuse)
    monkeypatch.setattr(commands, "prog_load_packed", lambda _: -EINVAL)
    monkeypatch.setattr(commands, "prog_loads", lambda _, results: results.append(-EINVAL))
    with pytest.raises(
        UnsupportedError, match=r"callbacks is not supported here \(needs Linux 5.13"
    ) as caught:
        spec.load()
    assert "looping" in str(caught.value)
