from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from collector.domain.accounts import Counts, Meter
from reports.document import Chart, Document, Table
from reports.documents.requests import requests_document
from reports.documents.trend import trend_document
from reports.requests import COLUMNS
from reports.trend.report import LONG_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable

    from collector.domain.requests import RequestRecord
    from tests.reports.conftest import Ledger

FIRST = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 21
NOW = FIRST + timedelta(days=DAYS)


@pytest.fixture
def listed(ledger: Ledger, record: Callable[..., RequestRecord]) -> Ledger:
    """Three weeks of one account that counts credits and requests; a request of 250 credits at each noon."""
    meters = (Meter("credits", "credits", counts=Counts.CREDITS), Meter("requests", "requests", counts=Counts.REQUESTS))
    ledger.open("nellie-prod", meters)
    for day in range(DAYS + 1):
        at = FIRST + timedelta(days=day)
        made = at - timedelta(hours=12)
        new = [record(f"r-{day}", "completed", made, made + timedelta(minutes=5), 250)] if day else []
        ledger.poll(at, {"credits": 250 * day, "requests": day}, requests=new, requests_meter="requests")
    return ledger


def names(document: Document) -> list[str]:
    blocks = [block for section in document.sections for block in section.blocks]
    tables = [block.table.name if isinstance(block, Chart) else block.name for block in blocks]
    return [*(section.name for section in document.sections), *(block.name for block in blocks), *tables]


class TestTrend:
    def test_records_are_the_rows_of_csv(self, listed: Ledger) -> None:
        found = trend_document(listed.database, listed.question(NOW)).records
        assert tuple(column.key for column in found.columns) == LONG_COLUMNS
        assert {tuple(row) for row in found.rows} == {LONG_COLUMNS}

    def test_sections_and_blocks_have_names_of_their_own(self, listed: Ledger) -> None:
        document = trend_document(listed.database, listed.question(NOW))
        sections = [section.name for section in document.sections]
        blocks = [block.name for section in document.sections for block in section.blocks]
        assert len(set(sections)) == len(sections)
        assert len(set(blocks)) == len(blocks)

    def test_one_meter_has_its_facts_on_top(self, listed: Ledger) -> None:
        document = trend_document(listed.database, listed.question(NOW, meters=("credits",)))
        assert next((fact.label, fact.value) for fact in document.facts) == ("Used", "5,250 credits")

    def test_several_meters_have_an_overview(self, listed: Ledger) -> None:
        document = trend_document(listed.database, listed.question(NOW))
        overview = document.sections[0].blocks[0]
        assert isinstance(overview, Table)
        assert [row["meter"] for row in overview.rows] == ["nellie-prod · credits", "nellie-prod · requests"]

    def test_what_cannot_be_told_is_said(self, listed: Ledger) -> None:
        document = trend_document(listed.database, listed.question(NOW, meters=("credits",)))
        said = [sentence for section in document.sections for sentence in section.paragraphs]
        assert "Growth: needs 28 observed days, has 21." in said

    def test_what_is_not_known_is_not_nought(self, ledger: Ledger) -> None:
        ledger.open("nellie-prod", (Meter("credits", "credits"), Meter("requests", "requests")))
        for day in range(6):
            ledger.poll(FIRST + timedelta(days=day), {"credits": 250 * day, "requests": day})
        question = ledger.question(NOW)
        overview = trend_document(ledger.database, question).sections[0].blocks[0]
        assert isinstance(overview, Table)
        assert [(row["changes"], row["unusual"]) for row in overview.rows] == [(None, None)] * 2
        facts = trend_document(ledger.database, ledger.question(NOW, meters=("credits",))).facts
        assert [(one.value, one.note) for one in facts if one.label == "Unusual days"] == [
            ("–", "needs 14 observed days, has 5")
        ]

    def test_an_empty_history_is_an_empty_document(self, ledger: Ledger) -> None:
        document = trend_document(ledger.database, ledger.question(NOW))
        assert (document.sections, list(document.records.rows), bool(document.empty)) == ((), [], True)


class TestRequests:
    def test_records_are_read_anew_each_time(self, listed: Ledger) -> None:
        found = requests_document(listed.database, listed.question(NOW)).records
        assert tuple(column.key for column in found.columns) == COLUMNS
        assert len(list(found.rows)) == len(list(found.rows)) == DAYS

    def test_facts_tell_how_many_and_how_they_ended(self, listed: Ledger) -> None:
        facts = requests_document(listed.database, listed.question(NOW)).facts
        assert [(one.label, one.value) for one in facts] == [
            ("Requests", "21"), ("Failed", "0.0 %"), ("Credits", "5,250"), ("Half took at most", "0:05:00"),
        ]  # fmt: skip

    def test_the_summary_alone_has_no_list(self, listed: Ledger) -> None:
        document = requests_document(listed.database, listed.question(NOW), listed=False)
        assert [row["requests"] for row in document.records.rows] == [21]
        assert "all_requests" not in names(document)

    def test_an_empty_history_is_an_empty_document(self, ledger: Ledger) -> None:
        document = requests_document(ledger.database, ledger.question(NOW))
        assert (document.sections, list(document.records.rows), bool(document.empty)) == ((), [], True)
