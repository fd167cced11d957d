from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from collector.domain.accounts import Account, Agreement, MeterTerms, Resets
from collector.domain.instants import micros_of
from collector.domain.periods import Billing, PeriodKind
from collector.domain.terms import fall_terms
from collector.errors import (
    AnswerRejectedError,
    AskError,
    ClockError,
    InterruptedAskError,
    LeaseLostError,
    RateLimitedError,
    TerminalAskError,
    TransientAskError,
)
from collector.polling.one_poll import Polled
from collector.providers import provider_named
from collector.providers.contract import Answer, ApiRequest
from collector.store.accounts import Lease, Refusal, claim, release
from collector.store.engine import Database
from tests.polling.canary import BASE64, RAW, leaks, leaks_in_files
from tests.polling.door import NOON, Bench, answer, record, usage

INTERVAL = timedelta(minutes=5)


class TestGoodPoll:
    def test_leaves_one_row(self, bench: Bench) -> None:
        bench.hear(usage())
        assert [(row.id, row.outcome, row.http_status, row.error, row.body) for row in bench.rows("poll")] == [
            (1, "ok", 200, None, None)
        ]

    def test_stores_the_value_of_every_meter(self, bench: Bench) -> None:
        bench.hear(usage(7, 70))
        assert {row.value for row in bench.rows("snapshot")} == {7, 70}

    def test_snapshot_stands_at_the_instant_the_answer_was_complete(self, bench: Bench) -> None:
        received = NOON - timedelta(seconds=2)
        bench.poll(answer(usage(), received))
        assert {row.observed_at for row in bench.rows("snapshot")} == {micros_of(received)}
        assert bench.last_poll.finished_at == received

    def test_tells_the_growth_since_the_poll_before(self, bench: Bench) -> None:
        bench.hear(usage(7, 70))
        assert bench.hear(usage(9, 100), after=300).stored.growth == {"requests": (9, 2), "credits": (100, 30)}

    def test_stores_the_listed_requests(self, bench: Bench) -> None:
        bench.hear(usage(listed=[record("a"), record("b")]))
        assert [row.request_id for row in bench.rows("usage_request")] == ["a", "b"]

    def test_keeps_why_a_record_was_refused_alone(self, bench: Bench) -> None:
        polled = bench.hear(usage(listed=[record("a"), record("", x=1)]))
        assert polled.ok
        assert (bench.last_poll.rejected_requests, "is empty" in bench.last_poll.rejections) == (1, True)

    def test_plans_the_next_poll_within_the_interval(self, bench: Bench) -> None:
        polled = bench.hear(usage())
        assert NOON < polled.next_poll_at <= NOON + INTERVAL
        assert bench.state.next_poll_at == polled.next_poll_at

    def test_gives_the_lease_back(self, bench: Bench) -> None:
        bench.hear(usage())
        assert (bench.state.lease_owner, bench.state.lease_until) == (None, None)

    def test_says_when_it_began_and_ended(self, bench: Bench) -> None:
        polled = bench.poll(answer(usage(), NOON + timedelta(seconds=2)))
        assert polled.finished_at - polled.started_at == timedelta(seconds=2)

    def test_silence_of_more_than_two_intervals_is_a_gap(self, bench: Bench) -> None:
        bench.hear(usage())
        bench.hear(usage(), after=601)
        assert len(bench.rows("gap")) == 2


@dataclass(frozen=True, slots=True)
class Fault:
    """What the door says, and what the row must say."""

    name: str
    saying: Callable[[], BaseException | Any]
    outcome: str
    status: int | None
    says: str
    body: bytes | None = None
    terminal: bool = True


