"""Ingest events from a script: `python ingest_events.py [DATABASE_URL]`.

Copy this and put your own events where the two below stand. Running it twice changes nothing:
a repeat vanishes, a change under the same source and ref is a revision.
"""

import sys

import riskmon

COMPANIES = [
    {
        "id": "baidu",
        "name": "Baidu, Inc.",
        "aliases": ["Baidu", "百度"],
        "jurisdiction": "cn",
        "exposures": [
            {"subject": "sector:ai", "weight": 1.0},
            {"subject": "technology:ai-chips", "weight": 0.45},
        ],
    },
]

EVENTS = [
    {
        "source": "us-bis",
        "ref": "88-FR-73458",
        "type": "measure.in-force",
        "occurred_at": "2023-11-17",
        "title": "Advanced computing and supercomputing export controls in force",
        "topics": ["export-controls"],
        "scope": ["country:cn", "sector:ai", "technology:ai-chips"],
    },
    {
        "source": "scmp",
        "ref": "2024-01-12-ernie",
        "type": "claim.alleged",
        "matter": "ernie-military-collaboration",
        "occurred_at": "2024-01-12",
        "title": "Chinese military researchers said to be linked with Baidu's Ernie",
        "topics": ["military-research"],
        "parties": [{"name": "Baidu"}],
    },
]


def main(url: str | None) -> None:
    """Declare the companies, ingest the events, say what became of each."""
    with riskmon.open(url) as monitor:
        monitor.declare(COMPANIES)
        report = monitor.ingest(EVENTS)
        print(report)
        for refused in report.rejected:
            print(f"refused: {refused}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
