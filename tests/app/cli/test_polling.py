from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.store import schema
from collector.store.accounts import claim
from tests.app.console import NELLIE_KEY, Console
from tests.app.world import stopped_when
from tests.polling.canary import leaks, leaks_in_files
from tests.upstream import NECTED, NELLIE, Upstream, listed

REPOSITORY = Path(__file__).parents[3]
KEYS = (
    "account",
    "outcome",
    "error",
    "finished_at",
    "next_poll_at",
    "values",
    "growth",
    "new_requests",
    "updated_requests",
    "missed_requests",
    "rejected_requests",
    "flags",
)


class TestGoodPoll:
    def test_of_the_first_values_is_told_as_opening_balance(self, console: Console) -> None:
        assert console.good("poll").lines == [
            "nected: invocations 1,000 (opening balance)",
            "nellie: requests 42 (opening balance), credits 8,750 (opening balance), flag coverage_gap",
        ]

    def test_tells_what_is_new(self, console: Console, upstream: Upstream) -> None:
        console.good("poll")
        upstream.say(requests=44, credits=9250)
        upstream.listed = [listed("r-1"), listed("r-2")]
        assert console.good("poll", "nellie").lines == [
            "nellie: requests 44 (+2), credits 9,250 (+500), 2 new and 0 changed requests"
        ]

    def test_tells_how_many_requests_were_missed_and_when_they_were_made(
        self, console: Console, upstream: Upstream
    ) -> None:
        upstream.listed = [listed("r-1")]
        console.good("poll")
        upstream.say(requests=47, credits=9250)
        upstream.listed = [listed("r-6", createdAt="2026-02-28T11:30:00Z")]
        assert (
            "4 requests were missed, made between 2026-02-28T10:30:00Z and 2026-02-28T11:30:00Z"
            in console.good("poll", "nellie").out
        )

    def test_tells_that_requests_were_missed_while_the_counter_fell(self, console: Console, upstream: Upstream) -> None:
        upstream.listed = [listed("r-1")]
        console.good("poll")
        upstream.say(requests=3, credits=9250)
        upstream.listed = [listed("r-6", createdAt="2026-02-28T11:30:00Z")]
        assert "an unknown number of requests were missed" in console.good("poll", "nellie").out

    def test_tells_which_records_were_refused(self, console: Console, upstream: Upstream) -> None:
        upstream.listed = [listed("r-1"), listed("")]
        assert "recentRequests[1].requestId refused: requestId is empty" in console.good("poll", "nellie").out

    def test_tells_what_was_decided_about_a_fall(self, console: Console, upstream: Upstream) -> None:
        console.good("poll", "nected")
        upstream.invocations = 5
        assert console.good("poll", "nected").lines == [
            "nected: invocations 5 (held: the value fell; the next snapshot decides)"
        ]

    def test_asks_only_whom_it_is_told_to(self, console: Console, upstream: Upstream) -> None:
        console.good("poll", "nected")
        assert [path for path, _ in upstream.asked] == [NECTED]

    def test_asks_nobody_twice(self, console: Console, upstream: Upstream) -> None:
        console.good("poll", "nected", "nected")
        assert len(upstream.asked) == 1

    def test_sends_each_provider_its_key(self, console: Console, upstream: Upstream) -> None:
        console.good("poll")
        assert (NELLIE, NELLIE_KEY) in upstream.asked

    def test_always_asks_however_young_the_last_answer_is(self, console: Console, upstream: Upstream) -> None:
        for _ in range(2):
            console.good("poll", "nected")
        assert len(upstream.asked) == 2

    def test_gives_the_lease_back(self, console: Console) -> None:
        console.good("poll")
        assert {row.lease_owner for row in console.table("account")} == {None}


def test_nobody_to_ask_is_explained(console: Console) -> None:
    console.write('[database]\nurl = "sqlite:///usage.db"\n')
    done = console.run("poll")
    assert done.code == 2
    assert "add an [[accounts]] table" in done.err


def test_name_that_belonged_to_another_provider_is_refused(console: Console, upstream: Upstream) -> None:
    console.good("poll")
    console.write(f'[[accounts]]\nname = "nected"\nprovider = "nellie"\nbase_url = "{upstream.url}"\n')
    done = console.run("poll")
    assert done.code == 2
    assert "give the new account a name of its own" in done.err


