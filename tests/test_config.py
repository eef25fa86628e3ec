"""The configuration: RISKMON_* over a file over defaults, every problem at once, no secret told."""

from __future__ import annotations

import json
import logging
import re
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import riskmon
from riskmon import toml
from riskmon.config import Config, load, read
from riskmon.errors import Problem, UsageError
from riskmon.forms import duration, duration_text
from riskmon.settings import AlertRule, Alerts, Channel, Fetch, Health, Job, Log, Quiet
from riskmon.timetable import Cron, Every
from tests.builders import ROOT

CANARY = "canary-0f3a9c-canary"
WHOLE = """
database_url = "sqlite:////var/lib/risk.db"
rules = "/etc/rules"
timezone = "Europe/Berlin"
lease = "1m"
[jobs.lists]
every = "6h"
fetch = ["un-sanctions", "csl"]
[jobs.nightly]
cron = "30 2 * * *"
timezone = "Asia/Shanghai"
[fetch]
contact = "risk@example.com"
hosts = ["mirror.example.com"]
insecure = true
[fetch.urls]
csl = "https://mirror.example.com/csl.json"
[alerts]
to = ["desk"]
quiet = "22:00-06:30"
[alerts.silence]
baidu = "2026-12-31"
"C-17" = 2027-01-31
[[alerts.rules]]
level = "high"
margin = 2
to = ["mail"]
[[alerts.rules]]
jump = 10
days = 7
[[alerts.rules]]
listing = true
[channels.desk]
url = "https://hooks.example.com/riskmon"
secret = "a secret of some length"
timeout = "5s"
[channels.mail]
apprise = "mailtos://user:pass@example.com"
retry = "1m"
attempts = 3
[health]
host = "::1"
port = 9464
[log]
format = "json"
level = "debug"
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write text to riskmon.toml in the working folder."""
    monkeypatch.chdir(tmp_path)
    return lambda text: (tmp_path / "riskmon.toml").write_text(text, "utf-8") and None


def problems(**environ: str) -> list[str]:
    """Return what is wrong with a configuration, line by line, without the heading."""
    with pytest.raises(UsageError) as caught:
        load(environ=environ)
    heading, *lines = str(caught.value).split("\n  ")
    assert f"{len(lines)} problem{'s' * (len(lines) > 1)} in the configuration:" == heading
    return lines


def test_without_a_file_there_are_defaults(file: Any) -> None:
    """One job, which recalculates by night; nothing is told and nothing served."""
    assert Config(jobs={"nightly": Job(cron="30 2 * * *")}) == load(environ={})
    file("")
    assert Config() == load(environ={})
    assert Cron("30 2 * * *", ZoneInfo("UTC")) == Config().timetable("nightly")


def test_a_file_is_read_whole(file: Any) -> None:
    """Each value of it, as the code has it."""
    file(WHOLE)
    expected = Config(
        database_url="sqlite:////var/lib/risk.db",
        rules=Path("/etc/rules"),
        timezone=ZoneInfo("Europe/Berlin"),
        lease=timedelta(minutes=1),
        jobs={
            "lists": Job(every=timedelta(hours=6), fetch=("un-sanctions", "csl")),
            "nightly": Job(cron="30 2 * * *", timezone=ZoneInfo("Asia/Shanghai")),
        },
        fetch=Fetch(
            contact="risk@example.com",
            hosts=("mirror.example.com",),
            insecure=True,
            urls={"csl": "https://mirror.example.com/csl.json"},
        ),
        alerts=Alerts(
            to=("desk",),
            quiet=Quiet(time(22), time(6, 30)),
            silence={"baidu": date(2026, 12, 31), "C-17": date(2027, 1, 31)},
            rules=(
                AlertRule(level="high", margin=2.0, to=("mail",)),
                AlertRule(jump=10, days=7),
                AlertRule(listing=True),
            ),
        ),
        channels={
            "desk": Channel(
                url="https://hooks.example.com/riskmon",
                secret="a secret of some length",
                timeout=timedelta(seconds=5),
            ),
            "mail": Channel(
                apprise="mailtos://user:pass@example.com", retry=timedelta(minutes=1), attempts=3
            ),
        },
        health=Health(host="::1", port=9464),
        log=Log(format="json", level="debug"),
    )
    assert expected == load(environ={})
    assert Every(timedelta(hours=6)) == expected.timetable("lists")
    assert Cron("30 2 * * *", ZoneInfo("Asia/Shanghai")) == expected.timetable("nightly")


