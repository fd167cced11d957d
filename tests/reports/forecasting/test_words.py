from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.forecasting.recalibration import Recalibration
from reports.forecasting.words import hours_ahead, length, outlook, own_record, percent, shortly

if TYPE_CHECKING:
    from reports.rendering import Cell, Row

HOUR = timedelta(hours=1)
OPEN: Row = {"exhausts_on": None, "earliest": None, "latest": None, "warn_on": None}
UNKNOWN: Row = {**OPEN, "status": "unknown", "probability": None}
SOON = "in about 14 hours, between 9 and 31 hours"
EARLY = "in 22 hours at the earliest"
LIFETIME: Row = {"period_end": None, "reset_on": None, "probability": None}


def ending(**changes: Cell) -> Row:
    return {
        "account": "nellie-prod", "meter": "credits", "unit": "credits", "quota": 60_000, "used": 48_701,
        "remaining": 11_299, "period_start": None, "period_end": None, "status": "exhausts",
        "exhausts_on": "2026-03-16", "earliest": "2026-03-15", "latest": "2026-03-18", "probability": 0.98,
        "per_day": 3928.8, "projected_usage": 117_453, "method": "", "reason": None, "warn_on": "2026-03-15",
        "reset_on": "2026-04-01", "soon": None, **changes,
    }  # fmt: skip


def short(day: str) -> str:
    return datetime.fromisoformat(day).strftime("%-d %b")


class TestPercent:
    @pytest.mark.parametrize(
        ("probability", "words"),
        [
            (0.0, "< 5 %"), (0.049, "< 5 %"), (0.05, "5 %"), (0.1, "10 %"), (0.574, "57 %"), (0.95, "95 %"),
            (0.951, "> 95 %"), (1.0, "> 95 %"), (None, "–"),
        ],
    )  # fmt: skip
    def test_certainty_is_never_claimed(self, probability: float | None, words: str) -> None:
        assert percent(probability) == words

    @given(st.floats(0, 1))
    def test_neither_nothing_nor_all_is_ever_printed(self, probability: float) -> None:
        assert percent(probability).split()[0] not in {"0", "100"}


class TestOutlook:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({}, "runs out on 2026-03-16 (80 %: 2026-03-15 to 03-18); plan for 2026-03-15"),
            (
                {"latest": "2027-01-02"},
                "runs out on 2026-03-16 (80 %: 2026-03-15 to 2027-01-02); plan for 2026-03-15",
            ),
            (
                {"earliest": "2026-03-16", "latest": "2026-03-16", "warn_on": "2026-03-16"},
                "runs out on 2026-03-16; plan for 2026-03-16",
            ),
            (
                {"reason": "the last value is 3 days old"},
                "runs out on 2026-03-16 (80 %: 2026-03-15 to 03-18); plan for 2026-03-15; the last value is 3 days old",
            ),
            ({"soon": SOON}, f"runs out {SOON}"),
            (
                {"since": "2026-03-10", "reason": "the last value is 10 days old"},
                "probably used up already, since about 2026-03-10; the last value is 10 days old",
            ),
            ({"since": "2026-03-10", "probability": 0.6}, "probably used up already, since about 2026-03-10"),
            (
                {"probability": 0.57, "latest": None},
                "57 % risk of running out before the reset on 2026-04-01, possibly from 2026-03-15; "
                "plan for 2026-03-15",
            ),
            (
                {"probability": 0.57, "soon": "in about 14 hours (9 at the earliest)"},
                "57 % risk of running out before the reset on 2026-04-01, in about 14 hours (9 at the earliest)",
            ),
            (
                {"status": "lasts", **OPEN, "probability": 0.2, "earliest": "2026-03-30"},
                "20 % risk of running out before the reset on 2026-04-01, possibly from 2026-03-30",
            ),
            (
                {"status": "lasts", **OPEN, "probability": 0.2, "earliest": "2026-03-30", "soon": EARLY},
                "20 % risk of running out before the reset on 2026-04-01, in 22 hours at the earliest",
            ),
            (
                {"status": "lasts", **OPEN, "probability": 0.1},
                "not before the reset on 2026-04-01 (10 % risk of running out)",
            ),
            (
                {"status": "lasts", **OPEN, "probability": 0.01, "reset_on": None},
                "not before the reset (< 5 % risk of running out)",
            ),
            (
                {"status": "lasts", **OPEN, "probability": 0.01, "reason": "idle for 9 days; not before the reset …"},
                "idle for 9 days; not before the reset …",
            ),
            (
                {"exhausts_on": None, "warn_on": None, "reason": "only 3 days of history: an interval, no date"},
                "runs out between 2026-03-15 and 03-18; only 3 days of history: an interval, no date",
            ),
            ({**LIFETIME, **OPEN, "earliest": "2026-03-15"}, "runs out on 2026-03-15 at the earliest"),
            ({"exhausts_on": None, "warn_on": None, "soon": "in 17 to 40 hours"}, "runs out in 17 to 40 hours"),
            (
                {**LIFETIME, "latest": None},
                "runs out on 2026-03-16 (80 %: 2026-03-15 or later); plan for 2026-03-15",
            ),
            (
                {**LIFETIME, **OPEN, "status": "lasts", "reason": "longer than two years at this pace"},
                "longer than two years at this pace",
            ),
            ({"status": "exhausted", "exhausts_on": "2026-03-01"}, "used up since 2026-03-01"),
            ({"status": "exhausted", "exhausts_on": None, "reason": "the quota is zero"}, "the quota is zero"),
            ({"status": "exhausted", "exhausts_on": None}, "used up"),
            ({**UNKNOWN, "reason": "no quota is declared"}, "unknown: no quota is declared"),
        ],
        ids=[
            "date", "over the year", "one day", "stale", "hours", "probably past", "perhaps past",
            "between", "between, hours", "between, lasts",
            "between, lasts, hours",
            "not before", "hardly a risk", "idle", "cold start", "cold start for life", "cold start, hours",
            "open end", "two years", "since", "zero", "used up",
            "unknown",
        ],
    )  # fmt: skip
    def test_outlook_is_told_in_words(self, changes: dict[str, Cell], words: str) -> None:
        assert outlook(ending(**changes)) == words

    def test_dates_are_written_as_asked(self) -> None:
        assert shortly(ending(), short) == "runs out 16 Mar"
        assert outlook(ending(), short) == "runs out on 16 Mar (80 %: 15 Mar to 18 Mar); plan for 15 Mar"

    def test_columns_of_the_contract_are_enough(self) -> None:
        row = {name: cell for name, cell in ending().items() if name not in {"warn_on", "reset_on", "soon"}}
        assert outlook(row) == "runs out on 2026-03-16 (80 %: 2026-03-15 to 03-18)"


