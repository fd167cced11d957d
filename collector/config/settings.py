"""The settings as the rest of the program sees them: plain values, checked, with absolute paths.

Public: ``Settings``, ``AccountSettings``, ``CollectorSettings``, ``double_counting``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from collector.config.keys import KeySource
from collector.config.reports import ReportSettings, TargetSource
from collector.config.serving import ServeSettings
from collector.domain.accounts import Account, MeterTerms, Tolerance
from collector.domain.periods import Billing
from collector.domain.secret import Secret
from collector.errors import ConfigError


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """An account as configured, without its key.

    Attributes:
        zone: Whose midnights make a day.
        poll_every: The longest time between two polls.
        poll_every_min: The shortest, while a burst of requests is watched.
        terms: Declared terms by meter name; a meter without an entry has the defaults.
        tolerance: By how much an invoice may differ.
        key_source: Where the key is kept.
    """

    name: str
    provider: str
    base_url: str
    zone: ZoneInfo
    poll_every: timedelta
    poll_every_min: timedelta
    billing: Billing
    terms: Mapping[str, MeterTerms]
    tolerance: Tolerance
    allow_close_delimited: bool
    key_source: KeySource

    def account(self, environ: Mapping[str, str]) -> Account:
        """Return the account with the key as it is now.

        Raises:
            ConfigError: There is no usable key; the message names the account and the place, never the key.
        """
        try:
            key = self.key_source.read(environ)
        except ConfigError as error:
            raise ConfigError(f"account {self.name}: {error}") from None
        return Account(
            name=self.name,
            provider=self.provider,
            base_url=self.base_url,
            key=key,
            zone=self.zone,
            poll_every=self.poll_every,
            poll_every_min=self.poll_every_min,
            billing=self.billing,
            terms=self.terms,
            tolerance=self.tolerance,
            allow_close_delimited=self.allow_close_delimited,
        )


@dataclass(frozen=True, slots=True)
class CollectorSettings:
    """How the collector itself works.

    Attributes:
        deadline: The longest time one attempt to ask may take.
        ca_bundle: Certificates to trust instead of the usual ones.
        proxy: Through which address to ask; it may hold a password, so it is left out of ``repr``.
        workers: How many accounts are asked at the same time.
        allow_private: Whether reports may be sent to addresses of private networks.
        allow_network_filesystem: Whether SQLite's file may lie on another machine's disk.
        busy_timeout: How long a writer waits for another one's transaction.
        connect_patience: How long a PostgreSQL server may be away when we start.
        state_folder: Where what this machine must remember is kept; None means beside the database.
        spool_limit: How many bytes of polls that could not be stored are kept.
    """

    deadline: timedelta
    ca_bundle: Path | None
    proxy: str | None = field(repr=False)
    workers: int
    allow_private: bool = False
    allow_network_filesystem: bool = False
    busy_timeout: timedelta = timedelta(seconds=30)
    connect_patience: timedelta = timedelta(seconds=60)
    state_folder: Path | None = None
    spool_limit: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that was configured.

    Attributes:
        path: The file it was read from.
        database_url: Where the history is kept; it may hold a password, so it is left out of ``repr``.
        warnings: What is allowed but probably not meant, one sentence each.
        reports: What is made on schedule.
        faults_to: Who is told of faults.
        serve: The dashboard.
    """

    path: Path
    database_url: str = field(repr=False)
    accounts: tuple[AccountSettings, ...]
    warnings: tuple[str, ...]
    collector: CollectorSettings
    reports: tuple[ReportSettings, ...] = ()
    faults_to: tuple[TargetSource, ...] = ()
    serve: ServeSettings = field(default_factory=ServeSettings)


def double_counting(settings: Settings, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return a warning for each key that several accounts ask the same address with.

    Accounts whose key cannot be read are left out: whoever polls them is told why.
    """
    users: dict[tuple[str, Secret], list[str]] = defaultdict(list)
    for account in settings.accounts:
        try:
            users[account.base_url, account.key_source.read(environ)].append(account.name)
        except ConfigError:
            continue
    return tuple(
        f"accounts {', '.join(names)} use the same key at {url}: their usage will double count if summed"
        for (url, _), names in users.items()
        if len(names) > 1
    )
