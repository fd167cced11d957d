"""What is kept of a forecast is what the reader was told."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from collector.store.forecasts import Foretold
from reports.catalogue import Outlooks
from reports.exhaustion import ends_at, exhaustion
from reports.forecasting.history import History
from reports.forecasting.prospect import Prospect, prospect_of
from reports.foretold import quotas_foretold, rather, usage_foretold

if TYPE_CHECKING:
    from reports.standing import QuotaStanding
    from tests.reports.conftest import Quotas

DAY = timedelta(days=1)


def prospect(standing: QuotaStanding, daily: list[float]) -> Prospect:
    dates = np.datetime64(standing.seen_at.date(), "D") - np.arange(len(daily))[::-1] - 1
    history = History(np.array(daily), dates, np.ones(len(daily)), standing.seen_at, standing.zone)
    found = prospect_of(history, ends_at(standing), standing.seen_at)
    assert isinstance(found, Prospect)
    return found


def kept(standing: QuotaStanding, daily: list[float]) -> Foretold | None:
    """Return what is kept of a quota's forecast."""
    prospects = {1: prospect(standing, daily)}
    frame = exhaustion([standing], prospects, {}, standing.seen_at)
    return next(quotas_foretold(Outlooks([standing], prospects, frame)), None)


def test_usual_one_has_a_probability_its_days_and_the_usage(quotas: Quotas) -> None:
    found = kept(quotas.standing(250, 100), [10.0] * 40)
    assert found is not None
    assert (found.quota, found.used, found.remaining) == (250, 100, 150)
    assert [level for level, _ in found.times] == [0.1, 0.25, 0.5, 0.9]
    assert all(days is not None for _, days in found.times)
    assert len(found.amounts) == 23


def test_day_behind_the_end_is_kept_as_that_and_not_as_a_date(quotas: Quotas) -> None:
    found = kept(quotas.standing(1000, 100), [10.0] * 40)
    assert found is not None
    assert found.probability == pytest.approx(0, abs=0.05)
    assert {days for _, days in found.times} == {None}


def test_idle_meter_is_not_projected_so_no_usage_is_kept(quotas: Quotas) -> None:
    found = kept(quotas.standing(10_000, 100), [10.0] * 60 + [0.0] * 20)
    assert found is not None
    assert (found.times, found.amounts) == ((), ())
    assert found.probability is not None


def test_of_an_idle_meter_of_which_nobody_can_tell_nothing_is_kept(quotas: Quotas) -> None:
    assert kept(quotas.standing(150, 100), [10.0] * 60 + [0.0] * 20) is None


def test_of_an_interval_alone_its_ends_are_kept(quotas: Quotas) -> None:
    found = kept(quotas.standing(250, 100), [10.0] * 3)
    assert found is not None
    assert [level for level, _ in found.times] == [0.1, 0.9]
    assert found.probability is not None


def test_of_a_lifetime_quota_the_days_are_kept_and_neither_probability_nor_usage(quotas: Quotas) -> None:
    standing = quotas.standing(250, 100, lifetime=True)
    found = kept(standing, [10.0] * 40)
    assert found is not None
    assert (found.probability, found.amounts, found.until) == (None, (), standing.seen_at + 730 * DAY)
    assert all(days is not None for _, days in found.times)


def test_without_a_forecast_or_a_quota_nothing_is_kept(quotas: Quotas) -> None:
    standings = [quotas.standing(), quotas.standing(None, None, id=2)]
    prospects: dict[int, Prospect | str] = {1: "nothing was observed yet", 2: prospect(standings[0], [10.0] * 40)}
    frame = exhaustion(standings, prospects, {}, standings[0].seen_at)
    assert list(quotas_foretold(Outlooks(standings, prospects, frame))) == []


def test_of_a_quota_and_of_the_usage_that_is_kept_which_says_most(quotas: Quotas) -> None:
    standing = quotas.standing(250, 100)
    quota, until = kept(standing, [10.0] * 40), datetime(2026, 4, 1, tzinfo=standing.seen_at.tzinfo)
    assert quota is not None
    usage = usage_foretold(1, prospect(standing, [10.0] * 40), until)
    assert (usage.quota, usage.probability, usage.times, usage.until) == (None, None, (), until)
    assert rather(quota, usage) is quota
    assert rather(replace(quota, amounts=()), usage) is usage
    assert rather(None, usage) is usage
    assert rather(quota, None) is quota