class TestJson:
    def test_has_the_same_keys_whatever_happened(self, console: Console, upstream: Upstream) -> None:
        console.set("NELLIE_API_KEY", None)
        good = console.run("poll", "--json").rows
        upstream.refuse(NECTED, 429, Retry_After="600")
        failed = console.run("poll", "--json").rows
        skipped = console.run("poll", "--json").rows
        assert {tuple(row) for row in (*good, *failed, *skipped)} == {KEYS}
        assert [rows[0]["outcome"] for rows in (good, failed, skipped)] == ["ok", "http_429", "skipped"]
        assert good[1]["outcome"] == "error"

    def test_of_a_good_poll_tells_values_and_growth(self, console: Console, upstream: Upstream) -> None:
        console.good("poll")
        upstream.invocations = 1005
        row = console.json("poll", "nected")[0]
        assert (row["values"], row["growth"], row["error"]) == ({"invocations": 1005}, {"invocations": 5}, None)
        assert row["finished_at"].endswith("Z")


class TestFailedPoll:
    def test_is_told_on_stderr(self, console: Console, upstream: Upstream) -> None:
        upstream.refuse(NECTED, 401)
        done = console.run("poll")
        assert done.code == 1
        assert done.err.startswith("nected: failed (http_401): ")
        assert done.out.startswith("nellie: ")

    def test_does_not_keep_others_from_being_asked(self, console: Console, upstream: Upstream) -> None:
        upstream.refuse(NECTED, 401)
        console.run("poll")
        assert {row.outcome for row in console.table("poll")} == {"http_401", "ok"}

    def test_for_want_of_a_key_ends_with_2_and_the_others_are_asked(self, console: Console) -> None:
        console.set("NECTED_API_KEY", None)
        done = console.run("poll")
        assert done.code == 2
        assert "NECTED_API_KEY is not set" in done.err
        assert [row.outcome for row in console.table("poll")] == ["ok"]

    def test_says_nothing_of_retries(self, console: Console) -> None:
        console.configure("http://127.0.0.1:9", extra='[http]\ndeadline = "1s"')
        done = console.run("poll", "nected")
        assert (done.code, done.err.count("\n")) == (1, 1)

    def test_under_a_clock_far_behind_ends_with_5_and_gives_the_lease_back(self, console: Console) -> None:
        console.good("poll", "nected")
        with console.database() as database, database.write() as connection:
            ahead = schema.snapshot.c.observed_at + 3 * 86_400 * 1_000_000
            connection.execute(schema.snapshot.update().values(observed_at=ahead))
        done = console.run("poll", "nected")
        assert done.code == 5
        assert "set the clock" in done.err
        assert len(console.table("poll")) == 1
        assert console.table("account")[0].lease_owner is None


class TestRetryAfter:
    @pytest.fixture(autouse=True)
    def _limited(self, console: Console, upstream: Upstream) -> None:
        upstream.refuse(NECTED, 429, Retry_After="600")
        assert console.run("poll", "nected").code == 1
        upstream.heal()

    def test_that_is_not_over_is_respected(self, console: Console, upstream: Upstream) -> None:
        done = console.good("poll", "nected")
        assert "not asked: the provider asked to be left alone until 2" in done.out
        assert "--force" in done.out
        assert upstream.asked_of(NECTED) == 1

    def test_of_one_account_does_not_hold_for_others(self, console: Console, upstream: Upstream) -> None:
        console.good("poll")
        assert upstream.asked_of(NELLIE) == 1

    def test_is_overridden_by_force(self, console: Console, upstream: Upstream) -> None:
        assert "opening balance" in console.good("poll", "nected", "--force").out
        assert upstream.asked_of(NECTED) == 2


def test_account_that_another_collector_is_asking_is_already_fresh(console: Console, upstream: Upstream) -> None:
    console.good("poll", "nected")
    now = datetime.now(UTC)
    with console.database() as database:
        claim(database, 1, "host-7:42:abcd", now, now + timedelta(minutes=1))
    done = console.good("poll", "nected")
    assert done.lines == ["nected: not asked: already fresh: host-7:42:abcd is polling it at this moment"]
    assert len(upstream.asked) == 1


