from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from collector.domain.accounts import MeterTerms, Tolerance
from collector.domain.periods import Billing, PeriodKind
from collector.domain.prices import Price
from collector.errors import UsageError
from reports.explanations import explanations
from reports.invoices import Invoice
from reports.reconciliation import COLUMNS, Reconciled, Reconciliation, Status, reconcile
from reports.shifted_windows import Shifted, chance_matches
from tests.reports.conftest import Ledger
from tests.reports.october import METERS, NEW_YORK, NOW, USAGE, account_fields, fill, invoice

BERLIN = "2026-10-01T00:00:00+02:00,2026-11-01T00:00:00+01:00"
NEW_YORKERS = "2026-10-01T00:00:00-04:00,2026-11-01T00:00:00-04:00"


def held_against(ledger: Ledger, billed: Invoice | None, text: str = "2026-10", **changes: Any) -> Reconciliation:
    changes = {"meters": ("credits",), **changes}
    return reconcile(ledger.database, ledger.question(NOW, **changes), text, billed)


def only(ledger: Ledger, billed: Invoice | None, **changes: Any) -> Reconciled:
    (row,) = held_against(ledger, billed, **changes).rows
    return row


def told(ledger: Ledger, *lines: str, **changes: Any) -> list[str]:
    row = only(ledger, invoice(*lines), **changes)
    assert row.status is Status.MISMATCH
    return explanations(ledger.database, row)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        pytest.param("3807,38.07,EUR", Status.MATCHED, id="equal"),
        pytest.param("3807,,", Status.MATCHED, id="quantity alone"),
        pytest.param(",38.07,EUR", Status.MATCHED, id="amount alone"),
        pytest.param("3807,38.07,", Status.MATCHED, id="in the account's currency"),
        pytest.param(f"nellie-prod,credits,{BERLIN},3807,38.07,EUR", Status.MATCHED, id="by instants"),
        pytest.param("3808,,", Status.MISMATCH, id="another quantity"),
        pytest.param("3807,38.08,EUR", Status.MISMATCH, id="another amount"),
        pytest.param("3807,38.07,USD", Status.MISMATCH, id="another currency"),
        pytest.param("3807.5,,", Status.MISMATCH, id="half a unit"),
        pytest.param("-3807,,", Status.MISMATCH, id="a credit note"),
    ],
)
def test_status_says_how_it_compares(line: str, status: Status, any_ledger: Ledger) -> None:
    fill(any_ledger)
    assert only(any_ledger, invoice(line)).status is status


@pytest.mark.parametrize(
    ("tolerance", "line", "status"),
    [
        pytest.param(Tolerance(quantity=3), "3810,,", Status.WITHIN_TOLERANCE, id="units"),
        pytest.param(Tolerance(quantity=3), "3811,,", Status.MISMATCH, id="too many units"),
        pytest.param(Tolerance(percent=Decimal(1)), "3845,,", Status.WITHIN_TOLERANCE, id="percent of what is billed"),
        pytest.param(Tolerance(percent=Decimal(1)), "3846,,", Status.MISMATCH, id="too many percent"),
        pytest.param(Tolerance(amount=Decimal("0.02")), "3807,38.09,EUR", Status.WITHIN_TOLERANCE, id="money"),
        pytest.param(Tolerance(amount=Decimal("0.02")), "3808,38.09,EUR", Status.MISMATCH, id="not for quantities"),
    ],
)
def test_tolerance_is_the_account_s(tolerance: Tolerance, line: str, status: Status, ledger: Ledger) -> None:
    fill(ledger, tolerance=tolerance)
    assert only(ledger, invoice(line)).status is status


def test_row_has_the_columns_of_the_contract_with_the_ledger_s_figures(any_ledger: Ledger) -> None:
    fill(any_ledger)
    assert only(any_ledger, invoice("3800,38.07,EUR")).row == {
        "account": "nellie-prod",
        "meter": "credits",
        "unit": "credits",
        "period_start": datetime(2026, 9, 30, 22, tzinfo=UTC),
        "period_end": datetime(2026, 10, 31, 23, tzinfo=UTC),
        "opening": 1000,
        "closing": 4807,
        "usage": 3807,
        "lower": 3807,
        "upper": 3807,
        "request_credits": 3807,
        "unexplained": 0,
        "missing_requests": 0,
        "coverage": 1.0,
        "amount": Decimal("38.07"),
        "currency": "EUR",
        "invoiced_quantity": 3800,
        "invoiced_amount": Decimal("38.07"),
        "discrepancy": -7,
        "status": "mismatch",
    }


