"""Durations as people write them: a whole number and one unit, ``30s``, ``5m``, ``6h``, ``1d``.

A day is 24 hours here: these are waiting times, not calendar days.

Public: ``parse_duration``, ``format_duration``.
"""

from __future__ import annotations

import re
from datetime import timedelta

from collector.config.wording import found
from collector.errors import ConfigError

_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}

# Nine digits of days are the longest timedelta there is.
_DURATION = re.compile(r"([0-9]{1,9})([dhms])")


def parse_duration(text: str) -> timedelta:
    """Return the duration that ``text`` names; zero is a duration.

    Raises:
        ConfigError: The text is not a whole number followed by ``s``, ``m``, ``h`` or ``d``.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ConfigError(f'must be a duration such as "30s", "5m", "6h" or "1d"; found {found(text)}')
    return int(match[1]) * _UNITS[match[2]]


def format_duration(duration: timedelta) -> str:
    """Return ``duration`` in the largest unit that gives a whole number, such as ``90s`` or ``2h``.

    Raises:
        ValueError: The duration is negative or no whole number of seconds.
    """
    for unit, length in _UNITS.items():
        if duration >= length and not duration % length:
            return f"{duration // length}{unit}"
    if duration:
        raise ValueError("a duration is a whole number of seconds, not negative")
    return "0s"
