from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from collector.domain.accounts import Account, Counts, Meter
from collector.errors import ConfigError
from collector.store import schema
from collector.store.accounts import (
    AccountRow,
    Lease,
    Refusal,
    claim,
    claim_due,
    hasten,
    recorded,
    recorded_zones,
    register,
    release,
)
from collector.store.engine import Database

if TYPE_CHECKING:
    from tests.store.conftest import Dump

Make = Callable[..., Account]
T = TypeVar("T")

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
UNTIL = NOW + 30 * SECOND
CREDITS = Meter("credits", "credits")
REQUESTS = Meter("requests", "requests")
DOLLARS = Meter("cost", "USD", scale=6)


@pytest.fixture
def ids(database: Database, make_account: Make) -> list[int]:
    """The row ids of ten accounts, in order of name."""
    rows = register(database, [(make_account(f"account-{number}"), [CREDITS]) for number in range(10)])
    return [rows[f"account-{number}"].id for number in range(10)]


def plan(database: Database, account: int, **values: object) -> None:
    with database.write() as connection:
        connection.execute(update(schema.account).where(schema.account.c.id == account).values(**values))


def lease_of(database: Database, account: int) -> tuple[str | None, datetime | None]:
    with database.read() as connection:
        found = schema.account.c
        row = connection.execute(select(found.lease_owner, found.lease_until).where(found.id == account)).one()
        return row.lease_owner, row.lease_until


def next_poll_of(database: Database, account: int) -> datetime | None:
    with database.read() as connection:
        return connection.scalar(select(schema.account.c.next_poll_at).where(schema.account.c.id == account))


def together(*calls: Callable[[], T]) -> list[T]:
    """Call all at once, each in a thread of its own."""
    barrier = threading.Barrier(len(calls), timeout=10)

    def meet(call: Callable[[], T]) -> T:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(meet, calls))


