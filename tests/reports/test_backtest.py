from __future__ import annotations

import pytest

from reports.backtest import COLUMNS, words_of
from reports.rendering import Cell

FEW = "too few forecasts to judge (worth {} independent ones)"


def said(**figures: Cell) -> str:
    blank: dict[str, Cell] = dict.fromkeys(COLUMNS)
    return words_of({**blank, "kind": "replayed", "forecasts": 60, **figures})


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"independent": 2.0, "better": "neither", "covered": 0.2}, FEW.format(2)),
        ({"independent": 1.0, "better": None}, "too few forecasts to judge (worth 1 independent one)"),
        (
            {"independent": 20.0, "better": "forecast", "covered": 0.8},
            "better than the 28-day mean; the interval holds, as far as 20 independent forecasts can tell",
        ),
        (
            {"independent": 9.0, "better": "mean28", "covered": 0.4},
            "the 28-day mean was better; the interval was too narrow",
        ),
        (
            {"independent": 90.0, "better": "neither", "covered": 0.99},
            "no clear difference to the 28-day mean; the interval was wider than needed",
        ),
        ({"independent": 3.0, "unknown": 40}, f"{FEW.format(3)}; 40 times nobody could tell"),
        ({"forecasts": None, "reason": "27 days of history"}, "27 days of history"),
    ],
    ids=["few", "one", "good", "bad", "wide", "unknown", "none"],
)
def test_what_a_row_says_in_words(figures: dict[str, Cell], words: str) -> None:
    assert said(**figures) == words
