from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from collector.domain.accounts import Account, Agreement, MeterTerms, Resets
from collector.domain.periods import Billing, PeriodKind
from collector.domain.terms import fall_terms
from collector.store import schema
from collector.store.engine import Database
from collector.store.terms import bring_terms, kept_terms

if TYPE_CHECKING:
    from tests.store.conftest import Desk, Dump

LATER = datetime(2026, 2, 1, tzinfo=UTC)
DAY = 86_400
PERIODIC = Agreement(ZoneInfo("UTC"), Billing(PeriodKind.MONTHLY, 3), {"credits": MeterTerms(resets=Resets.PERIOD)})


def booked(desk: Desk) -> list[tuple[str, datetime]]:
    return [
        (row.kind, desk.at((row.at - desk.micros(0)) / 1e6)) for row in desk.rows("decision") if not row.superseded_at
    ]


def grow(desk: Desk) -> None:
    """Poll at noon of the first six days of January 2026, ten credits more each day."""
    for day in range(6):
        desk.poll(day * DAY, {"credits": 10 + 10 * day})


def bring(desk: Desk, agreement: Agreement) -> list[str]:
    return bring_terms(desk.database, {desk.account.name: agreement}, LATER)


def test_a_new_account_keeps_its_terms(credits_desk: Desk) -> None:
    with credits_desk.database.read() as connection:
        assert kept_terms(connection, credits_desk.row.id).text == fall_terms(credits_desk.account.agreement).text


def test_equal_terms_change_nothing(credits_desk: Desk, dump: Callable[[], Dump]) -> None:
    grow(credits_desk)
    before = dump()
    assert bring(credits_desk, credits_desk.account.agreement) == []
    assert dump() == before


def test_a_meter_declared_to_reset_is_decided_again(credits_desk: Desk) -> None:
    grow(credits_desk)
    assert bring(credits_desk, PERIODIC) == [credits_desk.account.name]
    assert booked(credits_desk) == [("reset", datetime(2026, 1, 3, tzinfo=UTC))]


@pytest.mark.parametrize(
    ("agreement", "boundary"),
    [
        pytest.param(
            replace(PERIODIC, billing=Billing(PeriodKind.MONTHLY, 5)), datetime(2026, 1, 5, tzinfo=UTC), id="anchor"
        ),
        pytest.param(replace(PERIODIC, zone=ZoneInfo("Asia/Tokyo")), datetime(2026, 1, 2, 15, tzinfo=UTC), id="zone"),
    ],
)
def test_a_changed_anchor_or_zone_moves_the_declared_reset(
    agreement: Agreement, boundary: datetime, credits_desk: Desk
) -> None:
    grow(credits_desk)
    bring(credits_desk, PERIODIC)
    bring(credits_desk, agreement)
    assert booked(credits_desk) == [("reset", boundary)]


def test_terms_taken_back_leave_no_decision_in_force(credits_desk: Desk) -> None:
    grow(credits_desk)
    before = credits_desk.courses()
    bring(credits_desk, PERIODIC)
    bring(credits_desk, Agreement(ZoneInfo("UTC")))
    assert (booked(credits_desk), credits_desk.courses()) == ([], before)


def test_a_poll_of_older_settings_decides_by_the_kept_terms(credits_desk: Desk) -> None:
    credits_desk.poll(0, {"credits": 10})
    bring(credits_desk, PERIODIC)
    credits_desk.poll(2 * DAY, {"credits": 20}, fall_terms=fall_terms(Agreement(ZoneInfo("UTC"))))
    assert booked(credits_desk) == [("reset", datetime(2026, 1, 3, tzinfo=UTC))]


def test_accounts_that_are_not_named_are_left_alone(make_desk: Callable[..., Desk], dump: Callable[[], Dump]) -> None:
    make_desk("one")
    before = dump()
    assert bring_terms(make_desk("one").database, {"two": PERIODIC}, LATER) == []
    assert dump() == before


def test_an_account_from_before_terms_were_kept_is_brought(credits_desk: Desk, database: Database) -> None:
    with database.write() as connection:
        connection.execute(update(schema.account).values(terms=""))
    with database.read() as connection:
        assert kept_terms(connection, credits_desk.row.id).resets == {}
    assert bring(credits_desk, PERIODIC) == [credits_desk.account.name]


def test_the_zone_is_brought_with_the_terms(credits_desk: Desk, make_account: Callable[..., Account]) -> None:
    bring(credits_desk, Agreement(ZoneInfo("Asia/Tokyo")))
    assert credits_desk.rows("account")[0].timezone == "Asia/Tokyo"
