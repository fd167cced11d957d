"""One account's settings: checked against its provider and each other, and turned into domain values.

Public: ``account_faults``, ``account_settings`` and ``quickest_interval``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

from collector.config.addresses import is_loopback
from collector.config.diagnosis import Fault
from collector.config.durations import format_duration
from collector.config.keyrings import KeyringEntry
from collector.config.keys import KeySource
from collector.config.model import LARGEST_QUANTITY, AccountTable, BillingTable, LifetimeQuota, MeterTable
from collector.config.prices import price_faults, prices_of
from collector.config.settings import AccountSettings
from collector.config.wording import SettingPath, found, one_of
from collector.domain.accounts import Meter, MeterTerms, Quota, Resets, Tolerance
from collector.domain.periods import Billing, PeriodKind
from collector.providers.contract import Provider

LONGEST_INTERVAL = timedelta(hours=24)
SHORTEST_INTERVAL = timedelta(seconds=10)
SHORTEST_INTERVAL_ON_LOOPBACK = timedelta(seconds=1)

_LAST_ANCHOR_DAY = {PeriodKind.WEEKLY: 7, PeriodKind.MONTHLY: 31, PeriodKind.YEARLY: 31}


def account_faults(table: AccountTable, where: SettingPath, providers: Mapping[str, Provider]) -> Iterator[Fault]:
    """Yield what is wrong with an account whose single values are right."""
    yield from _billing_faults(table.billing, (*where, "billing"))
    provider = providers.get(table.provider)
    if provider is None:
        yield Fault((*where, "provider"), one_of(table.provider, providers))
        return
    yield from _interval_faults(table, where, table.base_url or provider.base_url)
    meters = {meter.name: meter for meter in provider.meters}
    for name, terms in table.meters.items():
        place = (*where, "meters", name)
        if name in meters:
            yield from _meter_faults(terms, place, meters[name], table.billing.period)
            yield from price_faults(terms, place, table.billing)
        else:
            yield Fault(place, f"is no meter of {provider.name}; the name {one_of(name, meters)}")


def account_settings(table: AccountTable, provider: Provider, located: Callable[[str], Path]) -> AccountSettings:
    """Return the account of a table without faults; ``located`` makes a path of the file absolute."""
    meters = {meter.name: meter for meter in provider.meters}
    billing = table.billing
    base_url = table.base_url or provider.base_url
    return AccountSettings(
        name=table.name,
        provider=table.provider,
        base_url=base_url,
        zone=table.timezone,
        poll_every=table.poll_every,
        poll_every_min=table.poll_every_min or quickest_interval(table.poll_every, base_url),
        billing=Billing(billing.period, billing.anchor_day, billing.anchor_month, billing.currency),
        terms={name: _terms(terms, meters[name], billing.currency) for name, terms in table.meters.items()},
        tolerance=Tolerance(billing.tolerance.quantity, billing.tolerance.amount, billing.tolerance.percent),
        allow_close_delimited=table.allow_close_delimited,
        key_source=_key_source(table, provider, located),
    )


def quickest_interval(poll_every: timedelta, base_url: str) -> timedelta:
    """Return the shortest interval of an account that names none: a tenth of ``poll_every``, in whole seconds.

    It is not below the shortest interval allowed at ``base_url``, and not above ``poll_every``.
    """
    tenth = timedelta(seconds=poll_every // timedelta(seconds=10))
    return min(poll_every, max(tenth, _shortest_interval(base_url)))


def _key_source(table: AccountTable, provider: Provider, located: Callable[[str], Path]) -> KeySource:
    if table.api_key is None:
        return KeySource(env=provider.key_env)
    if table.api_key.keyring is not None:
        return KeySource(entry=KeyringEntry(table.api_key.keyring, table.api_key.username or table.name))
    if table.api_key.file is None:
        return KeySource(env=table.api_key.env)
    return KeySource(file=located(table.api_key.file))


def _billing_faults(billing: BillingTable, where: SettingPath) -> Iterator[Fault]:
    last = _LAST_ANCHOR_DAY.get(billing.period, 1)
    if billing.anchor_day > last:
        allowed = f"must be from 1 to {last}" if last > 1 else "has no meaning"
        yield Fault(
            (*where, "anchor_day"), f'{allowed} with billing.period "{billing.period}"; found {billing.anchor_day}'
        )
    if billing.anchor_month > 1 and billing.period is not PeriodKind.YEARLY:
        yield Fault((*where, "anchor_month"), f'has no meaning with billing.period "{billing.period}", only "yearly"')


def _interval_faults(table: AccountTable, where: SettingPath, base_url: str) -> Iterator[Fault]:
    shortest = _shortest_interval(base_url)
    if not shortest <= table.poll_every <= LONGEST_INTERVAL:
        spelling = found(format_duration(table.poll_every))
        yield Fault((*where, "poll_every"), f"must be from {format_duration(shortest)} to 24h; found {spelling}")
    elif table.poll_every_min is not None and not shortest <= table.poll_every_min <= table.poll_every:
        spelling = found(format_duration(table.poll_every_min))
        allowed = f"{format_duration(shortest)} to poll_every, {format_duration(table.poll_every)}"
        yield Fault((*where, "poll_every_min"), f"must be from {allowed}; found {spelling}")


def _shortest_interval(base_url: str) -> timedelta:
    return SHORTEST_INTERVAL_ON_LOOPBACK if is_loopback(base_url) else SHORTEST_INTERVAL


def _meter_faults(terms: MeterTable, where: SettingPath, meter: Meter, period: PeriodKind) -> Iterator[Fault]:
    quota = _quota(terms, meter)
    if quota and quota.amount > LARGEST_QUANTITY:
        yield Fault((*where, "quota"), f"must be below 2^63 / 10^{meter.scale} for this meter")
    if period is not PeriodKind.NONE:
        return
    if quota and not quota.lifetime:
        yield Fault(
            (*where, "quota"),
            "is per billing period, but the account has none; set billing.period, or write { lifetime = "
            f"{quota.amount} }} for a prepaid allowance",
        )
    if terms.resets is Resets.PERIOD:
        yield Fault((*where, "resets"), 'cannot be "period", because the account has none; set billing.period')


def _terms(terms: MeterTable, meter: Meter, currency: str | None) -> MeterTerms:
    return MeterTerms(
        quota=_quota(terms, meter),
        resets=terms.resets,
        prices=prices_of(terms, currency),
        max_per_hour=terms.max_per_hour,
    )


def _quota(terms: MeterTable, meter: Meter) -> Quota | None:
    if terms.quota is None:
        return None
    if isinstance(terms.quota, LifetimeQuota):
        return Quota(terms.quota.lifetime * 10**meter.scale, lifetime=True)
    return Quota(terms.quota * 10**meter.scale)
