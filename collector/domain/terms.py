"""By what the falls of an account's counters are decided: its zone, its billing periods, what is declared to reset.

Decisions are derived from facts and these terms alone, so the terms are kept with the facts, as one canonical text:
where the settings say something else, everything that was decided is derived again. Rule for editors: what is added
here must change the text only where it is used, or every history would be folded again after an upgrade.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from collector.domain.accounts import Agreement, Resets
from collector.domain.falls import Terms
from collector.domain.instants import instant_of, micros_of
from collector.domain.periods import Billing, Period, PeriodKind, period_at


@dataclass(frozen=True, slots=True)
class FallTerms:
    """What an account's falls are decided by.

    Attributes:
        billing: Its currency plays no part and is not kept.
        resets: What each meter is declared to do; a meter that is not named may do anything.
    """

    zone: ZoneInfo
    billing: Billing = field(default_factory=Billing)
    resets: Mapping[str, Resets] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The canonical text: equal terms have equal texts."""
        billing = self.billing
        declared = {name: each.value for name, each in sorted(self.resets.items()) if each is not Resets.UNKNOWN}
        return json.dumps([self.zone.key, billing.kind.value, billing.anchor_day, billing.anchor_month, declared])

    def of_meter(self, meter: str) -> Terms:
        """Return how one meter may fall, with its account's billing boundaries."""
        return Terms(self.resets.get(meter, Resets.UNKNOWN), _Boundaries(self.billing, self.zone).last_between)


def fall_terms(agreement: Agreement) -> FallTerms:
    """Return by what the falls of an account with ``agreement`` are decided."""
    return FallTerms(agreement.zone, agreement.billing, {name: terms.resets for name, terms in agreement.terms.items()})


def parse_fall_terms(text: str) -> FallTerms:
    """Return the terms of a canonical text."""
    zone, kind, anchor_day, anchor_month, declared = json.loads(text)
    return FallTerms(
        ZoneInfo(zone),
        Billing(PeriodKind(kind), anchor_day, anchor_month),
        {name: Resets(each) for name, each in declared.items()},
    )


class _Boundaries:
    """Looks up starts of periods; neighbouring questions are about the same period, so it is remembered."""

    __slots__ = ("_billing", "_end", "_start", "_zone")

    def __init__(self, billing: Billing, zone: ZoneInfo) -> None:
        self._billing, self._zone = billing, zone
        self._start = self._end = 0

    def last_between(self, after: int, until: int) -> int | None:
        """Return the last start of a period in ``(after, until]``, or None; microseconds since 1970 UTC."""
        if not self._start <= until < self._end:
            period = period_at(instant_of(until), self._billing, self._zone)
            if period is None:
                return None
            self._remember(period)
        return self._start if self._start > after else None

    def _remember(self, period: Period) -> None:
        # The end first: another thread may look in between, and must not find a period that never was.
        self._end = 0
        self._start = micros_of(period.start)
        self._end = micros_of(period.end)
