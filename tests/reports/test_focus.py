from __future__ import annotations

import csv
import fcntl
import io
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from collector.domain.accounts import Meter, MeterTerms
from collector.domain.periods import Billing, PeriodKind
from collector.domain.prices import Price, Tier
from reports.charges import MeterCharges, charges_asked
from reports.focus import COLUMNS, FocusVersion, focus_rows
from reports.rendering import write_csv
from tests.reports.finance_ledger import LAST

if TYPE_CHECKING:
    from tests.reports.conftest import Ledger

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
MONTHLY = Billing(PeriodKind.MONTHLY, 15, currency="EUR")
ENVIRONMENT = Path(__file__).parents[2] / ".focus-validator"
NEEDS = ("focus-validator==1.0.0", "multimethod<2", "pyarrow<22")
RULES_OF_1_0 = 133

Cells = dict[str, str]
Failures = Callable[[str], list[str]]


def written(ledger: Ledger, version: FocusVersion = FocusVersion.V1_2, **asked: Any) -> str:
    question = ledger.question(LAST + DAY, **asked)
    charged = charges_asked(ledger.database, question)
    out = io.StringIO()
    write_csv((row for one in charged for row in focus_rows(one, version, "Nellie Writer")), COLUMNS[version], out)
    return out.getvalue()


def rows_of(text: str) -> list[Cells]:
    return list(csv.DictReader(io.StringIO(text)))


def priced(ledger: Ledger, price: Price, *values: int) -> list[Cells]:
    """Return the rows of an account whose counter had ``values`` at successive midnights from 2 March on."""
    ledger.open(billing=Billing(PeriodKind.MONTHLY, currency="EUR"), terms={"credits": MeterTerms(prices=(price,))})
    ledger.polls([(MIDNIGHT + count * DAY, value) for count, value in enumerate(values)])
    return rows_of(written(ledger))


@pytest.fixture(scope="module")
def rows(finance: Ledger) -> list[Cells]:
    """The rows of the whole ledger."""
    return rows_of(written(finance))


@pytest.fixture(scope="module")
def found(finance: Ledger) -> list[MeterCharges]:
    """What the rows were written from."""
    return list(charges_asked(finance.database, finance.question(LAST + DAY)))


def _run(*command: str | Path, cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"cannot build the FOCUS validator's environment in {ENVIRONMENT}: {done.stderr}", pytrace=False)


@pytest.fixture(scope="session")
def validator() -> Path:
    """The folder of packages with the real validator; it clashes with ours, so it has an environment of its own."""
    python, stamp = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "installed"
    with ENVIRONMENT.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several workers may want it at once
        if not stamp.exists() or stamp.read_text() != "\n".join(NEEDS):
            shutil.rmtree(ENVIRONMENT, ignore_errors=True)
            uv = (sys.executable, "-m", "uv")
            _run(*uv, "venv", "--quiet", "--python", ">=3.9,<3.13", ENVIRONMENT)  # its NumPy knows no newer Python
            _run(*uv, "pip", "install", "--quiet", "--python", python, *NEEDS)
            stamp.write_text("\n".join(NEEDS))
    (packages,) = ENVIRONMENT.glob("lib/python*/site-packages")
    return packages


@pytest.fixture
def failures(validator: Path, tmp_path: Path) -> Failures:
    """Return a function that names the rules of FOCUS 1.0 which a text breaks, as the real validator sees it."""

    def judge(text: str) -> list[str]:
        data, verdict = tmp_path / "focus.csv", tmp_path / "verdict.xml"
        data.write_text(text, encoding="utf-8", newline="")
        python = ENVIRONMENT / "bin" / "python"
        command: list[str | Path] = [python, "-m", "focus_validator.main", "--validate-version", "1.0"]
        command += ["--data-file", data, "--output-type", "unittest", "--output-destination", verdict]
        # It looks for its list of currencies in the folder it is started in, and ends with 0 whatever it found.
        done = subprocess.run(command, cwd=validator, capture_output=True, text=True, check=False)
        assert verdict.exists(), done.stderr
        cases = ET.parse(verdict).findall(".//testcase")  # noqa: S314 - written a moment ago by a program we started
        assert len(cases) == RULES_OF_1_0
        return [case.get("name", "") for case in cases if len(case)]

    return judge


