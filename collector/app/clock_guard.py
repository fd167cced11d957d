"""Tells a clock that cannot be right: values of another age would keep every later poll out.

Public: ``ClockGuard``, ``require_age``.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from collector.errors import ImplausibleClockError

_TEN_YEARS = timedelta(days=3653)
# A machine without a battery begins in 1970 or when its system was built; no clock of this century's end is believed.
_FIRST_YEAR, _LAST_YEAR = 2024, 2090


def require_age(now: datetime, newest: datetime | None, what: str) -> None:
    """Make sure that ``now`` can be right.

    Args:
        now: What the clock says.
        newest: The newest instant known.
        what: What that was of, in words.

    Raises:
        ImplausibleClockError: It is before 2024, after 2089, or ten years after the newest instant.
    """
    says = f"the clock says {now:%Y-%m-%d %H:%M}Z"
    if newest is not None and now - newest > _TEN_YEARS:
        raise ImplausibleClockError(
            f"{says}, ten years after {what}, which is of {newest:%Y-%m-%d %H:%M}Z; set the clock"
        )
    if not _FIRST_YEAR <= now.year < _LAST_YEAR:
        raise ImplausibleClockError(f"{says}, which cannot be; set the clock")


class ClockGuard:
    """Compares the clock with what it said before.

    Args:
        now: What it says at first, when it was held against what is stored.
    """

    def __init__(self, now: datetime) -> None:
        self._newest = now

    def require(self, now: datetime) -> None:
        """Make sure that ``now`` can be right.

        Raises:
            ImplausibleClockError: It is of another age; nothing may be stored by it.
        """
        require_age(now, self._newest, "what it said before")
        self._newest = max(now, self._newest)
