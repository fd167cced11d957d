from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console
from sqlalchemy import event

from collector.domain.accounts import Meter
from reports.rendering import write_json
from reports.trend.pages import trend_pages
from reports.trend.report import LONG_COLUMNS, TrendReport, long_rows, trend
from reports.trend.words import compared_name
from tests.reports.trend.conftest import BUSY, DAYS, FIRST, FROM, IDLE, NOW, UNSEEN, used

if TYPE_CHECKING:
    from tests.reports.conftest import Ledger

KEYS = (
    "account", "meter", "unit", "timezone", "start", "end", "observed_until", "learned_from", "recent_from",
    "days", "weeks", "months", "weekdays",
    "hours", "hours_source", "hours_note", "week_hours", "comparisons", "growth", "top_days", "changes", "unusual",
    "idle", "cost", "too_little",
)  # fmt: skip


def day_of(number: int) -> str:
    return (FIRST + timedelta(days=number)).isoformat()


def reports(ledger: Ledger, **question: object) -> dict[tuple[str, str], TrendReport]:
    found = trend(ledger.database, ledger.question(NOW, **question))
    return {(str(one.facts["account"]), str(one.facts["meter"])): one for one in found}


@pytest.fixture(scope="module")
def whole(weeks: Ledger) -> dict[tuple[str, str], TrendReport]:
    return reports(weeks)


@pytest.fixture(scope="module")
def credits(whole: dict[tuple[str, str], TrendReport]) -> Any:
    """The report of the credits, as JSON has it."""
    return _as_json(whole["nellie-prod", "credits"])


@pytest.fixture(scope="module")
def short(weeks: Ledger) -> Any:
    """The report of the credits of the busy day's week."""
    start = FIRST + timedelta(days=BUSY - 3)
    asked = reports(weeks, start=start, end=start + timedelta(days=7))
    return _as_json(asked["nellie-prod", "credits"])


def _as_json(report: TrendReport) -> Any:
    out = io.StringIO()
    write_json([report.facts], out)
    return json.loads(out.getvalue())[0]


def test_keys_are_those_of_the_contract(whole: dict[tuple[str, str], TrendReport]) -> None:
    assert {tuple(one.facts) for one in whole.values()} == {KEYS}


def test_each_meter_has_a_report(whole: dict[tuple[str, str], TrendReport]) -> None:
    assert list(whole) == [("hours", "hours"), ("nellie-prod", "credits"), ("nellie-prod", "requests")]


class TestPeriods:
    @pytest.mark.parametrize("part", ["days", "weeks", "months"])
    def test_sum_of_every_grain_is_the_growth(self, part: str, whole: dict[tuple[str, str], TrendReport]) -> None:
        growth = sum(used(day) for day in range(DAYS))
        sums = {
            key: sum(row["usage"] for row in _as_json(one)[part]) for key, one in whole.items() if key[0] != "hours"
        }
        assert sums == {("nellie-prod", "credits"): 250 * growth, ("nellie-prod", "requests"): growth}

    def test_scaled_quantities_are_exact(self, whole: dict[tuple[str, str], TrendReport]) -> None:
        rows = [row for row in long_rows(whole["hours", "hours"]) if row["grain"] == "month"]
        usage = [row["usage"] for row in rows]
        assert all(isinstance(one, Decimal) for one in usage)
        assert sum(one for one in usage if isinstance(one, Decimal)) == Decimal("1.25") * sum(map(used, range(DAYS)))

    def test_weeks_are_iso_weeks_of_the_accounts_days(self, credits: Any) -> None:
        assert [(row["week"], row["start"], row["end"], row["days"]) for row in credits["weeks"][:2]] == [
            ("2026-W36", "2026-08-31", "2026-09-07", 7),
            ("2026-W37", "2026-09-07", "2026-09-14", 7),
        ]

    def test_a_cut_month_is_partial_and_its_coverage_that_of_the_whole(self, credits: Any) -> None:
        found = credits["months"][0]
        assert (found["month"], found["days"], found["partial"], found["coverage"]) == (
            "2026-08", 1, True, pytest.approx(1 / 31, abs=1e-5),
        )  # fmt: skip

    def test_asked_dates_cut_weeks_and_sums_still_agree(self, weeks: Ledger) -> None:
        asked = reports(weeks, start=date(2026, 9, 9), end=date(2026, 10, 7), zone=ZoneInfo("Asia/Kathmandu"))
        found = asked["nellie-prod", "requests"]
        sums = {part: sum(row["usage"] for row in _as_json(found)[part]) for part in ("days", "weeks", "months")}
        assert len(set(sums.values())) == 1
        assert found.rows("weeks")[0]["partial"] is True

    def test_moving_figures_are_trailing(self, credits: Any) -> None:
        row = credits["days"][20]
        days = [250 * used(day) for day in range(14, 21)]
        assert (row["mean_7"], row["median_7"]) == (pytest.approx(sum(days) / 7, abs=1e-6), sorted(days)[3])

    def test_a_median_is_not_of_days_nobody_saw(self, credits: Any) -> None:
        assert credits["days"][UNSEEN[-1] + 1]["median_7"] is None
        assert credits["days"][UNSEEN[-1] + 1]["mean_7"] is not None

    def test_cost_is_beside_units_in_every_grain(self, credits: Any) -> None:
        sums = {part: sum(Decimal(row["cost"]) for row in credits[part]) for part in ("days", "weeks", "months")}
        assert set(sums.values()) == {Decimal(credits["cost"]["total"])} == {Decimal(sum(map(used, range(DAYS))))}

    def test_days_of_another_zone_have_no_cost(self, weeks: Ledger) -> None:
        found = reports(weeks, zone=ZoneInfo("Asia/Tokyo"))["nellie-prod", "credits"]
        assert found.facts["cost"] == {
            "total": None,
            "currency": None,
            "note": "prices hold for the days of UTC, not of Asia/Tokyo",
        }


