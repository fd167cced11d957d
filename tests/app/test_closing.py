from __future__ import annotations

import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from collector.app.closing import Closed, close_period, closed_otherwise
from collector.domain.accounts import Account, MeterTerms
from collector.domain.falls import FallKind, Pin
from collector.domain.instants import micros_of
from collector.domain.periods import Billing, PeriodKind
from collector.domain.prices import Price
from collector.domain.terms import fall_terms
from collector.errors import NotEnoughDataError, UsageError
from collector.store.decisions import decide
from collector.store.engine import Database
from collector.store.reading import meters
from collector.store.statements import ClosedStatement, broken_statements, closed_statements
from reports.explanations import explanations
from reports.month import As, MonthRow, columns_of, month, object_of, summary_of
from reports.reconciliation import reconcile
from reports.statement import periods_named
from reports.statement_tables import month_pages
from reports.statement_views import corrections_in, views_of
from tests.reports.conftest import Ledger
from tests.reports.october import METERS, NOW, SEEN_LAST, USAGE, account_fields, fill, invoice

DIPPED = datetime(2026, 10, 20, 13, tzinfo=UTC)


@pytest.fixture
def ledger(database: Database, make_account: Callable[..., Account]) -> Ledger:
    """An empty ledger without accounts; the test runs once per engine."""
    return Ledger(database, make_account)


def close(ledger: Ledger, text: str = "2026-10", now: datetime = NOW, **changes: Any) -> list[Closed]:
    return close_period(ledger.database, ledger.question(now, **changes), text, "ada")


def closed(ledger: Ledger) -> list[ClosedStatement]:
    with ledger.database.read() as connection:
        return closed_statements(connection)


def months(ledger: Ledger, which: As, text: str = "2026-10", **changes: Any) -> dict[str, MonthRow]:
    return {one.shown.meter: one for one in month(ledger.database, ledger.question(NOW, **changes), text, which)}


def fill_with_a_dip(ledger: Ledger) -> None:
    """Let October lose 50 credits by a correction, which an operator can declare a glitch later.

    1000 at its beginning, 1500, then 1450 from DIPPED on, 1600 at its end: 600 used.
    """
    ledger.open("nellie-prod", METERS[:1], **account_fields())
    course = [
        (datetime(2026, 9, 30, 22, tzinfo=UTC), 1000),
        (DIPPED - timedelta(hours=1), 1500),
        (DIPPED, 1450),
        (DIPPED + timedelta(hours=1), 1450),
        (datetime(2026, 10, 31, 23, tzinfo=UTC), 1600),
        (datetime(2026, 11, 30, 23, tzinfo=UTC), 2000),
        (datetime(2026, 12, 31, 23, tzinfo=UTC), 2100),
    ]
    for at, value in course:
        ledger.poll(at, value, gap_after=timedelta(days=60))


def declare_reset(ledger: Ledger) -> None:
    """Say that the counter began again at DIPPED: 1450 more were used than the correction said."""
    with ledger.database.read() as connection:
        (row,) = meters(connection)
    terms = fall_terms(ledger.agreements["nellie-prod"]).of_meter("credits")
    pin = Pin(FallKind.RESET, "operator:ada", "the provider told us")
    with ledger.database.write() as connection:
        decide(connection, row.id, micros_of(DIPPED), pin, terms, NOW)


def test_close_freezes_the_statement(ledger: Ledger) -> None:
    fill(ledger)
    (done,) = close(ledger)
    (kept,) = closed(ledger)
    assert (done.status, done.number, done.digest) == ("closed", 1, kept.digest.hex())
    assert (kept.closing.period, kept.closing.closed_by, kept.closing.closed_at) == ("2026-10", "ada", NOW)
    credits, requests = views_of(kept)
    assert (credits.figures["usage"], credits.figures["amount"]) == (USAGE, Decimal("38.07"))
    assert (requests.figures["usage"], requests.requests) == (32, {"completed": 32})
    assert (len(credits.days), len(credits.price_lines)) == (31, 1)


def test_what_was_frozen_reads_back_as_it_was_known(ledger: Ledger) -> None:
    fill(ledger)
    before = months(ledger, As.NOW)["credits"].shown
    close(ledger)
    after = months(ledger, As.CLOSED)["credits"].shown
    assert after == before


def test_closing_again_writes_nothing(ledger: Ledger) -> None:
    fill(ledger)
    (first,) = close(ledger)
    (again,) = close(ledger, now=NOW + timedelta(days=1))
    assert again == replace(first, status="already_closed")
    assert len(closed(ledger)) == 1


