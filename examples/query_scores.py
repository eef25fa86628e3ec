"""Query scores from Python: `python query_scores.py [DATABASE_URL]`.

On the database that `ingest_events.py` made.
"""

import sys

import riskmon


def main(url: str | None) -> None:
    """Who is at risk, why, since when, and what was known a day earlier."""
    with riskmon.open(url) as monitor:
        scores = monitor.scores(as_of="2024-01-12")
        if not scores:
            sys.exit("no company is declared: run ingest_events.py first")
        for score in scores:
            print(f"{score.name}: {score.value:.2f} ({score.level})")
            for line in score.lines:
                print(f"  {line.points:5.2f} points: {line.rule}, {line.matter}")
                for event in line.events:
                    print(f"        {event.occurred_at:%Y-%m-%d} {event.source}: {event.title}")

        before = monitor.score("百度", as_of="2024-01-11")
        print(f"The day before: {before.value:.2f} ({before.level})")

        print("Week by week:")
        for point in monitor.history("Baidu", start="2023-11-10", end="2024-02-02", step="2w"):
            print(f"  {point.as_of:%Y-%m-%d} {point.value:5.2f}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
