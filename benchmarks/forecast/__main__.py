"""Measures our forecasts and those of simple peers on given daily series, side by side.

    python -m benchmarks.forecast --data FILE [FILE …] [--by group | history] [--origins 4] [--json FILE]

Prints a table: median error of the date on which the quota runs out, in days; CRPS of that date, in days, and against
the mean of 28 days; how often the 80 % interval covered it, and how often it came before and after; Brier score of
"runs out before the period ends"; error of the usage of 30 days; time of a call, and against the mean of 28 days. Lower
is better but for the coverage, which should be 80. The measures are those of ``benchmarks.forecast.measures``, the
files those of ``benchmarks.forecast.series``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.forecast.measures import HORIZON, Grade, Summary, grade, paths_of, quotas_of, summary
from benchmarks.forecast.peers import PEERS, Forecaster, statistical_peers
from benchmarks.forecast.series import HISTORIES, ORIGINS, Task, load, tasks_of
from reports.forecasting.curves import forecast

OURS = "quantile curves"
BASELINE = "mean of 28 days"
HEADINGS = [
    "method", "calls", "failed", "MdAE", "CRPS", "of mean",
    "covers", "early", "late", "Brier", "month %", "ms", "times",
]  # fmt: skip
BY: dict[str, Callable[[Grade], str]] = {"group": lambda one: one.group, "history": lambda one: f"{one.length} days"}


def measured(forecaster: Forecaster, tasks: Sequence[Task]) -> list[Grade]:
    """Ask a forecaster everything and measure its answers."""
    return [_measured(forecaster, task) for task in tasks]


def _measured(forecaster: Forecaster, task: Task) -> Grade:
    history, failed = task.history, ""
    started = time.perf_counter()
    try:
        answer = forecaster(history, task.dates, HORIZON)
        took = time.perf_counter() - started
        paths = paths_of(answer)
    except Exception as error:  # noqa: BLE001 - whatever a forecaster does is measured, not passed on
        took, failed = time.perf_counter() - started, f"{type(error).__name__}: {error}"
        paths = paths_of(np.full(HORIZON, task.history.mean()))
    return grade(task, paths, quotas_of(task), 1000 * took, failed)


def table(results: Mapping[str, Sequence[Grade]], by: str | None = None) -> list[tuple[str, str, Summary]]:
    """Return method, part and summary; the parts are the groups or histories, or everything."""
    part = BY[by] if by else (lambda _: "")
    parts = sorted({part(one) for grades in results.values() for one in grades})
    return [
        (name, each, summary([one for one in grades if part(one) == each]))
        for each in parts
        for name, grades in results.items()
    ]


def lines(rows: Sequence[tuple[str, str, Summary]]) -> list[str]:
    """Return the table as Markdown."""
    base = {part: found for name, part, found in rows if name == BASELINE}
    texts = [_cells(name, part, found, base.get(part)) for name, part, found in rows]
    widths = [max(len(row[column]) for row in [HEADINGS, *texts]) for column in range(len(HEADINGS))]
    return [_line(row, widths) for row in [HEADINGS, ["-" * width for width in widths], *texts]]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Return one line of the table: the first column to the left, the figures to the right."""
    figures = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
    return "| " + " | ".join([cells[0].ljust(widths[0]), *figures]) + " |"


def _cells(name: str, part: str, found: Summary, base: Summary | None) -> list[str]:
    def text(value: float, places: int) -> str:
        return "–" if np.isnan(value) else f"{value:.{places}f}"

    score = found.score / base.score if base and base.score else float("nan")
    pace = found.milliseconds / base.milliseconds if base and base.milliseconds else float("nan")
    return [
        f"{name}, {part}" if part else name, str(found.answers), str(found.failed),
        text(found.median_error, 2), text(found.score, 2), text(score, 3),
        text(found.covered, 1), text(found.early, 1), text(found.late, 1), text(found.brier, 3),
        text(found.month_error, 1), text(found.milliseconds, 3), text(pace, 0),
    ]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--by", choices=sorted(BY))
    parser.add_argument("--histories", type=int, nargs="+", default=list(HISTORIES))
    parser.add_argument("--origins", type=int, default=ORIGINS)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    asked = parser.parse_args(arguments)
    tasks = tasks_of([one for path in asked.data for one in load(path)], asked.histories, asked.origins)
    forecasters: dict[str, Forecaster] = {OURS: forecast, **PEERS}
    statistical = statistical_peers()
    if statistical is None:
        print("statsforecast is not installed: AutoETS and Theta are left out", file=sys.stderr)
    results = {name: measured(one, tasks) for name, one in (forecasters | (statistical or {})).items()}
    rows = table(results)
    print("\n".join(lines(rows)))
    if asked.by:
        rows += (parts := table(results, asked.by))
        print("\n" + "\n".join(lines(parts)))
    if asked.json:
        asked.json.write_text(
            json.dumps([{"method": name, "part": part} | asdict(found) for name, part, found in rows])
        )
    return 1 if any(one.failed for one in results[OURS]) else 0


if __name__ == "__main__":
    sys.exit(main())
