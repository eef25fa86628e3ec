"""Inputs that are no files, no archives, no tables: a reason each, and no row lost."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import warnings
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from riskmon import mapping, sources
from riskmon.errors import InputError, Problem
from riskmon.formats import ofac, packed, table
from riskmon.model import Event, Note, Row
from riskmon.monitor import Monitor
from riskmon.sources import ofac_sdn
from tests.builders import event
from tests.test_lists import CUBA, sdn


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_pipe_loses_no_row(monitor: Monitor, tmp_path: Path) -> None:
    """`riskmon ingest <(zcat events.jsonl.gz)`: what is read to look at it is not lost."""
    lines = [json.dumps(event(ref=f"r{n}", title="T" * 200)) for n in range(2000)]
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as feed:
        feed.submit((tmp_path / "pipe").write_text, "\n".join(lines), "utf-8")
        report = monitor.ingest(tmp_path / "pipe")
    assert (2000, []) == (report.appended, report.rejected)


def folder_of(tmp_path: Path, **files: bytes) -> Path:
    (tmp_path / "copy").mkdir()
    for name, raw in files.items():
        (tmp_path / "copy" / f"{name}.csv").write_bytes(raw)
    return tmp_path / "copy"


def contents(path: Path) -> list[bytes]:
    with packed.parts(path) as parts:
        return [opened().read() for opened in parts.values()]


def refusal(path: Path) -> str:
    """Return why a path cannot be read to the end of its files; fail where it can."""
    with pytest.raises(InputError) as raised:
        contents(path)
    return str(raised.value).removeprefix(f"{path}: ")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A device; of a pipe there is no digest, as it can be read but once."""
    os.mkfifo(tmp_path / "pipe")
    expected = "expected a file, a folder or an archive, got a device or socket"
    assert expected == refusal(Path("/dev/zero"))
    with pytest.raises(InputError, match="got a pipe or a device"):
        packed.digest(tmp_path / "pipe")


def test_a_link_to_a_file_is_that_file_and_one_in_a_folder_is_refused(tmp_path: Path) -> None:
    """The first is what a person wrote; the second may lead anywhere."""
    (tmp_path / "link").symlink_to(folder_of(tmp_path, sdn=b"x") / "sdn.csv")
    assert [b"x"] == contents(tmp_path / "link")
    (tmp_path / "copy" / "alt.csv").symlink_to("/etc/passwd")
    assert "'alt.csv' is a link: expected files alone" == refusal(tmp_path / "copy")


def changed(raw: bytes, at: int, new: bytes) -> bytes:
    return raw[:at] + new + raw[at + len(new) :]