def test_two_closes_at_once_give_one(ledger: Ledger) -> None:
    fill(ledger)
    with ThreadPoolExecutor(4) as pool:
        done = [one.result()[0].status for one in [pool.submit(close, ledger) for _ in range(4)]]
    assert (sorted(done), len(closed(ledger))) == (["already_closed"] * 3 + ["closed"], 1)


def test_each_close_is_chained_to_the_one_before(ledger: Ledger) -> None:
    fill_with_a_dip(ledger)
    close(ledger, "2026-10")
    close(ledger, "2026-11")
    with ledger.database.read() as connection:
        assert list(broken_statements(connection)) == []
    assert [one.number for one in closed(ledger)] == [1, 2]


@pytest.mark.parametrize(
    ("until", "values", "reason"),
    [
        pytest.param(datetime(2026, 10, 20, tzinfo=UTC), None, "not over at the last observation", id="not over"),
        pytest.param(SEEN_LAST, {"credits": 3, "requests": 3}, None, id="a fall after its end does not matter"),
        pytest.param(
            datetime(2026, 10, 20, tzinfo=UTC), {"credits": 3, "requests": 3}, "observed only by values", id="fall held"
        ),
    ],
)
def test_period_that_may_still_change_is_refused(
    until: datetime, values: dict[str, int] | None, reason: str | None, ledger: Ledger
) -> None:
    fill(ledger, until=until)
    if values is not None:
        ledger.poll(datetime(2026, 11, 3, tzinfo=UTC), values, gap_after=timedelta(days=30))
    (done,) = close(ledger)
    assert done.status == ("closed" if reason is None else "refused")
    assert reason is None or reason in str(done.reason)
    assert len(closed(ledger)) == (reason is None)


def test_held_fall_within_names_what_settles_it(ledger: Ledger) -> None:
    fill(ledger, until=datetime(2026, 10, 20, tzinfo=UTC))
    ledger.poll(datetime(2026, 10, 21, tzinfo=UTC), {"credits": 3, "requests": 3})
    (done,) = close(ledger)
    assert "resets decide" in str(done.reason)


def test_first_period_is_closed_although_the_history_begins_within_it(ledger: Ledger) -> None:
    fill(ledger)
    (done,) = close(ledger, "2026-09")
    assert (done.status, "the history begins within it" in str(done.reason)) == ("closed", True)


def test_period_without_history_is_refused(ledger: Ledger) -> None:
    fill(ledger)
    assert [(one.status, one.reason) for one in close(ledger, "2026-07")] == [("refused", "nothing was recorded in it")]


@pytest.mark.parametrize("accounts", [None, ("nellie-prod",)], ids=["all accounts", "one account"])
def test_text_that_names_no_period_is_refused(accounts: tuple[str, ...] | None, ledger: Ledger) -> None:
    fill(ledger)
    with pytest.raises(UsageError, match="no statement for '2026-W41'"):
        close(ledger, "2026-W41", accounts=accounts)


def test_account_that_was_named_must_have_such_a_period(ledger: Ledger) -> None:
    fill(ledger)
    ledger.open("weekly", METERS[:1], **account_fields(billing=Billing(PeriodKind.WEEKLY)))
    with pytest.raises(UsageError, match=r"weekly billing period.*\(account weekly\)"):
        close(ledger, accounts=("nellie-prod", "weekly"))
    assert closed(ledger) == []


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"zone": ZoneInfo("America/New_York")}, id="zone"),
        pytest.param({"billing": Billing(PeriodKind.MONTHLY, 15, currency="EUR")}, id="anchor"),
        pytest.param({"billing": Billing(PeriodKind.WEEKLY, currency="EUR")}, id="kind of period"),
    ],
)
def test_closed_period_stays_what_it_was_when_the_account_changes(changes: dict[str, Any], ledger: Ledger) -> None:
    fill(ledger)
    close(ledger)
    before = months(ledger, As.BOTH)["credits"]
    ledger.open("nellie-prod", METERS, **account_fields(**changes))
    after = months(ledger, As.BOTH)["credits"]
    assert (after.closed, after.now) == (before.closed, before.now)
    assert after.corrected == ()