def test_columns_are_in_the_order_of_the_contract(ledger: Ledger) -> None:
    fill(ledger)
    assert tuple(only(ledger, None).row) == COLUMNS


def test_amount_alone_leaves_the_discrepancy_open(ledger: Ledger) -> None:
    fill(ledger)
    assert only(ledger, invoice(",38.00,EUR")).row["discrepancy"] is None


def test_without_an_invoice_everything_is_local_only_and_well(ledger: Ledger) -> None:
    fill(ledger)
    found = held_against(ledger, None)
    assert [one.status for one in found.rows] == [Status.LOCAL_ONLY]
    assert found.exit_code(invoiced=False) == 0


@pytest.mark.parametrize(
    ("lines", "changes", "statuses", "code"),
    [
        pytest.param(["3807,,"], {}, {"credits": "matched"}, 0, id="matched"),
        pytest.param(
            ["nellie-prod,requests,2026-10-01,2026-11-01,32,,"],
            {"meters": None},
            {"credits": "local_only", "requests": "matched"},
            1,
            id="local only",
        ),
        pytest.param(
            ["3807,,"],
            {"meters": None},
            {"credits": "matched", "requests": "local_only"},
            0,
            id="local only without a price",
        ),
        pytest.param(
            ["nellie-prod,credits,2026-11-01,2026-12-01,5,,"],
            {"meters": ("requests",)},
            {"requests": "local_only"},
            1,
            id="nothing billed at all",
        ),
        pytest.param(
            ["3807,,", "nellie-prod,tokens,2026-10-01,2026-11-01,5,,"],
            {"meters": None, "accounts": ("nellie-prod",)},
            {"credits": "matched", "requests": "local_only", "tokens": "provider_only"},
            1,
            id="unknown meter",
        ),
        pytest.param(
            ["stranger,credits,2026-10-01,2026-11-01,5,,"],
            {},
            {"credits": "provider_only"},
            1,
            id="unknown account",
        ),
        pytest.param(["3806,,"], {}, {"credits": "mismatch"}, 1, id="mismatch"),
    ],
)
def test_exit_code_is_the_worst_row_s(
    lines: list[str], changes: dict[str, Any], statuses: dict[str, str], code: int, ledger: Ledger
) -> None:
    fill(ledger)
    found = held_against(ledger, invoice(*lines), **changes)
    rows = {one.meter: one.status for one in found.rows if one.account == "stranger" or "stranger" not in lines[0]}
    assert (rows, found.exit_code(invoiced=True)) == (statuses, code)


def test_incomplete_period_is_neither_right_nor_wrong(any_ledger: Ledger) -> None:
    fill(any_ledger, until=datetime(2026, 10, 20, tzinfo=UTC))
    found = held_against(any_ledger, invoice("2607,,"))
    assert ([one.status for one in found.rows], found.exit_code(invoiced=True)) == ([Status.INCOMPLETE], 4)
    assert "not over at the last observation" in explanations(any_ledger.database, found.rows[0])[0]


def test_lines_of_other_periods_accounts_and_meters_are_counted(ledger: Ledger) -> None:
    fill(ledger)
    found = held_against(
        ledger,
        invoice(
            "3807,,",
            "nellie-prod,credits,2026-11-01,2026-12-01,5,,",
            "stranger,credits,2026-11-01,2026-12-01,5,,",
            "nellie-prod,requests,2026-10-01,2026-11-01,5,,",
        ),
    )
    assert [one.status for one in found.rows] == [Status.MATCHED]
    assert found.notes == (
        "2 lines of other periods left out: from 2026-11-01 until 2026-11-30",
        "1 line of other accounts or meters left out",
    )


def test_line_that_only_overlaps_is_left_out_by_name(ledger: Ledger) -> None:
    fill(ledger)
    found = held_against(ledger, invoice("nellie-prod,credits,2026-10-15,2026-11-15,5,,"))
    assert [one.status for one in found.rows] == [Status.LOCAL_ONLY]
    assert "invoice.csv, line 2: left out: it bills nellie-prod/credits" in found.notes[0]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        pytest.param(["nellie-prod,credits,2026-10-01,2026-10-31,1,,"], "write 2026-11-01", id="inclusive last day"),
        pytest.param(["1,,", f"nellie-prod,credits,{BERLIN},1,,"], "line 3: bills nellie-prod/credits", id="twice"),
    ],
)
def test_lines_that_could_mean_two_things_are_refused(lines: list[str], message: str, ledger: Ledger) -> None:
    fill(ledger)
    with pytest.raises(UsageError, match=message):
        held_against(ledger, invoice(*lines))


