"""The report ``backtest``: how the forecasts would have done on the account's own history, and how those shown did.

For each meter one row of its replayed history, with the 28-day mean beside it, and one of the forecasts that scheduled
reports showed, where there are any. ``reports.forecasting.backtest`` says how a history is replayed,
``reports.shown_forecasts`` which shown forecasts are graded.

Public: ``MeterBacktest``, ``backtests``, ``backtest_rows``, ``COLUMNS``, ``graded``, ``words_of``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from collector.domain.calendar import day_of
from collector.domain.quota import Used
from collector.store.engine import Database
from reports.forecasting.backtest import Replay, own_quotas, replayed
from reports.forecasting.backtest_trials import LEAST_INDEPENDENT, Grade, grade_of
from reports.forecasting.history import History, histories
from reports.forecasting.recalibration import Recalibration, recalibration_of
from reports.question import Question
from reports.rendering import Cell, Row
from reports.shown_forecasts import ShownTrials, shown_trials
from reports.standing import QuotaStanding, quota_standings
from reports.windows import meters_asked

COLUMNS = (
    "account",
    "meter",
    "unit",
    "kind",
    "quota",
    "days",
    "first_on",
    "last_on",
    "origins",
    "independent",
    "forecasts",
    "unknown",
    "dated",
    "median_error_days",
    "mean28_median_error_days",
    "covered",
    "below",
    "above",
    "foretold",
    "ran_out",
    "brier",
    "mean28_brier",
    "better",
    "spread",
    "reason",
)
REPLAYED, SHOWN = "replayed", "shown"
HELD = "the interval holds"
MOST_DAYS = 728
"""How far back a history is replayed: twice the record by which the interval is recalibrated."""
_LEAST_PERIOD = timedelta(days=6, hours=22)  # a week over which the clocks are changed is a week
_SHORT = "quotas were set: the own one is renewed too often to be replayed on days of 24 hours"
_PLACES = 6


@dataclass(frozen=True, slots=True)
class MeterBacktest:
    """What is known of the forecasts of one meter.

    Attributes:
        days: How many days of history there are, at most 728.
        replay: What the replay found, or why there is none.
        shown: The forecasts that reports showed; None where none was.
        recalibrated: What the record says of the width now; None where it is too short.
        zone: Whose midnights make a day.
        note: Why the account's own quota was not replayed; empty where it was, or where there is none.
    """

    account: str
    meter: str
    unit: str
    days: int
    replay: Replay | str
    shown: ShownTrials | None
    shown_grade: Grade | None
    recalibrated: Recalibration | None
    zone: ZoneInfo
    note: str = ""

    @property
    def graded(self) -> bool:
        """True where anything was graded."""
        return self.shown_grade is not None or isinstance(self.replay, Replay)


def backtests(database: Database, question: Question) -> list[MeterBacktest]:
    """Return what is known of the forecasts of each meter asked for, by account and meter.

    Takes about a third of a second for a meter with two years of history.
    """
    rows = meters_asked(database, question)
    standings = quota_standings(database, question, rows)
    known = histories(database, rows, {one.row.id: one.zone for one in standings}, most_days=MOST_DAYS)
    shown = shown_trials(database, rows)
    return [_backtest(one, known[one.row.id], shown.get(one.row.id)) for one in standings]


def _backtest(standing: QuotaStanding, history: History, shown: ShownTrials | None) -> MeterBacktest:
    own, short = None, _is_short(standing)
    if standing.allowance is not None and not short:
        used = standing.used or Used(0, complete=False)
        own = own_quotas(history, standing.agreement, standing.row.name, used.amount)
    return MeterBacktest(
        account=standing.row.account,
        meter=standing.row.name,
        unit=standing.row.unit,
        days=len(history),
        replay=replayed(history, own),
        shown=shown,
        shown_grade=grade_of(shown.trials, shown.span) if shown is not None and shown.trials else None,
        recalibrated=recalibration_of(history),
        zone=standing.zone,
        note=_SHORT if short else "",
    )


def _is_short(standing: QuotaStanding) -> bool:
    period = None if standing.allowance is None else standing.allowance.period
    return period is not None and period.end - period.start < _LEAST_PERIOD


def graded(found: Iterable[MeterBacktest]) -> bool:
    """Tell whether there is any meter of which something was graded."""
    return any(one.graded for one in found)


def backtest_rows(found: Iterable[MeterBacktest]) -> list[Row]:
    """Return the rows of the report: of each meter its replay, and the forecasts that were shown if there are any."""
    rows: list[Row] = []
    for one in found:
        rows.append(_replay_row(one))
        if one.shown is not None:
            rows.append(_shown_row(one, one.shown))
    return rows


def _replay_row(one: MeterBacktest) -> Row:
    spread = None if one.recalibrated is None else round(one.recalibrated.spread, _PLACES)
    row = {**_head(one, REPLAYED), "days": one.days, "spread": spread}
    if isinstance(one.replay, str):
        return {**row, "reason": one.replay}
    replay = one.replay
    return {
        **row,
        "quota": "own" if replay.own else "set",
        "reason": one.note or None,
        **_spanned(one, replay.first_at, replay.last_at),
        **_graded(replay.grade),
    }


def _shown_row(one: MeterBacktest, shown: ShownTrials) -> Row:
    row = {**_head(one, SHOWN), "quota": "own"}
    if one.shown_grade is not None:
        row |= {**_spanned(one, shown.first_at, shown.last_at), **_graded(one.shown_grade)}
    if shown.open:
        row["reason"] = f"{shown.open:,} more wait for the end of their period"
    return row


def _head(one: MeterBacktest, kind: str) -> dict[str, Cell]:
    blank: dict[str, Cell] = dict.fromkeys(COLUMNS)
    return {**blank, "account": one.account, "meter": one.meter, "unit": one.unit, "kind": kind}


def _spanned(one: MeterBacktest, first: datetime | None, last: datetime | None) -> dict[str, Cell]:
    return {
        "first_on": None if first is None else day_of(first, one.zone).isoformat(),
        "last_on": None if last is None else day_of(last, one.zone).isoformat(),
    }


def _graded(grade: Grade) -> dict[str, Cell]:
    return {
        "origins": grade.origins,
        "independent": _rounded(grade.independent, 1),
        "forecasts": grade.trials,
        "unknown": grade.unknown,
        "dated": grade.dated,
        "median_error_days": _rounded(grade.median_error),
        "mean28_median_error_days": _rounded(grade.plain_error),
        "covered": _rounded(grade.covered),
        "below": _rounded(grade.below),
        "above": _rounded(grade.above),
        "foretold": grade.probabilities,
        "ran_out": grade.ran_out,
        "brier": _rounded(grade.brier),
        "mean28_brier": _rounded(grade.plain_brier),
        "better": grade.better,
    }


def _rounded(value: float | None, places: int = _PLACES) -> float | None:
    return None if value is None else round(value, places)


def words_of(row: Row) -> str:
    """Return in words what a row says: who did better, and how honest the interval was."""
    if row["forecasts"] is None:
        return str(row["reason"] or "")
    said = [_judged(row)]
    if row["unknown"]:
        said.append(f"{row['unknown']:,} times nobody could tell")
    if row["reason"]:
        said.append(str(row["reason"]))
    return "; ".join(one for one in said if one)


def _judged(row: Row) -> str:
    """Return what the figures say, given how many independent forecasts they are from."""
    independent = row["independent"]
    if isinstance(independent, float) and independent < LEAST_INDEPENDENT:
        ones = "one" if round(independent) == 1 else "ones"
        return f"too few forecasts to judge (worth {independent:.0f} independent {ones})"
    return "; ".join(one for one in (_compared(row), _honest(row)) if one)


def _compared(row: Row) -> str:
    match row["better"]:
        case "forecast":
            return "better than the 28-day mean"
        case "mean28":
            return "the 28-day mean was better"
        case "neither":
            return "no clear difference to the 28-day mean"
        case _:
            return ""


def _honest(row: Row) -> str:
    """Return what the coverage says, given how many independent forecasts it is from."""
    covered, independent = row["covered"], row["independent"]
    if not isinstance(covered, float) or not isinstance(independent, float):
        return ""
    off = 2 * (0.8 * 0.2 / independent) ** 0.5
    if covered < 0.8 - off:
        return "the interval was too narrow"
    return (
        "the interval was wider than needed"
        if covered > 0.8 + off
        else f"{HELD}, as far as {independent:.0f} independent forecasts can tell"
    )
