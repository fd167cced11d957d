from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from collector.domain.accounts import MeterTerms
from collector.domain.periods import Billing, PeriodKind
from collector.domain.prices import Price
from collector.domain.requests import RequestRecord
from collector.errors import UsageError
from reports.question import Question
from reports.statement import MeterStatement, asked_for, periods_named, statements
from tests.reports.conftest import Ledger
from tests.reports.october import EVENTS, METERS, NEW_YORK, NOW, USAGE, account_fields, fill

HOUR = timedelta(hours=1)


def statements_of(ledger: Ledger, text: str = "2026-10", **changes: object) -> dict[str, MeterStatement]:
    question = ledger.question(NOW, **changes)
    found = statements(
        ledger.database, asked_for(ledger.database, question, periods_named(ledger.database, question, text))
    )
    return {one.asked.row.name: one for one in found}


def test_statement_is_what_can_be_added_up_on_paper(any_ledger: Ledger) -> None:
    fill(any_ledger)
    found = statements_of(any_ledger)["credits"]
    figures = found.figures
    assert (figures.opening, figures.usage, figures.closing) == (1000, USAGE, 1000 + USAGE)
    assert (figures.lower, figures.upper, figures.coverage) == (USAGE, USAGE, 1.0)
    assert (figures.request_credits, figures.unexplained, figures.missing_requests) == (USAGE, 0, 0)
    assert (figures.amount, figures.currency) == (Decimal("38.07"), "EUR")
    assert (found.requests, found.incomplete) == ({"completed": 32}, ())


def test_days_and_price_lines_add_up_to_the_statement(any_ledger: Ledger) -> None:
    fill(any_ledger)
    found = statements_of(any_ledger)["credits"]
    assert len(found.charges.days) == 31
    assert sum(day.usage for day in found.charges.days) == USAGE
    assert sum(line.amount for line in found.charges.rating.lines) == Decimal("38.07")


def test_requests_have_no_credits_and_no_price(any_ledger: Ledger) -> None:
    fill(any_ledger)
    figures = statements_of(any_ledger)["requests"].figures
    assert (figures.usage, figures.request_credits, figures.unexplained) == (32, None, None)
    assert (figures.missing_requests, figures.amount) == (0, None)


def test_period_may_be_read_under_another_clock(any_ledger: Ledger) -> None:
    fill(any_ledger)
    found = statements_of(any_ledger, zone=ZoneInfo("America/New_York"))["credits"]
    assert found.figures.usage == NEW_YORK


def test_one_meter_alone_still_knows_what_its_account_s_list_missed(any_ledger: Ledger) -> None:
    fill(any_ledger)
    at = datetime(2026, 11, 2, 13, tzinfo=UTC)
    any_ledger.poll(at, {"credits": 5000, "requests": 200}, requests=(), requests_meter="requests")
    found = statements_of(any_ledger, "2026-11", meters=("credits",))["credits"]
    # 200 - 82 were counted in November, and two records were made.
    assert found.figures.missing_requests == 118 - 2


def test_usage_that_no_record_explains_is_told(any_ledger: Ledger) -> None:
    fill(any_ledger, until=datetime(2026, 10, 20, tzinfo=UTC))
    at = datetime(2026, 10, 21, tzinfo=UTC)
    any_ledger.poll(
        at, {"credits": 1000 + 30 + 18 * 100 + 777 + 55, "requests": 71}, requests=(), requests_meter="requests"
    )
    figures = statements_of(any_ledger)["credits"].figures
    assert (figures.unexplained, figures.missing_requests) == (55, 1)


def test_request_that_left_the_list_before_its_end_is_unresolved(any_ledger: Ledger) -> None:
    any_ledger.open("nellie-prod", METERS, **account_fields())
    start = datetime(2026, 10, 5, tzinfo=UTC)
    open_request = RequestRecord("r-1", "processing", start)
    for number, listed in enumerate([(), (open_request,), (), ()]):
        any_ledger.poll(
            start + number * HOUR, {"credits": 5, "requests": 5}, requests=listed, requests_meter="requests"
        )
    assert statements_of(any_ledger)["credits"].requests == {"unresolved": 1}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("2026-11", "it is not over at the last observation, 2026-11-02 12:00:00Z", id="not over"),
        pytest.param("2026-09", "the history begins within it, at 2026-09-29 12:00:00Z", id="begins within"),
    ],
)
def test_statement_that_may_still_change_is_incomplete(text: str, reason: str, any_ledger: Ledger) -> None:
    fill(any_ledger)
    assert reason in statements_of(any_ledger, text)["credits"].incomplete[0]


