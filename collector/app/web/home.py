"""The first page: where every meter stands, who collects, and what is wrong.

Public: ``home``, ``failed_page``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime

from collector.app.status import StatusRow, age_words, explanations
from collector.app.web.health import Health
from reports.document import Column, Document, Fact, Kind, Section, Table, Tone
from reports.rendering import Row

_METERS = (
    Column("account", "Account"),
    Column("meter", "Meter"),
    Column("health", "Health"),
    Column("value", "Value", Kind.QUANTITY),
    Column("unit", "Unit"),
    Column("age", "Seen"),
    Column("today", "Today", Kind.QUANTITY),
    Column("per_day", "Per day", Kind.NUMBER),
    Column("share", "Quota used", Kind.SHARE),
    Column("outlook", "Outlook"),
)
_COLLECTORS = (
    Column("host", "Machine"),
    Column("pid", "Process", Kind.COUNT),
    Column("version", "Version"),
    Column("started_at", "Started", Kind.INSTANT),
    Column("seen", "Last heard of"),
    Column("troubles", "Troubles"),
)
_FOOTER = (
    "Per day is the mean of the last seven days, today what was used since the local midnight of the account.",
    "Every figure here is also at /api/status and /metrics, the troubles at /healthz.",
)


def home(rows: Sequence[StatusRow], health: Health, now: datetime) -> Document:
    """Return the first page as a document."""
    table = Table("meters", "Where every meter stands", _METERS, [_meter(one) for one in rows])
    told = [f"{name}: {words}." for name, words in sorted(health.troubles.items())]
    return Document(
        name="status",
        title="Usage now",
        subtitle=f"{_count(len({one.account for one in rows}), 'account')}, {_count(len(rows), 'meter')}",
        made_at=now,
        records=table,
        facts=tuple(_facts(rows, health, now)),
        sections=(
            *((Section("troubles", "What is wrong", paragraphs=tuple(told)),) if told else ()),
            Section("meters_now", "Meters", paragraphs=tuple(explanations(rows)), blocks=(table,)),
            Section("collectors_now", "Collectors", paragraphs=_on_collectors(health), blocks=_collectors(health, now)),
        ),
        footer=_FOOTER,
        empty="" if rows else "No account is configured or recorded yet.",
    )


def failed_page(title: str, words: str, now: datetime) -> Document:
    """Return the page that says why there is none."""
    nothing = Table("nothing", "Nothing", (Column("reason", "Reason"),), ())
    return Document("failed", title, "The usage history", now, nothing, empty=words)


def _facts(rows: Sequence[StatusRow], health: Health, now: datetime) -> Iterator[Fact]:
    good = sum(one.health == "ok" for one in rows)
    tone = Tone.GOOD if good == len(rows) else Tone.WARNING if good else Tone.BAD
    if rows:
        yield Fact("Meters up to date", f"{good:,} of {len(rows):,}", "", tone)
    ages = [one.age_seconds for one in rows if one.age_seconds is not None]
    if ages:
        yield Fact("Newest value", f"{age_words(min(ages))} ago", f"the oldest is {age_words(max(ages))} old")
    running = sum(not one.is_silent(now) for one in health.collectors)
    tone = Tone.BAD if "no_collector" in health.troubles else Tone.GOOD if running else Tone.PLAIN
    yield Fact("Collectors running", f"{running:,}", "" if running else "none that says so", tone)
    tone = Tone.BAD if health.failing else Tone.WARNING if health.troubles else Tone.GOOD
    yield Fact("Troubles", f"{len(health.troubles):,}", ", ".join(sorted(health.troubles)) or "nothing is wrong", tone)


def _meter(one: StatusRow) -> Row:
    every = asdict(one)
    share = None
    if one.quota and one.used is not None:
        share = float(one.used) / float(one.quota)  # type: ignore[arg-type]  # both are numbers
    return {
        **{key: every[key] for key in ("account", "value", "unit", "today", "per_day")},
        "meter": one.meter or "–",
        "age": "never" if one.age_seconds is None else f"{age_words(one.age_seconds)} ago",
        "share": share,
        "outlook": "–" if one.meter is None else one.in_short,
        "health": ", ".join((one.health, *one.flags)),
    }


def _on_collectors(health: Health) -> tuple[str, ...]:
    if health.collectors:
        return ()
    return ("None runs as a daemon. A poll that cron starts leaves no trace here but its values.",)


def _collectors(health: Health, now: datetime) -> tuple[Table, ...]:
    rows: list[Row] = [
        {
            "host": one.host,
            "pid": one.pid,
            "version": one.version,
            "started_at": one.started_at,
            "seen": f"{age_words(max(0, int((now - one.seen_at).total_seconds())))} ago",
            "troubles": ", ".join((*(("silent",) if one.is_silent(now) else ()), *one.troubles)) or "none",
        }
        for one in health.collectors
    ]
    return (Table("collectors", "Daemons of this history", _COLLECTORS, rows),) if rows else ()


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
