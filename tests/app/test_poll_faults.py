"""Every fault of HTTP and of payloads, as ``collector poll`` meets it, and the good poll after it.

All rows are played at once, each to an account of its own: one good poll, the fault, one good poll.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from collector.store.checking import check
from tests.app.console import Console, Printed
from tests.app.payload_rows import FALLS, PAYLOAD_ROWS, Fall
from tests.http.asker import NOW
from tests.http.fault_rows import FAULT_ROWS, FaultRow
from tests.http.fault_server import Behaviour, Exchange, FaultServer, Sink, json_response
from tests.polling.canary import leaks, leaks_in_files
from tests.upstream import Upstream

_ALL_ROWS = (*FAULT_ROWS, *PAYLOAD_ROWS)
# A name server that fails is one for all accounts: these rows are played one by one.
ROWS = [row for row in _ALL_ROWS if row.lookup is None]
LOOKUPS = [row for row in _ALL_ROWS if row.lookup is not None]
_DEADLINE = "2s"


def outcome_of(row: FaultRow) -> str:
    """Return the outcome on the poll's row; what HTTP takes for an answer, the provider refuses."""
    return "api_error" if row.outcome == "answered" else row.outcome


def good(number: int) -> Behaviour:
    """Answer like Nellie, after ``number`` of our polls."""
    listed = [{"requestId": f"r-{one}", "status": "completed", "completedAt": None} for one in range(number)]
    return json_response(
        {
            "success": True,
            "totalRequests": 41 + number,
            "totalCreditsUsed": 8740 + 10 * number,
            "recentRequests": listed,
        }
    )


class Stage:
    """A server that plays what the scene wants: the script of a fault, or good answers."""

    def __init__(self, row: FaultRow, sink: Sink) -> None:
        self._script = row.script(sink.origin)
        self.behaviours: Sequence[Behaviour] = [good(1)]
        self._connections = 0
        self.server = FaultServer(self._play)

    def scene(self, number: int) -> None:
        """Play the good answer 1, the fault (2) or the good answer 3."""
        self._connections = 0
        self.behaviours = self._script if number == 2 else [good(number)]

    def _play(self, exchange: Exchange) -> None:
        behaviour = self.behaviours[min(self._connections, len(self.behaviours) - 1)]
        self._connections += 1
        behaviour(exchange)


@dataclass(frozen=True, slots=True)
class Played:
    """What happened to one account.

    Attributes:
        told: What ``poll --json`` said of the fault and of the good poll after it.
        polls: The account's poll rows.
        before, after: Its facts before and after the fault.
        state: Its account row after the fault.
    """

    told: tuple[dict[str, Any], dict[str, Any]]
    polls: list[Any]
    before: object
    after: object
    state: Any


@dataclass(frozen=True, slots=True)
class Play:
    """The whole performance."""

    console: Console
    printed: tuple[Printed, Printed, Printed]
    played: dict[str, Played]
    untouched: bool


def name_of(row: FaultRow) -> str:
    return f"a{_ALL_ROWS.index(row)}"


def settings_of(rows: Sequence[FaultRow], origins: Sequence[str]) -> str:
    accounts = (
        f'[[accounts]]\nname = "{name_of(row)}"\nprovider = "nellie"\nbase_url = "{origin}"\n'
        f"allow_close_delimited = {str(row.allow_close_delimited).lower()}\n"
        for row, origin in zip(rows, origins, strict=True)
    )
    return f'[http]\ndeadline = "{_DEADLINE}"\n[daemon]\nworkers = 16\n{"".join(accounts)}'


def facts_of(console: Console) -> dict[str, list[Any]]:
    """Return the facts of every account, by name: everything but its polls."""
    names = {row.id: row.name for row in console.table("account")}
    owners = {row.id: row.account for row in console.table("meter")}
    found: dict[str, list[Any]] = {name: [] for name in names.values()}
    for table in ("snapshot", "decision", "gap"):
        for row in console.table(table):
            found[names[owners[row.meter]]].append(row)
    for table in ("usage_request", "usage_request_change"):
        for row in console.table(table):
            found[names[row.account]].append(row)
    return found


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory, upgraded_sqlite: Path) -> Iterator[Play]:
    with ExitStack() as stack:
        stack.enter_context(time_machine.travel(NOW, tick=True))
        console = Console(tmp_path_factory.mktemp("faults"), stack.enter_context(pytest.MonkeyPatch.context()))
        console.use(upgraded_sqlite)
        sink = stack.enter_context(Sink())
        stages = [Stage(row, sink) for row in ROWS]
        servers = [stack.enter_context(stage.server) for stage in stages]
        console.write(settings_of(ROWS, [server.origin for server in servers]))
        printed = [console.run("poll", "--json")]
        accounts = {row.name: row.id for row in console.table("account")}
        before = facts_of(console)
        for scene in (2, 3):
            for stage in stages:
                stage.scene(scene)
            if scene == 3:
                after = facts_of(console)
                states = {row.name: row for row in console.table("account")}
            printed.append(console.run("poll", "--json", "--force"))
        polls = console.table("poll")
        told = [{row["account"]: row for row in done.rows} for done in printed]
        played = {
            name: Played(
                (told[1][name], told[2][name]),
                [row for row in polls if row.account == identity],
                before[name],
                after[name],
                states[name],
            )
            for name, identity in accounts.items()
        }
        yield Play(console, (printed[0], printed[1], printed[2]), played, sink.untouched)


def test_every_row_is_played() -> None:
    wanted = {f"H{number}" for number in range(1, 22)} | {f"P{number}" for number in range(1, 14)}
    assert wanted <= {row.fault for row in _ALL_ROWS} | {fall.fault for fall in FALLS}


