"""Every fall of a counter, polled into the store and read as days."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from collector.domain.accounts import MeterTerms, Resets
from collector.domain.periods import Billing, PeriodKind
from reports.catalogue import daily
from reports.daily import COLUMNS
from reports.rows import rows_of

if TYPE_CHECKING:
    from tests.reports.conftest import Ledger

BEGINNING = datetime(2026, 3, 30, tzinfo=UTC)
NOW = BEGINNING + timedelta(days=30)
Terms = Callable[..., dict[str, MeterTerms]]
Day = tuple[int, int, int | None]
Course = Sequence[tuple[float, int]]
"""Hours after the beginning and what the counter said then."""


def rows(ledger: Ledger) -> list[dict[str, Any]]:
    return [dict(row) for row in rows_of(daily(ledger.database, ledger.question(NOW)), COLUMNS)]


def polled(ledger: Ledger, course: Course) -> list[dict[str, Any]]:
    """Return the days of a course."""
    ledger.polls([(BEGINNING + timedelta(hours=hours), value) for hours, value in course])
    return rows(ledger)


def usage(found: Sequence[dict[str, Any]]) -> list[Day]:
    """Return usage, lower and upper of each day."""
    return [(row["usage"], row["lower"], row["upper"]) for row in found]


def counts(found: Sequence[dict[str, Any]]) -> list[tuple[int, int, int]]:
    """Return resets, corrections and falls held of each day."""
    return [(row["resets"], row["corrections"], row["held"]) for row in found]


@pytest.fixture
def renewed(ledger: Ledger, terms: Terms) -> Ledger:
    """The ledger of a counter declared to begin again with each month."""
    ledger.open(billing=Billing(PeriodKind.MONTHLY), terms=terms(None, resets=Resets.PERIOD))
    return ledger


@pytest.fixture
def renewed_daily(ledger: Ledger, terms: Terms) -> Ledger:
    """The ledger of a counter declared to begin again with each day."""
    ledger.open(billing=Billing(PeriodKind.DAILY), terms=terms(None, resets=Resets.PERIOD))
    return ledger


class TestGlitches:
    def test_brief_zero_is_left_out(self, ledger: Ledger) -> None:
        found = polled(ledger, [(6, 8750), (7, 0), (8, 8760)])
        assert (usage(found), counts(found)) == ([(10, 10, 10)], [(0, 0, 0)])

    def test_brief_zero_over_midnight_parts_the_growth_around_it(self, ledger: Ledger) -> None:
        assert usage(polled(ledger, [(23, 8750), (25, 0), (27, 8760)])) == [(2, 0, 10), (8, 0, 10)]

    def test_dip_of_one_unit_and_back_uses_nothing(self, ledger: Ledger) -> None:
        found = polled(ledger, [(6, 8750), (7, 8749), (8, 8750)])
        assert (usage(found), counts(found)) == ([(0, 0, 0)], [(0, 0, 0)])

    def test_dip_of_one_unit_is_left_out_of_the_growth(self, ledger: Ledger) -> None:
        assert usage(polled(ledger, [(6, 8750), (7, 8749), (8, 8760)])) == [(10, 10, 10)]


class TestCorrections:
    def test_correction_that_stays_is_taken_back(self, ledger: Ledger) -> None:
        found = polled(ledger, [(1, 900), (6, 1000), (7, 850), (8, 850), (9, 870)])
        assert (usage(found), counts(found)) == ([(-30, -30, -30)], [(0, 1, 0)])

    def test_correction_lies_on_the_day_it_was_seen(self, ledger: Ledger) -> None:
        found = polled(ledger, [(6, 1000), (24, 1000), (30, 850), (31, 850), (48, 850)])
        assert (usage(found), counts(found)) == (
            [(0, 0, 0), (-150, -150, -150), (0, 0, 0)],
            [(0, 0, 0), (0, 1, 0), (0, 0, 0)],
        )


class TestResets:
    def test_reset_to_zero_counts_from_zero(self, ledger: Ledger) -> None:
        found = polled(ledger, [(6, 700), (7, 800), (8, 0), (9, 0), (10, 30)])
        assert (usage(found), counts(found)) == ([(130, 130, None)], [(1, 0, 0)])

    def test_reset_leaves_the_days_around_it_closed(self, ledger: Ledger) -> None:
        found = polled(ledger, [(6, 700), (24, 800), (30, 0), (31, 5), (48, 30), (50, 40)])
        assert usage(found) == [(100, 100, 100), (30, 30, None), (10, 10, 10)]

    def test_reset_hidden_by_growth_over_a_declared_boundary_is_found(self, renewed: Ledger) -> None:
        found = polled(renewed, [(40, 50), (44, 100), (52, 250), (58, 260)])
        assert (usage(found), counts(found)) == ([(50, 50, None), (260, 260, 260)], [(0, 0, 0), (1, 0, 0)])

    def test_reset_hidden_by_growth_is_growth_where_none_is_declared(self, ledger: Ledger) -> None:
        found = polled(ledger, [(40, 50), (44, 100), (52, 250), (58, 260)])
        assert sum(row["usage"] for row in found) == 210

    def test_reset_at_the_last_snapshot_books_nothing_yet(self, ledger: Ledger) -> None:
        found = polled(ledger, [(6, 100), (7, 300), (8, 0)])
        assert (usage(found), counts(found)) == ([(200, 200, None)], [(0, 0, 1)])

    def test_declared_reset_at_the_last_snapshot_is_booked_at_once(self, renewed: Ledger) -> None:
        found = polled(renewed, [(40, 100), (44, 300), (52, 7)])
        assert (usage(found), counts(found)) == ([(200, 200, None), (7, 7, 7)], [(0, 0, 0), (1, 0, 0)])

    def test_two_resets_between_two_polls_are_one(self, ledger: Ledger) -> None:
        found = polled(ledger, [(6, 400), (7, 500), (12, 30), (13, 45)])
        assert (usage(found), counts(found)) == ([(145, 145, None)], [(1, 0, 0)])

    def test_two_declared_resets_between_two_polls_leave_both_days_before_the_last_open(
        self, renewed_daily: Ledger
    ) -> None:
        found = polled(renewed_daily, [(6, 400), (12, 500), (60, 40), (61, 45)])
        assert usage(found) == [(100, 100, None), (0, 0, None), (45, 45, 45)]

    def test_two_resets_seen_one_after_the_other_are_two(self, ledger: Ledger) -> None:
        found = polled(ledger, [(6, 50), (7, 90), (8, 3), (9, 9), (10, 1), (11, 4)])
        assert (usage(found), counts(found)) == ([(53, 53, None)], [(2, 0, 0)])


class TestFallsWhileTheCollectorWasDown:
    def test_reset_is_booked_over_the_time_nobody_looked(self, ledger: Ledger) -> None:
        found = polled(ledger, [(6, 400), (12, 500), (60, 40), (61, 45)])
        assert usage(found) == [(110, 100, None), (20, 0, None), (15, 5, None)]

    def test_reset_is_told_on_the_day_it_was_seen(self, ledger: Ledger) -> None:
        found = polled(ledger, [(6, 400), (12, 500), (60, 40), (61, 45)])
        assert [(row["resets"], row["coverage"]) for row in found] == [
            (0, 0.25),
            (0, 0.0),
            (1, pytest.approx(1 / 24, abs=1e-6)),
        ]

    def test_declared_reset_is_placed_on_its_boundary(self, renewed: Ledger) -> None:
        found = polled(renewed, [(6, 400), (12, 500), (60, 40), (61, 45)])
        assert usage(found) == [(100, 100, None), (0, 0, None), (45, 45, 45)]

    def test_correction_is_taken_back_over_the_time_nobody_looked(self, ledger: Ledger) -> None:
        found = polled(ledger, [(12, 500), (60, 452), (61, 460)])
        assert usage(found) == [(-12, -48, 0), (-24, -48, 0), (-4, -40, 8)]

    def test_value_at_or_above_the_last_one_is_growth(self, ledger: Ledger) -> None:
        found = polled(ledger, [(12, 500), (60, 548)])
        assert (usage(found), counts(found)) == ([(12, 0, 48), (24, 0, 48), (12, 0, 48)], [(0, 0, 0)] * 3)


class TestHeld:
    def test_held_fall_books_nothing_and_the_row_says_so(self, ledger: Ledger) -> None:
        found = polled(ledger, [(6, 900), (18, 1000), (30, 850)])
        assert (usage(found), counts(found)) == ([(100, 100, None), (0, 0, None)], [(0, 0, 0), (0, 0, 1)])

    def test_fall_held_for_three_snapshots_is_one(self, ledger: Ledger) -> None:
        found = polled(ledger, [(6, 1000), (7, 950), (8, 900), (9, 850)])
        assert (usage(found), counts(found)) == ([(0, 0, None)], [(0, 0, 1)])

    @pytest.mark.parametrize(
        ("following", "day", "count"),
        [
            (1010, (110, 110, 110), (0, 0, 0)),
            (860, (-40, -40, -40), (0, 1, 0)),
        ],
        ids=["glitch", "correction"],
    )
    def test_next_value_decides_what_was_held(
        self, ledger: Ledger, following: int, day: Day, count: tuple[int, int, int]
    ) -> None:
        polled(ledger, [(6, 900), (7, 1000), (8, 850)])
        found = polled(ledger, [(9, following)])
        assert (usage(found), counts(found)) == ([day], [count])
