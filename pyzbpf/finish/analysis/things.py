"""What must be given back before a program ends, and what is known of it at a place."""

from __future__ import annotations

from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.code import Instruction

# How a call says what it gives back: by the pointer that the other call returned, by the address of a variable
# on the stack, or by nothing.
POINTER, VARIABLE, NOTHING = "pointer", "variable", "nothing"


class Kind(NamedTuple):
    """Something acquired: ``release`` (a helper's number or a kernel function's name, 0: nothing that could be
    done here) gives it back, ``by`` one of the above, with ``zeros`` further arguments. ``register`` has the
    variable's address when it is acquired.
    """

    name: str
    release: int | str
    by: str = POINTER
    zeros: int = 0
    register: int = 1


_RECORD, _SOCKET = Kind("ring-buffer record", 133, zeros=1), Kind("socket", 86)
_TASK, _CGROUP = Kind("task", "bpf_task_release"), Kind("control group", "bpf_cgroup_release")
_CPUMASK, _KEY = Kind("cpumask", "bpf_cpumask_release"), Kind("key", "bpf_key_put")
_CONNECTION = Kind("connection", "bpf_ct_release")
_OBJECT = Kind("object", "bpf_obj_drop_impl", zeros=1)
_PER_CPU_OBJECT = Kind("per-CPU object", "bpf_percpu_obj_drop_impl", zeros=1)
# The same without an argument for the kernel's own use (KF_IMPLICIT_ARGS).
_NEW_OBJECT = Kind("object", "bpf_obj_drop")
_NEW_PER_CPU_OBJECT = Kind("per-CPU object", "bpf_percpu_obj_drop")
_MEMORY_GROUP = Kind("memory control group", "bpf_put_mem_cgroup")
_TRANSFORM = Kind("transformation state", "bpf_xdp_xfrm_state_release")
_HID = Kind("HID context", "hid_bpf_release_context")
_FILE, _CRYPTO = Kind("file", "bpf_put_file"), Kind("crypto context", "bpf_crypto_ctx_release")
_SCHED_MASK = Kind("cpumask", "scx_bpf_put_cpumask")
_IDLE_MASK = Kind("cpumask", "scx_bpf_put_idle_cpumask")

# What returns something that must be given back (KF_ACQUIRE): helpers by number, the kernel's functions by name.
ACQUIRE: dict[int | str, Kind] = {
    131: _RECORD,
    84: _SOCKET,
    85: _SOCKET,
    99: _SOCKET,
    194: Kind("kptr", 0),
    **dict.fromkeys(("bpf_task_acquire", "bpf_task_from_pid", "bpf_task_from_vpid"), _TASK),
    **dict.fromkeys(
        ("bpf_cgroup_acquire", "bpf_cgroup_ancestor", "bpf_cgroup_from_id", "bpf_task_get_cgroup1",
         "scx_bpf_task_cgroup"), _CGROUP,
    ),
    **dict.fromkeys(("bpf_cpumask_create", "bpf_cpumask_acquire"), _CPUMASK),
    **dict.fromkeys(("bpf_lookup_user_key", "bpf_lookup_system_key"), _KEY),
    **dict.fromkeys(("bpf_xdp_ct_lookup", "bpf_skb_ct_lookup", "bpf_ct_insert_entry"), _CONNECTION),
    **dict.fromkeys(("bpf_xdp_ct_alloc", "bpf_skb_ct_alloc"), Kind("new connection", 0)),
    **dict.fromkeys(
        ("bpf_obj_new_impl", "bpf_refcount_acquire_impl", "bpf_list_pop_front", "bpf_list_pop_back",
         "bpf_rbtree_remove"), _OBJECT,
    ),
    "bpf_percpu_obj_new_impl": _PER_CPU_OBJECT,
    **dict.fromkeys(("bpf_obj_new", "bpf_refcount_acquire"), _NEW_OBJECT),
    "bpf_percpu_obj_new": _NEW_PER_CPU_OBJECT,
    "bpf_get_mem_cgroup": _MEMORY_GROUP,
    "bpf_xdp_get_xfrm_state": _TRANSFORM,
    "hid_bpf_allocate_context": _HID,
    "bpf_get_task_exe_file": _FILE,
    **dict.fromkeys(("bpf_crypto_ctx_create", "bpf_crypto_ctx_acquire"), _CRYPTO),
    **dict.fromkeys(("scx_bpf_get_online_cpumask", "scx_bpf_get_possible_cpumask"), _SCHED_MASK),
    **dict.fromkeys(("scx_bpf_get_idle_cpumask", "scx_bpf_get_idle_smtmask", "scx_bpf_get_idle_cpumask_node",
                     "scx_bpf_get_idle_smtmask_node"), _IDLE_MASK),
}  # fmt: skip
# What takes it (KF_RELEASE), and in which register.
RELEASE: dict[int | str, int] = {
    132: 1,
    **{kind.release: 1 for kind in ACQUIRE.values() if kind.release},
    194: 2,
    "bpf_ct_insert_entry": 1,
    **dict.fromkeys(
        (
            "bpf_list_push_front_impl",
            "bpf_list_push_back_impl",
            "bpf_rbtree_add_impl",
            "bpf_list_push_front",
            "bpf_list_push_back",
            "bpf_rbtree_add",
        ),
        2,
    ),
}
# What begins and ends: its first call, and all that may be its last.
_REGIONS: dict[int | str, tuple[Kind, frozenset[int | str]]] = {
    93: (Kind("spin lock", 0, NOTHING), frozenset((94,))),
    "bpf_res_spin_lock": (Kind("spin lock", 0, NOTHING), frozenset(("bpf_res_spin_unlock",))),
    "bpf_res_spin_lock_irqsave": (
        Kind("spin lock", 0, NOTHING), frozenset(("bpf_res_spin_unlock_irqrestore",)),
    ),
    198: (Kind("ring-buffer record in a dynptr", 200, VARIABLE, 1, register=4), frozenset((199, 200))),
    "bpf_rcu_read_lock": (
        Kind("RCU read lock", "bpf_rcu_read_unlock", NOTHING), frozenset(("bpf_rcu_read_unlock",)),
    ),
    "bpf_preempt_disable": (
        Kind("section without preemption", "bpf_preempt_enable", NOTHING), frozenset(("bpf_preempt_enable",)),
    ),
    "bpf_local_irq_save": (
        Kind("section without interrupts", "bpf_local_irq_restore", VARIABLE),
        frozenset(("bpf_local_irq_restore",)),
    ),
}  # fmt: skip
_ENDS = {last: kind.name for kind, lasts in _REGIONS.values() for last in lasts}
_ITERATOR, _NEW, _DESTROY = "bpf_iter_", "_new", "_destroy"