def test_a_sample_to_copy_is_read() -> None:
    """As it stands, and with each of its lines that show a default or more."""
    text = (ROOT / "examples" / "riskmon.toml").read_text("utf-8")
    found = load(str(ROOT / "examples" / "riskmon.toml"), {})
    assert ["lists", "nightly"] == list(found.jobs)
    assert 3 == len(found.alerts.rules)
    uncommented = re.sub(r"^# (?=\[|\w+ = )", "", text, flags=re.MULTILINE)
    assert isinstance(toml.read(uncommented), tuple)
    assert {"desk", "mail"} <= set(toml.read(uncommented)[0]["channels"])  # type: ignore[index]


def test_variables_come_before_the_file(file: Any) -> None:
    """At whatever depth; lists and maps as JSON; hyphens of names as underscores."""
    file(WHOLE)
    found = load(
        environ={
            "RISKMON_DATABASE_URL": "sqlite:///other.db",
            "RISKMON_RULES": "mine",
            "RISKMON_TIMEZONE": "UTC",
            "RISKMON_HEALTH__PORT": "8080",
            "RISKMON_CHANNELS__DESK__SECRET": "another secret of some length",
            "RISKMON_FETCH__URLS__UN_SANCTIONS": "https://mirror.example.com/un.xml",
            "RISKMON_ALERTS__TO": '["mail"]',
            "RISKMON_ALERTS__SILENCE": '{"acme_1": "2027-02-01"}',
            "RISKMON_JOBS__WEEK_END__CRON": "0 9 * * 6",
            "RISKMON_FETCH__INSECURE": "false",
            "RISKMON_LEASE": "",
            "RISKMON_TEST_POSTGRES_URL": "postgresql://x",
        }
    )
    assert found.database_url
    assert "sqlite:///other.db" == found.database_url.get_secret_value()
    assert Path("mine") == found.rules
    assert ZoneInfo("UTC") == found.timezone
    assert Health(host="::1", port=8080) == found.health
    assert found.channels["desk"].secret
    assert "another secret of some length" == found.channels["desk"].secret.get_secret_value()
    assert ["csl", "un-sanctions"] == sorted(found.fetch.urls)
    assert not found.fetch.insecure
    assert ("mail",) == found.alerts.to
    assert {"baidu", "C-17", "acme_1"} == set(found.alerts.silence)
    assert ["lists", "nightly", "week-end"] == list(found.jobs)
    assert timedelta(minutes=1) == found.lease


def test_a_variable_that_is_not_known_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """It may be another program's; its value is not told."""
    with caplog.at_level(logging.WARNING, "riskmon"):
        found = load(
            environ={
                "RISKMON_DATBASE_URL": CANARY,
                "RISKMON_HEALTH__PROT": CANARY,
                "RISKMON_CHANNELS__DESK__SECRTE": CANARY,
                "RISKMON_ZZZ": CANARY,
                "RISKMON_TEST_ANYTHING": CANARY,
            }
        )
    assert Config() == found
    assert [
        "RISKMON_CHANNELS__DESK__SECRTE is not a variable of riskmon; "
        "did you mean 'RISKMON_CHANNELS__DESK__SECRET'?",
        "RISKMON_DATBASE_URL is not a variable of riskmon; did you mean 'RISKMON_DATABASE_URL'?",
        "RISKMON_HEALTH__PROT is not a variable of riskmon; did you mean 'RISKMON_HEALTH__PORT'?",
        "RISKMON_ZZZ is not a variable of riskmon; `riskmon config show` says what there is",
    ] == caplog.messages