FAULTS = (
    Fault("server error", lambda: TransientAskError("http_5xx", "it failed", http_status=503), "http_5xx", 503,
          "it failed", terminal=False),
    Fault("timeout", lambda: TransientAskError("timeout_total", "no answer"), "timeout_total", None, "no answer",
          terminal=False),
    Fault("rejected key", lambda: TerminalAskError("http_401", "the key …", http_status=401), "http_401", 401, "key"),
    Fault("certificate", lambda: TerminalAskError("tls_error", "expired"), "tls_error", None, "expired"),
    Fault("rate limit", lambda: RateLimitedError("too many", retry_after=None), "http_429", 429, "too many",
          terminal=False),
    Fault("no JSON", lambda: AnswerRejectedError("malformed_json", "not JSON", http_status=200, body=b"<p>"),
          "malformed_json", 200, "not JSON", b"<p>"),
    Fault("reported error", lambda: answer({"success": False, "error": "Out of order"}), "api_error", 200,
          "Out of order", b'{"success": false, "error": "Out of order"}'),
    Fault("wrong shape", lambda: answer([1]), "schema", 200, "top level", b"[1]"),
    Fault("wrong counter", lambda: answer({"success": True, "totalRequests": "42"}), "schema:totalRequests", 200,
          "not an integer", b'{"success": true, "totalRequests": "42"}'),
    Fault("fault of ours", lambda: ZeroDivisionError("division by zero"), "internal_error", None, "ZeroDivisionError"),
    Fault("no memory", MemoryError, "internal_error", None, "MemoryError"),
)  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
class TestFailedPoll:
    def test_leaves_one_row_that_says_why(self, fault: Fault, bench: Bench) -> None:
        bench.poll(fault.saying())
        row = bench.last_poll
        assert (row.id, row.outcome, row.http_status, row.body) == (1, fault.outcome, fault.status, fault.body)
        assert fault.says in row.error

    def test_tells_what_was_stored(self, fault: Fault, bench: Bench) -> None:
        polled = bench.poll(fault.saying())
        assert (polled.ok, polled.outcome, polled.error) == (False, fault.outcome, bench.last_poll.error)

    def test_changes_no_fact(self, fault: Fault, bench: Bench) -> None:
        bench.hear(usage(listed=[record("a")]))
        tables = ("snapshot", "decision", "gap", "usage_request", "usage_request_change")
        before = [bench.rows(table) for table in tables]
        bench.clock += INTERVAL
        bench.poll(fault.saying())
        assert [bench.rows(table) for table in tables] == before

    def test_counts_and_a_good_poll_forgets(self, fault: Fault, bench: Bench) -> None:
        counts = []
        for saying in (fault.saying(), fault.saying()):
            bench.poll(saying)
            counts.append(bench.state.failures)
        bench.hear(usage(), after=60)
        assert (counts, bench.state.failures) == ([1, 2], 0)

    def test_next_poll_is_never_past_the_next_slot_at_first(self, fault: Fault, bench: Bench) -> None:
        good = bench.hear(usage()).next_poll_at
        failed = bench.poll(fault.saying()).next_poll_at
        assert failed == good if fault.terminal else failed <= good

    def test_fifth_in_a_row_makes_us_patient_where_asking_again_cannot_help(self, fault: Fault, bench: Bench) -> None:
        waits = [bench.poll(fault.saying()).next_poll_at - NOON for _ in range(5)]
        assert all(wait <= INTERVAL for wait in waits[:4])
        assert (waits[4] > INTERVAL) == fault.terminal
        assert waits[4] <= 6 * INTERVAL

    def test_gives_the_lease_back(self, fault: Fault, bench: Bench) -> None:
        bench.poll(fault.saying())
        assert bench.state.lease_owner is None


def test_fault_of_ours_is_handed_on_for_the_log(bench: Bench) -> None:
    fault = ZeroDivisionError("division by zero")
    assert bench.poll(fault).cause is fault


def test_provider_that_cannot_read_its_answer_fails_its_own_poll_only(
    sqlite_database: Database, make_account: Callable[..., Account]
) -> None:
    class Broken:
        name, title, base_url, key_env = "nellie", "Nellie", "https://api.example.com", "KEY"
        meters = provider_named("nellie").meters
        requests_meter = None

        def request(self) -> ApiRequest:
            return ApiRequest("/", "X-Key")

        def parse(self, payload: object) -> Answer:
            raise RecursionError

    polled = Bench(sqlite_database, make_account(), Broken()).hear({})
    assert (polled.outcome, polled.error is not None and "RecursionError" in polled.error) == ("internal_error", True)


