"""The tables and keys of ``collector.toml``, with the range of each value.

What a single value can be is decided here, with the checks of ``values``; what values can be together (a quota and
its period, a meter and its provider) is decided in ``accounts``, where the providers are known. Every refusal is a
ValueError whose text completes "SETTING …", says what is allowed and, where it cannot be a secret, what was found.

Public: ``ConfigFile`` and the tables below it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, StrictBool, Tag, model_validator

from collector.config.addresses import checked_base_url, checked_database_url, checked_proxy
from collector.config.report_values import (
    Missed,
    ReportFormat,
    checked_cron,
    checked_invoice,
    checked_mail_address,
    checked_subject,
    checked_time,
    checked_weekday,
    true_or_false,
)
from collector.config.serving import ServeTable
from collector.config.values import (
    checked_currency,
    checked_date,
    checked_duration,
    checked_text,
    checked_zone,
    duration_between,
    exact_decimal,
    matching,
    member_of,
    number_of_text,
    quantity,
    unshown_text,
    variable_name,
    whole,
)
from collector.domain.accounts import Resets
from collector.domain.cron import Cron
from collector.domain.periods import PeriodKind
from collector.domain.prices import TierMode
from collector.domain.report_schedule import About, ReportKind

AS_NUMBER = "(number)"
AS_TABLE = "(table)"

LARGEST_QUANTITY = 2**63 - 1

_ACCOUNT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_NAME_CHECK = matching(_ACCOUNT_NAME, "1 to 40 of a-z, 0-9, _ and -, beginning with a letter or digit")


def _no_literal_key(value: object) -> object:
    if not isinstance(value, dict):
        raise ValueError(
            "must name the place of the key, not be the key: this file gets into backups, version control and "
            'tickets; write { env = "NAME_OF_A_VARIABLE" }, { file = "PATH" } or { keyring = "SERVICE" }, and replace '
            "the key if it was shared"
        )
    return value


def _address(check: Callable[[str], str]) -> BeforeValidator:
    return BeforeValidator(lambda value: check(unshown_text(value)))


def _shape_of_quota(value: object) -> str:
    return AS_TABLE if isinstance(value, dict) else AS_NUMBER


class Table(BaseModel):
    """Any table of the file: no key is accepted that is not declared."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LifetimeQuota(Table):
    """``quota = { lifetime = N }``: a prepaid allowance."""

    lifetime: Annotated[int, BeforeValidator(whole(0, LARGEST_QUANTITY))]


_PeriodQuota = Annotated[
    int, BeforeValidator(whole(0, LARGEST_QUANTITY, "a whole number from 0 to 2^63 - 1, or { lifetime = NUMBER }"))
]
_Quota = Annotated[
    Annotated[LifetimeQuota, Tag(AS_TABLE)] | Annotated[_PeriodQuota, Tag(AS_NUMBER)], Discriminator(_shape_of_quota)
]


_PerUnit = Annotated[Decimal, BeforeValidator(exact_decimal("0.004"))]


class TierTable(Table):
    """One of ``tiers``: what a unit costs up to a limit."""

    up_to: Annotated[int, BeforeValidator(whole(1, LARGEST_QUANTITY))] | None = None
    per_unit: _PerUnit


class PriceTable(Table):
    """``[[accounts.meters.NAME.prices]]``: what a meter's units cost from a day on."""

    valid_from: Annotated[date, BeforeValidator(checked_date)] | None = None
    per_unit: _PerUnit | None = None
    included: Annotated[int, BeforeValidator(whole(0, LARGEST_QUANTITY))] = 0
    tiers: list[TierTable] = Field(default_factory=list)
    mode: Annotated[TierMode, BeforeValidator(member_of(TierMode))] = TierMode.GRADUATED
    minimum: Annotated[Decimal, BeforeValidator(exact_decimal("10.00"))] | None = None


