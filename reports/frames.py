"""Makes frames whose dtypes are fixed, whatever the values happen to be.

Left to itself pandas turns a column of integers with one missing value into floats, and every unit beyond 2^53 is
lost. So no frame here is built by guessing: each column says what it is. Rule for editors: never pass a quantity
through ``float64`` on its way into a frame.

A counter is below 2^63, but what it used over several resets may be more. Such a column holds Python integers instead
(dtype ``object``): one account's odd values must not keep the others from being reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd

INSTANT = "datetime64[us, UTC]"
_LIMIT = 2**63

Column: TypeAlias = Sequence[object] | pd.DatetimeIndex


def frame_of(columns: Mapping[str, Column], schema: Mapping[str, str]) -> pd.DataFrame:
    """Return a frame with the columns of ``schema`` in its order, index 0…n-1.

    Args:
        columns: The values of each column, all of one length. Instants are aware datetimes, missing values None.
        schema: By column its dtype: ``str``, ``int64``, ``bool``, ``float64``, the nullable ``Int64``, or ``INSTANT``.

    Returns:
        One row per value. An ``Int64`` column with a number beyond 64 bits has dtype ``object`` instead.
    """
    return pd.DataFrame({name: _series(columns[name], dtype) for name, dtype in schema.items()})


def _series(values: Column, dtype: str) -> pd.Series:
    if dtype == "Int64" and any(isinstance(one, int) and not -_LIMIT <= one < _LIMIT for one in values):
        dtype = "object"
    return pd.Series(values, dtype=dtype)


def instants(micros: Sequence[int]) -> pd.DatetimeIndex:
    """Return a column of instants from microseconds since 1970 UTC, without a Python object for each."""
    return pd.DatetimeIndex(np.array(micros, dtype="int64").view("datetime64[us]"), tz="UTC")