def test_backoff_doubles_up_to_a_quarter_of_an_hour(
    sqlite_database: Database, make_account: Callable[..., Account]
) -> None:
    bench = Bench(sqlite_database, make_account(poll_every=timedelta(hours=10)))
    waits = [bench.poll(TransientAskError("conn_error", "")).next_poll_at - NOON for _ in range(7)]
    limits = [timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 15, 15, 15)]
    assert all(limit * 0.75 <= wait <= limit for wait, limit in zip(waits, limits, strict=True))


def test_kept_body_has_at_most_4_kib(bench: Bench) -> None:
    bench.poll(answer({"success": False, "padding": "x" * 9000}))
    assert len(bench.last_poll.body) == 4096


def test_kept_error_has_at_most_500_characters(bench: Bench) -> None:
    bench.poll(TransientAskError("conn_error", "x" * 9000))
    assert len(bench.last_poll.error) == 500


class TestRetryAfter:
    @staticmethod
    def limited(seconds: float) -> RateLimitedError:
        return RateLimitedError("too many", retry_after=timedelta(seconds=seconds))

    def test_next_poll_is_not_before_it(self, bench: Bench) -> None:
        assert bench.poll(self.limited(3000)).next_poll_at == NOON + timedelta(seconds=3000)

    def test_wait_shorter_than_the_backoff_changes_nothing(self, bench: Bench) -> None:
        told = bench.poll(self.limited(1)).next_poll_at
        assert told - NOON >= timedelta(seconds=45)

    def test_is_remembered_over_a_restart(self, bench: Bench) -> None:
        bench.poll(self.limited(3000))
        restarted = Database(bench.database.url.render_as_string(hide_password=False))
        refused = claim(restarted, bench.target.row.id, "other", NOON + INTERVAL, NOON + 2 * INTERVAL)
        restarted.close()
        assert refused == Refusal(not_before=NOON + timedelta(seconds=3000))

    def test_force_asks_all_the_same(self, bench: Bench) -> None:
        bench.poll(self.limited(3000))
        assert isinstance(bench.lease(force=True), Lease)

    def test_is_over_at_its_end(self, bench: Bench) -> None:
        bench.poll(self.limited(3000))
        bench.clock += timedelta(seconds=3000)
        assert isinstance(bench.lease(force=False), Lease)

    def test_good_poll_forgets_it(self, bench: Bench) -> None:
        bench.poll(self.limited(3000))
        bench.hear(usage(), after=60)
        assert bench.state.not_before is None


class TestInterruptedPoll:
    def test_leaves_a_row(self, bench: Bench) -> None:
        bench.poll(InterruptedAskError())
        assert bench.last_poll.outcome == "interrupted"

    def test_is_no_failure_of_the_provider(self, bench: Bench) -> None:
        bench.poll(TransientAskError("conn_error", ""))
        bench.poll(InterruptedAskError())
        assert bench.state.failures == 1

    def test_is_made_up_for_within_a_minute(
        self, sqlite_database: Database, make_account: Callable[..., Account]
    ) -> None:
        bench = Bench(sqlite_database, make_account(poll_every=timedelta(hours=24)))
        assert bench.poll(InterruptedAskError()).next_poll_at <= NOON + timedelta(minutes=1)


