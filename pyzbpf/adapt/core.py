"""CO-RE: the numbers that depend on a kernel's types, put into the instructions that hold them.

A record of the object says "the immediate of this instruction is the offset of member pid in struct
task_struct". The probe's own types say what stands there now, the kernel's what must. The meaning of
the thirteen kinds is libbpf's (src/relo_core.c): an object behaves the same under both loaders.
"""

from __future__ import annotations

from pyzbpf.adapt import _core_match as match
from pyzbpf.adapt._core_patch import patch, poison
from pyzbpf.adapt._core_types import Matcher, described, kinds_agree, word
from pyzbpf.adapt._core_value import (
    ANSWER_NO,
    ENUM_KINDS,
    FIELD_BYTE_OFFSET,
    FIELD_BYTE_SIZE,
    FIELD_KINDS,
    NAMES,
    TYPE_ID_LOCAL,
    TYPE_MATCHES,
    Value,
    misread,
    value,
    width_may_change,
)
from pyzbpf.adapt.target import LocalTypes
from pyzbpf.btf.flavour import essential
from pyzbpf.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyzbpf.adapt._core_match import Miss, Path
    from pyzbpf.adapt.target import Target, Types
    from pyzbpf.btf.types import Type
    from pyzbpf.spec.model import FunctionSpec, ObjectSpec

    Record = tuple[int, int, str, int]
    Candidates = list[tuple[Types, Type]]


_ARITHMETIC = (4, 7)  # classes of instructions: ALU, ALU64


class Resolution:
    """A record with its answer.

    ``target`` is None where there is none, and ``reason`` says why. ``text`` is what was asked:
    "<byte_off> struct task_struct.nope (0:3)". ``misread`` is what would be wrong with a copy of the
    member in the probe's width ("": nothing).
    """

    __slots__ = ("local", "misread", "offset", "reason", "target", "text")

    def __init__(self, offset: int, text: str, local: Value, target: Value | None, reason: str) -> None:
        self.offset = offset
        self.text = text
        self.local = local
        self.target = target
        self.reason = reason
        self.misread = ""


