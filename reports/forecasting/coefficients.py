"""The coefficients of the quantile curves; see ``reports.forecasting.curves`` for the formula.

Written by ``python -m benchmarks.forecast.fit --data daily_dev.parquet`` on 2026-11-23; do not edit.
Fitted on 11,130 past forecasts of 146 daily series:
cran 10, docker 8, github 23, llm 3, meter 2, mobility 16, pypi 55, wiki 29.

The loss, 2.5011, is that of ``benchmarks.forecast.loss``: the pinball loss of 23 levels over the next 1 to 45
days, and how far each group's coverage is from where it should be. How the curves do on series that they were not
fitted on is in docs/forecasting.md.
"""

__all__ = ["LEVELS", "MEDIAN", "SHAPE", "SPREAD", "TREND", "WIDTH"]

LEVELS = (
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5,
    0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 0.99,
)  # fmt: skip

SHAPE = (
    -2.837, -2.132, -1.694, -1.464, -1.301, -1.076, -0.907, -0.7597, -0.6329, -0.5189, -0.4128, -0.2028,
    0.01598, 0.1315, 0.2587, 0.4037, 0.5727, 0.7883, 1.116, 1.362, 1.73, 2.394, 3.419,
)  # fmt: skip
"""K: the quantiles of the error in units of sigma."""

MEDIAN = (0.04889, 0.009568, -0.007047)
"""Of mu, the logarithm by which the median differs: constant, times l, times l²; l = log(days ahead / 14)."""

TREND = {  # of mu: times the feature, and times its product with l
    "day": (0.2392, -0.1394),
    "three days": (0.003058, -0.006153),
    "week": (0.1413, -0.003661),
    "quarter": (0.3264, 0.1661),
    "skew": (-0.03186, 0.06313),
    "lasting day": (0.4134, -0.07956),
    "lasting three days": (0.3811, -0.005462),
    "lasting week": (0.3795, -0.1346),
}

SPREAD = (-1.082, 0.006885, 0.04985)
"""Of log sigma, as MEDIAN."""

WIDTH = {  # of log sigma: what is usual and is taken off the feature first; then as TREND
    "three days": (0.2303, 0.316, 0.09094),
    "quarter": (0.05946, 0.2105, 0.2539),
    "skew": (0.2544, 0.0605, 0.03285),
    "weeks": (-1.497, 0.1157, -0.006923),
    "unevenness": (-0.6592, -0.6073, -0.07619),
    "unevenness beside the rhythm": (-0.9353, 0.7306, -0.05529),
    "steps": (-0.983, -0.000861, -0.1213),
    "length": (-0.2938, -0.2532, -0.04863),
    "under a week": (0.1632, 0.2567, -0.04535),
    "own errors": (-1.559, 0.05932, 0.05487),
    "idle days": (0.05652, -0.1356, -0.3674),
    "large days": (0.7439, 0.5197, 0.1217),
}
