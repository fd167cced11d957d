"""What a command is told that does not fit together, and what it says before it goes on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import time_machine

from collector.store.revision import HEAD
from tests.app.console import NELLIE_KEY, Console
from tests.upstream import Upstream


def test_two_accounts_with_one_key_and_address_are_warned_about(console: Console, upstream: Upstream) -> None:
    console.configure(upstream.url, extra=_TWIN.format(url=upstream.url))
    done = console.good("poll")
    assert "warning: accounts twin, nellie use the same key" in done.err
    assert "will double count if summed" in done.err
    assert NELLIE_KEY not in done.err


_TWIN = """
[[accounts]]
name = "twin"
provider = "nellie"
base_url = "{url}"
"""


@pytest.mark.parametrize("option", ["--from", "--to"])
def test_last_days_and_a_date_contradict_each_other(console: Console, option: str) -> None:
    done = console.run("report", "daily", "--last", "3d", option, "2026-01-01")
    assert (done.code, "give it alone" in done.err) == (2, True)


def test_a_quota_whose_period_was_not_seen_yet_cannot_be_judged(console: Console, upstream: Upstream) -> None:
    console.configure(
        upstream.url, nellie='[accounts.billing]\nperiod = "daily"\n[accounts.meters.credits]\nquota = 10\n'
    )
    with time_machine.travel(datetime(2026, 3, 1, 23, 59, 55, tzinfo=UTC), tick=False) as clock:
        console.good("poll")
        clock.shift(10)
        done = console.run("can-spend", "nellie", "5")
    assert done.code == 4
    assert "was not observed yet in the billing period that is running" in done.err


def test_a_sound_database_is_told_as_json(console: Console) -> None:
    (row,) = console.json("db", "check")
    assert (row["sound"], row["revision"], row["finding"]) == (True, HEAD, None)


def test_an_unsound_database_is_told_as_json_and_exits_with_7(console: Console) -> None:
    with console.database() as database, database.migrate() as connection:
        connection.exec_driver_sql("INSERT INTO gap VALUES (77, 1, 2)")
    done = console.run("db", "check", "--json")
    assert done.code == 7
    assert [row["sound"] for row in done.rows] == [False]


def test_a_password_on_the_command_line_is_refused(console: Console) -> None:
    done = console.run("db", "copy", "postgresql://ada:s3cret@127.0.0.1/usage")
    assert done.code == 2
    assert "~/.pgpass" in done.err
    assert "s3cret" not in done.out + done.err


def test_a_variable_in_small_letters_holds_a_key_as_well(console: Console, upstream: Upstream) -> None:
    console.configure(upstream.url, nellie='api_key = { env = "my_nellie_key" }')
    console.set("my_nellie_key", NELLIE_KEY)
    assert console.run("poll", "nellie").code == 0


def test_what_may_be_a_key_in_the_place_of_a_name_is_not_shown(console: Console, upstream: Upstream) -> None:
    console.configure(upstream.url, nellie='api_key = { env = "nel_pasted_here_by_mistake" }')
    done = console.run("poll", "nellie")
    assert done.code == 2
    assert "nel_pasted" not in done.out + done.err
