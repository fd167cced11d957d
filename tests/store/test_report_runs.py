from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.config import Config

from collector.domain.accounts import Account
from collector.errors import LeaseLostError
from collector.store.deliveries import (
    ClaimedDelivery,
    DeliveryState,
    claim_delivery,
    finish_delivery,
    put_off_delivery,
    recorded_deliveries,
    reopen,
)
from collector.store.engine import Database
from collector.store.heard import heard_since, history_begins, known_since
from collector.store.report_runs import (
    ClaimedRun,
    NewDelivery,
    PlannedRun,
    add_deliveries,
    claim_run,
    drop_future,
    finish_run,
    plan,
    planned_until,
    put_off,
    recorded_run,
    recorded_runs,
)
from collector.store.revision import HEAD, migrations_folder, upgrade
from tests.store.conftest import METERS
from tests.store.importer import import_facts, owner_of

if TYPE_CHECKING:
    from tests.store.conftest import Desk

NOW = datetime(2026, 11, 2, 6, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SOON = NOW + 10 * MINUTE
OCTOBER = PlannedRun("2026-10", datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), NOW)
MAILS = (NewDelivery("env A", "a@x"), NewDelivery("env B", "b@x"))


def claimed(database: Database, owner: str = "us", now: datetime = NOW) -> ClaimedRun:
    planned_until(database, "monthly", NOW)
    plan(database, "monthly", [OCTOBER], NOW)
    run = claim_run(database, ["monthly"], owner, now, now + 10 * MINUTE)
    assert run is not None
    return run


def to_send(database: Database, owner: str = "us", now: datetime = NOW) -> ClaimedDelivery:
    found = claim_delivery(database, ["monthly"], owner, now, now + 10 * MINUTE)
    assert found is not None
    return found


class TestRuns:
    def test_report_begins_when_it_is_first_seen(self, database: Database) -> None:
        assert [planned_until(database, "monthly", at) for at in (NOW, NOW + MINUTE)] == [NOW, NOW]

    def test_period_has_one_run_however_often_it_is_planned(self, database: Database) -> None:
        claimed(database)
        plan(database, "monthly", [OCTOBER], SOON)
        with database.read() as connection:
            assert [one.period for one in recorded_runs(connection, ["monthly"], latest=9)] == ["2026-10"]
        assert planned_until(database, "monthly", NOW) == SOON

    def test_runs_of_the_future_are_forgotten_unless_they_are_made(self, database: Database) -> None:
        run = claimed(database)
        finish_run(database, run, NOW, ([], []), ())
        later = PlannedRun("2026-11", OCTOBER.end, OCTOBER.end + timedelta(days=30), NOW + timedelta(days=30))
        plan(database, "monthly", [later], later.due_at)
        drop_future(database, "monthly", NOW - MINUTE)
        with database.read() as connection:
            assert [one.period for one in recorded_runs(connection, ["monthly"], latest=9)] == ["2026-10"]
        assert planned_until(database, "monthly", NOW) == NOW - MINUTE

    def test_runs_are_in_the_order_of_their_periods_whenever_they_were_due(self, database: Database) -> None:
        planned_until(database, "monthly", NOW)
        august = PlannedRun("2026-08", datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC), SOON)
        plan(database, "monthly", [OCTOBER, august], SOON)
        with database.read() as connection:
            assert [one.period for one in recorded_runs(connection, ["monthly"], latest=9)] == ["2026-10", "2026-08"]

    def test_delivery_is_added_once_to_a_run_that_was_made(self, database: Database) -> None:
        finish_run(database, claimed(database), NOW, ([], []), MAILS[:1])
        for _ in range(2):
            add_deliveries(database, "monthly", "2026-10", SOON, MAILS)
        with database.read() as connection:
            found = recorded_deliveries(connection, ["monthly"])
        assert [(one.target, one.not_before) for one in found] == [("env A", NOW), ("env B", SOON)]

    def test_run_that_is_claimed_or_not_due_or_of_another_report_is_not_given(self, database: Database) -> None:
        claimed(database)
        for names, now in ((["monthly"], NOW), (["other"], SOON), ([], SOON)):
            assert claim_run(database, names, "them", now, now + MINUTE) is None

    def test_lease_that_ended_gives_the_run_to_others_and_refuses_the_first(self, database: Database) -> None:
        first = claimed(database)
        second = claim_run(database, ["monthly"], "them", SOON, SOON + MINUTE)
        assert second is not None
        with pytest.raises(LeaseLostError):
            finish_run(database, first, SOON, ([], []), MAILS)
        with database.read() as connection:
            assert recorded_deliveries(connection, ["monthly"]) == []

    def test_run_that_failed_waits_and_counts(self, database: Database) -> None:
        put_off(database, claimed(database), SOON, "no space left")
        assert claim_run(database, ["monthly"], "us", NOW, SOON) is None
        again = claim_run(database, ["monthly"], "us", SOON, SOON + MINUTE)
        assert again is not None
        assert again.attempts == 1
        with database.read() as connection:
            found = recorded_run(connection, "monthly", "2026-10")
        assert found is not None
        assert (found.error, found.made_at) == ("no space left", None)

    def test_made_run_is_recorded_with_its_deliveries_and_never_claimed_again(self, database: Database) -> None:
        finish_run(database, claimed(database), NOW, (["/f.html"], ["a"]), MAILS)
        assert claim_run(database, ["monthly"], "us", SOON, SOON + MINUTE, "2026-10") is None
        with database.read() as connection:
            found = recorded_run(connection, "monthly", "2026-10")
            sent = recorded_deliveries(connection, ["monthly"])
        assert found is not None
        assert (found.made_at, found.files, found.missing) == (NOW, ("/f.html",), ("a",))
        assert [(one.target, one.state) for one in sent] == [
            ("env A", DeliveryState.PENDING),
            ("env B", DeliveryState.PENDING),
        ]

    def test_what_a_clock_that_ran_ahead_put_off_is_not_lost(self, database: Database) -> None:
        put_off(database, claimed(database), NOW + timedelta(days=9999), "the clock said 2054")
        assert claim_run(database, ["monthly"], "us", NOW, SOON) is not None

    def test_of_many_who_claim_at_once_one_gets_it(self, database: Database) -> None:
        planned_until(database, "monthly", NOW)
        plan(database, "monthly", [OCTOBER], NOW)
        with ThreadPoolExecutor(6) as pool:
            found = list(pool.map(lambda one: claim_run(database, ["monthly"], str(one), NOW, SOON), range(6)))
        assert len([one for one in found if one is not None]) == 1


