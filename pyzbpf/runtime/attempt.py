"""BPF_PROG_LOAD and the verifier's log."""

from __future__ import annotations

from pyzbpf.kernel import commands, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.spec.model import ProgramSpec

# BPF_OBJ_NAME_LEN with the NUL; the kernel takes letters, digits, '_' and '.' (bpf_obj_name_cpy).
NAME = 15
_NAME_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.")

# Sizes of the log buffer. Kernels before 5.2 refuse 16 MiB and more (UINT_MAX >> 8 in bpf_check).
_LOG_SIZES = (64 << 10, 256 << 10, 1 << 20, 4 << 20, (16 << 20) - 1, 64 << 20, 256 << 20)
_LOG_ENOUGH = (16 << 20) - 1
_REASONS = 1  # BPF_LOG_LEVEL1: the walk to what was refused


def kernel_name(name: str) -> str:
    """A name the kernel takes: illegal characters replaced, cut to 15."""
    if name.isascii() and name.isidentifier():
        return name[:NAME]
    return "".join(c if c in _NAME_CHARACTERS else "_" for c in name)[:NAME]


class Attempt:
    """BPF_PROG_LOAD, first without a log, which costs time; after a refusal with one that is long enough."""

    __slots__ = ("_level", "_spec", "_values", "log")

    def __init__(self, spec: ProgramSpec, values: dict[str, int | bytes], level: int) -> None:
        self._spec = spec
        self._values = values
        self._level = level
        self.log = ""

    def run(self) -> int:
        """The descriptor, or the negative errno of the verdict; ``log`` is filled where there is one."""
        name = kernel_name(self._spec.name)
        if self._level:
            verdict = self._with_log(name, self._level)
            if verdict < 0 and not self._level & _REASONS:
                return self._with_log(name, self._level | _REASONS)  # statistics alone do not say why
            return verdict
        verdict, _ = commands.prog_load(name, self._values)
        if verdict < 0:
            again = self._with_log(name, _REASONS)
            # With a log that is too short the kernel says ENOSPC, which hides the verdict. And it may
            # pass the second time, where memory was short the first time.
            return again if again >= 0 else verdict
        return verdict

    def _with_log(self, name: str, level: int) -> int:
        result = 0
        least = 0
        for size in _LOG_SIZES:
            if size < least:
                continue
            log = bytearray(size)
            result, wanted = commands.prog_load(name, {**self._values, "log_level": level}, log=log)
            text = log.partition(b"\0")[0]
            if text:
                self.log = text.decode(errors="replace")
            # Since Linux 6.4 the kernel says how much it had to say, and a log that is too short
            # keeps the end, where the reason is: no need for hundreds of megabytes then.
            if result != -syscall.ENOSPC or (wanted and size >= _LOG_ENOUGH):
                break
            least = min(wanted, _LOG_ENOUGH)
        return result
