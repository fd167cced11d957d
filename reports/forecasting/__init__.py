"""Forecasts of usage that say how far they can be trusted; ``forecast`` is the one documented callable.

What is named here is imported when it is asked for: some commands only want the words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reports.forecasting.curves import LEVELS, Curves, forecast, quantile_curves

__all__ = ["LEVELS", "Curves", "forecast", "quantile_curves"]


def __getattr__(name: str) -> Any:
    """Import a public name from where it is defined."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from reports.forecasting import curves  # noqa: PLC0415 - NumPy is loaded only by those who forecast

    return getattr(curves, name)
