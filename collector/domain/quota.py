"""How much of an allowance is used.

Three cases, because providers count differently. A lifetime allowance is used up by everything the counter ever
said. A counter that resets with the period says itself what the period used, even if we began to look in its middle.
Any other counter has used, in this period, what it grew since the period began, as far as we saw.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from collector.domain.accounts import Agreement, Quota, Resets
from collector.domain.instants import micros_of
from collector.domain.periods import Period, period_at


@dataclass(frozen=True, slots=True)
class Allowance:
    """A quota and the window it is for; ``period`` is None for a lifetime allowance."""

    quota: Quota
    period: Period | None


@dataclass(frozen=True, slots=True)
class Used:
    """What is used of an allowance, in the meter's smallest unit.

    Attributes:
        amount: Units used; a lower limit unless ``complete``.
        complete: False where the history begins after the allowance's window did.
    """

    amount: int
    complete: bool


def allowance_at(agreement: Agreement, meter: str, now: datetime) -> Allowance | None:
    """Return the allowance of ``meter`` in force at ``now``, or None where no quota is declared."""
    quota = agreement.terms_of(meter).quota
    if quota is None:
        return None
    return Allowance(quota, None if quota.lifetime else period_at(now, agreement.billing, agreement.zone))


@dataclass(frozen=True, slots=True)
class Standing:
    """A meter's totals needed to know what is used.

    Attributes:
        at_start: The total at the start of the allowance's period.
        latest: The total at the last good snapshot.
        value: The counter's own last good value.
        first_at, last_at: When the first value was observed and the last one confirmed, microseconds since 1970 UTC.
    """

    at_start: int
    latest: int
    value: int
    first_at: int
    last_at: int


def used_of(allowance: Allowance, standing: Standing, resets: Resets) -> Used:
    """Return how much of ``allowance`` is used."""
    if allowance.period is None:
        return Used(standing.latest, complete=True)
    start = micros_of(allowance.period.start)
    if resets is Resets.PERIOD:
        return Used(standing.value if standing.last_at >= start else 0, complete=True)
    return Used(standing.latest - standing.at_start, complete=standing.first_at <= start)
