"""Evidence: the chain of entries, and over it the Merkle tree of RFC 9162. Pure.

An entry's hash is SHA-256 over NUL and its bytes, which begin with the hash of the entry before it:
so it chains, and it is the leaf hash of RFC 9162 (section 2.1.1) too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from riskmon.errors import InputError, VerificationError

GENESIS = "0" * 64
"""What the first entry has for a previous hash."""

CHUNK = 1024
"""Leaves folded at a time; a power of two."""

Range = tuple[int, int]
"""Leaves from the first (included) to the last (excluded), counted from 0."""


class Head(NamedTuple):
    """The last entry's position, hash and moment (UTC text); position 0 for an empty ledger."""

    position: int
    hash: str
    recorded_at: str


EMPTY = Head(0, GENESIS, "")


class Published(NamedTuple):
    """A head to be published: with the root of the Merkle tree over all entries up to it."""

    position: int
    hash: str
    recorded_at: str
    root: str

    @property
    def text(self) -> bytes:
        """What a signature is over: a line for each field, after a line that says what it is."""
        return "\n".join(("riskmon head", *map(str, self), "")).encode()


def chained(*parts: bytes) -> str:
    """Return the hash of an entry: its parts are the previous hash and its columns up to `body`.

    They are joined by NUL, which no column holds, so that no two entries join to one text.
    """
    return sha256(b"\0".join((b"", *parts))).hexdigest()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


def _root(nodes: list[bytes]) -> bytes:
    while len(nodes) > 1:
        odd = nodes[len(nodes) & ~1 :]
        pairs = zip(nodes[::2], nodes[1::2], strict=False)
        nodes = [sha256(b"\1" + left + right).digest() for left, right in pairs] + odd
    return nodes[0]


class Tree:
    """The Merkle tree over leaf hashes that are given in order; its memory is flat."""

    def __init__(self) -> None:
        self._leaves: list[bytes] = []
        self._full: list[tuple[int, bytes]] = []
        """Size and root of full subtrees, left to right; sizes are falling powers of two."""

    def add(self, leaf: bytes) -> None:
        """Take the next leaf hash."""
        self._leaves.append(leaf)
        if len(self._leaves) == CHUNK:
            size, node = CHUNK, _root(self._leaves)
            while self._full and self._full[-1][0] == size:
                node = _node(self._full.pop()[1], node)
                size *= 2
            self._full.append((size, node))
            self._leaves = []

    def root(self) -> bytes:
        """Return the tree's root; that of an empty tree is SHA-256 of nothing."""
        roots = [node for _, node in self._full]
        if self._leaves:
            roots.append(_root(self._leaves))
        if not roots:
            return sha256().digest()
        found = roots.pop()
        while roots:
            found = _node(roots.pop(), found)
        return found


def _split(size: int) -> int:
    """Return the largest power of two smaller than `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion(index: int, size: int) -> list[Range]:
    """Return the ranges whose roots prove leaf `index` of `size` (RFC 9162, 2.1.3.1), in order."""
    path: list[Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    return path[::-1]


def consistency(old: int, size: int) -> list[Range]:
    """Return the ranges whose roots prove that `size` leaves begin with `old` (2.1.4.1)."""
    path: list[Range] = []
    start, end = 0, size
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    if start:
        path.append((start, end))
    return path[::-1]


def roots(leaves: Iterable[bytes], ranges: Iterable[Range]) -> dict[Range, bytes]:
    """Return the root of each of some ranges that don't overlap, in one pass over all leaves."""
    following: Iterator[tuple[int, bytes]] = enumerate(leaves)
    found: dict[Range, bytes] = {}
    for start, end in sorted(ranges):
        tree = Tree()
        for index, leaf in following:
            if index >= start:
                tree.add(leaf)
            if index == end - 1:
                break
        found[start, end] = tree.root()
    return found


