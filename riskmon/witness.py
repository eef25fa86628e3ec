"""What the ledger can testify to: proofs, receipts, corrections, copies. Half of the facade."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from os import PathLike
from pathlib import Path
from typing import Any, Self

from riskmon import backup, changes, columns, evidence, heads, receipts, sealing
from riskmon.archive import Archived
from riskmon.changes import Changes, Contradiction
from riskmon.errors import RiskmonError, UsageError, VerificationError
from riskmon.evidence import Head, Verification
from riskmon.forms import moment
from riskmon.intake import OWN
from riskmon.ledger import Fact, Ledger
from riskmon.model import Entry, Score
from riskmon.persons import Persons
from riskmon.progress import counted
from riskmon.replay import Replay
from riskmon.settings import Config
from riskmon.standing import Standing

Moment = str | date | datetime
"""ISO text, a date (its 00:00 UTC) or an aware datetime."""

log = logging.getLogger("riskmon")


def _replayed(config: Config, ledger: Ledger, persons: Persons) -> Replay:
    if config.engine == "memory":
        return Replay(ledger, persons)
    from riskmon.bulk.engines import columnar  # late: most do without

    return columnar(config, ledger, persons)


class Witness:
    """A ledger, its replay, and what they prove. `Monitor` is one; use that."""

    def __init__(self, url: str, clock: Callable[[], datetime], config: Config) -> None:
        self._ledger = Ledger(url, config.archive)
        self._persons = Persons(self._ledger.engine)
        self._replay = _replayed(config, self._ledger, self._persons)
        self._clock = clock
        self._config = config
        self._lock = threading.RLock()
        try:
            self._ledger.check_tail()
        except VerificationError as error:  # nothing is appended; `verify` can still be asked
            log.warning("%s", error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the database's connections back."""
        self._ledger.close()

    @property
    def position(self) -> int:
        """The position of the last entry; 0 where there is none."""
        return self._ledger.size()

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """Yield the entries after position `after`, in order, as they were hashed.

        To follow the log, ask again after the last position that was seen: none is skipped, none
        comes twice. What is told of natural persons is sealed.
        """
        return self._ledger.entries(after)

    def verify(
        self, *, proof: int | None = None, since: Mapping[str, Any] | None = None
    ) -> Verification:
        """Hash every entry again, compare with the head kept outside, and return what holds.

        `proof`: a position, to prove that its entry is in the ledger. `since`: a head published
        earlier, to prove that the ledger only grew. Raises VerificationError, which names the
        first bad position, and whether the entry was changed, the tail cut, the chain made anew
        or the file broken.
        """
        kept = self._ledger.kept.read() if self._ledger.kept else None
        size = self._ledger.size()
        if proof is not None and since is not None:
            raise UsageError("expected a proof of one entry or of growth, not of both at once")
        if proof is not None and not 1 <= proof <= size:
            raise UsageError(f"proof: expected a position from 1 to {size}, got {proof}")
        entries = counted(self._ledger.verified(size), "hashing entries", size)
        if since is not None:
            found = evidence.grown(entries, size, kept, heads.published(since))
        elif proof is not None:
            found = evidence.proven(entries, size, kept, proof)
        else:
            found = evidence.verified(entries, size, kept)
        sealing.check(self._ledger)
        gone = {entry.ref for entry in self._ledger.entries(kinds=("person.forgotten",))}
        if (token := self._persons.damaged(gone)) is not None:
            raise VerificationError(
                f"the key of the person {token} was changed, or is gone though nobody asked to "
                "forget: restore a copy of the table `person`",
                finding="changed",
            )
        return found

    def receipt(self, score: Score, *, keep: bool = True) -> dict[str, Any]:
        """Return a score as a small JSON object that can be checked later, on another machine.

        It has company, both clocks, ruleset, ledger head, value and lines, and is kept in the
        ledger, so that `changes` can say when it is contradicted; unless `keep` is false.
        """
        made = receipts.receipt(score, self._ledger.at(score.position))
        if not keep:
            return made
        fact = Fact("receipt.issued", OWN, receipts.digest(made), receipts.text(made))
        self._ledger.append([fact], self._clock)
        return made

    def check(self, receipt: Mapping[str, Any]) -> list[str]:
        """Return in what a receipt differs from what the ledger gives; nothing where it holds."""
        with self._lock:
            head = self._ledger.size()
            if not 0 <= receipt["position"] <= head:
                return [
                    f"position: the receipt stands on {receipt['position']}, the ledger on {head}"
                ]
            company = receipt["company"]
            if company not in self._replay.standing().roster.declared:
                return [f"company: the ledger knows none with the id {company!r}"]
            standing = self._replay.standing(receipt["position"])
            at = as_moment(receipt["as_of"], "as_of")
            score = self._replay.score(standing, at, company)
            found = receipts.receipt(score, self._ledger.at(score.position))
            if self._could_be_known_at(receipt["known_at"], score):
                found["known_at"] = receipt["known_at"]
            return receipts.differences(receipt, found)

    def _could_be_known_at(self, asked: str | None, score: Score) -> bool:
        """Whether a query for a moment stands on the position that a score stands on."""
        if asked is None or score.known_at is None:
            return asked is None and score.known_at is None
        known_at = as_moment(asked, "known_at")
        return known_at == score.known_at or self._ledger.position_at(known_at) == score.position

    def changes(self, since: Moment | int) -> Changes:
        """Return which scores corrections after `since` moved, and what was said that they belie.

        `since`: a position, or a moment. Scores are compared as of that position's moment: as they
        were known then, and as they are known now. Receipts and alerts are compared as of theirs.
        """
        with self._lock:
            position = self._position(since)
            now, then = self._replay.since(position)
            as_of = then.recorded_at
            found: list[changes.Change] = []
            if as_of is not None:
                before, after = (self._replay.scores(one, as_of) for one in (then, now))
                later = self._ledger.entries(after=position)
                found = changes.moved(before, after, changes.Later(later, then, now))
            wrong = [
                one
                for entry in self._ledger.entries(kinds=changes.SAID)
                if (one := self._contradiction(entry, then, now)) is not None
            ]
            return Changes(position, as_of, found, wrong)

    def _contradiction(self, entry: Entry, then: Standing, now: Standing) -> Contradiction | None:
        company, as_of, said, basis = changes.said(entry)
        at = moment(as_of)
        score = self._replay.score(now, at, company)
        # What was said on more than `then` was belied later too; the rest only if it moved since.
        before = said
        if basis <= then.position:
            before = self._replay.score(then, at, company).value
        if min(abs(score.value - one) for one in (said, before)) <= changes.LEAST_POINTS:
            return None
        return Contradiction(entry.kind, entry.position, entry.ref, company, at, said, score.value)

    def columns(self) -> Any:
        """Return the entries as an Arrow table, without bodies (extra `columns`).

        Columns: position, kind, source, ref, revision, recorded_at. They are read from a copy
        beside the ledger, which is made where it is missing and follows the ledger.
        """
        return columns.load(self._ledger)

    def backup(self, target: str | PathLike[str]) -> Head:
        """Copy the ledger to a new SQLite file or an empty database, while others write to it.

        Every entry is hashed again on its way. Returns the copy's head, which is kept beside it.
        """
        return backup.copy(self._ledger, str(target))

    def archive(self, folder: str | PathLike[str], *, before: int | None = None) -> list[Archived]:
        """Write the sealed ranges of the ledger to Parquet files in a folder (extra `columns`).

        On PostgreSQL a range is a partition, elsewhere ten million positions; sealed is one that
        ends before the last entry. `before`: only those that end before a position. Each file is
        hashed again as it was written; one that is there already is checked. Nothing is taken out
        of the database: `detach` has the statement by which its owner may do that.
        """
        return sealing.seal(self._ledger, Path(folder), before)

    def forget(self, name: str) -> str:
        """Make unreadable, for ever, what events tell of the natural person called `name`.

        Hashes, proofs and scores stay as they are; copies made before still hold the key. Returns
        the token by which the ledger knows the person. Raises RiskmonError for an unknown one.
        """
        with self._lock:
            token = self._persons.destroy(name)
            if token is None:
                raise RiskmonError(
                    f"no event names a person called {name!r}: give the name as told"
                )
            self._ledger.append([Fact("person.forgotten", OWN, token, "{}")], self._clock)
            self._persons.shred()
            return token

    def _position(self, known_at: Moment | int) -> int:
        if not isinstance(known_at, int):
            return self._ledger.position_at(as_moment(known_at, "known_at"))
        head = self._ledger.size()
        if isinstance(known_at, bool) or not 0 <= known_at <= head:
            raise UsageError(
                f"known_at: expected a moment, or a position from 0 to {head}, got {known_at}"
            )
        return known_at


def as_moment(value: Moment, field: str) -> datetime:
    """Return what a user gave for the argument `field` as a moment; UsageError for none."""
    try:
        return moment(value)
    except ValueError as error:
        raise UsageError(f"{field}: {error}, got {value!r}") from None