class Relocator:
    """Relocates the functions of one object for one kernel.

    ``target`` is called once, when the first record needs a kernel: an object that has none never
    reads any kernel's types. ``doubts`` are the members that seem to be read in a width that is not
    the kernel's, each as a sentence.
    """

    __slots__ = ("_candidates", "_open", "_resolved", "_spec", "_target", "_types", "doubts")

    def __init__(self, spec: ObjectSpec, target: Callable[[], Target]) -> None:
        self._spec = spec
        self._open = target
        self._target: Target | None = None
        self._types: Types | None = None
        self._candidates: dict[int, Candidates] = {}
        self._resolved: dict[str, list[Resolution]] = {}
        self.doubts: dict[str, None] = {}

    def relocate(self, function: FunctionSpec, code: bytearray, start: int) -> dict[int, str]:
        """Patch the function's instructions, which begin at byte ``start`` of ``code``.

        Gives byte offset in ``code`` -> explanation for each that was poisoned, because the kernel has
        no answer.
        """
        if function.name not in self._resolved:
            self._resolved[function.name] = [self._checked(function, record) for record in function.core]
            self._doubt(function)
        unresolved = {}
        for found in self._resolved[function.name]:
            place = start + found.offset
            try:
                reason = self._put(code, place, found)
            except ObjectError as error:
                raise self._placed(error, function, found.offset, found.text) from error
            if reason is not None:
                poison(code, place, self._spec.endian)
                unresolved[place] = f"{found.text}: {reason}"
        return unresolved

    def _doubt(self, function: FunctionSpec) -> None:
        """Note the members whose offset goes into a sum, for a helper that copies as many bytes as it is told.

        A function that asks for the size of the member, too, knows what it does.
        """
        sized = {record[1:3] for record in function.core if record[3] == FIELD_BYTE_SIZE}
        for record, found in zip(function.core, self._resolved[function.name], strict=True):
            offset, type_id, access, kind = record
            is_sum = function.instructions[offset] & 7 in _ARITHMETIC
            if kind == FIELD_BYTE_OFFSET and found.misread and is_sum and (type_id, access) not in sized:
                self.doubts[f"function '{function.name}': {found.misread}"] = None

    def _put(self, code: bytearray, place: int, found: Resolution) -> str | None:
        """Write the answer into the instruction; or why it cannot be done."""
        local, target = found.local, found.target
        if target is None:
            return found.reason
        if patch(code, place, self._spec.endian, local, target, widen=width_may_change(local, target)):
            return None
        return (
            f"it has {target.width} bytes in the kernel and {local.width} in the probe; "
            "only pointers and unsigned numbers are adapted"
        )

    def _placed(self, error: ObjectError, function: FunctionSpec, offset: int, text: str) -> ObjectError:
        """The same error with the place, and with what was to be relocated; a file with the kernel's types is named."""
        types = f"{error.file}: " if error.file else ""
        return ObjectError(
            f"CO-RE relocation {text}: {types}{error.message}",
            file=self._spec.file,
            section=function.section,
            symbol=function.name,
            offset=offset,
            advice=error.advice,
        )

    def _checked(self, function: FunctionSpec, record: Record) -> Resolution:
        offset, type_id, access, kind = record
        if not 0 <= kind < len(NAMES):
            message = f"the kind {kind} is not known; it is newer than this pyzbpf, or the object is damaged"
            raise self._placed(ObjectError(message), function, offset, f"<{kind}>")
        text = f"<{NAMES[kind]}> type {type_id} ({access})"
        try:
            if offset % 8 or not 0 <= offset < len(function.instructions):
                raise ObjectError("there is no instruction")
            if self._types is None:
                if self._spec.btf is None:
                    raise ObjectError("the object has no type information")
                self._types = LocalTypes(self._spec.btf)
            root = self._types.get(type_id)
            if root is None:
                raise ObjectError("no type has the id 0")
            path = _read(kind, self._types, root, access)
            text = f"<{NAMES[kind]}> {path.text()}" + (f" ({access})" if kind in FIELD_KINDS else "")
            return self._resolve(kind, path, type_id, offset, text)
        except ObjectError as error:
            raise self._placed(error, function, offset, text) from error

    def _resolve(self, kind: int, path: Path, type_id: int, offset: int, text: str) -> Resolution:
        endian = self._spec.endian
        if kind == TYPE_ID_LOCAL:
            number = Value(type_id, certain=False)
            return Resolution(offset, text, number, number, "")
        name = path.root.name
        if not name:
            raise ObjectError("a type without a name cannot be found in a kernel")
        local = value(kind, path, endian)
        if type_id not in self._candidates:
            self._candidates[type_id] = list(self._opened().find(essential(name), path.root.kind))
        reason = f"{self._opened().name} has no {word(path.root)} '{essential(name)}'"
        kept: Candidates = []
        agreed: tuple[Path, Value] | None = None
        for types, root in self._candidates[type_id]:
            found = _match(kind, path, types, root)
            if isinstance(found, match.Miss):
                reason = found.reason
                continue
            answer = value(kind, found, endian)
            if agreed is None:
                agreed = (found, answer)
            elif (agreed[0].bit_offset, agreed[1].number) != (found.bit_offset, answer.number):
                raise _ambiguous(agreed, (found, answer))
            kept.append((types, root))
        if kept:
            # As libbpf: what does not have one member of the type is not asked for the next.
            self._candidates[type_id] = kept
        if agreed is None:
            return Resolution(offset, text, local, Value(0) if kind in ANSWER_NO else None, reason)
        resolution = Resolution(offset, text, local, agreed[1], "")
        doubt = misread(path, agreed[0]) if kind == FIELD_BYTE_OFFSET else ""
        resolution.misread = f"{path.text()} {doubt}" if doubt else ""
        return resolution

    def _opened(self) -> Target:
        if self._target is None:
            self._target = self._open()
            if self._target.endian != self._spec.endian:
                raise ObjectError(
                    f"the object is {self._spec.endian}-endian, the types of {self._target.name} are "
                    f"{self._target.endian}-endian"
                )
        return self._target


def _read(kind: int, types: Types, root: Type, access: str) -> Path:
    if kind in FIELD_KINDS:
        return match.field(types, root, access)
    return (match.enumerator if kind in ENUM_KINDS else match.whole)(types, root, access)


def _match(kind: int, local: Path, types: Types, root: Type) -> Path | Miss:
    if kind in FIELD_KINDS:
        return match.match_field(local, types, root)
    if kind in ENUM_KINDS:
        return match.match_enumerator(local, types, root)
    if kind == TYPE_MATCHES:
        agree = Matcher(local.types, types).match(local.root, root)
    else:
        agree = kinds_agree(local.types, local.root, types, root)
    return match.Path(types, root) if agree else match.Miss(f"the kernel's {described(root)} is another")


def _ambiguous(one: tuple[Path, Value], other: tuple[Path, Value]) -> ObjectError:
    (first, a), (second, b) = one, other
    if first.bit_offset != second.bit_offset:
        what = f"bit offset {first.bit_offset} in one, {second.bit_offset} in the other"
    else:
        what = f"{a.number} by one, {b.number} by the other"
    return ObjectError(
        f"the kernel has several types of that name, which disagree: {first.text()} and {second.text()}: {what}",
        advice="Name a member, or make a check, that only the type you mean has.",
    )
