from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.forecasting.words import hours_ahead, length, outlook, percent, shortly

if TYPE_CHECKING:
    from reports.rendering import Cell, Row

HOUR = timedelta(hours=1)
OPEN: Row = {"exhausts_on": None, "earliest": None, "latest": None, "warn_on": None}
UNKNOWN: Row = {**OPEN, "status": "unknown", "probability": None}
SOON = "in about 14 hours, between 9 and 31 hours"
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
                {"probability": 0.57, "latest": None},
                "57 % risk of running out before the reset on 2026-04-01, from 2026-03-15 on; plan for 2026-03-15",
            ),
            (
                {"probability": 0.57, "soon": "in about 14 hours, 9 hours at the earliest"},
                "57 % risk of running out before the reset on 2026-04-01, in about 14 hours, 9 hours at the earliest",
            ),
            (
                {"status": "lasts", **OPEN, "probability": 0.2, "earliest": "2026-03-30"},
                "20 % risk of running out before the reset on 2026-04-01, from 2026-03-30 on",
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
            ({**LIFETIME, **OPEN, "earliest": "2026-03-15"}, "runs out from 2026-03-15 on"),
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
            "date", "over the year", "one day", "stale", "hours", "between", "between, hours", "between, lasts",
            "not before", "hardly a risk", "idle", "cold start", "cold start for life",
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
            ({"exhausts_on": None}, "runs out from 2026-03-15"),
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
            (0.2, 1, 2, "in about 1 hour, between 0 and 2 hours"),
            (14, 14, 14, "in about 14 hours"),
            (9, 14, None, "in about 14 hours, in 9 hours at the earliest"),
            (0, 14, None, "in about 14 hours"),
            (0.1, 0.3, 0.4, "within the hour"),
            (-5, -1, 6, "about now, between 0 and 6 hours"),
            (-5, -4, -3, "about now"),
        ],
    )
    def test_hours_are_told_with_their_interval(
        self, earliest: float, median: float, latest: float | None, words: str
    ) -> None:
        assert hours_ahead(earliest * HOUR, median * HOUR, None if latest is None else latest * HOUR) == words


@pytest.mark.parametrize(
    ("hours", "words"), [(1, "1 hour"), (26.9, "26 hours"), (47, "47 hours"), (48, "2 days"), (123, "5 days")]
)
def test_length_is_told_in_its_sensible_unit(hours: float, words: str) -> None:
    assert length(hours * HOUR) == words
