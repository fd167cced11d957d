"""Where every meter stands: last value, age, today, burn rate, quota used, exhaustion, health."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from collector.app.list_states import ListState, list_states
from collector.config import Settings
from collector.domain.calendar import day_of
from collector.domain.instants import format_instant, instant_of
from collector.polling.one_poll import INTERRUPTED
from collector.store.engine import Database
from collector.store.entries import OK
from collector.store.polls import PollingState, polling_states
from collector.store.reading import MeterRow, meters
from reports.question import Question
from reports.rendering import Cell, Row

if TYPE_CHECKING:
    from rich.table import Table

_STALE_AFTER = 3


@dataclass(frozen=True, slots=True)
class StatusRow:
    """Where one meter stands, or an account that has no values yet (then its meter is None).

    Attributes:
        value: The counter's newest good value; quantities are in units (Decimal where the meter has decimal places).
        observed_at: When it was last observed; ``age_seconds`` is counted from then.
        today: Usage since local midnight, as far as observed.
        per_day: Usage per day over the last seven days; None under one hour of history.
        exhaustion: ``exhausted``, ``exhausts``, ``lasts`` or ``unknown``; ``outlook`` says it in words, ``in_short`` in
            a few.
        health: ``ok``, ``held`` (a fall waits for a decision), ``stale``, ``failing``, ``paused``, ``never polled`` or
            ``not configured`` (a history that nobody continues).
        flags: What the last poll found to deserve a review.
        error: What the last poll failed with.
        missed_requests: Requests of the account's last seven days that no list will ever show; None without a list.
        unexplained: Credits of the same days that no listed request explains, with their sign; None without a list.
        poll_every_seconds: The interval that is kept now; None for an account that is not configured.
        probability: That of running out before the billing period ends, 0..1; None where that is not told.
        warn_on: The local day to plan for: by then the quota is used up with 25 % probability.
    """

    account: str
    provider: str
    meter: str | None
    unit: str | None
    value: Cell
    observed_at: datetime | None
    age_seconds: int | None
    today: Cell
    per_day: Cell
    quota: Cell
    used: Cell
    remaining: Cell
    exhaustion: str
    exhausts_on: Cell
    outlook: str
    health: str
    flags: tuple[str, ...]
    error: str | None
    next_poll_at: datetime | None
    configured: bool
    missed_requests: int | None = None
    unexplained: int | None = None
    poll_every_seconds: int | None = None
    probability: Cell = None
    warn_on: Cell = None
    in_short: str = "unknown"


def status_rows(settings: Settings, database: Database, question: Question) -> list[StatusRow]:
    """Return where every meter of the asked accounts stands, by account and meter."""
    with database.read() as connection:
        states = {one.account: one for one in polling_states(connection, question.accounts)}
        rows = meters(connection, question.accounts, question.meters)
    figures = _figures(database, question)
    found = [_status(settings, question, states[row.account], row, figures[row.account, row.name]) for row in rows]
    seen = {row.account for row in rows}
    wanted = [one for one in settings.accounts if question.accounts is None or one.name in question.accounts]
    empty = [_empty(one.name, one.provider, states.get(one.name)) for one in wanted if one.name not in seen]
    lists = list_states(settings, database, question)
    rows_shown = [_with_list(one, lists) for one in (*found, *(empty if question.meters is None else ()))]
    return sorted(rows_shown, key=lambda one: (one.account, one.meter or ""))


def _with_list(row: StatusRow, lists: Mapping[str, ListState]) -> StatusRow:
    state = lists.get(row.account, ListState())
    return replace(
        row,
        missed_requests=state.missed_requests,
        unexplained=state.unexplained,
        poll_every_seconds=state.poll_every_seconds,
    )


def _figures(database: Database, question: Question) -> dict[tuple[str, str], Mapping[str, Cell]]:
    """Return today's usage, the week's burn rate and the exhaustion row of each meter, by account and meter."""
    from reports import burn_rate
    from reports import daily as daily_report
    from reports.catalogue import burn, daily, exhaustion_dates
    from reports.exhaustion import TOLD
    from reports.rows import rows_of

    today = Question(
        question.now, question.agreements, question.accounts, question.meters, last_days=1, zone=question.zone
    )
    week = {_key(row): row for row in rows_of(burn(database, question), burn_rate.COLUMNS) if row["window"] == "7d"}
    days = {_key(row): row["usage"] for row in rows_of(daily(database, today), daily_report.COLUMNS)}
    outlooks = {_key(row): row for row in rows_of(exhaustion_dates(database, question), TOLD)}
    return {key: {**outlooks[key], "per_day": row["per_day"], "today": days.get(key)} for key, row in week.items()}


def _key(row: Row) -> tuple[str, str]:
    return str(row["account"]), str(row["meter"])


def _status(
    settings: Settings, question: Question, state: PollingState, row: MeterRow, figures: Mapping[str, Cell]
) -> StatusRow:
    from reports.forecasting.words import outlook, shortly
    from reports.rows import scaled

    observed_at = instant_of(row.good_at)
    intervals = {one.name: one.poll_every for one in settings.accounts}
    age = question.now - instant_of(row.last_at)
    zone = question.agreement_of(row.account, row.timezone).zone
    quiet_today: Cell = 0 if day_of(instant_of(row.last_at), zone) == day_of(question.now, zone) else None
    return StatusRow(
        account=row.account,
        provider=row.provider,
        meter=row.name,
        unit=row.unit,
        value=scaled(row.good_value, row.scale),
        observed_at=observed_at,
        age_seconds=int(age.total_seconds()),
        today=quiet_today if figures["today"] is None else figures["today"],
        per_day=figures["per_day"],
        quota=figures["quota"],
        used=figures["used"],
        remaining=figures["remaining"],
        exhaustion=str(figures["status"]),
        exhausts_on=figures["exhausts_on"],
        outlook=outlook(figures),
        health=_health(state, row, age, intervals.get(row.account)),
        flags=state.flags,
        error=_fault(state),
        next_poll_at=state.next_poll_at,
        configured=row.account in intervals,
        probability=figures["probability"],
        warn_on=figures["warn_on"],
        in_short=shortly(figures),
    )


def _fault(state: PollingState) -> str | None:
    """Return what the last poll failed with; one that was given up because we stopped says nothing."""
    return None if state.outcome in {None, OK, INTERRUPTED} else state.error


def _failed(state: PollingState) -> bool:
    return state.failures > 0 or _fault(state) is not None


def _health(state: PollingState, row: MeterRow, age: timedelta, poll_every: timedelta | None) -> str:
    if state.paused_reason is not None:
        return "paused"
    if poll_every is None:
        return "not configured"
    if _failed(state):
        return "failing"
    if age > _STALE_AFTER * poll_every:
        return "stale"
    return "held" if row.latest < row.good_value else "ok"


def _empty(account: str, provider: str, state: PollingState | None) -> StatusRow:
    failing = state is not None and _failed(state)
    return StatusRow(
        account=account,
        provider=provider,
        meter=None,
        unit=None,
        value=None,
        observed_at=None,
        age_seconds=None,
        today=None,
        per_day=None,
        quota=None,
        used=None,
        remaining=None,
        exhaustion="unknown",
        exhausts_on=None,
        outlook="unknown: nothing was recorded yet",
        health="failing" if failing else "never polled",
        flags=(),
        error=None if state is None else _fault(state),
        next_poll_at=None if state is None else state.next_poll_at,
        configured=True,
    )


def status_table(rows: Sequence[StatusRow]) -> Table:
    """Return the status for people: one line per meter; ``explanations`` says in words below it what matters."""
    from rich.table import Table

    from reports.tables import number, plain

    table = Table(box=None, pad_edge=False, header_style="bold")
    figures = ("value", "age", "today", "per day", "quota")
    for name in ("account", "meter", *figures, "outlook", "health"):
        if name in figures:
            # A figure is never broken, and one that finds no room at all shows that it was cut.
            table.add_column(name, justify="right", no_wrap=True, overflow="ellipsis")
        else:
            table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(
            plain(row.account),
            plain(row.meter or "–"),
            number(row.value),
            age_words(row.age_seconds),
            number(row.today),
            number(row.per_day),
            _share_used(row),
            plain("–" if row.meter is None else row.in_short),
            plain(", ".join((row.health, *row.flags))),
        )
    return table


def explanations(rows: Sequence[StatusRow]) -> list[str]:
    """Return what matters in words: how each quota stands, what was missed, why the last poll of an account failed."""
    missed = {row.account: row.missed_requests for row in rows if row.missed_requests}
    failed = {row.account: row for row in rows if row.error is not None}
    quotas = [f"{row.account}/{row.meter}: {_quota_words(row)}; {row.outlook}" for row in rows if row.quota is not None]
    gaps = [
        f"{name}: {count:,} requests of the last 7 days were missed; `collector report requests --gaps` shows when"
        for name, count in missed.items()
    ]
    return [*quotas, *gaps] + [
        f"{name}: {'no value yet' if row.observed_at is None else f'stale since {_moment(row.observed_at)}'}; "
        f"the last poll failed: {row.error}"
        for name, row in failed.items()
    ]


def _moment(instant: datetime) -> str:
    """Return an instant to the second, as JSON shows it."""
    return format_instant(instant.replace(microsecond=0))


def age_words(seconds: int | None) -> str:
    """Return an age in its largest sensible unit."""
    if seconds is None:
        return "–"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _share_used(row: StatusRow) -> str:
    from reports.tables import share

    if row.quota is None or row.used is None:
        return "–"
    return share(float(row.used) / float(row.quota) if row.quota else 1.0)  # type: ignore[arg-type]  # both are numbers


def _quota_words(row: StatusRow) -> str:
    from reports.tables import number

    return f"{number(row.used)} of {number(row.quota)} {row.unit} used"
