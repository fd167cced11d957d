from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import StatementError

from collector.domain.accounts import Resets
from collector.domain.falls import FallKind
from collector.domain.requests import RequestRecord
from collector.errors import ClockError, LeaseLostError, StorageError
from collector.store.accounts import Lease, claim
from collector.store.checking import check
from collector.store.engine import Database
from collector.store.entries import Plan, Stored
from collector.store.writing import record_poll

if TYPE_CHECKING:
    from tests.store.conftest import Desk, Dump

DAY = 86_400.0
ONE = RequestRecord("one", "completed", credits_used=250)
TWO = RequestRecord("two", "processing")

# The statement that comes last in a poll with changed requests, made to fail by the database itself.
REFUSE_LAST = {
    "sqlite": [
        "CREATE TRIGGER refuse BEFORE UPDATE OF last_seen_at ON usage_request "
        "BEGIN SELECT RAISE(ABORT, 'refused by a trigger'); END",
    ],
    "postgresql": [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'refused by a trigger'; END $$",
        "CREATE TRIGGER refuse BEFORE UPDATE OF last_seen_at ON usage_request EXECUTE FUNCTION refuse()",
    ],
}
ALLOW = {
    "sqlite": ["DROP TRIGGER refuse"],
    "postgresql": ["DROP TRIGGER refuse ON usage_request", "DROP FUNCTION refuse()"],
}


def run(database: Database, statements: dict[str, list[str]]) -> None:
    with database.write() as connection:
        for statement in statements[connection.dialect.name]:
            connection.execute(text(statement))


