"""A feature of the kernel: its first release, and how the running kernel is asked for it.

The release is for messages and for tests; what is done depends on the kernel's own answer alone.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any


class Answer:
    """``supported`` is True, False, or None where it cannot be told (privilege missing); ``reason`` says why."""

    __slots__ = ("reason", "supported")

    def __init__(self, supported: bool | None, reason: str = "") -> None:
        self.supported = supported
        self.reason = reason

    @property
    def word(self) -> str:
        """yes, no or unknown."""
        return {True: "yes", False: "no", None: "unknown"}[self.supported]

    def __repr__(self) -> str:
        return f"<Answer {self.word}{': ' + self.reason if self.reason else ''}>"


class Feature:
    """One feature. ``answer()`` asks the kernel once for the process; it never raises and leaves nothing behind.

    ``since`` is the first release of mainline Linux. ``options`` are the CONFIG_ options it is built
    with, ``needs`` facts it depends on ("jit", "btf"), ``machines`` the machines that got it in another
    release, or never (None). ``purpose`` is what it is for; ``workaround`` what pyzbpf does without it.
    """

    __slots__ = (
        "_answer", "_arguments", "_probe", "machines", "name", "needs", "options", "purpose", "since", "workaround",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        since: str,
        probe: Callable[..., Answer],
        arguments: Sequence[Any] = (),
        *,
        purpose: str = "",
        options: Sequence[str] = (),
        needs: Sequence[str] = (),
        machines: Mapping[str, str | None] | None = None,
        workaround: str = "",
    ) -> None:
        self.name = name
        self.since = since
        self.purpose = purpose
        self.options = options
        self.needs = needs
        self.machines = machines or {}
        self.workaround = workaround
        self._probe = probe
        self._arguments = arguments
        self._answer: Answer | None = None

    def answer(self) -> Answer:
        """What the kernel says."""
        if self._answer is None:
            try:
                self._answer = self._probe(*self._arguments)
            except Exception as error:  # noqa: BLE001 # a probe that fails must not end what asked it
                self._answer = Answer(None, f"{type(error).__name__}: {error}".partition("\n")[0])
        return self._answer

    @property
    def supported(self) -> bool:
        """Whether the kernel is known to have it."""
        return self.answer().supported is True

    def __repr__(self) -> str:
        return f"<Feature {self.name}, Linux {self.since}>"


class Facts:
    """What decides, beside the release, whether a kernel should have a feature.

    ``version`` is (major, minor); ``options`` what is set in its configuration, or None where that
    cannot be read; ``jit`` and ``btf`` are True, False or None (cannot be told).
    """

    __slots__ = ("btf", "jit", "machine", "options", "version")

    def __init__(
        self,
        version: tuple[int, int],
        machine: str,
        *,
        options: Mapping[str, str] | None = None,
        jit: bool | None = None,
        btf: bool | None = None,
    ) -> None:
        self.version = version
        self.machine = machine
        self.options = options
        self.jit = jit
        self.btf = btf


def numbers(release: str) -> tuple[int, int]:
    """(6, 12) for "6.12"."""
    major, minor = release.split(".")[:2]
    return int(major), int(minor)


BOOT = "boot Linux "


class Expectation:
    """Whether a kernel should have a feature (None: the facts do not suffice), why not, and what would change that."""

    __slots__ = ("mend", "reason", "supported")

    def __init__(self, supported: bool | None, reason: str = "", mend: str = "") -> None:
        self.supported = supported
        self.reason = reason
        self.mend = mend


_NEEDS = {
    "jit": (
        "needs the JIT compiler, which is off or not built in",
        "sysctl -w net.core.bpf_jit_enable=1 (a kernel built with CONFIG_BPF_JIT=y)",
    ),
    "btf": (
        "needs the kernel's type information, which it was built without",
        "take a kernel built with CONFIG_DEBUG_INFO_BTF=y",
    ),
}


def expected(feature: Feature, facts: Facts) -> Expectation:
    """What a kernel of these facts should answer."""
    since = feature.machines.get(facts.machine, feature.since)
    if since is None:
        return Expectation(False, f"no kernel for {facts.machine} has it")
    if facts.version < numbers(since):
        where = f" on {facts.machine}" if since != feature.since else ""
        return Expectation(False, f"needs Linux {since}{where}", f"{BOOT}{since} or newer")
    unknown = None
    for option in feature.options:
        mend = f"take a kernel built with {option}=y"
        if facts.options is None:
            unknown = Expectation(None, f"may be built without {option}", mend)
        elif option not in facts.options:
            return Expectation(False, f"built without {option}", mend)
        elif facts.options[option] == "m":
            unknown = Expectation(None, f"{option} is a module", "load that module, if it is not")
    for need in feature.needs:
        reason, mend = _NEEDS[need]
        has = getattr(facts, need)
        if has is False:
            return Expectation(False, reason, mend)
        if has is None:
            unknown = Expectation(None, f"cannot be told whether there is {need.upper()}", mend)
    return unknown or Expectation(True)