class MeterTable(Table):
    """``[accounts.meters.NAME]``: what was agreed on one meter."""

    quota: _Quota | None = None
    resets: Annotated[Resets, BeforeValidator(member_of(Resets))] = Resets.UNKNOWN
    price: _PerUnit | None = None
    prices: list[PriceTable] = Field(default_factory=list)
    max_per_hour: Annotated[Decimal, BeforeValidator(quantity)] | None = None


class ToleranceTable(Table):
    """``[accounts.billing.tolerance]``: by how much an invoice may differ."""

    quantity: Annotated[int, BeforeValidator(whole(0, LARGEST_QUANTITY))] = 0
    amount: Annotated[Decimal, BeforeValidator(exact_decimal("0.01"))] = Decimal(0)
    percent: Annotated[Decimal, BeforeValidator(exact_decimal("0.5", highest=Decimal(100)))] = Decimal(0)


class BillingTable(Table):
    """``[accounts.billing]``: when the account's periods begin."""

    period: Annotated[PeriodKind, BeforeValidator(member_of(PeriodKind))] = PeriodKind.NONE
    anchor_day: Annotated[int, BeforeValidator(whole(1, 31))] = 1
    anchor_month: Annotated[int, BeforeValidator(whole(1, 12))] = 1
    currency: Annotated[str, BeforeValidator(checked_currency)] | None = None
    tolerance: ToleranceTable = ToleranceTable()


class ApiKeyTable(Table):
    """``api_key = { env = … }``, ``{ file = … }`` or ``{ keyring = … }``: where the key is kept."""

    env: Annotated[str, BeforeValidator(variable_name)] | None = None
    file: Annotated[str, BeforeValidator(unshown_text)] | None = None
    keyring: Annotated[str, BeforeValidator(unshown_text)] | None = None
    username: Annotated[str, BeforeValidator(unshown_text)] | None = None

    @model_validator(mode="after")
    def _names_one_place(self) -> ApiKeyTable:
        if [self.env, self.file, self.keyring].count(None) != 2:
            raise ValueError(
                'must name one place: either { env = "NAME" } or { file = "PATH" } or { keyring = "SERVICE" }'
            )
        if self.username is not None and self.keyring is None:
            raise ValueError("takes a username only beside keyring, whose entry it chooses")
        return self


class AccountTable(Table):
    """``[[accounts]]``: one set of credentials at a provider."""

    name: Annotated[
        str,
        BeforeValidator(_NAME_CHECK),
    ]
    provider: Annotated[str, BeforeValidator(checked_text)]
    api_key: Annotated[ApiKeyTable, BeforeValidator(_no_literal_key)] | None = None
    base_url: Annotated[str, _address(checked_base_url)] | None = None
    poll_every: Annotated[timedelta, BeforeValidator(checked_duration)] = timedelta(minutes=5)
    poll_every_min: Annotated[timedelta, BeforeValidator(checked_duration)] | None = None
    timezone: Annotated[ZoneInfo, BeforeValidator(checked_zone)] = Field(default_factory=lambda: ZoneInfo("UTC"))
    allow_close_delimited: StrictBool = False
    billing: BillingTable = BillingTable()
    meters: dict[str, MeterTable] = Field(default_factory=dict)


class DatabaseTable(Table):
    """``[database]``: where the history is kept."""

    url: Annotated[str, _address(checked_database_url)] = "sqlite:///usage.db"
    allow_network_filesystem: Annotated[bool, BeforeValidator(true_or_false)] = False
    busy_timeout: Annotated[
        timedelta, BeforeValidator(duration_between(timedelta(seconds=1), timedelta(minutes=5)))
    ] = timedelta(seconds=30)
    connect_patience: Annotated[
        timedelta, BeforeValidator(duration_between(timedelta(seconds=1), timedelta(hours=1)))
    ] = timedelta(seconds=60)


class HttpTable(Table):
    """``[http]``: how providers are reached."""

    deadline: Annotated[timedelta, BeforeValidator(duration_between(timedelta(seconds=1), timedelta(minutes=5)))] = (
        timedelta(seconds=30)
    )
    ca_bundle: Annotated[str, BeforeValidator(unshown_text)] | None = None
    proxy: Annotated[str, _address(checked_proxy)] | None = None


