"""Recalculate on a schedule, in this process: `python nightly.py [DATABASE_URL] [--now]`.

With rules of your own, give `riskmon.open` their folder: what it opens with is what it publishes.

Every night at 02:30 UTC the rules are published if they changed, each score is kept, and what
moved is printed. `--now` runs once, at once, and ends: for trying it, and for cron.
"""

import sys
from contextlib import suppress

from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.cron import CronTrigger

import riskmon


def recalculate(monitor: riskmon.Monitor) -> None:
    """Recalculate, and print what moved."""
    run = monitor.recalculate()
    print(f"{run.as_of:%Y-%m-%d %H:%M}Z: {len(run.moved)} of {run.companies} companies moved")
    for move in run.moved:
        print(f"  {move.company}: {move.before:.2f} -> {move.after:.2f}")


def main(url: str | None, *, now: bool) -> None:
    """Run once, or every night until the process is stopped."""
    with riskmon.open(url) as monitor:
        if now:
            recalculate(monitor)
            return
        # In UTC no hour is skipped or comes twice. A night that was missed (the machine slept)
        # is made up for once, however many there were.
        scheduler = BlockingScheduler(
            timezone="UTC",
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        trigger = CronTrigger(hour=2, minute=30, timezone="UTC")
        scheduler.add_job(recalculate, trigger, args=[monitor], id="nightly")
        with suppress(KeyboardInterrupt):
            print("waiting for 02:30 UTC; stop with Ctrl-C", flush=True)
            scheduler.start()


if __name__ == "__main__":
    urls = [argument for argument in sys.argv[1:] if argument != "--now"]
    main(urls[0] if urls else None, now="--now" in sys.argv)
