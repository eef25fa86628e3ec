"""What may stand in the configuration; `config.load` reads it.

No error and no `repr` holds the value of a secret.
"""

from __future__ import annotations

import re
import zoneinfo
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    model_validator,
)

from riskmon.checked import Address, Checked, Header, Key, Number, Whole, is_loopback, told
from riskmon.forms import Id, duration
from riskmon.timetable import UTC_ZONE, Cron, Every, Timetable
from riskmon.validation import did_you_mean, shown


def _name(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{1,40}", value):
        raise ValueError("expected a name of at most 40 of a to z, 0 to 9 and hyphens")
    return value


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    return duration(value if isinstance(value, str) else "")


def _within(least: str, most: str) -> AfterValidator:
    def within(value: timedelta) -> timedelta:
        if not duration(least) <= value <= duration(most):
            raise ValueError(f"expected a duration from {least} to {most}")
        return value

    return AfterValidator(within)


def _interval(value: timedelta) -> timedelta:
    return Every(value).interval


def _cron(value: str) -> str:
    return Cron(value, UTC_ZONE).line


def _zone(value: object) -> zoneinfo.ZoneInfo:
    if isinstance(value, zoneinfo.ZoneInfo):
        return value
    name = value if isinstance(value, str) else ""
    try:
        return zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        zones = zoneinfo.available_timezones()
        city = name.casefold().replace(" ", "_")
        cities = [one for one in sorted(zones) if one.casefold().endswith(f"/{city}")]
        hint = f"; did you mean {cities[0]!r}?" if cities else did_you_mean(name, zones)
        raise told(
            f"expected a time zone such as Europe/Berlin, got {shown(value)}{hint}"
        ) from None


def _day(value: object) -> date:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        return date.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError("expected a day such as 2026-12-31")


def _host(value: str) -> str:
    if not is_loopback(value):
        raise told(
            f"expected this machine, as 127.0.0.1, ::1 or localhost, got {shown(value)}: nothing "
            "is served to others; put a proxy that asks who calls in front of it"
        )
    return value


def _webhook(value: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(value.get_secret_value())
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    if not host or parts.scheme not in {"https", "http"}:
        raise told("expected the URL of a webhook such as https://hooks.example.com/riskmon")
    if parts.scheme == "http" and not is_loopback(host):
        raise told("expected https; http goes to this machine only")
    return value


def _address(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not re.match(r"https?://[^/\s]", text) or re.search(r"\s", text):
        raise told("expected a URL such as https://lists.example.com/list.csv")
    return value


class Quiet(NamedTuple):
    """Hours of a day in which nothing is sent; they may go past midnight."""

    start: time
    end: time

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


def _quiet(value: object) -> Quiet:
    if isinstance(value, Quiet):
        return value
    hours = re.fullmatch(
        r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", str(value), re.ASCII
    )
    if not hours:
        raise ValueError("expected hours such as 22:00-06:00")
    start, start_minute, end, end_minute = map(int, hours.groups())
    if (start, start_minute) == (end, end_minute):
        raise ValueError("expected an end that is not the start")
    return Quiet(time(start, start_minute), time(end, end_minute))


Name = Annotated[str, AfterValidator(_name)]
Zone = Annotated[zoneinfo.ZoneInfo, BeforeValidator(_zone)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]


class Job(Checked):
    """What is done by a timetable: fetch some sources, then recalculate."""

    every: Annotated[Duration, AfterValidator(_interval)] | None = None
    cron: Annotated[str, AfterValidator(_cron)] | None = None
    timezone: Zone | None = None
    """Of the line of cron; default the configuration's."""
    fetch: tuple[str, ...] = ()
    """Names of sources; `all` is each that has an address."""
    recalculate: bool = True

    @model_validator(mode="after")
    def _whole(self) -> Self:
        self._one_of("every", "cron")
        if self.every is not None and self.timezone is not None:
            raise told("expected a timezone beside cron only: `every` counts from 1970 in UTC")
        if not self.fetch and not self.recalculate:
            raise told("expected something to do: sources to fetch, or recalculate = true")
        return self


class Fetch(Checked):
    """How sources are fetched."""

    contact: str = ""
    """Who asks, told to publishers."""
    hosts: tuple[str, ...] = ()
    """That may be reached beside those of the sources."""
    insecure: bool = False
    """Allow http, any port, and this very machine."""
    urls: dict[str, Annotated[SecretStr, AfterValidator(_address)]] = Field(default_factory=dict)
    """Other addresses, by source."""


class AlertRule(Checked):
    """What is worth telling: a level crossed, a jump within days, or a new listing."""

    level: Literal["moderate", "high", "severe"] | None = None
    margin: Annotated[Number, Field(ge=0, le=25)] | None = None
    """Points below the bound of the level before it is left; default 2."""
    jump: Annotated[Number, Field(gt=0, le=100)] | None = None
    """Points, up or down."""
    days: Annotated[Whole, Field(ge=1, le=31)] | None = None
    listing: Literal[True] | None = None
    to: tuple[str, ...] | None = None
    """Channels; default those of all alerts."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        self._one_of("level", "jump", "listing")
        if (self.jump is None) != (self.days is None):
            raise told("expected jump and days together: so many points within so many days")
        if self.margin is not None and self.level is None:
            raise told("expected a margin beside a level only")
        return self


class Alerts(Checked):
    """What is told, to whom, and when not."""

    to: tuple[str, ...] | None = None
    """Channels; default all."""
    quiet: Annotated[Quiet, BeforeValidator(_quiet)] | None = None
    """In the configuration's zone; messages wait until it ends."""
    silence: dict[Id, Annotated[date, BeforeValidator(_day)]] = Field(default_factory=dict)
    """By company, the day before which nothing is told."""
    rules: tuple[AlertRule, ...] = ()

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        said = [(one.level, one.jump, one.days) for one in self.rules]
        if len(set(said)) < len(said):
            raise told("expected each rule once: `to` may name several channels")
        return self


class Channel(Checked):
    """Where messages go: a webhook, or what Apprise reaches."""

    url: Annotated[SecretStr, AfterValidator(_webhook)] | None = None
    secret: Key | None = None
    """Signs what a webhook is sent (Standard Webhooks)."""
    apprise: SecretStr | None = None
    timeout: Annotated[Duration, _within("1s", "5m")] = timedelta(seconds=10)
    retry: Annotated[Duration, _within("1s", "1h")] = timedelta(seconds=30)
    """The first pause; it doubles."""
    attempts: Annotated[Whole, Field(ge=1, le=100)] = 12

    @model_validator(mode="after")
    def _whole(self) -> Self:
        self._one_of("url", "apprise")
        if self.secret is not None and self.url is None:
            raise told("expected a secret beside the url of a webhook only")
        return self


class Health(Checked):
    """Where /healthz, /readyz and /metrics are served."""

    host: Annotated[str, AfterValidator(_host)] = "127.0.0.1"
    port: Annotated[Whole, Field(ge=1, le=65535)] | None = None
    """Absent: not served."""


class Web(Checked):
    """Where the page and the API are served, and to whom."""

    host: str = "127.0.0.1"
    port: Annotated[Whole, Field(ge=1, le=65535)] = 8000
    token: Key | None = None
    """That everybody needs who asks."""
    user_header: Header | None = None
    """In which a proxy in front says who asks."""
    proxies: tuple[Address, ...] = ("127.0.0.1", "::1")
    """Addresses of the proxies that are believed."""
    names: tuple[str, ...] = ()
    """Names of this host by which it may be asked, beside localhost."""

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if told_of := self.refused(self.host):
            raise told(told_of)
        return self

    def refused(self, host: str) -> str | None:
        """Return why nothing is served at a host; None where it may be."""
        if is_loopback(host) or self.token or self.user_header:
            return None
        return (
            f"expected this machine, as 127.0.0.1, ::1 or localhost, got {shown(host)}: others are "
            "served only with a token (RISKMON_WEB__TOKEN), or by a proxy that says who asks "
            "([web] user_header)"
        )


class Log(Checked):
    """What is logged on standard error."""

    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"


def _nightly() -> dict[str, Any]:
    return {"nightly": Job(cron="30 2 * * *")}


Engine = Literal["memory", "stream", "spark"]


class Config(Checked):
    """The whole configuration; all of it has defaults."""

    database_url: SecretStr | None = None
    """Default: a SQLite file in the user's data folder."""
    rules: Path | None = None
    """Default: the rules that ship with riskmon."""
    engine: Engine = "memory"
    """What scores are made by: the memory, a columnar copy on this machine, or Spark."""
    master: str = "local[*]"
    """Of Spark: the URL of a cluster."""
    copy_folder: Path | None = None
    """Of the columnar copy; default beside the database. Each worker of Spark has to see it."""
    archive: Path | None = None
    """Where `riskmon archive` put ranges that are no longer in the database."""
    timezone: Zone = UTC_ZONE
    """Of lines of cron and of quiet hours."""
    lease: Annotated[Duration, _within("2s", "1d")] = timedelta(seconds=30)
    """A process that gave no sign for so long has lost its tick."""
    jobs: dict[Name, Job] = Field(default_factory=_nightly)
    fetch: Fetch = Fetch()
    alerts: Alerts = Alerts()
    channels: dict[Name, Channel] = Field(default_factory=dict)
    health: Health = Health()
    web: Web = Web()
    log: Log = Log()

    def timetable(self, job: str) -> Timetable:
        """Return when a job is due."""
        found = self.jobs[job]
        if found.every is not None:
            return Every(found.every)
        return Cron(found.cron or "", found.timezone or self.timezone)
