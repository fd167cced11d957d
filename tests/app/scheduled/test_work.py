from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from collector.app import logs
from collector.app.printing_reports import print_listed
from collector.app.scheduled.by_hand import run_now, send_trial
from collector.app.scheduled.listing import listed
from collector.app.scheduled.work import MAKING, SENDING
from collector.errors import CollectorError, NotifyError, PermanentNotifyError, UsageError
from collector.notifications.message import Outcome
from collector.store.deliveries import DeliveryState
from tests.app.scheduled.desk import EVERYBODY, ReportDesk

OpenDesk = Callable[..., ReportDesk]
DAILY = """
[[reports]]
name = "nightly"
report = "daily"
schedule = { every = "day", at = "07:00" }
to = [{ env = "MAIL_URL" }]
"""
EVENING = datetime(2026, 11, 1, 18, tzinfo=UTC)
DAY = 86_400.0


class Killed(BaseException):
    """The process ends at this very place."""


def kill() -> None:
    raise Killed


def fail(error: Exception) -> Callable[[], None]:
    def raise_it() -> None:
        raise error

    return raise_it


@pytest.fixture
def desk(open_desk: OpenDesk) -> ReportDesk:
    """A daily report, first seen in the evening of 1 November; it is the next morning after seven in Berlin."""
    found = open_desk(DAILY, EVENING)
    found.poll()
    found.work().tick()
    found.clock.passes(DAY / 2 + 3600)
    return found


def states(desk: ReportDesk) -> list[tuple[str, str]]:
    return [(one.period, one.state.value) for one in desk.deliveries()]


class TestPlanning:
    def test_report_begins_when_it_is_first_seen(self, open_desk: OpenDesk) -> None:
        desk = open_desk(DAILY, EVENING)
        desk.poll()
        desk.work().tick()
        assert desk.runs("nightly") == []

    def test_period_before_the_history_is_left_out(self, open_desk: OpenDesk) -> None:
        desk = open_desk(DAILY, EVENING)
        desk.work().tick()
        desk.clock.passes(2 * DAY)
        desk.poll()
        desk.clock.passes(DAY)
        desk.work().tick()
        assert [one.period for one in desk.runs("nightly")] == ["2026-11-03"]

    def test_only_the_last_missed_period_is_made_by_setting(self, open_desk: OpenDesk) -> None:
        desk = open_desk(DAILY + 'missed = "last"\n', EVENING)
        desk.poll()
        desk.work().tick()
        desk.clock.passes(5 * DAY)
        desk.poll()
        for _ in range(6):
            desk.work().tick()
        assert [one.period for one in desk.runs("nightly")] == ["2026-11-05"]

    @pytest.mark.parametrize("step", [-3600.0, -40 * DAY, 3000 * DAY], ids=["an hour back", "weeks back", "years on"])
    def test_clock_that_is_set_and_set_right_again_mails_nothing_twice(self, desk: ReportDesk, step: float) -> None:
        desk.poll()
        work = desk.work()
        work.tick()
        desk.clock.is_set(step)
        work.tick()
        desk.clock.is_set(-step)
        for _ in range(2):
            work.tick()
            desk.clock.passes(DAY)
            desk.poll()
        work.tick()
        subjects = [one for one in desk.postman.subjects if "2026-11" in one]
        assert subjects == [
            "daily 2026-11-01 – 2026-11-01",
            "daily 2026-11-02 – 2026-11-02",
            "daily 2026-11-03 – 2026-11-03",
        ]


class TestWaiting:
    def test_report_waits_for_a_poll_after_the_period(self, desk: ReportDesk) -> None:
        desk.work().tick()
        assert listed(desk.settings, desk.database, desk.clock.now())[0].result == "waiting for data"
        desk.clock.passes(120)
        desk.poll()
        desk.work().tick()
        assert desk.postman.subjects == ["daily 2026-11-01 – 2026-11-01"]

    def test_report_whose_data_do_not_come_is_made_at_the_deadline_and_says_so(self, desk: ReportDesk) -> None:
        work = desk.work()
        for _ in range(7):
            work.tick()
            desk.clock.passes(3600)
        assert [one.missing for one in desk.runs("nightly")] == [("a",)]
        assert "Data of a did not come" in desk.postman.taken[0].text
        assert listed(desk.settings, desk.database, desk.clock.now())[0].result == "made without data of a"

    def test_question_is_about_the_period(self, desk: ReportDesk) -> None:
        desk.poll()
        desk.work().tick()
        ((period, question),) = desk.renderer.asked
        assert (period, str(question.start), str(question.end)) == ("2026-11-01", "2026-11-01", "2026-11-02")
        assert (question.accounts, question.now) == (("a",), desk.clock.now())


