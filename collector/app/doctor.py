"""Examines whether everything is in place, and names a fix for each fault.

Each check stands alone and is told in one line; a check that needs an earlier one that failed is left out. Nothing is
stored: asking the providers here leaves no poll behind.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from collector.app.clock import SystemClock
from collector.app.collectors import collector_words, collectors_of, trouble_words
from collector.app.scheduled.examining import faults_of, notice_faults
from collector.app.state_folder import faults_of_state, state_of
from collector.app.wiring import http_client, open_database, require_plausible_clock, require_writable_file
from collector.config import Settings, double_counting
from collector.domain.accounts import Account
from collector.errors import ClockError, CollectorError, ConfigError, StorageError
from collector.http import HttpClient
from collector.polling.asking import ask, skew_of
from collector.polling.redaction import Redactor
from collector.providers import provider_named
from collector.store.engine import Database

_LEAST_DISK = 200 * 1024 * 1024


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
    """Check settings, keys, database, clock, disk, scheduled reports and providers, in this order."""
    try:
        settings = read_settings()
    except CollectorError as error:
        return [Finding("settings", False, str(error), error.exit_code)]
    findings = [Finding("settings", True, f"{settings.path}: {len(settings.accounts)} accounts")]
    findings += [Finding("settings", True, f"note: {one}") for one in settings.warnings]
    findings += [Finding("settings", True, f"note: {one}") for one in double_counting(settings, environ)]
    accounts, faults = _accounts(settings, environ)
    findings += faults
    clock = SystemClock()
    findings += _storage(settings, clock)
    findings += _reports(settings, environ)
    findings += _notices(settings, environ)
    findings += _dashboard(settings, environ)
    findings += _providers(settings, accounts, clock)
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


def _storage(settings: Settings, clock: SystemClock) -> Iterator[Finding]:
    try:
        risk = require_writable_file(settings)
        database = open_database(settings)
    except CollectorError as error:
        yield Finding("database", False, str(error), error.exit_code)
        return
    try:
        yield Finding("database", True, f"{database.place}: schema is current")
        if risk is not None:
            yield Finding("database", False, risk, ConfigError.exit_code)
        yield _clock(database, clock)
        yield from _collectors(database, clock)
        yield from _state(settings, database)
        if database.path is not None:
            yield _disk(database.path)
    except CollectorError as error:
        yield Finding("database", False, str(error), error.exit_code)
    finally:
        database.close()


def _clock(database: Database, clock: SystemClock) -> Finding:
    now = clock.now()
    try:
        require_plausible_clock(database, now)
    except ClockError as error:
        return Finding("clock", False, str(error), error.exit_code)
    return Finding("clock", True, f"{now:%Y-%m-%d %H:%M:%S}Z, not before the newest value")


def _collectors(database: Database, clock: SystemClock) -> Iterator[Finding]:
    """Tell of each collector that runs; one that was killed is a fault only while no other has taken its place."""
    rows, now = collectors_of(database), clock.now()
    lives = not all(one.is_silent(now) for one in rows)
    for row in rows:
        silent, words = row.is_silent(now), collector_words(row, now)
        if silent and not lives:
            words = f"{words}; start `collector run` again"
        yield Finding("collector", lives if silent else not row.troubles, words, CollectorError.exit_code)
        if not silent:
            for name in row.troubles:
                yield Finding("collector", False, f"{name}: {trouble_words(name)}", CollectorError.exit_code)


def _state(settings: Settings, database: Database) -> Iterator[Finding]:
    state = state_of(settings, database)
    faults = list(faults_of_state(state, database))
    for fault in faults:
        yield Finding("state", False, str(fault), fault.exit_code)
    if not faults:
        yield Finding("state", True, f"no poll waits in {state.path}, and the database has all that it acknowledged")


def _disk(path: Path) -> Finding:
    free = shutil.disk_usage(path.parent).free
    if free < _LEAST_DISK:
        message = f"only {free // 1_000_000} MB are free beside {path}; make room"
        return Finding("disk", False, message, StorageError.exit_code)
    return Finding("disk", True, f"{free // 1_000_000_000} GB free beside {path}")


def _reports(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    for report in settings.reports:
        faults = list(faults_of(report, environ))
        for error in faults:
            words = str(error) if f"report {report.name}" in str(error) else f"report {report.name}: {error}"
            yield Finding("report", False, words, error.exit_code)
        if not faults:
            named = f", {len(report.targets)} to send to" if report.targets else ""
            yield Finding("report", True, f"{report.name}: {report.folder} can be written{named}")


def _notices(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    faults = list(notice_faults(settings.faults_to, environ)) if settings.faults_to else []
    for error in faults:
        yield Finding("notices", False, f"notify.faults_to: {error}", error.exit_code)
    if settings.faults_to and not faults:
        yield Finding("notices", True, f"faults are told to {len(settings.faults_to)}")


def _dashboard(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    try:
        token = settings.serve.token(environ)
    except CollectorError as error:
        yield Finding("serve", False, str(error), error.exit_code)
    else:
        if token is not None:
            yield Finding("serve", True, "the dashboard wants a token, which is there")


def _providers(settings: Settings, accounts: Sequence[Account], clock: SystemClock) -> Iterator[Finding]:
    try:
        client = http_client(settings, clock)
    except CollectorError as error:
        yield Finding("network", False, str(error), error.exit_code)
        return
    try:
        for account in accounts:
            yield from _provider(account, client)
    finally:
        client.close()


def _provider(account: Account, client: HttpClient) -> Iterator[Finding]:
    provider = provider_named(account.provider)
    try:
        heard = ask(client, account, provider)
    except CollectorError as error:
        words = Redactor([account.key]).text(str(error))
        yield Finding("provider", False, f"account {account.name}: {words}", error.exit_code)
        return
    counters = ", ".join(f"{name} {value:,}" for name, value in heard.answer.counters.items())
    yield Finding("provider", True, f"account {account.name}: {provider.title} answers: {counters}")
    skew = skew_of(heard.got)
    if skew is not None:
        seconds = skew.total_seconds()
        words = f"our clock is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} the provider's"
        yield Finding("clock", False, f"account {account.name}: {words}; synchronise it", ClockError.exit_code)
