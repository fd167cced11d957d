"""Cumulative usage against the quota with what is to come: what is told, what is drawn, where the words lie."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.charts.days import closes, day_axis, opens, place_of, time_axis
from reports.charts.frame import HEIGHT, narrow, width
from reports.charts.labels import ABOVE, BELOW, Label, labelled
from reports.charts.palette import LIGHT
from reports.charts.quota import Ahead, cumulative
from reports.document import Chart
from reports.rendering import Row
from tests.reports.charts.drawn_points import points, texts

BERLIN = ZoneInfo("Europe/Berlin")
DAYS: list[Row] = [{"day": "2026-10-01", "used": 150}, {"day": "2026-10-02", "used": 400}]
FAN: list[Row] = [
    {"day": "2026-10-02", "low": 410, "low_half": 420, "middle": 430, "high_half": 440, "high": 450},
    {"day": "2026-10-03", "low": 500.4, "low_half": 550, "middle": 600.4, "high_half": 650, "high": 700.4},
    {"day": "2026-10-04", "low": 600, "low_half": 700, "middle": 800, "high_half": 900, "high": 1000},
]
SEEN = datetime(2026, 10, 2, 18, 30, tzinfo=BERLIN)
FORETOLD = Ahead(
    fan=FAN, begins=0, seen_at=SEEN, now=SEEN, starts=date(2026, 10, 1), ends=date(2026, 10, 4), probability=0.02
)
RUNS_OUT = replace(
    FORETOLD,
    earliest=SEEN + timedelta(days=1),
    warning=SEEN + timedelta(hours=30),
    exhausts=SEEN + timedelta(days=1, hours=12),
    latest=SEEN + timedelta(days=2),
    probability=0.94,
)


def chart(ahead: Ahead = FORETOLD, quota: int | Decimal | None = 5000, days: list[Row] = DAYS) -> Chart:
    return cumulative(days, name="quota", title="Quota", unit="credits", quota=quota, ahead=ahead)


class TestWords:
    def test_share_of_the_quota_what_is_expected_and_the_risk_are_told(self) -> None:
        assert chart().summary == (
            "400 credits were used by 2 Oct 2026, 18:30, 8.0 % of the quota of 5,000. "
            "Expected by the end of 4 Oct 2026: 800, with 50 % probability 700 to 900, with 80 % probability 600 to "
            "1,000. The quota runs out before the period ends with < 5 % probability."
        )

    def test_surely_running_out_is_told_with_its_interval_and_the_day_to_plan_for(self) -> None:
        assert chart(RUNS_OUT, 700).summary.endswith(
            "The quota runs out around 4 Oct 2026, with 80 % probability 3–4 Oct 2026; plan for 4 Oct 2026."
        )

    def test_possibly_running_out_is_told_as_a_risk(self) -> None:
        assert chart(replace(RUNS_OUT, probability=0.62), 700).summary.endswith(
            "The quota runs out before the period ends with 62 % probability, from 3 Oct 2026 on; plan for 4 Oct 2026."
        )

    def test_open_end_of_a_lifetime_quota_is_told_as_later(self) -> None:
        ahead = replace(RUNS_OUT, latest=None, probability=None, ends=None, starts=None)
        assert "with 80 % probability 3 Oct 2026 or later" in chart(ahead, 700).summary

    def test_interval_alone_is_told_as_one(self) -> None:
        fan: list[Row] = [{"day": "2026-10-04", "low": 600, "high": 1000}]
        said = chart(Ahead(fan=fan, earliest=SEEN, latest=SEEN + timedelta(days=2)), 700).summary
        assert "By the end of 4 Oct 2026 with 80 % probability: 600 to 1,000." in said
        assert "The quota runs out with 80 % probability 2–4 Oct 2026." in said

    @pytest.mark.parametrize(("quota", "told"), [(None, "2 Oct 2026."), (0, "2026 of the quota of 0.")])
    def test_no_share_is_told_of_no_quota(self, quota: int | None, told: str) -> None:
        assert chart(Ahead(), quota).summary.endswith(told)

    def test_days_that_nobody_observed_are_counted(self) -> None:
        days: list[Row] = [{**row, "unseen": True} for row in DAYS]
        assert chart(days=days).summary.endswith("2 days were not observed; the course there is interpolated.")


class TestTable:
    def test_last_day_has_what_was_used_and_what_is_to_come(self) -> None:
        rows = list(chart().table.rows)
        assert [row["used"] for row in rows] == [150, 400, None, None]
        assert [row["middle"] for row in rows] == [None, 430, 600.4, 800]
        assert [row["low_half"] for row in rows] == [None, 420, 550, 700]

    def test_interval_alone_has_no_column_for_a_median(self) -> None:
        fan: list[Row] = [{"day": "2026-10-03", "low": 1, "high": 2}]
        assert [one.key for one in chart(Ahead(fan=fan)).table.columns] == ["day", "used", "low", "high"]

    def test_interpolated_days_are_marked_only_where_there_are_any(self) -> None:
        marked = chart(days=[DAYS[0], {**DAYS[1], "unseen": True}]).table
        assert [row.get("unseen") for row in marked.rows] == [False, True, None, None]
        assert "unseen" not in {one.key for one in chart().table.columns}


class TestPicture:
    def test_usage_begins_with_the_first_day_and_ends_at_the_last_observation(self) -> None:
        line = points(chart(), "at", "height", "told")
        assert [one["at"] for one in line] == [opens(date(2026, 10, 1)), closes(date(2026, 10, 1)), place_of(SEEN)]
        assert [one["height"] for one in line] == [0, 150, 400]

    def test_fan_begins_at_the_last_observation(self) -> None:
        fan = points(chart(), "low", "low_half", "middle", "high_half", "high")
        assert {fan[0][name] for name in ("low", "low_half", "middle", "high_half", "high")} == {400}
        assert [one["at"] for one in fan] == [place_of(SEEN), *(closes(date(2026, 10, day)) for day in (2, 3, 4))]

    def test_quota_and_what_is_expected_have_labels(self) -> None:
        assert {"quota 5,000", "expected 800", "400", "period ends"} <= texts(chart())
        assert not any(one.startswith("quota") for one in texts(chart(quota=None)))

    def test_quota_is_named_once(self) -> None:
        drawn = chart().draw(LIGHT).to_dict()["datasets"]
        assert isinstance(drawn, dict)
        assert (
            sum(point.get("said") == "quota 5,000" for each in drawn.values() for point in each) == 2
        )  # with its halo

    def test_exhaustion_is_marked_on_the_quota(self) -> None:
        assert {"runs out 4 Oct (3–4 Oct)", "plan for 4 Oct"} <= texts(chart(RUNS_OUT, 700))
        (bar,) = points(chart(RUNS_OUT, 700), "at", "until", "told")
        assert (bar["at"], bar["until"], bar["height"]) == (
            place_of(SEEN + timedelta(days=1)),
            place_of(SEEN + timedelta(days=2)),
            700,
        )

    def test_mere_risk_names_no_day_on_which_it_runs_out(self) -> None:
        shown = texts(chart(replace(RUNS_OUT, probability=0.62), 700))
        assert "50 % by 4 Oct" in shown
        assert not any(one.startswith("runs out") for one in shown)

    def test_interval_alone_has_no_median(self) -> None:
        fan: list[Row] = [{"day": "2026-10-03", "low": 500, "high": 900}]
        shown = texts(chart(replace(FORETOLD, fan=fan)))
        assert "80 %: 500 to 900" in shown
        assert not any(one.startswith("expected") for one in shown)
        assert not any("50 %" in one for one in shown)

    def test_nothing_foretold_draws_no_fan(self) -> None:
        assert points(chart(replace(FORETOLD, fan=())), "low", "high") == []
        assert "80 % probable" not in texts(chart(replace(FORETOLD, fan=())))

    def test_days_before_the_history_are_shaded(self) -> None:
        ahead = replace(FORETOLD, starts=date(2026, 9, 28))
        (shade,) = points(chart(ahead), "at", "until")
        assert (shade["at"], shade["until"]) == (opens(date(2026, 9, 28)), opens(date(2026, 10, 1)))
        assert "not observed" in texts(chart(ahead))

    def test_days_inside_a_gap_are_shaded_and_no_line_is_drawn_there(self) -> None:
        gap = chart(days=[DAYS[0], {**DAYS[1], "unseen": True}])
        (shade,) = points(gap, "at", "until")
        assert (shade["at"], shade["until"]) == (opens(date(2026, 10, 2)), closes(date(2026, 10, 2)))
        assert {"interpolated", "not observed"} <= texts(gap)
        assert any(one["height"] is None for one in points(gap, "at", "height", "told"))

    def test_time_since_an_old_observation_is_shaded_up_to_now(self) -> None:
        ahead = replace(FORETOLD, now=SEEN + timedelta(days=1, hours=1))
        (shade,) = points(chart(ahead), "at", "until")
        assert (shade["at"], shade["until"]) == (place_of(SEEN), place_of(SEEN + timedelta(days=1, hours=1)))

    def test_enormous_interval_is_cut_and_told(self) -> None:
        fan: list[Row] = [{**FAN[-1], "high": 10**6}]
        drawn: dict[str, Any] = chart(replace(FORETOLD, fan=fan), 1000).draw(LIGHT).to_dict()
        tops = {
            one["encoding"]["y"]["scale"]["domain"][1]
            for one in drawn["layer"]
            if "scale" in one["encoding"].get("y", {})
        }
        assert max(tops) < 3000
        assert "80 %: 600 to 1,000,000" in texts(chart(replace(FORETOLD, fan=fan), 1000))


class TestTimeAxis:
    def test_ticks_stand_where_days_begin(self) -> None:
        axis = time_axis([date(2026, 10, 1), date(2026, 10, 5)])
        assert axis.ticks == tuple(opens(date(2026, 10, day)) for day in range(1, 6))
        assert axis.domain == day_axis([date(2026, 10, 1), date(2026, 10, 5)]).domain

    def test_one_day_is_told_in_hours(self) -> None:
        axis = time_axis([date(2026, 10, 1)])
        assert (len(axis.ticks), axis.format) == (5, "%H:%M")

    def test_instant_lies_by_the_clock_of_its_zone(self) -> None:
        noon = datetime(2026, 3, 29, 12, tzinfo=BERLIN)  # eleven hours after midnight, by which clocks had gone forward
        assert place_of(noon) - opens(date(2026, 3, 29)) == 12 * 3_600_000


class TestLabels:
    AXIS = day_axis([date(2026, 10, 1), date(2026, 10, 31)])

    def laid(self, *labels: Label) -> list[str]:
        layers: list[Any] = list(labelled(labels, self.AXIS, (0.0, 100.0), LIGHT))
        return [one["data"][0]["said"] for one in layers[1::2]]

    def at(self, share: float) -> float:
        first, last = self.AXIS.domain
        return first + share * (last - first)

    def test_what_need_not_be_shown_gives_way(self) -> None:
        main = Label("main", self.at(0.5), 50, (("center", 0),))
        assert self.laid(main, Label("other", self.at(0.5), 50, (("center", 4),), needed=False)) == ["main"]

    def test_short_words_stand_in_where_the_long_ones_find_no_place(self) -> None:
        long = Label("w" * 200, self.at(0.5), 50, (("center", 0),), short="short")
        assert self.laid(long) == ["short"]

    def test_same_words_are_shown_once(self) -> None:
        twice = (Label("quota", self.at(share), 50, (("left", -12),), needed=False) for share in (0.0, 0.5))
        assert self.laid(*twice) == ["quota"]

    @given(
        st.lists(st.tuples(st.floats(0, 1), st.floats(0, 100), st.integers(1, 30)), min_size=1, max_size=6),
        st.booleans(),
    )
    def test_labels_that_may_give_way_never_overlap_nor_leave_the_picture(
        self, given_: list[tuple[float, float, int]], phone: bool
    ) -> None:
        labels = [
            Label(f"{number}" + "x" * length, self.at(share), height, (*ABOVE, *BELOW), needed=False)
            for number, (share, height, length) in enumerate(given_)
        ]
        if phone:
            with narrow():
                boxes, wide = self.boxes(labels), width()
        else:
            boxes, wide = self.boxes(labels), width()
        for place, one in enumerate(boxes):
            assert -1 <= one[0] <= one[2] <= wide + 5
            assert -9 <= one[1] <= one[3] <= HEIGHT + 1
            assert not any(
                one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
                for other in boxes[:place]
            )

    def boxes(self, labels: list[Label]) -> list[tuple[float, float, float, float]]:
        found: list[tuple[float, float, float, float]] = []
        layers: list[Any] = list(labelled(labels, self.AXIS, (0.0, 100.0), LIGHT))
        first, last = self.AXIS.domain
        for one in layers[1::2]:
            (point,), mark = one["data"], one["mark"]
            across = (point["at"] - first) / (last - first) * width()
            wide = len(point["said"]) * 7.5
            left = across - {"left": 0, "center": wide / 2, "right": wide}[mark["align"]]
            middle = (100 - point["height"]) / 100 * HEIGHT + mark["dy"]
            found.append((left, middle - 7, left + wide, middle + 7))
        return found