class TestShortRange:
    """Of a week or a day it is known what is usual: it is learned from the history before."""

    def test_shows_only_what_was_asked(self, short: Any) -> None:
        assert [row["day"] for row in short["days"]] == [day_of(day) for day in range(BUSY - 3, BUSY + 4)]
        assert {sum(row["usage"] for row in short[part]) for part in ("days", "weeks", "months")} == {
            250 * sum(used(day) for day in range(BUSY - 3, BUSY + 4))
        }

    def test_moving_figures_are_those_of_the_whole_report(self, short: Any, credits: Any) -> None:
        figures = ("mean_7", "median_7", "mean_28", "median_28")
        same = credits["days"][BUSY - 3 : BUSY + 4]
        assert [[row[one] for one in figures] for row in short["days"]] == [
            [row[one] for one in figures] for row in same
        ]
        assert None not in [row[one] for row in short["days"] for one in figures]

    def test_nothing_is_missing(self, short: Any) -> None:
        assert short["too_little"] == {}
        assert (short["learned_from"], short["recent_from"]) == (day_of(0), day_of(0))

    def test_its_unusual_day_stands_out(self, short: Any) -> None:
        assert [row["day"] for row in short["unusual"]] == [day_of(BUSY)]

    def test_a_change_before_it_is_not_among_its_changes(self, short: Any) -> None:
        assert short["changes"] == []

    def test_a_change_within_it_is_found(self, weeks: Ledger) -> None:
        asked = reports(weeks, start=FIRST + timedelta(days=FROM - 4))["nellie-prod", "credits"]
        assert len(asked.rows("changes")) == 1

    def test_growth_and_weekdays_are_of_the_history_before_too(self, short: Any) -> None:
        assert short["growth"]["start"] == day_of(0)
        assert sum(row["days"] for row in short["weekdays"]) > 28

    def test_page_says_from_where_it_learned(self, weeks: Ledger) -> None:
        found = reports(weeks, start=FIRST + timedelta(days=BUSY))["nellie-prod", "credits"]
        console = Console(file=io.StringIO(), width=200)
        console.print(trend_pages([found]))
        assert f"learned from {day_of(0)} on" in console.file.getvalue()  # type: ignore[attr-defined]  # the stream above


