"""Deliveries that go wrong: unexpectedly, for days, or where only the record of it fails."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.app.scheduled.by_hand import run_now
from collector.app.scheduled.work import SENDING, ScheduledReports
from collector.app.wiring import load_settings
from collector.domain.accounts import Account
from collector.domain.secret import Secret
from collector.errors import NotifyError
from collector.notifications.message import Message, Outcome
from collector.store.engine import Database
from tests.app.scheduled.desk import EVERYBODY, ReportDesk

OpenDesk = Callable[..., ReportDesk]
TWO = """
[[reports]]
name = "first"
report = "daily"
schedule = { every = "day", at = "07:00" }
to = [{ env = "MAIL_URL" }]
[[reports]]
name = "second"
report = "daily"
schedule = { every = "day", at = "07:00" }
to = [{ env = "MAIL_URL" }]
"""
ONE = TWO.partition('[[reports]]\nname = "second"')[0]
EVENING = datetime(2026, 11, 1, 18, tzinfo=UTC)
DAY = 86_400.0


@pytest.fixture
def open_at_seven(open_desk: OpenDesk) -> Callable[[str], ReportDesk]:
    """Return a function that opens a desk in the morning on which its reports are due, their data in."""

    def opened(text: str) -> ReportDesk:
        desk = open_desk(text, EVENING)
        desk.poll()
        desk.work().tick()
        desk.clock.passes(DAY / 2 + 3600)
        desk.poll()
        return desk

    return opened


@pytest.fixture
def desk(open_at_seven: Callable[[str], ReportDesk]) -> ReportDesk:
    """One report that is due."""
    return open_at_seven(ONE)


def fails_with(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def ticks(work: ScheduledReports, times: int) -> None:
    for _ in range(times):
        work.tick()


def states(desk: ReportDesk) -> list[str]:
    return [one.state.value for one in desk.deliveries()]


def send_hours(desk: ReportDesk, work: ScheduledReports, hours: int) -> None:
    """Try once an hour."""
    for _ in range(hours):
        work._deliver()
        desk.clock.passes(3601)


class TestApart:
    def test_report_that_cannot_be_planned_keeps_no_other_from_it(
        self, open_at_seven: Callable[[str], ReportDesk]
    ) -> None:
        desk = open_at_seven(TWO)
        with desk.database.write() as connection:  # an instant beyond what there is
            connection.exec_driver_sql("update scheduled_report set planned_until = 9 << 59 where report = 'first'")
        ticks(desk.work(), 2)
        assert [one.report for one in desk.deliveries()] == ["second"]
        assert states(desk) == ["sent"]

    def test_delivery_that_fails_unexpectedly_keeps_no_other_from_it_and_waits_like_any(
        self, open_at_seven: Callable[[str], ReportDesk]
    ) -> None:
        desk = open_at_seven(TWO)

        def send(address: Secret, message: Message, reached: frozenset[str], *, allow_private: bool) -> Outcome:
            if len(sent) == 0:
                sent.append(message)
                raise ZeroDivisionError
            return Outcome(EVERYBODY)

        sent: list[Message] = []
        ticks(desk.work(send), 3)
        first, second = desk.deliveries()
        assert (first.state.value, first.attempts, second.state.value) == ("pending", 1, "sent")
        assert "unexpected: ZeroDivisionError" in str(first.error)


class TestGivingUp:
    def test_refusal_that_lasts_is_given_up_after_five_days_of_attempts(self, desk: ReportDesk) -> None:
        work = desk.work()
        desk.postman.before = fails_with(NotifyError("down"))
        work.tick()
        send_hours(desk, work, 118)
        assert states(desk) == ["pending"]
        send_hours(desk, work, 8)
        assert states(desk) == ["failed"]
        assert "given up after 5 days: down" in str(desk.deliveries()[0].error)

    def test_days_in_which_nobody_tried_do_not_count(self, desk: ReportDesk) -> None:
        desk.postman.before = fails_with(NotifyError("down"))
        desk.work().tick()
        desk.clock.passes(6 * DAY)
        work = desk.work()
        work._deliver()
        assert states(desk) == ["pending"]
        desk.postman.before = lambda: None
        desk.clock.passes(3601)
        work._deliver()
        assert states(desk) == ["sent"]

    def test_old_period_that_is_sent_by_hand_has_its_days_too(self, desk: ReportDesk) -> None:
        work = desk.work()
        desk.postman.before = fails_with(NotifyError("down"))
        work.tick()
        send_hours(desk, work, 130)
        run_now(work, desk.clock, "first", "2026-11-01", send=True)
        assert [one.state.value for one in desk.deliveries() if one.period == "2026-11-01"] == ["pending"]


def lock(desk: ReportDesk) -> Callable[[], None]:
    """Return what keeps everybody from writing from now on, until ``unlock``."""

    def refuse() -> None:
        with desk.database.write() as connection:
            connection.exec_driver_sql(
                "create trigger full before update on delivery begin select raise(abort, 'full'); end"
            )

    return refuse


def unlock(desk: ReportDesk) -> None:
    with desk.database.write() as connection:
        connection.exec_driver_sql("drop trigger full")


class TestRecording:
    def test_what_was_sent_is_recorded_as_soon_as_it_can_be_and_not_sent_again(self, desk: ReportDesk) -> None:
        desk.postman.after = lock(desk)
        desk.clock.on_wait = lambda times: unlock(desk) if times == 3 else None
        desk.work().tick()
        assert states(desk) == ["sent"]
        assert len(desk.postman.taken) == 1

    def test_what_could_not_be_recorded_in_the_lease_is_recorded_by_the_next_claim(self, desk: ReportDesk) -> None:
        work = desk.work()
        desk.postman.after = lock(desk)
        work.tick()
        assert states(desk) == ["sending"]
        unlock(desk)
        desk.clock.passes(SENDING.total_seconds())
        work.tick()
        assert states(desk) == ["sent"]
        assert len(desk.postman.taken) == 1

    def test_program_that_stops_does_not_wait_for_it(self, desk: ReportDesk) -> None:
        desk.postman.after = lock(desk)
        desk.clock.on_wait = lambda _: desk.clock.stopping.set()
        began = desk.clock.now()
        desk.work().tick()
        assert desk.clock.now() - began < timedelta(seconds=2)


def test_installations_whose_database_has_the_same_place_have_other_message_ids(
    upgraded_sqlite: Path, tmp_path: Path, make_account: Callable[..., Account]
) -> None:
    ids, path = [], tmp_path / "usage.db"
    for _ in range(2):
        shutil.copy(upgraded_sqlite, path)
        database = Database(f"sqlite:///{path}")
        desk = ReportDesk(database, tmp_path, make_account, ONE, EVENING)
        desk.poll()
        desk.work().tick()
        desk.clock.passes(DAY / 2 + 3600)
        desk.poll()
        desk.work().tick()
        ids += [one.id for one in desk.postman.taken]
        database.close()
    assert len(set(ids)) == len(ids) == 2


@pytest.mark.postgres
def test_machine_that_did_not_make_a_report_leaves_it_to_the_one_that_did_for_a_day(
    postgres_database: Database, tmp_path: Path, make_account: Callable[..., Account]
) -> None:
    folders = [tmp_path / name for name in ("maker", "other")]
    for folder in folders:
        folder.mkdir()
    desk = ReportDesk(postgres_database, folders[0], make_account, ONE, EVENING)
    desk.poll()
    desk.work().tick()
    desk.clock.passes(DAY / 2 + 3600)
    desk.poll()
    desk.postman.before = fails_with(NotifyError("down"))
    desk.work().tick()
    desk.postman.before = lambda: None
    desk.settings = load_settings(Path(shutil.copy(folders[0] / "reports.toml", folders[1])), {})
    for passed, sent in ((61.0, 0), (DAY - 180, 0), (180.0, 1)):
        desk.clock.passes(passed)
        desk.work()._deliver()
        assert len(desk.postman.taken) == sent
    assert desk.deliveries()[0].attempts == 2