class TestInvoiceOfAnotherTimeZone:
    def test_is_a_mismatch_and_the_zone_is_named(self, any_ledger: Ledger) -> None:
        fill(any_ledger)
        found = told(any_ledger, f"{NEW_YORK},,")
        assert found[0] == "40 credits more invoiced than used"
        assert "the invoice matches if the provider closes its month at 00:00 America/New_York" in found

    def test_is_recognised_by_its_instants(self, any_ledger: Ledger) -> None:
        fill(any_ledger)
        found = told(any_ledger, f"nellie-prod,credits,{NEW_YORKERS},{NEW_YORK},,")
        assert found[1] == (
            "the invoice's period is 2026-10-01 04:00:00Z to 2026-11-01 04:00:00Z, the account's "
            "2026-09-30 22:00:00Z to 2026-10-31 23:00:00Z"
        )
        assert found[2] == "the invoice matches if the provider closes its month at 00:00 America/New_York"

    def test_is_recognised_by_instants_of_a_clock_without_a_name(self, any_ledger: Ledger) -> None:
        fill(any_ledger)
        span = "2026-10-01T03:00:00Z,2026-11-01T03:31:00Z"
        assert any(
            line.startswith("the invoice matches if the provider bills exactly from 2026-10-01 03")
            for line in told(any_ledger, f"nellie-prod,credits,{span},{NEW_YORK},,")
        )

    @pytest.mark.parametrize("span", ["2026-10-01,2026-11-01", NEW_YORKERS], ids=["dates", "instants"])
    def test_is_found_by_its_amount_alone(self, span: str, ledger: Ledger) -> None:
        fill(ledger)
        found = told(ledger, f"nellie-prod,credits,{span},,38.47,EUR")
        assert found[0] == "0.40 EUR more invoiced than the declared prices give"
        assert found[-1] == "the invoice matches if the provider closes its month at 00:00 America/New_York"

    def test_matches_when_it_is_read_there(self, any_ledger: Ledger) -> None:
        from zoneinfo import ZoneInfo

        fill(any_ledger)
        found = only(any_ledger, invoice(f"{NEW_YORK},,"), zone=ZoneInfo("America/New_York"))
        assert found.status is Status.MATCHED

    def test_may_match_where_only_the_bounds_hold_it(self, any_ledger: Ledger) -> None:
        any_ledger.open("nellie-prod", METERS[:1], **account_fields())
        for at, value in (
            (datetime(2026, 9, 30, 22, tzinfo=UTC), 0),
            (datetime(2026, 10, 31, 23, tzinfo=UTC), 100),
            (datetime(2026, 11, 1, 12, tzinfo=UTC), 200),
        ):
            any_ledger.poll(at, value, gap_after=timedelta(days=60))
        (line,) = (one for one in told(any_ledger, "187,,") if "the provider" in one)
        assert re.fullmatch(
            r"by chance possible: \d+ other windows that were tried would do as well, such as if the provider closes "
            r"its month at 00:00 Europe/London, or if it closes its month at 00:00 UTC", line,
        )  # fmt: skip

    def test_several_clocks_are_no_more_than_a_chance_the_nearest_first(self, ledger: Ledger) -> None:
        fill(ledger)
        statement = only(ledger, None).statement
        assert statement is not None
        own = statement.asked.period
        far, near = (
            Shifted(own.start + timedelta(hours=count), own.end + timedelta(hours=count), f"{count}", is_clock=True)
            for count in (9, 2)
        )
        day = Shifted(own.start, own.end - timedelta(days=1), "leaves out the last day")
        billed = own.start, own.end
        assert chance_matches([far], statement.asked, billed, weak=False) == ([far], [])
        assert chance_matches([far, near, day], statement.asked, billed, weak=False) == ([day], [near, far])
        assert chance_matches([far, near], statement.asked, (far.start, far.end), weak=False) == ([far], [near])
        assert chance_matches([far, day], statement.asked, billed, weak=True) == ([], [far, day])

    def test_calendar_month_of_a_provider_without_anchors_is_tried(self, any_ledger: Ledger) -> None:
        fill(any_ledger, billing=Billing(PeriodKind.MONTHLY, 2, currency="EUR"))
        # From 2 October to 2 November: without the first day's 100 and the evening's 30, with the 81 of 1 November.
        found = told(any_ledger, f"nellie-prod,credits,2026-10-02,2026-11-02,{USAGE},,")
        assert any(
            "bills the calendar month from 2026-10-01 to 2026-11-01 at 00:00 Europe/Berlin" in one for one in found
        )

    def test_week_that_begins_on_another_day_is_named(self, ledger: Ledger) -> None:
        fill(ledger, billing=Billing(PeriodKind.WEEKLY, currency="EUR"))
        # From Monday, 26 October six times 100 and 81, from the Sunday before seven times 100.
        billed = invoice("nellie-prod,credits,2026-10-26,2026-11-02,700,,")
        (row,) = held_against(ledger, billed, "2026-W44").rows
        found = explanations(ledger.database, row)
        assert "the invoice matches if the provider begins its week on Sunday, 2026-10-25" in found

    def test_day_that_was_left_out_is_named(self, any_ledger: Ledger) -> None:
        fill(any_ledger)
        found = told(any_ledger, f"{USAGE - 100},,")
        assert "the invoice matches if the provider leaves out the last day, 2026-10-31" in found


