from __future__ import annotations

import io
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from collector.app.closing import close_period
from collector.domain.accounts import Account, Agreement, Counts, Meter, MeterTerms, Quota, Tolerance
from collector.domain.falls import FallKind, Pin
from collector.domain.instants import micros_of
from collector.domain.periods import Billing, PeriodKind
from collector.domain.prices import Price
from collector.domain.requests import RequestRecord
from collector.domain.terms import fall_terms
from collector.errors import NotEnoughDataError, UsageError
from collector.store.decisions import decide
from collector.store.engine import Database
from collector.store.reading import meters
from reports.catalogue import exhaustion_dates
from reports.document import Chart, Document, Kind, Section, Table, Tone
from reports.documents.month import month_answer, month_document
from reports.documents.month_words import day_text
from reports.exhaustion import TOLD
from reports.forecasting.words import outlook
from reports.formats.catalogue import write
from reports.month import As
from reports.rows import rows_of
from tests.reports.conftest import Ledger
from tests.reports.october import METERS, NOW, account_fields, fill, invoice

HOUR = timedelta(hours=1)
SIX = timedelta(hours=6)
BERLIN = ZoneInfo("Europe/Berlin")
UTC_ZONE = ZoneInfo("UTC")
NEW_YORKERS = "2026-10-01T00:00:00-04:00,2026-11-01T00:00:00-04:00"


def day(number: int, hour: int = 0, month: int = 10) -> datetime:
    return datetime(2026, month, number, hour, tzinfo=UTC)


UNTIL = day(5, month=11)


def steady(
    ledger: Ledger,
    silent: tuple[datetime, datetime, int] | None = None,
    until: datetime = UNTIL,
    **fields: Any,
) -> None:
    """Poll every six hours from 20 August on, ten credits each time; ``silent`` is ``(after, before, growth)``.

    So a day uses 40, September 1,200 and October 1,240 credits, at a cent each.
    """
    terms = {"credits": MeterTerms(prices=(Price(Decimal("0.01")),))}
    billing = Billing(PeriodKind.MONTHLY, currency="EUR")
    ledger.open(**{"zone": UTC_ZONE, "billing": billing, "terms": terms, **fields})
    at, value = day(20, month=8), 5000
    while at <= until:
        if silent is not None and at == silent[0] + SIX:
            at, value = silent[1], value - 10 + silent[2]
        ledger.poll(at, value)
        at, value = at + SIX, value + 10


@pytest.fixture(scope="module")
def opened(
    upgraded_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, make_account: Callable[..., Account]
) -> Iterator[Callable[[], Ledger]]:
    """A function that returns an empty ledger; what is filled once is only read afterwards."""
    found: list[Ledger] = []

    def make() -> Ledger:
        path = tmp_path_factory.mktemp("month") / "usage.db"
        shutil.copy(upgraded_sqlite, path)
        found.append(Ledger(Database(f"sqlite:///{path}"), make_account))
        return found[-1]

    yield make
    for one in found:
        one.database.close()


@pytest.fixture(scope="module")
def october(opened: Callable[[], Ledger]) -> Ledger:
    """October as ``tests.reports.october`` has it: 3,807 credits for 38.07 EUR."""
    found = opened()
    fill(found)
    return found


@pytest.fixture(scope="module")
def two(opened: Callable[[], Ledger]) -> Ledger:
    """October twice, as two accounts have it."""
    found = opened()
    fill(found)
    fill(found, name="second")
    return found


@pytest.fixture(scope="module")
def steadily(opened: Callable[[], Ledger]) -> Ledger:
    """Forty credits a day without a gap."""
    found = opened()
    steady(found)
    return found


@pytest.fixture(scope="module")
def over_the_end(opened: Callable[[], Ledger]) -> Ledger:
    """Nothing observed from noon to noon around the beginning of October: 40 credits, 20 or none or all of October."""
    found = opened()
    steady(found, (day(30, 12, 9), day(1, 12), 40))
    return found


def declared(ledger: Ledger, **changes: Any) -> dict[str, Agreement]:
    """Return what is agreed with the account, but for ``changes``."""
    return {"nellie-prod": replace(ledger.agreements["nellie-prod"], **changes)}


def of(ledger: Ledger, text: str = "2026-10", now: datetime = NOW, *lines: str, **changes: Any) -> Document:
    which = changes.pop("which", As.NOW)
    billed = invoice(*lines) if lines else None
    return month_document(ledger.database, ledger.question(now, **changes), text, which, billed)


def sentences(document: Document, name: str | None = None) -> str:
    """Return the sentences of a section, or those at the head."""
    if name is None:
        return "\n".join(document.paragraphs)
    return "\n".join(section(document, name).paragraphs)


def section(document: Document, name: str) -> Section:
    return next(one for one in document.sections if one.name == name)


def facts(document: Document) -> dict[str, tuple[str, str, Tone]]:
    return {fact.label: (fact.value, fact.note, fact.tone) for fact in document.facts}


def tables(document: Document) -> dict[str, Table]:
    found: Iterable[Table | Chart] = (block for one in document.sections for block in one.blocks)
    return {block.name: block.table if isinstance(block, Chart) else block for block in found}


