"""The reports daily, burn and requests --gaps as documents, held against a ledger filled by hand."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from collector.domain.accounts import Meter
from collector.errors import UsageError
from reports.document import Chart, Document, Section, Table
from reports.documents.asked import NOTHING
from reports.documents.burn import burn_document
from reports.documents.catalogue import NAMES, document
from reports.documents.daily import daily_document
from reports.documents.gaps import gaps_document
from tests.reports.conftest import MIDNIGHT, Ledger

_HOURS = timedelta(hours=1)
_DAYS = timedelta(days=1)


def text_of(found: Document) -> str:
    """Return all sentences and facts of a document."""
    sections = [one for section in found.sections for one in (section.title, *section.paragraphs)]
    told = [*found.facts, *(one for section in found.sections for one in section.facts)]
    facts = [f"{one.label}: {one.value} ({one.note})" for one in told]
    return "\n".join([found.title, found.subtitle, *found.paragraphs, *facts, *sections])


def charts_of(found: Document) -> list[Chart]:
    return [block for section in found.sections for block in section.blocks if isinstance(block, Chart)]


def tables_of(section: Section) -> list[Table]:
    return [block for block in section.blocks if isinstance(block, Table)]


def used(ledger: Ledger, days: int, per_day: int = 240) -> None:
    """Poll every six hours for ``days`` days."""
    ledger.polls([(MIDNIGHT + 6 * _HOURS * number, per_day // 4 * number) for number in range(4 * days + 1)])


class TestDaily:
    def test_tells_the_total_the_mean_and_the_busiest_day(self, ledger: Ledger) -> None:
        ledger.polls([(MIDNIGHT, 0), (MIDNIGHT + _DAYS, 100), (MIDNIGHT + 2 * _DAYS, 400)])
        found = daily_document(ledger.database, ledger.question(MIDNIGHT + 2 * _DAYS, end=date(2026, 3, 4)))
        facts = {one.label: one.value for one in found.facts}
        assert facts["Used"] == "400 credits"
        assert facts["On an average day"] == "200.0 credits"
        assert facts["Busiest day"] == "300 credits"

    def test_rows_are_those_of_the_report(self, ledger: Ledger) -> None:
        used(ledger, 3)
        found = daily_document(ledger.database, ledger.question(MIDNIGHT + 3 * _DAYS, end=date(2026, 3, 5)))
        assert [(row["day"], row["usage"]) for row in found.records.rows] == [
            ("2026-03-02", 240), ("2026-03-03", 240), ("2026-03-04", 240),
        ]  # fmt: skip
        (chart,) = charts_of(found)
        assert [row["usage"] for row in chart.table.rows] == [240, 240, 240]

    def test_says_what_is_not_known_to_the_unit(self, ledger: Ledger) -> None:
        ledger.polls([(MIDNIGHT, 0), (MIDNIGHT + 36 * _HOURS, 90), (MIDNIGHT + 48 * _HOURS, 100)])
        found = daily_document(ledger.database, ledger.question(MIDNIGHT + 2 * _DAYS, end=date(2026, 3, 4)))
        assert "2 of 2 days are not known to the unit" in text_of(found)

    def test_only_days_seen_whole_make_the_mean(self, ledger: Ledger) -> None:
        ledger.polls([(MIDNIGHT + number * _HOURS, 10 * number) for number in range(25)])
        ledger.polls([(MIDNIGHT + (72 + number) * _HOURS, 1000 + 10 * number) for number in range(25)])
        asked = ledger.question(MIDNIGHT + 4 * _DAYS, end=date(2026, 3, 6))
        found = daily_document(ledger.database, asked)
        (mean,) = [one for one in found.facts if one.label == "On an average day"]
        assert (mean.value, mean.note) == ("240.0 credits", "of 2 days seen whole")
        assert "1 of 4 days is not observed at all: usage there is interpolated, or placed by" in text_of(found)
        assert "240 a day on average" in charts_of(found)[0].summary
        assert "1 day was not observed" in charts_of(found)[0].summary

    def test_says_so_where_everything_is_known(self, ledger: Ledger) -> None:
        used(ledger, 2)
        found = daily_document(ledger.database, ledger.question(MIDNIGHT + 2 * _DAYS, end=date(2026, 3, 4)))
        assert "All 2 days are known to the unit." in found.paragraphs

    def test_of_several_meters_has_them_side_by_side(self, ledger: Ledger) -> None:
        ledger.open(meters=(Meter("credits", "credits"), Meter("requests", "requests")))
        for number in range(3):
            ledger.poll(MIDNIGHT + number * 12 * _HOURS, {"credits": 50 * number, "requests": number})
        found = daily_document(ledger.database, ledger.question(MIDNIGHT + _DAYS, end=date(2026, 3, 3)))
        assert [section.title for section in found.sections] == [
            "All meters", "nellie-prod · credits", "nellie-prod · requests",
        ]  # fmt: skip
        (table,) = tables_of(found.sections[0])
        assert [(row["meter"], row["usage"], row["days"]) for row in table.rows] == [
            ("credits", 100, 1), ("requests", 2, 1),
        ]  # fmt: skip

    def test_subtitle_names_range_and_zone(self, ledger: Ledger) -> None:
        used(ledger, 1)
        asked = ledger.question(MIDNIGHT + _DAYS, start=date(2026, 3, 2), end=date(2026, 3, 4))
        assert daily_document(ledger.database, asked).subtitle == "nellie-prod · 2026-03-02 to 2026-03-03 · days of UTC"


class TestBurn:
    def test_tells_each_window(self, ledger: Ledger) -> None:
        used(ledger, 30)
        found = burn_document(ledger.database, ledger.question(MIDNIGHT + 30 * _DAYS))
        facts = [(one.label, one.value) for one in found.sections[0].facts]
        assert facts[:3] == [
            ("Last day", "240.0 credits/day"),
            ("Last 7 days", "240.0 credits/day"),
            ("Last 28 days", "240.0 credits/day"),
        ]
        assert "The last 7 days went on as the last 28." in text_of(found)

    def test_tells_how_the_last_week_changed(self, ledger: Ledger) -> None:
        course = [(MIDNIGHT + number * _DAYS, 100 * number + 100 * max(0, number - 21)) for number in range(29)]
        ledger.polls(course)
        found = burn_document(ledger.database, ledger.question(MIDNIGHT + 28 * _DAYS))
        assert "The last 7 days used 60 % more per day than the last 28." in text_of(found)

    def test_chart_has_the_mean_of_whole_days(self, ledger: Ledger) -> None:
        used(ledger, 30)
        (chart,) = charts_of(burn_document(ledger.database, ledger.question(MIDNIGHT + 30 * _DAYS)))
        rows = list(chart.table.rows)
        assert len(rows) == 24
        assert {row["per_day_7"] for row in rows} == {240.0}
        assert [row["per_day_28"] for row in rows[:21]] == [None] * 21


def test_no_gap_is_good_news_and_no_table(ledger: Ledger) -> None:
    used(ledger, 1)
    found = gaps_document(ledger.database, ledger.question(MIDNIGHT + _DAYS))
    assert found.empty == "No poll of this range missed a request or left credits unexplained."
    assert found.sections == ()


def test_without_history_no_gap_is_no_good_news(any_empty: Ledger) -> None:
    assert gaps_document(any_empty.database, any_empty.question(MIDNIGHT)).empty == NOTHING


class TestCatalogue:
    @pytest.mark.parametrize("name", NAMES)
    def test_every_report_is_honestly_empty_without_history(self, name: str, any_empty: Ledger) -> None:
        found = document(name, any_empty.database, any_empty.question(MIDNIGHT), period="2026-03")
        assert found.empty
        assert list(found.records.rows) == []

    def test_unknown_report_is_refused(self, ledger: Ledger) -> None:
        with pytest.raises(UsageError, match="no report 'weekly'"):
            document("weekly", ledger.database, ledger.question(MIDNIGHT))

    def test_period_must_be_named(self, ledger: Ledger) -> None:
        with pytest.raises(UsageError, match="needs a billing period"):
            document("month", ledger.database, ledger.question(MIDNIGHT))


@pytest.fixture
def any_empty(ledger: Ledger) -> Ledger:
    """A ledger of an account that was never polled."""
    return ledger
