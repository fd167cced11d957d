"""The rows of HTTP that need a stage of their own: names and addresses, TLS, cookies, clocks, waits and patience."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import time_machine

from collector.domain.schedule import Failure, next_poll_at, phase_of
from collector.domain.secret import Secret
from tests.app.console import NELLIE_KEY
from tests.faults.season import LOOKUPS, params
from tests.faults.stage import ACCOUNT, Run, Stage, usage
from tests.http.asker import NOW
from tests.http.certificates import Authority
from tests.http.fault_rows import FaultRow
from tests.http.fault_server import FaultServer, json_response, once_each, response
from tests.http.test_tls import BAD_SERVERS

GOOD_BODY = b'{"success": true, "totalRequests": 0, "totalCreditsUsed": 8740, "recentRequests": []}'


def shown(stage: Stage, *words: str) -> str:
    """Return what a verb prints."""
    done = stage.run(*words)
    assert done.code == 0, done.err
    return done.out + done.err


def failed_alone(stage: Stage, done: Run, outcome: str) -> None:
    """Check all that FAIL means for an account that was never heard."""
    assert done.code == 1
    assert stage.outcomes == [outcome]
    assert stage.facts == [[], [], [], [], []]
    (told,) = done.rows
    assert (told["outcome"], told["error"]) == (outcome, stage.polls[0].error)
    assert {(row["health"], row["error"]) for row in stage.seen} == {("failing", stage.polls[0].error)}


@pytest.mark.parametrize("row", params(LOOKUPS))
def test_fault_of_a_name_or_an_address_fails_within_the_deadline(
    row: FaultRow, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert row.lookup is not None
    stage.configure(base_url="http://localhost:9", http='deadline = "1s"')
    began = time.monotonic()
    with ExitStack() as stack:
        look_up = row.lookup(stack)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *name, **options: look_up())
        done = stage.poll()
    monkeypatch.undo()
    assert time.monotonic() - began < 1 + 8  # the slow name server answers after ten seconds
    failed_alone(stage, done, row.outcome)


@pytest.mark.fault("H23")
@pytest.mark.parametrize("kind", BAD_SERVERS)
def test_bad_tls_server_fails_the_poll_and_gets_no_request(kind: str, stage: Stage, authority: Authority) -> None:
    make, why = BAD_SERVERS[kind]
    with FaultServer(json_response({}), tls=make(authority)) as server:
        stage.configure(base_url=server.origin, http=f'ca_bundle = "{authority.bundle}"')
        done = stage.poll()
        assert (server.requests, server.connections) == ([], 1)
    failed_alone(stage, done, "tls_error")
    assert why in stage.polls[0].error
    assert stage.table("account")[0].next_poll_at - stage.polls[0].finished_at > timedelta()


@pytest.mark.fault("H23")
@pytest.mark.parametrize("setting", ["verify = false", "insecure = true", "verify_tls = false"])
def test_certificates_cannot_be_left_unverified(setting: str, stage: Stage) -> None:
    stage.configure(http=setting)
    assert stage.poll().code == 2
    assert stage.upstream.connections == 0


@pytest.mark.fault("H24")
def test_cookie_is_never_sent_back(stage: Stage) -> None:
    stage.plays(once_each(response(GOOD_BODY, headers=[("Set-Cookie", "id=stolen; Path=/"), ("Set-Cookie", "b=2")])))
    assert [stage.poll().code, stage.poll().code] == [0, 0]
    assert stage.outcomes == ["ok", "ok"]
    assert not any(b"cookie" in request.lower() for request in stage.upstream.requests)
    assert "stolen" not in shown(stage, "status")


@pytest.mark.fault("H25")
@pytest.mark.parametrize(
    ("headers", "flag"),
    [
        ([("Date", format_datetime(NOW - timedelta(seconds=90), usegmt=True))], "clock_skew"),
        ([("Date", format_datetime(NOW + timedelta(hours=3), usegmt=True))], "clock_skew"),
        ([("Age", "17")], "cached_response"),
    ],
    ids=["behind", "ahead", "cached"],
)
def test_answer_of_another_time_is_good_and_flagged(headers: list[tuple[str, str]], flag: str, stage: Stage) -> None:
    stage.plays(once_each(response(GOOD_BODY, headers=headers)))
    with time_machine.travel(NOW, tick=True):
        done = stage.poll()
        assert (done.code, done.rows[0]["flags"]) == (0, [flag])
        assert stage.polls[0].flags == f'["{flag}"]'
        assert len(stage.snapshots) == 2
        assert {tuple(row["flags"]) for row in stage.seen} == {(flag,)}
        assert flag in shown(stage, "status")
        skewed = flag == "clock_skew"
        doctor = stage.run("doctor")
        assert (doctor.code, "FAULT  clock" in doctor.out) == ((5, True) if skewed else (0, False))


@pytest.mark.fault("H25")
def test_clock_that_agrees_to_the_minute_is_not_flagged(stage: Stage) -> None:
    date = format_datetime(NOW - timedelta(seconds=50), usegmt=True)
    stage.plays(once_each(response(GOOD_BODY, headers=[("Date", date), ("Age", "0")])))
    with time_machine.travel(NOW, tick=True):
        assert stage.poll().rows[0]["flags"] == []


@pytest.mark.fault("H25")
def test_flag_is_logged_by_the_daemon(stage: Stage) -> None:
    stage.plays(once_each(response(GOOD_BODY, headers=[("Age", "17")])))
    done = stage.daemon(lambda: stage.polls)
    (warning,) = [line for line in done.log if line["level"] == "warning"]
    assert (warning["account"], warning["flags"]) == (ACCOUNT, ["cached_response"])


@pytest.mark.fault("H26")
def test_connection_that_the_peer_closes_between_polls_is_not_noticed(stage: Stage) -> None:
    stage.configure(account='poll_every = "1s"', http='deadline = "1s"')
    stage.plays(once_each(response(GOOD_BODY, headers=[("Connection", "keep-alive")])))
    done = stage.daemon(lambda: len(stage.polls) >= 3)
    assert done.code == 0
    assert set(stage.outcomes) == {"ok"}
    assert stage.upstream.connections == len(stage.upstream.requests) >= 3
    assert [line["event"] for line in done.log if line["level"] not in {"debug", "info"}] == []


@pytest.mark.fault("H26")
def test_answer_left_on_a_connection_is_never_taken_for_the_next_one(stage: Stage) -> None:
    def says_more(exchange: Any) -> None:
        exchange.read_request()
        exchange.send(response(GOOD_BODY) + response(GOOD_BODY.replace(b"8740", b"9999")))
        exchange.read_request()

    stage.plays(says_more, usage(42, 8750))
    assert [stage.poll().code, stage.poll().code] == [0, 0]
    assert [row.value for row in stage.snapshots] == [0, 42, 8740, 8750]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        pytest.param(401, "was rejected", marks=pytest.mark.fault("H1")),
        pytest.param(403, "valid but not allowed", marks=pytest.mark.fault("H2")),
    ],
)
def test_refused_key_is_named_by_four_digits_alone_and_asked_less_after_five(
    status: int, words: str, stage: Stage
) -> None:
    stage.plays(json_response({"success": False, "errorCode": "AUTH_REQUIRED"}, status=status))
    with time_machine.travel(NOW, tick=False) as travel:
        waits = []
        for _ in range(5):
            assert stage.poll().code == 1
            row = stage.table("account")[0]
            waits.append(row.next_poll_at - stage.polls[-1].finished_at)
            travel.move_to(row.next_poll_at)
        assert max(waits[:4]) <= timedelta(minutes=5)
        assert timedelta(minutes=5) * 6 >= waits[4] > timedelta()
        assert stage.table("account")[0].failures == 5
        slots = (row.next_poll_at.timestamp() - 1800 * phase_of(ACCOUNT)) / 1800
        assert slots == pytest.approx(round(slots), abs=1e-6)
        assert f"key {Secret(NELLIE_KEY).fingerprint()} " in shown(stage, "status")
        assert words in shown(stage, "status")
    assert stage.outcomes == [f"http_{status}"] * 5
    assert stage.upstream.connections == 5, "a terminal fault is never retried within the attempt"


@pytest.mark.fault("H4")
@pytest.mark.parametrize("stage", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_wait_the_provider_asks_for_is_honoured_by_the_next_process(stage: Stage) -> None:
    stage.plays(json_response({}, status=429, headers=[("Retry-After", "600")]))
    assert stage.poll().code == 1
    wait = stage.table("account")[0].not_before - stage.polls[0].finished_at
    assert wait == timedelta(minutes=10)
    again = stage.poll()
    assert (again.code, stage.outcomes, stage.upstream.connections) == (0, ["http_429"], 1)
    assert "the provider asked to be left alone until" in again.out
    looks = iter(range(20))
    done = stage.daemon(lambda: next(looks, None) is None)
    assert (done.code, stage.outcomes, stage.upstream.connections) == (0, ["http_429"], 1)
    stage.plays(usage())
    assert stage.poll("--force").code == 0
    assert stage.table("account")[0].not_before is None


@pytest.mark.fault("H4")
def test_wait_is_not_slept_by_the_one_who_asks(stage: Stage) -> None:
    stage.plays(json_response({}, status=429, headers=[("Retry-After", "3600")]))
    began = time.monotonic()
    assert stage.poll().code == 1
    assert time.monotonic() - began < 60


@pytest.mark.fault("H6")
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_that_recovers_within_the_slot_is_heard(status: int, stage: Stage) -> None:
    bad = once_each(response(b"{}", status=status))
    stage.plays(bad, bad, usage())
    assert stage.poll().code == 0
    assert (stage.outcomes, stage.upstream.connections) == (["ok"], 3)


@pytest.mark.fault("H6")
def test_wait_that_a_503_asks_for_is_honoured(stage: Stage) -> None:
    stage.plays(json_response({}, status=503, headers=[("Retry-After", "900")]))
    assert stage.poll().code == 1
    row = stage.table("account")[0]
    assert row.not_before - stage.polls[0].finished_at == timedelta(minutes=15)
    assert row.next_poll_at >= row.not_before
    assert stage.upstream.connections == 1, "who is asked to wait does not try again at once"


def test_backoff_doubles_to_a_quarter_of_an_hour_and_never_passes_the_slot(make_account: Any) -> None:
    account = make_account(poll_every=timedelta(hours=6))
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    waits = [(next_poll_at(account, now, Failure(True, n)) - now).total_seconds() / 60 for n in range(1, 9)]
    assert all(0.75 * most <= wait <= most for wait, most in zip(waits, (1, 2, 4, 8, 15, 15, 15, 15), strict=True))


@pytest.mark.fault("H1")
@pytest.mark.parametrize(
    "words",
    [
        ("daily",),
        ("burn",),
        ("exhaustion",),
        ("requests",),
        ("daily", "--format", "md"),
        ("daily", "--format", "html"),
        ("month", "--period", "2026-03", "--format", "md"),
    ],
    ids=" ".join,
)
def test_report_of_an_account_that_fails_says_since_when_it_is_stale(words: tuple[str, ...], stage: Stage) -> None:
    with time_machine.travel(NOW, tick=True):
        stage.poll()
        stage.plays(json_response({}, status=401))
        fresh = shown(stage, "report", *words)
        assert stage.poll().code == 1
        stale = shown(stage, "report", *words).replace("\\", "")
    assert "stale since" not in fresh
    assert f"{ACCOUNT}: stale since 2026-03-01T12:00:0" in stale
    assert "the last poll failed (http_401)" in stale


@pytest.mark.fault("H1")
def test_rows_of_a_report_stay_rows_and_stderr_says_what_is_stale(stage: Stage) -> None:
    stage.poll()
    before = stage.run("report", "daily", "--json").rows
    stage.plays(json_response({}, status=401))
    stage.poll()
    done = stage.run("report", "daily", "--json")
    assert done.rows[0]["usage"] == before[0]["usage"]
    assert done.err.startswith(f"note: {ACCOUNT}: stale since ")