class TestMaking:
    def test_report_that_fails_is_tried_again_and_others_go_on(self, desk: ReportDesk) -> None:
        desk.poll()
        desk.renderer.fails = CollectorError("no space left")
        desk.work().tick()
        (one,) = listed(desk.settings, desk.database, desk.clock.now())
        assert one.result == "failed 1 time: no space left"
        desk.renderer.fails = None
        desk.work().tick()
        assert desk.postman.taken == []
        desk.clock.passes(61)
        desk.work().tick()
        assert states(desk) == [("2026-11-01", "sent")]

    def test_two_collectors_make_and_send_it_once(self, desk: ReportDesk) -> None:
        desk.poll()
        one, other = desk.work(), desk.work()
        desk.postman.before = other.tick  # the other comes while the first is sending
        one.tick()
        other.tick()
        assert len(desk.renderer.asked) == len(desk.postman.taken) == 1

    def test_collector_that_lost_its_lease_records_nothing(self, desk: ReportDesk) -> None:
        desk.poll()
        slow, other = desk.work(), desk.work()

        def overtaken() -> None:
            desk.postman.before = lambda: None
            desk.clock.passes((SENDING + timedelta(seconds=1)).total_seconds())
            other.tick()

        desk.postman.before = overtaken
        slow.tick()
        (sent,) = desk.deliveries()
        assert (sent.state, sent.attempts) == (DeliveryState.SENT, 1)
        assert len({one.id for one in desk.postman.taken}) == 1

    def test_latest_link_never_goes_back(self, desk: ReportDesk) -> None:
        desk.poll()
        work = desk.work()
        work.tick()
        run_now(work, desk.clock, "nightly", "2026-10-15", send=False)
        assert (desk.folder / "nightly-latest.html").readlink().name == "nightly-2026-11-01.html"
        assert "nightly-2026-10-15.html" in desk.files

    def test_files_beyond_those_kept_are_removed_and_nothing_else(self, open_desk: OpenDesk) -> None:
        desk = open_desk(DAILY + "keep = 2\n", EVENING)
        desk.poll()
        work = desk.work()
        work.tick()
        (desk.folder).mkdir(exist_ok=True)
        (desk.folder / "nightly-2019-01-01.html").write_text("somebody's own")
        for _ in range(4):
            desk.clock.passes(DAY)
            desk.poll()
            work.tick()
        assert desk.files == [
            "nightly-2019-01-01.html", "nightly-2026-11-03.html", "nightly-2026-11-04.html", "nightly-latest.html →",
        ]  # fmt: skip

    def test_file_in_the_place_of_the_link_is_left_alone(self, desk: ReportDesk) -> None:
        desk.poll()
        desk.folder.mkdir()
        (desk.folder / "nightly-latest.html").write_text("somebody's own")
        desk.work().tick()
        assert (desk.folder / "nightly-latest.html").read_text() == "somebody's own"
        assert states(desk) == [("2026-11-01", "sent")]

    def test_what_is_made_is_for_its_owner_only(self, desk: ReportDesk) -> None:
        desk.poll()
        desk.postman.before = fail(NotifyError("down"))
        desk.work().tick()
        modes = {one.name: one.stat().st_mode & 0o777 for one in desk.folder.iterdir() if not one.is_symlink()}
        assert modes == {".nightly-2026-11-01.letter": 0o600, "nightly-2026-11-01.html": 0o600}
        assert desk.folder.stat().st_mode & 0o777 == 0o700