def zipped(second: str = "more.txt", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", method) as archive:
        warnings.simplefilter("ignore")
        archive.writestr("sdn.csv", sdn(CUBA))
        archive.writestr(second, sdn(CUBA))
    return out.getvalue()


RAW, GZIP = zipped(), gzip.compress(sdn(CUBA))
FIRST, SECOND = RAW.index(b"PK\x01\x02"), RAW.rindex(b"PK\x01\x02")
TARRED = tarfile.TarInfo("sdn.csv").tobuf() + bytes(1024)
TAR = "is a tar archive: unpack it, or give a folder or a zip"
WHOLE = "cannot be unpacked: is it whole? ("
METHOD = "'sdn.csv' is neither stored nor deflated: unpack it first"
BROKEN = {
    "empty": (RAW[-22:-14] + bytes(14), "holds no file"),
    "method": (changed(RAW, FIRST + 10, b"a\0"), METHOD),
    "lzma": (zipped("more.txt", zipfile.ZIP_LZMA), METHOD),
    "locked": (changed(RAW, FIRST + 8, b"\1"), "'sdn.csv' is encrypted: unpack it first"),
    "renamed": (changed(RAW, 30, b"XXX"), f"sdn.csv: {WHOLE}"),
    "damaged": (changed(RAW, 2000, b"\x5a" * 100), f"sdn.csv: {WHOLE}"),
    "overlapping": (changed(RAW, SECOND + 42, bytes(4)), "has files that overlap: expected a list"),
    "twice": (zipped("sdn.csv"), "'sdn.csv' stands twice in the archive: keep one"),
    "cut": (RAW[:-200], WHOLE),
    "tar": (TARRED, TAR),
    "tar in gzip": (gzip.compress(TARRED), TAR),
    "zip in gzip": (gzip.compress(RAW), "is an archive in an archive: unpack it"),
    "cut gzip": (GZIP[:-500], WHOLE),
    "damaged gzip": (changed(GZIP, 2000, bytes(50)), WHOLE),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_cannot_be_unpacked_is_refused(tmp_path: Path, what: str) -> None:
    """With a reason: no traceback, whatever is broken in it; as a stream it is a row refused."""
    raw, reason = BROKEN[what]
    (tmp_path / "copy").write_bytes(raw)
    assert refusal(tmp_path / "copy").startswith(reason)
    *_, row = sources.reader("ofac-sdn", date(2024, 1, 1))(io.BytesIO(raw))
    assert str(row.told[0]).startswith(reason)  # type: ignore[index]


def test_a_folder_without_files_is_refused_and_a_file_in_gzip_read(tmp_path: Path) -> None:
    """In a folder and in a zip as where it is alone."""
    (tmp_path / "empty").mkdir()
    assert "holds no file" == refusal(tmp_path / "empty")
    folder = folder_of(tmp_path, sdn=gzip.compress(b"x"))
    with zipfile.ZipFile(tmp_path / "copy.zip", "w") as archive:
        archive.write(folder / "sdn.csv", "sdn.csv")
    for path in (folder, folder / "sdn.csv", tmp_path / "copy.zip"):
        assert [b"x"] == contents(path)


def test_a_stream_without_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is one of text."""
    monkeypatch.setattr(packed, "MOST_BYTES", 1000)
    with Path("/dev/zero").open("rb") as stream, pytest.raises(InputError, match="at most 1,000"):
        packed.spooled(stream).__enter__()
    with pytest.raises(InputError, match="opened for bytes, got text"):
        packed.spooled(io.StringIO("x")).__enter__()  # type: ignore[arg-type]


# OFAC's files, tables

ALT = b'1,11,"aka","ALSO 1",-0- \r\n2,21,"aka","ALSO 2",-0- \r\n\x1a'
ADD = b'1,12,"1 Example St.","Havana","Cuba",-0- \r\n\x1a'
MORE = b'1," and more."\r\n\x1a'
LEFT = f"sdn_comments.csv: {ofac.CUT}"


def told(tmp_path: Path, **files: bytes) -> list[str]:
    """Return what is said of a copy of the SDN list beside its entries."""
    with packed.parts(folder_of(tmp_path, sdn=sdn({1: "EXAMPLE"}), **files)) as parts:
        rows = [one.told for one in ofac_sdn.entries(parts) if isinstance(one, Row)]
    return [
        f"{type(one).__name__}: {one.text if isinstance(one, Note) else one[0]}"  # type: ignore[index]
        for one in rows
    ]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ((ALT, ADD, MORE), []),
        ((None, None, MORE), []),
        ((ALT, ADD, None), ["Note: sdn_comments.csv is not among the files: remarks longer than"]),
        ((ALT, None, None), ["Broken: expected the file of addresses too, got alt.csv, sdn.csv"]),
        ((None, ADD, MORE), ["Broken: expected the file of alternate names too, got add.csv, sdn"]),
        ((ALT[:-1], ADD, MORE), [f"Note: alt.csv: {ofac.CUT}"]),
        ((ALT[:30], ADD, MORE), ["list: alt.csv: expected", f"Broken: alt.csv: {ofac.CUT}"]),
        ((ALT, b"1,2\r\n" + ADD, MORE), ["list: add.csv: expected 6 columns, got 2"]),
        ((ALT, ADD, b""), [f"Broken: {LEFT}"]),
        ((ALT, ADD, MORE[:-1]), [f"Note: {LEFT}"]),
        ((ALT, ADD, MORE[:-4]), ["list: sdn_comments.csv: ", f"Broken: {LEFT}"]),
    ],
)
def test_a_cut_or_missing_file_beside_the_main_one_is_said(
    tmp_path: Path, files: tuple[bytes | None, ...], expected: list[str]
) -> None:
    """Half of the aliases are not taken away by half a file."""
    named = zip(("alt", "add", "sdn_comments"), files, strict=True)
    found = told(tmp_path, **{name: raw for name, raw in named if raw is not None})
    assert expected == [one[: len(start)] for one, start in zip(found, expected, strict=True)]


def test_a_file_that_is_too_long_breaks_the_copy(tmp_path: Path) -> None:
    """It is not left at what was read so far."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ofac, "MOST_BESIDE", 1)
        (found,) = told(tmp_path, alt=ALT, add=b"\x1a", sdn_comments=b"\x1a")
    assert found.startswith("Broken: alt.csv: expected at most 1 rows and 67,108,864 characters")


class Slow(io.BytesIO):
    """A stream that cannot be gone back in, and gives what it has in small pieces."""

    seek = tell = None  # type: ignore[assignment]

    def read(self, size: int | None = -1, /) -> bytes:
        """Return at most a thousand bytes."""
        return super().read(min(size or 0, 1000))


def test_the_encoding_is_told_alike_of_whatever_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """No row is lost or cut where the reading ahead ends."""
    rows = [f"{n},Общество ограниченной ответственностью {n}" for n in range(3000)]
    raw = "\r\n".join(["A,B", "plain,row", *rows]).encode("cp1251")
    for ahead in (1, 5000, table.MOST_AHEAD):
        monkeypatch.setattr(table, "MOST_AHEAD", ahead)
        slow, fast = (
            [row[1:] for row in table.bare(stream, legacy=True)]
            for stream in (Slow(raw), io.BytesIO(raw))
        )
        assert fast == slow
        assert 3002 == len(fast)
    assert rows == [raw for raw, _ in fast[2:]]


def test_a_table_in_utf_16_is_refused_once_and_an_encoding_may_be_named() -> None:
    """The one by its mark, and not row by row; the other is not guessed."""
    found = list(table.bare(io.BytesIO("A,B\r\n1,2\r\n".encode("utf-16")), legacy=True))
    assert [(1, "", Problem("expected UTF-8: save the file in that encoding"))] == found
    named = list(table.bare(io.BytesIO(b"\xe9t\xe9"), legacy="cp1252"))
    assert [(1, "été", ["été"])] == named


# Mappings, Parquet

MAPPING = 'source: s\nref: "{A}"\ntype: case.indicted\noccurred_at: "{B}"\ntitle: "{A}"\n'


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f'occurred_at: {{column: B, format: "{one}"}}', "occurred_at.format: expected the form")
        for one in ("%d %d", "%Y%Y", "%", "%x %x", "%Z%Z", "%q", "%d.%m.")
    ]
    + [
        ("delimiter: '\"'", "delimiter: expected what stands between cells"),
    ],
)
def test_what_no_row_could_be_read_by_is_said_with_its_line(
    tmp_path: Path, line: str, reason: str
) -> None:
    """With the mapping's other problems, before a row is read; never as a traceback."""
    text = MAPPING.replace('occurred_at: "{B}"\n', "") if "occurred" in line else MAPPING
    (tmp_path / "m.yaml").write_text(f"{text}{line}\n", "utf-8")
    with pytest.raises(InputError) as raised:
        mapping.load(tmp_path / "m.yaml")
    assert f"m.yaml:{text.count(chr(10)) + 1}: {reason}" in str(raised.value)


