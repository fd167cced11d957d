"""What a poll tells of the provider's list: held against the counters, on both engines."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, update

from collector.domain.falls import Decision, FallKind
from collector.domain.requests import RequestRecord
from collector.store import schema
from collector.store.snapshots import add_decision

if TYPE_CHECKING:
    from tests.store.conftest import Desk


def made(desk: Desk, *minutes: float, credits: int | None = 0, status: str = "completed") -> list[RequestRecord]:
    """Return records made at so many minutes, named by them."""
    return [RequestRecord(f"at-{one:g}", status, desk.at(60 * one), None, credits) for one in minutes]


def poll(desk: Desk, minute: float, requests: int, listed: list[RequestRecord], credits: int = 0) -> Any:
    """Poll at ``minute`` and return what was found out of the list."""
    return desk.poll(60 * minute, {"requests": requests, "credits": credits}, listed).listing


def span(found: Any, desk: Desk) -> tuple[float, float] | None:
    """Return the span in which requests were missed, in minutes."""
    if found.missed_before is None:
        return None
    first, last = (one - desk.micros(0) for one in (found.missed_after, found.missed_before))
    return first / 60e6, last / 60e6


class TestCounts:
    def test_of_a_list_are_told_and_kept(self, desk: Desk) -> None:
        poll(desk, 0, 10, made(desk, -2, -1))
        rejected = [("recentRequests[3]", "is no object", "1")]
        entered = desk.poll(300, {"requests": 13, "credits": 0}, made(desk, -1, 1, 2), rejections=rejected)
        row = desk.rows("poll")[-1]
        assert (row.listed_requests, row.new_requests, row.rejected_requests, row.unmatched_requests) == (3, 2, 1, 1)
        found = entered.listing
        assert (found.listed, found.new, found.rejected, found.unmatched) == (3, 2, 1, 1)

    def test_of_the_opening_balance_cannot_be_matched(self, desk: Desk) -> None:
        found = poll(desk, 0, 10, made(desk, -2, -1))
        assert (found.unmatched, found.missed, found.unexplained) == (None, None, None)

    def test_of_a_fall_cannot_be_matched(self, desk: Desk) -> None:
        poll(desk, 0, 100, made(desk, -1))
        assert poll(desk, 5, 3, made(desk, -1, 1)).unmatched is None
        assert poll(desk, 10, 4, made(desk, -1, 1, 6)).unmatched is None
        assert poll(desk, 15, 6, made(desk, -1, 1, 6, 11)).unmatched == 1


class TestOverrun:
    def test_is_told_with_number_and_span(self, desk: Desk) -> None:
        poll(desk, 0, 10, made(desk, -2, -1))
        found = poll(desk, 5, 17, made(desk, 3, 4))
        assert (found.missed, span(found, desk)) == (5, (-1, 3))

    def test_stands_on_the_polls_row(self, desk: Desk) -> None:
        poll(desk, 0, 10, made(desk, -1))
        poll(desk, 5, 17, made(desk, 3))
        row = desk.rows("poll")[-1]
        assert (row.missed_requests, row.missed_after, row.missed_before) == (6, desk.at(-60), desk.at(180))

    def test_of_a_list_with_a_known_record_is_none(self, desk: Desk) -> None:
        poll(desk, 0, 10, made(desk, -2, -1))
        found = poll(desk, 5, 17, made(desk, -1, 3))
        assert (found.missed, span(found, desk), found.unmatched) == (0, None, 6)

    def test_whose_records_are_just_as_many_as_counted_missed_nothing(self, desk: Desk) -> None:
        poll(desk, 0, 10, made(desk, -2, -1))
        found = poll(desk, 5, 12, made(desk, 3, 4))
        assert (found.missed, span(found, desk)) == (0, None)

    def test_after_an_empty_list_began_at_the_last_poll(self, desk: Desk) -> None:
        poll(desk, 0, 10, [])
        found = poll(desk, 5, 15, made(desk, 3, 4))
        assert (found.missed, span(found, desk)) == (3, (0, 3))

    def test_is_not_hidden_by_an_old_record_that_is_back(self, desk: Desk) -> None:
        poll(desk, 0, 10, made(desk, -3, -2))
        poll(desk, 1, 11, made(desk, -2, 0.5))
        found = poll(desk, 5, 17, made(desk, -3, 3, 4))
        assert (found.missed, span(found, desk)) == (4, (0.5, 3))

    def test_of_records_without_times_is_told_by_their_ids(self, desk: Desk) -> None:
        poll(desk, 0, 10, [RequestRecord("a", "completed")])
        found = poll(desk, 5, 14, [RequestRecord("b", "completed")])
        assert (found.missed, span(found, desk)) == (3, (0, 5))

    def test_while_the_counter_fell_has_an_unknown_number(self, desk: Desk) -> None:
        poll(desk, 0, 100, made(desk, -1))
        found = poll(desk, 5, 3, made(desk, 4))
        assert (found.missed, span(found, desk)) == (None, (-1, 4))

    def test_of_a_list_that_lagged_before_missed_those_too(self, desk: Desk) -> None:
        poll(desk, 0, 10, made(desk, -1))
        poll(desk, 5, 12, made(desk, -1))
        assert poll(desk, 10, 20, made(desk, 8, 9)).missed == 8

    def test_of_a_list_that_had_run_ahead_missed_so_many_less(self, desk: Desk) -> None:
        poll(desk, 0, 10, made(desk, -1))
        poll(desk, 5, 10, made(desk, -1, 4))
        assert poll(desk, 10, 20, made(desk, 8, 9)).missed == 7

    def test_settles_what_was_open(self, desk: Desk) -> None:
        poll(desk, 0, 10, made(desk, -1))
        poll(desk, 5, 15, made(desk, 4))
        assert poll(desk, 10, 17, made(desk, 9)).missed == 1

    def test_after_failed_polls_counts_from_the_last_good_one(self, desk: Desk) -> None:
        poll(desk, 0, 10, made(desk, -1))
        desk.fail(300)
        found = poll(desk, 10, 15, made(desk, 9))
        assert (found.missed, span(found, desk)) == (4, (-1, 9))


class TestLag:
    def test_of_a_list_is_no_miss(self, desk: Desk) -> None:
        poll(desk, 0, 10, made(desk, -1))
        assert poll(desk, 5, 12, made(desk, -1)).missed == 0
        assert poll(desk, 10, 12, made(desk, -1, 3, 4)).missed == 0

    def test_of_a_list_cancels_out(self, desk: Desk) -> None:
        poll(desk, 0, 10, made(desk, -1))
        found = [poll(desk, 5, 12, made(desk, -1)), poll(desk, 10, 12, made(desk, -1, 3, 4))]
        assert [one.unmatched for one in found] == [2, -2]

    def test_of_a_refused_record_is_no_miss(self, desk: Desk) -> None:
        poll(desk, 0, 10, made(desk, -1))
        refused = [("recentRequests[0]", "is no object", "1")]
        found = desk.poll(300, {"requests": 11, "credits": 0}, made(desk, -1), rejections=refused).listing
        assert (found.missed, found.rejected, found.unmatched) == (0, 1, 1)


class TestUnexplained:
    def test_is_nothing_where_new_records_explain_the_growth(self, desk: Desk) -> None:
        poll(desk, 0, 10, [], credits=1000)
        assert poll(desk, 5, 12, made(desk, 1, 2, credits=250), credits=1500).unexplained == 0

    def test_is_nothing_where_a_record_is_completed(self, desk: Desk) -> None:
        poll(desk, 0, 10, [], credits=1000)
        assert poll(desk, 5, 11, made(desk, 1, status="processing"), credits=1000).unexplained == 0
        assert poll(desk, 10, 11, made(desk, 1, credits=250), credits=1250).unexplained == 0

    @pytest.mark.parametrize(("credits", "expected"), [(1300, 50), (1200, -50)], ids=["more", "less"])
    def test_has_a_sign(self, desk: Desk, credits: int, expected: int) -> None:
        poll(desk, 0, 10, [], credits=1000)
        assert poll(desk, 5, 11, made(desk, 1, credits=250), credits=credits).unexplained == expected
        assert desk.rows("poll")[-1].unexplained == expected

    def test_is_what_a_contradicted_record_was_charged_again(self, desk: Desk) -> None:
        poll(desk, 0, 10, made(desk, -1, credits=250), credits=1000)
        assert poll(desk, 5, 10, made(desk, -1, credits=300), credits=1050).unexplained == 50

    def test_is_unknown_where_the_credits_fell(self, desk: Desk) -> None:
        poll(desk, 0, 10, [], credits=1000)
        assert poll(desk, 5, 11, made(desk, 1, credits=250), credits=100).unexplained is None

    def test_is_unknown_where_records_claim_more_than_any_counter_holds(self, desk: Desk) -> None:
        poll(desk, 0, 10, [], credits=0)
        assert poll(desk, 5, 12, made(desk, 1, 2, 3, credits=2**62), credits=0).unexplained is None


class TestLeft:
    def test_names_what_is_no_longer_listed_in_order(self, desk: Desk) -> None:
        poll(desk, 0, 10, made(desk, -3, -2, -1))
        assert poll(desk, 5, 10, made(desk, -2)).left == ("at--1", "at--3")

    def test_was_last_seen_by_the_last_poll_although_an_import_came_between(self, desk: Desk) -> None:
        poll(desk, 0, 10, made(desk, -2, -1))
        import_value(desk, desk.at(120), 11)
        poll(desk, 5, 12, made(desk, -1))
        assert {row.last_seen_at for row in desk.rows("usage_request")} == {None, desk.at(0)}


def import_value(desk: Desk, at: datetime, value: int) -> None:
    """Enter a value of the counter of requests as an import leaves it."""
    meter = desk.meter("requests")
    newest = max((row for row in desk.rows("snapshot") if row.meter == meter), key=lambda row: row.number)
    with desk.database.write() as connection:
        connection.execute(
            insert(schema.snapshot).values(
                meter=meter, observed_at=newest.observed_at + (at - desk.at(0)).seconds * 10**6, value=value,
                number=newest.number + 1, status=0,
            )
        )  # fmt: skip
        connection.execute(
            insert(schema.poll).values(
                account=desk.row.id, id=len(desk.rows("poll")) + 1, kind="import", started_at=at, finished_at=at,
                outcome="ok", flags="[]", digest=desk.digests()[-1],
            )
        )  # fmt: skip


class TestImports:
    def test_between_two_polls_do_not_hide_what_was_counted(self, desk: Desk) -> None:
        poll(desk, 0, 10, made(desk, -2, -1))
        import_value(desk, desk.at(120), 12)
        assert poll(desk, 5, 13, made(desk, -2, -1, 1, 2, 3)).unmatched == 0

    def test_that_fell_between_two_polls_cannot_be_matched(self, desk: Desk) -> None:
        poll(desk, 0, 10, made(desk, -2, -1))
        import_value(desk, desk.at(120), 3)
        reset = Decision(FallKind.RESET, desk.micros(120), desk.micros(0), 10, 3, 10, "half or less", "rule")
        with desk.database.write() as connection:
            add_decision(connection, desk.meter("requests"), reset, desk.at(120))
        assert poll(desk, 5, 13, made(desk, -2, -1, 1)).unmatched is None

    def test_of_a_record_do_not_make_its_listing_look_uncounted(self, desk: Desk) -> None:
        poll(desk, 0, 10, made(desk, -2, -1))
        poll(desk, 1, 11, made(desk, -2, -1, 0.5))
        with desk.database.write() as connection:
            # As if the record had come by an import and not by the poll, and had left the list.
            connection.execute(update(schema.poll).where(schema.poll.c.id == 2).values(kind="import"))
            connection.execute(
                update(schema.usage_request)
                .where(schema.usage_request.c.request_id == "at-0.5")
                .values(last_seen_at=desk.at(60))
            )
        assert poll(desk, 5, 11, made(desk, -2, -1, 0.5)).unmatched == 0
