from __future__ import annotations

from datetime import date
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from collector.domain.accounts import Agreement, MeterTerms, Resets
from collector.domain.calendar import start_of_day
from collector.domain.instants import micros_of
from collector.domain.periods import Billing, PeriodKind
from collector.domain.terms import FallTerms, fall_terms, parse_fall_terms

BERLIN = ZoneInfo("Europe/Berlin")
MONTHLY = Billing(PeriodKind.MONTHLY, anchor_day=31, currency="EUR")


def midnight(month: int, day: int) -> int:
    return micros_of(start_of_day(date(2026, month, day), BERLIN))


@pytest.mark.parametrize(
    "terms",
    [
        FallTerms(ZoneInfo("UTC")),
        FallTerms(BERLIN, Billing(PeriodKind.YEARLY, 29, 2), {"credits": Resets.PERIOD, "requests": Resets.NEVER}),
    ],
    ids=["plain", "all"],
)
def test_text_gives_the_terms_back(terms: FallTerms) -> None:
    again = parse_fall_terms(terms.text)
    assert (again.zone.key, again.billing, again.resets) == (terms.zone.key, terms.billing, terms.resets)


def test_text_tells_apart_what_decides_falls() -> None:
    terms = [
        FallTerms(BERLIN),
        FallTerms(ZoneInfo("UTC")),
        FallTerms(BERLIN, Billing(PeriodKind.MONTHLY)),
        FallTerms(BERLIN, Billing(PeriodKind.MONTHLY, 2)),
        FallTerms(BERLIN, Billing(PeriodKind.YEARLY, 2, 3)),
        FallTerms(BERLIN, resets={"credits": Resets.NEVER}),
        FallTerms(BERLIN, resets={"credits": Resets.PERIOD}),
    ]
    assert len({one.text for one in terms}) == len(terms)


def test_text_leaves_out_what_decides_nothing() -> None:
    bare = FallTerms(BERLIN, Billing(PeriodKind.MONTHLY, 31))
    priced = FallTerms(BERLIN, MONTHLY, {"credits": Resets.UNKNOWN})
    assert bare.text == priced.text


def test_an_agreement_says_them_all() -> None:
    agreement = Agreement(BERLIN, MONTHLY, {"credits": MeterTerms(resets=Resets.PERIOD)})
    assert fall_terms(agreement).text == FallTerms(BERLIN, MONTHLY, {"credits": Resets.PERIOD}).text


def test_a_meter_without_a_declaration_may_do_anything() -> None:
    assert FallTerms(BERLIN).of_meter("credits").resets is Resets.UNKNOWN


@pytest.mark.parametrize(
    ("after", "until", "expected"),
    [
        pytest.param(midnight(2, 28), midnight(3, 31) - 1, None, id="within one period"),
        pytest.param(midnight(2, 28) - 1, midnight(2, 28), midnight(2, 28), id="the last day of a short month"),
        pytest.param(midnight(2, 28), midnight(3, 31), midnight(3, 31), id="the end is included"),
        pytest.param(midnight(1, 1), midnight(4, 15), midnight(3, 31), id="the last of several"),
    ],
)
def test_the_last_boundary_after_one_instant_until_another(after: int, until: int, expected: int | None) -> None:
    assert FallTerms(BERLIN, MONTHLY).of_meter("credits").boundary(after, until) == expected


def test_a_remembered_period_answers_like_a_new_look_up() -> None:
    remembering = FallTerms(BERLIN, MONTHLY).of_meter("credits")
    instants = [midnight(3, 1) + hours * 3_600_000_000 for hours in range(0, 24 * 60, 7)]
    for after, until in pairwise(instants):
        fresh = FallTerms(BERLIN, MONTHLY).of_meter("credits")
        assert remembering.boundary(after, until) == fresh.boundary(after, until)


def test_without_periods_there_is_no_boundary() -> None:
    assert FallTerms(BERLIN).of_meter("credits").boundary(0, midnight(3, 1)) is None