def steadily_per_day(document: Document) -> list[object]:
    return [row["per_day"] for row in tables(document)["m1_earlier"].rows]


@pytest.mark.parametrize(
    ("line", "changes", "said", "code"),
    [
        pytest.param(
            "3807,38.07,EUR", {}, "Pay it: the invoice bills 3,807 credits and 38.07 EUR, exactly what the ledger has.",
            0, id="matches",
        ),
        pytest.param(
            "5057,50.57,EUR", {},
            "Do not pay yet: the invoice bills 5,057 credits and 50.57 EUR, 1,250 credits more than the ledger can "
            "hold (it holds exactly 3,807), and 12.50 EUR too much (38.07 EUR at your prices).",
            1, id="too high",
        ),
        pytest.param(
            "3707,37.07,EUR", {},
            "Check it first: the invoice bills 3,707 credits and 37.07 EUR, 100 credits less than the ledger holds (it "
            "holds exactly 3,807), and 1.00 EUR too little (38.07 EUR at your prices).",
            1, id="too low",
        ),
        pytest.param(
            "3900,38.07,EUR", {},
            "Do not pay yet: the invoice bills 3,900 credits and 38.07 EUR, 93 credits more than the ledger can hold "
            "(it holds exactly 3,807), and asks for the right amount all the same, 38.07 EUR.",
            1, id="too many units for the right amount",
        ),
        pytest.param(
            "3807,43.07,EUR", {},
            "Do not pay yet: the quantity is right (3,807 credits), but the invoice asks for 43.07 EUR, 5.00 EUR more "
            "than your prices give for 3,807 credits (38.07 EUR).",
            1, id="too dear",
        ),
        pytest.param(
            "3807,38.07,USD", {},
            "Do not pay yet: the invoice bills 3,807 credits and 38.07 USD, and the account's currency is EUR: the "
            "amounts cannot be compared.",
            1, id="another currency",
        ),
        pytest.param(
            "3810,38.07,EUR", {"tolerance": Tolerance(quantity=3)},
            "Pay it: the invoice bills 3,810 credits and 38.07 EUR, within your tolerance of what the ledger has, "
            "3,807 credits (38.07 EUR).",
            0, id="within tolerance",
        ),
        pytest.param(
            "3807,,", {},
            "Pay it: the invoice bills 3,807 credits, exactly what the ledger has; it names no amount, and at your "
            "prices it is 38.07 EUR.",
            0, id="quantity alone",
        ),
        pytest.param(
            ",38.07,EUR", {},
            "Pay it: the invoice bills 38.07 EUR, exactly what 3,807 credits cost at your prices; it names no "
            "quantity.",
            0, id="amount alone",
        ),
        pytest.param(
            "3807,,", {"terms": {}},
            "Pay it: the invoice bills 3,807 credits, exactly what the ledger has; it names no amount, and no price is "
            "declared, so only the quantity was checked.",
            0, id="without a price",
        ),
        pytest.param(
            "3807,38.07,EUR", {"terms": {}},
            "Check it first: the quantity is right, but the amount could not be checked: the invoice bills 3,807 "
            "credits and 38.07 EUR.",
            0, id="amount without a price",
        ),
    ],
)  # fmt: skip
def test_first_sentence_says_whether_to_pay(
    line: str, changes: dict[str, Any], said: str, code: int, october: Ledger
) -> None:
    asked = october.question(NOW, meters=("credits",), agreements=declared(october, **changes))
    found = month_answer(october.database, asked, "2026-10", As.NOW, invoice(line))
    assert (found.document.paragraphs[0], found.exit_code) == (said, code)


def test_first_fact_is_the_verdict_with_its_tone(october: Ledger) -> None:
    assert facts(of(october, "2026-10", NOW, "5057,50.57,EUR"))["Invoice"] == (
        "Do not pay yet",
        "bills 5,057 credits and 50.57 EUR",
        Tone.BAD,
    )


def test_other_clock_of_the_provider_is_told_in_the_account_s(october: Ledger) -> None:
    said = sentences(of(october, "2026-10", NOW, f"nellie-prod,credits,{NEW_YORKERS},3847,38.47,EUR"))
    assert "the invoice's period is 1 Oct 2026, 06:00 Europe/Berlin to 1 Nov 2026, 05:00 Europe/Berlin" in said


def test_difference_that_nothing_explains_says_so(october: Ledger) -> None:
    assert "Nothing was found in the ledger that explains just this difference; ask the provider" in sentences(
        of(october, "2026-10", NOW, "5057,50.57,EUR")
    )


def test_what_is_only_invoiced_stops_the_payment_and_has_a_section(october: Ledger) -> None:
    ghost = "ghost,credits,2026-10-01,2026-11-01,10,1.00,EUR"
    found = month_answer(october.database, october.question(NOW), "2026-10", As.NOW, invoice("3807,38.07,EUR", ghost))
    assert found.exit_code == 1
    assert found.document.paragraphs[0].startswith("Do not pay yet: 1 of 2 meters does not fit. ghost/credits: the inv")
    assert section(found.document, "v1").title == "Only on the invoice: ghost · credits"


