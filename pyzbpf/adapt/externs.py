"""Undefined symbols -> addresses, type ids and calls of one kernel. Pure: the kernel answers through a Target.

The meaning is libbpf's: what is weak may be missing. The address of something missing is 0, and a call
of it is made one that the verifier refuses where it gets there, so code behind a question may stay.
"""

from __future__ import annotations

from pyzbpf.adapt._core_types import kinds_agree, resolve
from pyzbpf.adapt.functions import INSTRUCTION
from pyzbpf.adapt.target import NO_TYPES, LocalTypes
from pyzbpf.btf import types as kinds
from pyzbpf.btf.flavour import essential
from pyzbpf.errors import ObjectError, UnsupportedError
from pyzbpf.uapi import since
from pyzbpf.uapi.enums import BPF_PSEUDO_BTF_ID, BPF_PSEUDO_KFUNC_CALL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pyzbpf.adapt.adapt import ReadyProgram
    from pyzbpf.adapt.functions import Code
    from pyzbpf.adapt.target import Target
    from pyzbpf.spec.externs import ExternSpec
    from pyzbpf.spec.model import FunctionSpec, ObjectSpec, Reference

# A helper that does not exist, plus the number of the extern: libbpf's, which tools know.
POISON = 2002000000

_WORDS = {kinds.FUNC: "function", kinds.VAR: "variable with a type"}


def poison(code: Code, index: int, number: int) -> None:
    """Make a call one that the verifier refuses when it gets there; ``number`` is that of the extern."""
    code.set_call(index, 0, POISON + number)


class Answer:
    """What the kernel has: an address, or a type's id, which says it better; or why it has nothing.

    ``module`` is the module whose types the id is of ("": the kernel's own).
    """

    __slots__ = ("address", "module", "reason", "type_id")

    def __init__(self, *, address: int = 0, type_id: int = 0, module: str = "", reason: str = "") -> None:
        self.address = address
        self.type_id = type_id
        self.module = module
        self.reason = reason