class TestOnePoll:
    def test_the_first_snapshot_is_the_opening_balance(self, desk: Desk) -> None:
        stored = desk.poll(0, {"requests": 42, "credits": 8750})
        assert stored.growth == {"requests": (42, None), "credits": (8750, None)}
        assert desk.courses() == [(0, 0, 8750, 0)]

    def test_growth_is_told(self, desk: Desk) -> None:
        desk.poll(0, {"requests": 42, "credits": 8750})
        assert desk.poll(300, {"requests": 43, "credits": 9000}).growth == {"requests": (43, 1), "credits": (9000, 250)}

    def test_an_unchanged_value_has_grown_by_nothing(self, desk: Desk) -> None:
        desk.poll(0, {"requests": 42, "credits": 8750})
        assert desk.poll(300, {"requests": 42, "credits": 8750}).growth["credits"] == (8750, 0)

    def test_an_unchanged_value_is_confirmed_without_a_row(self, credits_desk: Desk) -> None:
        for second in (0, 300, 600):
            credits_desk.poll(second, {"credits": 8750})
        assert credits_desk.courses() == [(0, 600, 8750, 0)]

    def test_a_value_seen_once_keeps_one_instant(self, credits_desk: Desk, dump: Callable[[], Dump]) -> None:
        credits_desk.poll(0, {"credits": 8750})
        ((_, observed, confirmed, *_),) = dump()["snapshot"]
        assert (observed, confirmed) == (credits_desk.micros(0), None)

    def test_a_changed_value_is_a_row(self, credits_desk: Desk) -> None:
        for second, value in ((0, 8750), (300, 8750), (600, 9000), (900, 9000)):
            credits_desk.poll(second, {"credits": value})
        assert credits_desk.courses() == [(0, 300, 8750, 0), (600, 900, 9000, 0)]

    def test_one_meter_may_be_confirmed_while_another_grows(self, desk: Desk) -> None:
        desk.poll(0, {"requests": 1, "credits": 10})
        desk.poll(300, {"requests": 2, "credits": 10})
        assert (len(desk.courses("requests")), len(desk.courses("credits"))) == (2, 1)

    def test_snapshots_are_counted_from_one(self, credits_desk: Desk) -> None:
        for second, value in ((0, 5), (1, 5), (2, 6), (3, 1), (4, 9)):
            credits_desk.poll(second, {"credits": value})
        assert [row.number for row in credits_desk.rows("snapshot")] == [1, 2, 3, 4]

    def test_the_largest_counter_is_kept(self, credits_desk: Desk) -> None:
        credits_desk.poll(0, {"credits": 2**63 - 1})
        assert credits_desk.courses() == [(0, 0, 2**63 - 1, 0)]

    @pytest.mark.parametrize("value", [2**63, -1, True, 1.0], ids=str)
    def test_what_is_no_quantity_is_refused_with_everything_else(
        self, desk: Desk, dump: Callable[[], Dump], value: int
    ) -> None:
        lease = desk.claim(0)
        before = dump()
        entry = desk.entry(0, lease, counters={"requests": 1, "credits": value})
        with pytest.raises(StatementError, match="a quantity is an integer"):
            record_poll(desk.database, entry)
        assert dump() == before

    def test_the_row_says_what_happened(self, desk: Desk) -> None:
        desk.poll(5, {"requests": 1, "credits": 1}, flags=("clock_skew", "timestamps"))
        (row,) = desk.rows("poll")
        assert (row.account, row.id, row.kind, row.outcome, row.http_status, row.error, row.body) == (
            desk.row.id, 1, "poll", "ok", 200, None, None,
        )  # fmt: skip
        assert row.finished_at - row.started_at == timedelta(milliseconds=250)
        assert json.loads(row.flags) == ["clock_skew", "timestamps"]

    def test_polls_are_counted_from_one_per_account(self, make_desk: Callable[..., Desk]) -> None:
        one, two = make_desk("one"), make_desk("two")
        for second in (0, 300):
            one.poll(second, {"requests": 0, "credits": 0})
            two.poll(second, {"requests": 0, "credits": 0})
        assert [(row.account, row.id) for row in one.rows("poll")] == [
            (one.row.id, 1), (one.row.id, 2), (two.row.id, 1), (two.row.id, 2),
        ]  # fmt: skip

    def test_records_refused_alone_are_counted_and_kept(self, desk: Desk) -> None:
        rejections = [("recentRequests[3].requestId", "is empty", '""')]
        desk.poll(0, {"requests": 1, "credits": 1}, rejections=rejections)
        (row,) = desk.rows("poll")
        assert (row.rejected_requests, json.loads(row.rejections)) == (1, [list(one) for one in rejections])

    def test_of_a_thousand_records_refused_at_each_poll_four_kib_are_kept_and_all_are_counted(self, desk: Desk) -> None:
        rejections = [(f"recentRequests[{one}].requestId", "is empty", "x" * 200) for one in range(500)]
        rejections += [
            (f"recentRequests[{500 + one}]", f"is no object ({one % 20})", "\u1234" * 200) for one in range(400)
        ]
        for second in (0, 300):
            desk.poll(second, {"requests": 900, "credits": 1}, rejections=rejections)
        assert check(desk.database) == []
        for row in desk.rows("poll"):
            kept = json.loads(row.rejections)
            assert (row.rejected_requests, len(row.rejections) <= 4096) == (900, True)
            assert kept[0] == list(rejections[0])
            first = [one for one in kept if not one[0].startswith("and ")]
            more = {reason: int(where.split()[1]) for where, reason, _ in kept[len(first) :]}
            assert more["is empty"] == 500 - len(first) < 500
            assert sum(more.values()) + len(first) == 900

    def test_a_good_list_has_no_rejections(self, desk: Desk) -> None:
        desk.poll(0, {"requests": 1, "credits": 1})
        (row,) = desk.rows("poll")
        assert (row.rejected_requests, row.rejections) == (0, None)

    def test_a_provider_without_a_list_has_no_counts_of_requests(self, credits_desk: Desk) -> None:
        stored = credits_desk.poll(0, {"credits": 1})
        (row,) = credits_desk.rows("poll")
        assert (row.new_requests, row.missed_requests, row.rejected_requests) == (None, None, None)
        assert (stored.new_requests, stored.missed_requests) == (0, None)