class TestOneRequestMissing:
    def test_is_named(self, any_ledger: Ledger) -> None:
        fill(any_ledger)
        found = told(any_ledger, f"{USAGE - 777},,")
        assert found[0] == "777 credits less invoiced than used"
        assert (
            "it would match if 'r-16' (completed, 777 credits, made 2026-10-15 11:59:10Z) "
            "was missing from the invoice, or was refunded"
        ) in found

    def test_is_one_of_many_where_many_are_alike(self, any_ledger: Ledger) -> None:
        fill(any_ledger)
        found = told(any_ledger, f"{USAGE - 100},,")
        assert any("any one of 30 requests of 100 credits was missing" in one and "and 27 more" in one for one in found)

    def test_may_be_two_together(self, any_ledger: Ledger) -> None:
        fill(any_ledger)
        found = told(any_ledger, f"{USAGE - 807},,")
        assert any("it would match if 'r-1' (" in one and "and 'r-16' (" in one for one in found)

    def test_of_the_neighbouring_period_is_named(self, any_ledger: Ledger) -> None:
        fill(any_ledger)
        assert any("'r-33'" in one and "neighbouring period" in one for one in told(any_ledger, f"{USAGE + 70},,"))


def test_refund_that_the_invoice_does_not_have_is_told(any_ledger: Ledger) -> None:
    any_ledger.open("nellie-prod", METERS[:1], **account_fields())
    for day, value in ((1, 1000), (10, 1500), (20, 1400), (21, 1450)):
        any_ledger.poll(datetime(2026, 10, day, tzinfo=UTC) - timedelta(hours=2), value, gap_after=timedelta(days=60))
    any_ledger.poll(datetime(2026, 10, 31, 23, tzinfo=UTC), 2000, gap_after=timedelta(days=60))
    found = told(any_ledger, "1100,,")
    assert (
        "the provider took 100 credits back by 2026-10-19 22:00:00Z (its counter fell from 1,500 to 1,400): just what "
        "differs, so the invoice may not take it back" in found
    )


def test_refund_that_the_invoice_has_already_is_told(any_ledger: Ledger) -> None:
    any_ledger.open("nellie-prod", METERS[:1], **account_fields())
    for at, value in (
        (datetime(2026, 9, 30, 22, tzinfo=UTC), 1000),
        (datetime(2026, 10, 31, 23, tzinfo=UTC), 2000),
        (datetime(2026, 11, 2, tzinfo=UTC), 1750),
        (datetime(2026, 11, 3, tzinfo=UTC), 1800),
    ):
        any_ledger.poll(at, value, gap_after=timedelta(days=60))
    assert any("from 2,000 to 1,750), after the period: just what differs" in one for one in told(any_ledger, "750,,"))


def test_wide_bounds_are_told_day_by_day(any_ledger: Ledger) -> None:
    any_ledger.open("nellie-prod", METERS[:1], **account_fields())
    for at, value in (
        (datetime(2026, 9, 30, 10, tzinfo=UTC), 0),
        (datetime(2026, 10, 2, 10, tzinfo=UTC), 480),
        (datetime(2026, 10, 31, 23, tzinfo=UTC), 1000),
    ):
        any_ledger.poll(at, value, gap_after=timedelta(hours=30))
    found = told(any_ledger, "999,,")
    assert any(one.startswith("the period alone used between 520 and 1,000; the invoice lies within") for one in found)
    assert any(one.startswith("2026-10-01: 240, between 0 and 480, 0.0 % observed") for one in found)


