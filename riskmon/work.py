"""What a job does on its tick: fetch sources, recalculate. A failure loses nothing beside it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

from riskmon.errors import FencedError, RiskmonError
from riskmon.fetching import Terms
from riskmon.logs import masking
from riskmon.monitor import Monitor
from riskmon.reports import Report
from riskmon.settings import Config
from riskmon.ticks import Claim

ALL = "all"

log = logging.getLogger("riskmon")


def work(monitor: Monitor, config: Config, claim: Claim, stopped: threading.Event) -> bool:
    """Run a job to its end, or to where `stopped` is set; return whether all of it was done.

    What failed is kept with the run; only FencedError is raised.
    """
    job = config.jobs[claim.job]
    read: dict[str, Any] = {}
    failed: dict[str, str] = {}
    begun = time.monotonic()
    fields: dict[str, Any] = {"job": claim.job, "run": claim.fence.number}
    log.info(
        "%s: the tick of %s begins",
        claim.job,
        f"{claim.tick:%Y-%m-%d %H:%M:%S}Z",
        extra={"fields": fields},
    )
    with monitor.claimed(claim.fence, read, failed):
        try:
            for source in _sources(monitor, job.fetch):
                if stopped.is_set():
                    return False
                _fetch(monitor, config, source, read, failed)
            if job.recalculate:
                run = monitor.recalculate()
                failed.update(run.failed)
                moved, told = len(run.moved), run.alerts
                fields |= {"seconds": round(time.monotonic() - begun, 3), "position": run.position}
                log.info(
                    "%s: %d companies moved, %d alerts",
                    claim.job,
                    moved,
                    told,
                    extra={"fields": fields},
                )
            else:
                monitor.end_run("done", time.monotonic() - begun)
        except FencedError:
            raise
        except RiskmonError as error:
            failed[claim.job] = masking(config)(str(error))
            log.error("%s: %s", claim.job, error, extra={"fields": fields})  # noqa: TRY400 (it says what to do)
            monitor.end_run("failed", time.monotonic() - begun)
        except Exception as error:  # else this tick would be tried again each second
            failed[claim.job] = f"a mistake in riskmon ({type(error).__name__}): see its log"
            log.exception("%s: a mistake in riskmon", claim.job, extra={"fields": fields})
            monitor.end_run("failed", time.monotonic() - begun)
    return not failed


def _sources(monitor: Monitor, wanted: tuple[str, ...]) -> Iterator[str]:
    if ALL in wanted:
        yield from (one.name for one in monitor.sources() if one.urls)
    else:
        yield from wanted


def _fetch(
    monitor: Monitor, config: Config, source: str, read: dict[str, Any], failed: dict[str, str]
) -> None:
    """Fetch a source; note what became of its rows, or why it failed."""
    fetch = config.fetch
    fields: dict[str, Any] = {"source": source}
    url = fetch.urls.get(source)
    try:
        report = monitor.fetch(
            source,
            url=url.get_secret_value() if url else None,
            hosts=fetch.hosts,
            terms=Terms(contact=fetch.contact, insecure=fetch.insecure),
        )
    except FencedError:
        raise
    except RiskmonError as error:
        failed[source] = masking(config)(str(error))
        log.error("%s: %s", source, error, extra={"fields": fields})  # noqa: TRY400 (it says what to do)
        return
    read[source] = _counts(report)
    log.info("%s: %s", source, report, extra={"fields": fields | read[source]})
    if report.held:
        log.warning("%s: a copy is held: riskmon hold review", source, extra={"fields": fields})


def _counts(report: Report) -> dict[str, int]:
    """Return what became of the rows of a source; those that are none left out."""
    counts = {name: getattr(report, name) for name in ("appended", "revised", "withdrawn")}
    counts |= {"duplicates": report.duplicates, "rejected": len(report.rejected)}
    counts |= {"drafts": report.drafts, "held": int(report.held is not None)}
    return {name: count for name, count in counts.items() if count}
