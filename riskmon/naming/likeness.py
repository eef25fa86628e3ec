"""How alike two names are, and why: as a number, as data and in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from rapidfuzz.fuzz import ratio

from riskmon.naming import pairs
from riskmon.naming.scripts import NATIVE, native_forms
from riskmon.naming.trees import likelihoods
from riskmon.naming.written import APART, Word, Written, kinds_of, written

CLOSE = 80.0
"""A ratio of 0 to 100: words less alike than this do not tell whose name it is."""
RARE_WORD = 8.0
"""A word this telling is a company's own: of 3000 names, one has it."""
WHOLE, LEFT, RARE = 0.8, 0.9, 0.97
"""How likely names have to be one company's; docs/names.md says how these were set."""


class Meeting(NamedTuple):
    """Words of the name asked for that met words of the stored one."""

    asked: str
    stored: str
    how: str
    alike: float
    """0 to 1."""


@dataclass(frozen=True)
class Likeness:
    """Two names, side by side."""

    asked: str
    stored: str
    score: float
    """How likely they name one company, 0 to 1."""

    def vetoes(self, distinctive: float) -> Iterator[str]:
        """Yield why they cannot be taken for one company's, however alike.

        `distinctive`: how telling a word has to be that both have (the weight of a `Word`).
        """
        a, b = written(self.asked), written(self.stored)
        if pairs.numbers(a, b) >= pairs.NUMBER_MORE:
            yield f"numbers differ: {_listed(a.numbers)} and {_listed(b.numbers)}"
        if pairs.forms(a, b) == pairs.OTHER_FORMS:
            yield f"legal forms of different kinds: {_listed(a.legal)} and {_listed(b.legal)}"
        for name, text in ((a, self.asked), (b, self.stored)):
            if name.mixed:
                yield f"letters of two scripts that look alike in one word of {text!r}"
        if not a.scripts & b.scripts:
            yield f"{_listed(sorted(a.scripts))} and {_listed(sorted(b.scripts))} script"
        elif (a.scripts | b.scripts) & NATIVE:
            if a.native != b.native:
                yield "not the same characters"
            one, other = native_forms(self.asked), native_forms(self.stored)
            if one and other and one.isdisjoint(other):
                yield f"legal forms of different kinds: {_listed([*one])} and {_listed([*other])}"
        else:
            yield from self._wanting(distinctive)

    def _wanting(self, distinctive: float) -> Iterator[str]:
        """Yield what their words lack, or have too much."""
        met, left_a, left_b = self._aligned
        if not any(_tells(one, distinctive) for one in met):
            yield "no distinctive word in common"
        if all(any(_own(word) for word in side) for side in (left_a, left_b)):
            yield f"each has a word of its own: {_words(left_a)} and {_words(left_b)}"
        if apart := [word for word in (*left_a, *left_b) if word.kinds & APART]:
            kinds = {kind for word in apart for kind in kinds_of(word)}
            yield f"a word more is another company: {_words(apart)} ({_listed(sorted(kinds))})"

    @property
    def asks(self) -> tuple[float, str]:
        """How likely they have to be for being accepted, and why: more where words are left."""
        _, left_a, left_b = self._aligned
        left = [*left_a, *left_b]
        if rare := [word for word in left if _own(word)]:
            return RARE, f"{_words(rare)}, a rare word, is left over"
        if left:
            return LEFT, "words are left over"
        return WHOLE, "no word is left over"

    @property
    def native(self) -> bool:
        """Whether the name asked for is in a script without spaces."""
        return bool(written(self.asked).scripts & NATIVE)

    @property
    def _aligned(self) -> pairs.Aligned:
        return pairs.align(written(self.asked), written(self.stored))

    @property
    def met(self) -> tuple[Meeting, ...]:
        """Which words met how."""
        return tuple(
            Meeting(one.a, one.b, pairs.HOW[one.how], round(one.alike, 2))
            for one in self._aligned.met
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what was found, as data."""
        a, b = written(self.asked), written(self.stored)
        _, left_a, left_b = self._aligned
        return {
            "asked": self.asked,
            "stored": self.stored,
            "score": self.score,
            "met": [one._asdict() for one in self.met],
            "left": {"asked": [w.text for w in left_a], "stored": [w.text for w in left_b]},
            "numbers": {"asked": [*a.numbers], "stored": [*b.numbers]},
            "legal_forms": {"asked": [*a.legal], "stored": [*b.legal]},
        }

    @property
    def reasons(self) -> tuple[str, ...]:
        """What was found, in words."""
        a, b = written(self.asked), written(self.stored)
        aligned = self._aligned
        found = [_meeting(one) for one in aligned.met]
        for name, left in ((self.asked, aligned.left_a), (self.stored, aligned.left_b)):
            if left:
                found.append(f"left over in {name!r}: {_words(left)}")
        if a.numbers or b.numbers:
            found.append(f"numbers: {_listed(a.numbers)} and {_listed(b.numbers)}")
        if a.legal or b.legal:
            found.append(f"legal forms: {_listed(a.legal)} and {_listed(b.legal)}")
        return tuple(found)


def _tells(one: pairs.Met, distinctive: float) -> bool:
    """Whether a word of both tells whose name it is: rare, and the same but for its spelling."""
    if one.weight < distinctive or one.how in {pairs.MEANING, pairs.SHORT}:
        return False
    return one.how != pairs.SPELLING or ratio(one.a, one.b) >= CLOSE


def _own(word: Word) -> bool:
    return word.weight >= RARE_WORD and not word.group


def _meeting(one: pairs.Met) -> str:
    if one.how == pairs.SAME:
        return f"{one.a}: the same"
    return f"{one.a} and {one.b}: {pairs.HOW[one.how]}, {one.alike:.2f}"


def _words(left: Sequence[Word]) -> str:
    return " ".join(word.text for word in left)


def _listed(values: Sequence[str]) -> str:
    return ", ".join(values) or "none"


def likeness(asked: str, stored: str) -> Likeness:
    """Return two names side by side."""
    return Likeness(asked, stored, scored(asked, [stored])[0])


def scored(asked: str, stored: Sequence[str]) -> list[float]:
    """Return how likely a name is one company's with each of the stored ones, 0 to 1."""
    return likelihoods(written(asked), [written(name) for name in stored])


def shares_a_word(one: Written, other: Written, distinctive: float) -> bool:
    """Return False only where no word of both could tell whose name it is; at a glance."""
    if one.native or other.native:
        return one.native == other.native
    if ratio(one.joined, other.joined) >= CLOSE:
        return True
    return any(
        word.text in b.joined
        or any(word.sound == met.sound or ratio(word.text, met.text) >= CLOSE for met in b.words)
        for a, b in ((one, other), (other, one))
        for word in a.words
        if word.weight >= distinctive
    )