class TestClock:
    def test_poll_not_later_than_the_newest_value_enters_nothing(self, bench: Bench) -> None:
        bench.hear(usage())
        polled = bench.hear(usage(99, 9999), after=-3600)
        assert (polled.outcome, len(bench.rows("snapshot"))) == ("clock", 2)

    def test_poll_at_the_very_instant_enters_nothing(self, bench: Bench) -> None:
        bench.hear(usage())
        assert bench.hear(usage(99)).outcome == "clock"

    def test_polling_goes_on_once_the_clock_has_caught_up(self, bench: Bench) -> None:
        bench.hear(usage())
        bench.hear(usage(), after=-3600)
        assert bench.hear(usage(50, 9000), after=3601).stored.growth == {"requests": (50, 8), "credits": (9000, 250)}

    def test_clock_far_behind_stores_nothing_at_all(self, bench: Bench) -> None:
        bench.hear(usage())
        with pytest.raises(ClockError, match="set the clock"):
            bench.hear(usage(), after=-2 * 86400)
        assert len(bench.rows("poll")) == 1

    @pytest.mark.parametrize("seconds", [86_340, 86_400, 5 * 366 * 86_400], ids=["a day", "exactly a day", "years"])
    def test_a_day_ahead_of_the_provider_is_a_clock_fault(self, seconds: int, bench: Bench) -> None:
        bench.hear(usage())
        theirs = bench.clock + timedelta(seconds=300)
        polled = bench.hear(usage(50, 9000), after=300 + seconds, server_date=theirs)
        assert (polled.outcome, len(bench.rows("snapshot"))) == ("clock", 2)
        assert f"{theirs:%Y-%m-%d %H:%M}Z" in str(polled.error)
        assert f"{bench.clock:%Y-%m-%d %H:%M}Z" in str(polled.error)
        assert polled.next_poll_at <= theirs + INTERVAL

    def test_a_day_ahead_of_the_provider_does_not_block_what_follows(self, bench: Bench) -> None:
        bench.hear(usage())
        bench.hear(usage(50, 9000), after=86_400, server_date=NOON)
        assert bench.hear(usage(50, 9000), after=300 - 86_400).stored.growth == {
            "requests": (50, 8),
            "credits": (9000, 250),
        }

    @pytest.mark.parametrize(
        ("ours", "age"), [(86_339, None), (-90_000, None), (86_400, 86_000)], ids=["less", "behind", "an old copy"]
    )
    def test_other_differences_are_flagged_only(self, ours: int, age: int | None, bench: Bench) -> None:
        bench.clock += timedelta(days=2)
        date = bench.clock - timedelta(seconds=ours)
        polled = bench.hear(usage(), server_date=date, age_seconds=age)
        assert (polled.outcome, "clock_skew" in polled.flags) == ("ok", True)

    def test_answer_that_came_across_midnight_belongs_to_the_instant_it_was_complete(self, bench: Bench) -> None:
        midnight = datetime(2026, 3, 2, tzinfo=UTC)
        bench.clock = midnight - timedelta(seconds=1)
        bench.poll(answer(usage(), midnight + timedelta(microseconds=1)))
        assert {row.observed_at for row in bench.rows("snapshot")} == {micros_of(midnight) + 1}


def test_poll_whose_lease_was_taken_over_stores_nothing(bench: Bench) -> None:
    def taken_over() -> Any:
        later = bench.clock + timedelta(minutes=2)
        assert isinstance(claim(bench.database, bench.target.row.id, "other", later, later + INTERVAL), Lease)
        return answer(usage(), later)

    with pytest.raises(LeaseLostError):
        bench.poll(taken_over)
    assert [bench.rows("poll"), bench.rows("snapshot")] == [[], []]


def test_poll_whose_lease_was_given_away_stores_nothing(bench: Bench) -> None:
    def given_back() -> Any:
        release(bench.database, Lease(bench.target.row.id, "us", NOON + timedelta(minutes=1), 0))
        return answer(usage(), bench.clock)

    with pytest.raises(LeaseLostError):
        bench.poll(given_back)
    assert bench.rows("poll") == []


class TestFlags:
    @staticmethod
    def flags(polled: Polled, bench: Bench) -> tuple[tuple[str, ...], str]:
        return polled.flags, bench.last_poll.flags

    def test_are_told_and_kept(self, bench: Bench) -> None:
        polled = bench.hear(usage(), age_seconds=9, server_date=NOON - timedelta(hours=1))
        names = ("cached_response", "clock_skew", "coverage_gap")
        assert self.flags(polled, bench) == (names, '["cached_response", "clock_skew", "coverage_gap"]')

    def test_poll_that_is_flagged_is_good(self, bench: Bench) -> None:
        assert bench.hear(usage(), age_seconds=9).ok

    def test_of_the_caller_are_kept_too(self, bench: Bench) -> None:
        polled = bench.poll(answer(usage(0)), flags=("clock_step",))
        assert self.flags(polled, bench) == (("clock_step",), '["clock_step"]')

    def test_of_the_caller_stand_on_a_failed_poll_too(self, bench: Bench) -> None:
        polled = bench.poll(TransientAskError("conn_error", ""), flags=("clock_step",))
        assert self.flags(polled, bench) == (("clock_step",), '["clock_step"]')


def echoing(**fields: object) -> dict[str, object]:
    return {**usage(listed=[record()]), **fields}


