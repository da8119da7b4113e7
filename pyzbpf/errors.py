"""Every exception of pyzbpf.

    Error                     the root; `exit_code` is what the command line ends with
    ├── ObjectError           a file that is not a usable BPF object (file, section, symbol, offset)
    │   └── NotFoundError     a package, probe, file or name that does not exist
    ├── BuildError            a probe that could not be compiled, finished or packaged
    ├── VerifierError         the kernel's verifier refused a program (log, reason, source, hint)
    ├── UnsupportedError      this kernel or system lacks a feature (feature, first kernel that has it)
    ├── PrivilegeError        a capability or sysctl is missing (capability)
    └── SystemCallError       any other refused system call (errno, command); also an OSError

Each message names the place and says what to do. One warning is no error: LayoutWarning.
"""

from __future__ import annotations

import errno as numbers

__all__ = [
    "BuildError",
    "Error",
    "LayoutWarning",
    "NotFoundError",
    "ObjectError",
    "PrivilegeError",
    "SystemCallError",
    "UnsupportedError",
    "VerifierError",
]


# What to do where it is the system that has no more, whatever was asked of it.
_ADVICE = {
    numbers.EMFILE: "This process has as many files open as it may; programs, maps and links are files, too. Close some, "
    "or allow more: ulimit -n, LimitNOFILE= of systemd.",
    numbers.ENFILE: "The whole system has as many files open as it may: see the sysctl fs.file-max.",
    numbers.ENOMEM: "The kernel has not so much memory at hand, or the control group may not have more of it (memory.max).",
    numbers.ENOSPC: "Make room there, or name another place.",
    numbers.EDQUOT: "The quota of this user is used up there.",
    numbers.EROFS: "Nothing can be written there; name another place.",
    numbers.EACCES: "The file's owner and mode do not let this user at it.",
}
_FILES = (numbers.EMFILE, numbers.ENFILE)


def advice(errno: int | None) -> str:
    """What to do about a refusal of the system; "" where its own words are all there is to say."""
    return _ADVICE.get(errno or 0, "")


class LayoutWarning(UserWarning):
    """A probe seems to read a member of a kernel type with another size than this kernel gives it; or a USDT's semaphore
    lies where the kernel may raise another copy of it.
    """


class Error(Exception):
    """Anything pyzbpf raises on purpose. It can be pickled: other processes may raise it, too."""

    exit_code = 1

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (type(self), self.args, self.__dict__)


def _again(kind: type[Error], arguments: tuple[object, ...], members: dict[str, object]) -> Error:
    # Not by its own __init__, which takes what became of the members.
    error = kind.__new__(kind)
    if isinstance(error, OSError):
        OSError.__init__(error, *arguments)
    else:
        error.args = arguments
    error.__dict__.update(members)
    return error


class ObjectError(Error):
    """A BPF object that cannot be used, with the place of the fault.

    ``file``, ``section`` and ``symbol`` are names or None; ``offset`` is in bytes from the start of
    the section (of the file where no section is named). ``advice`` says what to do.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        section: str | None = None,
        symbol: str | None = None,
        offset: int | None = None,
        advice: str | None = None,
    ) -> None:
        self.message = message
        self.file = file
        self.section = section
        self.symbol = symbol
        self.offset = offset
        self.advice = advice
        super().__init__(message)

    def __str__(self) -> str:
        place = []
        if self.file:
            place.append(self.file)
        if self.section is not None:
            place.append(f"section '{self.section}'")
        if self.symbol is not None:
            place.append(f"symbol '{self.symbol}'")
        if self.offset is not None:
            place.append(f"offset {self.offset:#x}")
        text = ", ".join(place) + ": " + self.message if place else self.message
        return f"{text}\n  {self.advice}" if self.advice else text


class NotFoundError(ObjectError):
    """A file, package, probe, program, map or symbol that does not exist."""


class BuildError(Error):
    """A probe that could not be compiled, finished or packaged.

    ``output`` is the compiler's own text (empty where no compiler ran).
    """

    def __init__(self, message: str, *, output: str = "") -> None:
        self.output = output
        super().__init__(message)


class VerifierError(Error):
    """The kernel's verifier refused a program.

    ``program`` is its name, ``log`` the verifier's whole log, ``reason`` the line of the log that
    says why, ``source`` the place in the author's file (``probe.zig:7:6: text``) or None, and
    ``hint`` what to change, or None. The end of the log is a note of the exception, which tracebacks show
    (PEP 678).
    """

    exit_code = 5

    def __init__(
        self,
        program: str,
        *,
        reason: str,
        log: str,
        errno: int,
        source: str | None = None,
        hint: str | None = None,
        excerpt: str = "",
    ) -> None:
        self.program = program
        self.reason = reason
        self.log = log
        self.errno = errno
        self.source = source
        self.hint = hint
        super().__init__(program, reason)
        if excerpt:
            # What add_note() does, which Python 3.10 does not have.
            self.__notes__ = [f"The end of the verifier's log (the whole is in .log):\n{excerpt}"]

    def __str__(self) -> str:
        text = f"program '{self.program}': the verifier says: {self.reason}"
        if self.source:
            text += f"\n  at {self.source}"
        if self.hint:
            text += f"\n  {self.hint}"
        return text


class UnsupportedError(Error):
    """This kernel or system cannot do what was asked.

    ``feature`` names it; ``since`` is the first kernel release that has it, or None.
    """

    exit_code = 4

    def __init__(self, feature: str, *, since: str | None = None, advice: str | None = None) -> None:
        self.feature = feature
        self.since = since
        self.advice = advice
        super().__init__(feature)

    def __str__(self) -> str:
        text = f"{self.feature} is not supported here"
        if self.since:
            text += f" (needs Linux {self.since} or newer)"
        return f"{text}\n  {self.advice}" if self.advice else text


class PrivilegeError(Error):
    """The kernel refused for lack of privilege; ``capability`` names what is missing."""

    exit_code = 3

    def __init__(self, message: str, *, capability: str) -> None:
        self.capability = capability
        super().__init__(message)


class SystemCallError(Error, OSError):
    """A system call failed; ``errno`` and ``strerror`` as in OSError, ``command`` is the call."""

    def __init__(self, errno: int, strerror: str, *, command: str, detail: str = "") -> None:
        self.command = command
        self.detail = detail
        OSError.__init__(self, errno, strerror)

    def __str__(self) -> str:
        text = f"{self.command}: {self.strerror} (errno {self.errno})"
        if self.detail:
            text += f": {self.detail}"
        # Other numbers mean something else in each call, which `detail` has.
        return f"{text}\n  {advice(self.errno)}" if self.errno in _FILES else text
