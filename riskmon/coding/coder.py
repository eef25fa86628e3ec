"""Codes a story: its sentences by the frames, then what it tells twice as one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from riskmon.coding import dates
from riskmon.coding.chunks import chunks
from riskmon.coding.dictionary import genres, words
from riskmon.coding.kinds import PERSON
from riskmon.coding.matching import Coding, Context, codings
from riskmon.coding.memory import Memory
from riskmon.coding.merging import merged
from riskmon.coding.names import Names
from riskmon.coding.sentences import Story
from riskmon.coding.spans import spans
from riskmon.coding.tokens import Span, Token, tokens

MOST = 500
"""Events of a story, before it is seen which are the same."""
MOST_GENRE = 3
"""So many different words of a genre make a story one of it."""
LEADING = frozenset({"say", "said", "allege", "alleged", "that", "one", "of", "them", "both", ","})
LEADING |= {"according", "to", "the", "complaint", "indictment", "papers", "documents", "court"}
"""Words before the name of one of whom the sentence before has spoken without it."""
SCORED = ("claim.", "case.", "measure.", "listing.")


def code(story: Story) -> list[Coding]:
    """Return what a story tells, each event once, in the order of its sentences."""
    found = [tokens(sentence.text) for sentence in story.sentences]
    lower, known = _written(found)
    known_names = Names()
    named = [spans(pieces_of, lower, known) for pieces_of in found]
    for late in (False, True):  # a headline has the short forms of names
        for sentence, pieces_of, names in zip(story.sentences, found, named, strict=True):
            if sentence.headline is late:
                known_names.see(pieces_of, names)
    known_names.settle()
    memory = Memory()
    contexts: list[Context] = []
    told: list[Coding] = []
    for number, sentence in enumerate(story.sentences):
        words = found[number]
        when = dates.found(sentence.text, story.day)
        if not words:
            continue
        pieces = chunks(words, named[number], known_names, memory, when)
        after = slice(number + 1, number + 3)
        coming = _coming(found[after], named[after], known_names)
        context = Context(sentence, pieces, when, story.day, known_names, memory.company, coming)
        contexts.append(context)
        memory.take(pieces)
        for one in codings(context):
            if one.type == "corporate.funded":  # the story goes on about it, not the investor
                memory.company = one.subject
            told.append(one)
    told = merged(told[:MOST], contexts)
    return list(_of_our_genre(told, story))


def _coming(found: Sequence[Sequence[Token]], named: Sequence[Sequence[Span]], known: Names) -> str:
    """Return the person with whom one of the next sentences begins, or what prosecutors say."""
    first = (
        names[0]
        for pieces, names in zip(found, named, strict=True)
        if names
        and all(
            token.lower in words("authority-nouns") | LEADING for token in pieces[: names[0].start]
        )
    )
    return next((known.whole(one.key) for one in first if known.kind(one.key) == PERSON), "")


def _written(found: Sequence[Sequence[Token]]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the words that are written without a capital, and those with one inside."""
    lower = {one.lower for sentence in found for one in sentence if not one.capital}
    known = {
        one.lower
        for sentence in found
        for before, one in itertools.pairwise(sentence)
        if one.capital and before.text not in {'"', "“", ":", "‘", "'"}  # noqa: RUF001
    }
    return frozenset(lower), frozenset(known)


def _of_our_genre(told: Sequence[Coding], story: Story) -> Iterator[Coding]:
    """Yield what is told, without the cases and claims of sport."""
    text = " ".join(sentence.text for sentence in story.sentences).lower()
    foreign = any(len({*words.findall(text)}) > MOST_GENRE for words in genres().values())
    return (one for one in told if not (foreign and one.type.startswith(SCORED)))
