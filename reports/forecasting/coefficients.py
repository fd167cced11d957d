"""The coefficients of the quantile curves; see ``reports.forecasting.curves`` for the formula.

Written by ``python -m benchmarks.forecast.fit --data daily_dev.parquet`` on 2026-11-23; do not edit.
Fitted on 9,850 past forecasts of 146 daily series (cran 10, docker 8, github 23, llm 3, meter 2, mobility 16, pypi 55, wiki 29), whose loss came to 2.3556. The loss is that of
``benchmarks.forecast.loss``: the pinball loss of the curves' 23 levels over the next 1 to 45 days, and how far each
group's coverage is from where it should be. What it comes to on series that were not fitted on is in docs/forecasting.md.
"""

__all__ = ["LEVELS", "MEDIAN", "SHAPE", "SPREAD", "TREND", "WIDTH"]

LEVELS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 0.99)

SHAPE = (-2.997, -2.255, -1.825, -1.595, -1.534, -1.22, -1.052, -0.9012, -0.7763, -0.6601, -0.5512, -0.3463, -0.1239, -0.006037, 0.1238, 0.2673, 0.4305, 0.6322, 1.024, 1.182, 1.557, 2.204, 3.301)
"""K: the quantiles of the error in units of sigma."""

MEDIAN = (0.06857, 0.01323, -0.001953)
"""Of mu, the logarithm by which the median differs: constant, times l, times l²; l = log(days ahead / 14)."""

TREND = {  # of mu: times the feature, and times its product with l
    "day": (0.2213, -0.1173),
    "three days": (0.03902, -0.01688),
    "week": (0.1163, 0.005447),
    "quarter": (0.3009, 0.139),
    "skew": (0.01714, 0.05735),
    "lasting day": (0.5339, -0.01135),
    "lasting three days": (0.1509, -0.05015),
    "lasting week": (0.4849, -0.1182),
}

SPREAD = (-1.162, 0.01204, 0.05504)
"""Of log sigma, as MEDIAN."""

WIDTH = {  # of log sigma: what is usual and is taken off the feature first; then as TREND
    "three days": (0.257, 0.3185, 0.03844),
    "quarter": (0.06754, 0.1844, 0.2062),
    "skew": (0.2778, 0.08041, 0.03631),
    "weeks": (-1.483, 0.1087, -0.0109),
    "unevenness": (-0.6175, -0.5154, -0.07334),
    "unevenness beside the rhythm": (-0.8834, 0.5664, -0.04193),
    "steps": (-0.9766, 0.03267, -0.129),
    "length": (0.08033, -0.1749, -0.02528),
    "own errors": (-1.551, 0.04222, 0.04304),
    "idle days": (0.06123, -0.1141, -0.3307),
    "large days": (0.8131, 0.5603, 0.136),
}