class TestValidator:
    def test_whole_ledger_breaks_no_rule(self, finance: Ledger, failures: Failures) -> None:
        assert failures(written(finance, FocusVersion.V1_0)) == []

    @pytest.mark.parametrize(
        "asked",
        [{"accounts": ("free",)}, {"accounts": ("kathmandu",)}, {"start": date(2026, 2, 19), "end": date(2026, 2, 20)}],
        ids=["no price", "decimal places", "one day with a correction"],
    )
    def test_parts_of_it_break_no_rule(self, finance: Ledger, failures: Failures, asked: dict[str, Any]) -> None:
        assert failures(written(finance, FocusVersion.V1_0, **asked)) == []

    def test_broken_rules_are_seen(self, finance: Ledger, failures: Failures) -> None:
        text = written(finance, FocusVersion.V1_0, accounts=("1st",))
        broken = text.replace("BilledCost", "x_Cost").replace("Usage-Based", "Now and then").replace("USD", "Dollars")
        assert {one.partition(" ::")[0] for one in failures(broken)} == {
            "BilledCost_Required",
            "BillingCurrency_IsCurrencyCode",
            "ChargeFrequency_Enum",
        }


class TestRows:
    def test_one_row_per_account_meter_and_day(self, rows: list[Cells]) -> None:
        keys = [(row["BillingAccountId"], row["x_Meter"], row["x_LocalDay"]) for row in rows]
        assert len(set(keys)) == len(keys)

    def test_usage_of_the_rows_is_the_growth_of_the_ledger(self, rows: list[Cells], found: list[MeterCharges]) -> None:
        for one in found:
            name = (one.row.account, one.row.name)
            mine = [
                row for row in rows if (row["BillingAccountId"], row["x_Meter"]) == name and row["ConsumedQuantity"]
            ]
            growth = Decimal(sum(day.usage for day in one.asked_days())).scaleb(-one.row.scale)
            assert sum(Decimal(row["ConsumedQuantity"]) for row in mine) == growth

    def test_costs_of_a_period_are_the_statements_amount_before_rounding(
        self, rows: list[Cells], found: list[MeterCharges]
    ) -> None:
        for one in found:
            for period in one.periods:
                start = period.period.start.strftime("%Y-%m-%dT%H:%M:%SZ")
                key = (one.row.account, one.row.name, start)
                mine = [
                    row for row in rows if (row["BillingAccountId"], row["x_Meter"], row["BillingPeriodStart"]) == key
                ]
                assert sum(Decimal(row["BilledCost"]) for row in mine) == (period.rating.amount or 0)

    def test_list_contracted_billed_and_effective_cost_are_the_same(self, rows: list[Cells]) -> None:
        names = ("ListCost", "ContractedCost", "BilledCost", "EffectiveCost")
        assert all(len({row[name] for name in names}) == 1 for row in rows)

    def test_unit_price_times_quantity_is_the_cost(self, rows: list[Cells]) -> None:
        for row in rows:
            product = Decimal(row["ListUnitPrice"]) * Decimal(row["PricingQuantity"])
            assert product.quantize(Decimal("1e-20")) == Decimal(row["ListCost"])

    def test_unit_prices_are_never_negative(self, rows: list[Cells]) -> None:
        assert min(Decimal(row["ListUnitPrice"]) for row in rows) >= 0

    def test_charge_period_is_the_local_day(self, ledger: Ledger) -> None:
        ledger.open(zone=ZoneInfo("Europe/Berlin"))
        noon = datetime(2026, 3, 29, 10, tzinfo=UTC)
        ledger.polls([(noon, 0), (noon + timedelta(hours=1), 5)])
        (row,) = rows_of(written(ledger))
        assert (row["ChargePeriodStart"], row["ChargePeriodEnd"]) == ("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z")

    def test_billing_period_is_the_accounts_own(self, ledger: Ledger) -> None:
        ledger.open(zone=ZoneInfo("America/New_York"), billing=MONTHLY)
        ledger.polls([(MIDNIGHT, 0), (MIDNIGHT + timedelta(hours=1), 5)])
        (row,) = rows_of(written(ledger))
        assert (row["BillingPeriodStart"], row["BillingPeriodEnd"]) == ("2026-02-15T05:00:00Z", "2026-03-15T04:00:00Z")

    def test_day_without_usage_has_no_row(self, ledger: Ledger) -> None:
        ledger.polls([(MIDNIGHT, 0), (MIDNIGHT + DAY, 10), (MIDNIGHT + 4 * DAY, 10)])
        assert [row["x_LocalDay"] for row in rows_of(written(ledger))] == ["2026-03-02"]

    def test_only_days_asked_for_are_rows(self, finance: Ledger) -> None:
        found = rows_of(written(finance, start=date(2026, 3, 29), end=date(2026, 3, 31)))
        assert {row["x_LocalDay"] for row in found} == {"2026-03-29", "2026-03-30"}

    def test_a_negative_day_says_that_usage_was_taken_back(self, rows: list[Cells]) -> None:
        negative = [row for row in rows if row["ConsumedQuantity"].startswith("-")]
        assert [row for row in rows if row["ChargeDescription"].startswith("Correction of")] == negative != []

    def test_no_row_corrects_another_billing_period(self, rows: list[Cells]) -> None:
        assert {row["ChargeClass"] for row in rows} == {""}

    def test_open_upper_bound_is_empty(self, rows: list[Cells]) -> None:
        assert "" in {row["x_UpperQuantity"] for row in rows if row["BillingAccountId"] == "held"}

    def test_every_decimal_has_a_decimal_point(self, rows: list[Cells]) -> None:
        cells = {row[name] for row in rows for name in row if name.endswith(("Cost", "Price", "Quantity"))}
        assert {one for one in cells if one and "." not in one} == set()