class TestLease:
    def test_the_lease_is_given_back_with_the_plan(self, desk: Desk) -> None:
        plan = Plan(desk.at(300), 2, desk.at(299))
        desk.fail(0, "http_429", plan=plan)
        (row,) = desk.rows("account")
        assert (row.lease_owner, row.lease_until) == (None, None)
        assert (row.next_poll_at, row.failures, row.not_before) == (plan.next_poll_at, 2, plan.not_before)

    def test_a_good_poll_forgets_the_failures(self, desk: Desk) -> None:
        desk.fail(0, plan=Plan(desk.at(60), 7, desk.at(60)))
        desk.poll(70, {"requests": 1, "credits": 1})
        (row,) = desk.rows("account")
        assert (row.failures, row.not_before) == (0, None)

    def test_a_poll_whose_lease_was_taken_over_stores_nothing(self, desk: Desk, dump: Callable[[], Dump]) -> None:
        ours = desk.claim(0)
        desk.claim(31, owner="them")
        before = dump()
        with pytest.raises(LeaseLostError, match="account nellie-prod: another collector took it over") as caught:
            record_poll(desk.database, desk.entry(32, ours, counters={"requests": 1, "credits": 1}, requests=[ONE]))
        assert caught.value.exit_code == 5
        assert dump() == before

    def test_a_failed_poll_whose_lease_was_taken_over_stores_nothing(
        self, desk: Desk, dump: Callable[[], Dump]
    ) -> None:
        ours = desk.claim(0)
        desk.claim(31, owner="them")
        before = dump()
        with pytest.raises(LeaseLostError):
            record_poll(desk.database, desk.entry(32, ours, outcome="timeout_total"))
        assert dump() == before

    def test_the_same_poll_is_not_stored_twice(self, desk: Desk, dump: Callable[[], Dump]) -> None:
        entry = desk.entry(0, desk.claim(0), counters={"requests": 1, "credits": 1}, requests=[ONE])
        record_poll(desk.database, entry)
        before = dump()
        with pytest.raises(LeaseLostError):
            record_poll(desk.database, entry)
        assert dump() == before

    def test_an_older_lease_of_the_same_collector_stores_nothing(self, desk: Desk, dump: Callable[[], Dump]) -> None:
        stuck = desk.claim(0)
        desk.claim(31)
        before = dump()
        with pytest.raises(LeaseLostError):
            record_poll(desk.database, desk.entry(32, stuck, counters={"requests": 1, "credits": 1}))
        assert dump() == before

    def test_a_lease_that_ended_but_was_not_taken_over_still_stores(self, desk: Desk) -> None:
        lease = desk.claim(0)
        assert record_poll(desk.database, desk.entry(99, lease, counters={"requests": 1, "credits": 1})).outcome == "ok"

    def test_of_two_collectors_one_stores_each_poll(self, desk: Desk, other: Database) -> None:
        barrier = threading.Barrier(2, timeout=10)

        def work(door: Database, owner: str) -> int:
            stored = 0
            for second in range(20):
                barrier.wait()
                lease = claim(door, desk.row.id, owner, desk.at(second), desk.at(second + 30))
                if isinstance(lease, Lease):
                    record_poll(door, desk.entry(second, lease, counters={"requests": second, "credits": second}))
                    stored += 1
                barrier.wait()
            return stored

        with ThreadPoolExecutor(2) as pool:
            one, two = pool.map(work, (desk.database, other), ("us", "them"))
        oks = [row.finished_at for row in desk.rows("poll") if row.outcome == "ok"]
        assert len(desk.rows("poll")) == one + two
        assert len(oks) == len(set(oks)) == 20
        assert desk.digests() == desk.chain()


class TestAllOrNothing:
    def test_a_fault_in_the_last_statement_leaves_nothing(self, desk: Desk, dump: Callable[[], Dump]) -> None:
        desk.poll(0, {"requests": 1, "credits": 250}, [ONE])
        lease = desk.claim(300)
        before = dump()
        run(desk.database, REFUSE_LAST)
        try:
            with pytest.raises(StorageError, match="refused by a trigger"):
                record_poll(
                    desk.database,
                    desk.entry(
                        300, lease, counters={"requests": 2, "credits": 5}, requests=[TWO]
                    ),  # ONE leaves the list
                )
        finally:
            run(desk.database, ALLOW)
        assert dump() == before

    def test_the_same_poll_is_stored_once_the_fault_is_over(self, desk: Desk) -> None:
        desk.poll(0, {"requests": 1, "credits": 250}, [ONE])
        entry = desk.entry(300, desk.claim(300), counters={"requests": 2, "credits": 250}, requests=[TWO])
        run(desk.database, REFUSE_LAST)
        try:
            with pytest.raises(StorageError):
                record_poll(desk.database, entry)
        finally:
            run(desk.database, ALLOW)
        assert record_poll(desk.database, entry).new_requests == 1
        assert desk.digests() == desk.chain()

    def test_an_unknown_meter_leaves_nothing(self, desk: Desk, dump: Callable[[], Dump]) -> None:
        lease = desk.claim(0)
        before = dump()
        with pytest.raises(KeyError):
            record_poll(desk.database, desk.entry(0, lease, counters={"credits": 1, "tokens": 1}))
        assert dump() == before


