from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from collector.store.processes import ProcessRow, record_process
from tests.app.console import NELLIE_KEY, Console
from tests.polling.canary import leaks
from tests.upstream import NECTED, NELLIE, Upstream


def checks(console: Console) -> list[tuple[str, bool]]:
    return [(row["check"], row["ok"]) for row in console.run("doctor", "--json").rows]


class TestSoundSite:
    def test_ends_with_0(self, console: Console) -> None:
        assert console.run("doctor").code == 0

    def test_is_checked_in_order(self, console: Console) -> None:
        assert checks(console) == [
            (name, True)
            for name in ("settings", "key", "key", "database", "clock", "state", "disk", "provider", "provider")
        ]

    def test_is_told_in_lines(self, console: Console) -> None:
        assert [line[:5] for line in console.good("doctor").lines] == ["ok   "] * 9

    def test_says_what_the_providers_answer(self, console: Console) -> None:
        assert "requests 42, credits 8,750" in console.good("doctor").out

    def test_has_stable_keys(self, console: Console) -> None:
        assert {tuple(row) for row in console.json("doctor")} == {("check", "ok", "message")}

    def test_is_left_without_a_poll(self, console: Console) -> None:
        console.good("doctor")
        assert console.table("poll") == []

    def test_shows_of_keys_a_fingerprint_only(self, console: Console) -> None:
        done = console.good("doctor")
        assert not leaks(done.out + done.err)
        assert "key …" in done.out


class Case(NamedTuple):
    """What is wrong, and what must be found, said and returned."""

    name: str
    break_: Callable[[Console, Upstream], Any]
    check: str
    code: int
    says: str


def ahead(console: Console) -> None:
    console.good("poll")
    with sqlite3.connect(console.folder / "usage.db") as connection:
        connection.execute("UPDATE snapshot SET observed_at = observed_at + 172800000000")
        connection.execute("UPDATE snapshot SET confirmed_at = observed_at WHERE confirmed_at IS NOT NULL")
    connection.close()