def test_amounts_alone_are_explained_by_a_price(ledger: Ledger) -> None:
    fill(ledger)
    assert told(ledger, "3807,45.68,EUR") == [
        "7.61 EUR more invoiced than the declared prices give for the same quantity",
        "it would match at 0.012 EUR for each unit; declared is 0.01",
    ]


def test_included_units_that_were_not_granted_are_told(ledger: Ledger) -> None:
    fill(ledger, terms={"credits": MeterTerms(prices=(Price(Decimal("0.01"), included=1000),))})
    assert told(ledger, "3807,38.07,EUR")[1:] == [
        "it would match at 0.01 EUR for each unit, none of them included; declared is 0.01 after 1,000 included units",
        "it would match if the 1,000 included units had not been granted",
    ]


def test_another_currency_is_told_and_nothing_else_of_the_amount(ledger: Ledger) -> None:
    fill(ledger)
    assert told(ledger, "3807,132.20,USD") == [
        "132.20 USD are invoiced, and the account's currency is EUR: not compared"
    ]


@pytest.mark.parametrize("until", [datetime(2026, 10, 20, tzinfo=UTC), NOW], ids=["incomplete", "complete"])
def test_amount_of_another_currency_never_stands_beside_the_account_s(until: datetime, ledger: Ledger) -> None:
    fill(ledger, until=until)
    row = only(ledger, invoice("3807,132.20,USD"))
    assert (row.row["currency"], row.row["invoiced_amount"]) == ("EUR", None)
    assert any("132.20 USD are invoiced" in one for one in explanations(ledger.database, row))


@pytest.mark.parametrize(
    ("line", "status"), [(",38.07,EUR", Status.MISMATCH), ("3807,9999999,EUR", Status.MATCHED)], ids=["alone", "beside"]
)
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"terms": {}}, "no price of it was in force", id="no price"),
        pytest.param(
            {"billing": Billing(PeriodKind.MONTHLY)}, "the account has no accounts.billing.currency", id="no currency"
        ),
    ],
)
def test_amount_that_nothing_can_check_is_told(
    line: str, status: Status, changes: dict[str, Any], why: str, ledger: Ledger
) -> None:
    fill(ledger, **changes)
    row = only(ledger, invoice(line))
    (reason,) = explanations(ledger.database, row)
    assert (row.status, reason.endswith(f"EUR, could not be checked: {why}")) == (status, True)


@pytest.mark.parametrize(
    ("lines", "quantity", "amount"),
    [
        pytest.param(["3857,38.57,EUR", "-50,-0.50,EUR"], 3807, "38.07", id="refund"),
        pytest.param(["3807,39.07,EUR", ",-1.00,EUR"], 3807, "38.07", id="refund of money alone"),
        pytest.param(["3857,,", f"nellie-prod,credits,{BERLIN},-50,,"], 3807, None, id="refund by instants"),
        pytest.param(
            ["nellie-prod,credits,2026-10-16,2026-11-01,1600,16.00,EUR",
             "nellie-prod,credits,2026-10-01,2026-10-16,2207,22.07,EUR"],
            3807, "38.07", id="two halves",
        ),
        pytest.param(
            ["nellie-prod,credits,2026-10-01,2026-10-16,2307,,",
             "nellie-prod,credits,2026-10-01,2026-10-16,-100,,",
             "nellie-prod,credits,2026-10-16,2026-11-01,1600,,"],
            3807, None, id="halves and a refund",
        ),
        pytest.param(
            ["3857,38.57,EUR", "nellie-prod,credits,2026-10-15,2026-10-16,-50,-0.50,EUR"],
            3807, "38.07", id="refund of one day",
        ),
    ],
)  # fmt: skip
def test_lines_that_belong_together_are_added_up(
    lines: list[str], quantity: int, amount: str | None, ledger: Ledger
) -> None:
    fill(ledger)
    row = only(ledger, invoice(*lines))
    assert (row.status, row.row["invoiced_quantity"]) == (Status.MATCHED, quantity)
    assert row.row["invoiced_amount"] == (None if amount is None else Decimal(amount))
    assert "lines of the invoice were added up" in explanations(ledger.database, row)[0]


def test_halves_of_another_clock_s_month_are_added_up_and_the_zone_is_named(ledger: Ledger) -> None:
    fill(ledger)
    found = told(
        ledger,
        f"nellie-prod,credits,2026-10-01T00:00:00-04:00,2026-10-16T00:00:00-04:00,{NEW_YORK - 1600},,",
        "nellie-prod,credits,2026-10-16T00:00:00-04:00,2026-11-01T00:00:00-04:00,1600,,",
    )
    assert "the invoice matches if the provider closes its month at 00:00 America/New_York" in found