class TestPrices:
    def test_day_in_one_tier_has_its_price(self, ledger: Ledger) -> None:
        row = priced(ledger, Price(Decimal("0.004")), 0, 250)[0]
        assert (row["ListUnitPrice"], row["BilledCost"], row["BillingCurrency"]) == ("0.004", "1.0", "EUR")

    def test_day_across_tiers_has_their_average(self, ledger: Ledger) -> None:
        row = priced(ledger, Price(tiers=(Tier(10, Decimal(3)), Tier(None, Decimal(1)))), 0, 20)[0]
        assert (row["ListUnitPrice"], row["BilledCost"]) == ("2.0", "40.0")

    def test_included_units_cost_nothing(self, ledger: Ledger) -> None:
        row = priced(ledger, Price(Decimal(1), included=100), 0, 20)[0]
        assert (row["ListUnitPrice"], row["BilledCost"], row["x_Priced"]) == ("0.0", "0.0", "true")

    def test_minimum_charge_of_a_day_without_usage_is_a_purchase(self, ledger: Ledger) -> None:
        row = priced(ledger, Price(Decimal(1), minimum=Decimal(50)), 0, 20)[-1]
        names = ("ChargeCategory", "x_LocalDay", "BilledCost", "ConsumedQuantity", "PricingQuantity", "PricingCurrency")
        assert [row[name] for name in names] == ["Purchase", "2026-03-31", "30.0", "", "1.0", "EUR"]

    def test_price_beside_a_minimum_charge_on_a_negative_day_is_left_out(self, ledger: Ledger) -> None:
        price = Price(Decimal(1), minimum=Decimal(50))
        ledger.open(billing=Billing(PeriodKind.DAILY, currency="EUR"), terms={"credits": MeterTerms(prices=(price,))})
        ledger.polls([(MIDNIGHT, 100), (MIDNIGHT + DAY / 4, 90), (MIDNIGHT + DAY / 2, 91)])
        (row,) = rows_of(written(ledger))
        assert (row["ConsumedQuantity"], row["BilledCost"], row["ListUnitPrice"]) == ("-9.0", "50.0", "")

    def test_usage_without_a_price_costs_nothing_and_says_so(self, ledger: Ledger) -> None:
        ledger.polls([(MIDNIGHT, 0), (MIDNIGHT + DAY, 10)])
        (row,) = rows_of(written(ledger))
        assert (row["BilledCost"], row["BillingCurrency"], row["x_Priced"]) == ("0.0", "XXX", "false")

    def test_credits_are_the_pricing_currency(self, ledger: Ledger) -> None:
        row = priced(ledger, Price(Decimal("0.004")), 0, 250)[0]
        names = ("", "ListUnitPrice", "ContractedUnitPrice", "EffectiveCost")
        assert [row[f"PricingCurrency{name}"] for name in names] == ["credits", "1.0", "1.0", "250.0"]

    def test_units_that_are_no_virtual_currency_are_priced_in_money(self, ledger: Ledger) -> None:
        terms = {"requests": MeterTerms(prices=(Price(Decimal("0.5")),))}
        ledger.open(meters=[Meter("requests", "requests")], billing=MONTHLY, terms=terms)
        ledger.poll(MIDNIGHT, {"requests": 0})
        ledger.poll(MIDNIGHT + DAY, {"requests": 4})
        (row,) = rows_of(written(ledger))
        names = ("", "ListUnitPrice", "ContractedUnitPrice", "EffectiveCost")
        assert [row[f"PricingCurrency{name}"] for name in names] == ["EUR", "0.5", "0.5", "2.0"]