def test_closed_period_keeps_its_amount_when_the_price_changes(ledger: Ledger) -> None:
    fill(ledger)
    close(ledger)
    ledger.open(
        "nellie-prod", METERS, **account_fields(terms={"credits": MeterTerms(prices=(Price(Decimal("0.02")),))})
    )
    found = months(ledger, As.BOTH)["credits"]
    assert found.closed is not None
    assert (found.closed.figures["amount"], found.shown.figures["amount"]) == (Decimal("38.07"), Decimal("38.07"))
    assert found.corrected == ()


def test_other_prices_than_a_period_was_closed_with_are_noted_beside_a_reconciliation(ledger: Ledger) -> None:
    fill(ledger)
    close(ledger)
    before = Price(Decimal("0.01")), Price(Decimal("0.03"), valid_from=date(2026, 11, 1))
    ledger.open("nellie-prod", METERS, **account_fields(terms={"credits": MeterTerms(prices=before)}))
    question = ledger.question(NOW)
    assert closed_otherwise(ledger.database, question, periods_named(ledger.database, question, "2026-10")) == []
    changed = {"credits": MeterTerms(prices=(Price(Decimal("0.02")),))}
    ledger.open("nellie-prod", METERS, **account_fields(terms=changed))
    question = ledger.question(NOW)
    (note,) = closed_otherwise(ledger.database, question, periods_named(ledger.database, question, "2026-10"))
    assert note.startswith("nellie-prod/credits: 2026-10 was closed with other prices")


def test_period_of_another_anchor_is_not_closed_with_its_namesake(ledger: Ledger) -> None:
    fill(ledger)
    close(ledger, "2026-09")
    ledger.open(
        "nellie-prod", METERS, **account_fields(billing=Billing(PeriodKind.MONTHLY, anchor_day=2, currency="EUR"))
    )
    (done,) = close(ledger, "2026-09-02")
    assert (done.status, done.period) == ("closed", "2026-09-02")
    found = months(ledger, As.CLOSED, "2026-09-02")["credits"]
    assert (found.shown.start, found.shown.end) == (done.period_start, done.period_end)


def test_hole_between_closed_statements_is_told(ledger: Ledger) -> None:
    fill_with_a_dip(ledger)
    close(ledger, "2026-10")
    (done,) = close(ledger, "2026-12")
    assert done.reason == "what was used from 2026-10-31 23:00Z until 2026-11-30 23:00Z is in no closed statement"


def test_invoice_of_the_closed_figures_is_explained_after_a_late_fact(ledger: Ledger) -> None:
    fill_with_a_dip(ledger)
    close(ledger)
    declare_reset(ledger)
    assert "the invoice equals the statement as it was closed on 2026-11-03" in told(ledger, "2026-10", "600")


def test_invoice_that_makes_a_correction_is_explained(ledger: Ledger) -> None:
    fill_with_a_dip(ledger)
    close(ledger)
    declare_reset(ledger)
    close(ledger, "2026-11")
    line = "nellie-prod,credits,2026-11-01,2026-12-01,1900,,"
    assert "with the corrections made in it: +1,500 of 2026-10" in told(ledger, "2026-11", line)


def told(ledger: Ledger, text: str, line: str) -> str:
    (row,) = reconcile(ledger.database, ledger.question(NOW), text, invoice(line + ",," * (line.count(",") < 2))).rows
    return "; ".join(explanations(ledger.database, row))


def test_closed_statement_keeps_that_its_history_begins_within_it(ledger: Ledger) -> None:
    fill(ledger)
    close(ledger, "2026-09")
    found = months(ledger, As.CLOSED, "2026-09")["credits"]
    assert found.shown.incomplete == ("the history begins within it, at 2026-09-29 12:00:00Z",)
    out = io.StringIO()
    Console(file=out, width=100).print(month_pages([found]))
    assert "not complete: the history begins within it" in out.getvalue()


def test_figures_of_both_kinds_stand_in_one_line_of_csv(ledger: Ledger) -> None:
    fill_with_a_dip(ledger)
    close(ledger)
    declare_reset(ledger)
    row = summary_of(months(ledger, As.BOTH)["credits"], As.BOTH)
    assert tuple(row) == columns_of(As.BOTH)
    assert (row["usage"], row["closed_usage"], row["closed_amount"]) == (2100, 600, Decimal("6.00"))


