"""What an object leaves to the kernel, asked of the running one; imported for objects that leave it something."""

from __future__ import annotations

from pyzbpf.adapt import kconfig as encode
from pyzbpf.adapt.externs import Externs
from pyzbpf.adapt.object_btf import for_kernel
from pyzbpf.btf.decode import Btf
from pyzbpf.errors import Error, ObjectError, UnsupportedError
from pyzbpf.kernel import kallsyms, kconfig
from pyzbpf.kernel.target import KernelTarget

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pyzbpf.spec.externs import ExternSpec
    from pyzbpf.spec.model import MapSpec, ObjectSpec


class KernelExterns(Externs):
    """The same questions, answered by the running kernel. ``btf`` is the object's own as the kernel takes it."""

    __slots__ = ("btf",)

    def __init__(self, spec: ObjectSpec) -> None:
        super().__init__(spec, KernelTarget, kallsyms.addresses)
        assert spec.btf is not None, "externs are read from it"
        self.btf = Btf(for_kernel(spec.btf, spec.externs), spec.endian)

    def with_values(self, maps: Iterable[MapSpec], given: Collection[str]) -> list[MapSpec]:
        """The maps, that of the configuration values filled for the programs that were adapted.

        The spec's own map is not changed, and one that is ``given`` is its owner's matter.
        """
        wanted = self.values and ".kconfig" not in given
        return [self._filled(map) if wanted and map.name == ".kconfig" else map for map in maps]

    def _filled(self, map: MapSpec) -> MapSpec:
        filled = map.copy()
        filled.contents = bytearray(map.value_size)
        options: dict[str, str] = {}
        where = ""
        asked = [name for name in self.values if name.startswith("CONFIG_")]
        if asked:
            options, where = kconfig.options(asked)
        for name, user in self.values.items():
            extern = self.spec.externs[name]
            try:
                value = _value(self.spec, extern, options, where, user)
            except ObjectError as error:
                error.file = self.spec.file
                raise
            filled.contents[extern.offset : extern.offset + extern.size] = value
        return filled


def _value(
    spec: ObjectSpec, extern: ExternSpec, options: dict[str, str], where: str, user: tuple[str, str]
) -> bytes:
    btf = spec.btf
    assert btf is not None
    encode.kind_of(btf, extern)  # refuses a type that can hold no value
    if extern.name in options:
        return encode.from_text(btf, extern, options[extern.name])
    if not extern.name.startswith("CONFIG_"):
        number = kconfig.computed(extern.name)
        if number is not None:
            return encode.from_number(btf, extern, number)
        if not (extern.weak and extern.name.startswith("LINUX_")):
            raise ObjectError(
                "no value of this name is known",
                section=".kconfig",
                symbol=extern.name,
                advice="There are the kernel's CONFIG_ options, LINUX_KERNEL_VERSION, LINUX_HAS_BPF_COOKIE and "
                "LINUX_HAS_SYSCALL_WRAPPER.",
            )
    elif not where:
        raise _no_configuration(extern, user)
    elif not extern.weak:
        raise _not_set(extern, where, user)
    return bytes(extern.size)


def _no_configuration(extern: ExternSpec, user: tuple[str, str]) -> Error:
    return UnsupportedError(
        f"program '{user[0]}': the configuration option {extern.name}, which function '{user[1]}' reads,",
        advice=f"The kernel's configuration cannot be read at {' or '.join(kconfig.places())}: install that file, or "
        "take a kernel with CONFIG_IKCONFIG_PROC=y (modprobe configs where it is a module).",
    )


def _not_set(extern: ExternSpec, where: str, user: tuple[str, str]) -> Error:
    return UnsupportedError(
        f"program '{user[0]}': the configuration option {extern.name}, which function '{user[1]}' reads,",
        advice=f"It is not set in {where}. Take bpf.weakKconfig (in C __weak) for an option that may be off or unknown: it "
        "is 0 then.",
    )
