"""What the registers and stack words hold at a place in a function, and what is known of it."""

from __future__ import annotations

from typing import NamedTuple

from pyzbpf.finish.analysis import terms
from pyzbpf.finish.analysis.ranges import Knowledge, Range, up_to
from pyzbpf.finish.analysis.terms import Term

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable


class Choice(NamedTuple):
    """What a value is if it is not at most ``limit``: a term, whose base was in this range (of so many bits)."""

    term: Term
    range: Range
    bits: int
    limit: int


class State:
    """What is known before an instruction, by place: registers 0 to 9, stack words by their negative offsets."""

    __slots__ = ("choices", "known", "links", "terms", "told")

    def __init__(self) -> None:
        self.terms: dict[int, Term] = {}
        self.links: dict[int, Hashable] = {}
        self.known = Knowledge()  # of the bases of terms
        self.told = Knowledge()  # of links: what the verifier knows
        self.choices: dict[Hashable, Choice] = {}

    def copy(self) -> State:
        made = State()
        made.terms, made.links, made.choices = dict(self.terms), dict(self.links), dict(self.choices)
        # Of what is nowhere any more nothing is asked; in long functions that is nearly all.
        bases = {term.base for term in self.terms.values()} | self.choices.keys()
        made.known = self.known.only(bases | {choice.term.base for choice in self.choices.values()})
        made.told = self.told.only(set(self.links.values()))
        return made

    def same(self, other: State) -> bool:
        return (
            self.terms == other.terms
            and self.links == other.links
            and self.known == other.known
            and self.told == other.told
            and self.choices == other.choices
        )

    def top(self, place: int) -> int:
        """The greatest number that is there."""
        term = self.terms[place]
        found = min(terms.top(term, self.known), self.told_top(place))
        choice = self.choices.get(term.base) if not term.is_constant else None
        if choice is not None:
            known = self.known.copy()
            known.learn(choice.term.base, choice.bits, choice.range)
            known.learn(term.base, 64, up_to(max(choice.limit, terms.top(choice.term, known))))
            found = min(found, terms.top(term, known))
        return found

    def told_top(self, place: int) -> int:
        """The greatest number that the verifier expects there."""
        return self.told.top(self.links[place], 64)

    def drop(self, place: int) -> None:
        self.terms.pop(place, None)
        self.links.pop(place, None)

    def put(self, place: int, term: Term, link: Hashable) -> None:
        self.terms[place], self.links[place] = term, link

    def renew(self, name: Hashable) -> None:
        """What was made here before has another name from now on."""
        for place in [p for p in self.terms if name in (self.terms[p].base, self.links[p])]:
            old = "old", name, place
            for other in [p for p in self.terms if old in (self.terms[p].base, self.links[p])]:
                self.drop(other)
            known, told = (
                up_to(terms.top(self.terms[place], self.known)),
                self.told.range(self.links[place], 64),
            )
            if self.terms[place].base == name:
                self.terms[place] = Term(old)
                self.known.forget(old)
                self.known.learn(old, 64, known)
            if self.links[place] == name:
                self.links[place] = old
                self.told.forget(old)
                self.told.learn(old, 64, told)
        self.known.forget(name)
        self.told.forget(name)
        self.choices = {
            base: choice for base, choice in self.choices.items() if name not in (base, choice.term.base)
        }