class TestAllRows:
    def test_first_poll_was_good(self, play: Play) -> None:
        assert play.printed[0].code == 0

    def test_faults_end_with_1(self, play: Play) -> None:
        assert play.printed[1].code == 1

    def test_polls_after_the_faults_are_good(self, play: Play) -> None:
        assert play.printed[2].code == 0

    def test_database_is_sound(self, play: Play) -> None:
        with play.console.database() as database:
            assert check(database) == []

    def test_key_is_in_no_file(self, play: Play) -> None:
        assert not leaks_in_files(play.console.folder)

    def test_key_was_not_printed(self, play: Play) -> None:
        assert not leaks("".join(one.out + one.err for one in play.printed))

    def test_nobody_was_asked_who_was_not_configured(self, play: Play) -> None:
        assert play.untouched


@pytest.fixture
def played(row: FaultRow, play: Play) -> Played:
    return play.played[name_of(row)]


BAD = [row for row in ROWS if row.outcome != "ok"]
REJECTED = {"api_error", "content_type", "malformed_json", "duplicate_key", "too_deep", "not_utf8", "schema"}


def is_rejected(row: FaultRow) -> bool:
    return outcome_of(row).partition(":")[0] in REJECTED


def label(row: FaultRow) -> str:
    return f"{row.fault} {row.variant}"


@pytest.mark.parametrize("row", BAD, ids=label)
class TestFault:
    def test_leaves_one_poll_row_with_its_outcome(self, row: FaultRow, played: Played) -> None:
        assert [one.outcome for one in played.polls] == ["ok", outcome_of(row), "ok"]

    def test_is_told(self, row: FaultRow, played: Played) -> None:
        told = played.told[0]
        assert (told["outcome"], told["error"]) == (outcome_of(row), played.polls[1].error)
        assert told["error"]

    def test_changes_no_fact(self, row: FaultRow, played: Played) -> None:
        assert played.after == played.before

    def test_is_counted(self, row: FaultRow, played: Played) -> None:
        assert (played.state.failures, played.state.lease_owner) == (1, None)

    def test_good_poll_after_it_counts_from_the_last_good_value(self, row: FaultRow, played: Played) -> None:
        told = played.told[1]
        assert (told["outcome"], told["growth"]) == ("ok", {"requests": 2, "credits": 20})
        assert (told["new_requests"], told["missed_requests"]) == (2, 0)

    def test_keeps_the_body_of_a_refused_answer_only(self, row: FaultRow, played: Played) -> None:
        body = played.polls[1].body
        assert (body is not None) == is_rejected(row)
        assert len(body or b"") <= 4096

    def test_is_asked_again_when_it_is_worth_it(self, row: FaultRow, played: Played) -> None:
        wait = played.state.next_poll_at - played.polls[1].finished_at
        assert timedelta() < wait <= max(timedelta(minutes=5), row.retry_after or timedelta())


LIMITED = [row for row in ROWS if row.outcome == "http_429"]


@pytest.mark.parametrize("row", LIMITED, ids=label)
def test_wait_that_the_provider_asks_for_is_remembered(row: FaultRow, played: Played) -> None:
    if row.retry_after is None:
        assert played.state.not_before is None
    else:
        waits = played.state.not_before - played.polls[1].started_at
        assert abs(waits - row.retry_after) < timedelta(seconds=15)


@pytest.mark.parametrize("row", [row for row in ROWS if row.outcome == "ok"], ids=label)
def test_odd_but_right_answer_is_accepted(row: FaultRow, played: Played) -> None:
    assert [one.outcome for one in played.polls] == ["ok", "ok", "ok"]


@pytest.mark.parametrize("row", LOOKUPS, ids=label)
def test_fault_of_a_name_or_an_address_fails_the_poll(
    row: FaultRow, bare_console: Console, upgraded_sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert row.lookup is not None
    bare_console.use(upgraded_sqlite)
    bare_console.write(settings_of([row], ["http://localhost:9"]).replace(_DEADLINE, "1s"))
    with ExitStack() as stack:
        look_up = row.lookup(stack)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *name, **options: look_up())
        done = bare_console.run("poll")
    assert done.code == 1
    assert [poll.outcome for poll in bare_console.table("poll")] == [row.outcome]
    assert bare_console.table("snapshot") == []
    assert not leaks(done.out + done.err)


@dataclass(frozen=True, slots=True)
class Fallen:
    """A counter that fell, and what is told of it."""

    fall: Fall
    days: list[dict[str, Any]]
    decided: tuple[str, ...]
    health: str


@pytest.fixture(scope="module", params=FALLS, ids=lambda fall: f"{fall.fault} {fall.variant}")
def fallen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, upgraded_sqlite: Path) -> Fallen:
    with pytest.MonkeyPatch.context() as patch, Upstream() as upstream:
        console = Console(tmp_path_factory.mktemp("fall"), patch)
        console.use(upgraded_sqlite)
        console.configure(upstream.url)
        for value in request.param.said:
            upstream.invocations = value
            console.good("poll", "nected")
        return Fallen(
            request.param,
            console.json("report", "daily"),
            tuple(row["kind"] for row in console.json("resets", "list")),
            next(row["health"] for row in console.json("status") if row["account"] == "nected"),
        )


class TestFall:
    def test_books_what_the_ledger_says(self, fallen: Fallen) -> None:
        assert sum(day["usage"] for day in fallen.days) == fallen.fall.booked

    def test_is_listed_with_what_was_decided(self, fallen: Fallen) -> None:
        assert fallen.decided == fallen.fall.decided

    def test_that_is_not_yet_decided_is_shown_where_the_figure_is(self, fallen: Fallen) -> None:
        assert sum(day["held"] for day in fallen.days) == fallen.fall.held
        assert fallen.health == ("held" if fallen.fall.held else "ok")