def begun(call: int | str | None) -> Kind | None:
    """What begins with a call and ends with another, of an iterator or a lock."""
    if isinstance(call, str) and call.startswith(_ITERATOR) and call.endswith(_NEW):
        kind = call[len(_ITERATOR) : -len(_NEW)]
        return Kind(f"iterator ({kind})", f"{_ITERATOR}{kind}{_DESTROY}", VARIABLE)
    found = _REGIONS.get(call) if call is not None else None
    return found[0] if found is not None else None


def ended(call: int | str | None) -> str | None:
    """The name of what ends with a call."""
    if isinstance(call, str) and call.startswith(_ITERATOR) and call.endswith(_DESTROY):
        return f"iterator ({call[len(_ITERATOR) : -len(_DESTROY)]})"
    return _ENDS.get(call) if call is not None else None


# What is known of something acquired: it is there; it is unless its pointer is null; the ways disagree.
THERE, MAYBE, UNCLEAR = "there", "maybe", "unclear"


class Thing:
    """Something acquired: by which instruction (None: it came as an argument), of which kind, and where the
    variable is that stands for it (an offset from r10), if one does and that is known.
    """

    __slots__ = ("acquired", "kind", "variable")

    def __init__(self, acquired: Instruction | None, kind: Kind) -> None:
        self.acquired = acquired
        self.kind = kind
        self.variable: int | None = None

    @property
    def is_pointer(self) -> bool:
        """Whether it can be given back by whoever finds its pointer."""
        return self.kind.by == POINTER and self.kind.release != 0


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
            if old is None or new is None or old is new or old.kind != new.kind:
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
            place: found
            for place, found in places.items()
            if found == ZERO or found[0] is STACK or found[0] in self.states
        }
        return before != (self.states, self.places)


# What the frame pointer points to: no thing that is held, but followed like one.
STACK = Thing(None, Kind("stack frame", 0, NOTHING))
# A place that holds zero.
ZERO: tuple[Thing | None, int] = (None, 0)


def _join(one: str | None, other: str | None, *, in_reach: bool) -> str:
    """What is left of two ways; ``in_reach`` tells that a place has the pointer on both, if only as zero."""
    if one == other and one is not None:
        return one
    if UNCLEAR in (one, other) or (None in (one, other) and not in_reach):
        return UNCLEAR
    return MAYBE