def test_the_file_is_named_or_in_the_working_folder(file: Any, tmp_path: Path) -> None:
    """`--config`, else RISKMON_CONFIG, else ./riskmon.toml; its paths begin where it is."""
    file('timezone = "Europe/Berlin"')
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "one.toml").write_text('rules = "rules"\ndatabase_url = "sqlite:///data/risk.db"')
    (folder / "two.toml").write_text('database_url = "sqlite:////var/risk.db"')
    assert ZoneInfo("Europe/Berlin") == load(environ={}).timezone
    one = load("etc/one.toml", {"RISKMON_CONFIG": "etc/two.toml"})
    assert Path("etc/rules") == one.rules
    assert "sqlite:///etc/data/risk.db" == one.database_url.get_secret_value()  # type: ignore[union-attr]
    two = load(environ={"RISKMON_CONFIG": "etc/two.toml"})
    assert "sqlite:////var/risk.db" == two.database_url.get_secret_value()  # type: ignore[union-attr]


WRONG = f"""database_url = 7
databse_url = "{CANARY}"
timezone = "berlin"
lease = "1s"
[jobs.lists]
every = "6 hours"
fetch = ["un-sanction", "csl"]
[jobs.Nightly]
cron = "30 2 30 2 *"
[jobs.both]
cron = "30 2 * * *"
every = "1h"
[jobs.none]
[jobs.idle]
every = "1h"
recalculate = false
[jobs.zoned]
every = "1h"
timezone = "Europe/Berlim"
[fetch.urls]
csl = "ftp://example.com/{CANARY}"
[alerts]
to = ["dsk"]
quiet = "22:00-22:00"
[alerts.silence]
baidu = "soon"
[[alerts.rules]]
level = "hihg"
[[alerts.rules]]
jump = 10
[[alerts.rules]]
listing = true
jump = 10
days = 7
to = [
  "desk",
  "nobody",
]
[[alerts.rules]]
listing = true
margin = 2
[[alerts.rules]]
jump = 10
days = 32
[channels.desk]
url = "http://example.com/{CANARY}"
secret = "whsec_{CANARY}"
sceret = "{CANARY}"
attempts = true
[channels.mail]
apprise = ["{CANARY}"]
[channels.two]
url = "https://example.com/{CANARY}"
apprise = "json://example.com/{CANARY}"
secret = "canary"
[channels.other]
apprise = "json://example.com/{CANARY}"
secret = "{CANARY}"
[health]
host = "0.0.0.0"
port = 70000
[log]
level = "warn"
format = "xml"
"""
WRONG_LINES = [
    '1: database_url: expected text, got "********"',
    "2: databse_url: is not a known field; did you mean 'database_url'?",
    '3: timezone: expected a time zone such as Europe/Berlin, got "berlin"; '
    "did you mean 'Europe/Berlin'?",
    '4: lease: expected a duration from 2s to 1d, got "1s"',
    '6: jobs.lists.every: expected a duration such as 30s, 5m, 6h, 1d or 1w, got "6 hours"',
    "7: jobs.lists.fetch[0]: there is no source \"un-sanction\"; did you mean 'un-sanctions'?",
    '8: jobs: expected a name of at most 40 of a to z, 0 to 9 and hyphens, got "Nightly"',
    '9: jobs.Nightly.cron: the day of month is none, or never comes, got "30 2 30 2 *"',
    "10: jobs.both: expected exactly one of every or cron, got every and cron",
    "13: jobs.none: expected exactly one of every or cron, got none",
    "14: jobs.idle: expected something to do: sources to fetch, or recalculate = true",
    '19: jobs.zoned.timezone: expected a time zone such as Europe/Berlin, got "Europe/Berlim"; '
    "did you mean 'Europe/Berlin'?",
    "21: fetch.urls.csl: expected a URL such as https://lists.example.com/list.csv",
    "23: alerts.to[0]: there is no channel \"dsk\"; did you mean 'desk'?",
    '24: alerts.quiet: expected an end that is not the start, got "22:00-22:00"',
    '26: alerts.silence.baidu: expected a day such as 2026-12-31, got "soon"',
    "28: alerts.rules[0].level: expected 'moderate', 'high' or 'severe', got \"hihg\"; "
    "did you mean 'high'?",
    "29: alerts.rules[1]: expected jump and days together: so many points within so many days",
    "31: alerts.rules[2]: expected exactly one of level, jump or listing, got jump and listing",
    '35: alerts.rules[2].to[1]: there is no channel "nobody": add [channels.nobody]',
    "39: alerts.rules[3]: expected a margin beside a level only",
    "44: alerts.rules[4].days: expected at most 31, got 32",
    "46: channels.desk.url: expected https; http goes to this machine only",
    "47: channels.desk.secret: expected whsec_ and the secret in base64",
    "48: channels.desk.sceret: is not a known field; did you mean 'secret'?",
    "49: channels.desk.attempts: expected a number, got true",
    '51: channels.mail.apprise: expected text, got "********"',
    "55: channels.two.secret: expected a secret of at least 16 bytes, got 6",
    "56: channels.other: expected a secret beside the url of a webhook only",
    '60: health.host: expected this machine, as 127.0.0.1, ::1 or localhost, got "0.0.0.0": '
    "nothing is served to others; put a proxy that asks who calls in front of it",
    "61: health.port: expected at most 65535, got 70000",
    "63: log.level: expected 'debug', 'info', 'warning' or 'error', got \"warn\"; "
    "did you mean 'warning'?",
    "64: log.format: expected 'text' or 'json', got \"xml\"",
]


