"""What an account and its meters are: the operator's terms as plain values.

An account is one set of credentials at a provider under a name of the user's choice. Neither founding provider
says when its counter resets, so ``Resets.UNKNOWN`` is a state of its own and never means "monthly".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal, localcontext
from enum import StrEnum
from zoneinfo import ZoneInfo

from collector.domain.money import EXACT
from collector.domain.periods import Billing
from collector.domain.prices import Price
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


class Counts(StrEnum):
    """What one request of the provider's list adds to a meter: one when it is made, or the credits it used."""

    REQUESTS = "requests"
    CREDITS = "credits"


@dataclass(frozen=True, slots=True)
class Meter:
    """One measured quantity of a provider's accounts.

    Attributes:
        name: The vocabulary's name, such as ``credits``.
        unit: What one unit is called.
        scale: Decimal places of the smallest stored unit; 0 means whole units.
        counts: What a listed request adds to it; None where requests do not tell.
    """

    name: str
    unit: str
    scale: int = 0
    kind: MeterKind = MeterKind.COUNTER
    counts: Counts | None = None


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
    """What the operator declared about one meter of one account.

    Attributes:
        prices: By the day they begin; empty where none is declared.
        max_per_hour: Growth of more units within an hour is a spike; None lets the bound be learned.
    """

    quota: Quota | None = None
    resets: Resets = Resets.UNKNOWN
    prices: tuple[Price, ...] = ()
    max_per_hour: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Tolerance:
    """By how much an invoice may differ from the ledger: the larger of an absolute limit and a share of what is billed.

    Attributes:
        quantity: Whole units.
        amount: Money of the account's currency.
        percent: Of what was billed, 0 to 100; it holds for quantities and for amounts.
    """

    quantity: int = 0
    amount: Decimal = Decimal(0)
    percent: Decimal = Decimal(0)

    def allows_quantity(self, difference: Decimal, billed: Decimal) -> bool:
        """Return True if quantities may differ by ``difference`` where ``billed`` units are on the invoice."""
        return self._allows(difference, billed, Decimal(self.quantity))

    def allows_amount(self, difference: Decimal, billed: Decimal) -> bool:
        """Return True if amounts may differ by ``difference`` where ``billed`` is on the invoice."""
        return self._allows(difference, billed, self.amount)

    def _allows(self, difference: Decimal, billed: Decimal, absolute: Decimal) -> bool:
        with localcontext(EXACT):
            return abs(difference) <= max(absolute, abs(billed) * self.percent / 100)


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a report must know of an account: whose midnights make its days, its periods and its terms."""

    zone: ZoneInfo
    billing: Billing = field(default_factory=Billing)
    terms: Mapping[str, MeterTerms] = field(default_factory=dict)
    tolerance: Tolerance = field(default_factory=Tolerance)

    def terms_of(self, meter: str) -> MeterTerms:
        """Return what was declared about ``meter``, or the defaults."""
        return self.terms.get(meter, MeterTerms())


@dataclass(frozen=True, slots=True)
class Account:
    """One account as configured: whom to ask, how often, and what its days and periods are.

    Attributes:
        zone: Whose midnights make a day.
        poll_every: The longest time between two polls.
        poll_every_min: The shortest, while a burst of requests is watched; None for the same as ``poll_every``.
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
    poll_every_min: timedelta | None = None
    tolerance: Tolerance = field(default_factory=Tolerance)

    @property
    def agreement(self) -> Agreement:
        """The account as a report sees it: without address and key."""
        return Agreement(self.zone, self.billing, self.terms, self.tolerance)
