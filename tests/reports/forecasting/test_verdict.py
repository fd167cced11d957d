from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from reports.forecasting.curves import LEVELS, Curves
from reports.forecasting.history import History
from reports.forecasting.prospect import METHOD, Prospect
from reports.forecasting.verdict import Foresight, Stake, verdict

END = datetime(2026, 3, 2, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def prospect(
    slowest: float = 5.0, fastest: float = 15.0, *, daily: list[float] | None = None, weight: float = 1.0
) -> Prospect:
    """Return a prospect by hand: at level a each coming day uses slowest + a · (fastest - slowest)."""
    values = np.array([10.0] * 28 if daily is None else daily)
    dates = np.datetime64("2026-03-02", "D") - np.arange(len(values))[::-1] - 1
    history = History(values, dates, np.full(len(values), weight), END, ZoneInfo("UTC"))
    levels = np.array(LEVELS)
    rates = slowest + levels * (fastest - slowest)
    return Prospect(history, Curves(levels, rates[:, None] * np.arange(1, 731)), METHOD)


def asked(left: float, days: float | None = 30, found: Prospect | None = None, **changes: float) -> Foresight:
    end = None if days is None else END + days * DAY
    return verdict(prospect() if found is None else found, Stake(left, end, **changes), END)


def days_of(found: Foresight) -> dict[str, float]:
    return {name: (at - END) / DAY for name, at in found.at.items()}


class TestQuantiles:
    def test_times_are_the_quantiles_of_the_curves(self) -> None:
        # An early time is that of the fast curves: at 90 % of usage 14 units a day, at 75 % 12.5, …
        assert days_of(asked(140)) == pytest.approx(
            {"earliest": 10, "warn_on": 140 / 12.5, "exhausts_on": 14, "latest": 140 / 6}
        )

    def test_probability_is_that_of_the_curve_that_just_reaches_it(self) -> None:
        assert asked(360).probability == pytest.approx(0.3)

    @pytest.mark.parametrize(
        ("left", "status", "told"),
        [
            (140, "exhausts", {"earliest", "warn_on", "exhausts_on", "latest"}),
            (240, "exhausts", {"earliest", "warn_on", "exhausts_on"}),
            (330, "lasts", {"earliest", "warn_on"}),
            (400, "lasts", {"earliest"}),
            (440, "lasts", set()),
        ],
    )
    def test_what_comes_after_the_reset_is_not_told(self, left: float, status: str, told: set[str]) -> None:
        found = asked(left)
        assert (found.status, set(found.at)) == (status, told)

    def test_period_that_is_over_before_it_is_used_up_lasts(self) -> None:
        assert asked(140, 0.5).status == "lasts"

    def test_period_that_ended_before_the_newest_observation_lasts(self) -> None:
        assert asked(140, -1).status == "lasts"

    @pytest.mark.parametrize(("left", "probability"), [(100, 0.99), (10_000, 0.01)])
    def test_no_certainty_is_told_of_what_is_open(self, left: float, probability: float) -> None:
        assert asked(left).probability == probability


class TestLifetime:
    def test_allowance_without_an_end_has_no_probability(self) -> None:
        found = asked(1000, None)
        assert (found.status, found.probability) == ("exhausts", None)

    def test_more_than_two_years_is_said(self) -> None:
        found = asked(10_000, None)
        assert (found.status, found.reason) == ("lasts", "longer than two years at this pace")


def wide(low: float, high: float) -> Prospect:
    """Return a prospect whose 10 % and 90 % curves use so much a day."""
    return prospect(low - (high - low) / 8, high + (high - low) / 8)


class TestTooWide:
    @pytest.mark.parametrize(
        ("curves", "left", "status"),
        [
            (wide(2, 19), 38, "exhausts"),
            (wide(1.8, 19), 38, "unknown"),
            (wide(1, 19), 2.9, "exhausts"),
            (wide(1, 19), 3.1, "unknown"),
        ],
        ids=["under ten", "over ten", "within three days", "over three days"],
    )
    def test_interval_that_ends_ten_times_as_far_away_is_no_answer(
        self, curves: Prospect, left: float, status: str
    ) -> None:
        assert asked(left, 60, curves).status == status

    def test_what_comes_after_the_reset_makes_nothing_wide(self) -> None:
        assert asked(100, 12, wide(1, 19)).status == "exhausts"

    def test_both_ends_are_named_and_nothing_is_claimed(self) -> None:
        assert asked(57, 56, wide(1, 19)) == Foresight(
            "unknown", reason="too uncertain: used up in 3 days or in 56 days, both are possible"
        )

    def test_what_is_nearly_sure_is_said_all_the_same(self) -> None:
        found = asked(57, 80, wide(1, 19))
        assert found.reason == (
            "too uncertain: used up in 3 days or in 57 days, both are possible; almost surely before the reset (91 %)"
        )


class TestColdStart:
    @pytest.mark.parametrize(
        ("days", "reason"),
        [
            (1, "only 1 day of history: an interval, no date"),
            (4, "only 4 days of history: an interval, no date"),
            (5, None),
        ],
    )
    def test_first_days_give_an_interval_only(self, days: int, reason: str | None) -> None:
        found = asked(140, found=prospect(daily=[10.0] * days))
        assert (found.status, found.reason) == ("exhausts", reason)
        assert ("exhausts_on" in found.at, "warn_on" in found.at) == (reason is None,) * 2
        assert {"earliest", "latest"} <= set(found.at)

    def test_history_that_was_hardly_observed_is_short_too(self) -> None:
        found = asked(140, found=prospect(daily=[10.0] * 20, weight=0.1))
        assert found.reason == "only about 2 of 20 days observed: an interval, no date"

    def test_nothing_to_date_needs_no_excuse(self) -> None:
        assert asked(1000, found=prospect(daily=[10.0] * 2)).reason == "only 2 days of history"


class TestIdle:
    def test_idle_meter_lasts_where_it_would_at_the_former_pace(self) -> None:
        found = asked(10_000, found=prospect(daily=[10.0] * 28 + [0.0] * 9))
        assert (found.status, found.reason) == (
            "lasts",
            "idle for 9 days; not before the reset even at the former pace",
        )

    def test_else_nobody_knows(self) -> None:
        found = asked(150, found=prospect(0.0, 0.1, daily=[10.0] * 28 + [0.0] * 9))
        assert (found.status, found.reason) == (
            "unknown",
            "idle for 9 days; at the former pace it might not last until the reset",
        )

    def test_lifetime_allowance_lasts_for_years_or_nobody_knows(self) -> None:
        daily = [10.0] * 28 + [0.0] * 9
        long, short = asked(1e9, None, prospect(daily=daily)), asked(900, None, prospect(daily=daily))
        assert (long.status, long.probability, long.reason) == (
            "lasts", None, "idle for 9 days; longer than two years even at the former pace",
        )  # fmt: skip
        assert (short.status, short.reason) == (
            "unknown",
            "idle for 9 days; at the former pace it might not last two years",
        )

    def test_zero_burn_is_not_never(self) -> None:
        found = asked(100, found=prospect(0.0, 0.0, daily=[0.0] * 28))
        assert (found.status, found.reason) == ("unknown", "idle for 28 days: there is no former pace to judge by")

    @pytest.mark.parametrize(("days", "words"), [(1, "1 day"), (6, "6 days")])
    def test_first_days_without_usage_are_not_never(self, days: int, words: str) -> None:
        found = asked(100, found=prospect(0.0, 0.0, daily=[0.0] * days))
        assert (found.status, found.probability, found.reason) == (
            "unknown",
            None,
            f"no usage in {words} of history: there is no former pace to judge by",
        )

    def test_no_usage_within_what_is_learned_from_is_not_never(self) -> None:
        daily = [10.0] * 40 + [0.0] * 130 + [10.0] * 10 + [0.0] * 100
        found = asked(20, found=prospect(0.0, 0.0, daily=daily))
        assert (found.status, found.reason) == (
            "unknown",
            "idle for 100 days; at the former pace it might not last until the reset",
        )

    def test_weekend_is_not_idle(self) -> None:
        assert asked(140, found=prospect(daily=[10.0] * 26 + [0.0] * 2)).reason is None


class TestUnseen:
    def test_it_lasts_only_if_the_time_before_the_history_was_no_heavier(self) -> None:
        found = asked(500, unseen_days=25.0)
        assert (found.status, found.reason) == (
            "unknown",
            "it depends on what was used earlier in this billing period, before the history begins",
        )

    @pytest.mark.parametrize(
        ("left", "unseen_days", "status"),
        [(440, 1.0, "lasts"), (440, 5.0, "unknown"), (360, 5.0, "lasts"), (360, 7.0, "unknown")],
        ids=["still not before the reset", "a risk by then", "a risk anyway", "more probable than not by then"],
    )
    def test_it_is_unknown_where_the_time_before_would_change_the_words(
        self, left: float, unseen_days: float, status: str
    ) -> None:
        assert asked(left, unseen_days=unseen_days).status == status

    def test_enough_for_the_time_before_too_lasts(self) -> None:
        assert asked(900, unseen_days=25.0).status == "lasts"

    def test_what_runs_out_anyway_needs_no_past(self) -> None:
        assert asked(140, unseen_days=25.0).status == "exhausts"


class TestSoon:
    def test_under_three_days_hours_are_told(self) -> None:
        assert asked(20).soon == "in about 48 hours, between 34 and 80 hours"

    def test_three_days_are_told_by_date(self) -> None:
        assert asked(30).soon is None

    def test_hours_are_told_of_a_risk_too(self) -> None:
        found = asked(40, 3.2)
        assert (found.status, found.soon) == ("lasts", "in 69 hours at the earliest")

    @pytest.mark.parametrize(("left", "soon"), [(10, "in 17 to 40 hours"), (20, "in 34 hours to 3 days"), (60, None)])
    def test_hours_are_told_of_an_interval_without_a_date(self, left: float, soon: str | None) -> None:
        assert asked(left, found=prospect(daily=[10.0] * 2)).soon == soon

    def test_hours_count_from_now_not_from_the_newest_observation(self) -> None:
        found = verdict(prospect(), Stake(20, END + 30 * DAY), END + 10 * HOUR)
        assert found.soon == "in about 38 hours, between 24 and 70 hours"

    def test_what_may_have_been_used_since_counts(self) -> None:
        found = verdict(prospect(), Stake(9, END + 30 * DAY), END + 22 * HOUR)
        assert found.soon == "about now (14 hours at the latest)"

    def test_middle_that_passed_since_an_old_value_is_told_as_probably_past(self) -> None:
        found = verdict(prospect(), Stake(20, END + 30 * DAY), END + 60 * HOUR)
        assert (found.soon, found.since) == (None, END + 48 * HOUR)
