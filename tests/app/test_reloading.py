"""Settings that are read anew while polls run; ``tests/faults`` has the signal and the process."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
import structlog

from collector.app import logs
from collector.app.due_polls import DuePolls
from collector.app.reloading import CurrentReports, Parts, Reloading
from collector.app.scheduled.work import ScheduledReports
from collector.app.wiring import load_settings, targets
from collector.config import Settings
from collector.domain.secret import Secret
from collector.http import HttpAnswer
from collector.store.engine import Database
from tests.app.timepiece import Timepiece
from tests.app.world import until
from tests.polling.door import answer

DATABASE = '[database]\nurl = "sqlite:///usage.db"\n'


def account(name: str, **fields: str) -> str:
    """Return the table of an account."""
    values = {"name": name, "provider": "nected", "base_url": f"https://{name}.example.com", **fields}
    lines = [f'{key} = "{value}"' for key, value in values.items()]
    return "[[accounts]]\n" + "\n".join([*lines, 'api_key = { file = "key.txt" }']) + "\n"


class Shop:
    """A running collector whose settings change."""

    def __init__(self, database: Database) -> None:
        assert database.path is not None
        self.folder = database.path.parent
        self.database = database
        self.clock = Timepiece()
        self.asked: list[tuple[str, str]] = []
        self.log = io.StringIO()
        logs.configure(stream=self.log)
        self.key("first-key-0123456789")
        settings = self.write(DATABASE + account("a"))
        self.polls = DuePolls(settings, database, self.clock, self, targets(database, self.accounts(settings)))
        self.reports = CurrentReports(self.scheduled(settings))
        self.borne: list[Settings] = []
        parts = Parts(database, self.clock, self.polls, self.reports, self.scheduled, take_intervals=self.borne.append)
        self.reloading = Reloading(settings, {}, parts)

    def scheduled(self, settings: Settings) -> ScheduledReports:
        from collector.app.daemon import scheduled_reports

        return scheduled_reports(settings, self.database, self.clock, {})

    def accounts(self, settings: Settings) -> list[Any]:
        return [one.account({}) for one in settings.accounts]

    def key(self, text: str) -> None:
        path = self.folder / "key.txt"
        path.write_text(text)
        path.chmod(0o600)

    def write(self, text: str) -> Settings:
        path = self.folder / "collector.toml"
        path.write_text(text)
        path.chmod(0o600)
        return load_settings(path, {})

    def becomes(self, text: str) -> None:
        (self.folder / "collector.toml").write_text(text)
        self.reloading.reload()

    def get_json(self, url: str, *, key_header: str, key: Secret, allow_close_delimited: bool = False) -> HttpAnswer:
        self.asked.append((url.split("/")[2].partition(".")[0], key.fingerprint()))
        return answer({"data": {"invocations": len(self.asked)}, "code": "success"}, self.clock.now())

    def tick(self) -> list[str]:
        """Let the daemon tick, and return who was asked."""
        before = len(self.asked)
        self.polls.tick()
        until(lambda: self.polls.running == 0)
        return [name for name, _ in self.asked[before:]]

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


@pytest.fixture
def shop(sqlite_database: Database) -> Iterator[Shop]:
    shop = Shop(sqlite_database)
    with closing(sqlite_database):
        yield shop


def test_new_account_is_polled_and_an_old_one_is_not(shop: Shop) -> None:
    assert shop.tick() == ["a"]
    shop.becomes(DATABASE + account("b"))
    shop.clock.passes(86_400)
    assert shop.tick() == ["b"]
    told = shop.lines[-1]
    assert (told["event"], told["added"], told["removed"], told["changed"]) == (
        "the settings were reloaded", ["b"], ["a"], [],
    )  # fmt: skip


def test_shorter_interval_holds_at_once(shop: Shop) -> None:
    shop.becomes(DATABASE + account("a", poll_every="24h"))
    shop.tick()
    shop.becomes(DATABASE + account("a", poll_every="1m"))
    shop.clock.passes(60)
    assert shop.tick() == []  # it is brought forward from now on
    shop.clock.passes(60)
    assert shop.tick() == ["a"]
    assert [line["changed"] for line in shop.lines if line["event"] == "the settings were reloaded"] == [["a"], ["a"]]


def test_the_watchdog_bears_what_the_new_intervals_allow_within_the_old_deadline(shop: Shop) -> None:
    old = shop.write(DATABASE + account("a"))
    shop.becomes('[http]\ndeadline = "9s"\n' + DATABASE + account("a", poll_every="10s"))
    shop.becomes("nothing")
    (borne,) = shop.borne
    assert borne.accounts[0].poll_every == timedelta(seconds=10)
    assert borne.collector.deadline == old.collector.deadline != timedelta(seconds=9)


@pytest.mark.parametrize("change", ["key", "address"])
def test_account_with_another_key_or_address_is_asked_at_once(change: str, shop: Shop) -> None:
    shop.tick()
    if change == "key":
        shop.key("second-key-0123456789")
    shop.becomes(DATABASE + account("a", **({} if change == "key" else {"base_url": "https://a2.example.com"})))
    shop.clock.passes(1)
    assert shop.tick() == (["a"] if change == "key" else ["a2"])
    assert (shop.asked[0] != shop.asked[1]) is True


def test_account_that_stays_as_it_was_is_not_asked(shop: Shop) -> None:
    shop.tick()
    shop.becomes(DATABASE + account("a"))
    shop.clock.passes(1)
    assert shop.tick() == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (DATABASE, "configures no account"),
        (DATABASE + account("a", poll_evry="1m"), "poll_every"),
        (DATABASE + account("b").replace("key.txt", "none.txt"), "none.txt"),
        (DATABASE.replace("usage", "other") + account("b"), "restart"),
        (DATABASE + account("a", provider="nellie"), "name of its own"),
        ("not toml", "collector.toml"),
    ],
    ids=["no account", "misspelt", "no key", "another database", "another provider", "no settings"],
)
def test_what_is_wrong_keeps_the_old_settings_and_is_told(text: str, says: str, shop: Shop) -> None:
    shop.becomes(text)
    (line,) = shop.lines
    assert (line["level"], line["event"]) == ("error", "the settings were not reloaded; the old ones stay in force")
    assert says in line["error"]
    assert shop.tick() == ["a"]
    assert not (shop.folder / "other.db").exists()


def test_fault_of_our_own_keeps_the_old_settings_too(shop: Shop) -> None:
    def broken(settings: Settings) -> ScheduledReports:
        raise ZeroDivisionError

    parts = Parts(shop.database, shop.clock, shop.polls, shop.reports, broken)
    Reloading(load_settings(shop.folder / "collector.toml", {}), {}, parts).reload()
    assert "ZeroDivisionError" in shop.lines[0]["exception"]
    assert shop.tick() == ["a"]


def test_what_belongs_to_the_whole_process_waits_for_the_next_start_and_that_is_told(shop: Shop) -> None:
    shop.becomes(DATABASE + "[daemon]\nworkers = 3\n" + account("a"))
    assert "take effect at the next start" in shop.lines[-1]["event"]


def test_key_of_a_new_account_is_kept_out_of_the_log(shop: Shop) -> None:
    shop.key("another-key-9876543210")
    shop.becomes(DATABASE + account("a"))
    structlog.get_logger().info("it is another-key-9876543210")
    assert "another-key" not in shop.log.getvalue()


class TestReports:
    REPORT = '[[reports]]\nname = "r"\nreport = "daily"\nschedule = { every = "day" }\n'

    def test_added_ones_are_planned(self, shop: Shop) -> None:
        shop.becomes(DATABASE + account("a") + self.REPORT)
        shop.reports.tick()
        with shop.database.read() as connection:
            assert connection.exec_driver_sql("SELECT report FROM scheduled_report").scalars().all() == ["r"]

    def test_new_ones_wait_until_a_step_of_the_old_ones_has_ended(self, shop: Shop) -> None:
        old = shop.reports._current
        with old._ticking:
            shop.becomes(DATABASE + account("a") + self.REPORT)
            shop.reports.tick()
            assert not shop.reports.stop(0)
        shop.reports.tick()
        assert shop.reports.stop(1)
        assert shop.reports._before == []

    def test_parts_share_the_time_to_stop(self) -> None:
        reports = CurrentReports(Hanging())  # type: ignore[arg-type]  # as much of reports as is asked
        reports.become(Hanging())  # type: ignore[arg-type]  # as much of reports as is asked
        reports.become(Hanging())  # type: ignore[arg-type]  # as much of reports as is asked
        began = time.monotonic()
        assert not reports.stop(0.3)
        assert time.monotonic() - began < 0.6


class Hanging:
    """Scheduled reports whose step hangs."""

    def stop(self, seconds: float) -> bool:
        """Wait for the step in vain."""
        time.sleep(max(0.0, seconds))
        return False


class TestAsking:
    def test_settings_are_read_once_for_each_asking(self, shop: Shop) -> None:
        for _ in range(3):
            shop.reloading.look()
        shop.reloading.ask()
        shop.reloading.look()
        assert shop.reloading.stop(10)
        assert [line["event"] for line in shop.lines] == ["the settings were reloaded"]

    def test_end_needs_to_wait_for_nothing_where_nothing_was_asked(self, shop: Shop) -> None:
        assert shop.reloading.stop(0)
