"""Which of many names may be the one asked for: an index of words and of runs of three letters.

Names that share telling terms with the one asked for are gathered (inverse frequency, as TF-IDF
has it), and the best of them put in order by how alike they are when their words are sorted.
"""

from __future__ import annotations

import math
import threading
from array import array
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import groupby
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.fuzz import token_sort_ratio
from rapidfuzz.process import cdist

from riskmon.naming.scripts import sound
from riskmon.naming.written import Written, read, written

MOST_BUCKETS, LEAST_BUCKETS = 2**21, 2**12
BUCKETS_PER_NAME = 128
"""Terms share buckets by their hash: no dictionary of them is kept."""
CHUNK = 1_000_000
"""Terms that are sorted at a time, for memory."""
MOST_POSTINGS = 110_000
"""Telling terms are read first, and common ones no more once so many names were met."""
LEAST_TERMS = 3
"""So many terms are read however common they are."""
INITIALS = 3
"""A name of so many words may be asked for by their initials."""
LETTERS, CHARACTERS = 3, 2
"""Runs are so long: of letters, and of characters of a script without spaces."""
WORD, RUN, SKELETON_RUN = 2.0, 1.0, 0.7
"""A whole word tells more than three letters, and those more than three consonants."""
LENGTH = 0.3
"""How much a longer name has to share more."""
GATHERED = 200
"""Names that are put in order by their words."""
PROPOSED = 18_000
"""So many names are proposed by the most telling terms; the others only say more of these."""
FEW = 50_000
"""Of so few names all are looked through: that costs less than sorting the proposed ones."""

SKELETON = str.maketrans("lvfgdz", "rbhkts", "aeiou")
"""Consonants that scripts do not tell apart are written alike, vowels not at all."""


def terms(name: Written) -> tuple[set[str], set[str]]:
    """Return the terms of a name: whole words, numbers, meanings and initials; runs of letters."""
    whole = {word.sound for word in name.words} | {f"#{number}" for number in name.numbers}
    whole |= {f"={word.group}" for word in name.words if word.group}
    if len(name.words) >= INITIALS:
        whole.add(sound("".join(word.text[0] for word in name.words)))
    text = f"^{name.sound}$"
    native = name.native
    return whole, _runs(text) | {native[n : n + CHARACTERS] for n in range(len(native))}


def bones(name: Written) -> set[str]:
    """Return runs of the consonants of a name: what stays when it changes its script."""
    text = f"^{name.sound}$".translate(SKELETON)
    return _runs("".join(one for one, _ in groupby(text)))


def _runs(text: str) -> set[str]:
    return {text[place : place + LETTERS] for place in range(len(text) - LETTERS + 1)}


def _hashed(prefix: str, found: Iterable[str]) -> Iterator[int]:
    return (crc32((prefix + term).encode()) for term in found)


def _told(name: Written) -> set[int]:
    """Return the hashes of the terms that a name is found by."""
    whole, runs = terms(name)
    found = {*_hashed("w", whole), *_hashed("r", runs)}
    return found.union(_hashed("n" if name.native else "b", bones(name)))


def _asked(name: Written) -> dict[int, float]:
    """Return the hashes of the terms to look for a name by, and what each counts."""
    whole, runs = terms(name)
    found = dict.fromkeys(_hashed("r", runs), RUN)
    found |= dict.fromkeys(_hashed("b" if name.native else "n", bones(name)), SKELETON_RUN)
    return found | dict.fromkeys(_hashed("w", whole), WORD)