class TestColumns:
    @pytest.mark.parametrize("version", FocusVersion, ids=str)
    def test_version_is_stated_in_every_row(self, finance: Ledger, version: FocusVersion) -> None:
        found = rows_of(written(finance, version, accounts=("free",)))
        assert {row["x_FocusVersion"] for row in found} == {version.value}

    def test_pricing_currency_came_with_1_2(self) -> None:
        pricing = {one for one in COLUMNS[FocusVersion.V1_2] if one.startswith("PricingCurrency")}
        assert (len(pricing), pricing & {*COLUMNS[FocusVersion.V1_0]}) == (4, set())

    @pytest.mark.parametrize("version", FocusVersion, ids=str)
    def test_ours_come_last(self, version: FocusVersion) -> None:
        ours = [one.startswith("x_") for one in COLUMNS[version]]
        assert ours == sorted(ours)

    # FOCUS 1.2, "content constraints": mandatory or recommended columns that allow no nulls.
    @pytest.mark.parametrize(
        "column",
        [
            "BilledCost", "BillingAccountId", "BillingAccountType", "BillingCurrency", "BillingPeriodEnd",
            "BillingPeriodStart", "ChargeCategory", "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart",
            "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingCurrency",
            "PricingCurrencyEffectiveCost", "ProviderName", "PublisherName", "ServiceCategory", "ServiceName",
            "ServiceSubcategory",
        ],
    )  # fmt: skip
    def test_column_is_never_empty(self, rows: list[Cells], column: str) -> None:
        assert all(row[column] for row in rows)

    # FOCUS 1.2: not null when ChargeCategory is "Usage" or "Purchase" and ChargeClass is not "Correction".
    @pytest.mark.parametrize(
        "column",
        [
            "ContractedUnitPrice", "ListUnitPrice", "PricingCategory", "PricingCurrencyContractedUnitPrice",
            "PricingCurrencyListUnitPrice", "PricingQuantity", "PricingUnit", "SkuId", "SkuPriceId",
        ],
    )  # fmt: skip
    def test_column_of_a_price_is_never_empty(self, rows: list[Cells], column: str) -> None:
        assert all(row[column] for row in rows)
