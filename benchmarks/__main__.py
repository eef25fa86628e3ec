"""Print the figures: `python -m benchmarks [GROUP ...] [--events N] [--entries N] [--names N]`.

Each is CPU seconds, the median of five, and its ratio to a limit that is measured in the same run,
in turns with it: what the bare libraries need for the same bytes or the same sums. Groups: ingest,
postgresql, others, ledger, scores, pages, matching, lists, stories, names; default all. Scores and
pages take ten times as many events; stories and names need none, and have tables of their own. So
has large, a ledger of ten million on PostgreSQL, which needs 10 GB, and is measured where named;
and so are bulk, columnar copies of the sizes that are given, of which 100,000,000 events take 4 GB
of disk; spark, the same by Spark, which needs Java; and growth, what grows with what.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import ledger, lists, matching, pages, postgresql, scores, stories, workload

GROUPS = (
    *("ingest", "postgresql", "others", "ledger", "scores", "pages"),
    *("matching", "lists"),
    *("stories", "names"),
)
ALONE = {"names", "stories", "large", "bulk", "spark", "growth"}


def main() -> None:
    """Measure, and print one line a figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", default=GROUPS)
    parser.add_argument("--events", type=int, default=100_000, help="(default: 100,000)")
    parser.add_argument("--entries", type=int, default=1_000_000, help="of the ledger to verify")
    parser.add_argument("--names", type=int, default=1_000_000, help="(default: 1,000,000)")
    parser.add_argument(
        "--sizes", type=_sizes, default="1e6", help="of bulk and spark (default: 1e6)"
    )
    parser.add_argument("--folder", type=Path, help="where their copies are kept for another time")
    arguments = parser.parse_args()
    _alone(arguments)
    if set(arguments.groups) <= ALONE:
        return
    with TemporaryDirectory() as name:
        folder = Path(name)
        files = workload.write(folder, arguments.events, scores.COMPANIES)
        size = files[0].stat().st_size / arguments.events
        print(f"{arguments.events:,} events of {size:.0f} bytes, {scores.COMPANIES:,} companies")
        if "ingest" in arguments.groups:
            ledger.ingest(folder, *files, arguments.events)
        if "postgresql" in arguments.groups:
            postgresql.ingest(folder, *files, arguments.events)
        if "others" in arguments.groups:
            from benchmarks import others  # noqa: PLC0415 (needs the extra `benchmarks`)

            others.compare(folder, *files, arguments.events)
        if "ledger" in arguments.groups:
            ledger.one_event(folder)
            ledger.million(folder, arguments.entries)
        if "scores" in arguments.groups:
            scores.measure(folder, 10 * arguments.events)
            scores.start_up()
        if "pages" in arguments.groups:
            pages.measure(folder, 10 * arguments.events)
        if "matching" in arguments.groups:
            matching.compare(10 * arguments.events)
        if "lists" in arguments.groups:
            lists.measure(folder, files[-1])


def _alone(arguments: argparse.Namespace) -> None:
    """Measure the groups that have a workload of their own."""
    if "names" in arguments.groups:
        from benchmarks import names  # noqa: PLC0415 (the others do without what it imports)

        names.measure(arguments.names, list(names.PARTS))
    if "stories" in arguments.groups:
        stories.measure()
    if "large" in arguments.groups:
        from benchmarks import large  # noqa: PLC0415 (needs the extra `postgresql`)

        with TemporaryDirectory() as name:
            large.measure(Path(name))
    if "bulk" in arguments.groups:
        from benchmarks import bulk  # noqa: PLC0415 (needs the extra `columns`)

        with TemporaryDirectory() as name:
            bulk.measure(arguments.folder or Path(name), arguments.sizes)
    if "spark" in arguments.groups:
        from benchmarks import spark  # noqa: PLC0415 (needs the extra `spark`)

        with TemporaryDirectory() as name:
            for size in arguments.sizes:
                spark.measure(arguments.folder or Path(name), size)
    if "growth" in arguments.groups:
        from benchmarks import growth  # noqa: PLC0415 (needs the extra `columns`)

        growth.measure()


def _sizes(text: str) -> list[int]:
    """Return sizes such as 1e6,1e7,1e8."""
    return [int(float(one)) for one in text.split(",")]


if __name__ == "__main__":
    main()