def test_lease_that_is_taken_over_meanwhile_ends_with_5(console: Console, upstream: Upstream) -> None:
    console.good("poll", "nected")

    def taken_over() -> None:
        later = datetime.now(UTC) + timedelta(hours=1)
        with console.database() as database:
            claim(database, 1, "another", later, later + timedelta(minutes=1))

    usual = upstream.answers[NECTED]
    upstream.answers[NECTED] = lambda: (taken_over(), usual())[1]  # type: ignore[func-returns-value]  # in this order
    done = console.run("poll", "nected")
    assert done.code == 5
    assert "another collector took it over" in done.err
    assert len(console.table("poll")) == 1
    assert console.table("account")[0].lease_owner == "another"


def test_being_stopped_interrupts_the_poll(console: Console, upstream: Upstream) -> None:
    upstream.hang(NECTED)
    began = time.monotonic()
    with stopped_when(lambda: upstream.asked_of(NECTED)):
        done = console.run("poll", "nected")
    assert time.monotonic() - began < 5
    assert done.code == 1
    assert [row.outcome for row in console.table("poll")] == ["interrupted"]


def test_signals_are_as_they_were_afterwards(console: Console) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    console.good("poll")
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_key_that_is_echoed_everywhere_is_found_nowhere(console: Console, upstream: Upstream) -> None:
    echo = listed(NELLIE_KEY, NELLIE_KEY, note=NELLIE_KEY)
    body = {"success": True, "totalRequests": 1, "totalCreditsUsed": 1, NELLIE_KEY: NELLIE_KEY}
    upstream.answers[NELLIE] = lambda: (200, {"X-Echo": NELLIE_KEY}, {**body, "recentRequests": [echo, NELLIE_KEY]})
    printed = [
        console.run("poll"),
        console.run("poll", "--json"),
        console.run("status"),
        console.run("report", "requests"),
    ]
    upstream.answers[NELLIE] = lambda: (200, {"Content-Type": NELLIE_KEY}, NELLIE_KEY.encode())
    printed += [console.run("poll"), console.run("poll", "--json"), console.run("status")]
    upstream.answers[NELLIE] = lambda: (302, {"Location": f"https://{NELLIE_KEY}/{NELLIE_KEY}"}, {})
    printed += [console.run("poll"), console.run("status")]
    assert not leaks("".join(done.out + done.err for done in printed))
    assert not leaks_in_files(console.folder)


class TestSimulate:
    """``collector simulate`` as a user starts it."""

    def test_serves_both_apis_until_it_is_told_to_stop(self, bare_console: Console) -> None:
        command = [
            sys.executable,
            "-u",
            "-m",
            "collector",
            "simulate",
            "--port",
            "0",
            "--set",
            "glitch=invocations:7@0",
        ]
        environ = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        process = subprocess.Popen(command, cwd=bare_console.folder, env=environ, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        with process.stdout as out:
            lines = [out.readline() for _ in range(3)]
            url = lines[1].split('"')[1]
            request = urllib.request.Request(f"{url}{NECTED}", headers={"Nected-API-Key": "any"})
            with urllib.request.urlopen(request, timeout=5) as answer:
                assert b'"invocations": 7' in answer.read()
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        assert "stop with Ctrl-C" in lines[2]

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            (("--host", "0.0.0.0"), "loopback"),  # noqa: S104 - this is what must be refused
            (("--set", "frobnicate=1"), "the names are"),
            (("--set", "status=999"), "one of the statuses"),
        ],
    )
    def test_refuses_what_it_cannot_do(self, words: tuple[str, ...], says: str, bare_console: Console) -> None:
        done = bare_console.run("simulate", "--port", "0", *words)
        assert done.code == 2
        assert says in done.err

    def test_refuses_a_port_that_is_taken(self, bare_console: Console, upstream: Upstream) -> None:
        port = upstream.url.rpartition(":")[2]
        done = bare_console.run("simulate", "--port", port)
        assert done.code == 2
        assert port in done.err

    def test_ends_in_process_too(self, bare_console: Console) -> None:
        with stopped_when(lambda: True):
            assert bare_console.run("simulate", "--port", "0").code == 0


def test_database_is_closed_after_every_command(console: Console) -> None:
    console.good("poll")
    assert not (console.folder / "usage.db-wal").exists()
