"""What a report is asked: which accounts and meters, which local dates, in whose days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from collector.domain.accounts import Agreement
from collector.domain.calendar import day_of


@dataclass(frozen=True, slots=True)
class Question:
    """One question to the ledger.

    Attributes:
        now: The instant at which it is asked.
        agreements: What is declared, by account; an account without an entry has its recorded zone and no terms.
        accounts, meters: Names to restrict the answer to; None means all.
        start, end: Local dates, half-open; None means as far as the history goes.
        last_days: The last so many local days including today, instead of ``start``.
        zone: Whose midnights make a day, instead of the accounts' own.
        as_of: Reports on where things stand tell how they stood at this instant, a midnight of the days asked for;
            None means now.
    """

    now: datetime
    agreements: Mapping[str, Agreement] = field(default_factory=dict)
    accounts: tuple[str, ...] | None = None
    meters: tuple[str, ...] | None = None
    start: date | None = None
    end: date | None = None
    last_days: int | None = None
    zone: ZoneInfo | None = None
    as_of: datetime | None = None

    @property
    def stood_at(self) -> datetime:
        """The instant at which things stood as they are asked for, never later than now."""
        return self.now if self.as_of is None else min(self.now, self.as_of)

    def agreement_of(self, account: str, recorded_zone: str) -> Agreement:
        """Return what holds for ``account`` in this question, in the zone whose midnights make its days."""
        known = self.agreed_with(account, recorded_zone)
        return known if self.zone is None else replace(known, zone=self.zone)

    def agreed_with(self, account: str, recorded_zone: str) -> Agreement:
        """Return what is agreed with ``account``: its billing periods begin in its own zone, whoever asks."""
        return self.agreements.get(account) or Agreement(ZoneInfo(recorded_zone))

    def dates(self, zone: ZoneInfo) -> tuple[date | None, date | None]:
        """Return the asked range of local dates ``[start, end)`` in ``zone``; None where it is open."""
        if self.last_days is None:
            return self.start, self.end
        today = day_of(self.now, zone)
        start = today - timedelta(days=self.last_days - 1)
        return start if self.start is None else max(start, self.start), self.end
