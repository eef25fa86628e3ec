"""Evidence: the tree of RFC 9162, proofs that a second program checks, heads kept and signed."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskmon import evidence, heads
from riskmon.errors import InputError, UsageError, VerificationError
from riskmon.evidence import Published, Tree
from riskmon.monitor import Monitor
from tests.builders import event, forge


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def merkle(leaves: list[bytes]) -> bytes:
    """Return the tree's root as RFC 9162, section 2.1.1, writes it down: recursively."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha(b"\1", merkle(leaves[:k]), merkle(leaves[k:]))


def audit(index: int, size: int, leaf: bytes, path: list[bytes]) -> bytes | None:
    """Return the root that an inclusion proof gives, as section 2.1.3.2 says, by bits."""
    fn, sn, r = index, size - 1, leaf
    for node in path:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            r = sha(b"\1", node, r)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            r = sha(b"\1", r, node)
        fn >>= 1
        sn >>= 1
    return r if sn == 0 else None


def grown(first: int, second: int, first_hash: bytes, path: list[bytes]) -> bytes | None:
    """Return the second root that a consistency proof gives, as section 2.1.4.2 says, by bits."""
    if first == second:
        return first_hash if not path else None
    if first & (first - 1) == 0:
        path = [first_hash, *path]
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    fr = sr = path[0]
    for node in path[1:]:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            fr = sha(b"\1", node, fr)
            sr = sha(b"\1", node, sr)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            sr = sha(b"\1", sr, node)
        fn >>= 1
        sn >>= 1
    return sr if fr == first_hash and sn == 0 else None


LEAVES = [sha(b"\0", str(number).encode()) for number in range(3000)]


@given(st.integers(0, 3000))
@settings(max_examples=60)
def test_the_tree_is_that_of_the_rfc(size: int) -> None:
    """Folded in chunks, with flat memory, the root is the recursive definition's."""
    tree = Tree()
    for leaf in LEAVES[:size]:
        tree.add(leaf)
    assert merkle(LEAVES[:size]) == tree.root()


@given(st.data())
@settings(max_examples=150)
def test_inclusion_proofs_hold_for_their_leaf_and_no_other(data: st.DataObject) -> None:
    """By our check and by the RFC's own algorithm; another leaf or a changed path leads astray."""
    size = data.draw(st.integers(1, 1500))
    index = data.draw(st.integers(0, size - 1))
    leaves, root = LEAVES[:size], merkle(LEAVES[:size])
    ranges = evidence.inclusion(index, size)
    roots = evidence.roots(leaves, ranges)
    path = [roots[one] for one in ranges]
    assert [root] * 2 == [
        evidence.included(leaves[index], index, size, path),
        audit(index, size, leaves[index], path),
    ]
    assert root != evidence.included(sha(b"another"), index, size, path)
    if path:
        assert root != evidence.included(leaves[index], index, size, [*path[:-1], sha(b"x")])
        assert evidence.included(leaves[index], index, size, path[:-1]) is None


@given(st.data())
@settings(max_examples=150)
def test_consistency_proofs_hold_for_a_beginning_and_for_nothing_else(data: st.DataObject) -> None:
    """By our check and by the RFC's own algorithm."""
    size = data.draw(st.integers(1, 1500))
    old = data.draw(st.integers(1, size))
    leaves = LEAVES[:size]
    before, after = merkle(leaves[:old]), merkle(leaves)
    ranges = evidence.consistency(old, size)
    roots = evidence.roots(leaves, ranges)
    path = [roots[one] for one in ranges]
    assert [after] * 2 == [
        evidence.consistent(old, size, before, path),
        grown(old, size, before, path),
    ]
    assert after != evidence.consistent(old, size, sha(b"another"), path)
    if path:
        assert after != evidence.consistent(old, size, before, [*path[:-1], sha(b"x")])


def filled(monitor: Monitor, count: int) -> None:
    monitor.ingest([event(ref=f"told-{number}", title=f"Nr {number}") for number in range(count)])


def test_a_second_program_checks_that_an_entry_is_in(monitor: Monitor) -> None:
    """From the proof alone: hash the entry, follow the path, compare with the head's root."""
    filled(monitor, 20)
    for position in (1, 7, 16, 21):
        proof = monitor.verify(proof=position).proof
        assert proof is not None
        proof = json.loads(json.dumps(proof))
        columns = [str(proof["entry"][name]) for name in evidence.ENTRY]
        leaf = sha("\0".join(["", *columns]).encode())
        path = [bytes.fromhex(node) for node in proof["path"]]
        found = audit(position - 1, proof["head"]["position"], leaf, path)
        assert found is not None
        assert proof["head"]["root"] == found.hex()
        assert monitor.verify().head == evidence.check(proof)
        entry = list(monitor.entries())[position - 1]
        assert (entry.body, entry.ref) == (proof["entry"]["body"], proof["entry"]["ref"])


def test_a_changed_proof_does_not_hold(monitor: Monitor) -> None:
    """Whatever of it is changed: the entry, the path, the head."""
    filled(monitor, 5)
    proof: Any = monitor.verify(proof=3).proof
    changed: list[Any] = [
        proof | {"entry": proof["entry"] | {"body": "{}"}},
        proof | {"entry": proof["entry"] | {"position": 4}},
        proof | {"entry": proof["entry"] | {"previous": "0" * 64}},
        proof | {"path": proof["path"][1:]},
        proof | {"path": proof["path"][::-1]},
        proof | {"head": proof["head"] | {"root": "0" * 64}},
        {**proof, "proof": "consistency"},
        {},
        {"proof": "inclusion", "entry": 3, "path": "x", "head": {}},
    ]
    for one in changed:
        with pytest.raises(
            (InputError, VerificationError), match=r"does not hold|expected a proof"
        ):
            evidence.check(one)


