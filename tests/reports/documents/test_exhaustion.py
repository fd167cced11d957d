"""The report exhaustion as a document, over one ledger with a quota of every kind."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.domain.accounts import Account, Meter, MeterTerms, Quota
from collector.store.engine import Database
from reports.catalogue import exhaustion_outlooks
from reports.charts.days import place_of
from reports.document import Chart, Document, Table, Tone
from reports.documents.exhaustion import exhaustion_document
from reports.documents.fan import marks_of
from reports.documents.month_words import day_text
from reports.exhaustion import TOLD
from reports.forecasting.prospect import Prospect
from reports.forecasting.recalibration import Recalibration
from reports.forecasting.words import outlook, own_record, shortly
from reports.question import Question
from reports.rendering import Row
from reports.rows import rows_of
from tests.reports.charts.drawn_points import points, texts
from tests.reports.conftest import MIDNIGHT, MONTHLY, Ledger

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
APRIL = MIDNIGHT + 30 * DAY
NOW = APRIL + 15 * DAY + 6 * HOUR  # 16 April, 06:00 UTC
QUOTAS = {
    "ending": 5000,
    "lasting": 20_000,
    "spent": 3000,
    "young": 3000,
    "new": 1000,
    "idle": 4000,
    "for_ever": 14_000,
    "silent": 9000,
    "zero": 0,
}
DRAWN = ("ending", "lasting", "spent", "young", "for_ever", "silent")


def quota_of(name: str, amount: int) -> dict[str, Any]:
    terms = {"credits": MeterTerms(Quota(amount, lifetime=name == "for_ever"))}
    return {"billing": MONTHLY, "terms": terms}


def growth(name: str, hours: int) -> int:
    """Return what the account's counter stands at so many hours after it was first read."""
    if name == "idle":
        return min(hours, 12 * 24) * 10
    # A little more on some days than on others, as life has it.
    return hours * 10 + 5 * sum(24 for day in range(hours // 24) if day % 3 == 0)


@pytest.fixture(scope="module")
def quotas(
    upgraded_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, make_account: Callable[..., Account]
) -> Iterator[Ledger]:
    """Accounts whose names say how their quotas stand on 16 April; only to be read."""
    path = tmp_path_factory.mktemp("quotas") / "usage.db"
    shutil.copy(upgraded_sqlite, path)
    ledger = Ledger(Database(f"sqlite:///{path}"), make_account)
    begun = {"young": NOW - 3 * DAY, "new": NOW - 12 * HOUR, "silent": NOW - 40 * DAY}
    for name in (*QUOTAS, "open"):
        meters = (Meter("credits", "GB"),)
        ledger.open(name, meters, **(quota_of(name, QUOTAS[name]) if name in QUOTAS else {"billing": MONTHLY}))
        start = begun.get(name, NOW - 40 * DAY)
        last = NOW - 5 * DAY if name == "silent" else NOW
        hours = 6 if name in {"young", "new"} else 24
        for hour in range(0, int((last - start) / HOUR) + 1, hours):
            ledger.poll(start + hour * HOUR, growth(name, hour), name, gap_after=2 * DAY)
    yield ledger
    ledger.database.close()


@pytest.fixture(scope="module")
def asked(quotas: Ledger) -> Question:
    return quotas.question(NOW)


@pytest.fixture(scope="module")
def found(quotas: Ledger, asked: Question) -> Document:
    return exhaustion_document(quotas.database, asked)


@pytest.fixture(scope="module")
def rows(quotas: Ledger, asked: Question) -> dict[str, Row]:
    return {str(row["account"]): row for row in rows_of(exhaustion_outlooks(quotas.database, asked).frame, TOLD)}


def told(row: Row) -> str:
    """Return the words of the report, with dates as people write them."""
    return outlook(row, in_words)


def in_words(day: str) -> str:
    return day_text(date.fromisoformat(day))


def chart_of(found: Document, account: str) -> Chart:
    (section,) = [one for one in found.sections if one.title.startswith(f"{account} ")]
    (chart,) = section.blocks
    assert isinstance(chart, Chart)
    return chart


def alone(quotas: Ledger, account: str) -> Document:
    return exhaustion_document(quotas.database, quotas.question(NOW, accounts=(account,)))


class TestWords:
    def test_every_place_says_the_words_of_the_report(self, found: Document, rows: dict[str, Row]) -> None:
        table = found.sections[0].blocks[0]
        assert isinstance(table, Table)
        assert {row["account"]: row["outlook"] for row in table.rows} == {name: told(row) for name, row in rows.items()}
        for section in found.sections[1:]:
            account = section.title.split(" ", 1)[0]
            assert told(rows[account]) in section.paragraphs[0]

    @pytest.mark.parametrize(
        ("account", "tone"),
        [("ending", Tone.WARNING), ("lasting", Tone.GOOD), ("spent", Tone.BAD), ("idle", Tone.PLAIN)],
    )
    def test_figure_at_the_top_is_the_outlook_in_short(
        self, account: str, tone: Tone, quotas: Ledger, rows: dict[str, Row]
    ) -> None:
        (fact,) = alone(quotas, account).facts
        assert fact.value.lower() == shortly(rows[account], in_words).lower()
        assert (fact.tone, told(rows[account]) in fact.note) == (tone, True)

    def test_risk_below_even_odds_is_a_warning_too(self, quotas: Ledger, rows: dict[str, Row]) -> None:
        projected, highest = rows["lasting"]["projected_usage"], rows["lasting"]["projected_upper"]
        assert isinstance(projected, int)
        assert isinstance(highest, int)
        terms = {"credits": MeterTerms(Quota((3 * projected + highest) // 4))}
        changed = {"lasting": replace(quotas.agreements["lasting"], terms=terms)}
        asked = quotas.question(NOW, accounts=("lasting",), agreements=changed)
        (fact,) = exhaustion_document(quotas.database, asked).facts
        assert (fact.value[-6:], fact.tone) == ("% risk", Tone.WARNING)

    def test_unit_is_written_as_it_is_declared(self, found: Document) -> None:
        assert all("GB left: " in one.paragraphs[0] for one in found.sections[1:])

    def test_recalibrated_interval_says_so(
        self, quotas: Ledger, asked: Question, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        outlooks = exhaustion_outlooks(quotas.database, asked)
        own = Recalibration(spread=1.2, origins=24, covered_before=0.7, forecasts=48)
        prospects = {
            meter: replace(one, recalibrated=own) if isinstance(one, Prospect) else one
            for meter, one in outlooks.prospects.items()
        }
        changed = outlooks._replace(prospects=prospects)
        monkeypatch.setattr("reports.documents.exhaustion.exhaustion_outlooks", lambda *_: changed)
        said = {
            section.title.split(" ", 1)[0]: section.paragraphs[1:]
            for section in exhaustion_document(quotas.database, asked).sections[1:]
        }
        assert said["ending"] == (f"By the meter's own record {own_record(own)}.",)
        assert said["idle"] == ()  # of which nothing is drawn ahead

    def test_no_quota_has_no_figure_and_no_picture(self, found: Document, quotas: Ledger) -> None:
        assert alone(quotas, "open").facts == ()
        assert not any(one.title.startswith("open ") for one in found.sections)

    def test_no_text_says_none_or_never(self, found: Document) -> None:
        said = [*(one.note for one in found.facts), *(text for one in found.sections for text in one.paragraphs)]
        assert not any(word in text for text in said for word in ("None", "never", "nan"))


class TestPictures:
    @pytest.mark.parametrize("account", DRAWN)
    def test_fan_ends_where_the_report_projects(self, account: str, found: Document, rows: dict[str, Row]) -> None:
        last = list(chart_of(found, account).table.rows)[-1]
        row = rows[account]
        if account == "for_ever":
            assert row["projected_usage"] is None
            assert last["middle"] is not None
        else:
            assert last["day"] == "2026-04-30"
            assert (last["low"], last["high"]) == (row["projected_lower"], row["projected_upper"])
            assert last.get("middle") == (None if account == "young" else row["projected_usage"])

    @pytest.mark.parametrize("account", ["new", "idle", "zero"])
    def test_nothing_is_drawn_ahead_where_nothing_may_be_foretold(self, account: str, found: Document) -> None:
        if account == "zero":
            assert "quota 0" in texts(chart_of(found, account))
        else:
            assert {one.key for one in chart_of(found, account).table.columns}.isdisjoint({"low", "middle", "high"})

    def test_short_history_has_an_interval_alone(self, found: Document) -> None:
        chart = chart_of(found, "young")
        assert {"low", "high"} <= {one.key for one in chart.table.columns}
        assert not {"middle", "low_half"} & {one.key for one in chart.table.columns}
        assert "not observed" in texts(chart)  # the days of April before its history

    @pytest.mark.parametrize("account", ["ending", "for_ever"])
    def test_marks_are_the_report_s_dates(self, account: str, found: Document, quotas: Ledger, asked: Question) -> None:
        outlooks = exhaustion_outlooks(quotas.database, asked)
        row = next(one for one in rows_of(outlooks.frame, TOLD) if one["account"] == account)
        standing = next(one for one in outlooks.standings if one.row.account == account)
        prospect = outlooks.prospects[standing.row.id]
        assert isinstance(prospect, Prospect)
        marks = marks_of(prospect, standing.remaining or 0, row, NOW)
        names = {"earliest": "earliest", "warning": "warn_on", "exhausts": "exhausts_on", "latest": "latest"}
        assert {names[name]: at.date().isoformat() for name, at in marks.items()} == {
            name: row[name] for name in names.values() if row[name] is not None
        }
        (bar,) = points(chart_of(found, account), "at", "until", "told")
        assert bar["at"] == place_of(marks["earliest"])

    def test_middle_that_has_passed_is_not_marked(self, quotas: Ledger, asked: Question) -> None:
        outlooks = exhaustion_outlooks(quotas.database, asked)
        standing = next(one for one in outlooks.standings if one.row.account == "ending")
        prospect = outlooks.prospects[standing.row.id]
        assert isinstance(prospect, Prospect)
        row = next(one for one in rows_of(outlooks.frame, TOLD) if one["account"] == "ending")
        past = {**row, "since": "2026-04-01", "latest": "2026-04-28"}
        assert set(marks_of(prospect, standing.remaining or 0, past, NOW)) == {"earliest", "latest"}

    def test_used_up_quota_is_not_marked_again(self, found: Document) -> None:
        assert points(chart_of(found, "spent"), "at", "until", "told") == []

    def test_what_is_used_is_the_last_figure_of_the_line(self, found: Document, rows: dict[str, Row]) -> None:
        for account in DRAWN:
            used = [row["used"] for row in chart_of(found, account).table.rows if row["used"] is not None]
            assert used[-1] == rows[account]["used"]

    def test_old_observation_is_told_by_a_shade_up_to_now(self, found: Document) -> None:
        (shade,) = [one for one in points(chart_of(found, "silent"), "at", "until") if "told" not in one]
        assert (shade["at"], shade["until"]) == (place_of(NOW - 5 * DAY), place_of(NOW))

    def test_lifetime_quota_shows_ninety_days_behind_and_sixty_ahead_at_least(self, found: Document) -> None:
        days = [date.fromisoformat(str(row["day"])) for row in chart_of(found, "for_ever").table.rows]
        assert days[0] == (NOW - 40 * DAY).date()
        assert days[-1] >= (NOW + 59 * DAY).date()

    def test_every_picture_can_be_drawn(self, found: Document) -> None:
        for section in found.sections[1:]:
            (chart,) = section.blocks
            assert isinstance(chart, Chart)
            assert texts(chart)