class TestFindings:
    def test_the_change_of_level_is_found(self, credits: Any) -> None:
        (found,) = credits["changes"]
        assert abs((date.fromisoformat(found["day"]) - FIRST).days - FROM) <= 3
        assert found["change"] == pytest.approx(1.0, abs=0.25)

    def test_the_busy_day_stands_out_with_its_reason(self, credits: Any) -> None:
        found = next(row for row in credits["unusual"] if row["day"] == day_of(BUSY))
        assert found["direction"] == "high"
        assert found["usage"] > found["expected_high"]
        assert found["reason"].startswith("8.")
        assert f"{used(BUSY):,} requests, 1 of them failed" in found["reason"]

    def test_idle_working_days_stand_out_and_the_idle_weekend_is_told_with_them(self, credits: Any) -> None:
        (found,) = credits["idle"]
        assert (found["start"], found["end"], found["days"], found["ongoing"]) == (
            day_of(IDLE[0]), day_of(IDLE[-1] + 1), 4, False,
        )  # fmt: skip

    def test_days_in_a_gap_are_never_unusual(self, whole: dict[tuple[str, str], TrendReport]) -> None:
        gap = {day_of(day) for day in UNSEEN}
        assert [row["day"] for one in whole.values() for row in one.rows("unusual") if row["day"] in gap] == []

    def test_nothing_else_stands_out(self, credits: Any) -> None:
        told = {day_of(day) for day in (BUSY, *IDLE)}
        assert [row["day"] for row in credits["unusual"] if row["day"] not in told] == []

    def test_the_top_day_says_what_made_it(self, credits: Any) -> None:
        top = credits["top_days"][0]
        assert (top["day"], top["requests"], top["failed"], len(top["largest"])) == (day_of(BUSY), used(BUSY), 1, 3)

    def test_all_days_are_explained_with_two_statements(self, weeks: Ledger, credits: Any) -> None:
        sent: list[str] = []
        engine = weeks.database._reader

        def note(*arguments: object) -> None:
            sent.append(str(arguments[2]))

        event.listen(engine, "before_cursor_execute", note)
        try:
            reports(weeks, meters=("credits",))
        finally:
            event.remove(engine, "before_cursor_execute", note)
        assert len({row["day"] for row in [*credits["top_days"], *credits["unusual"]]}) > 5
        # Of which one for the hours of the week.
        assert len([one for one in sent if "FROM usage_request" in one]) == 3

    def test_a_meter_without_requests_says_that_nothing_is_known(
        self, whole: dict[tuple[str, str], TrendReport]
    ) -> None:
        assert whole["hours", "hours"].rows("top_days")[0]["reason"] == "nothing is known of what made it"

    def test_hours_come_from_requests_where_they_are_listed(self, credits: Any) -> None:
        assert credits["hours_source"] == "requests"
        assert {row["hour"]: row["share"] for row in credits["hours"] if row["usage"]} == {12: 1.0}

    def test_hours_come_from_polls_that_bound_them_where_nothing_is_listed(
        self, whole: dict[tuple[str, str], TrendReport]
    ) -> None:
        found = _as_json(whole["hours", "hours"])
        assert found["hours_source"] == "polls"
        assert {row["hour"]: row["share"] for row in found["hours"] if row["usage"]} == {12: 1.0}


class TestComparisons:
    def test_stretches_are_equally_long(self, credits: Any) -> None:
        for row in credits["comparisons"]:
            now = date.fromisoformat(row["end"]) - date.fromisoformat(row["start"])
            then = date.fromisoformat(row["before_end"]) - date.fromisoformat(row["before_start"])
            assert now == then == timedelta(days=row["days"])

    def test_month_to_date_is_held_against_as_many_days_of_the_month_before(self, credits: Any) -> None:
        found = next(row for row in credits["comparisons"] if row["name"] == "month_to_date")
        now = 250 * sum(used(day) for day in range(62, 77))
        before = 250 * sum(used(day) for day in range(31, 46))
        assert (found["start"], found["before_start"]) == ("2026-11-01", "2026-10-01")
        assert (found["usage"], found["before_usage"]) == (now, before)
        assert found["change"] == pytest.approx(now / before - 1, abs=1e-6)

    def test_a_year_that_was_not_recorded_is_told_and_not_made_up(self, credits: Any) -> None:
        found = next(row for row in credits["comparisons"] if row["name"] == "month_year_ago")
        assert (found["before_usage"], found["change"]) == (None, None)
        assert found["reason"] == ("needs the history from 2025-11-01 00:00 on; it begins at 2026-08-31 00:00 (UTC)")

    def test_what_is_missing_is_told_by_the_accounts_clock(self, weeks: Ledger) -> None:
        asked = reports(weeks, zone=ZoneInfo("Asia/Kathmandu"))["nellie-prod", "credits"]
        found = next(row for row in asked.rows("comparisons") if row["name"] == "month_year_ago")
        assert found["reason"] == (
            "needs the history from 2025-11-01 00:00 on; it begins at 2026-08-31 05:45 (Asia/Kathmandu)"
        )

    @pytest.mark.parametrize(
        ("end", "names"),
        [
            pytest.param(
                date(2026, 11, 1),
                ["first 30 days of October", "October, a year ago"],
                id="a whole month after a shorter one",
            ),
            pytest.param(date(2026, 10, 1), ["September", "September, a year ago"], id="a whole month"),
            pytest.param(
                date(2026, 10, 10),
                [
                    "first 9 days of October", "September", "September, a year ago",
                    "first 9 days of October, a year ago",
                ],
                id="a month so far",
            ),
            pytest.param(
                date(2026, 10, 2),
                ["first day of October", "September", "September, a year ago", "first day of October, a year ago"],
                id="one day",
            ),
        ],
    )  # fmt: skip
    def test_are_named_by_what_they_hold(self, end: date, names: list[str], weeks: Ledger) -> None:
        found = reports(weeks, end=end)["nellie-prod", "credits"].rows("comparisons")
        told = [(str(row["name"]), compared_name(row)) for row in found]
        assert [shown for name, shown in told if "month" in name] == names