def test_every_problem_is_told_at_once(file: Any) -> None:
    """Each with its line, what was expected and what is there, but for what may be a secret."""
    file(WRONG)
    assert [f"riskmon.toml:{line}" for line in WRONG_LINES] == problems()


def test_problems_of_variables_name_them_and_tell_no_secret(file: Any) -> None:
    """Beside those of the file; a value of a variable comes in the place of a wrong one."""
    file('lease = "x"\n[health]\nport = "x"')
    assert [
        'RISKMON_ALERTS__TO: alerts.to: expected a list such as ["desk"], got "desk"',
        "RISKMON_CHANNELS: channels: expected JSON, such as "
        '["one", "two"] or {"name": "value"}, got other text',
        "RISKMON_CHANNELS__DESK__URL: channels.desk.url: "
        "expected the URL of a webhook such as https://hooks.example.com/riskmon",
        "RISKMON_JOBS__NIGHTLY__TIMEZONE: jobs.nightly: "
        "expected exactly one of every or cron, got none",
        'riskmon.toml:1: lease: expected a duration such as 30s, 5m, 6h, 1d or 1w, got "x"',
    ] == problems(
        RISKMON_ALERTS__TO="desk",
        RISKMON_CHANNELS=CANARY,
        RISKMON_CHANNELS__DESK__URL=CANARY,
        RISKMON_HEALTH__PORT="9464",
        RISKMON_JOBS__NIGHTLY__TIMEZONE="UTC",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"a = \n", "riskmon.toml:1: is no TOML: Invalid value"),
        (b"lease = '30s'\nlease = '30s'", "riskmon.toml:2: is no TOML: Cannot overwrite a value"),
        (b"lease = '30s'\n[log\n", "riskmon.toml:2: is no TOML: Expected ']' at the end"),
        (b"a = 1\nb = '\xff'", "riskmon.toml:2: expected text in UTF-8"),
        (b"a = " + b"[" * 5000, "riskmon.toml: is no TOML that can be read: too many brackets"),
        (b"a = " + b"9" * 5000, "riskmon.toml: is no TOML: a value that cannot be read"),
    ],
    ids=["value", "twice", "heading", "utf-8", "brackets", "number"],
)
def test_what_is_no_toml_is_told_with_its_line(
    text: bytes, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And without a traceback."""
    monkeypatch.chdir(tmp_path)
    Path("riskmon.toml").write_bytes(text)
    (line,) = problems()
    assert line.startswith(expected)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """One that is not there, a folder, one that is too long."""
    (tmp_path / "long.toml").write_text("#" * (1 << 20) + "\n")
    for name, expected in {
        "none.toml": "expected a configuration, and there is no such file",
        "": "the configuration cannot be read: Is a directory",
        "long.toml": "expected a configuration of at most 1,048,576 bytes",
    }.items():
        path = str(tmp_path / name)
        with pytest.raises(UsageError, match=re.escape(f"{path}: {expected}")):
            load(path, {})
        with pytest.raises(UsageError, match=re.escape(f"{path}: {expected}")):
            load(environ={"RISKMON_CONFIG": path})


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just(CANARY),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=4,
)
SECRET = [
    "RISKMON_DATABASE_URL",
    "RISKMON_CHANNELS",
    "RISKMON_CHANNELS__DESK",
    "RISKMON_CHANNELS__DESK__URL",
    "RISKMON_CHANNELS__DESK__SECRET",
    "RISKMON_CHANNELS__DESK__APPRISE",
    "RISKMON_FETCH__URLS",
    "RISKMON_FETCH__URLS__CSL",
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(SECRET), values | st.just({"url": CANARY}), min_size=1))
def test_no_error_and_no_repr_holds_a_secret(file: Any, given_: dict[str, Any]) -> None:
    """Whatever stands where a secret may stand."""
    file("")
    environ = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in given_.items()
        if "\0" not in str(value)
    }
    try:
        told = repr(load(environ=environ))
    except UsageError as error:
        told = str(error) + repr(error.__cause__)
    assert CANARY not in told


TOML = """\
# [no.table]
"a b" . c = "[x] # no comment" # one
many = [
  "]", # ]
  { one = 1, two = [2] },
]
long = \"\"\"
[no.table]
key = 1 \\\"\"\"
\"\"\" # end

[ jobs . "x.y" ]
every = '''
"""


def test_lines_of_values_are_found() -> None:
    """Past comments, quotes, long text, long lists, dotted keys and repeated tables."""
    text = TOML + "'''\n[[rules]]\r\na = 1\n[[rules]]\nb.c = 2\n[rules.d]\ne = [\n]\n[[rules.f]]\n"
    found = toml.read(text)
    assert not isinstance(found, Problem)
    assert {
        ("a b",): 2,
        ("a b", "c"): 2,
        ("many",): 3,
        ("many", 0): 3,
        ("many", 1): 3,
        ("many", 1, "one"): 3,
        ("many", 1, "two"): 3,
        ("many", 1, "two", 0): 3,
        ("long",): 7,
        ("jobs",): 12,
        ("jobs", "x.y"): 12,
        ("jobs", "x.y", "every"): 13,
        ("rules",): 15,
        ("rules", 0): 15,
        ("rules", 0, "a"): 16,
        ("rules", 1): 17,
        ("rules", 1, "b"): 18,
        ("rules", 1, "b", "c"): 18,
        ("rules", 1, "d"): 19,
        ("rules", 1, "d", "e"): 20,
        ("rules", 1, "f"): 22,
        ("rules", 1, "f", 0): 22,
    } == found[1]


PIECES = [
    *(
        "a = 1",
        "b . c = 'x # ] y'",
        '"q\\"[" = """\n[no]\n\\"""\n"""',
        "d = [ # ]\n  1, [2,\n], {e = 1}]",
    ),
    *("f = x", 'g = """"x"""""', "[t]", "[ t . 'u.v' ] # [x]", "[[r]]", "[[ r . s ]]"),
    *("[r.o]", "", "  # h = [", "i = 2026-12-31T10:00:00Z", "[[r.s.z]]", "j = {}", "k = []\r"),
    *("[t.w]", 'l = {m.n = "}", "o]" = \'\'}', '[""]'),
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("\n".join))
def test_each_value_has_a_line(text: str) -> None:
    """Whatever TOML it is; and what is none is a problem."""
    found = toml.read(text)
    if not isinstance(found, Problem):
        data, lines = found
        assert set(toml.steps_of(data)) == set(lines)
        assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())


