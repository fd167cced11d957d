"""Puts the parts together: settings, database, HTTP client, and who is to be polled."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import platformdirs

from collector.app.clock import SystemClock
from collector.config import AccountSettings, Settings, find_config, load
from collector.domain.accounts import Account, Agreement
from collector.domain.instants import instant_of
from collector.errors import ClockError, UsageError
from collector.http import HttpClient, HttpSettings
from collector.polling.one_poll import Target
from collector.providers import provider_named
from collector.store.accounts import register
from collector.store.engine import Database
from collector.store.reading import meters
from collector.store.revision import require_head
from collector.store.terms import bring_terms
from collector.store.writing import CLOCK_IS_WRONG

DISTRIBUTION = "usage-collector"


def program_version() -> str:
    """Return the installed version, or ``0`` where the program runs without being installed."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "0"


def load_settings(config: Path | None, environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings found from ``config`` on, in the documented order.

    Raises:
        ConfigError: There are none, or they are wrong.
    """
    environ = os.environ if environ is None else environ
    user_folder = Path(platformdirs.user_config_dir(DISTRIBUTION))
    return load(find_config(config, environ, Path.cwd(), user_folder), environ)


def open_database(settings: Settings) -> Database:
    """Return the configured database, which must exist and have this program's schema.

    Where the settings' zones, billing periods or declarations of resets changed, falls are decided again first.

    Raises:
        StorageError: It is missing or cannot be used.
        RevisionError: Its schema is older or newer.
    """
    database = Database(settings.database_url, pool_size=settings.collector.workers + 2)
    require_head(database)
    bring_terms(database, agreements(settings), SystemClock().now())
    return database


def require_plausible_clock(database: Database, now: datetime) -> None:
    """Make sure that the clock is not far behind what is stored.

    Raises:
        ClockError: It is more than a day behind the newest value.
    """
    with database.read() as connection:
        newest = max((instant_of(row.last_at) for row in meters(connection)), default=None)
    if newest is not None and newest - now > CLOCK_IS_WRONG:
        raise ClockError(
            f"the clock says {now:%Y-%m-%d %H:%M}Z, but there are values of {newest:%Y-%m-%d %H:%M}Z; set the clock"
        )


def http_client(settings: Settings, clock: SystemClock) -> HttpClient:
    """Return the door to the network as configured."""
    return HttpClient(
        user_agent=f"{DISTRIBUTION}/{program_version()}",
        now=clock.now,
        monotonic=clock.monotonic,
        wait=clock.wait,
        settings=HttpSettings(
            deadline=settings.collector.deadline,
            ca_bundle=settings.collector.ca_bundle,
            proxy=settings.collector.proxy,
        ),
    )


def lease_length(settings: Settings) -> timedelta:
    """Return how long a lease is taken for: twice the deadline of one attempt."""
    return 2 * settings.collector.deadline


def chosen(settings: Settings, names: Sequence[str]) -> list[AccountSettings]:
    """Return the configured accounts called ``names``, each once, or all.

    Raises:
        UsageError: A name is not configured, or no account is.
    """
    known = {account.name: account for account in settings.accounts}
    unknown = [name for name in names if name not in known]
    if unknown:
        have = ", ".join(sorted(known)) or "none"
        raise UsageError(f"no account is called {unknown[0]!r} in {settings.path} (configured: {have})")
    if not known:
        raise UsageError(f"{settings.path} configures no account; add an [[accounts]] table")
    return [known[name] for name in dict.fromkeys(names)] if names else list(settings.accounts)


def configured_meters(settings: Settings) -> set[str]:
    """Return the names of the meters that the configured accounts have."""
    return {meter.name for one in settings.accounts for meter in provider_named(one.provider).meters}


def agreements(settings: Settings) -> dict[str, Agreement]:
    """Return what is declared, by account; no key is needed for it."""
    return {one.name: Agreement(one.zone, one.billing, one.terms, one.tolerance) for one in settings.accounts}


def targets(database: Database, accounts: Iterable[Account]) -> list[Target]:
    """Return whom to poll, with their rows; new accounts and meters are recorded.

    Raises:
        ConfigError: An account's name was used for another provider before.
    """
    pairs = [(account, provider_named(account.provider)) for account in accounts]
    rows = register(database, [(account, provider.meters) for account, provider in pairs])
    return [Target(account, provider, rows[account.name]) for account, provider in pairs]
