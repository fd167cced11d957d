from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from collector.domain.accounts import Meter, MeterTerms
from collector.domain.money import rounded
from collector.domain.periods import Billing, PeriodKind
from collector.domain.prices import Price
from reports.beancount import account_part, commodity_of, journal
from reports.charges import MeterCharges, charges_asked
from tests.reports.finance_ledger import FIRST, LAST

if TYPE_CHECKING:
    from tests.reports.conftest import Ledger

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
MONTHLY = Billing(PeriodKind.MONTHLY, currency="EUR")
POSTING = re.compile(r"  (\S+)  (-?[\d.]+) (\S+)\n")
ENTRY = re.compile(r'^(\d{4}-\d\d-\d\d) ([*!]) "([^"]*)" "([^"]*)"\n((?:  .*\n)+)', re.MULTILINE)
BALANCE = re.compile(r"^(\S+) balance (\S+) (\S+) ~ 0 (\S+)$", re.MULTILINE)

Check = Callable[[str], subprocess.CompletedProcess[str]]


def written(ledger: Ledger, **asked: Any) -> str:
    question = ledger.question(LAST + DAY, **asked)
    return "".join(journal(ledger.database, charges_asked(ledger.database, question)))


def posted(text: str, account: str, first: date = date.min, end: date = date.max) -> Decimal:
    """Return the sum of the postings to ``account`` on the dates ``[first, end)``."""
    return sum(
        (
            Decimal(amount)
            for day, _, _, _, body in ENTRY.findall(text)
            if first <= date.fromisoformat(day) < end
            for name, amount, _ in POSTING.findall(body)
            if name == account
        ),
        Decimal(0),
    )


def place(meter: MeterCharges) -> str:
    return f"{account_part(meter.row.account)}:{account_part(meter.row.name)}"


@pytest.fixture(scope="module")
def text(finance: Ledger) -> str:
    """The file of the whole ledger."""
    return written(finance)


@pytest.fixture(scope="module")
def found(finance: Ledger) -> list[MeterCharges]:
    """What the file was written from."""
    return list(charges_asked(finance.database, finance.question(LAST + DAY)))


@pytest.fixture
def bean_check(tmp_path: Path) -> Check:
    """Return a function that has the real ``bean-check`` judge a text."""

    def check(text: str) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "usage.beancount"
        path.write_text(text, encoding="utf-8")
        program = Path(sys.executable).with_name("bean-check")
        return subprocess.run([program, "--no-cache", path], capture_output=True, text=True, check=False)

    return check


class TestBeanCheck:
    def test_whole_ledger_passes(self, text: str, bean_check: Check) -> None:
        judged = bean_check(text)
        assert (judged.returncode, judged.stderr) == (0, "")

    @pytest.mark.parametrize(
        "asked",
        [
            {"start": date(2026, 2, 17)},
            {"end": date(2026, 3, 15)},
            {"start": date(2026, 2, 28), "end": date(2026, 3, 31)},
            {"start": date(2026, 3, 29), "end": date(2026, 3, 30)},
            {"last_days": 30},
            {"accounts": ("berlin_prod", "kathmandu")},
            {"meters": ("requests",)},
            {"start": date(2027, 1, 1)},
        ],
        ids=["from", "to", "both", "one day", "last", "accounts", "meters", "nothing"],
    )
    def test_every_part_of_it_passes(self, finance: Ledger, bean_check: Check, asked: dict[str, Any]) -> None:
        judged = bean_check(written(finance, **asked))
        assert (judged.returncode, judged.stderr) == (0, "")

    @pytest.mark.parametrize("account", ["berlin_prod", "kathmandu"], ids=["whole units", "six decimal places"])
    def test_balance_that_is_off_by_the_smallest_unit_is_refused(
        self, text: str, bean_check: Check, account: str
    ) -> None:
        right = next(one for one in BALANCE.finditer(text) if account_part(account) in one[2])
        last = Decimal(right[3])
        wrong = last + Decimal(1).scaleb(int(last.as_tuple().exponent))
        judged = bean_check(text.replace(right[0], right[0].replace(right[3], str(wrong))))
        assert judged.returncode != 0
        assert "Balance failed" in judged.stderr

    def test_lost_day_is_refused(self, text: str, bean_check: Check) -> None:
        lost = next(one for one in ENTRY.finditer(text) if "Expenses:Usage:Held:Credits" in one[5])
        assert "Balance failed" in bean_check(text.replace(lost[0], "")).stderr

    def test_doubled_day_is_refused(self, text: str, bean_check: Check) -> None:
        doubled = next(one for one in ENTRY.finditer(text) if "Expenses:Usage:Held:Credits" in one[5])
        assert "Balance failed" in bean_check(text.replace(doubled[0], doubled[0] * 2)).stderr

    @pytest.mark.parametrize(
        ("name", "unit"),
        [
            ("a", "credits"),
            ("1st", "API calls"),
            ("nellie_prod", "usd"),
            ("nellie-", "1000 tokens"),
            ("_".join("abcdefghijklmnopqrst"), "µ"),
            ("a--b__c", 'a "quoted\\" unit of a name that is longer than any commodity'),
        ],
        ids=["short", "digit", "underscore", "dash", "long", "odd"],
    )
    def test_any_name_and_unit_passes(self, ledger: Ledger, bean_check: Check, name: str, unit: str) -> None:
        ledger.open(name, [Meter("credits", unit)], billing=MONTHLY)
        ledger.polls([(MIDNIGHT, 5), (MIDNIGHT + 40 * DAY, 45)], name)
        judged = bean_check(written(ledger))
        assert (judged.returncode, judged.stderr) == (0, "")