@pytest.mark.parametrize(
    ("span", "reason"),
    [
        pytest.param("2026-10-01,2026-10-16", "2 lines of the invoice were added up, all of the period", id="within"),
        pytest.param("2026-10-16,2026-11-16", "the invoice bills it from 2026-10-16 until 2026-11-15", id="beyond"),
    ],
)
def test_period_that_is_billed_twice_in_part_is_no_match(span: str, reason: str, ledger: Ledger) -> None:
    fill(ledger)
    assert any(reason in one for one in told(ledger, "3807,,", f"nellie-prod,credits,{span},1600,,"))


def test_amounts_of_some_parts_only_are_told(ledger: Ledger) -> None:
    fill(ledger)
    halves = ("2026-10-01,2026-10-16,2207,22.07,EUR", "2026-10-16,2026-11-01,1600,,")
    row = only(ledger, invoice(*(f"nellie-prod,credits,{half}" for half in halves)))
    assert (row.status, row.row["invoiced_amount"]) == (Status.MATCHED, None)
    assert "the amount could not be checked: not every charge that was added up has one" in row.reasons


def test_units_without_a_price_are_told_beside_an_amount(ledger: Ledger) -> None:
    price = Price(Decimal("0.01"), valid_from=date(2026, 10, 16))
    fill(ledger, terms={"credits": MeterTerms(prices=(price,))})
    row = only(ledger, invoice("3807,16.00,EUR"))
    assert row.reasons == ("2,207 of its units were used on days without a price: not in the costs",)


def test_amount_before_rounding_is_told(ledger: Ledger) -> None:
    fill(ledger, terms={"credits": MeterTerms(prices=(Price(Decimal("0.0333")),))})
    assert told(ledger, "3807,126.7731,EUR")[-1].startswith("it is what the declared prices give before it is rounded")


def test_names_that_cannot_be_shown_are_refused(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match=r"line 2: account has characters that cannot be shown: 'x\\x1b"):
        invoice("x\x1b[2J,credits,2026-10-01,2026-11-01,5,,")


@pytest.mark.parametrize(
    "spans",
    [
        pytest.param(["2026-10-01,2026-10-15", "2026-10-16,2026-11-01"], id="a day between"),
        pytest.param(["2026-10-01,2026-10-17", "2026-10-16,2026-11-01"], id="a day twice"),
        pytest.param(["2026-10-16,2026-11-01"], id="one half"),
        pytest.param(["2026-10-15,2026-11-15"], id="another anchor"),
    ],
)
def test_lines_that_only_overlap_are_named_and_count(spans: list[str], ledger: Ledger) -> None:
    fill(ledger)
    found = held_against(ledger, invoice(*(f"nellie-prod,credits,{span},5,," for span in spans)))
    (row,) = found.rows
    assert (row.status, found.exit_code(invoiced=True), len(found.notes)) == (Status.LOCAL_ONLY, 1, len(spans))
    assert "the invoice bills it from 2026-10-" in row.reasons[0]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param("ghost,credits,2026-10-01,2026-11-01,5,,", "no account here is called 'ghost'", id="account"),
        pytest.param(
            "nellie-prod,tokens,2026-10-01,2026-11-01,5,,", "has no meter 'tokens' here; it has credits", id="meter"
        ),
    ],
)
def test_what_is_unknown_here_is_told(line: str, message: str, ledger: Ledger) -> None:
    fill(ledger)
    found = held_against(ledger, invoice(line), meters=None)
    (row,) = [one for one in found.rows if one.status is Status.PROVIDER_ONLY]
    assert message in row.reasons[0]


def test_one_unit_is_no_plural(ledger: Ledger) -> None:
    fill(ledger)
    assert told(ledger, "3806,,")[0] == "1 credit less invoiced than used"


def test_bounds_never_make_a_match(any_ledger: Ledger) -> None:
    any_ledger.open("nellie-prod", METERS[:1], **account_fields())
    any_ledger.poll(datetime(2026, 9, 30, tzinfo=UTC), 0)
    any_ledger.poll(datetime(2026, 11, 2, tzinfo=UTC), 1000)
    row = only(any_ledger, invoice("1000,,")).row
    assert (row["lower"], row["upper"], row["status"]) == (0, 1000, "mismatch")
