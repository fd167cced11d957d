"""What an account and its meters are: the operator's terms as plain values.

An account is one set of credentials at a provider under a name of the user's choice. Neither founding provider
says when its counter resets, so ``Resets.UNKNOWN`` is a state of its own and never means "monthly".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from collector.domain.periods import Billing
from collector.domain.secret import Secret


class MeterKind(StrEnum):
    """How a meter's value moves: a counter only grows until it resets, a gauge may fall."""

    COUNTER = "counter"
    GAUGE = "gauge"


class Resets(StrEnum):
    """What the provider does to a counter when a billing period ends."""

    NEVER = "never"
    PERIOD = "period"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Meter:
    """One measured quantity of a provider's accounts.

    Attributes:
        name: The vocabulary's name, such as ``credits``.
        unit: What one unit is called.
        scale: Decimal places of the smallest stored unit; 0 means whole units.
    """

    name: str
    unit: str
    scale: int = 0
    kind: MeterKind = MeterKind.COUNTER


@dataclass(frozen=True, slots=True)
class Quota:
    """An allowance, in the meter's smallest unit.

    Attributes:
        amount: How much may be used.
        lifetime: True for a prepaid allowance, False for one that renews with every billing period.
    """

    amount: int
    lifetime: bool = False


@dataclass(frozen=True, slots=True)
class MeterTerms:
    """What the operator declared about one meter of one account."""

    quota: Quota | None = None
    resets: Resets = Resets.UNKNOWN
    price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a report must know of an account: whose midnights make its days, its periods and its terms."""

    zone: ZoneInfo
    billing: Billing = field(default_factory=Billing)
    terms: Mapping[str, MeterTerms] = field(default_factory=dict)

    def terms_of(self, meter: str) -> MeterTerms:
        """Return what was declared about ``meter``, or the defaults."""
        return self.terms.get(meter, MeterTerms())


@dataclass(frozen=True, slots=True)
class Account:
    """One account as configured: whom to ask, how often, and what its days and periods are.

    Attributes:
        zone: Whose midnights make a day.
        poll_every: The longest time between two polls.
        terms: Declared terms by meter name; a meter without an entry has the defaults.
    """

    name: str
    provider: str
    base_url: str
    key: Secret
    zone: ZoneInfo
    poll_every: timedelta
    billing: Billing
    terms: Mapping[str, MeterTerms] = field(default_factory=dict)
    allow_close_delimited: bool = False

    @property
    def agreement(self) -> Agreement:
        """The account as a report sees it: without address and key."""
        return Agreement(self.zone, self.billing, self.terms)
