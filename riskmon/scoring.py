"""The moments of a history."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from riskmon.errors import UsageError

MOST_STEPS = 100_000


def steps(start: datetime, end: datetime, step: str) -> list[datetime]:
    """Return `start` and every `step` (`1d`, `12h`, `1w`) after it, and `end` last.

    Raises UsageError for another step, for an end before the start, for over 100,000 steps.
    """
    match = re.fullmatch(r"([1-9]\d{0,4})([hdw])", step)
    if not match:
        raise UsageError(f"expected a step such as 1d, 12h or 1w, got {step!r}")
    if end < start:
        raise UsageError(f"expected a start before the end, got {start:%Y-%m-%d} to {end:%Y-%m-%d}")
    width = timedelta(hours=int(match[1]) * {"h": 1, "d": 24, "w": 168}[match[2]])
    count = -(-(end - start) // width)  # rounded up: the end is a step of its own
    if count > MOST_STEPS:
        raise UsageError(f"expected at most {MOST_STEPS:,} steps, got {count:,}: take longer ones")
    return [*(start + width * index for index in range(count)), end]
