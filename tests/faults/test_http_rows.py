"""The rows of HTTP and of unreadable payloads: what is stored, logged, returned and seen of each, in one season."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from collector.store.checking import check
from tests.faults.season import FAULTS, ROWS, Season, label, name_of, outcome_of, params
from tests.http.fault_rows import FaultRow
from tests.polling.canary import leaks, leaks_in_files

# The season is played once, where workers keep groups together (--dist loadgroup).
pytestmark = pytest.mark.xdist_group("season")

BAD = [row for row in ROWS if row.outcome != "ok"]
REJECTED = {"api_error", "content_type", "malformed_json", "duplicate_key", "too_deep", "not_utf8", "schema"}


def waits_long(row: FaultRow) -> bool:
    """Tell whether the provider asks for more than the time to the next round."""
    return row.retry_after is not None and row.retry_after > timedelta(minutes=31)


def is_rejected(row: FaultRow) -> bool:
    return outcome_of(row).partition(":")[0] in REJECTED


def rows_of(found: list[dict[str, Any]], row: FaultRow) -> list[dict[str, Any]]:
    return [one for one in found if one.get("account") == name_of(row)]


class TestSeason:
    def test_database_is_sound_after_it(self, season: Season) -> None:
        with season.console.database() as database:
            assert check(database) == []

    def test_key_is_in_no_file(self, season: Season) -> None:
        assert not leaks_in_files(season.console.folder)

    def test_key_was_neither_logged_nor_printed(self, season: Season) -> None:
        told = season.during
        assert told.polled is not None
        runs = [one.out + one.err for one in (told.polled, *told.alone.values())]
        assert not leaks("".join([season.log.getvalue(), told.table, *runs]))

    def test_nobody_was_asked_who_was_not_configured(self, season: Season) -> None:
        assert season.untouched


@pytest.mark.parametrize("row", params(BAD))
class TestFault:
    """FAIL: what holds of every fault."""

    def test_leaves_one_row_for_each_poll_and_the_daemon_goes_on(self, row: FaultRow, season: Season) -> None:
        late = waits_long(row)
        wanted = ["ok", *[outcome_of(row)] * (FAULTS + 1 - late), *["ok"] * (2 - late)]
        assert [one.outcome for one in season.polls_of(row)] == wanted

    def test_changes_no_fact(self, row: FaultRow, season: Season) -> None:
        assert season.facts_during[name_of(row)] == season.facts_before[name_of(row)]

    def test_keeps_the_body_of_a_refused_answer_only(self, row: FaultRow, season: Season) -> None:
        body = season.polls_of(row)[1].body
        assert (body is not None) == is_rejected(row)
        assert len(body or b"") <= 4096

    def test_is_told_at_once_after_an_hour_and_when_it_is_over(self, row: FaultRow, season: Season) -> None:
        failed = FAULTS - waits_long(row)
        lines = [line for line in rows_of(season.lines, row) if line["event"].startswith("poll")]
        assert [(line["level"], line["failed_polls"]) for line in lines] == [
            ("warning", 1),
            ("warning", failed),
            ("info", failed),
        ]
        assert lines[0]["event"] == f"poll failed: {season.polls_of(row)[1].error}"
        assert lines[0]["outcome"] == outcome_of(row)

    def test_is_told_by_poll_which_ends_with_1(self, row: FaultRow, season: Season) -> None:
        done = season.during.polled
        assert done is not None
        assert done.code == 1
        if not is_alone(row):
            (told,) = rows_of(done.rows, row)
            assert (told["outcome"], bool(told["error"])) == (outcome_of(row), True)

    def test_is_seen_and_the_figures_are_unchanged(self, row: FaultRow, season: Season) -> None:
        before, during = (rows_of(told.status, row) for told in (season.before, season.during))
        assert [one["value"] for one in during] == [one["value"] for one in before] == [8750, 42]
        assert [one["observed_at"] for one in during] == [one["observed_at"] for one in before]
        assert {(one["health"], one["error"]) for one in during} == {("failing", season.last_seen(row).error)}
        assert f"{name_of(row)}: stale since {during[0]['observed_at']}" in season.during.table.replace(".000000", "")

    def test_leaves_the_report_as_it_was(self, row: FaultRow, season: Season) -> None:
        usage = [[one["usage"] for one in rows_of(told.daily, row)] for told in (season.before, season.during)]
        assert usage[0] == usage[1]

    def test_good_poll_after_it_counts_from_the_last_good_value(self, row: FaultRow, season: Season) -> None:
        number = 3 if waits_long(row) else 2
        good = season.polls_of(row)[-1 if waits_long(row) else -2]
        assert (good.outcome, good.new_requests, good.unmatched_requests) == ("ok", number - 1, 0)

    def test_is_asked_again_when_it_is_worth_it(self, row: FaultRow, season: Season) -> None:
        wait = season.first_fault[name_of(row)].next_poll_at - season.polls_of(row)[1].finished_at
        assert timedelta() < wait <= max(timedelta(minutes=30), row.retry_after or timedelta())
        assert (wait <= timedelta(minutes=1)) or not row.transient or row.retry_after is not None


def is_alone(row: FaultRow) -> bool:
    """Tell whether the row was also polled alone: the first variant of each fault is."""
    return next(one for one in BAD if one.fault == row.fault) is row


@pytest.mark.parametrize("row", params([row for row in BAD if is_alone(row)]))
def test_poll_of_the_account_alone_ends_with_1_and_says_why(row: FaultRow, season: Season) -> None:
    done = season.during.alone[row.fault]
    assert done.code == 1
    assert name_of(row) in done.out + done.err
    assert row.says in done.out + done.err or "0.3 s" in row.says


@pytest.mark.parametrize("row", params([row for row in ROWS if row.outcome == "http_429"]))
def test_wait_that_the_provider_asks_for_is_remembered(row: FaultRow, season: Season) -> None:
    not_before = season.first_fault[name_of(row)].not_before
    if row.retry_after is None:
        assert not_before is None
    else:
        assert not_before - season.polls_of(row)[1].finished_at == row.retry_after


@pytest.mark.parametrize("row", params([row for row in ROWS if row.outcome == "ok"]))
def test_odd_but_right_answer_is_accepted(row: FaultRow, season: Season) -> None:
    assert {one.outcome for one in season.polls_of(row)} == {"ok"}


def test_every_row_is_played() -> None:
    wanted = {f"H{number}" for number in (*range(1, 13), *range(15, 23))} | {f"P{number}" for number in range(1, 10)}
    assert wanted <= {row.fault for row in ROWS}, [label(row) for row in ROWS]
