from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from collector.domain.accounts import Agreement, MeterTerms, Quota
from collector.domain.periods import Billing, PeriodKind
from reports.forecasting.backtest import FIRST, LEAST_DAYS, Replay, _Record, own_quotas, replayed, set_quotas
from reports.forecasting.history import History

END = datetime(2026, 4, 11, tzinfo=UTC)
DAY = timedelta(days=1)


def history(daily: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> History:
    first = np.datetime64((END - len(daily) * DAY).date())
    return History(daily, first + np.arange(len(daily)), np.ones(len(daily)), END, ZoneInfo("UTC"))


def agreed(quota: int, *, lifetime: bool = False) -> Agreement:
    terms = {"credits": MeterTerms(Quota(quota, lifetime))}
    return Agreement(ZoneInfo("UTC"), Billing(PeriodKind.MONTHLY), terms)


@pytest.fixture(scope="module")
def uneven() -> History:
    return history(np.random.default_rng(2).gamma(2, 50, 100))


@pytest.fixture(scope="module")
def replay(uneven: History) -> Replay:
    found = replayed(uneven, None)
    assert isinstance(found, Replay)
    return found


def with_gap(count: int, gap: slice) -> History:
    """Return an uneven history that was not observed for some days."""
    found = history(np.random.default_rng(2).gamma(2, 50, count))
    found.weights[gap] = 0.05
    return found


@pytest.mark.parametrize(
    ("whole", "cut", "known"),
    [
        (with_gap(100, slice(0)), 60, 60),
        (with_gap(100, slice(50, 62)), 50, 61),
        (with_gap(260, slice(215, 222)), 215, 221),
    ],
    ids=["observed", "with a gap", "recalibrated, with a gap"],
)
def test_nothing_of_the_days_to_come_enters_a_forecast(whole: History, cut: int, known: int) -> None:
    """What was used on a day is learned when it was observed: of the days of a gap, at its end."""
    changed = replace(whole, daily=np.concatenate((whole.daily[:cut], 9 * whole.daily[cut:])))
    one, other = replayed(whole, None), replayed(changed, None)
    assert isinstance(one, Replay)
    assert isinstance(other, Replay)
    before = [each.probability for each in one.trials if each.origin <= known]
    assert [each.probability for each in other.trials if each.origin <= known] == before
    assert [each.came for each in other.trials] != [each.came for each in one.trials]


def test_what_came_inside_a_gap_is_no_outcome() -> None:
    gap = range(50, 62)
    found = replayed(with_gap(100, slice(50, 62)), None)
    assert isinstance(found, Replay)
    for one in found.trials:
        days = set(range(int(one.origin), int(one.origin + one.days)))
        assert 2 * len(days.intersection(gap)) <= 1.06 * len(days)
    assert not {one.origin for one in found.trials}.intersection(range(51, 63))


def test_where_a_report_would_say_that_nobody_can_tell_nothing_is_graded_but_counted() -> None:
    rare = np.where(np.random.default_rng(5).random(200) < 0.06, 100.0, 0.0)
    found = replayed(history(rare), None)
    assert isinstance(found, Replay)
    unknown = [one for one in found.trials if one.unknown]
    assert found.grade.unknown == len(unknown) > len(found.trials) / 4
    assert {(one.probability, one.error) for one in unknown if one.days == 30} == {(None, None)}
    assert found.grade.probabilities == len(found.trials) - len(unknown)


def test_of_an_idle_meter_nothing_is_projected_and_no_date_told() -> None:
    found = replayed(history(np.concatenate((np.full(60, 10.0), np.zeros(40)))), None)
    assert isinstance(found, Replay)
    idle = [one for one in found.trials if one.origin >= 60 + 7]
    assert {(one.place, one.error) for one in idle} == {(None, None)}


def test_of_an_interval_alone_no_date_is_graded() -> None:
    found = history(np.full(60, 10.0))
    found.weights[:13] = 0.05
    replay = replayed(found, None)
    assert isinstance(replay, Replay)
    assert {one.error for one in replay.trials if one.origin == FIRST} == {None}
    assert any(one.probability is not None for one in replay.trials if one.origin == FIRST)


def test_everything_until_the_end_is_reached_by_the_end() -> None:
    chance = np.random.default_rng(4)
    for _ in range(200):
        record = _Record(history(chance.gamma(0.5, 100, 40)))
        begin = float(chance.uniform(0, 39))
        assert begin + record.reached(begin, record.between(begin, 40)) <= 40 + 1e-9


def test_a_trial_is_judged_only_where_its_reset_is_known(replay: Replay) -> None:
    assert max(one.origin + one.days for one in replay.trials) == 100
    assert min(one.origin for one in replay.trials) == FIRST
    assert replay.first_at == END - (100 - FIRST) * DAY


def test_what_came_is_what_was_used(uneven: History, replay: Replay) -> None:
    one = next(one for one in replay.trials if one.days == 8 and one.place is not None)
    origin = int(one.origin)
    usual = uneven.daily[max(0, origin - 60) : origin].mean()
    assert one.came == (uneven.daily[origin : origin + 8].sum() >= 8 * usual)


def test_the_mean_of_even_usage_is_right_to_the_hour_and_so_is_the_forecast_nearly() -> None:
    found = replayed(history(np.full(100, 10.0)), None)
    assert isinstance(found, Replay)
    assert found.grade.plain_error == pytest.approx(0.0, abs=1e-9)
    assert found.grade.median_error is not None
    assert found.grade.median_error < 1.5


@pytest.mark.parametrize(
    ("daily", "reason"),
    [
        (np.ones(LEAST_DAYS - 1), "27 days of history; a replay needs 28"),
        (np.ones(1), "1 day of history; a replay needs 28"),
        (np.zeros(100), "nothing was used that could have been foretold"),
    ],
    ids=["short", "one day", "idle"],
)
def test_why_nothing_can_be_told(daily: np.ndarray[tuple[int, ...], np.dtype[np.float64]], reason: str) -> None:
    whole = history(daily)
    assert replayed(whole, None) == reason
    assert replayed(whole, own_quotas(whole, agreed(100), "credits", 0)) == reason


class TestOwnQuotas:
    def test_stand_as_they_stood_at_the_origin(self) -> None:
        quotas = own_quotas(history(np.full(100, 10.0)), agreed(200), "credits", 0)
        begins = END - 100 * DAY  # 1 January
        assert begins.date().isoformat() == "2026-01-01"
        assert quotas(14) == [(200 - 140, 31 - 14, 31 - 14)]
        assert quotas(31 + 5) == [(200 - 50, 28 - 5, 28 - 5)]

    def test_that_were_used_up_are_not_foretold(self) -> None:
        assert own_quotas(history(np.full(100, 10.0)), agreed(200), "credits", 0)(25) == []

    def test_of_a_period_that_began_before_the_history_are_not_known(self) -> None:
        assert own_quotas(history(np.full(90, 10.0)), agreed(500), "credits", 0)(14) == []

    def test_for_a_lifetime_are_reckoned_back_from_now(self) -> None:
        quotas = own_quotas(history(np.full(100, 10.0)), agreed(5000, lifetime=True), "credits", 1500)
        assert quotas(60)[0].remaining == pytest.approx(5000 - 1500 + 400)

    def test_of_another_meter_are_none(self) -> None:
        assert own_quotas(history(np.full(100, 10.0)), agreed(200), "requests", 0)(20) == []

    def test_are_replayed_where_they_tell_something(self, uneven: History) -> None:
        monthly = replayed(uneven, own_quotas(uneven, agreed(3000), "credits", 0))
        assert isinstance(monthly, Replay)
        assert monthly.own
        assert len({one.origin + one.days for one in monthly.trials}) == 3
        without = replayed(uneven, own_quotas(uneven, agreed(0), "credits", 0))
        assert isinstance(without, Replay)
        assert not without.own


def test_set_quotas_follow_what_was_usual_then() -> None:
    quotas = set_quotas(history(np.concatenate((np.full(50, 10.0), np.full(50, 1000.0)))))
    assert quotas(50)[1] == (40.0, 4.0, 45.0)
    assert len(quotas(50)) == 12
