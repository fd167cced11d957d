from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from reports.daily import COLUMNS, daily_deltas

if TYPE_CHECKING:
    from tests.reports.conftest import Frames

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = 3_600_000_000
DTYPES = {
    "account": "str",
    "meter": "str",
    "unit": "str",
    "day": "str",
    "usage": "Int64",
    "lower": "Int64",
    "upper": "Int64",
    "coverage": "float64",
    "snapshots": "int64",
    "resets": "int64",
    "corrections": "int64",
    "held": "int64",
    "partial": "bool",
    "scale": "int64",
}


def test_columns_are_those_of_the_contract() -> None:
    assert COLUMNS == (
        "account", "meter", "unit", "day", "usage", "lower", "upper", "coverage", "snapshots", "resets",
        "corrections", "held", "partial",
    )  # fmt: skip


@pytest.mark.parametrize("rows", [(), ({},), ({"upper": None},)], ids=["empty", "one", "open"])
def test_dtypes_are_fixed(frames: Frames, rows: tuple[dict[str, object], ...]) -> None:
    frame = daily_deltas(frames.windows(*rows))
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == DTYPES


def test_there_are_no_rows_for_no_windows(frames: Frames) -> None:
    assert daily_deltas(frames.windows()).empty


def test_every_window_is_a_row_in_its_order(frames: Frames) -> None:
    windows = frames.windows({"window": "2026-03-03"}, {"window": "2026-03-02"})
    frame = daily_deltas(windows)
    assert (frame["day"].tolist(), frame.index.tolist()) == (["2026-03-03", "2026-03-02"], [0, 1])


def test_windows_are_left_as_they_were(frames: Frames) -> None:
    windows = frames.windows({}, {"upper": None})
    before = windows.copy(deep=True)
    daily_deltas(windows)
    pd.testing.assert_frame_equal(windows, before)


@pytest.mark.parametrize("value", [2**53 + 1, 2**63 - 1], ids=str)
def test_large_usage_is_exact_beside_an_open_bound(frames: Frames, value: int) -> None:
    frame = daily_deltas(frames.windows({"usage": value, "upper": None}, {"usage": value}))
    assert (frame["usage"].tolist(), frame["upper"].tolist()[1]) == ([value, value], value)


def test_open_bound_is_missing(frames: Frames) -> None:
    assert daily_deltas(frames.windows({"upper": None}))["upper"].tolist() == [pd.NA]


@pytest.mark.parametrize(
    ("hours", "observed", "coverage"),
    [
        (24, 24 * HOUR, 1.0),
        (23, 23 * HOUR, 1.0),
        (25, 25 * HOUR, 1.0),
        (23, 11.5 * HOUR, 0.5),
        (24, 6 * HOUR, 0.25),
        (24, 0, 0.0),
        (24, 24 * HOUR - 1, 0.999999),
    ],
    ids=["whole", "short", "long", "half of a short one", "a quarter", "nothing", "all but a microsecond"],
)
def test_coverage_is_the_observed_share_of_the_whole_day(
    frames: Frames, hours: int, observed: float, coverage: float
) -> None:
    row = {"end": MIDNIGHT + timedelta(hours=hours), "observed_us": int(observed)}
    assert daily_deltas(frames.windows(row))["coverage"].tolist() == [coverage]


@pytest.mark.parametrize(
    ("history", "partial"),
    [
        ({"first_at": MIDNIGHT}, False),
        ({"first_at": MIDNIGHT + timedelta(microseconds=1)}, True),
        ({"last_at": MIDNIGHT + timedelta(days=1)}, False),
        ({"last_at": MIDNIGHT + timedelta(days=1) - timedelta(microseconds=1)}, True),
    ],
    ids=["began at midnight", "began later", "seen to the end", "not seen to the end"],
)
def test_day_that_the_history_does_not_span_is_partial(
    frames: Frames, history: dict[str, object], partial: bool
) -> None:
    assert daily_deltas(frames.windows(history))["partial"].tolist() == [partial]


def test_counts_are_passed_on(frames: Frames) -> None:
    counts = {"snapshots": 7, "resets": 1, "corrections": 2, "held": 3}
    assert daily_deltas(frames.windows(counts))[list(counts)].iloc[0].to_dict() == counts
