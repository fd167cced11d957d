"""Reports on where things stand, asked as of an earlier instant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from collector.domain.accounts import Meter, MeterTerms, Quota, Resets
from collector.domain.periods import Billing, PeriodKind
from collector.store.reading import MeterRow
from reports.catalogue import burn, daily, exhaustion_dates
from reports.documents.burn import burn_document
from reports.documents.exhaustion import exhaustion_document
from reports.question import Question
from reports.windows import meters_asked
from tests.reports.conftest import Ledger

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIRST = START + timedelta(days=14)


def course(begin: datetime, days: int, per_day: int, value: int = 0) -> Iterator[tuple[datetime, int]]:
    """Yield a value every six hours."""
    for count in range(4 * days):
        yield begin + count * 6 * HOUR + timedelta(minutes=7), value + count * per_day // 4


@pytest.fixture
def two_rates(ledger: Ledger) -> Ledger:
    """240 a day for two weeks, then 2,400 a day for one."""
    ledger.open(
        billing=Billing(PeriodKind.MONTHLY), terms={"credits": MeterTerms(Quota(100_000))}, zone=ZoneInfo("UTC")
    )
    ledger.polls(course(START, 14, 240))
    ledger.polls(course(START + timedelta(days=14), 7, 2_400, 3_360))
    return ledger


def asked(ledger: Ledger, as_of: datetime | None) -> Question:
    return ledger.question(START + timedelta(days=30), as_of=as_of)


def test_burn_tells_the_rates_of_then(two_rates: Ledger) -> None:
    then = burn(two_rates.database, asked(two_rates, FIRST))
    now = burn(two_rates.database, asked(two_rates, None))
    assert then.set_index("window")["per_day"]["7d"] == pytest.approx(240, rel=0.01)
    assert now.set_index("window")["per_day"]["7d"] == pytest.approx(2_400, rel=0.05)
    assert set(then["window_end"]) == {FIRST}


def test_window_as_of_the_end_of_a_range_is_what_daily_says_of_the_range(two_rates: Ledger) -> None:
    end = FIRST
    then = burn(two_rates.database, asked(two_rates, end)).set_index("window")
    question = Question(START + timedelta(days=30), start=(end - timedelta(days=7)).date(), end=end.date())
    days = daily(two_rates.database, question)
    assert then["usage"]["7d"] == days["usage"].sum()


def test_exhaustion_is_foretold_from_what_was_known_then(two_rates: Ledger) -> None:
    (then,) = exhaustion_dates(two_rates.database, asked(two_rates, FIRST)).to_dict("records")
    (now,) = exhaustion_dates(two_rates.database, asked(two_rates, None)).to_dict("records")
    assert (then["status"], then["per_day"]) == ("lasts", pytest.approx(240, rel=0.01))
    assert then["used"] == pytest.approx(3_360, abs=60)
    assert then["projected_usage"] == pytest.approx(31 * 240, rel=0.01)
    assert now["used"] > 19_000


def test_history_that_ended_before_is_told_as_it_is(two_rates: Ledger) -> None:
    beyond = START + timedelta(days=29)
    assert burn(two_rates.database, asked(two_rates, beyond)).equals(burn(two_rates.database, asked(two_rates, None)))


def test_meter_that_began_later_is_left_out(two_rates: Ledger) -> None:
    document = burn_document(two_rates.database, asked(two_rates, START))
    assert (list(document.records.rows), document.empty) == ([], document.empty)
    assert document.empty


def test_billing_period_that_ends_then_is_the_one_that_burn_tells(two_rates: Ledger) -> None:
    two_rates.polls(course(START + timedelta(days=31), 1, 24, 30_000))
    then = burn(two_rates.database, ledger_question(two_rates, START + timedelta(days=31))).set_index("window")
    assert then["window_start"]["period"] == START + timedelta(minutes=7)
    assert then["window_end"]["period"] == START + timedelta(days=31)


def ledger_question(ledger: Ledger, as_of: datetime) -> Question:
    return ledger.question(as_of + timedelta(days=5), as_of=as_of)


@pytest.mark.parametrize("document", [burn_document, exhaustion_document])
def test_document_says_when_it_stood_so_and_draws_no_later_day(two_rates: Ledger, document: type) -> None:
    found = document(two_rates.database, asked(two_rates, FIRST))
    assert "as of 2026-03-15 00:00" in found.subtitle
    charts = [block for section in found.sections for block in section.blocks if hasattr(block, "draw")]
    days = [str(row["day"]) for chart in charts for row in chart.table.rows if row.get("used") or row.get("per_day_7")]
    assert max(days) == "2026-03-14"


def test_counter_that_begins_anew_with_its_period_stood_at_its_value_of_then(ledger: Ledger) -> None:
    ledger.open(
        billing=Billing(PeriodKind.MONTHLY),
        terms={"credits": MeterTerms(Quota(1_000), resets=Resets.PERIOD)},
        zone=ZoneInfo("UTC"),
    )
    ledger.polls(course(START, 31, 4))
    ledger.polls(course(START + timedelta(days=31), 1, 4))

    def used(as_of: datetime) -> int:
        (row,) = exhaustion_dates(ledger.database, ledger_question(ledger, as_of)).to_dict("records")
        return int(row["used"])

    assert used(START + timedelta(days=10)) == 39
    assert used(START + timedelta(days=31)) == 0


def test_value_that_was_confirmed_later_was_so_then(ledger: Ledger) -> None:
    ledger.polls([(START, 5), (START + HOUR, 5), (START + 2 * HOUR, 5)])
    (row,) = meters_asked(ledger.database, asked(ledger, START + HOUR / 2))
    assert isinstance(row, MeterRow)
    assert (row.last_at, row.good_at, row.good_value, row.latest) == (row.until, row.until, 5, 5)


def test_meters_of_an_account_are_cut_alike(ledger: Ledger) -> None:
    ledger.open("both", (Meter("credits", "credits"), Meter("calls", "calls")))
    for count in range(4):
        ledger.poll(START + count * HOUR, {"credits": count * 10, "calls": count}, "both")
    rows = meters_asked(ledger.database, asked(ledger, START + 1.5 * HOUR))
    assert {row.name: row.good_value for row in rows} == {"credits": 15, "calls": 1}
