"""Values of the CPUs added up."""

from __future__ import annotations

from pyzbpf.btf.record import enum_class, record_class
from pyzbpf.maps.per_cpu import added


def test_numbers_and_what_is_none():
    state = enum_class("State", [("idle", 0), ("busy", 2)])
    one = record_class("One", ["count", "seen", "state", "name", "parts"])
    total = added(
        [
            one(1, False, state.idle, "", [1, True]),
            one(2, True, state.busy, "zig", [2, False]),
            one(3, True, state.busy, "c", [3, False]),
        ]
    )
    assert tuple(total) == (6, True, state.busy, "zig", [6, True])
    assert total.seen is True and total.state.name == "busy"


def test_a_value_of_an_enum_without_a_name():
    state = enum_class("State", [("idle", 0)])
    assert added([state.idle, 7, 7]) == 7
    assert added([state.idle, state.idle]).name == "idle"