class TestDelivering:
    def test_process_that_dies_between_sending_and_marking_doubles_at_most_once_under_one_id(
        self, desk: ReportDesk
    ) -> None:
        desk.poll()
        desk.postman.after = kill
        with pytest.raises(Killed):
            desk.work().tick()
        desk.postman.after = lambda: None
        desk.work().tick()
        assert len(desk.postman.taken) == 1  # the lease of the dead one still runs
        desk.clock.passes((SENDING + timedelta(seconds=1)).total_seconds())
        for _ in range(3):
            desk.work().tick()
        assert len(desk.postman.taken) == 2
        assert len({one.id for one in desk.postman.taken}) == 1
        assert states(desk) == [("2026-11-01", "sent")]

    def test_process_that_dies_while_making_leaves_it_to_the_next(self, desk: ReportDesk) -> None:
        desk.poll()
        desk.renderer.fails = Killed()  # type: ignore[assignment]  # as if the process ended there
        with pytest.raises(Killed):
            desk.work().tick()
        desk.renderer.fails = None
        desk.clock.passes((MAKING + timedelta(seconds=1)).total_seconds())
        desk.work().tick()
        assert desk.postman.subjects == ["daily 2026-11-01 – 2026-11-01"]

    def test_server_that_is_down_for_a_day_loses_nothing(self, desk: ReportDesk) -> None:
        desk.poll()
        work = desk.work()
        desk.postman.before = fail(NotifyError("down"))
        for _ in range(24):
            work.tick()
            desk.clock.passes(3601)
        desk.postman.before = lambda: None
        desk.poll()
        work.tick()
        work.tick()
        assert desk.postman.subjects == ["daily 2026-11-01 – 2026-11-01", "daily 2026-11-02 – 2026-11-02"]

    def test_waits_grow(self, desk: ReportDesk) -> None:
        desk.poll()
        work = desk.work()
        desk.postman.before = fail(NotifyError("down"))
        waits = []
        for _ in range(8):
            work.tick()
            waits.append((desk.deliveries()[0].not_before - desk.clock.now()).total_seconds() / 60)
            desk.clock.passes(waits[-1] * 60)
        assert waits == [1, 2, 4, 8, 16, 32, 60, 60]

    def test_refusal_for_good_ends_it_and_is_listed(self, desk: ReportDesk) -> None:
        desk.poll()
        desk.postman.before = fail(PermanentNotifyError("554 spam"))
        work = desk.work()
        work.tick()
        desk.clock.passes(DAY / 2)
        work.tick()
        assert states(desk) == [("2026-11-01", "failed")]
        assert desk.deliveries()[0].attempts == 1

    @pytest.mark.parametrize(
        ("outcome", "state"),
        [
            pytest.param(Outcome(EVERYBODY, never=("550 no",)), "partly", id="others have it"),
            pytest.param(Outcome(frozenset(), never=("550 no",)), "failed", id="nobody has it"),
            pytest.param(Outcome(EVERYBODY, later=("451 later",)), "pending", id="some may have it later"),
        ],
    )
    def test_refused_recipients_are_told(self, desk: ReportDesk, outcome: Outcome, state: str) -> None:
        desk.poll()
        desk.work(lambda *_, **__: outcome).tick()
        assert states(desk) == [("2026-11-01", state)]
        assert "1 recipient refused" in str(desk.deliveries()[0].error)

    def test_what_was_made_is_what_is_sent_after_a_restart(self, desk: ReportDesk) -> None:
        desk.poll()
        desk.postman.before = fail(NotifyError("down"))
        desk.work().tick()
        desk.postman.before = lambda: None
        desk.clock.passes(61)
        desk.work().tick()
        assert len(desk.renderer.asked) == 1
        assert [one.path.name for one in desk.postman.taken[0].attachments] == ["nightly-2026-11-01.html"]

    def test_what_is_gone_is_made_again_from_the_ledger(self, desk: ReportDesk) -> None:
        desk.poll()
        desk.postman.before = fail(NotifyError("down"))
        desk.work().tick()
        for path in desk.folder.iterdir():
            path.unlink()
        desk.postman.before = lambda: None
        desk.clock.passes(61)
        desk.work().tick()
        assert [one.path.is_file() for one in desk.postman.taken[0].attachments] == [True]
        assert states(desk) == [("2026-11-01", "sent")]

    def test_missing_address_is_told_and_mended_without_a_loss(self, desk: ReportDesk) -> None:
        desk.poll()
        desk.environ, kept = {}, desk.environ
        desk.work().tick()
        assert "env MAIL_URL holds no address" in str(desk.deliveries()[0].error)
        desk.environ = kept
        desk.clock.passes(61)
        desk.work().tick()
        assert states(desk) == [("2026-11-01", "sent")]

    def test_no_key_is_in_database_folder_list_or_log(
        self, desk: ReportDesk, capsys: pytest.CaptureFixture[str]
    ) -> None:
        said = io.StringIO()
        logs.configure(stream=said, verbose=True)
        desk.poll()
        desk.postman.before = fail(NotifyError("down"))
        desk.work().tick()
        for as_json in (True, False):
            print_listed(listed(desk.settings, desk.database, desk.clock.now()), as_json=as_json)
        assert desk.database.path is not None
        wal = desk.database.path.with_name(desk.database.path.name + "-wal")
        stored = [one.read_bytes() for one in (desk.database.path, wal, *desk.folder.iterdir()) if one.exists()]
        everything = b"".join([*stored, said.getvalue().encode(), capsys.readouterr().out.encode()])
        assert b"nightly" in everything
        assert b"Canary-0" not in everything