class TestFailedPoll:
    def test_it_leaves_its_row_and_nothing_else(self, desk: Desk, dump: Callable[[], Dump]) -> None:
        desk.poll(0, {"requests": 1, "credits": 250}, [ONE])
        before = dump()
        desk.fail(300, plan=Plan(desk.rows("account")[0].next_poll_at))
        after = dump()
        assert len(after.pop("poll")) == len(before.pop("poll")) + 1
        assert after == before

    def test_its_row_says_why(self, desk: Desk) -> None:
        desk.fail(0, "content_type", http_status=200, error="the answer is text/html", body=b"<html>")
        (row,) = desk.rows("poll")
        assert (row.outcome, row.http_status, row.error, row.body) == (
            "content_type", 200, "the answer is text/html", b"<html>",
        )  # fmt: skip
        assert (row.new_requests, row.missed_requests, row.rejected_requests) == (None, None, None)

    def test_it_tells_no_growth(self, desk: Desk) -> None:
        assert desk.fail(0) == Stored("http_503", "the provider answered 503")

    def test_it_may_come_before_any_snapshot(self, desk: Desk) -> None:
        desk.fail(0)
        assert desk.poll(60, {"requests": 1, "credits": 1}).growth["credits"] == (1, None)

    def test_it_does_not_end_a_list(self, desk: Desk) -> None:
        desk.poll(0, {"requests": 1, "credits": 250}, [ONE])
        desk.fail(300)
        (row,) = desk.rows("usage_request")
        assert row.last_seen_at is None


class TestClock:
    @pytest.mark.parametrize("second", [300, 299.999999, 0, 301 - DAY], ids=["equal", "a breath", "minutes", "a day"])
    def test_a_clock_that_is_not_later_is_a_fault_of_the_poll(self, desk: Desk, second: float) -> None:
        desk.poll(0, {"requests": 1, "credits": 1})
        desk.poll(300, {"requests": 1, "credits": 1})
        stored = desk.poll(second, {"requests": 2, "credits": 2}, [ONE])
        assert (stored.outcome, stored.growth, stored.new_requests) == ("clock", {}, 0)
        assert stored.error == "our clock is not later than the newest snapshot of 2026-01-01T12:05:00.000000Z; " + (
            "values not entered"
        )

    def test_a_clock_fault_enters_no_values(self, desk: Desk, dump: Callable[[], Dump]) -> None:
        desk.poll(0, {"requests": 1, "credits": 1})
        before = dump()
        desk.poll(0, {"requests": 2, "credits": 2}, [ONE], rejections=[("a", "b", "c")])
        after = dump()
        assert {table for table in after if after[table] != before[table]} == {"poll"}
        assert [row.outcome for row in desk.rows("poll")] == ["ok", "clock"]

    def test_a_clock_fault_is_measured_against_every_meter(self, desk: Desk) -> None:
        desk.poll(0, {"requests": 1, "credits": 1})
        desk.poll(300, {"credits": 2}, requests_meter=None)
        assert desk.poll(200, {"requests": 2, "credits": 2}).outcome == "clock"

    def test_a_clock_fault_is_measured_against_what_is_held_too(self, credits_desk: Desk) -> None:
        credits_desk.poll(0, {"credits": 10})
        credits_desk.poll(300, {"credits": 4})
        assert credits_desk.poll(200, {"credits": 12}).outcome == "clock"

    def test_one_microsecond_later_is_later(self, desk: Desk) -> None:
        desk.poll(0, {"requests": 1, "credits": 1})
        assert desk.poll(0.000001, {"requests": 1, "credits": 2}).outcome == "ok"

    @pytest.mark.parametrize("outcome", ["ok", "timeout_total"])
    def test_a_clock_more_than_a_day_behind_stores_nothing(
        self, desk: Desk, dump: Callable[[], Dump], outcome: str
    ) -> None:
        desk.poll(0, {"requests": 1, "credits": 1})
        lease = desk.claim(-DAY - 1)
        before = dump()
        with pytest.raises(ClockError, match="nothing was stored: set the clock") as caught:
            record_poll(desk.database, desk.entry(-DAY - 1, lease, outcome=outcome))
        assert caught.value.exit_code == 5
        assert dump() == before

    def test_a_failed_poll_under_a_late_clock_keeps_its_own_outcome(self, desk: Desk) -> None:
        desk.poll(300, {"requests": 1, "credits": 1})
        assert desk.fail(0, "dns_error").outcome == "dns_error"


