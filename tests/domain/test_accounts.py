from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from collector.domain.accounts import Account, Agreement, Meter, MeterKind, MeterTerms, Quota, Resets
from collector.domain.periods import Billing
from collector.domain.secret import Secret

TERMS = MeterTerms(Quota(10_000), Resets.NEVER, Decimal("0.004"))
ACCOUNT = Account(
    name="nellie-prod",
    provider="nellie",
    base_url="https://api.nelliewriter.com",
    key=Secret("nel_canary"),
    zone=ZoneInfo("Europe/Berlin"),
    poll_every=timedelta(minutes=5),
    billing=Billing(),
    terms={"credits": TERMS},
)


def test_declared_terms_are_found_by_meter() -> None:
    assert ACCOUNT.agreement.terms_of("credits") == TERMS


def test_meter_without_terms_has_no_quota_and_no_price() -> None:
    assert ACCOUNT.agreement.terms_of("requests") == MeterTerms(quota=None, resets=Resets.UNKNOWN, price=None)


def test_resets_are_unknown_until_declared() -> None:
    assert MeterTerms().resets is Resets.UNKNOWN


def test_quota_renews_unless_declared_for_life() -> None:
    assert not Quota(1).lifetime


def test_meter_counts_whole_units_unless_declared_otherwise() -> None:
    assert (Meter("credits", "credits").scale, Meter("credits", "credits").kind) == (0, MeterKind.COUNTER)


def test_agreement_of_an_account_has_its_zone_periods_and_terms() -> None:
    assert ACCOUNT.agreement == Agreement(ACCOUNT.zone, ACCOUNT.billing, {"credits": TERMS})


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