class TestDeliveries:
    @pytest.fixture(autouse=True)
    def _made(self, database: Database) -> None:
        finish_run(database, claimed(database), NOW, ([], []), MAILS)

    def test_each_is_given_once_while_its_lease_runs(self, database: Database) -> None:
        assert [to_send(database).target, to_send(database).target] == ["env A", "env B"]
        assert claim_delivery(database, ["monthly"], "them", NOW, SOON) is None

    def test_sent_is_sent(self, database: Database) -> None:
        finish_delivery(database, to_send(database), (DeliveryState.SENT, None), NOW, frozenset({"f"}))
        assert to_send(database).target == "env B"
        assert claim_delivery(database, ["monthly"], "us", SOON - MINUTE, SOON) is None

    def test_process_that_died_while_sending_leaves_it_to_others_under_the_same_id(self, database: Database) -> None:
        first, second = to_send(database), to_send(database, "them", SOON)
        assert (first.message_id, second.message_id) == ("a@x", "a@x")
        with pytest.raises(LeaseLostError):
            finish_delivery(database, first, (DeliveryState.SENT, None), SOON, frozenset())

    def test_who_has_it_is_remembered(self, database: Database) -> None:
        put_off_delivery(database, to_send(database), NOW + MINUTE, frozenset({"f"}), "451 later")
        to_send(database)
        again = to_send(database, now=NOW + MINUTE)
        assert (again.target, again.reached, again.attempts) == ("env A", frozenset({"f"}), 1)

    def test_given_up_is_over_until_it_is_reopened(self, database: Database) -> None:
        finish_delivery(database, to_send(database), (DeliveryState.PARTLY, "550 no"), NOW, frozenset({"f"}))
        finish_delivery(database, to_send(database), (DeliveryState.SENT, None), NOW, frozenset())
        assert claim_delivery(database, ["monthly"], "us", SOON, SOON + MINUTE) is None
        assert reopen(database, "monthly", "2026-10", SOON) == 1
        assert to_send(database, now=SOON).reached == {"f"}


class TestMigration:
    def test_populated_ledger_keeps_every_row_down_and_up(
        self, empty_database: Database, make_account: Callable[..., Account], open_desk: type[Desk]
    ) -> None:
        upgrade(empty_database)
        desk = open_desk(empty_database, make_account())
        for second, value in enumerate((5, 9, 2, 3)):
            desk.poll(second, {"requests": value, "credits": value})
        finish_run(empty_database, claimed(empty_database), NOW, ([], []), MAILS)
        before = {name: desk.rows(name) for name in ("account", "poll", "snapshot", "decision")}
        config = Config()
        config.set_main_option("script_location", str(migrations_folder()))
        with empty_database.migrate() as connection:
            config.attributes["connection"] = connection
            command.downgrade(config, "0002")
        assert upgrade(empty_database) == ("0002", HEAD)
        assert {name: desk.rows(name) for name in before} == before
        assert desk.digests() == desk.chain()
        assert [desk.rows(name) for name in ("scheduled_report", "report_run", "delivery")] == [[], [], []]


class TestHistory:
    def test_account_is_heard_of_from_its_good_polls_only(self, make_desk: Callable[..., Desk]) -> None:
        desk = make_desk()
        desk.poll(0, {"credits": 1, "requests": 0})
        desk.fail(600)
        name = desk.account.name
        with desk.database.read() as connection:
            assert heard_since(connection, {name: desk.at(0)}) == {name}
            assert heard_since(connection, {name: desk.at(1)}) == set()
            assert heard_since(connection, {"nobody": desk.at(0)}) == set()

    def test_account_is_known_of_as_far_as_all_of_its_meters_are_imported(self, make_desk: Callable[..., Desk]) -> None:
        desk = make_desk()
        owner = owner_of(desk.account, METERS)
        ends = {desk.account.name: desk.at(600)}
        facts = [("credits", desk.micros(at), at) for at in (0, 700)]
        import_facts(desk.database, owner, [*facts, ("requests", desk.micros(500), 1)])
        with desk.database.read() as connection:
            assert known_since(connection, ends) == set()
        import_facts(desk.database, owner, [("requests", desk.micros(600), 1)])
        with desk.database.read() as connection:
            assert known_since(connection, ends) == {desk.account.name}
            assert heard_since(connection, ends) == set()

    def test_history_begins_with_the_first_value(self, make_desk: Callable[..., Desk]) -> None:
        desk = make_desk()
        with desk.database.read() as connection:
            assert history_begins(connection, [desk.account.name]) is None
        desk.poll(5, {"credits": 1, "requests": 0})
        with desk.database.read() as connection:
            assert history_begins(connection, [desk.account.name]) == desk.at(5)
