"""The type information of a kernel, read only as far as it is asked for.

A kernel has more than a hundred thousand types in five megabytes, a probe names a handful. So a type
is found by its name: the name in the strings, then the words in the type section that equal its
offset. A type is found by its id by walking from the last one known, which is short where it is
asked for most: pahole numbers the types of the core kernel first.

The strings must not be merged at their ends (the name of a type begins after a NUL); no writer of
BTF does that.
"""

from __future__ import annotations

import struct
import sys
from _bisect import bisect_right
from _thread import allocate_lock

from pyzbpf.btf import types as kinds
from pyzbpf.btf.decode import ORDER, extents
from pyzbpf.btf.flavour import essential
from pyzbpf.btf.parse import decode_type
from pyzbpf.btf.steps import EXTRA, HEADER, RECORDS, Steps, is_header, swapped
from pyzbpf.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyzbpf.btf.memory import Memory
    from pyzbpf.btf.types import Type

# A word that looks like a type must be followed by this many that do as well. Inside of a list of
# members the first to fail is the first or second.
_WITNESSES = 4

# libbpf's determine_ptr_size: a machine's `long` is as wide as its pointers.
_LONG = ("long unsigned int", "unsigned long", "long int", "long")
_FIRST_FEW = 32

_SHORT = 40


