from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from collector.domain.accounts import Account, Agreement, Meter, MeterKind, MeterTerms, Quota, Resets, Tolerance
from collector.domain.periods import Billing
from collector.domain.prices import Price
from collector.domain.secret import Secret

TERMS = MeterTerms(Quota(10_000), Resets.NEVER, (Price(Decimal("0.004")),))
TOLERANCE = Tolerance(quantity=2, amount=Decimal("0.05"), percent=Decimal("0.5"))
ACCOUNT = Account(
    name="nellie-prod",
    provider="nellie",
    base_url="https://api.nelliewriter.com",
    key=Secret("nel_canary"),
    zone=ZoneInfo("Europe/Berlin"),
    poll_every=timedelta(minutes=5),
    billing=Billing(),
    terms={"credits": TERMS},
    tolerance=TOLERANCE,
)


def test_declared_terms_are_found_by_meter() -> None:
    assert ACCOUNT.agreement.terms_of("credits") == TERMS


def test_meter_without_terms_has_no_quota_and_no_price() -> None:
    assert ACCOUNT.agreement.terms_of("requests") == MeterTerms(quota=None, resets=Resets.UNKNOWN, prices=())


def test_resets_are_unknown_until_declared() -> None:
    assert MeterTerms().resets is Resets.UNKNOWN


def test_quota_renews_unless_declared_for_life() -> None:
    assert not Quota(1).lifetime


def test_meter_counts_whole_units_unless_declared_otherwise() -> None:
    assert (Meter("credits", "credits").scale, Meter("credits", "credits").kind) == (0, MeterKind.COUNTER)


def test_agreement_of_an_account_has_its_zone_periods_terms_and_tolerance() -> None:
    assert ACCOUNT.agreement == Agreement(ACCOUNT.zone, ACCOUNT.billing, {"credits": TERMS}, TOLERANCE)


def test_agreement_holds_no_key() -> None:
    assert not any(isinstance(getattr(ACCOUNT.agreement, one.name), Secret) for one in fields(Agreement))


def test_account_never_shows_its_key() -> None:
    assert "nel_canary" not in repr(ACCOUNT)


def test_account_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        ACCOUNT.name = "other"  # type: ignore[misc]  # that it is refused is the point


@pytest.mark.parametrize(("word", "meaning"), [("never", Resets.NEVER), ("period", Resets.PERIOD)])
def test_resets_are_written_as_in_the_configuration(word: str, meaning: Resets) -> None:
    assert Resets(word) is meaning


def test_nothing_is_tolerated_unless_declared() -> None:
    assert not Agreement(ACCOUNT.zone).tolerance.allows_quantity(Decimal(1), Decimal(10**9))


def test_no_difference_needs_no_tolerance() -> None:
    assert Tolerance().allows_amount(Decimal("0.00"), Decimal(0))


@pytest.mark.parametrize(
    ("difference", "billed", "allowed"),
    [
        ("2", "0", True),
        ("-2", "0", True),
        ("3", "0", False),
        ("5", "1000", True),
        ("-5", "1000", True),
        ("5.000000000000000001", "1000", False),
        ("5", "-1000", True),
        ("6", "-1000", False),
    ],
    ids=["absolute", "below", "beyond", "share", "share_below", "beyond_share", "credit_note", "beyond_credit_note"],
)
def test_quantity_may_differ_by_the_larger_of_units_and_share(difference: str, billed: str, allowed: bool) -> None:
    assert TOLERANCE.allows_quantity(Decimal(difference), Decimal(billed)) is allowed


@pytest.mark.parametrize(
    ("difference", "billed", "allowed"),
    [("0.05", "0.00", True), ("-0.06", "10.00", False), ("0.20", "40.00", True), ("-0.21", "40.00", False)],
    ids=["absolute", "beyond", "share", "beyond_share"],
)
def test_amount_may_differ_by_the_larger_of_money_and_share(difference: str, billed: str, allowed: bool) -> None:
    assert TOLERANCE.allows_amount(Decimal(difference), Decimal(billed)) is allowed
