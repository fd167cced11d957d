from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from collector.domain.accounts import Agreement, MeterTerms, Quota
from collector.domain.periods import Billing, PeriodKind
from reports.forecasting.backtest import FIRST, LEAST_DAYS, Replay, own_quotas, replayed, set_quotas
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


def test_nothing_of_the_days_to_come_enters_a_forecast(uneven: History, replay: Replay) -> None:
    cut = 60
    other = replayed(replace(uneven, daily=np.concatenate((uneven.daily[:cut], 9 * uneven.daily[cut:]))), None)
    assert isinstance(other, Replay)
    before = [one.foretold for one in replay.trials if one.origin <= cut]
    assert [one.foretold for one in other.trials if one.origin <= cut] == before
    assert [one.came for one in other.trials] != [one.came for one in replay.trials]


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
    assert replayed(history(daily), None) == reason


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