def test_meter_that_is_not_on_the_invoice_is_told(october: Ledger) -> None:
    asked = october.question(NOW, agreements=declared(october, terms={}))
    other = "nellie-prod,requests,2026-10-01,2026-11-01,32,,"
    found = month_answer(october.database, asked, "2026-10", As.NOW, invoice(other))
    words = {row["meter"]: row["verdict"] for row in tables(found.document)["overview"].rows}
    assert words == {"credits": "Not billed separately", "requests": "Pay it"}
    priced = month_answer(october.database, october.question(NOW), "2026-10", As.NOW, invoice(other))
    assert "nellie-prod/credits: 3,807 credits (38.07 EUR) were used and are not on" in priced.document.paragraphs[0]
    assert (found.exit_code, priced.exit_code) == (0, 1)


class TestAnotherPeriod:
    @pytest.mark.parametrize(
        ("line", "said"),
        [
            pytest.param(
                "nellie-prod,credits,2026-09-01,2026-10-01,70,0.70,EUR",
                "Wrong period: this invoice is for September 2026 (it bills 70 credits and 0.70 EUR), and October 2026 "
                "was asked for; hold it against its own with --period 2026-09.",
                id="own",
            ),
            pytest.param(
                "nellie-prod,credits,2026-10-15,2026-11-15,70,,",
                "Wrong period: this invoice is for 15 Oct – 14 Nov 2026 (it bills 70 credits), and October 2026 was "
                "asked for; no billing period of the account has just these days; accounts.billing says when they "
                "begin.",
                id="of no account",
            ),
        ],
    )
    def test_is_named_with_what_to_ask(self, line: str, said: str, october: Ledger) -> None:
        found = month_answer(october.database, october.question(NOW), "2026-10", As.NOW, invoice(line))
        assert (found.document.paragraphs[0], found.exit_code) == (said, 1)
        assert found.invoiced["nellie-prod", "credits"]["invoice_status"] is None

    def test_of_a_running_period_is_wrong_too(self, ledger: Ledger) -> None:
        fill(ledger, until=day(20))
        line = "nellie-prod,credits,2026-09-01,2026-10-01,70,,"
        found = month_answer(ledger.database, ledger.question(day(20, 1)), "2026-10", As.NOW, invoice(line))
        assert (found.document.paragraphs[0][:12], found.exit_code) == ("Wrong period", 1)

    def test_line_of_another_period_beside_the_right_one_changes_nothing(self, october: Ledger) -> None:
        lines = invoice("3807,38.07,EUR", "nellie-prod,credits,2026-09-01,2026-10-01,70,,")
        found = month_answer(october.database, october.question(NOW), "2026-10", As.NOW, lines)
        assert (found.document.paragraphs[0][:6], found.exit_code) == ("Pay it", 0)


class TestOtherAccounts:
    def test_right_invoice_of_one_account_is_paid(self, two: Ledger) -> None:
        found = month_answer(two.database, two.question(NOW), "2026-10", As.NOW, invoice("3807,38.07,EUR"))
        assert found.exit_code == 0
        assert found.document.paragraphs[:2] == (
            "Pay it: the invoice bills 3,807 credits and 38.07 EUR, exactly what the ledger has.",
            "Not part of this verdict is an account that the invoice does not name: second.",
        )
        assert facts(found.document)["Invoice"][0] == "Pay it"

    def test_they_are_told_without_fault(self, two: Ledger) -> None:
        found = month_answer(two.database, two.question(NOW), "2026-10", As.NOW, invoice("3807,38.07,EUR"))
        words = [row["verdict"] for row in tables(found.document)["overview"].rows]
        assert words == ["Pay it", "Not billed separately", "Not on this invoice", "Not on this invoice"]
        assert found.invoiced["second", "credits"] == {
            "verdict": "Not on this invoice: it does not name the account second.",
            "invoiced_quantity": None, "invoiced_amount": None, "discrepancy": None, "invoice_status": None,
        }  # fmt: skip

    def test_invoice_that_names_none_of_those_asked_for_does_not_fit(self, two: Ledger) -> None:
        asked = two.question(NOW, accounts=("second",))
        found = month_answer(two.database, asked, "2026-10", As.NOW, invoice("3807,38.07,EUR"))
        assert (found.document.paragraphs[0][:10], found.exit_code) == ("Not billed", 1)


def test_several_lines_that_fit_are_paid_at_once(ledger: Ledger) -> None:
    fill(ledger)
    fill(ledger, name="second")
    second = "second,credits,2026-10-01,2026-11-01,3807,38.07,EUR"
    found = of(ledger, "2026-10", NOW, "3807,38.07,EUR", second)
    assert found.paragraphs[0].startswith("Pay it: all 2 lines fit (nellie-prod/credits: the invoice bills 3,807")
    assert facts(found)["Amount in EUR"][0] == "76.14 EUR"
    assert [row["verdict"] for row in tables(found)["overview"].rows] == ["Pay it", "Not billed separately"] * 2


def test_without_an_invoice_it_is_told_what_one_should_say_and_how_to_check_it(october: Ledger) -> None:
    found = of(october)
    assert found.paragraphs[0] == (
        "The invoice for October 2026 should bill 3,807 credits and 38.07 EUR for nellie-prod, credits; whether it "
        "does is told by: collector report month --period 2026-10 --invoice FILE."
    )
    assert facts(found)["Invoice"][0] == "Not checked"


