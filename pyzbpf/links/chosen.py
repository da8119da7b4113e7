"""Which functions a program is attached to that takes many at once: names, patterns, and cookies."""

from __future__ import annotations

from pyzbpf.errors import NotFoundError, ObjectError
from pyzbpf.kernel.commands import ORDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from pyzbpf.spec.model import ProgramSpec

_WILD = "*?["


def described(wanted: Collection[str]) -> str:
    """The first of the names, and how many more there are."""
    first = next(iter(wanted))
    return f"'{first}'" + (f" and {len(wanted) - 1} more" if len(wanted) > 1 else "")


def packed(numbers: Iterable[int]) -> bytearray:
    """An array of u64 for the kernel."""
    return bytearray().join(number.to_bytes(8, ORDER) for number in numbers)


def said(option: str, value: object, section: str) -> object:
    """What is wanted: ``value``, or for "" what the section says; ValueError for an empty list, which is no wish for all."""
    if value == "":
        return section
    if not value:
        raise ValueError(f"option '{option}' names no function: {value!r}")
    return value


def unsaid(spec: ProgramSpec) -> ObjectError:
    """Neither the section nor the caller says which functions of the kernel."""
    return ObjectError(
        "the section does not say which functions of the kernel",
        section=spec.section,
        symbol=spec.name,
        advice=f"Name it {spec.kind}/<pattern>, or give functions= when attaching.",
    )


def without(left_out: Sequence[str]) -> str:
    """What a pattern fits and is not taken, as the end of a message: the first with its reason, and how many more."""
    if not left_out:
        return ""
    return f" without {left_out[0]}" + (f", and {len(left_out) - 1} more" if len(left_out) > 1 else "")


def unmatched(said: object, left_out: Sequence[str] = ()) -> NotFoundError:
    """No function of the kernel is what was said, but for some that are ``left_out``."""
    return NotFoundError(
        f"no function of the kernel that can be traced fits {said!r}{without(left_out)}",
        advice="available_filter_functions of tracefs lists them.",
    )


def functions(option: str, value: object, known: Callable[[], Iterable[str]]) -> dict[str, int]:
    """Cookie by name, 0 where none is given, in the order given; patterns are matched with ``known()``.

    ``value`` is a name, a pattern as the shell's ("vfs_*"), a sequence of them, or a mapping of them to
    cookies. A pattern that matches nothing is left out.
    """
    from pyzbpf.links.base import cookie_option

    if isinstance(value, str):
        wanted: dict[object, object] = {value: 0} if value else {}
    elif isinstance(value, dict):
        wanted = value
    elif isinstance(value, (list, tuple, set, frozenset)):
        wanted = dict.fromkeys(value, 0)
    else:
        raise TypeError(
            f"option '{option}' is a name, a pattern such as 'vfs_*', a list of them, or a dict of them to cookies, "
            f"not {value!r}"
        )
    found: dict[str, int] = {}
    names: list[str] | None = None
    for text, number in wanted.items():
        if not isinstance(text, str):
            raise TypeError(f"option '{option}' holds names, which are str, not {text!r}")
        cookie = cookie_option(number)
        if not any(sign in text for sign in _WILD):
            found[text] = cookie
            continue
        from fnmatch import filter as matching  # for patterns only

        names = list(known()) if names is None else names
        for name in matching(names, text):
            found.setdefault(name, cookie)
    return found