class TestGaps:
    def gaps(self, desk: Desk, *seconds: float) -> list[tuple[float, float]]:
        for index, second in enumerate(seconds):
            desk.poll(second, {"credits": index}, gap_after=timedelta(seconds=600))
        start = desk.rows("snapshot")[0].observed_at
        return [((row.started_at - start) / 1e6, (row.ended_at - start) / 1e6) for row in desk.rows("gap")]

    def test_a_silence_longer_than_allowed_is_a_gap(self, credits_desk: Desk) -> None:
        assert self.gaps(credits_desk, 0, 300, 1000, 1300) == [(300, 1000)]

    def test_a_silence_of_exactly_the_allowed_length_is_none(self, credits_desk: Desk) -> None:
        assert self.gaps(credits_desk, 0, 600, 1200.000001) == [(600, 1200.000001)]

    def test_a_gap_begins_at_the_last_confirmation(self, credits_desk: Desk) -> None:
        for second in (0, 300, 2000):
            credits_desk.poll(second, {"credits": 7}, gap_after=timedelta(seconds=600))
        (row,) = credits_desk.rows("gap")
        assert row.ended_at - row.started_at == 1_700_000_000

    def test_polls_that_failed_do_not_break_the_silence(self, credits_desk: Desk) -> None:
        credits_desk.poll(0, {"credits": 1})
        credits_desk.fail(300)
        credits_desk.poll(900, {"credits": 1}, gap_after=timedelta(seconds=600))
        assert len(credits_desk.rows("gap")) == 1

    def test_every_meter_has_its_gap(self, desk: Desk) -> None:
        desk.poll(0, {"requests": 1, "credits": 1})
        desk.poll(10_000, {"requests": 1, "credits": 2})
        assert [row.meter for row in desk.rows("gap")] == sorted(desk.row.meters.values())


class TestDecisions:
    def test_they_are_told(self, credits_desk: Desk) -> None:
        credits_desk.poll(0, {"credits": 100})
        stored = credits_desk.poll(300, {"credits": 5})
        assert [one.kind for one in stored.decisions["credits"]] == [FallKind.HELD]
        assert stored.growth == {"credits": (5, None)}

    def test_what_replaces_a_held_fall_is_named_on_it(self, credits_desk: Desk) -> None:
        for second, value in enumerate((100, 50, 40, 120)):
            credits_desk.poll(second, {"credits": value})
        assert [(row.id, row.kind, row.after, row.superseded_by) for row in credits_desk.rows("decision")] == [
            (1, "held", 50, 2), (2, "held", 40, 3), (3, "glitch", 40, None),
        ]  # fmt: skip

    def test_a_settled_fall_is_not_replaced_by_the_next(self, credits_desk: Desk) -> None:
        for second, value in enumerate((100, 90, 80, 70, 60)):
            credits_desk.poll(second, {"credits": value})
        in_force = [(row.kind, row.after) for row in credits_desk.rows("decision") if row.superseded_by is None]
        assert in_force == [("correction", 70), ("held", 60)]

    def test_a_decision_is_dated_with_the_poll_that_made_it(self, credits_desk: Desk) -> None:
        for second, value in ((0, 100), (300, 5), (600, 6)):
            credits_desk.poll(second, {"credits": value})
        held, reset = credits_desk.rows("decision")
        assert reset.decided_at - held.decided_at == timedelta(seconds=300)
        assert (held.at, held.since) == (reset.at, reset.since)

    def test_a_declared_reset_at_the_same_value_is_no_confirmation(self, make_desk: Callable[..., Desk]) -> None:
        desk = make_desk(resets=Resets.PERIOD, boundaries=[150])
        desk.poll(0, {"requests": 0, "credits": 0})
        desk.poll(300, {"requests": 0, "credits": 0})
        assert desk.courses() == [(0, 0, 0, 0), (300, 300, 0, 0)]

    def test_a_repeated_low_value_settles_and_confirms_its_snapshot(self, credits_desk: Desk) -> None:
        for second, value in ((0, 100), (300, 5), (600, 5), (900, 5)):
            credits_desk.poll(second, {"credits": value})
        assert credits_desk.courses() == [(0, 0, 100, 0), (300, 900, 5, 0)]

    def test_a_fall_to_the_value_of_an_excluded_snapshot_is_a_row(self, credits_desk: Desk) -> None:
        for second, value in enumerate((100, 40, 110, 40)):
            credits_desk.poll(second, {"credits": value})
        assert [status for *_, status in credits_desk.courses()] == [0, 2, 0, 1]

    def test_a_held_value_on_a_boundary_that_is_declared_later_is_kept(self, make_desk: Callable[..., Desk]) -> None:
        desk = make_desk()
        desk.poll(0, {"requests": 9, "credits": 100})
        desk.poll(300, {"requests": 9, "credits": 5})
        declared = make_desk(resets=Resets.PERIOD, boundaries=[300])
        declared.poll(600, {"requests": 9, "credits": 5})
        assert desk.courses() == [(0, 0, 100, 0), (300, 300, 5, 2), (600, 600, 5, 0)]