class DaemonTable(Table):
    """``[daemon]``: how much ``collector run`` does at once."""

    workers: Annotated[int, BeforeValidator(whole(1, 64)), BeforeValidator(number_of_text)] = 8
    state_folder: Annotated[str, BeforeValidator(unshown_text)] | None = None
    spool_limit_mib: Annotated[int, BeforeValidator(whole(1, 65_536)), BeforeValidator(number_of_text)] = 64


class TargetTable(Table):
    """One of ``to``: where the address of a mailbox, channel or webhook is kept."""

    env: Annotated[str, BeforeValidator(variable_name)] | None = None
    file: Annotated[str, BeforeValidator(unshown_text)] | None = None
    url: Annotated[str, BeforeValidator(checked_mail_address)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _address_is_a_place(cls, value: object) -> object:
        return {"url": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _names_one_place(self) -> TargetTable:
        if [self.env, self.file, self.url].count(None) != 2:
            raise ValueError('must name one place: either { env = "NAME" } or { file = "PATH" }')
        return self


class NotifyTable(Table):
    """``[notify]``: how what is sent leaves this machine, and who is told of faults."""

    allow_private: Annotated[bool, BeforeValidator(true_or_false)] = False
    faults_to: list[TargetTable] = Field(default_factory=list)


class ScheduleTable(Table):
    """``schedule = { every = …, at = … }`` or ``{ cron = … }``: when a report is due."""

    every: Annotated[About, BeforeValidator(member_of(About))] | None = None
    at: Annotated[time, BeforeValidator(checked_time)] | None = None
    weekday: Annotated[int, BeforeValidator(checked_weekday)] | None = None
    day: Annotated[int, BeforeValidator(whole(1, 31))] | None = None
    cron: Annotated[Cron, BeforeValidator(checked_cron)] | None = None
    about: Annotated[About, BeforeValidator(member_of(About))] | None = None


class ReportTable(Table):
    """``[[reports]]``: a report that is made on schedule."""

    name: Annotated[str, BeforeValidator(_NAME_CHECK)]
    report: Annotated[ReportKind, BeforeValidator(member_of(ReportKind))]
    schedule: ScheduleTable
    accounts: list[Annotated[str, BeforeValidator(checked_text)]] = Field(default_factory=list)
    meters: list[Annotated[str, BeforeValidator(checked_text)]] = Field(default_factory=list)
    timezone: Annotated[ZoneInfo, BeforeValidator(checked_zone)] | None = None
    formats: Annotated[list[Annotated[ReportFormat, BeforeValidator(member_of(ReportFormat))]], Field(min_length=1)] = (
        Field(default_factory=lambda: [ReportFormat.HTML])
    )
    folder: Annotated[str, BeforeValidator(unshown_text)] = "reports"
    to: list[TargetTable] = Field(default_factory=list)
    subject: Annotated[str, BeforeValidator(checked_subject)] | None = None
    missed: Annotated[Missed, BeforeValidator(member_of(Missed))] = Missed.EACH
    wait_for_data: Annotated[timedelta, BeforeValidator(duration_between(timedelta(), timedelta(days=30)))] = timedelta(
        hours=6
    )
    keep: Annotated[int, BeforeValidator(whole(1, 10_000))] | None = None
    invoice: Annotated[str, BeforeValidator(checked_invoice)] | None = None


class ConfigFile(Table):
    """The whole file."""

    database: DatabaseTable = DatabaseTable()
    http: HttpTable = HttpTable()
    daemon: DaemonTable = DaemonTable()
    notify: NotifyTable = NotifyTable()
    serve: ServeTable = ServeTable()
    reports: list[ReportTable] = Field(default_factory=list)
    accounts: list[AccountTable] = Field(default_factory=list)


Raw = dict[str, Any]