class TestTooLittle:
    @pytest.fixture
    def young(self, ledger: Ledger) -> Any:
        for day in range(6):
            ledger.poll(datetime(2026, 3, 2 + day, tzinfo=UTC), 100 * day)
        return _as_json(next(trend(ledger.database, ledger.question(datetime(2026, 3, 7, tzinfo=UTC)))))

    def test_parts_say_what_they_need(self, young: Any) -> None:
        assert young["too_little"] == {
            "weekdays": "needs 14 observed days, has 5",
            "growth": "needs 28 observed days, has 5",
            "changes": "needs 28 observed days, has 5",
            "unusual": "needs 14 observed days, has 5",
            "hours": "needs 7 whole days, has 5",
        }

    def test_nothing_is_made_up(self, young: Any) -> None:
        parts = ("weekdays", "hours", "growth", "changes", "unusual", "idle")
        assert {part: young[part] for part in parts if young[part]} == {}

    def test_hours_are_not_told_from_polls_far_apart(self, ledger: Ledger) -> None:
        for day in range(12):
            ledger.poll(datetime(2026, 3, 2, 6, 30, tzinfo=UTC) + timedelta(days=day), 100 * day)
        facts = next(trend(ledger.database, ledger.question(NOW))).facts
        assert (facts["hours"], facts["hours_source"]) == ((), None)
        assert facts["hours_note"] == "needs polls so close that an hour's usage is known within half of it"

    def test_an_empty_history_has_no_report(self, ledger: Ledger) -> None:
        assert list(trend(ledger.database, ledger.question(NOW))) == []

    def test_a_single_poll_is_a_partial_day(self, ledger: Ledger) -> None:
        ledger.poll(NOW, 5)
        (row,) = next(trend(ledger.database, ledger.question(NOW))).rows("days")
        assert (row["usage"], row["partial"], row["unusual"]) == (0, True, False)

    def test_quantities_beyond_64_bits_are_reported(self, ledger: Ledger) -> None:
        ledger.open("huge", [Meter("credits", "credits")])
        at = datetime(2026, 3, 2, tzinfo=UTC)
        for number, value in enumerate((0, 2**63 - 2, 0, 2**63 - 2)):
            ledger.poll(at + timedelta(hours=number), value, "huge")
        found = next(trend(ledger.database, ledger.question(NOW, accounts=("huge",))))
        assert found.rows("days")[0]["usage"] == found.rows("months")[0]["usage"]


def test_long_rows_have_the_columns_of_the_contract(whole: dict[tuple[str, str], TrendReport]) -> None:
    rows = [row for one in whole.values() for row in long_rows(one)]
    assert {tuple(row) for row in rows} == {LONG_COLUMNS}
    assert {row["grain"] for row in rows} == {"day", "week", "month"}


def test_page_tells_in_a_pipe_what_was_found(whole: dict[tuple[str, str], TrendReport]) -> None:
    console = Console(file=io.StringIO(), width=160)
    console.print(trend_pages([whole["nellie-prod", "credits"]]))
    text = console.file.getvalue()  # type: ignore[attr-defined]  # the stream above
    for words in ("growth", "from 2026-10-", "8.", "4 days without usage", "most between 12:00 and 13:00 UTC", "EUR"):
        assert words in text