class TestLateFacts:
    def test_are_shown_at_once_and_the_statement_stays(self, ledger: Ledger) -> None:
        fill_with_a_dip(ledger)
        close(ledger)
        declare_reset(ledger)
        found = months(ledger, As.BOTH)["credits"]
        assert found.closed is not None
        assert (found.closed.figures["usage"], found.shown.figures["usage"]) == (600, 2100)
        ((later, line),) = found.corrected
        assert (later, line.period, line.usage, line.amount) == (None, "2026-10", 1500, Decimal("15.00"))

    def test_are_frozen_into_the_next_close_which_names_the_period(self, ledger: Ledger) -> None:
        fill_with_a_dip(ledger)
        close(ledger)
        declare_reset(ledger)
        (done,) = close(ledger, "2026-11")
        assert done.corrections == 1
        (line,) = corrections_in(closed(ledger)[1])
        assert (line.number, line.period, line.usage, line.amount, line.currency) == (
            1, "2026-10", 1500, Decimal("15.00"), "EUR",
        )  # fmt: skip

    def test_are_priced_as_the_period_was_closed(self, ledger: Ledger) -> None:
        fill_with_a_dip(ledger)
        close(ledger)
        declare_reset(ledger)
        changed = {"credits": MeterTerms(prices=(Price(Decimal("0.02")),))}
        ledger.open("nellie-prod", METERS[:1], **account_fields(terms=changed))
        ((_, line),) = months(ledger, As.BOTH)["credits"].corrected
        assert (line.usage, line.amount) == (1500, Decimal("15.00"))

    def test_say_with_which_statement_they_were_frozen(self, ledger: Ledger) -> None:
        fill_with_a_dip(ledger)
        close(ledger)
        declare_reset(ledger)
        close(ledger, "2026-11")
        shown = object_of(months(ledger, As.BOTH, "2026-11")["credits"], As.BOTH)["corrects"]
        assert [(line["period"], line["closed_with"]) for line in json.loads(json.dumps(shown, default=str))] == [
            ("2026-10", "2026-11")
        ]

    def test_are_corrected_once(self, ledger: Ledger) -> None:
        fill_with_a_dip(ledger)
        close(ledger)
        declare_reset(ledger)
        close(ledger, "2026-11")
        (done,) = close(ledger, "2026-12")
        assert done.corrections == 0
        ((later, line),) = months(ledger, As.BOTH)["credits"].corrected
        assert (later, line.usage) == ("2026-11", 1500)

    def test_are_noted_beside_a_reconciliation(self, ledger: Ledger) -> None:
        fill_with_a_dip(ledger)
        close(ledger)
        question = ledger.question(NOW)
        periods = periods_named(ledger.database, question, "2026-10")
        assert closed_otherwise(ledger.database, question, periods) == []
        declare_reset(ledger)
        (note,) = closed_otherwise(ledger.database, question, periods)
        assert "2026-10 was closed on 2026-11-03 with other figures; since then +1,500 and +15.00 EUR" in note

    def test_stand_beside_what_was_closed_on_the_page(self, ledger: Ledger) -> None:
        fill_with_a_dip(ledger)
        close(ledger)
        declare_reset(ledger)
        out = io.StringIO()
        Console(file=out, width=80).print(month_pages(list(months(ledger, As.BOTH).values())))
        lines = [line.split() for line in out.getvalue().splitlines()]
        assert ["used", "2,100", "600", "+1,500"] in lines
        assert ["costs", "21.00", "6.00", "+15.00"] in lines
        assert ["not", "closed", "yet", "2026-10", "+1,500", "+15.00", "EUR"] in lines

    def test_leave_the_chain_whole(self, ledger: Ledger) -> None:
        fill_with_a_dip(ledger)
        close(ledger)
        declare_reset(ledger)
        close(ledger, "2026-11")
        with ledger.database.read() as connection:
            assert list(broken_statements(connection)) == []


def test_figures_as_closed_of_an_open_period_are_not_to_be_had(ledger: Ledger) -> None:
    fill(ledger)
    with pytest.raises(NotEnoughDataError, match="`collector close 2026-10` freezes it"):
        months(ledger, As.CLOSED)


def test_figures_as_closed_keep_their_zone(ledger: Ledger) -> None:
    fill(ledger)
    with pytest.raises(UsageError, match="--tz cannot be combined"):
        months(ledger, As.BOTH, zone=ZoneInfo("UTC"))


def test_overlap_with_what_was_closed_is_told(ledger: Ledger) -> None:
    fill(ledger, billing=Billing(currency="EUR"))
    close(ledger, "2026-10-31")
    (done,) = close(ledger, "2026-10")
    assert (done.status, "overlaps what was closed as 2026-10-31" in str(done.reason)) == ("closed", True)