def test_invoice_of_a_running_period_has_to_wait(ledger: Ledger) -> None:
    fill(ledger, until=day(20))
    found = month_answer(
        ledger.database, ledger.question(day(20, 1), meters=("credits",)), "2026-10", As.NOW, invoice("3807,38.07,EUR")
    )
    assert found.exit_code == 4
    assert found.document.paragraphs[0] == (
        "Wait: the ledger is incomplete (the period ends on 1 Nov 2026, 00:00 Europe/Berlin, and the last observation "
        "is of 20 Oct 2026, 02:00 Europe/Berlin). It holds 2,607 credits (26.07 EUR) so far; the invoice bills 3,807 "
        "credits and 38.07 EUR."
    )


class TestHowSure:
    def test_gap_within_holds_exactly_what_the_counter_grew(self, ledger: Ledger) -> None:
        # 30 hours of the 744 in October; 119 of its 124 steps of ten credits lie outside.
        steady(ledger, (day(12), day(13, 6), 48))
        found = of(ledger)
        assert "98.7" not in sentences(found)
        assert "How sure: 96.0 % of October 2026 was observed, and the total is exact all the same." in sentences(found)
        said = sentences(found, "m1_sure")
        assert "The total, 1,238 credits, is exact: the counter is known at both ends of the period." in said
        assert (
            "The 4.0 % gap on 12 Oct 2026, 00:00 – 13 Oct 2026, 06:00 UTC (1 day 6 h) holds exactly 48 credits: the "
            "counter was read before and after it, so they are all in the total."
        ) in said
        (row,) = tables(found)["m1_gaps"].rows
        assert row["from"] == "2026-10-12 00:00:00"
        assert [one.title for one in tables(found)["m1_gaps"].columns[1:3]] == ["From (UTC)", "Until (UTC)"]
        assert (row["length"], row["usage"], row["lower"], row["upper"]) == (30 * 3600, 48, 48, 48)

    def test_gap_over_an_end_is_told_with_its_bounds_in_units_and_money(self, over_the_end: Ledger) -> None:
        # From noon to noon 40 credits: between none and all of them in October, 122 steps of ten are certain.
        found = of(over_the_end)
        said = sentences(found, "m1_sure")
        assert (
            "The total, 1,240 credits, is known within bounds: between 1,220 and 1,260 credits, which cost between "
            "12.20 and 12.60 EUR."
        ) in said
        assert "on 1 Oct 2026, 00:00–12:00 UTC (12 h) holds between 0 and 40 credits" in said
        assert facts(found)["Used"] == ("1,240 credits", "between 1,220 and 1,260 credits", Tone.WARNING)
        assert facts(found)["Amount"][1] == "at your prices, 12.20 to 12.60 EUR"
        assert "should bill 1,240 credits (between 1,220 and 1,260 credits) and 12.40 EUR" in found.paragraphs[0]

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            pytest.param(
                "1250,12.50,EUR",
                "10 credits more than the 1,240 credits used, and 0.10 EUR too much (12.40 EUR at your prices); the "
                "ledger itself only knows between 1,220 and 1,260 credits, so this may be all that differs.",
                id="within the bounds",
            ),
            pytest.param(
                "1300,13.00,EUR", "60 credits more than the ledger can hold (at most 1,260)", id="beyond them"
            ),
            pytest.param("1200,12.00,EUR", "40 credits less than the ledger holds (at least 1,220)", id="below them"),
            pytest.param(
                ",12.90,EUR", "than your prices give for 1,240 credits (12.40 EUR, at most 12.60 EUR)", id="money"
            ),
        ],
    )
    def test_bounds_stand_beside_a_difference(self, line: str, said: str, over_the_end: Ledger) -> None:
        assert said in of(over_the_end, "2026-10", NOW, line).paragraphs[0]

    def test_month_without_a_gap_says_so(self, steadily: Ledger) -> None:
        found = of(steadily)
        assert "All of October 2026 was observed, without a gap." in sentences(found, "m1_sure")
        assert facts(found)["Observed"] == ("100.0 %", "no gap", Tone.GOOD)
        assert "m1_gaps" not in tables(found)

    def test_readings_far_apart_say_why_so_little_was_observed(self, ledger: Ledger) -> None:
        ledger.open(zone=UTC_ZONE, billing=Billing(PeriodKind.MONTHLY))
        for number in range(32):
            ledger.poll(day(1) + number * timedelta(days=1), 100 + number)
        found = of(ledger, now=day(1, 1, 11))
        apart = "values were read mostly 1 day apart, further than poll_every asks for"
        assert facts(found)["Observed"] == ("0.0 %", apart, Tone.PLAIN)
        assert (
            f"How sure: 0.0 % of October 2026 was observed ({apart}), and the total is exact all the same."
        ) in sentences(found)
        assert sentences(found, "m1_sure").splitlines()[2:] == [
            f"V{apart[1:]}, as those of an imported history often are: the time between two such readings counts as a "
            "gap, 31 in all, the longest of 1 day.",
            "What the gaps hold is known from the readings at their ends, exactly 31 credits together; when between "
            "two readings it was used is not.",
        ]

    def test_table_has_the_longest_gaps_and_counts_the_others(self, ledger: Ledger) -> None:
        ledger.open(zone=UTC_ZONE, billing=Billing(PeriodKind.MONTHLY))
        for number in range(32):
            ledger.poll(day(1) + number * timedelta(days=1), 100 + number)
        table = tables(of(ledger, now=day(1, 1, 11)))["m1_gaps"]
        assert len(tuple(table.rows)) == 10
        assert table.note == "The 10 longest of 31 gaps; the 21 others hold exactly 21 credits."

    def test_of_many_failures_the_longest_are_told(self, ledger: Ledger) -> None:
        ledger.open(zone=UTC_ZONE, billing=Billing(PeriodKind.MONTHLY))
        for number in range(32):
            for hours in (0, 6):
                ledger.poll(day(1) + timedelta(days=number, hours=hours), 100 + number)
        found = of(ledger, now=day(1, 1, 11))
        said = sentences(found, "m1_sure")
        assert facts(found)["Observed"][1] == "31 gaps"
        assert said.count(" gap on ") == 5
        assert "26 shorter gaps, 62.9 % of the period, hold exactly 26 credits." in said

    def test_history_that_begins_within_makes_no_claim_about_an_invoice(self, steadily: Ledger) -> None:
        found = of(steadily, "2026-08")
        assert found.paragraphs[0] == (
            "What the invoice for August 2026 should bill is not known: the ledger holds 480 credits and 4.80 EUR for "
            "nellie-prod, credits, but nothing was observed before 20 Aug 2026, 00:00 UTC."
        )
        assert "in the first 19 days of the period is in no figure here" in sentences(found, "m1_sure")

    def test_correction_is_told_with_its_figures(self, ledger: Ledger) -> None:
        steady(ledger, until=day(20))
        ledger.polls([(day(20) + HOUR * count, 7100) for count in range(1, 5)])
        ledger.poll(day(1, month=11), 7500)
        found = of(ledger)
        assert "the provider took 340 credits back, from 7,440 to 7,100 on the counter" in sentences(found, "m1_sure")
        assert [row["kind"] for row in tables(found)["m1_falls"].rows] == ["correction"]
        taken = "Taken back: the provider took 340 credits back by 20 Oct 2026, 01:00 UTC; the total is less by as much"
        assert taken in sentences(found)

    def test_correction_that_the_invoice_does_not_have_is_told_at_the_top(self, ledger: Ledger) -> None:
        steady(ledger, until=day(20))
        ledger.polls([(day(20) + HOUR * count, 7100) for count in range(1, 5)])
        ledger.poll(day(1, month=11), 7500)
        (row,) = of(ledger).records.rows
        used = int(str(row["usage"]))
        said = sentences(of(ledger, "2026-10", NOW, f"{used + 340},,"))
        assert (
            "What may explain it: the provider took 340 credits back by 20 Oct 2026, 01:00 UTC (its counter fell from "
            "7,440 to 7,100): just what differs, so the invoice may not take it back."
        ) in said
        assert "Taken back" not in said

    def test_reset_leaves_the_total_open(self, ledger: Ledger) -> None:
        steady(ledger, until=day(20))
        ledger.polls([(day(20) + HOUR * count, 3 + count) for count in range(1, 5)])
        ledger.poll(day(1, month=11), 500)
        found = of(ledger)
        assert facts(found)["Used"][1] == "at least 1,260 credits, with no upper limit known"
        assert "The counter began anew by 20 Oct 2026, 01:00 UTC, from 7,440 to 4" in sentences(found, "m1_sure")
        assert "no upper limit known" in found.paragraphs[0]

    def test_fall_that_is_held_names_what_settles_it(self, ledger: Ledger) -> None:
        steady(ledger, until=day(20))
        ledger.poll(day(20, 1), 6000)
        assert "collector resets decide" in sentences(of(ledger, now=day(20, 2)), "m1_sure")

    def test_units_without_a_price_are_not_in_the_amount(self, steadily: Ledger) -> None:
        terms = {"credits": MeterTerms(prices=(Price(Decimal("0.01"), valid_from=day(11).date()),))}
        found = of(steadily, agreements=declared(steadily, terms=terms))
        assert facts(found)["Amount"][:2] == ("8.40 EUR", "at your prices; 400 credits without a price not in it")
        assert "400 credits were used on days without a declared price" in sentences(found, "m1_sure")


