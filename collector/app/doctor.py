"""Examines whether everything is in place, and names a fix for each fault.

Each check stands alone and is told in one line; a check that needs an earlier one that failed is left out. Nothing is
stored: asking the providers here leaves no poll behind.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from collector.app.clock import SystemClock
from collector.app.wiring import http_client, open_database
from collector.config import Settings, double_counting
from collector.domain.accounts import Account
from collector.domain.instants import instant_of
from collector.errors import AskError, ClockError, CollectorError, StorageError
from collector.http import HttpAnswer, HttpClient
from collector.providers import provider_named
from collector.store.engine import Database
from collector.store.reading import meters

_LEAST_DISK = 200 * 1024 * 1024
_SKEW = timedelta(seconds=60)
_AHEAD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked.

    Attributes:
        check: What was checked.
        ok: Whether it is in order.
        message: What was found and, for a fault, what to do.
        exit_code: What a fault of this kind exits with.
    """

    check: str
    ok: bool
    message: str
    exit_code: int = 0


def examine(read_settings: Callable[[], Settings], environ: Mapping[str, str]) -> list[Finding]:
    """Check settings, keys, database, clock, disk and providers, in this order."""
    try:
        settings = read_settings()
    except CollectorError as error:
        return [Finding("settings", False, str(error), error.exit_code)]
    findings = [Finding("settings", True, f"{settings.path}: {len(settings.accounts)} accounts")]
    findings += [Finding("settings", True, f"note: {one}") for one in settings.warnings]
    findings += [Finding("settings", True, f"note: {one}") for one in double_counting(settings, environ)]
    accounts, faults = _accounts(settings, environ)
    findings += faults
    findings += _storage(settings)
    clock = SystemClock()
    client = http_client(settings, clock)
    try:
        for account in accounts:
            findings += _provider(account, client)
    finally:
        client.close()
    return findings


def _accounts(settings: Settings, environ: Mapping[str, str]) -> tuple[list[Account], list[Finding]]:
    accounts, findings = [], []
    for one in settings.accounts:
        try:
            account = one.account(environ)
        except CollectorError as error:
            findings.append(Finding("key", False, str(error), error.exit_code))
        else:
            accounts.append(account)
            findings.append(Finding("key", True, f"account {one.name}: key …{account.key.fingerprint()}"))
    return accounts, findings


def _storage(settings: Settings) -> Iterator[Finding]:
    try:
        database = open_database(settings)
    except CollectorError as error:
        yield Finding("database", False, str(error), error.exit_code)
        return
    try:
        yield Finding("database", True, f"{database.place}: schema is current")
        yield _clock(database)
        if database.path is not None:
            yield _disk(database.path)
    except CollectorError as error:
        yield Finding("database", False, str(error), error.exit_code)
    finally:
        database.close()


def _clock(database: Database) -> Finding:
    with database.read() as connection:
        newest = max((instant_of(row.last_at) for row in meters(connection)), default=None)
    now = datetime.now(UTC)
    if newest is not None and newest - now > _AHEAD:
        message = (
            f"our clock says {now:%Y-%m-%d %H:%M}Z, but there are values of {newest:%Y-%m-%d %H:%M}Z; set the clock"
        )
        return Finding("clock", False, message, ClockError.exit_code)
    return Finding("clock", True, f"{now:%Y-%m-%d %H:%M:%S}Z, not before the newest value")


def _disk(path: Path) -> Finding:
    free = shutil.disk_usage(path.parent).free
    if free < _LEAST_DISK:
        message = f"only {free // 1_000_000} MB are free beside {path}; make room"
        return Finding("disk", False, message, StorageError.exit_code)
    return Finding("disk", True, f"{free // 1_000_000_000} GB free beside {path}")


def _provider(account: Account, client: HttpClient) -> Iterator[Finding]:
    provider = provider_named(account.provider)
    request = provider.request()
    try:
        got = client.get_json(
            account.base_url.rstrip("/") + request.path,
            key_header=request.key_header,
            key=account.key,
            allow_close_delimited=account.allow_close_delimited,
        )
        answer = provider.parse(got.payload)
    except AskError as error:
        yield Finding("provider", False, f"account {account.name}: {error}", error.exit_code)
        return
    counters = ", ".join(f"{name} {value:,}" for name, value in answer.counters.items())
    yield Finding("provider", True, f"account {account.name}: {provider.title} answers: {counters}")
    yield from _skew(account, got)


def _skew(account: Account, got: HttpAnswer) -> Iterator[Finding]:
    if got.server_date is not None and abs(got.server_date - got.received_at) > _SKEW:
        ahead = (got.received_at - got.server_date).total_seconds()
        message = f"account {account.name}: our clock is {ahead:+.0f} s from the provider's; synchronise it"
        yield Finding("clock", False, message, ClockError.exit_code)
