"""The yardstick itself: what it asks, how it measures, what it prints."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.forecast.__main__ import BASELINE, OURS, lines, main, measured, table
from benchmarks.forecast.measures import HORIZON, Grade, grade, paths_of, quotas_of, ranked_score, summary, times
from benchmarks.forecast.peers import PEERS, line_over, mean_of
from benchmarks.forecast.series import AHEAD, Series, Task, load, seed, tasks_of
from reports.forecasting.curves import Dates
from reports.forecasting.features import Floats


def series(name: str, amounts: Floats) -> Series:
    return Series(name, amounts, np.datetime64("2026-01-01") + np.arange(len(amounts)))


def steady(count: int = 300, name: str = "kind/steady") -> Series:
    return series(name, np.full(count, 10.0))


def dates(count: int) -> Dates:
    return np.datetime64("2026-01-01") + np.arange(count)


class TestWhatIsAsked:
    def test_a_seed_depends_on_its_parts_alone(self) -> None:
        # The first eight hexadecimal digits of the SHA-256 of "origin|pypi/requests".
        assert seed("origin", "pypi/requests") == seed("origin", "pypi/requests") == 171049962

    def test_every_history_of_a_long_series_has_the_same_origins(self) -> None:
        tasks = tasks_of([steady()])
        origins = {length: [task.origin for task in tasks if task.length == length] for length in (14, 28, 90)}
        assert origins[14] == origins[28] == origins[90]
        assert len(origins[14]) == 4

    def test_a_short_series_has_half_as_many_where_a_history_fits_at_all(self) -> None:
        tasks = tasks_of([steady(112)])
        assert [task.length for task in tasks] == [14, 14, 28, 28]

    def test_every_task_has_its_history_and_its_truth(self) -> None:
        for task in tasks_of([steady(), steady(112, "kind/short")]):
            assert len(task.history) == len(task.dates) == task.length
            assert len(task.truth) == AHEAD

    def test_a_salt_asks_at_other_origins(self) -> None:
        assert [one.origin for one in tasks_of([steady()], salt=(1,))] != [one.origin for one in tasks_of([steady()])]

    def test_the_group_is_what_stands_before_the_slash(self) -> None:
        assert steady(name="wiki/some/page").group == "wiki"


class TestTimes:
    @pytest.mark.parametrize(
        ("amount", "expected"),
        [
            pytest.param(5.0, 0.5, id="inside the first day"),
            pytest.param(10.0, 1.0, id="at its end"),
            pytest.param(12.0, 2.2, id="after an idle day"),
            pytest.param(20.1, np.inf, id="not at all"),
            pytest.param(0.0, 0.0, id="nothing"),
        ],
    )
    def test_a_path_reaches_an_amount(self, amount: float, expected: float) -> None:
        assert times(np.array([[10.0, 10.0, 20.0]]), amount)[0] == pytest.approx(expected)


class TestAnswers:
    def test_expected_days_are_one_path(self) -> None:
        assert paths_of(np.array([1.0, 2, -3, 4]), 4).tolist() == [[1, 3, 3, 7]]

    def test_curves_are_read_as_99_equally_likely_paths(self) -> None:
        paths = paths_of({"levels": [0.0, 1.0], "cum": [[0.0, 0], [99.0, 198]]}, 2)
        assert len(paths) == 99
        assert paths[49].tolist() == pytest.approx([49.5, 99])

    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(np.ones(3), id="too short"),
            pytest.param(np.array([1.0, np.nan]), id="not a number"),
            pytest.param({"levels": [0.1, 0.9], "cum": [[1.0, 2], [3.0, np.inf]]}, id="infinite"),
        ],
    )
    def test_what_is_no_answer_is_refused(self, answer: object) -> None:
        with pytest.raises(ValueError, match="not finite or not of 2 days"):
            paths_of(answer, 2)


class TestScores:
    def test_the_score_of_a_point_is_its_distance(self) -> None:
        assert ranked_score(np.array([7.0]), 4.0) == pytest.approx(3)

    def test_the_score_of_a_sample(self) -> None:
        # E|X - y| - E|X - X'| / 2 with X 0 or 2, y 1: 1 - 1/2.
        assert ranked_score(np.array([2.0, 0.0]), 1.0) == pytest.approx(0.5)

    def test_who_knows_the_future_errs_nowhere(self) -> None:
        found = series("kind/wild", np.random.default_rng(1).gamma(1, 50, 300))
        (task, *_) = tasks_of([found])
        future = found.amounts[task.origin : task.origin + HORIZON]
        known = grade(task, paths_of(np.pad(future, (0, HORIZON - len(future)))), quotas_of(task))
        assert np.abs(known.off).max() == pytest.approx(0, abs=1e-9)
        assert max(known.scores) == pytest.approx(0, abs=1e-9)
        assert max(known.squares) == 0
        assert known.month[0] == pytest.approx(known.month[1])

    def test_a_point_has_no_interval(self) -> None:
        (task, *_) = tasks_of([steady()])
        assert grade(task, paths_of(np.full(HORIZON, 10.0)), quotas_of(task)).places == ()

    def test_a_date_that_is_too_late_is_positive(self) -> None:
        (task, *_) = tasks_of([steady()])
        assert min(grade(task, paths_of(np.full(HORIZON, 5.0)), quotas_of(task)).off) > 0

    def test_quotas_do_not_depend_on_the_history(self) -> None:
        one = steady()
        assert quotas_of(Task(one, 120, 14)) == quotas_of(Task(one, 120, 90))

    def test_an_idle_series_is_not_asked_for_probabilities(self) -> None:
        idle = series("kind/idle", np.zeros(300))
        (task, *_) = tasks_of([idle])
        found = grade(task, paths_of(np.zeros(HORIZON)), quotas_of(task))
        assert (found.off, found.scores, found.squares) == ((), (), ())


def graded(places: tuple[float, ...], off: tuple[float, ...] = (1.0,)) -> Grade:
    return Grade("kind", "kind/a", 14, off, (2.0,), places, (0.25, 0.0), (80.0, 100.0), 0.5, "")


class TestSummary:
    def test_it_counts_the_truths_inside_before_and_after(self) -> None:
        found = summary([graded((0.05, 0.5, 0.6, 0.95)), graded((0.3, 0.4, 0.5, 0.92))])
        assert (found.covered, found.early, found.late) == (62.5, 12.5, 25.0)

    def test_it_takes_the_median_of_the_sizes_of_errors(self) -> None:
        assert summary([graded((), (-5.0, 1.0)), graded((), (2.0,))]).median_error == 2

    def test_it_averages_scores_and_squares(self) -> None:
        found = summary([graded(()), graded(())])
        assert (found.score, found.brier) == (2.0, 0.125)

    def test_the_month_is_by_series(self) -> None:
        assert summary([graded(()), graded(())]).month_error == pytest.approx(20)

    def test_points_have_no_coverage(self) -> None:
        assert np.isnan(summary([graded(())]).covered)


class TestPeers:
    def test_means_are_of_the_last_days(self) -> None:
        values = np.concatenate([np.full(30, 100.0), np.full(7, 10.0)])
        assert mean_of(7)(values, dates(37), 2).tolist() == [10, 10]

    def test_a_line_through_steady_usage_goes_on(self) -> None:
        assert line_over(None)(np.full(20, 3.0), dates(20), 3) == pytest.approx([3, 3, 3])

    def test_a_line_falls_behind_where_usage_has_grown(self) -> None:
        # The line through all days lies below the newest reading: it forecasts nothing for a while.
        assert line_over(None)(np.arange(60.0) ** 2, dates(60), 1).tolist() == [0]

    def test_a_line_over_seven_days_does_not_see_the_others(self) -> None:
        values = np.concatenate([np.full(30, 100.0), np.full(7, 10.0)])
        assert line_over(7)(values, dates(37), 2) == pytest.approx([10, 10])


def test_a_forecaster_that_fails_is_counted_and_the_mean_stands_in() -> None:
    def broken(values: Floats, when: Dates, horizon: int) -> Floats:
        raise ArithmeticError("no idea")

    tasks = tasks_of([steady()])
    found = measured(broken, tasks)
    assert {one.failed for one in found} == {"ArithmeticError: no idea"}
    assert summary(found).failed == len(tasks)
    assert summary(found).median_error == pytest.approx(0, abs=1e-9)


def test_the_table_has_a_line_for_every_method_and_part() -> None:
    tasks = tasks_of([steady(), steady(name="other/steady")])
    found = {name: measured(one, tasks) for name, one in PEERS.items()}
    assert [(name, part) for name, part, _ in table(found, "group")][::4] == [(BASELINE, "kind"), (BASELINE, "other")]
    assert len(lines(table(found))) == 2 + len(PEERS)


def test_the_command_prints_the_table_and_writes_the_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, chance = tmp_path / "daily.csv", np.random.default_rng(3)
    rows = [f"kind/a,{day},{chance.gamma(2, 50):.1f}" for day in dates(160)]
    path.write_text("\n".join(["series_id,timestamp,value", *rows]))
    assert main(["--data", str(path), "--by", "history", "--json", str(tmp_path / "figures.json")]) == 0
    printed = capsys.readouterr()
    assert printed.out.count(f"| {OURS}") == 4
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert {row["part"] for row in figures} == {"", "14 days", "28 days", "90 days"}
    assert "statsforecast is not installed" in printed.err or "| AutoETS" in printed.out


def test_a_file_is_read_in_the_order_of_its_days(tmp_path: Path) -> None:
    path = tmp_path / "daily.csv"
    path.write_text("series_id,timestamp,value\nb,2026-01-02,2\na,2026-01-01,5\nb,2026-01-01,1\n")
    found = load(path)
    assert [one.name for one in found] == ["a", "b"]
    assert found[1].amounts.tolist() == [1, 2]