class TestCompared:
    def test_month_that_is_over_is_compared_by_day(self, ledger: Ledger) -> None:
        steady(ledger, (day(12), day(13, 6), 670))  # 620 more than the 50 of those thirty hours: 60 a day
        said = sentences(of(ledger), "m1_compared")
        assert "60.0 a day: 50 % more a day than in September 2026 (1,200 in 30 days, 40.0 a day)." in said
        assert "It costs 18.60 EUR, 6.60 EUR more than September 2026" in said

    def test_running_month_is_compared_on_equal_numbers_of_days(self, ledger: Ledger) -> None:
        steady(ledger, (day(5), day(6), 80), until=day(10, 6))
        said = sentences(of(ledger, now=day(10, 7)), "m1_compared")
        assert (
            "On its first 9 days 400 credits were used, 11 % more than on the first 9 days of September 2026 (360)."
            in said
        )

    def test_period_of_which_only_a_part_was_seen_is_compared_with_nothing(self, steadily: Ledger) -> None:
        found = of(steadily, "2026-09")
        assert "no earlier period that was observed from its beginning" in sentences(found, "m1_compared")
        rows = tuple(tables(found)["m1_earlier"].rows)
        assert [(row["period"], row["usage"], row["partial"]) for row in rows] == [
            ("2026-08", 480, True),
            ("2026-09", 1200, False),
        ]
        assert [row["per_day"] for row in rows] == [40, 40]  # twelve days of August were seen, not thirty-one
        assert steadily_per_day(of(steadily, "2026-09", now=day(20, month=9))) == [40, 40]

    def test_twelve_earlier_periods_are_shown_at_most(self, ledger: Ledger) -> None:
        ledger.open(zone=UTC_ZONE, billing=Billing(PeriodKind.WEEKLY))
        for number in range(140):
            ledger.poll(day(1, month=6) + number * timedelta(days=1), 10 * number, gap_after=timedelta(days=2))
        found = of(ledger, "2026-W40", now=day(20))
        assert len(tuple(tables(found)["m1_earlier"].rows)) == 13
        assert found.title == "Usage, 28 Sep – 4 Oct 2026"


