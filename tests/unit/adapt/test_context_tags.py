"""Functions that are tagged to take the context, for kernels that read no tags."""

from __future__ import annotations

import pytest

import pyzbpf
from pyzbpf.adapt import context_tags
from pyzbpf.adapt.adapt import adapt
from pyzbpf.btf import decode
from pyzbpf.btf import types as kinds
from tests.support import c_probes

pytestmark = pytest.mark.zig


@pytest.mark.parametrize("endian", ["little", "big"])
def test_each_type_of_program_gets_a_prototype(endian):
    spec = pyzbpf.open(c_probes.path("tags", endian=endian))
    assert spec.btf is not None
    before = len(spec.btf.types)
    ready = {name: adapt(spec, program) for name, program in spec.programs.items()}
    plain = {name: list(code.func_info) for name, code in ready.items()}
    made = context_tags.typed(spec.btf, [(spec.programs[name].type, code) for name, code in ready.items()])
    again = decode.decode(made.data, endian)
    for name, context in (("program", "__sk_buff"), ("other", "bpf_raw_tracepoint_args")):
        changed = [
            after for after, old in zip(ready[name].func_info, plain[name], strict=True) if after != old
        ]
        ((_, type_id),) = changed
        assert type_id >= before
        function = again.get(type_id)
        assert (function.name, function.linkage) == ("with_context", kinds.GLOBAL)
        prototype = again.get(function.type)
        pointer = again.get(prototype.parameters[0][1])
        assert pointer.kind == kinds.PTR
        assert (again.get(pointer.type).name, again.get(pointer.type).kind) == (context, kinds.STRUCT)
        assert prototype.parameters[0][0] == "context"
        assert again.describe(prototype.parameters[1][1]).endswith(" *")
    assert len(again.types) == before + 2 * 4, "a struct, a pointer, a prototype and a function for each"


def test_what_is_not_tagged_stays():
    spec = pyzbpf.open(c_probes.path("subprograms"))
    assert spec.btf is not None
    code = adapt(spec, spec.programs["first"])
    before = list(code.func_info)
    made = context_tags.typed(spec.btf, [(spec.programs["first"].type, code)])
    assert code.func_info == before
    assert len(made.types) == len(spec.btf.types)