def test_a_huge_cell_refuses_its_row(tmp_path: Path) -> None:
    """However often it is named; and one of too many parts."""
    more = f'summary: "{"{C}" * 600}"\ntopics: {{column: D, split: ";"}}\n'
    (tmp_path / "m.yaml").write_text(MAPPING + more, "utf-8")
    huge, many = "x" * 1000, ";" * 2000
    rows = f"A,B,C,D\n1,2024-01-01,,\n2,2024-01-01,{huge},\n3,2024-01-01,,{many}\n"
    found = list(mapping.load(tmp_path / "m.yaml")(io.BytesIO(rows.encode())))
    assert isinstance(found[0].told, Event)
    long, wide = (str(one.told[0]) for one in found[1:])  # type: ignore[index]
    assert long.endswith("C}{C}{C…: expected at most 100,000 characters")
    assert "topics: column D: expected at most 1,000 values" == wide


def parqueted(table: Any) -> list[Row]:
    out = io.BytesIO()
    pytest.importorskip("pyarrow.parquet").write_table(table, out, compression="zstd")
    out.seek(0)
    return list(sources.reader("parquet")(out))


def test_a_moment_out_of_range_refuses_its_row_alone() -> None:
    """And the rows after it are read; a column that stands twice is said."""
    arrow = pytest.importorskip("pyarrow")
    rows = [event(ref=f"r{n}") for n in range(5)]
    columns = {name: arrow.array([row[name] for row in rows]) for name in rows[0]}
    for far in (2**62, 2**50):
        days = arrow.array([0, 0, far, 0, 0], arrow.int64()).cast(arrow.timestamp("ms", "UTC"))
        found = parqueted(arrow.table(columns | {"occurred_at": days}))
        assert [Event, Event, list, Event, Event] == [type(one.told) for one in found]
    twice = [*columns.values(), columns["title"]]
    (one,) = parqueted(arrow.Table.from_arrays(twice, names=[*columns, "title"]))
    assert [Problem("names two columns: keep one", field="title")] == one.told


@pytest.mark.parametrize("shape", ["words", "nulls", "rows", "a word"])
def test_what_is_small_in_a_file_and_large_in_memory_is_refused(shape: str) -> None:
    """Words that stand once and are used a thousand times, and nothing, a million times."""
    arrow, word = pytest.importorskip("pyarrow"), "x" * 1_100_000
    title = {
        "words": arrow.array([word] * 300).dictionary_encode(),
        "nulls": arrow.array([[None] * 2_000_000], arrow.list_(arrow.string())),
        "rows": arrow.nulls(1_000_000, arrow.string()),
        "a word": arrow.array([word * 30]),
    }[shape]
    rows = parqueted(arrow.table({"title": title}))
    (reason,) = {str(one.told[0]) for one in rows}  # type: ignore[index]
    assert {"words": 300}.get(shape, 1) == len(rows)
    assert reason.endswith(("1,048,576 bytes a row", "got what may be a bomb"))
