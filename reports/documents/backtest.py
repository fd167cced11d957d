"""The report ``backtest`` as a document: how far the forecasts can be trusted, on the account's own history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collector.store.engine import Database
from reports.backtest import COLUMNS, HELD, REPLAYED, MeterBacktest, backtest_rows, backtests, words_of
from reports.charts.calibration import Outcome, places, reliability
from reports.document import Chart, Column, Document, Fact, Kind, Section, Table, Tone
from reports.documents.asked import NOTHING, heading, subtitle
from reports.forecasting.backtest import Replay
from reports.forecasting.backtest_trials import Grade, Trial, share_within
from reports.forecasting.words import widened
from reports.question import Question
from reports.rendering import Row
from reports.tables import share

_TENTHS = 10
_LEAST_DRAWN = 10
_FACTS = 4
_TITLES = {
    "first_on": "First made",
    "last_on": "Last made",
    "origins": "Made at",
    "independent": "Worth",
    "unknown": "Nobody could tell",
    "dated": "Dates",
    "median_error_days": "Date off by, days",
    "mean28_median_error_days": "Mean of 28 days off by, days",
    "covered": "In the 80 % interval",
    "below": "Below it",
    "above": "Above it",
    "foretold": "Probabilities",
    "ran_out": "Ran out",
    "brier": "Brier score",
    "mean28_brier": "Brier score of the mean of 28 days",
    "spread": "Width now, as a factor",
}
_KINDS = {
    **dict.fromkeys(("days", "origins", "forecasts", "unknown", "dated", "foretold", "ran_out"), Kind.COUNT),
    **dict.fromkeys(("covered", "below", "above"), Kind.SHARE),
    **dict.fromkeys(
        ("independent", "median_error_days", "mean28_median_error_days", "brier", "mean28_brier", "spread"), Kind.NUMBER
    ),
    **dict.fromkeys(("first_on", "last_on"), Kind.DAY),
}
_OVERVIEW = {
    "account": "Account",
    "meter": "Meter",
    "kind": "Kind",
    "forecasts": "Forecasts",
    "median_error_days": "Off, days",
    "mean28_median_error_days": "28-day mean off",
    "covered": "In 80 %",
    "brier": "Brier",
    "mean28_brier": "28-day mean Brier",
}
_PLACES = {"median_error_days": 1, "mean28_median_error_days": 1, "brier": 3, "mean28_brier": 3}
_FOOTER = (
    "Replayed: at up to 60 instants of the history the forecast was made anew from what was known until then, and held "
    "against what came. The quotas are the account's own where one is declared, as it is declared today; else they are "
    "set from the mean of the last 60 days at most, 4, 8, 16 and 30 days' worth of it, 0.8, 1 and 1.25 times. Where "
    "nobody could tell, because the report would have said so, neither probability nor date is graded.",
    "Date off by: the median distance of the foretold day from the one on which the quota ended, where it did. In the "
    "80 % interval: of the usage until the reset; 80 % is right, more is too wide. Brier score: the mean square of "
    "probability less outcome (0 or 1) of running out before the reset; 0 is perfect, 0.25 is a coin.",
    "Forecasts of neighbouring days share most of what came: how many independent ones they are worth is told. "
    "What the ledger decided later about days before a forecast, such as a correction, is known to its replay. What "
    "came in days that were hardly observed is not graded.",
)


def backtest_document(database: Database, question: Question) -> Document:
    """Return the report ``backtest`` as a document; an empty one where nothing was recorded."""
    return document_of(database, question, backtests(database, question))


def document_of(database: Database, question: Question, found: Sequence[MeterBacktest]) -> Document:
    """Return what was found as a document."""
    rows = backtest_rows(found)
    records = Table("backtest", "Forecasts and what came", tuple(map(_column, COLUMNS)), rows)
    parts = [part for place, one in enumerate(found, 1) for part in _parts(f"meter_{place}", one)]
    graded = [row for row in rows if row["forecasts"] is not None]
    facts = tuple(map(_fact, graded)) if len(graded) <= _FACTS else ()
    others = [row for row in rows if row["forecasts"] is None or not facts]
    told = tuple(f"{_label(row)}: {words_of(row)}." for row in others)
    overview = Section("overview", "All meters", paragraphs=told, blocks=(_overview(rows),))
    return Document(
        name="backtest",
        title="How the forecasts did",
        subtitle=subtitle(database, question, ranged=False),
        made_at=question.now,
        records=records,
        facts=facts,
        sections=(overview, *parts) if rows else (),
        footer=_FOOTER if rows else (),
        empty="" if rows else NOTHING,
    )


def _column(key: str) -> Column:
    return Column(key, _TITLES.get(key) or key.replace("_", " ").capitalize(), _KINDS.get(key, Kind.TEXT))


def _fact(row: Row) -> Fact:
    held = HELD in words_of(row)
    tone = Tone.WARNING if row["better"] == "mean28" else Tone.GOOD if held and row["better"] else Tone.PLAIN
    return Fact(_label(row), f"{share(row['covered'])} in the 80 % interval", words_of(row), tone)


def _label(row: Row) -> str:
    return heading(row) if row["kind"] == REPLAYED else f"{heading(row)}, shown"


def _overview(rows: Sequence[Row]) -> Table:
    columns = tuple(Column(key, title, _KINDS.get(key, Kind.TEXT)) for key, title in _OVERVIEW.items())
    return Table("overview_table", "How they did", columns, [_shortened(row) for row in rows])


def _shortened(row: Row) -> Row:
    """Return a row with as many places as people compare; the records have them all."""
    return {
        key: round(cell, _PLACES[key]) if key in _PLACES and isinstance(cell, float) else cell
        for key, cell in row.items()
    }


def _parts(name: str, one: MeterBacktest) -> Iterator[Section]:
    """Yield the part about a meter's replay, and the one about its shown forecasts."""
    title = heading({"account": one.account, "meter": one.meter, "unit": one.unit})
    if isinstance(one.replay, Replay):
        charts = _charts(name, "replayed", one.replay.trials, one.replay.grade)
        yield Section(name, title, paragraphs=tuple(_sentences(one, one.replay)), blocks=charts)
    if one.shown is not None and one.shown_grade is not None:
        charts = _charts(f"{name}_shown", "shown", one.shown.trials, one.shown_grade)
        told = f"{_counted(one.shown_grade)} that scheduled reports showed and whose period is over."
        yield Section(f"{name}_shown", f"{title}: forecasts shown", level=3, paragraphs=(told,), blocks=charts)


