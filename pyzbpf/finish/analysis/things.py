"""What must be given back before a program ends, and what is known of it at a place."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.code import Instruction

# Helper that acquires what it returns -> (helper that gives it back, whether that takes flags too, its name).
ACQUIRE = {
    131: (133, True, "ring-buffer record"),
    84: (86, False, "socket"),
    85: (86, False, "socket"),
    99: (86, False, "socket"),
}
# Helpers that give back what r1 points to: ringbuf_submit, ringbuf_discard, sk_release.
RELEASE = frozenset((132, 133, 86))
# What begins and ends without a pointer that could be followed: (name, first, last), helpers by number,
# the kernel's functions by name.
REGIONS: tuple[tuple[str, int | str, frozenset[int | str]], ...] = (
    ("spin lock", 93, frozenset((94,))),
    ("ring-buffer record in a dynptr", 198, frozenset((199, 200))),
    ("spin lock", "bpf_res_spin_lock", frozenset(("bpf_res_spin_unlock",))),
    ("RCU read lock", "bpf_rcu_read_lock", frozenset(("bpf_rcu_read_unlock",))),
    ("section without preemption", "bpf_preempt_disable", frozenset(("bpf_preempt_enable",))),
)

# What is known of something acquired: it is there; it is unless its pointer is null; the ways disagree.
THERE, MAYBE, UNCLEAR = "there", "maybe", "unclear"


class Thing:
    """Something acquired: by which instruction (None: it came as an argument), and how it is given back
    (``release`` 0: by nothing that could be done here).
    """

    __slots__ = ("acquired", "flags", "name", "release")

    def __init__(self, acquired: Instruction | None, name: str, release: int, *, flags: bool) -> None:
        self.acquired = acquired
        self.name = name
        self.release = release
        self.flags = flags


class State:
    """What is known before an instruction.

    ``states`` tells of each thing held; ``places`` are registers (0 to 9) and stack words (their negative
    offsets) with (thing, distance from its start), or with (None, 0): zero.
    """

    __slots__ = ("places", "states")

    def __init__(self) -> None:
        self.states: dict[Thing, str] = {}
        self.places: dict[int, tuple[Thing | None, int]] = {}

    def copy(self) -> State:
        made = State()
        made.states, made.places = dict(self.states), dict(self.places)
        return made

    def find(self, thing: Thing) -> list[tuple[int, int]]:
        """(place, distance from its start) of every copy of the pointer."""
        return [(place, distance) for place, (held, distance) in self.places.items() if held is thing]

    def drop(self, thing: Thing) -> None:
        """It is given back, or never was."""
        self.states.pop(thing, None)
        self.places = {place: found for place, found in self.places.items() if found[0] is not thing}

    def is_null(self, thing: Thing) -> None:
        """It never was, and its pointers are zero."""
        self.states.pop(thing, None)
        for place, _ in self.find(thing):
            self.places[place] = ZERO

    def named_as(self, other: State) -> State:
        """The same, with the names of ``other`` for things that lie where it has another one that is given
        back in the same way: from there on it does not matter which call has acquired them (LLVM unrolls
        loops, and lets the rounds share what follows).
        """
        made = self.copy()
        for place in self.places.keys() & other.places.keys():
            old, new = made.places[place][0], other.places[place][0]
            if old is None or new is None or old is new or old.release != new.release:
                continue
            if (
                new not in made.states
                and old in made.states
                and old not in other.states
                and new in other.states
            ):
                made.states[new] = made.states.pop(old)
                for found, distance in made.find(old):
                    made.places[found] = new, distance
        return made

    def join(self, other: State) -> bool:
        """Keep what both ways agree on; whether that changed anything."""
        before = self.states, self.places
        other = other.named_as(self)
        places = {}
        for place in self.places.keys() & other.places.keys():
            one, two = self.places[place], other.places[place]
            if one == two or (two == ZERO and one[1] == 0 and one[0] not in other.states):
                places[place] = one
            elif one == ZERO and two[1] == 0 and two[0] not in self.states:
                places[place] = two
        reached = {thing for thing, _ in places.values()}
        self.states = {
            thing: _join(self.states.get(thing), other.states.get(thing), in_reach=thing in reached)
            for thing in (*self.states, *other.states)
        }
        self.places = {
            place: found for place, found in places.items() if found == ZERO or found[0] in self.states
        }
        return before != (self.states, self.places)


# A place that holds zero.
ZERO: tuple[Thing | None, int] = (None, 0)


def _join(one: str | None, other: str | None, *, in_reach: bool) -> str:
    """What is left of two ways; ``in_reach`` tells that a place has the pointer on both, if only as zero."""
    if one == other and one is not None:
        return one
    if UNCLEAR in (one, other) or (None in (one, other) and not in_reach):
        return UNCLEAR
    return MAYBE