class TestShortly:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({}, "runs out 2026-03-16"),
            ({"soon": SOON}, "runs out in about 14 hours"),
            ({"since": "2026-03-10", "probability": 0.6}, "probably used up"),
            ({"soon": "in about 71 hours (33 at the earliest)"}, "runs out in about 71 hours"),
            ({"exhausts_on": None}, "runs out from 2026-03-15"),
            ({"exhausts_on": None, "soon": "in 34 hours to 12 days"}, "runs out from 2026-03-15"),
            ({"probability": 0.57}, "57 % risk"),
            ({"status": "lasts", "probability": 0.11}, "11 % risk"),
            ({"status": "lasts", "probability": 0.1}, "lasts"),
            ({"status": "lasts", **LIFETIME}, "lasts"),
            ({"status": "exhausts", **LIFETIME}, "runs out 2026-03-16"),
            ({"status": "exhausted", "probability": 1.0}, "used up"),
            (UNKNOWN, "unknown"),
            ({**UNKNOWN, "quota": None}, "no quota"),
        ],
    )  # fmt: skip
    def test_few_words_fit_into_a_cell(self, changes: dict[str, Cell], words: str) -> None:
        assert shortly(ending(**changes)) == words
        assert len(words) <= 28


class TestHours:
    @pytest.mark.parametrize(
        ("earliest", "median", "latest", "words"),
        [
            (9, 14, 31, "in about 14 hours, between 9 and 31 hours"),
            (0.2, 1, 2, "in about 1 hour (2 hours at the latest)"),
            (8.1, 8.4, None, "in about 8 hours"),
            (14, 14, 14, "in about 14 hours"),
            (9, 14, None, "in about 14 hours (9 at the earliest)"),
            (1, 14, None, "in about 14 hours (1 at the earliest)"),
            (0, 14, None, "in about 14 hours"),
            (0.1, 0.3, 0.4, "within the hour"),
            (-5, -1, 6, "about now (6 hours at the latest)"),
            (-5, -4, -3, "about now"),
            (22, None, None, "in 22 hours at the earliest"),
            (1, None, None, "in 1 hour at the earliest"),
            (-1, None, None, "from now on"),
            (17, None, 40, "in 17 to 40 hours"),
            (17, None, 17, "in about 17 hours"),
            (17, None, 80, "in 17 hours to 3 days"),
            (0, None, 40, "within 40 hours"),
            (0, None, 0.2, "within the hour"),
            (0, None, 80, "within 3 days"),
        ],
    )
    def test_hours_are_told_with_their_interval(
        self, earliest: float, median: float | None, latest: float | None, words: str
    ) -> None:
        about, end = (None if one is None else one * HOUR for one in (median, latest))
        assert hours_ahead(earliest * HOUR, about, end) == words


@pytest.mark.parametrize(
    ("spread", "words"),
    [
        (1.2, "the interval was made 20 % wider: 70 % of 48 own forecasts, worth 24 independent ones, "
              "had held within it"),
        (0.9, "the interval was made 10 % narrower: 70 % of 48 own forecasts, worth 24 independent ones, "
              "had held within it"),
        (1.0, "the interval was left as it is: 70 % of 48 own forecasts, worth 24 independent ones, "
              "had held within it"),
    ],
)  # fmt: skip
def test_own_record_says_what_it_did_to_the_interval_and_what_it_is_worth(spread: float, words: str) -> None:
    assert own_record(Recalibration(spread=spread, origins=24, covered_before=0.7, forecasts=48)) == words


@pytest.mark.parametrize(
    ("hours", "words"), [(1, "1 hour"), (26.9, "26 hours"), (47, "47 hours"), (48, "2 days"), (123, "5 days")]
)
def test_length_is_told_in_its_sensible_unit(hours: float, words: str) -> None:
    assert length(hours * HOUR) == words