class TestUsage:
    def test_usage_of_the_file_is_the_growth_of_the_ledger(self, text: str, found: list[MeterCharges]) -> None:
        posts = {place(one): posted(text, f"Expenses:Usage:{place(one)}") for one in found}
        assert posts == {
            place(one): Decimal(sum(day.usage for day in one.asked_days())).scaleb(-one.row.scale) for one in found
        }

    def test_first_snapshot_is_an_opening_balance_and_nobodys_usage(self, ledger: Ledger) -> None:
        ledger.polls([(MIDNIGHT, 8750), (MIDNIGHT + DAY, 8760)])
        text = written(ledger)
        assert posted(text, "Equity:Opening:Nellie-prod:Credits") == 8750
        assert posted(text, "Expenses:Usage:Nellie-prod:Credits") == 10

    def test_what_was_used_before_the_range_is_its_opening_balance(self, ledger: Ledger) -> None:
        ledger.polls([(MIDNIGHT, 100), (MIDNIGHT + DAY, 110), (MIDNIGHT + 2 * DAY, 150)])
        assert posted(written(ledger, start=date(2026, 3, 3)), "Equity:Opening:Nellie-prod:Credits") == 110

    def test_day_without_usage_has_no_transaction(self, ledger: Ledger) -> None:
        ledger.polls([(MIDNIGHT, 0), (MIDNIGHT + DAY, 10), (MIDNIGHT + 3 * DAY, 10)])
        assert [day for day, *_ in ENTRY.findall(written(ledger))] == ["2026-03-02"]

    def test_correction_is_posted_negative(self, text: str) -> None:
        (amount,) = (
            Decimal(amount)
            for *_, note, body in ENTRY.findall(text)
            if note == "credits, taken back"
            for name, amount, _ in POSTING.findall(body)
            if name == "Expenses:Usage:Berlin-U-prod:Credits"
        )
        assert amount < 0

    def test_growth_goes_on_over_a_reset(self, ledger: Ledger) -> None:
        ledger.polls([(MIDNIGHT, 0), (MIDNIGHT + DAY, 500), (MIDNIGHT + 2 * DAY, 7), (MIDNIGHT + 3 * DAY, 9)])
        assert posted(written(ledger), "Expenses:Usage:Nellie-prod:Credits") == 509

    def test_days_that_may_still_change_are_flagged(self, ledger: Ledger) -> None:
        ledger.polls([(MIDNIGHT, 0), (MIDNIGHT + DAY, 10), (MIDNIGHT + DAY + DAY / 2, 20)])
        assert [flag for _, flag, *_ in ENTRY.findall(written(ledger))] == ["*", "!"]


