"""Fits the coefficients of the forecasts on given daily series, or measures how such a fit does on others.

    python -m benchmarks.forecast.fit --data FILE [FILE …] [--date 2026-01-31] [--output FILE]
    python -m benchmarks.forecast.fit --data FILE [FILE …] --cross-validate [--salts 10]

The first prints or writes the module of the coefficients, reports/forecasting/coefficients.py. The second fits five
times, each time without a fifth of the series, and measures every series with the coefficients that have not seen it;
``--salts`` asks more origins of each series, for the coverage of a group needs many. A fit takes about half a minute.
SciPy is in the dependency group ``fit``.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.forecast.__main__ import BASELINE, OURS, lines, measured, table
from benchmarks.forecast.loss import Loss
from benchmarks.forecast.measures import Grade
from benchmarks.forecast.peers import PEERS, Forecaster
from benchmarks.forecast.samples import Samples, samples_of
from benchmarks.forecast.series import Series, Task, load, seed, tasks_of
from reports.forecasting.curves import Coefficients, Dates, curves_of
from reports.forecasting.features import TREND, WIDTH, Floats, features_of

FOLDS = 5
STEPS = 400
DIGITS = 4

TEMPLATE = '''"""The coefficients of the quantile curves; see ``reports.forecasting.curves`` for the formula.

Written by ``{command}`` on {date}; do not edit.
Fitted on {rows:,} past forecasts of {series} daily series:
{groups}.

The loss, {loss:.4f}, is that of ``benchmarks.forecast.loss``: the pinball loss of {levels} levels over the next 1 to 45
days, and how far each group's coverage is from where it should be. How the curves do on series that they were not
fitted on is in docs/forecasting.md.
"""

__all__ = ["LEVELS", "MEDIAN", "SHAPE", "SPREAD", "TREND", "WIDTH"]

LEVELS = {level_values}

SHAPE = {shape}
"""K: the quantiles of the error in units of sigma."""

MEDIAN = {median}
"""Of mu, the logarithm by which the median differs: constant, times l, times l²; l = log(days ahead / 14)."""

TREND = {{  # of mu: times the feature, and times its product with l
{trend}
}}

SPREAD = {spread}
"""Of log sigma, as MEDIAN."""

WIDTH = {{  # of log sigma: what is usual and is taken off the feature first; then as TREND
{width}
}}
'''


def fitted(samples: Samples) -> tuple[Coefficients, float]:
    """Return the coefficients that make the loss small, and the loss."""
    from scipy.optimize import minimize

    loss = Loss.over(samples)
    found = minimize(loss, loss.start(), jac=True, method="L-BFGS-B", options={"maxiter": STEPS, "maxfun": 2 * STEPS})
    return loss.filled(found.x), float(found.fun)


def written(filled: Coefficients, samples: Samples, loss: float, command: str, date: str) -> str:
    """Return the module of the coefficients."""
    groups = Counter(name.split("/")[0] for name in sorted(set(samples.names)))
    return TEMPLATE.format(
        command=command,
        date=date,
        rows=len(samples.names),
        series=sum(groups.values()),
        groups=", ".join(f"{group} {count}" for group, count in sorted(groups.items())),
        loss=loss,
        levels=len(filled.levels),
        level_values=_tuple(filled.levels),
        shape=_tuple(filled.shape),
        median=_tuple(filled.median),
        trend=_named(TREND, filled.trend.T),
        spread=_tuple(filled.spread),
        width=_named(WIDTH, np.column_stack([filled.usual, filled.width.T])),
    )


def _tuple(values: Floats) -> str:
    texts = [f"{float(f'{value:.{DIGITS}g}')}" for value in values]
    if len(texts) < 10:
        return f"({', '.join(texts)})"
    rows = [", ".join(texts[start : start + 12]) for start in range(0, len(texts), 12)]
    return "(\n    " + ",\n    ".join(rows) + ",\n)  # fmt: skip"


def _named(names: Sequence[str], rows: Floats) -> str:
    return "\n".join(f'    "{name}": {_tuple(row)},' for name, row in zip(names, rows, strict=True))


def cross_validated(series: Sequence[Series], tasks: Sequence[Task]) -> list[Grade]:
    """Measure every task with coefficients that were fitted without its series."""
    samples = samples_of(series)
    grades: list[Grade] = []
    for fold in range(FOLDS):
        left_out = {one.name for one in series if seed("fold", one.name) % FOLDS == fold}
        filled, _ = fitted(samples.where(np.array([name not in left_out for name in samples.names])))
        grades += measured(forecaster(filled), [task for task in tasks if task.series.name in left_out])
    return grades


def forecaster(filled: Coefficients) -> Forecaster:
    """Forecast by our formula with other coefficients."""

    def forecast(values: Floats, _: Dates, horizon: int) -> dict[str, Floats]:
        curves = curves_of(features_of(values, np.ones(len(values))), horizon, filled=filled)
        return {"levels": curves.levels, "cum": curves.cumulative}

    return forecast


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--date", default="an unknown day", help="what the module says of when it was fitted")
    parser.add_argument("--output", type=Path, help="write the module here instead of printing it")
    parser.add_argument("--cross-validate", action="store_true")
    parser.add_argument("--salts", type=int, default=0, help="this many times as many origins, drawn otherwise")
    asked = parser.parse_args(arguments)
    series = [one for path in asked.data for one in load(path)]
    if asked.cross_validate:
        tasks = tasks_of(series)
        if asked.salts:
            tasks = [task for salt in range(1, asked.salts + 1) for task in tasks_of(series, salt=(salt,))]
        results = {OURS: cross_validated(series, tasks), **{name: measured(one, tasks) for name, one in PEERS.items()}}
        print("\n".join([*lines(table(results)), "", *lines(table(_ours_and_mean(results), "group"))]))
        return 0
    samples = samples_of(series)
    filled, loss = fitted(samples)
    command = f"python -m benchmarks.forecast.fit --data {' '.join(path.name for path in asked.data)}"
    text = written(filled, samples, loss, command, asked.date)
    if asked.output:
        asked.output.write_text(text, encoding="utf-8")
    else:
        print(text)
    return 0


def _ours_and_mean(results: Mapping[str, Sequence[Grade]]) -> dict[str, Sequence[Grade]]:
    return {name: results[name] for name in (OURS, BASELINE)}


if __name__ == "__main__":
    sys.exit(main())
