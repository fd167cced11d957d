"""``resets list`` and ``resets decide``: what an operator's decision does to the reports, and to the record."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from collector.domain.accounts import Account
from tests.app.console import Console
from tests.polling.door import Bench
from tests.upstream import Upstream

LIST_KEYS = (
    "id",
    "account",
    "meter",
    "at",
    "since",
    "kind",
    "before",
    "after",
    "offset",
    "decided_at",
    "decided_by",
    "reason",
    "superseded_at",
    "superseded_by",
)


Say = Callable[..., None]


@pytest.fixture
def say(console: Console, make_account: Callable[..., Account]) -> Say:
    """Return a function that polls Nected once, five minutes after the last time, for each value of its counter."""

    def poll(*values: int) -> None:
        with console.database() as database:
            bench = Bench(database, make_account("nected", provider="nected"))
            bench.clock += timedelta(minutes=5) * len(bench.rows("poll"))
            for value in values:
                bench.hear({"data": {"invocations": value}, "code": "success"}, after=300)

    return poll


def usage(console: Console) -> int:
    return sum(row["usage"] for row in console.json("report", "daily", "--account", "nected"))


def falls(console: Console, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = console.json("resets", "list", *words)
    return found


def decide(console: Console, key: str, verdict: str, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = console.json("resets", "decide", key, "--as", verdict, "--reason", "I know", *words)
    return found


class Example(NamedTuple):
    """A history, what the rules book, and what is booked once the first fall is decided otherwise."""

    said: tuple[int, ...]
    booked: int
    otherwise: dict[str, int]


EXAMPLES = {
    # As a glitch only the low value itself is left out: where those after it are low too, the rules find a reset there.
    "brief zero": Example((8750, 0, 8760), 10, {"reset": 8760, "correction": 10}),
    "dip of one": Example((8750, 8749, 8760), 10, {"reset": 17_509 - 8749, "correction": 10}),
    "correction": Example((100, 200, 300, 260, 280, 310), 210, {"reset": 200 + 310, "glitch": 210}),
    "reset": Example((100, 200, 300, 5, 20, 40), 240, {"correction": -60, "glitch": 240}),
    "reset to zero": Example((700, 800, 0, 0, 30), 130, {"correction": -670, "glitch": 100}),
    "held": Example((10, 20, 10), 10, {"reset": 20, "correction": 0, "glitch": 10}),
    "two resets": Example((50, 90, 3, 9, 1, 4), 53, {"correction": -37, "glitch": 44}),
    "two glitches": Example((0, 10, 20, 10, 40, 20, 40), 40, {"reset": 60, "correction": 40}),
}
CASES = [
    pytest.param(example, verdict, booked, id=f"{name} as {verdict}")
    for name, example in EXAMPLES.items()
    for verdict, booked in example.otherwise.items()
]


@pytest.mark.parametrize(("example", "verdict", "booked"), CASES)
def test_decision_changes_the_report_at_once_and_keeps_the_old_one(
    example: Example, verdict: str, booked: int, console: Console, say: Say
) -> None:
    say(*example.said)
    assert usage(console) == example.booked
    old = falls(console)[0]
    decide(console, old["id"], verdict)
    assert usage(console) == booked
    record = {row["id"]: row for row in falls(console, "--all")}
    assert record[old["id"]] | {"superseded_at": None, "superseded_by": None} == old
    successor = record[record[old["id"]]["superseded_by"]]
    assert (successor["kind"], successor["reason"], successor["at"]) == (verdict, "I know", old["at"])


class TestDecision:
    @pytest.fixture(autouse=True)
    def _reset(self, console: Console, say: Say) -> None:
        say(100, 200, 300, 5, 20, 40)

    def test_names_who_decided(self, console: Console) -> None:
        assert (
            decide(console, falls(console)[0]["id"], "correction")[0]["decided_by"] == f"operator:{getpass.getuser()}"
        )

    def test_may_be_made_in_another_s_name(self, console: Console) -> None:
        row = decide(console, falls(console)[0]["id"], "correction", "--by", "ada")[0]
        assert row["decided_by"] == "operator:ada"

    def test_can_be_made_again(self, console: Console) -> None:
        decide(console, falls(console)[0]["id"], "correction")
        decide(console, falls(console)[0]["id"], "reset")
        assert usage(console) == 240
        assert len(falls(console)) == 1
        assert [row["kind"] for row in falls(console, "--all")][-2:] == ["correction", "reset"]

    def test_that_was_replaced_cannot_be_decided_any_more(self, console: Console) -> None:
        old = falls(console)[0]["id"]
        new = decide(console, old, "correction")[0]["id"]
        done = console.run("resets", "decide", old, "--as", "reset", "--reason", "why")
        assert done.code == 2
        assert f"was replaced by {new}" in done.err

    def test_holds_for_what_is_polled_afterwards(self, console: Console, say: Say) -> None:
        decide(console, falls(console)[0]["id"], "correction")
        say(90)
        assert usage(console) == -10

    def test_may_name_the_snapshot_instead_of_the_fall(self, console: Console) -> None:
        fall = falls(console)[0]
        words = ("--account", "nected", "--meter", "invocations", "--at", fall["at"])
        console.good("resets", "decide", *words, "--as", "correction", "--reason", "why")
        assert usage(console) == -60

    def test_may_leave_the_only_meter_unnamed(self, console: Console) -> None:
        words = ("--account", "nected", "--at", falls(console)[0]["at"])
        console.good("resets", "decide", *words, "--as", "correction", "--reason", "why")
        assert usage(console) == -60

    def test_may_find_a_reset_that_growth_has_hidden(self, console: Console) -> None:
        second = next(row for row in console.table("snapshot") if row.value == 200)
        at = _instant(second.observed_at)
        console.good("resets", "decide", "--account", "nected", "--at", at, "--as", "reset", "--reason", "why")
        assert usage(console) == 240 + 100

    def test_is_printed_as_a_table(self, console: Console) -> None:
        done = console.good("resets", "decide", falls(console)[0]["id"], "--as", "correction", "--reason", "taken back")
        assert "300 → 5" in done.out
        assert "taken back" in done.out

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            (("9-9",), "there is no fall '9-9'"),
            (("nonsense",), "there is no fall"),
            ((), "by its ID, or by --account"),
            (("--account", "nected"), "by its ID, or by --account"),
            (("--at", "2026-03-01T00:00:00Z"), "by its ID, or by --account"),
            (("1-1", "--account", "nected", "--at", "2026-03-01T00:00:00Z"), "either by its ID"),
            (("1-1", "--meter", "invocations"), "either by its ID"),
            (("--account", "nected", "--at", "noon"), "such as 2026-01-31T23:59:59Z"),
            (("--account", "nected", "--at", "2999-01-01T00:00:00Z"), "no snapshot at or after"),
            (("--account", "nellie", "--at", "2000-01-01T00:00:00Z"), "there is no history of nellie"),
            (("--account", "nobody", "--at", "2000-01-01T00:00:00Z"), "there is no history of nobody"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
    )
    def test_of_nothing_in_particular_is_refused(self, words: tuple[str, ...], says: str, console: Console) -> None:
        done = console.run("resets", "decide", *words, "--as", "reset", "--reason", "why")
        assert done.code == 2
        assert says in done.err
        assert usage(console) == 240

    def test_of_the_opening_balance_is_refused(self, console: Console) -> None:
        words = ("--account", "nected", "--at", "2000-01-01T00:00:00Z", "--as", "reset", "--reason", "why")
        done = console.run("resets", "decide", *words)
        assert done.code == 2
        assert "no snapshot before" in done.err

    @pytest.mark.parametrize("reason", ["", "   ", "\n"], ids=["empty", "spaces", "line break"])
    def test_without_a_reason_is_refused(self, reason: str, console: Console) -> None:
        done = console.run("resets", "decide", "1-1", "--as", "reset", "--reason", reason)
        assert done.code == 2
        assert "--reason must say why" in done.err

    def test_without_a_name_is_refused(self, console: Console) -> None:
        done = console.run("resets", "decide", "1-1", "--as", "reset", "--reason", "why", "--by", " ")
        assert done.code == 2
        assert "--by must say who" in done.err

    def test_by_a_user_without_a_name_asks_for_one(self, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        def nobody() -> str:
            raise KeyError("getpwuid(): uid not found: 4242")

        monkeypatch.setattr(getpass, "getuser", nobody)
        done = console.run("resets", "decide", "1-1", "--as", "reset", "--reason", "why")
        assert done.code == 2
        assert "--by" in done.err

    @pytest.mark.parametrize("missing", ["--as", "--reason"])
    def test_that_says_too_little_is_refused(self, missing: str, console: Console) -> None:
        words = {"--as": "reset", "--reason": "why"}
        del words[missing]
        assert console.run("resets", "decide", "1-1", *(word for pair in words.items() for word in pair)).code == 2


def _instant(micros: int) -> str:
    from collector.domain.instants import format_instant, instant_of

    return format_instant(instant_of(micros))


def test_account_with_several_meters_wants_to_know_which(console: Console, upstream: Upstream) -> None:
    console.good("poll", "nellie")
    words = ("--account", "nellie", "--at", "2000-01-01T00:00:00Z", "--as", "reset", "--reason", "why")
    done = console.run("resets", "decide", *words)
    assert done.code == 2
    assert "say which with --meter: credits, requests" in done.err


class TestList:
    def test_has_stable_keys(self, console: Console, say: Say) -> None:
        say(300, 5, 20)
        assert {tuple(row) for row in falls(console, "--all")} == {LIST_KEYS}

    def test_shows_what_is_in_force(self, console: Console, say: Say) -> None:
        say(300, 5, 20)
        assert [row["kind"] for row in falls(console)] == ["reset"]

    def test_shows_everything_when_asked(self, console: Console, say: Say) -> None:
        say(300, 5, 20)
        assert [(row["kind"], row["superseded_by"]) for row in falls(console, "--all")] == [
            ("held", "1-2"),
            ("reset", None),
        ]

    def test_may_be_of_one_meter(self, console: Console, say: Say) -> None:
        say(300, 5, 20)
        assert falls(console, "--meter", "credits") == []

    def test_without_a_fall_says_so(self, console: Console) -> None:
        done = console.good("resets", "list")
        assert (done.out, done.err) == ("", "no counter ever fell or jumped\n")

    def test_marks_in_the_table_what_was_replaced(self, console: Console, say: Say) -> None:
        say(300, 5, 20)
        assert "held (replaced by 1-2)" in console.good("resets", "list", "--all").out

    def test_shows_a_reason_without_acting_on_it(self, console: Console, say: Say) -> None:
        say(300, 5, 20)
        console.good("resets", "decide", falls(console)[0]["id"], "--as", "glitch", "--reason", "a\x1b[2Jb [bold]c")
        out = console.good("resets", "list").out
        assert "\x1b" not in out
        assert "[bold]c" in out