class LazyBtf:
    """One table of types: a kernel's, or a module's on top of its kernel's (``base``).

    ``name`` is for messages. ``unique`` promises that no string is there twice, as pahole leaves it;
    a search by name then ends at the first.
    """

    __slots__ = (
        "_base", "_decoded", "_end", "_flavours", "_found", "_lock", "_memory", "_pointer_size", "_starts",
        "_step", "_strings", "_types", "_unique", "_view", "_words", "endian", "name",
    )  # fmt: skip

    def __init__(
        self, memory: Memory, *, name: str, base: LazyBtf | None = None, unique: bool = False
    ) -> None:
        view = memory.view
        self.name = name
        self.endian = "big" if bytes(view[:2]) == b"\xeb\x9f" else "little"
        self._memory = memory
        self._base = base
        self._unique = unique
        start, end, strings, strings_end = extents(view, self.endian)
        if start % 4 or end % 4:
            raise ObjectError("the types are not aligned", file=name, section=".BTF", offset=start)
        self._types = start
        self._strings = (strings, strings_end)
        self._view = view
        self._words = view[start:end].cast("I")
        self._end = len(self._words)
        self._step = Steps(view, self.endian)
        # Word positions of the types from the first on, without gaps, and the position after them.
        self._starts: list[int] = []
        self._lock = allocate_lock()
        self._decoded: dict[int, Type] = {}
        self._found: dict[tuple[str, int], list[Type]] = {}
        self._flavours: dict[str, list[int]] | None = None
        self._pointer_size = 0

    # -- strings --------------------------------------------------------------------------------

    def string(self, offset: int) -> str:
        """The text at ``offset``; a module's offsets go on where its kernel's strings end."""
        start, end = self._strings
        if self._base is not None:
            length = self._base.strings_size
            if offset < length:
                return self._base.string(offset)
            offset -= length
        at = start + offset
        if at >= end:
            raise ObjectError(
                "string offset outside of the strings", file=self.name, section=".BTF", offset=offset
            )
        # Most names are short: a piece of the memory is had faster than a call of the C library.
        text, ended, _ = bytes(self._view[at : at + _SHORT]).partition(b"\0")
        if not ended:
            stop = self._memory.find(b"\0", at, end)
            text = bytes(self._view[at : stop if stop >= 0 else end])
        return text.decode(errors="replace")

    @property
    def strings_size(self) -> int:
        """How many bytes the strings have."""
        return self._strings[1] - self._strings[0]

    def _begins(self, offset: int) -> bool:
        """Whether a string of one or more characters begins there."""
        if self._base is not None:
            length = self._base.strings_size
            if offset < length:
                return self._base._begins(offset)
            offset -= length
        start, end = self._strings
        at = start + offset
        if at >= end or not self._view[at]:
            return False
        return offset == 0 or not self._view[at - 1]

    def offsets(self, name: str) -> list[int]:
        """Where the strings are ``name`` or a flavour of it."""
        base, shift = self._base, 0
        found: list[int] = []
        if base is not None:
            found, shift = base.offsets(name), base.strings_size
        start, end = self._strings
        text = b"\0" + name.encode() + b"\0"
        # A module's strings begin with the text itself, a kernel's with the empty string.
        if bytes(self._view[start : start + len(text) - 1]) == text[1:]:
            found.append(shift)
        at = self._memory.find(text, start, end)
        while at >= 0:
            found.append(shift + at + 1 - start)
            at = -1 if self._unique else self._memory.find(text, at + 1, end)
        if self._flavours is None:
            self._flavours = self._all_flavours()
        return found + [shift + offset for offset in self._flavours.get(name, ())]

    def _all_flavours(self) -> dict[str, list[int]]:
        """Essential name -> offsets of the names that have a flavour; a kernel has a few dozen."""
        found: dict[str, list[int]] = {}
        start, end = self._strings
        at = self._memory.find(b"___", start, end)
        while at >= 0:
            stop = self._memory.find(b"\0", at, end)
            if stop < 0:
                break
            first = at
            while first > start and self._view[first - 1]:
                first -= 1
            name = bytes(self._view[first:stop]).decode(errors="replace")
            short = essential(name)
            if short != name:
                found.setdefault(short, []).append(first - start)
            at = self._memory.find(b"___", stop, end)
        return found

    def names(self, prefix: str) -> list[str]:
        """Every string of its own that begins so."""
        found = bytes(self._view[slice(*self._strings)]).decode(errors="replace").split("\0")
        return [text for text in found if text.startswith(prefix)]

    # -- by name --------------------------------------------------------------------------------

    def find(self, name: str, kind: int) -> list[Type]:
        """Every type of that kind and essential name, in the order of their ids.

        ENUM and ENUM64 are one kind here, as in libbpf's btf_kind_core_compat.
        """
        known = self._found.get((name, kind))
        if known is not None:
            return known
        wanted = (kinds.ENUM, kinds.ENUM64) if kind in (kinds.ENUM, kinds.ENUM64) else (kind,)
        places = set()
        for offset in self.offsets(name):
            for at in self._headers(offset):
                info = self._native(self._words[at + 1]) if at + HEADER <= self._end else 0
                if info >> 24 & 0x7F in wanted and self._is_type(at):
                    places.add(at)
        found = [self._decode(at) for at in sorted(places)]
        self._found[name, kind] = found
        return found

    def _headers(self, word: int) -> Iterator[int]:
        """Positions of a word in the type section."""
        start, end = self._types, self._types + 4 * self._end
        word = self._native(word)
        at = self._memory.find_word(word, start, end)
        while at >= 0:
            yield (at - start) // 4
            at = self._memory.find_word(word, at + 4, end)

    def _is_type(self, at: int) -> bool:
        """Whether a type begins there: where it was walked that is known, elsewhere it shows.

        A word equal to a name's offset can also be a member's type or offset. But only a real type is
        followed by a row of real types: ids, sizes and bit offsets are no beginnings of strings.
        """
        if self._starts and at <= self._starts[-1]:
            return self._starts[bisect_right(self._starts, at) - 1] == at
        for _ in range(_WITNESSES):
            if at == self._end:
                return True
            if not self._plausible(at):
                return False
            at += self._step[self._words[at + 1]]
        return True

    def _plausible(self, at: int) -> bool:
        words, native = self._words, self._native
        if at + HEADER > self._end:
            return False
        name, info = native(words[at]), native(words[at + 1])
        kind, count = info >> 24 & 0x7F, info & 0xFFFFFF
        if not self._step.knows(kind) or at + self._step[words[at + 1]] > self._end:
            return False
        if not is_header(name, kind, count) or (name and not self._begins(name)):
            return False
        if kind in RECORDS:
            step = EXTRA[kind][1]
            members = range(at + HEADER, at + HEADER + min(count, _WITNESSES) * step, step)
            return all(not (text := native(words[m])) or self._begins(text) for m in members)
        return True

    # -- by id ----------------------------------------------------------------------------------

    @property
    def first(self) -> int:
        """The id of the first type: 1, or for a module the number that follows its kernel's last."""
        return 1 if self._base is None else self._base.count

    @property
    def count(self) -> int:
        """The first id that is too large. Walks over all types."""
        self._walk(self._end, self._end)
        return self.first + len(self._starts)

    def get(self, type_id: int) -> Type | None:
        """The type with this id; None for 0, which is void."""
        if not type_id:
            return None
        if self._base is not None and type_id < self.first:
            return self._base.get(type_id)
        index = type_id - self.first
        if index >= len(self._starts):
            self._walk(index + 1, self._end)
            if index >= len(self._starts):
                raise ObjectError(f"no BTF type has the id {type_id}", file=self.name, section=".BTF")
        return self._decode(self._starts[index])

    def id_of(self, found: Type) -> int:
        """The id of a type that `get` or `find` gave."""
        at = (found.place - self._types) // 4
        self._walk(self._end, at)
        return self.first + bisect_right(self._starts, at) - 1

    def _walk(self, many: int, until: int) -> None:
        """Note where types begin until ``many`` are known or the one at word ``until`` is."""
        with self._lock:
            starts, words, step, end = self._starts, self._words, self._step, self._end
            at = starts[-1] + step[words[starts[-1] + 1]] if starts else 0
            add = starts.append
            for _ in range(many - len(starts)):
                if at + HEADER > end or at > until:
                    break
                add(at)
                at += step[words[at + 1]]
            if at > end or 0 < end - at < HEADER:
                raise ObjectError("the last type is cut off", file=self.name, section=".BTF")

    def _decode(self, at: int) -> Type:
        found = self._decoded.get(at)
        if found is None:
            place = self._types + 4 * at
            try:
                found, _ = decode_type(self, self._view, place, ORDER[self.endian])
            except struct.error:
                raise ObjectError("a type is cut off", file=self.name, section=".BTF", offset=place) from None
            found.place = place
            self._decoded[at] = found
        return found

    def _native(self, word: int) -> int:
        return word if self.endian == sys.byteorder else swapped(word)

    # -- the machine ----------------------------------------------------------------------------

    @property
    def pointer_size(self) -> int:
        """Bytes of a pointer of this kernel: those of its `long`."""
        if self._base is not None:
            return self._base.pointer_size
        if not self._pointer_size:
            # Not by name: that is the first string, and its offset, 1, a word that is everywhere.
            self._walk(_FIRST_FEW, self._end)
            few = (self._decode(at) for at in self._starts[:_FIRST_FEW])
            longs = [found.size for found in few if found.kind == kinds.INT and found.name in _LONG]
            longs += [found.size for name in _LONG if not longs for found in self.find(name, kinds.INT)]
            self._pointer_size = next((size for size in longs if size in (4, 8)), 8)
        return self._pointer_size