@given(st.integers(1, 99_999), st.sampled_from("smhdw"))
def test_durations_are_written_as_they_are_read(number: int, unit: str) -> None:
    """In the greatest unit that fits."""
    length = duration(f"{number}{unit}")
    assert length == duration(duration_text(length))
    assert ["30s", "5m", "1d", "1w"] == [
        duration_text(duration(text)) for text in ("30s", "300s", "24h", "7d")
    ]


# The command line, and the library


def shown(done: Any) -> dict[str, list[str]]:
    """Return what `config show` printed: by name, the value and where it comes from."""
    return {line[0]: line[1:] for line in (re.split("  +", one) for one in done.splitlines())}


def test_config_show_says_where_each_value_comes_from(run: Any) -> None:
    """A variable, a line of the file, or a default; secrets are masked."""
    (run.folder / "riskmon.toml").write_text(
        f'timezone = "Europe/Berlin"\n[channels.desk]\nurl = "https://example.com/{CANARY}"\n'
        f'[fetch.urls]\ncsl = "https://{CANARY}@example.com/csl.json?key={CANARY}"\n'
    )
    env = {
        "RISKMON_DATABASE_URL": f"postgresql+psycopg://me:{CANARY}@host/risk",
        "RISKMON_CHANNELS__DESK__SECRET": CANARY,
    }
    done = run("config", "show", env=env)
    assert (0, "") == (done.returncode, done.stderr)
    assert CANARY not in done.stdout
    found = shown(done.stdout)
    assert {
        "database_url": ["postgresql+psycopg://********@host/risk", "RISKMON_DATABASE_URL"],
        "rules": [str(ROOT / "rules"), "default"],
        "timezone": ["Europe/Berlin", "riskmon.toml:1"],
        "jobs.nightly.cron": ["30 2 * * *", "default"],
        "fetch.urls.csl": ["https://********@example.com/csl.json?********", "riskmon.toml:5"],
        "channels.desk.url": ["********", "riskmon.toml:3"],
        "channels.desk.secret": ["********", "RISKMON_CHANNELS__DESK__SECRET"],
        "channels.desk.timeout": ["10s", "default"],
        "health.port": ["-", "default"],
    }.items() <= found.items()
    document = run("config", "show", "--json", env=env)
    assert CANARY not in document.stdout
    rows = json.loads(document.stdout)
    assert list(found) == list(rows)
    assert {"value": None, "from": "default"} == rows["health.port"]
    assert {"value": 12, "from": "default"} == rows["channels.desk.attempts"]