def test_a_proof_is_checked_for_a_published_head(monitor: Monitor) -> None:
    """Not for the head that it brings along: that, anybody could have made up."""
    filled(monitor, 5)
    published = monitor.verify().head
    proof: Any = monitor.verify(proof=3).proof
    assert published == evidence.check(proof, published)
    filled(monitor, 7)
    grown: Any = monitor.verify(since=published._asdict()).proof
    assert monitor.verify().head == evidence.check(grown, published)
    later: Any = monitor.verify(proof=3).proof
    for one in (later, grown | {"since": grown["head"], "path": []}):
        with pytest.raises(VerificationError, match="the proof is for another head"):
            evidence.check(one, published)
    last: Any = monitor.verify(proof=8).proof
    with pytest.raises(VerificationError, match="does not hold"):
        evidence.check(last | {"head": last["head"] | {"hash": "0" * 64}})
    made_up = {"position": 0, "hash": "", "recorded_at": "", "root": ""}
    with pytest.raises(VerificationError, match="does not hold"):
        evidence.check(grown | {"since": made_up, "path": []})


def test_a_ledger_that_grew_proves_it(monitor: Monitor) -> None:
    """Between any two heads; the same head, and that of the empty ledger, are among them."""
    empty = monitor.verify().head
    published = [empty]
    for count in (1, 2, 5, 8):
        filled(monitor, count)
        published.append(monitor.verify().head)
    for old in published:
        found = monitor.verify(since=old._asdict())
        assert published[-1] == found.head
        assert found.proof is not None
        assert published[-1] == evidence.check(json.loads(json.dumps(found.proof)))


def test_a_rewritten_ledger_does_not_prove_it(monitor: Monitor) -> None:
    """Though its own chain is whole: the published head is of another."""
    filled(monitor, 3)
    head = monitor.verify().head
    for forged in (
        head._replace(root="0" * 64),
        head._replace(hash="0" * 64),
        head._replace(position=3, root=head.root),
    ):
        with pytest.raises(VerificationError, match="does not begin with") as caught:
            monitor.verify(since=forged._asdict())
        assert ("rewritten", forged.position) == (caught.value.finding, caught.value.position)
    with pytest.raises(VerificationError, match="its tail was cut") as caught:
        monitor.verify(since=head._replace(position=9)._asdict())
    assert ("cut", 5) == (caught.value.finding, caught.value.position)


def test_a_position_that_is_not_there_cannot_be_proven(monitor: Monitor) -> None:
    """And the message says which can."""
    filled(monitor, 2)
    for position in (0, 4, -1):
        with pytest.raises(UsageError, match="a position from 1 to 3, got"):
            monitor.verify(proof=position)


def test_a_bad_entry_is_named_before_any_proof(monitor: Monitor) -> None:
    """No proof of an entry is given by a ledger that does not hold."""
    filled(monitor, 4)
    forge(monitor._ledger.engine, "UPDATE entry SET body = '{}' WHERE position = 2")
    for asked in ({}, {"proof": 5}, {"proof": 1}, {"since": Published(1, "", "", "00")._asdict()}):
        with pytest.raises(VerificationError, match="entry 2 is not what was hashed") as caught:
            monitor.verify(**asked)
        assert ("changed", 2) == (caught.value.finding, caught.value.position)


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """Make an Ed25519 key pair as a user would."""
    private, public = tmp_path / "key.pem", tmp_path / "public.pem"
    command = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(private)]
    subprocess.run(command, check=True)
    command = ["openssl", "pkey", "-in", str(private), "-pubout", "-out", str(public)]
    subprocess.run(command, check=True)
    return private, public


def test_a_signed_head_is_checked_by_another_program(
    monitor: Monitor, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    """OpenSSL verifies the signature over the head's five lines."""
    filled(monitor, 3)
    private, public = keys
    signed = heads.signed(monitor.verify().head, private)
    heads.check_signature(signed, public)
    lines = ["riskmon head", *(str(signed[name]) for name in Published._fields), ""]
    (tmp_path / "text").write_text("\n".join(lines), "utf-8")
    (tmp_path / "signature").write_bytes(base64.b64decode(signed["signature"]))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(public), "-rawin"]
    command += ["-in", str(tmp_path / "text"), "-sigfile", str(tmp_path / "signature")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Signature Verified Successfully" in done.stdout
    for name, value in {"position": 3, "root": "0" * 64, "signature": "AAAA"}.items():
        with pytest.raises(VerificationError, match="is not signed by the key"):
            heads.check_signature(signed | {name: value}, public)


def test_a_key_that_is_none_is_refused(monitor: Monitor, tmp_path: Path) -> None:
    """With the file and what was expected."""
    head = monitor.verify().head
    file = tmp_path / "key.pem"
    with pytest.raises(InputError, match=r"key\.pem: cannot be read"):
        heads.signed(head, file)
    file.write_text("no key")
    with pytest.raises(InputError, match=r"key\.pem: expected a private key in PEM"):
        heads.signed(head, file)
    with pytest.raises(InputError, match=r"key\.pem: expected a public key in PEM"):
        heads.check_signature(head._asdict(), file)