class TestByHand:
    def test_report_is_made_for_any_period_that_is_over_and_nothing_is_recorded(self, desk: ReportDesk) -> None:
        done = run_now(desk.work(), desk.clock, "nightly", "2026-10-20", send=False)
        assert ([one.name for one in done.files], done.missing) == (["nightly-2026-10-20.html"], ())
        assert (desk.runs("nightly"), desk.deliveries()) == ([], [])

    def test_sent_by_hand_is_not_sent_again_by_schedule(self, desk: ReportDesk) -> None:
        desk.poll()
        work = desk.work()
        run_now(work, desk.clock, "nightly", None, send=True)
        again = run_now(work, desk.clock, "nightly", None, send=True)
        work.tick()
        assert again.before is not None
        assert desk.postman.subjects == ["daily 2026-11-01 – 2026-11-01"]

    def test_what_was_given_up_can_be_sent_by_hand(self, desk: ReportDesk) -> None:
        desk.poll()
        desk.postman.before = fail(PermanentNotifyError("554 spam"))
        work = desk.work()
        work.tick()
        desk.postman.before = lambda: None
        done = run_now(work, desk.clock, "nightly", "2026-11-01", send=True)
        assert [one.state for one in done.deliveries] == [DeliveryState.SENT]

    @pytest.mark.parametrize("period", ["2026-11-02", "2027-01-01", "2026-11", "nonsense"])
    def test_period_that_is_not_over_or_none_is_refused(self, desk: ReportDesk, period: str) -> None:
        with pytest.raises(UsageError):
            run_now(desk.work(), desk.clock, "nightly", period, send=False)

    def test_unknown_report_is_refused(self, desk: ReportDesk) -> None:
        with pytest.raises(UsageError, match="configured: nightly"):
            run_now(desk.work(), desk.clock, "monthly", None, send=False)

    def test_trial_says_so_and_counts_for_nothing(self, desk: ReportDesk) -> None:
        desk.poll()
        (tried,) = send_trial(desk.work(), desk.clock, "nightly")
        assert (tried.target, tried.error) == ("env MAIL_URL", None)
        assert desk.postman.subjects == ["[Trial] daily 2026-11-01 – 2026-11-01"]
        assert "This is a trial" in desk.postman.taken[0].text
        assert (desk.runs("nightly"), desk.deliveries()) == ([], [])
        assert not desk.folder.exists()

    def test_trial_that_fails_says_why(self, desk: ReportDesk) -> None:
        desk.postman.before = fail(NotifyError("down"))
        (tried,) = send_trial(desk.work(), desk.clock, "nightly")
        assert tried.error == "down"
