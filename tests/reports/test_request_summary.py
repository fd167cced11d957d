from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from collector.domain.requests import RequestRecord
from collector.store.request_figures import Counted
from reports.distributions import distribution, duration_bins
from reports.rendering import write_json
from reports.request_pages import summary_pages
from reports.request_summary import FLAT_COLUMNS, RequestSummary, flat_row, request_summaries

if TYPE_CHECKING:
    from tests.reports.conftest import Ledger

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
NOW = AT + timedelta(hours=12)
Record = Callable[..., RequestRecord]


def _counted(values: list[int]) -> Iterator[Counted]:
    for value in sorted(set(values)):
        yield Counted(value, values.count(value))


class TestDistribution:
    @pytest.mark.parametrize("count", [1, 2, 9, 10, 99, 100, 101])
    def test_percentile_is_the_nearest_rank(self, count: int) -> None:
        values = [7 * one for one in range(count)]
        found = distribution(lambda: _counted(values))
        # By definition: the smallest value that at least p percent of the values do not exceed.
        expected = {
            rank: min(one for one in values if 100 * sum(other <= one for other in values) >= rank * count)
            for rank in (50, 90, 99)
        }
        assert dict(found.ranks) == expected

    def test_sum_and_greatest_are_exact_beyond_64_bits(self) -> None:
        found = distribution(lambda: iter([Counted(2**63 - 1, 4)]))
        assert (found.total, found.greatest, found.count) == (4 * (2**63 - 1), 2**63 - 1, 4)

    def test_of_nothing_is_nothing(self) -> None:
        found = distribution(lambda: iter(()))
        assert (dict(found.ranks), found.greatest, found.total, found.count) == (
            {50: None, 90: None, 99: None}, None, 0, 0,
        )  # fmt: skip

    def test_bins_run_from_the_first_to_the_last_one_used(self) -> None:
        found = [tuple(row.values()) for row in duration_bins(_counted([1, 1, 7, 700_000]))]
        assert (found[0], found[2], found[-1]) == ((1, 2, 2), (5, 10, 1), (604_800, None, 1))
        assert all(one[1] == other[0] for one, other in pairwise(found))

    def test_bins_of_nothing_are_none(self) -> None:
        assert list(duration_bins(iter(()))) == []


@pytest.fixture
def listed(any_ledger: Ledger, record: Record) -> Ledger:
    """Ten finished requests, one running, one of another status and one that left the list before its end."""
    any_ledger.open("nellie-prod", zone=ZoneInfo("Asia/Kathmandu"))
    records = [
        record(f"r-{number}", "failed" if number == 9 else "completed", AT + timedelta(hours=number // 5),
               AT + timedelta(hours=number // 5, seconds=60 * (number + 1)), 0 if number == 9 else 100 * (number + 1))
        for number in range(10)
    ]  # fmt: skip
    lost = record("lost", "processing", AT - timedelta(hours=1))
    running = record("running", "processing", AT + timedelta(hours=2))
    odd = record("odd", "=queued\x1b[31m", None, None, None)
    any_ledger.poll(AT + timedelta(hours=3), 0, requests=[lost, *records, running, odd], requests_meter="credits")
    any_ledger.poll(AT + timedelta(hours=4), 0, requests=[running, odd], requests_meter="credits")
    return any_ledger


def summary(ledger: Ledger, **question: object) -> RequestSummary:
    (found,) = request_summaries(ledger.database, ledger.question(NOW, **question))
    return found


def facts(ledger: Ledger, **question: object) -> Any:
    out = io.StringIO()
    write_json([summary(ledger, **question).facts], out)
    return json.loads(out.getvalue())[0]


def test_statuses_and_failure_rate(listed: Ledger) -> None:
    found = facts(listed)
    assert found["statuses"] == {"=queued\x1b[31m": 1, "completed": 9, "failed": 1, "processing": 1, "unresolved": 1}
    assert (found["requests"], found["finished"], found["failure_rate"]) == (13, 10, 0.1)


def test_credits_are_those_of_completed_requests(listed: Ledger) -> None:
    assert facts(listed)["credits"] == {"requests": 9, "total": 4500, "p50": 500, "p90": 900, "p99": 900, "max": 900}


def test_durations_are_whole_seconds_from_creation_to_completion(listed: Ledger) -> None:
    assert facts(listed)["durations"] == {
        "requests": 10, "p50_seconds": 300, "p90_seconds": 540, "p99_seconds": 600, "max_seconds": 600,
    }  # fmt: skip


def test_longest_running_and_unresolved_are_named(listed: Ledger) -> None:
    found = facts(listed)
    assert [one["request_id"] for one in found["longest"]] == ["r-9", "r-8", "r-7", "r-6", "r-5"]
    assert [(one["request_id"], one["seconds"]) for one in found["running"]] == [("running", 10 * 3600), ("odd", None)]
    assert [one["request_id"] for one in found["unresolved"]] == ["lost"]


def test_hours_are_local(listed: Ledger) -> None:
    found = facts(listed)
    # 09:00Z is 14:45 in Kathmandu: two quarters of an hour before that hour ends.
    assert [(row["hour"], row["requests"]) for row in found["busiest_hours"]] == [(14, 5), (15, 5), (13, 1)]
    assert sum(row["requests"] for row in found["hours"]) == 12
    assert sum(int(str(row["requests"])) for row in summary(listed).week) == 12


def test_dates_are_the_accounts_own(listed: Ledger) -> None:
    assert facts(listed, start=date(2026, 3, 3))["requests"] == 0
    assert facts(listed, end=date(2026, 3, 3))["requests"] == 13


def test_an_account_without_a_list_has_no_summary(ledger: Ledger) -> None:
    ledger.poll(AT, 5)
    assert list(request_summaries(ledger.database, ledger.question(NOW))) == []


def test_nothing_in_range_has_noughts_and_unknowns(listed: Ledger) -> None:
    row = flat_row(summary(listed, start=date(2027, 1, 1)))
    assert (row["requests"], row["failure_rate"], row["credits_p50"], row["busiest_hour"]) == (0, None, None, None)


def test_flat_row_has_the_columns_of_the_contract(listed: Ledger) -> None:
    row = flat_row(summary(listed))
    assert tuple(row) == FLAT_COLUMNS
    assert (row["completed"], row["other"], row["seconds_p90"], row["busiest_hour"]) == (9, 1, 540, 14)


def test_page_is_inert_and_tells_what_matters(listed: Ledger) -> None:
    console = Console(file=io.StringIO(), width=160)
    console.print(summary_pages([summary(listed)]))
    text = console.file.getvalue()  # type: ignore[attr-defined]  # the stream above
    assert "\x1b" not in text
    for words in ("13 (1 =queued\\x1b[31m, 9 completed", "10.0 % of 10 finished", "90 % at most 0:09:00", "lost"):
        assert words in text