ECHOES: dict[str, Callable[[], Any]] = {
    "request id": lambda: answer(usage(listed=[record(RAW)])),
    "status": lambda: answer(usage(listed=[record(status=RAW)])),
    "escaped id": lambda: answer(
        b'{"success": true, "totalRequests": 1, "totalCreditsUsed": 1, "recentRequests": [{"requestId": "\\u006e'
        + RAW[1:].replace("/", "\\/").encode()
        + b'", "status": "completed"}]}'
    ),
    "name of a field": lambda: answer(echoing(**{RAW: RAW})),
    "refused record": lambda: answer(usage(listed=[record("", note=RAW), record(creditsUsed=RAW), RAW])),
    "refused record, cut": lambda: answer(usage(listed=[record(creditsUsed="x" * 185 + RAW)])),
    "error message": lambda: answer({"success": False, "error": f"bad key {RAW}", "details": BASE64}),
    "error message, cut": lambda: answer({"success": False, "error": "x" * 185 + RAW}),
    "half of it in a message": lambda: answer({"success": False, "error": f"bad key {RAW[:16]}***"}),
    "body, cut at the limit": lambda: answer({"success": False, "x": "y" * 4060, "z": RAW}),
    "body of a refused answer, cut before": lambda: AnswerRejectedError(
        "malformed_json", "", http_status=200, body=(b"x" * 4080 + RAW.encode())[:4096]
    ),
    "body full of it": lambda: answer({"success": False, "z": [RAW] * 900}),
    "escapes in a refused body": lambda: AnswerRejectedError(
        "malformed_json", "", http_status=200, body=RAW.replace("n", "\\u006e").replace("/", "\\/").encode()
    ),
    "fault of the connection": lambda: TransientAskError("conn_error", f"redirected to https://{RAW.lower()}/"),
    "fault of ours": lambda: ValueError(f"header {RAW!r}"),
}


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
class TestEchoedKey:
    def test_is_not_in_the_database(self, echo: Callable[[], AskError], keyed_bench: Bench, tmp_path: Path) -> None:
        keyed_bench.poll(echo())
        assert keyed_bench.rows("poll")
        assert (tmp_path / "usage.db-wal").exists()
        assert not leaks_in_files(tmp_path)

    def test_is_not_in_what_is_told(self, echo: Callable[[], AskError], keyed_bench: Bench) -> None:
        polled = keyed_bench.poll(echo())
        assert not leaks(repr((polled.error, polled.answer, polled.stored, polled.flags)))


def test_key_that_is_removed_from_an_id_leaves_the_requests_apart(keyed_bench: Bench) -> None:
    keyed_bench.hear(usage(listed=[record(f"{RAW}-1"), record(f"{RAW}-2")]))
    assert [row.request_id for row in keyed_bench.rows("usage_request")] == ["[key removed]-1", "[key removed]-2"]


class TestFallingTerms:
    BERLIN = ZoneInfo("Europe/Berlin")
    MONTHLY = Billing(PeriodKind.MONTHLY, anchor_day=15)
    DAY = 86_400 * 1_000_000

    def test_meter_without_terms_may_do_anything(self) -> None:
        assert fall_terms(Agreement(self.BERLIN)).of_meter("credits").resets is Resets.UNKNOWN

    def test_declared_resets_are_handed_on(self) -> None:
        agreement = Agreement(self.BERLIN, self.MONTHLY, {"credits": MeterTerms(resets=Resets.PERIOD)})
        assert fall_terms(agreement).of_meter("credits").resets is Resets.PERIOD

    def test_boundary_is_the_local_midnight_of_the_anchor_day(self) -> None:
        midnight = micros_of(datetime(2026, 7, 14, 22, tzinfo=UTC))
        terms = fall_terms(Agreement(self.BERLIN, self.MONTHLY)).of_meter("credits")
        assert terms.boundary(midnight - self.DAY, midnight + self.DAY) == midnight

    def test_stretch_without_a_boundary_has_none(self) -> None:
        midnight = micros_of(datetime(2026, 7, 14, 22, tzinfo=UTC))
        terms = fall_terms(Agreement(self.BERLIN, self.MONTHLY)).of_meter("credits")
        assert terms.boundary(midnight, midnight + self.DAY) is None