def test_all_commands_take_the_configuration(run: Any) -> None:
    """Database and rules: an option over a variable over the file over the default."""
    (run.folder / "etc").mkdir()
    (run.folder / "etc" / "mine.toml").write_text('database_url = "sqlite:///mine.db"')
    none = {"RISKMON_DATABASE_URL": ""}
    assert 0 == run("status", "--config", "etc/mine.toml", env=none).returncode
    assert (run.folder / "etc" / "mine.db").exists()
    assert 0 == run("status", "--config", "etc/mine.toml").returncode
    assert (run.folder / "risk.db").exists()
    option = run("status", "--config", "etc/mine.toml", "--database", "sqlite:///option.db")
    assert 0 == option.returncode
    assert (run.folder / "option.db").exists()
    (run.folder / "riskmon.toml").write_text('rules = "none"\n')
    done = run("status")
    assert (2, "riskmon: expected a folder of rules, got 'none': there is none\n") == (
        done.returncode,
        done.stderr,
    )
    (run.folder / "riskmon.toml").write_text("rules = 7\nlog = 7\n")
    done = run("scores")
    assert 2 == done.returncode
    assert [
        "riskmon: 2 problems in the configuration:",
        "riskmon:   riskmon.toml:1: rules: expected a path, got 7",
        "riskmon:   riskmon.toml:2: log: expected a map of fields, got 7",
    ] == done.stderr.splitlines()


def test_the_library_takes_the_same_configuration(
    file: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`riskmon.open()` opens what the command line opens."""
    file('database_url = "sqlite:///from-file.db"')
    monkeypatch.delenv("RISKMON_DATABASE_URL", raising=False)
    riskmon.open().close()
    assert (tmp_path / "from-file.db").exists()
    monkeypatch.setenv("RISKMON_DATABASE_URL", "sqlite:///from-variable.db")
    riskmon.open().close()
    assert (tmp_path / "from-variable.db").exists()
    riskmon.open("sqlite:///given.db").close()
    assert (tmp_path / "given.db").exists()


def test_origins_are_of_what_was_given(file: Any) -> None:
    """What a default fills in has none, though it stands in a table of the file."""
    file("[health]\nport = 1\n[log]\n")
    origins = read(environ={"RISKMON_LOG": '{"level": "error"}'}).origins
    assert {
        ("health",): "riskmon.toml:1",
        ("health", "port"): "riskmon.toml:2",
        ("log",): "RISKMON_LOG",
        ("log", "level"): "RISKMON_LOG",
    } == {steps: str(origin) for steps, origin in origins.items()}