class TestRegister:
    def test_a_new_account_gets_a_row_with_its_meters(self, database: Database, make_account: Make) -> None:
        row = register(database, [(make_account("one"), [CREDITS, DOLLARS])])["one"]
        assert (row.name, set(row.meters)) == ("one", {"credits", "cost"})

    def test_a_meter_keeps_its_unit_and_scale(self, database: Database, make_account: Make) -> None:
        register(database, [(make_account("one"), [DOLLARS])])
        with database.read() as connection:
            row = connection.execute(select(schema.meter)).one()
        assert (row.name, row.unit, row.scale, row.kind) == ("cost", "USD", 6, "counter")

    def test_registering_again_changes_nothing(
        self, database: Database, make_account: Make, dump: Callable[[], Dump]
    ) -> None:
        first = register(database, [(make_account("one"), [CREDITS])])
        before = dump()
        assert register(database, [(make_account("one"), [CREDITS])]) == first
        assert dump() == before

    def test_a_new_meter_of_a_known_account_is_added(self, database: Database, make_account: Make) -> None:
        first = register(database, [(make_account("one"), [CREDITS])])["one"]
        second = register(database, [(make_account("one"), [CREDITS, REQUESTS])])["one"]
        assert second.meters["credits"] == first.meters["credits"]
        assert set(second.meters) == {"credits", "requests"}

    @pytest.mark.parametrize(
        ("before", "now", "kept"),
        [
            (None, Counts.CREDITS, "credits"),
            (Counts.REQUESTS, Counts.CREDITS, "credits"),
            (Counts.CREDITS, None, "credits"),
            (None, None, None),
        ],
        ids=["said later", "said otherwise", "said no more", "never said"],
    )
    def test_a_meter_keeps_what_its_provider_said_last_of_what_it_counts(
        self, database: Database, make_account: Make, before: Counts | None, now: Counts | None, kept: str | None
    ) -> None:
        for counts in (before, now):
            register(database, [(make_account("one"), [replace(CREDITS, counts=counts)])])
        with database.read() as connection:
            assert connection.scalars(select(schema.meter.c.counts)).all() == [kept]

    def test_a_meter_no_longer_measured_keeps_its_row(self, database: Database, make_account: Make) -> None:
        register(database, [(make_account("one"), [CREDITS, REQUESTS])])
        assert set(register(database, [(make_account("one"), [CREDITS])])["one"].meters) == {"credits", "requests"}

    def test_a_changed_zone_is_left_to_the_terms(self, database: Database, make_account: Make) -> None:
        first = register(database, [(make_account("one"), [CREDITS])])
        assert register(database, [(make_account("one", zone=ZoneInfo("Europe/Berlin")), [CREDITS])]) == first
        with database.read() as connection:
            assert connection.scalar(select(schema.account.c.timezone)) == "UTC"

    def test_a_name_of_another_provider_is_refused(
        self, database: Database, make_account: Make, dump: Callable[[], Dump]
    ) -> None:
        register(database, [(make_account("one"), [CREDITS])])
        before = dump()
        with pytest.raises(ConfigError, match="'one' was recorded with provider 'nellie' before, now it says 'nected'"):
            register(
                database,
                [(make_account("two"), [CREDITS]), (make_account("one", provider="nected"), [CREDITS])],
            )
        assert dump() == before

    def test_without_writing_unknown_accounts_are_left_out(self, database: Database, make_account: Make) -> None:
        register(database, [(make_account("one"), [CREDITS])])
        wanted = [(make_account("one"), [CREDITS]), (make_account("two"), [CREDITS])]
        assert set(register(database, wanted, writing=False)) == {"one"}

    def test_without_writing_a_known_account_is_read_as_it_is(
        self, database: Database, make_account: Make, dump: Callable[[], Dump]
    ) -> None:
        register(database, [(make_account("one"), [CREDITS])])
        before = dump()
        register(database, [(make_account("one", zone=ZoneInfo("Asia/Tokyo")), [REQUESTS])], writing=False)
        assert dump() == before

    def test_no_accounts_are_no_rows(self, database: Database) -> None:
        assert register(database, []) == {}

    def test_two_collectors_meeting_new_accounts_at_once_get_the_same_rows(
        self, database: Database, other: Database, make_account: Make
    ) -> None:
        wanted = [(make_account(f"account-{number}"), [CREDITS, REQUESTS]) for number in range(20)]
        one, two = together(lambda: register(database, wanted), lambda: register(other, wanted))
        assert one == two
        with database.read() as connection:
            assert len(connection.execute(select(schema.account)).all()) == 20

    def test_two_collectors_meeting_a_name_of_two_providers_at_once_refuse_one(
        self, database: Database, other: Database, make_account: Make
    ) -> None:
        def attempt(door: Database, provider: str, zone: str) -> str:
            try:
                register(door, [(make_account("one", provider=provider, zone=ZoneInfo(zone)), [CREDITS])])
            except ConfigError:
                return "refused"
            return zone

        outcomes = together(
            lambda: attempt(database, "nellie", "Europe/Berlin"), lambda: attempt(other, "nected", "Asia/Tokyo")
        )
        with database.read() as connection:
            kept = connection.execute(select(schema.account.c.timezone)).scalars().all()
        assert sorted(map(str, outcomes)) == sorted(["refused", *kept])


