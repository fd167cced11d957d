"""What is around making: links and old files, targets that come and go, formats that cannot be written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.app import daemon
from collector.app.printing_reports import print_forsaken, print_run
from collector.app.scheduled import folder
from collector.app.scheduled.by_hand import RunNow, run_now
from collector.app.scheduled.listing import forsaken, listed
from collector.app.wiring import load_settings
from collector.errors import ConfigError, NotifyError, UsageError
from collector.store.deliveries import DeliveryState
from collector.store.engine import Database
from collector.store.heard import history_begins
from reports.document import Chart, Column, Document, Section, Table
from tests.app.scheduled.desk import PlainRenderer, ReportDesk

OpenDesk = Callable[..., ReportDesk]
DAILY = """
[[reports]]
name = "r"
report = "daily"
schedule = { every = "day", at = "07:00" }
"""
TO = 'to = [{ env = "MAIL_URL" }]\n'
START = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = 86_400.0


@pytest.fixture
def desk(open_desk: OpenDesk) -> ReportDesk:
    """The report of 1 November is due."""
    return due(open_desk(DAILY + TO, START))


def due(found: ReportDesk) -> ReportDesk:
    found.poll()
    found.work().tick()
    found.clock.passes(DAY)
    found.poll()
    return found


def down() -> None:
    raise NotifyError("down")


def set_again(desk: ReportDesk, text: str) -> None:
    """Change the reports, as an operator does between two starts."""
    head = desk.settings.path.read_text().partition("[[reports]]")[0]
    desk.settings.path.write_text(head + text)
    desk.settings = load_settings(desk.settings.path, {})


class TestTargets:
    def test_that_is_added_later_gets_what_was_made_before(self, desk: ReportDesk) -> None:
        desk.work().tick()
        set_again(desk, DAILY + 'to = [{ env = "MAIL_URL" }, { env = "CHAT_URL" }]\n')
        desk.environ = {**desk.environ, "CHAT_URL": "json://chat.example.com/Canary-1"}
        done = run_now(desk.work(), desk.clock, "r", None, send=True)
        assert [(one.target, one.state) for one in done.deliveries] == [
            ("env CHAT_URL", DeliveryState.SENT),
            ("env MAIL_URL", DeliveryState.SENT),
        ]
        assert (done.lacking, len(desk.postman.taken)) == ((), 2)

    def test_that_is_not_reached_is_lacking(self, desk: ReportDesk) -> None:
        desk.postman.before = down
        done = run_now(desk.work(), desk.clock, "r", None, send=True)
        assert done.lacking == ("env MAIL_URL",)

    def test_of_a_removed_report_is_told(self, desk: ReportDesk, capsys: pytest.CaptureFixture[str]) -> None:
        desk.postman.before = down
        desk.work().tick()
        assert forsaken(desk.settings, desk.database) == []
        set_again(desk, DAILY.replace('"r"', '"other"'))
        waiting = forsaken(desk.settings, desk.database)
        assert [(one.report, one.period, one.target) for one in waiting] == [("r", "2026-11-01", "env MAIL_URL")]
        print_forsaken(waiting)
        assert "r 2026-11-01 was not sent to env MAIL_URL" in capsys.readouterr().err


class TestFiles:
    def test_that_are_still_to_be_sent_stay_as_they_are(self, desk: ReportDesk) -> None:
        desk.postman.before = down
        work = desk.work()
        work.tick()
        (path,) = (desk.folder / one for one in desk.files if one.endswith(".html"))
        before = path.stat().st_mtime_ns
        with pytest.raises(UsageError, match="still to be sent to env MAIL_URL"):
            run_now(work, desk.clock, "r", None, send=False)
        assert path.stat().st_mtime_ns == before

    def test_of_old_periods_stay_until_they_are_sent(self, open_desk: OpenDesk) -> None:
        desk = due(open_desk(DAILY + TO + "keep = 1\n", START))
        desk.postman.before = down
        work = desk.work()
        for _ in range(2):
            work.tick()
            desk.clock.passes(DAY)
            desk.poll()
        work.tick()
        assert [one for one in desk.files if one.endswith(".html") and "latest" not in one] == [
            "r-2026-11-01.html", "r-2026-11-02.html", "r-2026-11-03.html",
        ]  # fmt: skip

    def test_fault_with_a_link_leaves_the_report_made_and_the_next_start_mends_it(
        self, desk: ReportDesk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as broken:

            def full(*_: object) -> None:
                raise OSError(28, "No space left on device")

            broken.setattr(Path, "symlink_to", full)
            desk.work().tick()
        (made,) = listed(desk.settings, desk.database, desk.clock.now())
        assert (made.result, "r-latest.html →" in desk.files) == ("made", False)
        desk.work().tick()
        assert (desk.folder / "r-latest.html").readlink().name == "r-2026-11-01.html"

    def test_periods_made_by_hand_are_in_the_order_of_time(self, open_desk: OpenDesk) -> None:
        desk = due(open_desk(DAILY + TO + "keep = 2\n", START))
        work = desk.work()
        work.tick()
        run_now(work, desk.clock, "r", "2026-10-20", send=True)
        (one,) = listed(desk.settings, desk.database, desk.clock.now())
        assert one.run is not None
        assert one.run.period == "2026-11-01"
        run_now(work, desk.clock, "r", "2026-10-21", send=True)
        assert [name for name in desk.files if name.endswith("html")] == ["r-2026-10-21.html", "r-2026-11-01.html"]


class TestFormats:
    @pytest.mark.parametrize(("format_", "extra"), [("png", "charts"), ("pdf", "pdf"), ("parquet", "parquet")])
    def test_that_needs_an_extra_that_is_missing_is_refused_at_the_start(
        self, open_desk: OpenDesk, monkeypatch: pytest.MonkeyPatch, format_: str, extra: str
    ) -> None:
        desk = open_desk(f'{DAILY}formats = ["{format_}"]\n', START)
        daemon.scheduled_reports(desk.settings, desk.database, desk.clock, {})
        monkeypatch.setattr("reports.extras.find_spec", lambda _: None)
        with pytest.raises(ConfigError, match=rf"report r: the format {format_} needs .*usage-collector\[{extra}\]"):
            daemon.scheduled_reports(desk.settings, desk.database, desk.clock, {})

    def test_pictures_beyond_those_that_are_drawn_are_told(
        self, desk: ReportDesk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        table = Table("t", "T", (Column("a", "A"),), [])
        charts = tuple(Chart(f"c{number}", "C", "", lambda _: pytest.fail("drawn"), table) for number in range(53))
        document = Document("daily", "t", "a", START, table, sections=(Section("s", "S", blocks=charts),))
        assert list(folder._write_pictures(PlainRenderer(), tmp_path / "r-2026-11-01", document)) == []
        assert "left_out=3" in capsys.readouterr().out


def test_report_that_goes_to_nobody_is_not_said_to_go_to_somebody(capsys: pytest.CaptureFixture[str]) -> None:
    print_run("r", RunNow("2026-11-01", (), (), START, (), ()))
    said = capsys.readouterr().out
    assert said == "r 2026-11-01: made before, 2026-11-01 12:00Z\n"


def test_history_begins_with_the_first_value_of_any_meter(desk: ReportDesk, sqlite_database: Database) -> None:
    with sqlite_database.read() as connection:
        assert history_begins(connection, ["a"]) == START
        assert history_begins(connection, ["nobody"]) is None
    assert START + timedelta(days=1) == desk.clock.now()
