"""Puts the parts together: settings, database, HTTP client, and who is to be polled."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import platformdirs
import structlog

from collector.app.clock import SystemClock
from collector.app.clock_guard import require_age
from collector.config import AccountSettings, Settings, find_config, load
from collector.domain.accounts import Account, Agreement
from collector.domain.instants import instant_of
from collector.errors import ClockError, DisconnectedError, UsageError
from collector.http import HttpClient, HttpSettings
from collector.polling.one_poll import Target
from collector.providers import provider_named
from collector.store.accounts import register
from collector.store.committing import CLOCK_IS_WRONG, SET_THE_CLOCK
from collector.store.engine import Database, file_of
from collector.store.reading import meters
from collector.store.revision import require_head
from collector.store.sqlite_place import open_to_others, require_local, require_writable
from collector.store.terms import bring_terms

DISTRIBUTION = "usage-collector"
_KNOCK_SECONDS = 1.0


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
    require_local_file(settings)
    busy = settings.collector.busy_timeout.total_seconds()
    database = Database(settings.database_url, pool_size=settings.collector.workers + 2, busy_seconds=busy)
    require_head(database)
    bring_terms(database, agreements(settings), SystemClock().now())
    return database


def require_local_file(settings: Settings) -> None:
    """Make sure that a SQLite database lies on this machine, unless the settings allow another place.

    Raises:
        StorageError: It lies on a network file system.
    """
    path = file_of(settings.database_url)
    if path is not None and not settings.collector.allow_network_filesystem:
        require_local(path)


def require_writable_file(settings: Settings) -> str | None:
    """Make sure that a SQLite database may be written; return what to do if others may do so too, or None.

    Raises:
        StorageError: It, or its folder, can only be read.
    """
    path = file_of(settings.database_url)
    if path is None:
        return None
    require_writable(path)
    return open_to_others(path)


def open_for_polling(settings: Settings, clock: SystemClock | None = None) -> Database:
    """Return the database as ``open_database`` does, sure before anybody is asked that polls can be stored in it.

    A PostgreSQL server that cannot be reached is waited for as long as the settings say.

    Raises:
        StorageError: It is missing, cannot be used or can only be read.
        RevisionError: Its schema is older or newer.
    """
    risk = require_writable_file(settings)
    if risk is not None:
        structlog.get_logger().warning(risk)
    clock = SystemClock() if clock is None else clock
    return _patiently(lambda: open_database(settings), settings, clock)


def _patiently(opened: Callable[[], Database], settings: Settings, clock: SystemClock) -> Database:
    """Try again while the server cannot be reached, about every second."""
    ends = clock.monotonic() + settings.collector.connect_patience.total_seconds()
    told = False
    while True:
        try:
            return opened()
        except DisconnectedError as error:
            if clock.monotonic() >= ends or clock.wait(_KNOCK_SECONDS):
                raise
            if not told:
                structlog.get_logger().warning(f"waiting for the database: {error}")
            told = True


def require_plausible_clock(database: Database, now: datetime) -> None:
    """Make sure that the clock can be right, by what is stored and by when this program can run at all.

    A clock that is far ahead would store values that keep every later poll out, so no ten years of silence
    are believed.

    Raises:
        ClockError: It is more than a day behind the newest value, ten years ahead of it, or in another age.
    """
    with database.read() as connection:
        newest = max((instant_of(row.last_at) for row in meters(connection)), default=None)
    if newest is not None and newest - now > CLOCK_IS_WRONG:
        raise ClockError(
            f"the clock says {now:%Y-%m-%d %H:%M}Z, but there are values of {newest:%Y-%m-%d %H:%M}Z; {SET_THE_CLOCK}"
        )
    require_age(now, newest, "the newest value")


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