class Index:
    """Names by their terms. It does not change."""

    def __init__(self, names: Sequence[str]) -> None:
        """`names`: in the order of the positions to come; about 350 bytes are kept of each."""
        self._size = len(names)
        wanted = max(LEAST_BUCKETS, BUCKETS_PER_NAME * self._size)
        self._mask = min(MOST_BUCKETS, 2 ** (wanted - 1).bit_length()) - 1
        buckets, lengths, ends, texts = array("I"), array("q"), array("q", [0]), StringIO()
        for name in names:
            one = read(name)
            found = {term & self._mask for term in _told(one)}
            buckets.extend(found)
            lengths.append(len(found))
            texts.write(_text(one))
            ends.append(texts.tell())
        self._ends, self._texts = np.array(ends), texts.getvalue()
        del texts
        codes = np.frombuffer(buckets, np.uint32) if buckets else np.zeros(0, np.uint32)
        self._post(codes, np.cumsum(np.array(lengths, np.int64)))
        self._measure()
        self._met = np.zeros(self._size, np.float32)
        self._lock = threading.Lock()

    def _post(self, codes: NDArray[np.uint32], ends: NDArray[np.int64]) -> None:
        """Write down for each bucket the names that it holds, chunk by chunk.

        `codes`: the buckets of all names, one name after the other; `ends`: where each name's end.
        """
        size = self._mask + 1
        self._counts = np.zeros(size, np.int32)
        for start in range(0, len(codes), CHUNK):
            part = codes[start : start + CHUNK]
            self._counts += np.bincount(part, minlength=size).astype(np.int32)
        self._first = np.zeros(size, np.int32)
        np.cumsum(self._counts[:-1], out=self._first[1:])
        self._postings = np.empty(len(codes), np.int32)
        taken = self._first.copy()
        for start in range(0, len(codes), CHUNK):
            part = codes[start : start + CHUNK]
            order = np.argsort(part, kind="stable")
            part = part[order]
            begin = np.flatnonzero(np.diff(part, prepend=part[:1] + 1))
            counts = np.diff(np.append(begin, len(part)))
            within = np.arange(len(part)) - np.repeat(begin, counts)
            self._postings[taken[part] + within] = np.searchsorted(ends, order + start, "right")
            taken[part[begin]] += counts.astype(np.int32)

    def _measure(self) -> None:
        """Take the length of each name: what its terms come to."""
        weight = np.log((self._size + 1) / np.maximum(self._counts, 1)) ** 2
        squares = np.zeros(self._size)
        for start in range(0, len(self._postings), CHUNK):
            of = self._postings[start : start + CHUNK]
            places = np.arange(start, start + len(of))
            bucket = np.searchsorted(self._first, places, "right") - 1
            squares += np.bincount(of, weight[bucket], self._size)
        self._shorten = (np.maximum(squares, 1e-6) ** (-LENGTH / 2)).astype(np.float32)

    def near(self, name: Written, limit: int) -> list[int]:
        """Return the positions of at most `limit` names, the most alike first."""
        asked = {term & self._mask: weight for term, weight in _asked(name).items()}
        found = sorted(
            (int(self._counts[bucket]), bucket, weight) for bucket, weight in asked.items()
        )
        total = 0
        posts: list[NDArray[np.int32]] = []
        weights: list[float] = []
        for count, bucket, weight in found:
            if not count:
                continue
            total += count
            if total > MOST_POSTINGS and len(posts) >= LEAST_TERMS:
                break
            first = int(self._first[bucket])
            posts.append(self._postings[first : first + count])
            weights.append(weight * math.log((self._size + 1) / count))
        if not posts:
            return []
        return self._ordered(name, *self._gathered(posts, weights), limit)

    def _gathered(
        self, posts: list[NDArray[np.int32]], weights: list[float]
    ) -> tuple[NDArray[np.integer], NDArray[np.floating]]:
        """Return the names that share most, and how much."""
        with self._lock:
            met = self._met
            for post, weight in zip(posts, weights, strict=True):
                met[post] += weight
            names = np.flatnonzero(met) if self._size <= FEW else _proposed(posts)
            shared = met[names] * self._shorten[names]
            for post in posts:
                met[post] = 0
        if len(names) > GATHERED:
            keep = np.sort(np.argpartition(-shared, GATHERED)[:GATHERED])
            names, shared = names[keep], shared[keep]
        return names, shared

    def _ordered(
        self, name: Written, names: NDArray[np.integer], shared: NDArray[np.floating], limit: int
    ) -> list[int]:
        """Return the names by what they share, and how alike they are when words are sorted."""
        ends = self._ends
        begin, end = ends[names].tolist(), ends[names + 1].tolist()
        texts = [self._texts[first:last] for first, last in zip(begin, end, strict=True)]
        alike = cdist([_text(name)], texts, scorer=token_sort_ratio)[0] / 100
        best = np.lexsort((names, -(shared / shared.max() + alike)))[:limit]
        found: list[int] = names[best].tolist()
        return found

    def candidates(self, name: str, limit: int = 30) -> list[int]:
        """Return the positions of at most `limit` names, the most like `name` first."""
        return self.near(written(name), limit)


def _proposed(posts: list[NDArray[np.int32]]) -> NDArray[np.int32]:
    """Return the names under the most telling terms, each once."""
    few: list[NDArray[np.int32]] = []
    total = 0
    for post in posts:
        few.append(post)
        total += len(post)
        if total >= PROPOSED and len(few) >= LEAST_TERMS:
            break
    return np.unique(np.concatenate(few))


def _text(name: Written) -> str:
    return " ".join(word.sound for word in name.words)
