"""An access path of the probe, and the same path through the kernel's types."""

from __future__ import annotations

from pyzbpf.adapt._core_types import COMPOSITES, ENUMS, a, described, fields_agree, resolve, size_of
from pyzbpf.btf import types as kinds
from pyzbpf.btf.flavour import essential
from pyzbpf.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.adapt.target import Types
    from pyzbpf.btf.types import Member, Type

# libbpf's BPF_CORE_SPEC_MAX_LEN.
_MOST_STEPS = 64


class Step:
    """One step that means something: a named member of ``owner``, or the element at ``index``.

    ``name`` is None for an element, whose resolved type is ``owner``; for a value of an enumeration
    it is the value's name.
    """

    __slots__ = ("index", "name", "owner")

    def __init__(self, owner: Type | None, index: int, name: str | None = None) -> None:
        self.owner = owner
        self.index = index
        self.name = name

    @property
    def member(self) -> Member:
        assert self.owner is not None
        return self.owner.members[self.index]


class Path:
    """From a root type to a member, element or value of an enumeration, in one table of types.

    ``bit_offset`` is from the start of the root. ``steps`` is empty for relocations of whole types.
    """

    __slots__ = ("bit_offset", "root", "steps", "types")

    def __init__(self, types: Types, root: Type) -> None:
        self.types = types
        self.root = root
        self.steps: list[Step] = []
        self.bit_offset = 0

    def text(self) -> str:
        """The path as C would write it: "struct sock.__sk_common.skc_family", "enum e::VALUE"."""
        text = described(self.root)
        for place, step in enumerate(self.steps):
            if step.name is None:
                text += f"[{step.index}]" if place or step.index else ""
            else:
                text += f"{'::' if step.owner is not None and step.owner.kind in ENUMS else '.'}{step.name}"
        return text


class Miss:
    """Why a candidate is none."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


def numbers(access: str) -> list[int]:
    """The access string as numbers: "0:1:2" -> [0, 1, 2]."""
    parts = access.split(":")
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise ObjectError(f"the access path '{access}' is not a list of numbers")
    if len(parts) > _MOST_STEPS:
        raise ObjectError(f"the access path '{access}' has more than {_MOST_STEPS} steps")
    return [int(part) for part in parts]


def whole(types: Types, root: Type, access: str) -> Path:
    """The path of a relocation of a whole type, which has no steps."""
    if access != "0":
        raise ObjectError(f"the access path '{access}' of a whole type is not '0'")
    return Path(types, root)


def enumerator(types: Types, root: Type, access: str) -> Path:
    """The path to a value of an enumeration."""
    path, steps = Path(types, root), numbers(access)
    found = resolve(types, root)
    if found is None or found.kind not in ENUMS or len(steps) != 1 or steps[0] >= len(found.values):
        raise ObjectError(f"the access path '{access}' leads to no value of {described(root)}")
    path.steps.append(Step(found, steps[0], found.values[steps[0]][0]))
    return path


def field(types: Types, root: Type, access: str) -> Path:
    """The path to a member or element.

    Members without a name take part in the offset, and are no steps: in the kernel there may be
    more or fewer of them around the same member.
    """
    path, indices = Path(types, root), numbers(access)
    found = resolve(types, root)
    path.steps.append(Step(found, indices[0]))
    path.bit_offset = indices[0] * size_of(types, found) * 8
    for index in indices[1:]:
        found = resolve(types, found)
        if found is not None and found.kind in COMPOSITES and index < len(found.members):
            member = found.members[index]
            path.bit_offset += member.bit_offset
            if member.name:
                path.steps.append(Step(found, index, member.name))
            found = types.get(member.type)
        elif found is not None and found.kind == kinds.ARRAY and _inside(path.steps[-1], found, index):
            found = resolve(types, types.get(found.type))
            path.steps.append(Step(found, index))
            path.bit_offset += index * size_of(types, found) * 8
        else:
            where = (
                f"an array of {found.count}" if found is not None and found.kind == kinds.ARRAY else a(found)
            )
            raise ObjectError(f"the access path '{access}' of {described(root)} leads out of {where}")
    return path


def _inside(before: Step, array: Type, index: int) -> bool:
    """Whether the array has this element: the last member of a struct may be a flexible array."""
    if index < array.count:
        return True
    return (
        not array.count
        and before.name is not None
        and before.owner is not None
        and before.index == len(before.owner.members) - 1
    )


def match_enumerator(local: Path, types: Types, root: Type) -> Path | Miss:
    """The value of that name, flavour or not, in the kernel's enumeration."""
    found = resolve(types, root)
    wanted = local.steps[0].name or ""
    if found is None or found.kind not in ENUMS:
        return Miss(f"the kernel's {described(root)} is no enumeration")
    for index, (name, _) in enumerate(found.values):
        if essential(name) == essential(wanted):
            path = Path(types, root)
            path.steps.append(Step(found, index, name))
            return path
    return Miss(f"the kernel's {described(root)} has no value '{essential(wanted)}'")


def match_field(local: Path, types: Types, root: Type) -> Path | Miss:
    """The same steps in the kernel's type, by name and index."""
    path = Path(types, root)
    found: Type | None = root
    for place, step in enumerate(local.steps):
        found = resolve(types, found)
        if found is None:
            raise ObjectError(f"{path.text()} is void")
        if step.name is not None:
            missing = _match_member(local, step, path, found)
            if missing is not None:
                return missing
            found = types.get(path.steps[-1].member.type)
            continue
        if place:
            if found.kind != kinds.ARRAY:
                return Miss(f"the kernel's {path.text()} is {a(found)}, not an array")
            if not _inside(path.steps[-1], found, step.index):
                return Miss(f"the kernel's {path.text()} has {found.count} elements")
            found = resolve(types, types.get(found.type))
        path.steps.append(Step(found, step.index))
        path.bit_offset += step.index * size_of(types, found) * 8
    return path


def _match_member(local: Path, step: Step, path: Path, owner: Type) -> Miss | None:
    """Add the member of that name to ``path``; None where it could be done."""
    assert step.name is not None
    if owner.kind not in COMPOSITES:
        return Miss(f"the kernel's {path.text()} is {a(owner)}, not a struct")
    chain = _find_member(path.types, owner, step.name, _MOST_STEPS)
    if chain is None:
        return Miss(f"the kernel's {path.text()} has no member '{step.name}'")
    ours = local.types.get(step.member.type)
    home, index = chain[-1]
    theirs = path.types.get(home.members[index].type)
    if not fields_agree(local.types, ours, path.types, theirs):
        mine, other = a(resolve(local.types, ours)), a(resolve(path.types, theirs))
        difference = (
            f"is {other}, the probe's {mine}" if mine != other else f"is {other}, but not the probe's"
        )
        return Miss(f"the kernel's {path.text()}.{step.name} {difference}")
    path.bit_offset += sum(home.members[index].bit_offset for home, index in chain)
    path.steps.append(Step(home, index, step.name))
    return None


def _find_member(types: Types, owner: Type, name: str, depth: int) -> list[tuple[Type, int]] | None:
    """(struct, index) of each member on the way to the one of that name, through those without."""
    if not depth:
        raise ObjectError(f"{described(owner)}: members are nested too deeply")
    for index, member in enumerate(owner.members):
        if member.name == name:
            return [(owner, index)]
        if not member.name:
            inner = resolve(types, types.get(member.type))
            if inner is not None and inner.kind in COMPOSITES:
                rest = _find_member(types, inner, name, depth - 1)
                if rest is not None:
                    return [(owner, index), *rest]
    return None