class TestAhead:
    def test_steady_use_is_carried_to_the_period_s_end_with_its_cost(self, ledger: Ledger) -> None:
        steady(ledger, until=day(11))
        found = of(ledger, now=day(11, 1))
        said = sentences(found, "m1_ahead")
        match = re.fullmatch(
            r"October 2026 is expected to come to ([\d,]+) credits by its end \(80 %: ([\d,]+) to ([\d,]+)\), which "
            r"cost ([\d.]+) EUR \(80 %: ([\d.]+) to ([\d.]+)\); 400 credits \(4.00 EUR\) of it were used until 11 "
            r"Oct 2026, 00:00 UTC\.",
            said,
        )
        assert match is not None, said
        usage = [Decimal(one.replace(",", "")) for one in match.groups()[:3]]
        assert usage[1] < usage[0] < usage[2]
        assert abs(usage[0] - 1240) < 40
        assert [Decimal(one) for one in match.groups()[3:]] == [one / 100 for one in usage]
        assert "an invoice can be judged once the period is over" in found.paragraphs[0]

    def test_quota_that_runs_out_is_told_with_the_day(self, ledger: Ledger) -> None:
        terms = {"credits": MeterTerms(quota=Quota(1000))}
        steady(ledger, until=day(11), terms=terms)
        found = of(ledger, now=day(11, 1))
        assert "400 of the quota of 1,000 credits are used, 600 are left" in sentences(found, "m1_ahead")
        (row,) = rows_of(exhaustion_dates(ledger.database, ledger.question(day(11, 1))), TOLD)
        assert abs(date.fromisoformat(str(row["exhausts_on"])) - date(2026, 10, 25)) <= timedelta(days=1)
        assert f"are left; {outlook(row, lambda iso: day_text(date.fromisoformat(iso)))}." in sentences(
            found, "m1_ahead"
        )
        assert "m1_cumulative" in tables(found)

    def test_month_that_is_over_tells_how_the_running_one_looks(self, steadily: Ledger) -> None:
        said = sentences(of(steadily, now=day(5, 1, 11)))
        match = re.search(
            r"Ahead: November 2026, which runs now, is expected to come to ([\d,]+) credits by its end", said
        )
        assert match is not None, said
        assert int(match[1].replace(",", "")) == pytest.approx(1200, rel=0.05)

    def test_nothing_is_projected_from_less_than_a_day(self, ledger: Ledger) -> None:
        ledger.open(zone=UTC_ZONE, billing=Billing(PeriodKind.MONTHLY))
        ledger.polls([(day(1) + SIX * count, 10 * count) for count in range(4)])
        found = of(ledger, now=day(1, 19))
        assert sentences(found, "m1_ahead") == (
            "October 2026 holds 30 credits until 1 Oct 2026, 18:00 UTC; nothing is projected: less than 24 hours of "
            "history: a forecast needs a day."
        )
        assert "m1_cumulative" not in tables(found)

    def test_few_days_give_an_interval_alone_with_its_cost(self, ledger: Ledger) -> None:
        steady(ledger, until=day(23, month=8))
        said = sentences(of(ledger, "2026-08", now=day(23, 1, 8)), "m1_ahead")
        assert re.fullmatch(
            r"August 2026 is expected to come to between [\d,]+ and [\d,]+ credits by its end \(80 %, with only 3 days "
            r"of history\), which cost [\d.]+ to [\d.]+ EUR; 120 credits \(1\.20 EUR\) of it were used until .*",
            said,
        ), said

    def test_nothing_is_projected_of_an_idle_meter(self, ledger: Ledger) -> None:
        steady(ledger, until=day(5))
        ledger.polls([(day(5) + SIX * count, 6830) for count in range(1, 48)])
        assert "nothing is projected: idle for 11 days, and nobody knows" in sentences(
            of(ledger, now=day(16, 19)), "m1_ahead"
        )

    def test_usage_to_come_is_that_of_the_report_exhaustion(self, ledger: Ledger) -> None:
        steady(ledger, until=day(11), terms={"credits": MeterTerms(quota=Quota(1000))})
        (row,) = rows_of(exhaustion_dates(ledger.database, ledger.question(day(11, 1))), TOLD)
        last = list(tables(of(ledger, now=day(11, 1)))["m1_cumulative"].rows)[-1]
        assert [last[name] for name in ("low", "middle", "high")] == [
            row[name] for name in ("projected_lower", "projected_usage", "projected_upper")
        ]

    def test_month_over_its_quota_is_told_at_the_top(self, steadily: Ledger) -> None:
        terms = {"credits": MeterTerms(quota=Quota(1000))}
        assert facts(of(steadily, agreements=declared(steadily, terms=terms)))["Of the quota"] == (
            "124.0 %",
            "240 credits over the quota of 1,000",
            Tone.BAD,
        )