class TestClaimDue:
    def test_accounts_never_polled_are_due_first(self, database: Database, ids: list[int]) -> None:
        for number in range(3, 10):
            plan(database, ids[number], next_poll_at=NOW - number * SECOND)
        leases = claim_due(database, ids, "us", NOW, UNTIL, 4)
        assert [lease.account for lease in leases] == [ids[0], ids[1], ids[2], ids[9]]

    def test_the_longest_due_come_first(self, database: Database, ids: list[int]) -> None:
        for number, account in enumerate(ids):
            plan(database, account, next_poll_at=NOW - (number * 7 % 10) * SECOND)
        found = [lease.account for lease in claim_due(database, ids, "us", NOW, UNTIL, 10)]
        assert found == sorted(ids, key=lambda account: -(ids.index(account) * 7 % 10))

    def test_what_is_not_due_is_left(self, database: Database, ids: list[int]) -> None:
        plan(database, ids[0], next_poll_at=NOW)
        plan(database, ids[1], next_poll_at=NOW + SECOND / 1000)
        assert [lease.account for lease in claim_due(database, ids[:2], "us", NOW, UNTIL, 10)] == [ids[0]]

    def test_no_more_than_the_limit_are_taken(self, database: Database, ids: list[int]) -> None:
        assert len(claim_due(database, ids, "us", NOW, UNTIL, 3)) == 3
        assert len(claim_due(database, ids, "us", NOW, UNTIL, 100)) == 7

    def test_only_configured_accounts_are_taken(self, database: Database, ids: list[int]) -> None:
        assert [lease.account for lease in claim_due(database, [ids[4]], "us", NOW, UNTIL, 10)] == [ids[4]]

    def test_without_accounts_nothing_is_taken(self, database: Database, ids: list[int]) -> None:
        assert ids
        assert claim_due(database, [], "us", NOW, UNTIL, 10) == []

    def test_paused_accounts_are_left(self, database: Database, ids: list[int]) -> None:
        plan(database, ids[0], paused_reason="key rejected")
        assert ids[0] not in [lease.account for lease in claim_due(database, ids, "us", NOW, UNTIL, 10)]

    def test_what_others_hold_is_passed_over(self, database: Database, other: Database, ids: list[int]) -> None:
        theirs = claim_due(other, ids, "them", NOW, UNTIL, 4)
        ours = claim_due(database, ids, "us", NOW, UNTIL, 10)
        assert {lease.account for lease in ours} == set(ids) - {lease.account for lease in theirs}

    def test_an_expired_lease_is_taken_over(self, database: Database, ids: list[int]) -> None:
        claim_due(database, ids, "them", NOW, UNTIL, 10)
        assert claim_due(database, ids, "us", UNTIL - SECOND, UNTIL + SECOND, 10) == []
        assert len(claim_due(database, ids, "us", UNTIL, UNTIL + SECOND, 10)) == 10

    def test_a_lease_says_who_holds_it_until_when_and_how_often_the_account_failed(
        self, database: Database, ids: list[int]
    ) -> None:
        plan(database, ids[0], failures=3)
        assert claim_due(database, ids[:1], "us", NOW, UNTIL, 10) == [Lease(ids[0], "us", UNTIL, 3)]
        assert lease_of(database, ids[0]) == ("us", UNTIL)

    def test_collectors_claiming_at_once_share_the_accounts(
        self, database: Database, other: Database, ids: list[int]
    ) -> None:
        def drain(door: Database, owner: str) -> list[int]:
            found: list[int] = []
            while leases := claim_due(door, ids, owner, NOW, UNTIL, 2):
                found += [lease.account for lease in leases]
            return found

        calls = [lambda door=door, owner=f"{owner}": drain(door, owner) for door in (database, other) for owner in "ab"]
        taken = [account for part in together(*calls) for account in part]
        assert sorted(taken) == sorted(ids)

    @pytest.mark.postgres
    def test_rows_being_claimed_are_passed_over_without_waiting(
        self, postgres_database: Database, make_account: Make
    ) -> None:
        rows = register(postgres_database, [(make_account(name), [CREDITS]) for name in ("one", "two")])
        with postgres_database.write() as connection:
            connection.execute(select(schema.account).where(schema.account.c.id == rows["one"].id).with_for_update())
            claimed = claim_due(postgres_database, [row.id for row in rows.values()], "us", NOW, UNTIL, 10)
        assert [lease.account for lease in claimed] == [rows["two"].id]