class TestBalances:
    def test_total_is_asserted_at_each_billing_boundary_within_the_history(
        self, text: str, found: list[MeterCharges]
    ) -> None:
        asserted = {(day, account) for day, account, _, _ in BALANCE.findall(text)}
        assert asserted == {
            (period.period.ends_on.isoformat(), f"Equity:Counters:{place(one)}")
            for one in found
            for period in one.periods[:-1]
        }

    def test_asserted_is_the_ledgers_total(self, ledger: Ledger) -> None:
        ledger.open(billing=MONTHLY)
        ledger.polls([(MIDNIGHT, 100), (MIDNIGHT + DAY, 7), (MIDNIGHT + 2 * DAY, 8), (MIDNIGHT + 40 * DAY, 8)])
        assert BALANCE.findall(written(ledger)) == [
            ("2026-04-01", "Equity:Counters:Nellie-prod:Credits", "-108", "CREDITS")
        ]

    def test_boundary_before_the_file_begins_is_not_asserted(self, ledger: Ledger) -> None:
        ledger.open(billing=MONTHLY)
        ledger.polls([(MIDNIGHT, 100), (MIDNIGHT + 70 * DAY, 170)])
        text = written(ledger, start=date(2026, 4, 1), end=date(2026, 5, 1))
        assert [day for day, *_ in BALANCE.findall(text)] == ["2026-05-01"]


class TestMoney:
    def test_postings_of_a_period_add_up_to_its_rounded_amount(self, text: str, found: list[MeterCharges]) -> None:
        for one in found:
            currency = one.agreement.billing.currency
            for period in one.periods:
                due = period.rating.amount
                expected = Decimal(0) if due is None or currency is None else rounded(due, currency)
                dates = period.period.starts_on, period.period.ends_on
                assert posted(text, f"Expenses:Cost:{place(one)}", *dates) == expected

    def test_half_cents_of_days_are_not_rounded_each(self, ledger: Ledger) -> None:
        ledger.open(billing=MONTHLY, terms={"credits": MeterTerms(prices=(Price(Decimal("0.004")),))})
        ledger.polls([(MIDNIGHT + count * DAY, count) for count in range(6)])
        assert posted(written(ledger), "Expenses:Cost:Nellie-prod:Credits") == Decimal("0.02")

    def test_parts_of_a_period_add_up_to_the_whole(self, finance: Ledger, text: str) -> None:
        cut = date(2026, 3, 5)
        parts = written(finance, end=cut), written(finance, start=cut)
        account = "Expenses:Cost:Berlin-U-prod:Credits"
        assert sum(posted(part, account) for part in parts) == posted(text, account)

    def test_minimum_charge_is_posted_without_usage(self, text: str) -> None:
        notes = [note for *_, note, _ in ENTRY.findall(text)]
        assert "credits: minimum charge" in notes

    def test_operating_currencies_are_those_of_the_accounts(self, text: str) -> None:
        assert sorted(re.findall(r'option "operating_currency" "(...)"', text)) == ["BHD", "EUR", "GBP", "JPY", "USD"]

    def test_account_without_currency_has_no_money(self, text: str) -> None:
        assert "Expenses:Cost:Free:Invocations" not in text


class TestNames:
    @pytest.mark.parametrize(
        ("name", "part"),
        [
            ("nellie-prod", "Nellie-prod"),
            ("nellie_prod", "Nellie-U-prod"),
            ("1st", "1st"),
            ("_a", "0-U-a"),
            ("a.b", "A-U2E-b"),
        ],
    )
    def test_names_become_parts_of_accounts(self, name: str, part: str) -> None:
        assert account_part(name) == part

    def test_different_names_stay_different(self) -> None:
        names = ["a-b", "a_b", "a__b", "a-_b", "a_-b", "a-u-b", "a--b", "ab", "0-u-a", "_a"]
        assert len({account_part(name) for name in names}) == len(names)

    @pytest.mark.parametrize(
        ("unit", "commodity"),
        [
            ("credits", "CREDITS"),
            ("API calls", "API-CALLS"),
            ("usd", "UNITS-USD"),
            ("g", "UNITS-G"),
            ("null", "UNITS-NULL"),
            ("1000 tokens", "UNITS-1000-TOKENS"),
            ("µ", "UNITS"),
            ("x" * 40, "X" * 24),
        ],
    )
    def test_units_become_commodities_that_are_no_currency(self, unit: str, commodity: str) -> None:
        assert commodity_of(unit) == commodity


def test_history_begins_where_the_first_snapshot_was(text: str) -> None:
    assert min(day for day, *_ in ENTRY.findall(text)) == FIRST.date().isoformat()
