"""``verify``: what it prints, its exit code, and what it does not touch."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from collector.domain.accounts import Account
from tests.app.console import Console
from tests.polling.door import Bench


@pytest.fixture
def polled(console: Console, make_account: Callable[..., Account]) -> Console:
    """A command line with three polls of Nected."""
    with console.database() as database:
        bench = Bench(database, make_account("nected", provider="nected"))
        bench.clock += timedelta(minutes=5)
        for value in (10, 20, 30):
            bench.hear({"data": {"invocations": value}, "code": "success"}, after=300)
    return console


def alter(console: Console, statement: str) -> None:
    with console.database() as database, database.write() as connection:
        connection.execute(text(statement))


def test_a_sound_ledger_is_proved_with_its_counts_and_heads(polled: Console) -> None:
    done = polled.good("verify")
    assert "3 polls, 0 changes of request records: the chain of digests is unbroken" in done.out
    assert done.lines[-1] == "proved"
    digest = polled.table("poll")[-1].digest.hex()
    assert f"head   nected 3:{digest[:12]}" in done.lines


def test_a_flipped_bit_is_exit_code_7_with_the_row_on_stdout(polled: Console) -> None:
    at = polled.table("snapshot")[1].observed_at
    alter(polled, "UPDATE snapshot SET value = 21 WHERE value = 20")
    done = polled.run("verify")
    assert done.code == 7
    assert "snapshot meter=1 (nected/invocations) observed_at=" in done.out
    assert f"({at}): value is 21; " in done.out
    assert "proves that it was 20" in done.out
    assert done.lines[-1] == "not proved"
    assert "contradicts itself in 1 place" in done.err


def test_json_has_the_checks_and_whole_digests(polled: Console) -> None:
    found = polled.json("verify")
    assert (found["proved"], found["heads"]["nected"]["number"]) == (True, 3)
    assert found["heads"]["nected"]["digest"] == polled.table("poll")[-1].digest.hex()
    assert {"name", "ok", "counted", "findings", "more", "notes"} == set(found["checks"][0])


def test_json_names_the_row_by_table_and_key(polled: Console) -> None:
    alter(polled, "UPDATE snapshot SET value = 21 WHERE value = 20")
    done = polled.run("verify", "--json")
    found = [one for check in done.rows["checks"] for one in check["findings"]]
    key = {"meter": 1, "observed_at": polled.table("snapshot")[1].observed_at}
    assert [(one["table"], one["key"]) for one in found] == [("snapshot", key)]


def test_a_head_kept_from_before_shows_that_the_newest_polls_were_removed(polled: Console) -> None:
    head = polled.json("verify")["heads"]["nected"]
    expected = f"nected={head['number']}:{head['digest'][:12]}"
    polled.good("verify", "--expect", expected)
    alter(polled, "DELETE FROM poll WHERE id = 3")
    alter(polled, "DELETE FROM snapshot WHERE value = 30")
    polled.good("verify")
    assert polled.run("verify", "--expect", expected).code == 7


@pytest.mark.parametrize(
    "words",
    [
        ("--account", "nobody"),
        ("--expect", "nected"),
        ("--expect", "nobody=1:0123456789ab"),
        ("--account", "nected", "--expect", "nobody=1:0123456789ab"),
    ],
    ids=["unknown account", "no head", "unknown head", "both"],
)
def test_what_cannot_be_meant_is_refused(polled: Console, words: tuple[str, ...]) -> None:
    assert polled.run("verify", *words).code == 2


def test_terms_are_not_brought_to_the_settings_first(polled: Console) -> None:
    alter(polled, "UPDATE account SET terms = 'x'")
    assert polled.run("verify").code == 7
    assert polled.table("account")[0].terms == "x"


def test_nothing_recorded_is_proved(console: Console) -> None:
    assert console.good("verify").lines[-1] == "proved"


def test_a_damaged_file_is_exit_code_7(polled: Console) -> None:
    path = polled.folder / "usage.db"
    alter(polled, "CREATE TABLE filler AS SELECT 1")
    with polled.database() as database, database.read() as connection:
        connection.execute(text("SELECT 1"))
    stored = bytearray(path.read_bytes())
    stored[4096 * 3 : 4096 * 3 + 64] = bytes(64)
    path.write_bytes(stored)
    assert polled.run("verify").code == 7


def test_what_was_imported_is_proved_and_named_where_it_was_changed(polled: Console) -> None:
    rows = [f"nected,invocations,2025-11-01T00:{minute:02}:00Z,{minute}" for minute in range(30)]
    polled.write("\n".join(["account,meter,observed_at,value", *rows]) + "\n", "old.csv")
    polled.good("import", "old.csv")
    assert "4 polls" in polled.good("verify").out
    alter(polled, "UPDATE imported SET value = 900 WHERE value = 7")
    done = polled.run("verify")
    assert done.code == 7
    assert "imported meter=1 (nected/invocations) observed_at=2025-11-01T00:07:00Z" in done.out