def test_held_fall_makes_it_incomplete(any_ledger: Ledger) -> None:
    fill(any_ledger, until=datetime(2026, 10, 20, tzinfo=UTC))
    low = {"credits": 500, "requests": 5}
    any_ledger.poll(datetime(2026, 11, 3, tzinfo=UTC), low, gap_after=timedelta(days=30))
    (reason,) = statements_of(any_ledger)["credits"].pending
    assert "values that are held" in reason


def test_held_fall_within_names_what_settles_it(any_ledger: Ledger) -> None:
    fill(any_ledger, until=datetime(2026, 10, 20, tzinfo=UTC))
    any_ledger.poll(datetime(2026, 10, 21, tzinfo=UTC), {"credits": 500, "requests": 5})
    assert "`collector resets decide`" in statements_of(any_ledger)["credits"].pending[-1]


def test_meter_without_history_in_the_period_has_no_statement(any_ledger: Ledger) -> None:
    fill(any_ledger)
    assert statements_of(any_ledger, "2026-08") == {}


def test_money_is_rounded_once(any_ledger: Ledger) -> None:
    # 3807 at 0.0333 are 126.7731; by day 3.33, 25.8741 and 0.999.
    fill(any_ledger, terms={"credits": MeterTerms(prices=(Price(Decimal("0.0333")),))})
    assert statements_of(any_ledger)["credits"].figures.amount == Decimal("126.77")


def test_units_of_days_without_a_price_are_told(ledger: Ledger) -> None:
    price = Price(Decimal("0.01"), valid_from=date(2026, 10, 16))
    fill(ledger, terms={"credits": MeterTerms(prices=(price,))})
    figures = statements_of(ledger)["credits"].figures
    assert (figures.amount, figures.unpriced) == (Decimal("16.00"), Decimal(2207))


def test_request_that_lies_around_the_period_s_edge_is_not_missing(ledger: Ledger) -> None:
    ledger.open("nellie-prod", METERS, **account_fields())
    made = datetime(2026, 9, 30, 21, 30, tzinfo=UTC)
    records = [RequestRecord("r-1", "completed", made, made, 100)]
    for number, at in enumerate((made - HOUR, datetime(2026, 10, 1, 5, tzinfo=UTC))):
        ledger.poll(
            at,
            {"credits": 100 * number, "requests": number},
            requests=records[:number],
            requests_meter="requests",
        )
    assert statements_of(ledger)["credits"].figures.missing_requests == 0


def test_accounts_of_which_the_text_names_no_period_are_left_out(any_ledger: Ledger) -> None:
    fill(any_ledger)
    any_ledger.open("weekly", (METERS[0],), **account_fields(billing=Billing(PeriodKind.WEEKLY)))
    question = any_ledger.question(NOW)
    assert list(periods_named(any_ledger.database, question, "2026-10")) == ["nellie-prod"]
    assert list(periods_named(any_ledger.database, question, "2026-W41")) == ["weekly"]


@pytest.mark.parametrize("text", ["2026", "October", "2026-10-02"])
def test_text_that_names_no_period_of_any_account_is_refused(text: str, any_ledger: Ledger) -> None:
    any_ledger.open("nellie-prod", METERS, **account_fields())
    with pytest.raises(UsageError, match=f"no statement for '{text}'"):
        periods_named(any_ledger.database, any_ledger.question(NOW), text)


def test_account_that_is_in_the_history_only_has_its_recorded_zone(any_ledger: Ledger) -> None:
    fill(any_ledger)
    found = periods_named(any_ledger.database, Question(NOW), "2026-10")
    assert found["nellie-prod"][1].start == datetime(2026, 9, 30, 22, tzinfo=UTC)


def test_traffic_is_what_the_paper_says() -> None:
    assert sum(used for _, used in EVENTS) == USAGE + 70 + 11