class Externs:
    """Resolves the externs of one object for one kernel, each when the first instruction asks.

    ``target`` is called for the kernel's types, ``addresses`` for addresses of symbols by name, each
    once at most. ``values`` collects the configuration values that are used: name -> (program, function).
    """

    __slots__ = ("_addresses", "_answers", "_known", "_open", "_target", "spec", "values")

    def __init__(
        self,
        spec: ObjectSpec,
        target: Callable[[], Target],
        addresses: Callable[[Sequence[str]], Mapping[str, int]],
    ) -> None:
        self.spec = spec
        self._open = target
        self._target: Target | None = None
        self._addresses = addresses
        self._known: Mapping[str, int] | None = None
        self._answers: dict[str, Answer] = {}
        self.values: dict[str, tuple[str, str]] = {}

    def aim(
        self, program: str, function: FunctionSpec, reference: Reference, ready: ReadyProgram, start: int
    ) -> None:
        """Fill in one instruction of the function that begins at index ``start`` of the program."""
        index = start + reference.offset // INSTRUCTION
        extern = self.spec.externs[reference.name]
        if extern.kind == "kconfig":
            if reference.kind == "kfunc":
                raise self._fault(function, reference, "a value of the configuration is called")
            self.values.setdefault(extern.name, (program, function.name))
            ready.references.append((index, "data", ".kconfig", extern.offset))
            return
        answer = self._answer(extern, program, function, reference)
        if answer.reason and not extern.weak:
            raise self._missing(extern, answer.reason, program, function, reference)
        if reference.kind == "kfunc":
            if extern.kind != "kfunc":
                raise self._fault(function, reference, "a variable of the kernel is called")
            self._call(extern, answer, ready, index)
            return
        code = ready.code
        if answer.type_id:
            code.set_source(index, BPF_PSEUDO_BTF_ID)
        code.set_immediate(index, answer.type_id or answer.address & 0xFFFFFFFF)
        code.set_immediate(index + 1, answer.address >> 32)
        if answer.module:
            ready.module_loads.append((index, answer.module))

    def _call(self, extern: ExternSpec, answer: Answer, ready: ReadyProgram, index: int) -> None:
        if answer.reason:
            poison(ready.code, index, list(self.spec.externs).index(extern.name))
            ready.missing[index] = f"'{extern.name}': {answer.reason}"
        else:
            place = ready.module_place(answer.module)
            ready.code.set_call(index, BPF_PSEUDO_KFUNC_CALL, answer.type_id, place)

    def _answer(
        self, extern: ExternSpec, program: str, function: FunctionSpec, reference: Reference
    ) -> Answer:
        found = self._answers.get(extern.name)
        if found is None:
            if extern.kind == "ksym" and not extern.type_id:
                found = self._address(extern)
            else:
                found = self._typed(extern, program, function, reference)
            self._answers[extern.name] = found
        return found

    def _address(self, extern: ExternSpec) -> Answer:
        if self._known is None:
            wanted = [e.name for e in self.spec.externs.values() if e.kind == "ksym" and not e.type_id]
            self._known = self._addresses(wanted)
        address = self._known.get(extern.name)
        if address is None:
            return Answer(reason="the running kernel has no such symbol")
        return Answer(address=address)

    def _typed(
        self, extern: ExternSpec, program: str, function: FunctionSpec, reference: Reference
    ) -> Answer:
        callable_ = extern.kind == "kfunc"
        name = essential(extern.name) if callable_ else extern.name
        kind = kinds.FUNC if callable_ else kinds.VAR
        target = self._opened(extern, program)
        found = next((pair for pair in target.find(name, kind) if pair[1].name == name), None)
        if found is None:
            return Answer(reason=f"{target.name} has no such {_WORDS[kind]}")
        types, type_ = found
        module = "" if types.first == 1 else types.name
        assert self.spec.btf is not None
        local = LocalTypes(self.spec.btf)
        if kinds_agree(local, local.get(extern.type_id), types, resolve(types, types.get(type_.type))):
            return Answer(type_id=types.id_of(type_), module=module)
        if callable_ and extern.weak:
            return Answer(reason=f"{target.name} has it with another prototype")
        what = "prototype" if callable_ else "type"
        raise self._fault(
            function,
            reference,
            f"the {what} of '{extern.name}' is another one in {target.name}",
            advice=f"Declare it as this kernel does: bpftool btf dump file /sys/kernel/btf/vmlinux format c | grep {name}",
        )

    def _opened(self, extern: ExternSpec, program: str) -> Target:
        if self._target is None:
            try:
                self._target = self._open()
            except UnsupportedError as error:
                raise UnsupportedError(
                    f"program '{program}': the kernel {_noun(extern)} '{extern.name}', which is found by the kernel's "
                    "type information,",
                    since=since.KFUNCS if extern.kind == "kfunc" else since.KERNEL_VARIABLES,
                    advice=NO_TYPES,
                ) from error
        return self._target

    def _missing(
        self,
        extern: ExternSpec,
        reason: str,
        program: str,
        function: FunctionSpec,
        reference: Reference,
    ) -> UnsupportedError:
        ask = "declare it weak (in C __weak), "
        if extern.kind == "kfunc":
            ask = "ask first with kfuncExists() (in C declare it __weak, and ask for its address), "
        return UnsupportedError(
            f"program '{program}': the kernel {_noun(extern)} '{extern.name}'",
            advice=f"{self.spec.file}, function '{function.name}', offset {reference.offset:#x}: {reason}. In the "
            f"probe {ask}or leave the program out with spec.programs['{program}'].autoload = False.",
        )

    def _fault(
        self, function: FunctionSpec, reference: Reference, message: str, *, advice: str | None = None
    ) -> ObjectError:
        return ObjectError(
            message,
            file=self.spec.file,
            section=function.section,
            symbol=reference.name,
            offset=reference.offset,
            advice=advice,
        )


def _noun(extern: ExternSpec) -> str:
    return "function" if extern.kind == "kfunc" else "symbol"