class TestClaim:
    def test_an_account_that_is_not_due_may_be_polled_by_hand(self, database: Database, ids: list[int]) -> None:
        plan(database, ids[0], next_poll_at=NOW + 60 * SECOND, failures=2)
        assert claim(database, ids[0], "us", NOW, UNTIL) == Lease(ids[0], "us", UNTIL, 2)

    def test_what_another_collector_asks_is_refused_and_named(self, database: Database, ids: list[int]) -> None:
        claim(database, ids[0], "them", NOW, UNTIL)
        assert claim(database, ids[0], "us", UNTIL - SECOND, UNTIL) == Refusal(held_by="them")

    def test_force_does_not_break_a_lease(self, database: Database, ids: list[int]) -> None:
        claim(database, ids[0], "them", NOW, UNTIL)
        assert claim(database, ids[0], "us", NOW, UNTIL, force=True) == Refusal(held_by="them")
        assert lease_of(database, ids[0]) == ("them", UNTIL)

    def test_an_expired_lease_is_taken_over(self, database: Database, ids: list[int]) -> None:
        claim(database, ids[0], "them", NOW, UNTIL)
        assert claim(database, ids[0], "us", UNTIL, UNTIL + SECOND) == Lease(ids[0], "us", UNTIL + SECOND, 0)

    def test_the_providers_retry_after_is_honoured(self, database: Database, ids: list[int]) -> None:
        plan(database, ids[0], not_before=NOW + SECOND)
        assert claim(database, ids[0], "us", NOW, UNTIL) == Refusal(not_before=NOW + SECOND)
        assert lease_of(database, ids[0]) == (None, None)

    def test_a_retry_after_that_is_over_does_not_matter(self, database: Database, ids: list[int]) -> None:
        plan(database, ids[0], not_before=NOW)
        assert isinstance(claim(database, ids[0], "us", NOW, UNTIL), Lease)

    def test_force_overrules_the_retry_after(self, database: Database, ids: list[int]) -> None:
        plan(database, ids[0], not_before=NOW + SECOND)
        assert isinstance(claim(database, ids[0], "us", NOW, UNTIL, force=True), Lease)

    def test_a_lease_is_the_first_reason_to_refuse(self, database: Database, ids: list[int]) -> None:
        plan(database, ids[0], not_before=NOW + SECOND, lease_owner="them", lease_until=UNTIL)
        assert claim(database, ids[0], "us", NOW, UNTIL) == Refusal(held_by="them")

    def test_of_two_collectors_claiming_at_once_one_is_refused(
        self, database: Database, other: Database, ids: list[int]
    ) -> None:
        one, two = together(
            lambda: claim(database, ids[0], "us", NOW, UNTIL), lambda: claim(other, ids[0], "them", NOW, UNTIL)
        )
        assert {one, two} in (
            {Lease(ids[0], "us", UNTIL, 0), Refusal(held_by="us")},
            {Lease(ids[0], "them", UNTIL, 0), Refusal(held_by="them")},
        )


class TestWrongClock:
    """A collector whose clock ran a year ahead left its marks."""

    def test_its_lease_holds_nobody_up(self, database: Database, ids: list[int]) -> None:
        plan(database, ids[0], lease_owner="dead", lease_until=NOW + timedelta(days=365))
        assert isinstance(claim(database, ids[0], "us", NOW, UNTIL), Lease)

    def test_its_lease_keeps_no_account_from_being_due(self, database: Database, ids: list[int]) -> None:
        plan(database, ids[0], lease_owner="dead", lease_until=NOW + timedelta(days=365))
        assert [one.account for one in claim_due(database, ids[:1], "us", NOW, UNTIL, 1)] == ids[:1]

    def test_its_retry_after_is_over(self, database: Database, ids: list[int]) -> None:
        plan(database, ids[0], not_before=NOW + timedelta(days=365))
        assert isinstance(claim(database, ids[0], "us", NOW, UNTIL), Lease)