def _sentences(one: MeterBacktest, replay: Replay) -> Iterator[str]:
    grade = replay.grade
    quotas = "the account's own quota as it is now" if replay.own else "quotas set from the usage of the time"
    if one.note:
        yield f"{one.note[:1].upper()}{one.note[1:]}."
    yield f"{_counted(grade)} at {grade.origins:,} instants of {one.days:,} days of history, against {quotas}."
    if grade.unknown:
        yield f"In {grade.unknown:,} of them nobody could tell, and the report would have said so: no date is graded."
    if grade.median_error is not None and grade.plain_error is not None:
        yield (
            f"Of {grade.dated:,} dates half were off by at most {grade.median_error:.1f} days; by the mean of 28 "
            f"days {grade.plain_error:.1f}."
        )
    if grade.brier is not None and grade.plain_brier is not None:
        yield f"Brier score {grade.brier:.3f}, of the mean of 28 days {grade.plain_brier:.3f}."
    own = one.recalibrated
    if own is not None and widened(own.spread):
        yield (
            f"The account's own record makes the interval {widened(own.spread)} from now on. That is another measure: "
            f"{share(own.covered_before)} of the usage of the next 3, 7, 14 and 30 days, over the last year, lay in "
            f"the interval as it is without that ({own.forecasts:,} forecasts, worth {own.origins} independent ones)."
        )


def _counted(grade: Grade) -> str:
    return f"{grade.trials:,} forecasts, worth {grade.independent:.0f} independent ones,"


def _charts(name: str, kind: str, trials: Sequence[Trial], grade: Grade) -> tuple[Chart, ...]:
    """Return the calibration of probabilities and of the interval; nothing where too few forecasts would be drawn."""
    outcomes = [Outcome(one.probability, one.came) for one in trials if one.probability is not None]
    found = [one.place for one in trials if one.place is not None]
    charts = []
    if len(outcomes) >= _LEAST_DRAWN:
        charts.append(
            reliability(
                outcomes,
                independent=grade.independent,
                name=f"{name}_reliability",
                title=f"Probability foretold and how often it ran out ({kind})",
            )
        )
    if len(found) >= _LEAST_DRAWN:
        shares = [
            sum(share_within(place, tenth / _TENTHS, (tenth + 1) / _TENTHS) for place in found) / len(found)
            for tenth in range(_TENTHS)
        ]
        charts.append(
            places(
                shares,
                count=len(found),
                independent=grade.independent,
                name=f"{name}_places",
                title=f"Where the usage until the reset lay in what was foretold ({kind})",
            )
        )
    return tuple(charts)
