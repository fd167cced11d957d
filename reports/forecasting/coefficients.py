"""The coefficients of the quantile curves; see ``reports.forecasting.curves`` for the formula.

Written by ``python -m benchmarks.forecast.fit --data daily_dev.parquet`` on 2026-11-23; do not edit.
Fitted on 11,130 past forecasts of 146 daily series:
cran 10, docker 8, github 23, llm 3, meter 2, mobility 16, pypi 55, wiki 29.

The loss, 2.4994, is that of ``benchmarks.forecast.loss``: the pinball loss of 23 levels over the next 1 to 45
days, and how far each group's coverage is from where it should be. How the curves do on series that they were not
fitted on is in docs/forecasting.md.
"""

__all__ = ["LEVELS", "MEDIAN", "SHAPE", "SPREAD", "TREND", "WIDTH"]

LEVELS = (
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5,
    0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 0.99,
)  # fmt: skip

SHAPE = (
    -2.826, -2.117, -1.68, -1.451, -1.291, -1.067, -0.8977, -0.7504, -0.6226, -0.5064, -0.4008, -0.191,
    0.02583, 0.1403, 0.2674, 0.4111, 0.5813, 0.7984, 1.125, 1.368, 1.735, 2.4, 3.426,
)  # fmt: skip
"""K: the quantiles of the error in units of sigma."""

MEDIAN = (0.04433, 0.01014, -0.005949)
"""Of mu, the logarithm by which the median differs: constant, times l, times l²; l = log(days ahead / 14)."""

TREND = {  # of mu: times the feature, and times its product with l
    "day": (0.2267, -0.1314),
    "three days": (0.002162, -0.003689),
    "week": (0.1496, -0.009728),
    "quarter": (0.2951, 0.1548),
    "skew": (-0.03273, 0.06243),
    "lasting day": (0.3228, -0.03086),
    "lasting three days": (0.3549, -0.006218),
    "lasting week": (0.3996, -0.1319),
}

SPREAD = (-1.077, 0.008354, 0.05064)
"""Of log sigma, as MEDIAN."""

WIDTH = {  # of log sigma: what is usual and is taken off the feature first; then as TREND
    "three days": (0.2303, 0.3134, 0.0921),
    "quarter": (0.05946, 0.2104, 0.2631),
    "skew": (0.2544, 0.06471, 0.03441),
    "weeks": (-1.497, 0.1114, -0.007737),
    "unevenness": (-0.6592, -0.5399, -0.08119),
    "unevenness beside the rhythm": (-0.9353, 0.687, -0.05649),
    "steps": (-0.983, 0.002195, -0.1211),
    "length": (-0.2938, -0.2508, -0.0478),
    "under a week": (0.1632, 0.2514, -0.04392),
    "own errors": (-1.559, 0.05557, 0.05395),
    "idle days": (0.05652, -0.1371, -0.3683),
    "large days": (0.7439, 0.4945, 0.1256),
}