class TestHasten:
    def test_a_later_poll_is_brought_forward(self, database: Database, ids: list[int]) -> None:
        plan(database, ids[0], next_poll_at=NOW + 60 * SECOND)
        hasten(database, {ids[0]: (NOW + SECOND, NOW + 30 * SECOND)}, NOW)
        assert next_poll_of(database, ids[0]) == NOW + SECOND

    def test_an_earlier_poll_is_left(self, database: Database, ids: list[int]) -> None:
        plan(database, ids[0], next_poll_at=NOW)
        hasten(database, {ids[0]: (NOW + SECOND, NOW + 30 * SECOND)}, NOW)
        assert next_poll_of(database, ids[0]) == NOW

    def test_a_retry_after_is_not_shortened(self, database: Database, ids: list[int]) -> None:
        plan(database, ids[0], next_poll_at=NOW + 60 * SECOND, not_before=NOW + 60 * SECOND)
        hasten(database, {ids[0]: (NOW + SECOND, NOW + 30 * SECOND)}, NOW)
        assert next_poll_of(database, ids[0]) == NOW + 60 * SECOND

    def test_an_account_never_polled_stays_due(self, database: Database, ids: list[int]) -> None:
        hasten(database, {ids[0]: (NOW + SECOND, NOW + 30 * SECOND)}, NOW)
        assert next_poll_of(database, ids[0]) is None

    def test_the_patience_with_a_failing_account_is_kept(self, database: Database, ids: list[int]) -> None:
        plan(database, ids[0], next_poll_at=NOW + 20 * SECOND, failures=5)
        hasten(database, {ids[0]: (NOW + SECOND, NOW + 30 * SECOND)}, NOW)
        assert next_poll_of(database, ids[0]) == NOW + 20 * SECOND

    def test_a_failing_account_is_brought_forward_from_far_away(self, database: Database, ids: list[int]) -> None:
        plan(database, ids[0], next_poll_at=NOW + 60 * SECOND, failures=5)
        hasten(database, {ids[0]: (NOW + SECOND, NOW + 30 * SECOND)}, NOW)
        assert next_poll_of(database, ids[0]) == NOW + 30 * SECOND

    def test_a_retry_after_beyond_an_hour_was_written_by_a_wrong_clock(
        self, database: Database, ids: list[int]
    ) -> None:
        plan(database, ids[0], next_poll_at=NOW + timedelta(days=365), not_before=NOW + timedelta(days=365))
        hasten(database, {ids[0]: (NOW + SECOND, NOW + 30 * SECOND)}, NOW)
        assert next_poll_of(database, ids[0]) == NOW + SECOND

    def test_other_accounts_are_left(self, database: Database, ids: list[int]) -> None:
        plan(database, ids[1], next_poll_at=NOW + 60 * SECOND)
        hasten(database, {ids[0]: (NOW, NOW + 30 * SECOND)}, NOW)
        assert next_poll_of(database, ids[1]) == NOW + 60 * SECOND


class TestRelease:
    def test_a_released_account_is_free_and_still_due(self, database: Database, ids: list[int]) -> None:
        (lease,) = claim_due(database, ids[:1], "us", NOW, UNTIL, 1)
        release(database, lease)
        assert claim_due(database, ids[:1], "them", NOW, UNTIL, 1) == [Lease(ids[0], "them", UNTIL, 0)]

    def test_an_older_lease_of_the_same_collector_is_not_released(self, database: Database, ids: list[int]) -> None:
        (lease,) = claim_due(database, ids[:1], "us", NOW, UNTIL, 1)
        claim(database, ids[0], "us", UNTIL, UNTIL + SECOND)
        release(database, lease)
        assert lease_of(database, ids[0]) == ("us", UNTIL + SECOND)

    def test_a_lease_that_was_taken_over_is_not_released(self, database: Database, ids: list[int]) -> None:
        (lease,) = claim_due(database, ids[:1], "us", NOW, UNTIL, 1)
        claim(database, ids[0], "them", UNTIL, UNTIL + SECOND)
        release(database, lease)
        assert lease_of(database, ids[0]) == ("them", UNTIL + SECOND)


def test_recorded_accounts_are_named_with_their_meters_and_zones(database: Database, make_account: Make) -> None:
    register(
        database, [(make_account("one", zone=ZoneInfo("Asia/Tokyo")), [CREDITS]), (make_account("two"), [CREDITS])]
    )
    assert recorded(database) == {"one": ["credits"], "two": ["credits"]}
    assert recorded_zones(database) == {"one": "Asia/Tokyo", "two": "UTC"}


def test_rows_of_accounts_are_values(database: Database, make_account: Make) -> None:
    row = register(database, [(make_account("one"), [CREDITS])])["one"]
    assert row == AccountRow(row.id, "one", dict(row.meters))