def included(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes | None:
    """Return the root that a path leads to (RFC 9162, 2.1.3.2); None for a path that is none."""
    if not 0 <= index < size or len(path) != len(inclusion(index, size)):
        return None
    for (_, end), sibling in zip(inclusion(index, size), path, strict=True):
        leaf = _node(sibling, leaf) if end <= index else _node(leaf, sibling)
    return leaf


def consistent(old: int, size: int, old_root: bytes, path: list[bytes]) -> bytes | None:
    """Return the new root that a path from the old one leads to (RFC 9162, 2.1.4.2).

    None where the path does not lead to the old root, or is no path.
    """
    if not 0 < old <= size or len(path) != len(consistency(old, size)):
        return None
    ranges = consistency(old, size)
    nodes = dict(zip(ranges, path, strict=True))
    inner = [one for one in ranges if one[1] <= old]
    # Where the old tree is one full subtree of the new, the path leaves its root out.
    before = nodes[inner[0]] if inner else old_root
    after = before
    for one in ranges[1:] if inner else ranges:
        if one[1] <= old:
            before = _node(nodes[one], before)
            after = _node(nodes[one], after)
        else:
            after = _node(after, nodes[one])
    return after if before == old_root else None


class Verification(NamedTuple):
    """What was found to hold: the head of all entries, the one kept outside, and a proof, if asked.

    The proof is plain JSON; `check` needs nothing else, nor does a second program.
    """

    head: Published
    kept: Head | None
    proof: dict[str, Any] | None = None


Entries = Iterable[tuple[bytes, str]]
"""Columns up to `body` joined by NUL, and hash, of each entry in order."""

Seen = dict[int, tuple[str, bytes, str]]
"""Position -> previous hash, columns and hash."""


def _leaves(entries: Entries, seen: Seen, wanted: set[int]) -> Iterator[bytes]:
    """Yield the leaf hashes; note in `seen` the entries at the positions `wanted`."""
    previous = GENESIS
    for position, (columns, hash_) in enumerate(entries, 1):
        if position in wanted:
            seen[position] = (previous, columns, hash_)
        yield bytes.fromhex(hash_)
        previous = hash_


def _published(size: int, seen: Seen, root: bytes) -> Published:
    if not size:
        return Published(*EMPTY, root.hex())
    _, columns, hash_ = seen[size]
    return Published(size, hash_, columns.split(b"\0", 6)[5].decode(), root.hex())


def verified(entries: Entries, size: int, kept: Head | None) -> Verification:
    """Return the head of all entries."""
    seen: Seen = {}
    tree = Tree()
    for leaf in _leaves(entries, seen, {size}):
        tree.add(leaf)
    return Verification(_published(size, seen, tree.root()), kept)


def proven(entries: Entries, size: int, kept: Head | None, position: int) -> Verification:
    """Return the head, and the proof that the entry at `position` is under its root."""
    seen: Seen = {}
    leaves = _leaves(entries, seen, {position, size})
    ranges = inclusion(position - 1, size)
    found = roots(leaves, ranges)
    for _ in leaves:
        pass  # to the last one: all are verified
    path = [found[one] for one in ranges]
    previous, columns, hash_ = seen[position]
    root = included(bytes.fromhex(hash_), position - 1, size, path)
    head = _published(size, seen, root or b"")
    fields = dict(zip(ENTRY, (previous, *columns.decode().split("\0", 6)), strict=True))
    proof = {
        "proof": "inclusion",
        "entry": fields | {"position": position, "revision": int(fields["revision"])},
        "path": [node.hex() for node in path],
        "head": head._asdict(),
    }
    return Verification(head, kept, proof)


def grown(entries: Entries, size: int, kept: Head | None, since: Published) -> Verification:
    """Return the head, and the proof that its entries begin with those under an earlier head.

    Raises VerificationError where they don't.
    """
    if since.position > size:
        raise VerificationError(
            f"the ledger ends at position {size:,}, the published head is at {since.position:,}: "
            "its tail was cut. Restore a copy",
            finding="cut",
            position=size + 1,
        )
    seen: Seen = {}
    tree = Tree()
    before = {0: tree.root()}

    def watched() -> Iterator[bytes]:
        for position, leaf in enumerate(_leaves(entries, seen, {since.position, size}), 1):
            tree.add(leaf)
            if position == since.position:
                before[position] = tree.root()
            yield leaf

    leaves = watched()
    ranges = consistency(since.position, size) if since.position else []
    found = roots(leaves, ranges)
    for _ in leaves:
        pass  # to the last one: all are verified
    hash_ = seen[since.position][2] if since.position else EMPTY.hash
    if (before[since.position].hex(), hash_) != (since.root, since.hash):
        raise VerificationError(
            f"the ledger does not begin with the {since.position:,} entries of the published head: "
            "one of them was changed, and the chain made anew. Restore a copy",
            finding="rewritten",
            position=since.position,
        )
    path = [found[one] for one in ranges]
    head = _published(size, seen, tree.root())
    proof = {
        "proof": "consistency",
        "since": since._asdict(),
        "path": [node.hex() for node in path],
        "head": head._asdict(),
    }
    return Verification(head, kept, proof)


ENTRY = ("previous", "position", "kind", "source", "ref", "revision", "recorded_at", "body")


def check(proof: Mapping[str, Any], published: Published | None = None) -> Published:
    """Return the head that a proof holds for: of that, its position and root are proven.

    `proof`: what `verify(proof=...)` or `verify(since=...)` gave. `published`: a head that one
    has from elsewhere, for which it must hold: the head of an inclusion, the earlier one of a
    consistency proof. Raises InputError where it is no proof, VerificationError where it does
    not hold.
    """
    try:
        head = Published(**proof["head"])
        path = [bytes.fromhex(node) for node in proof["path"]]
        found, given = PROOFS[proof["proof"]](proof, head, path)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"expected a proof as `riskmon verify` gives it: {error!r}") from None
    if found is None or found.hex() != head.root:
        raise VerificationError(f"the proof does not hold: its root is not the head's, {head.root}")
    if published is not None and given != published:
        raise VerificationError(
            f"the proof is for another head: its own is at position {given.position} with the "
            f"root {given.root}, the published one at {published.position} with {published.root}"
        )
    return head


def _inclusion_root(
    proof: Mapping[str, Any], head: Published, path: list[bytes]
) -> tuple[bytes | None, Published]:
    entry = proof["entry"]
    leaf = chained(*(str(entry[name]).encode() for name in ENTRY))
    position = int(entry["position"])
    if position == head.position and leaf != head.hash:
        return None, head
    return included(bytes.fromhex(leaf), position - 1, head.position, path), head


def _consistency_root(
    proof: Mapping[str, Any], head: Published, path: list[bytes]
) -> tuple[bytes | None, Published]:
    old = Published(**proof["since"])
    if old.position:
        return consistent(old.position, head.position, bytes.fromhex(old.root), path), old
    # An empty ledger is the beginning of any other: there is nothing to prove.
    empty = _published(0, {}, Tree().root())
    return (bytes.fromhex(head.root) if old == empty and not path else None), old


PROOFS = {"inclusion": _inclusion_root, "consistency": _consistency_root}
