"""Objects as clang leaves them, unlinked: read for both byte orders, and the same by way of an index."""

from __future__ import annotations

import pytest

import pyzbpf
from pyzbpf.btf import decode
from pyzbpf.btf import types as kinds
from pyzbpf.spec.index import from_index, to_index
from pyzbpf.spec.model import MapSpec
from tests.support import c_probes

ENDIANS = ["little", "big"]


@pytest.mark.parametrize("endian", ENDIANS)
def test_the_type_information_is_completed(endian: str) -> None:
    spec = pyzbpf.open(c_probes.path("two_maps", endian=endian))
    assert spec.btf is not None
    again = decode.decode(spec.btf.data, endian)
    for name in (".data", ".rodata", ".maps"):
        section = again.get(again.find(name, kinds.DATASEC))
        places = [offset for _, offset, _ in section.variables]
        assert section.size and places == sorted(set(places)), name
    assert spec.variables["wide"].value == 4
    assert spec.variables["large"].value == 2


@pytest.mark.parametrize("endian", ENDIANS)
def test_hidden_functions_are_static(endian: str) -> None:
    spec = pyzbpf.open(c_probes.path("hidden", endian=endian))
    assert spec.btf is not None
    again = decode.decode(spec.btf.data, endian)
    linkage = {found.name: found.linkage for _, found in again.named(kinds.FUNC)}
    assert linkage["concealed"] == kinds.STATIC
    assert linkage["shown"] == kinds.GLOBAL


@pytest.mark.parametrize("endian", ENDIANS)
@pytest.mark.parametrize("name", ["maps_in_maps", "pinned", "struct_ops", "arena", "two_maps"])
def test_an_index_says_the_same(name: str, endian: str) -> None:
    data = c_probes.path(name, endian=endian).read_bytes()
    plain = pyzbpf.open(data)
    entry = eval(repr(to_index(data, file="a", name="a")))
    indexed = from_index(entry, data, file="a", name="a")
    assert indexed is not None and indexed.btf is not None and plain.btf is not None
    assert indexed.btf.data == plain.btf.data
    assert facts(indexed.maps.values()) == facts(plain.maps.values())


def facts(maps: object) -> list[object]:
    return [
        [facts([value]) if isinstance(value, MapSpec) else value
         for value in (getattr(found, name) for name in MapSpec.__slots__)]
        for found in maps  # type: ignore[attr-defined]
    ]  # fmt: skip