def test_requests_are_told_by_status_with_the_biggest_first(october: Ledger) -> None:
    found = of(october)
    assert "Requests: 32 requests were listed; none failed." in found.paragraphs
    biggest = tuple(tables(found)["m2_biggest"].rows)
    assert [row["credits_used"] for row in biggest[:2]] == [777, 100]
    assert len(biggest) == 10


def test_failed_and_unresolved_requests_are_counted(ledger: Ledger) -> None:
    two = (Meter("credits", "credits", counts=Counts.CREDITS), Meter("requests", "requests", counts=Counts.REQUESTS))
    ledger.open("nellie-prod", two, **account_fields())
    made = day(10, 12)
    first = [RequestRecord("a", "failed", made, made + HOUR, 5), RequestRecord("b", "processing", made)]
    then = [RequestRecord("c", "completed", made + HOUR, made + 3 * HOUR, 7)]
    for at, counted, listed in ((made, 0, []), (made + HOUR, 2, first), (made + 4 * HOUR, 3, then)):
        values = {"credits": 100 + counted, "requests": counted}
        ledger.poll(at, values, requests=listed, requests_meter="requests", gap_after=timedelta(days=90))
    found = of(ledger)
    assert "3 requests were listed; 1 of them failed (33.3 %); of 1 nobody knows how they ended." in sentences(found)
    assert [row["took"] for row in tables(found)["m2_longest"].rows] == [7200, 3600]
    assert [row["request_id"] for row in tables(found)["m2_open"].rows] == ["b"]


class TestClosed:
    def fill(self, ledger: Ledger) -> None:
        """Let October use 600 credits with a correction, and declare it a reset after the close: 2,100."""
        dipped = day(20, 13)
        ledger.open("nellie-prod", METERS[:1], **account_fields())
        course = [(datetime(2026, 9, 30, 22, tzinfo=UTC), 1000), (dipped - HOUR, 1500), (dipped, 1450),
                  (dipped + HOUR, 1450), (datetime(2026, 10, 31, 23, tzinfo=UTC), 1600)]  # fmt: skip
        for at, value in course:
            ledger.poll(at, value, gap_after=timedelta(days=60))
        close_period(ledger.database, ledger.question(NOW), "2026-10", "ada")
        with ledger.database.read() as connection:
            (row,) = meters(connection)
        terms = fall_terms(ledger.agreements["nellie-prod"]).of_meter("credits")
        pin = Pin(FallKind.RESET, "operator:ada", "the provider told us")
        with ledger.database.write() as connection:
            decide(connection, row.id, micros_of(dipped), pin, terms, NOW)

    def test_what_became_known_since_stands_at_the_top(self, ledger: Ledger) -> None:
        self.fill(ledger)
        assert "Closed: on 3 Nov 2026 by ada; +1,500 credits (+15.00 EUR) became known since." in of(ledger).paragraphs

    def test_both_kinds_of_figures_stand_side_by_side(self, ledger: Ledger) -> None:
        self.fill(ledger)
        found = of(ledger, which=As.BOTH)
        rows = {row["figure"]: row for row in tables(found)["m1_statement"].rows}
        assert [rows["Used"][key] for key in ("value", "closed", "more")] == [2100, 600, 1500]
        said = sentences(found, "m1_sure")
        assert "As closed it was 600 credits, as now known it is 2,100: +1,500 became known later." in said
        assert "it by +1,500 credits (+15.00 EUR), not yet in any closed statement." in said

    def test_figures_as_closed_stay(self, ledger: Ledger) -> None:
        self.fill(ledger)
        found = of(ledger, which=As.CLOSED)
        assert facts(found)["Used"][0] == "600 credits"
        assert re.search(r"the digest of its statement is [0-9a-f]{64}\.", sentences(found, "m1_sure"))

    def test_verdict_beside_figures_as_closed_is_told_to_be_on_what_is_now_known(self, ledger: Ledger) -> None:
        self.fill(ledger)
        found = of(ledger, "2026-10", NOW, "2100,21.00,EUR", which=As.CLOSED)
        assert found.paragraphs[0].startswith("Pay it: the invoice bills 2,100 credits and 21.00 EUR")
        assert "The verdict is on what is now known of the period" in sentences(found)

    def test_closed_figures_of_an_open_period_are_refused(self, october: Ledger) -> None:
        with pytest.raises(NotEnoughDataError, match="is not closed"):
            of(october, which=As.CLOSED)