CASES = (
    Case("no settings", lambda c, u: (c.folder / "collector.toml").unlink(), "settings", 2, "collector init"),
    Case("no key", lambda c, u: c.set("NELLIE_API_KEY", None), "key", 2, "NELLIE_API_KEY"),
    Case("placeholder", lambda c, u: c.set("NELLIE_API_KEY", "changeme"), "key", 2, "placeholder"),
    Case("no database", lambda c, u: (c.folder / "usage.db").unlink(), "database", 5, "db upgrade"),
    Case("no tables", lambda c, u: (c.folder / "usage.db").write_bytes(b""), "database", 6, "db upgrade"),
    Case("damaged", lambda c, u: (c.folder / "usage.db").write_bytes(b"x" * 9000), "database", 7, "restore"),
    Case("clock behind", lambda c, u: ahead(c), "clock", 5, "set the clock"),
    Case("rejected key", lambda c, u: u.refuse(NELLIE, 401), "provider", 1, "rejected"),
    Case("wrong address", lambda c, u: u.refuse(NECTED, 404), "provider", 1, "check base_url"),
    Case("skew", lambda c, u: u.answers.update({NECTED: lambda: (200, {"Date": "Thu, 01 Jan 2026 00:00:00 GMT"},
         {"data": {"invocations": 1}, "code": "success"})}), "clock", 5, "ahead of the provider's"),
    Case("no authorities", lambda c, u: c.configure(u.url, extra='[http]\nca_bundle = "none.pem"'), "network", 2,
         "ca_bundle"),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
class TestFault:
    @pytest.fixture(autouse=True)
    def _broken(self, case: Case, console: Console, upstream: Upstream) -> None:
        case.break_(console, upstream)

    def test_is_found_and_mended_by_words(self, case: Case, console: Console) -> None:
        faults = [row for row in console.run("doctor", "--json").rows if not row["ok"]]
        assert {row["check"] for row in faults} == {case.check}
        assert case.says in faults[0]["message"]

    def test_ends_with_its_exit_code(self, case: Case, console: Console) -> None:
        assert console.run("doctor").code == case.code

    def test_is_marked_for_people(self, case: Case, console: Console) -> None:
        assert any(line.startswith(f"FAULT  {case.check}") for line in console.run("doctor").lines)


def test_full_disk_is_found(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    done = console.run("doctor")
    assert done.code == 5
    assert "make room" in done.out


def test_clock_that_is_behind_the_providers_is_found(console: Console, upstream: Upstream) -> None:
    late = {"Date": "Fri, 31 Dec 2100 00:00:00 GMT"}
    upstream.answers[NECTED] = lambda: (200, late, {"data": {"invocations": 1}, "code": "success"})
    assert "behind the provider's" in console.run("doctor").out


def test_note_about_settings_is_no_fault(console: Console, upstream: Upstream) -> None:
    console.configure(upstream.url, nected='poll_every = "1s"')
    done = console.run("doctor")
    assert done.code == 0
    assert "note: account nected: poll_every is shorter" in done.out


def test_accounts_that_count_twice_are_noted(console: Console, upstream: Upstream) -> None:
    again = f'\n[[accounts]]\nname = "again"\nprovider = "nected"\nbase_url = "{upstream.url}"\n'
    console.configure(upstream.url, extra=again)
    assert "double count" in console.run("doctor").out


def test_key_that_the_provider_echoes_is_not_shown(console: Console, upstream: Upstream) -> None:
    upstream.answers[NELLIE] = lambda: (200, {}, {"success": False, "error": f"bad key {NELLIE_KEY}"})
    done = console.run("doctor")
    assert "bad key [key removed]" in done.out
    assert not leaks(done.out + done.err)


def test_retries_are_not_shown(console: Console) -> None:
    console.configure("http://127.0.0.1:9", extra='[http]\ndeadline = "1s"')
    assert console.run("doctor").err == ""


class TestReports:
    """Scheduled reports are checked without making or sending one."""

    TEXT = '[[reports]]\nname = "r"\nreport = "daily"\nschedule = { every = "day" }\nto = [{ env = "MAIL_URL" }]\n'

    def report_of(self, console: Console, upstream: Upstream) -> Any:
        console.configure(upstream.url, extra=self.TEXT)
        (found,) = (row for row in console.run("doctor", "--json").rows if row["check"] == "report")
        return found

    def test_that_can_be_made_and_sent_is_told(self, console: Console, upstream: Upstream) -> None:
        console.set("MAIL_URL", "json://hooks.example.com/Canary-0123456789")
        found = self.report_of(console, upstream)
        assert (found["ok"], "Canary" in found["message"]) == (True, False)
        assert not (console.folder / "reports").exists()

    def test_whose_address_is_missing_is_told(self, console: Console, upstream: Upstream) -> None:
        found = self.report_of(console, upstream)
        assert (found["ok"], "report r: env MAIL_URL holds no address" in found["message"]) == (False, True)

    def test_whose_folder_is_none_is_told(self, console: Console, upstream: Upstream) -> None:
        console.set("MAIL_URL", "json://hooks.example.com/Canary-0123456789")
        (console.folder / "reports").write_text("somebody's own")
        found = self.report_of(console, upstream)
        assert (found["ok"], "is no folder" in found["message"]) == (False, True)


class TestCollectors:
    def put(self, console: Console, owner: str, seconds_ago: int, *troubles: str) -> None:
        seen = datetime.now(UTC) - timedelta(seconds=seconds_ago)
        with console.database() as database:
            record_process(database, ProcessRow(owner, "here", 7, seen, seen, "1.2", troubles))

    def found(self, console: Console) -> list[tuple[bool, str]]:
        rows = console.run("doctor", "--json").rows
        return [(row["ok"], row["message"]) for row in rows if row["check"] == "collector"]

    def test_one_that_runs_is_in_order(self, console: Console) -> None:
        self.put(console, "a", 5)
        ((ok, message),) = self.found(console)
        assert ok
        assert "here, process 7: version 1.2, running since" in message
        assert "collector here, process 7: version 1.2" in console.good("status").out

    def test_trouble_of_one_is_a_fault_with_a_fix(self, console: Console) -> None:
        self.put(console, "a", 5, "logging_failed", "something_newer")
        assert [ok for ok, _ in self.found(console)] == [False, False, False]
        assert "make room on the disk of the log" in self.found(console)[1][1]
        assert console.run("doctor").code == 1

    def test_one_that_was_killed_is_a_fault(self, console: Console) -> None:
        self.put(console, "a", 3600)
        ((ok, message),) = self.found(console)
        assert not ok
        assert "not heard of since" in message
        assert "start `collector run` again" in message

    def test_one_that_was_killed_is_none_once_another_runs(self, console: Console) -> None:
        self.put(console, "a", 3600)
        self.put(console, "b", 5)
        assert [ok for ok, _ in self.found(console)] == [True, True]
