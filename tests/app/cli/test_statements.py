"""Statements as a user asks for them; what they say is tested with the reports."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from tests.app.console import Console
from tests.upstream import Upstream, listed

FIRST = datetime(2026, 9, 30, tzinfo=UTC)
LAST = datetime(2026, 12, 1, tzinfo=UTC)
RECONCILED = [
    "account", "meter", "unit", "period_start", "period_end", "opening", "closing", "usage", "lower", "upper",
    "request_credits", "unexplained", "missing_requests", "coverage", "amount", "currency", "invoiced_quantity",
    "invoiced_amount", "discrepancy", "status",
]  # fmt: skip
SHOWN = [
    "account", "meter", "unit", "period", "period_start", "period_end", "timezone", "as", "opening", "closing", "usage",
    "lower", "upper", "coverage", "snapshots", "resets", "corrections", "held", "request_credits", "unexplained",
    "missing_requests", "amount", "currency",
]  # fmt: skip
INVOICED = ["verdict", "invoiced_quantity", "invoiced_amount", "discrepancy", "invoice_status"]
CREDITS = ("--meter", "credits")
OCTOBER = ("--period", "2026-10")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory, upgraded_sqlite: Path) -> Path:
    """A folder with two months of history, polled every other day: 100 credits and one request between two polls."""
    folder = tmp_path_factory.mktemp("statements")
    with pytest.MonkeyPatch.context() as patch, Upstream() as upstream, time_machine.travel(FIRST, tick=False) as clock:
        console = Console(folder, patch)
        console.use(upgraded_sqlite)
        billing = 'poll_every = "24h"\n[accounts.billing]\nperiod = "monthly"\ncurrency = "EUR"'
        console.configure(upstream.url, nellie=f'{billing}\n[accounts.meters.credits]\nprice = "0.01"')
        for number in range(32):
            at = FIRST + number * timedelta(days=2)
            clock.move_to(at)
            upstream.say(requests=number, credits=1000 + 100 * number)
            made = [at - timedelta(hours=3)] * (number > 0)
            times = {"createdAt": at - timedelta(hours=3), "completedAt": at - timedelta(hours=2)}
            upstream.listed = [
                listed(f"r-{number}", creditsUsed=100, **{key: one.isoformat() for key, one in times.items()})
                for _ in made
            ]
            console.good("poll", "nellie")
    return folder


@pytest.fixture
def known(bare_console: Console, history: Path) -> Iterator[Console]:
    """A command line with two months of history, on the day after them."""
    shutil.copytree(history, bare_console.folder, dirs_exist_ok=True)
    with time_machine.travel(LAST + timedelta(hours=12), tick=False):
        yield bare_console


def bill(known: Console, quantity: str, amount: str = "", currency: str = "") -> tuple[str, str]:
    known.write(
        "account,meter,period_start,period_end,quantity,amount,currency\n"
        f"nellie,credits,2026-10-01,2026-11-01,{quantity},{amount},{currency}\n",
        "invoice.csv",
    )
    return "--invoice", "invoice.csv"


def reconciled(known: Console, *words: str) -> Any:
    return known.run("report", "reconcile", *OCTOBER, *CREDITS, *words)


class TestReconcile:
    def test_has_the_keys_of_the_contract_in_their_order(self, known: Console) -> None:
        (row,) = reconciled(known, "--json").rows
        assert list(row) == RECONCILED

    def test_has_the_same_columns_in_csv(self, known: Console) -> None:
        rows = list(csv.reader(io.StringIO(reconciled(known, "--format", "csv").out)))
        assert rows[0] == RECONCILED

    def test_writes_instants_decimals_and_integers_as_the_contract_says(self, known: Console) -> None:
        (row,) = reconciled(known, "--json").rows
        assert (row["period_start"], row["usage"], row["amount"]) == ("2026-10-01T00:00:00Z", 1600, "16.00")

    @pytest.mark.parametrize(
        ("quantity", "status", "code"), [("1600", "matched", 0), ("1601", "mismatch", 1)], ids=["equal", "another"]
    )
    def test_ends_with_the_code_of_its_rows(self, quantity: str, status: str, code: int, known: Console) -> None:
        done = reconciled(known, *bill(known, quantity), "--json")
        assert (done.rows[0]["status"], done.code) == (status, code)

    def test_explains_on_stdout_below_the_table(self, known: Console) -> None:
        done = reconciled(known, *bill(known, "1500"))
        assert "nellie/credits:" in done.lines
        assert "  100 credits less invoiced than used" in done.lines
        assert done.err == ""

    def test_explains_on_stderr_beside_json(self, known: Console) -> None:
        done = reconciled(known, *bill(known, "1500"), "--json")
        assert "nellie/credits: 100 credits less invoiced than used" in done.err

    def test_of_an_unfinished_period_cannot_tell_yet(self, known: Console) -> None:
        known.write(
            "account,meter,period_start,period_end,quantity\nnellie,credits,2026-12-01,2027-01-01,5\n", "invoice.csv"
        )
        words = ("--period", "2026-12", *CREDITS, "--invoice", "invoice.csv", "--json")
        done = known.run("report", "reconcile", *words)
        assert (done.rows[0]["status"], done.code) == ("incomplete", 4)

    def test_refuses_an_invoice_that_could_mean_two_things(self, known: Console) -> None:
        done = reconciled(known, *bill(known, '"1,600"'))
        assert (done.code, done.out) == (2, "")
        assert "invoice.csv, line 2: quantity '1,600' may be 1.600 or 1600" in done.err

    def test_refuses_a_period_that_no_account_has(self, known: Console) -> None:
        done = known.run("report", "reconcile", "--period", "2026-W41", "--account", "nellie")
        assert (done.code, "the one that holds 2026-10-05 is 2026-10" in done.err) == (2, True)

    def test_names_what_it_left_out(self, known: Console) -> None:
        words = bill(known, "1600")
        path = known.folder / "invoice.csv"
        path.write_text(path.read_text() + "nellie,credits,2026-11-01,2026-12-01,5,,\n")
        assert "note: 1 line of other periods left out" in reconciled(known, *words).err

    def test_goes_into_a_file(self, known: Console) -> None:
        assert reconciled(known, "--json", "--output", "rows.json").out == ""
        assert '"usage": 1600' in (known.folder / "rows.json").read_text()


class TestMonth:
    def test_has_every_figure_of_the_statement_and_its_days(self, known: Console) -> None:
        (row,) = known.json("report", "month", *OCTOBER, *CREDITS)
        assert list(row)[: len(SHOWN)] == SHOWN
        assert (len(row["days"]), sum(day["usage"] for day in row["days"])) == (31, row["usage"])
        assert row["price_lines"] == [
            {
                "kind": "unit",
                "starts_on": "2026-10-01",
                "quantity": 1600,
                "per_unit": "0.01",
                "amount": "16.00",
                "up_to": None,
            }
        ]
        assert (row["requests"], row["closed"]) == ({"completed": 16}, None)

    def test_has_no_verdict_without_an_invoice(self, known: Console) -> None:
        (row,) = known.json("report", "month", *OCTOBER, *CREDITS)
        assert list(row)[-5:] == INVOICED
        assert [row[key] for key in INVOICED] == [None] * 5

    def test_has_the_verdict_in_its_last_keys(self, known: Console) -> None:
        done = known.run("report", "month", *OCTOBER, *CREDITS, *bill(known, "1500"), "--json")
        (row,) = done.rows
        assert row["verdict"].startswith("Check it first: the invoice bills 1,500 credits, 100 credits less")
        assert [row[key] for key in INVOICED[1:]] == [1500, None, -100, "mismatch"]
        assert (done.code, "note: Check it first" in done.err) == (1, True)

    def test_has_the_verdict_in_its_last_columns(self, known: Console) -> None:
        words = ("report", "month", *OCTOBER, *CREDITS, *bill(known, "1600", "16.00", "EUR"), "--format", "csv")
        (row,) = csv.DictReader(io.StringIO(known.run(*words).out))
        assert list(row)[-5:] == INVOICED
        assert [row[key] for key in INVOICED[1:]] == ["1600", "16.00", "0", "matched"]

    def test_has_the_verdict_on_top_of_the_table(self, known: Console) -> None:
        done = known.run("report", "month", *OCTOBER, *CREDITS, *bill(known, "1600"))
        assert done.lines[0].startswith("Pay it: the invoice bills 1,600 credits, exactly what the ledger has")
        assert "nellie · credits · 2026-10" in done.lines
        assert (done.code, done.err) == (0, "")

    def test_is_one_line_for_each_meter_in_csv(self, known: Console) -> None:
        rows = list(csv.DictReader(io.StringIO(known.good("report", "month", *OCTOBER, "--format", "csv").out)))
        assert [(row["meter"], row["usage"]) for row in rows] == [("credits", "1600"), ("requests", "16")]

    def test_reads_like_a_bill(self, known: Console) -> None:
        lines = known.good("report", "month", *OCTOBER, *CREDITS).lines
        assert lines[:2] == ["nellie · credits · 2026-10", "2026-10-01 00:00 until 2026-11-01 00:00, UTC"]
        assert any(line.split() == ["costs", "16.00", "EUR"] for line in lines)
        assert any(line.split()[:2] == ["used", "1,600"] for line in lines)
        assert sum(line.startswith("2026-10-") and " until " not in line for line in lines) == 31

    def test_shows_closed_figures_beside_those_of_now(self, known: Console) -> None:
        known.good("close", "2026-10", "--account", "nellie", "--by", "ada")
        (row,) = known.json("report", "month", *OCTOBER, *CREDITS, "--as", "both")
        assert (row["closed"]["usage"], row["closed_by"], row["corrected"]) == (1600, "ada", [])
        table = known.good("report", "month", *OCTOBER, *CREDITS, "--as", "both").out
        assert "as closed" in table
        assert "by ada" in table

    def test_says_where_there_are_no_closed_figures_beside(self, known: Console) -> None:
        done = known.good("report", "month", *OCTOBER, *CREDITS, "--as", "both")
        assert "note: nellie: 2026-10 is not closed" in done.err

    def test_as_closed_of_an_open_period_is_not_there(self, known: Console) -> None:
        done = known.run("report", "month", *OCTOBER, "--as", "closed")
        assert (done.code, "`collector close 2026-10`" in done.err) == (4, True)

    def test_refuses_figures_of_another_kind(self, known: Console) -> None:
        assert known.run("report", "month", *OCTOBER, "--as", "billed").code == 2

    def test_of_a_period_without_history_says_so(self, known: Console) -> None:
        done = known.good("report", "month", "--period", "2026-05")
        assert (done.out, "nothing was recorded in this period" in done.err) == ("", True)


class TestClose:
    def test_prints_the_digest_that_should_be_kept(self, known: Console) -> None:
        done = known.good("close", "2026-10", "--by", "ada", "--account", "nellie")
        (row,) = known.table("statement")
        assert done.out == f"nellie: 2026-10 closed by ada, digest {row.digest.hex()}\n"

    def test_again_says_since_when(self, known: Console) -> None:
        known.good("close", "2026-10", "--by", "ada", "--account", "nellie")
        again = known.good("close", "2026-10", "--by", "bob", "--account", "nellie")
        assert "2026-10 is closed already, since 2026-12-01 12:00Z by ada, digest" in again.out
        assert len(known.table("statement")) == 1

    def test_says_it_as_json(self, known: Console) -> None:
        (row,) = known.json("close", "2026-10", "--by", "ada", "--account", "nellie")
        assert (row["status"], row["period_end"], row["corrections"]) == ("closed", "2026-11-01T00:00:00Z", 0)

    def test_refuses_what_is_not_over(self, known: Console) -> None:
        done = known.run("close", "2026-12", "--by", "ada", "--account", "nellie")
        assert (done.code, "nellie: 2026-12 was not closed: credits: it is not over" in done.err) == (4, True)

    @pytest.mark.parametrize(
        "words", [("2026-W41", "--account", "nellie"), ("October",), ("2026-10", "--account", "nobody"), ("--reopen",)]
    )
    def test_refuses_what_it_does_not_know(self, words: tuple[str, ...], known: Console) -> None:
        assert known.run("close", *words, "--by", "ada").code == 2
        assert known.table("statement") == []

    def test_is_told_by_a_reconciliation_with_other_prices(self, known: Console) -> None:
        known.good("close", "2026-10", "--by", "ada", "--account", "nellie")
        path = known.folder / "collector.toml"
        path.write_text(path.read_text().replace('price = "0.01"', 'price = "0.02"'))
        done = reconciled(known, *bill(known, "1600"))
        assert done.code == 0
        assert "note: nellie/credits: 2026-10 was closed with other prices; amounts here are by" in done.err
        assert "since then" not in done.err


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("report", "month", *OCTOBER), id="month"),
        pytest.param(("report", "reconcile", *OCTOBER), id="reconcile"),
        pytest.param(("close", "2026-10", "--by", "ada"), id="close"),
    ],
)
def test_account_without_such_a_period_is_named(words: tuple[str, ...], known: Console) -> None:
    path = known.folder / "collector.toml"
    weekly = '[[accounts]]\nname = "weekly"\nprovider = "nellie"\n[accounts.billing]\nperiod = "weekly"\n'
    path.write_text(f"{path.read_text()}\n{weekly}")
    assert "note: the account weekly is left out: 2026-10 names no weekly billing period" in known.run(*words).err