def test_text_that_names_no_period_is_refused(october: Ledger) -> None:
    with pytest.raises(UsageError, match="no statement for 'October'"):
        of(october, "October")


@pytest.mark.parametrize("lines", [(), ("9,0.09,EUR",)], ids=["nothing", "invoice of another period"])
def test_period_without_a_history_is_an_honest_empty_document(lines: tuple[str, ...], october: Ledger) -> None:
    found = of(october, "2027-05", NOW, *lines)
    assert found.empty.startswith("Nothing was recorded in this period")
    assert (found.paragraphs, found.sections, found.facts, tuple(found.records.rows)) == ((), (), (), ())


def test_decimal_quantities_keep_their_places(ledger: Ledger) -> None:
    ledger.open("vm", [Meter("hours", "hours", 3)], zone=UTC_ZONE, billing=Billing(PeriodKind.MONTHLY, currency="EUR"),
                terms={"hours": MeterTerms(quota=Quota(5000), prices=(Price(Decimal("0.5")),))})  # fmt: skip
    for number in range(63):
        ledger.poll(day(1) + number * 2 * SIX, {"hours": 1000 + 125 * number}, "vm", gap_after=timedelta(days=2))
    found = of(ledger, now=day(1, 13, 11))
    # 62 steps of 0.125 hours.
    assert facts(found)["Used"][0] == "7.750 hours"
    assert facts(found)["Amount"][0] == "3.88 EUR"
    assert facts(found)["Of the quota"][1] == "2.750 hours over the quota of 5.000"


def test_account_without_periods_prices_and_currency_has_its_month(steadily: Ledger) -> None:
    found = of(steadily, agreements=declared(steadily, billing=Billing(), terms={}))
    assert facts(found)["Used"][0] == "1,240 credits"
    assert "Amount" not in facts(found)
    assert "40.0 a day: as much a day as in September 2026 (1,200 in 30 days, 40.0 a day)." in sentences(found)


def test_records_are_the_rows_of_the_command_s_csv(october: Ledger) -> None:
    found = of(october)
    kinds = {column.key: column.kind for column in found.records.columns}
    assert (kinds["amount"], kinds["usage"], kinds["period_start"]) == (Kind.MONEY, Kind.QUANTITY, Kind.INSTANT)
    assert [(row["meter"], row["usage"]) for row in found.records.rows] == [("credits", 3807), ("requests", 32)]


def test_names_of_sections_and_tables_are_anchors_and_unique(finance: Ledger) -> None:
    found = month_document(finance.database, finance.question(datetime(2026, 4, 25, tzinfo=UTC)), "2026-03")
    blocks = [block.name for one in found.sections for block in one.blocks]
    names = [one.name for one in found.sections] + blocks
    assert len(blocks) == len(set(blocks))
    assert all(re.fullmatch("[a-z][a-z0-9_]*", name) for name in names)
    assert len({one.name for one in found.sections}) == len(found.sections)


@pytest.mark.parametrize("text", ["2026-01", "2026-02", "2026-03", "2026-04", "2026-W10"])
def test_every_kind_of_account_has_its_month(text: str, finance: Ledger) -> None:
    found = month_document(finance.database, finance.question(datetime(2026, 4, 25, tzinfo=UTC)), text)
    assert found.paragraphs
    for one in tables(found).values():
        rows = tuple(one.rows)
        assert all({column.key for column in one.columns} <= row.keys() for row in rows), one.name


def test_hostile_invoice_is_inert_on_the_page(october: Ledger) -> None:
    hostile = '"<script>alert(1)</script>","=HYPERLINK(1)",2026-10-01,2026-11-01,10,1.00,EUR'
    found = of(october, "2026-10", NOW, "3807,38.07,EUR", hostile)
    out = io.BytesIO()
    write(found, "html", out)
    assert b"<script>" not in out.getvalue()
    assert b"&lt;script&gt;" in out.getvalue()


def test_whole_invoice_counts_everything_that_does_not_fit_the_worst_first(ledger: Ledger) -> None:
    fill(ledger)
    fill(ledger, name="second")
    fill(ledger, until=day(20), name="third")
    third = "third,credits,2026-10-01,2026-11-01,3807,38.07,EUR"
    ghost = "ghost,credits,2026-10-01,2026-11-01,10,1.00,EUR"
    found = month_answer(
        ledger.database, ledger.question(NOW, meters=("credits",)), "2026-10", As.NOW,
        invoice("3807,38.07,EUR", third, ghost),
    )  # fmt: skip
    assert found.exit_code == 1
    assert found.document.paragraphs[0] == (
        "Do not pay yet: 1 of 3 meters does not fit, and 1 cannot be judged yet. ghost/credits: the invoice bills 10 "
        "credits and 1.00 EUR of an account 'ghost', and nothing of it is in the ledger."
    )
