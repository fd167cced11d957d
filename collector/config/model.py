"""The tables and keys of ``collector.toml``, with the range of each value.

What a single value can be is decided here; what values can be together (a quota and its period, a meter and its
provider) is decided in ``accounts``, where the providers are known. Every refusal is a ValueError whose text
completes "SETTING …", says what is allowed and, where it cannot be a secret, what was found.

Public: ``ConfigFile`` and the tables below it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, StrictBool, Tag, model_validator

from collector.config.addresses import checked_base_url, checked_database_url, checked_proxy
from collector.config.durations import format_duration, parse_duration
from collector.config.wording import found, nearest, one_of
from collector.domain.accounts import Resets
from collector.domain.periods import PeriodKind
from collector.errors import ConfigError

AS_NUMBER = "(number)"
AS_TABLE = "(table)"

LARGEST_QUANTITY = 2**63 - 1

# Kept in some systems' zone folders, but not places: leap-second clocks, copies and whatever this machine is set to.
_NO_PLACES = re.compile(r"(posix|right)/.*|localtime|posixrules|Factory", re.DOTALL)

_ACCOUNT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}")
_PRICE = re.compile(r"[0-9]{1,15}(\.[0-9]{1,18})?")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be text in quotes; found {found(value)}")
    return value


def _unshown_text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError("must be text in quotes, not empty")
    return value


def _matching(pattern: re.Pattern[str], allowed: str) -> Callable[[object], str]:
    def check(value: object) -> str:
        text = _text(value)
        if pattern.fullmatch(text) is None:
            raise ValueError(f"must be {allowed}; found {found(text)}")
        return text

    return check


def _whole(lowest: int, highest: int, allowed: str | None = None) -> Callable[[object], int]:
    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise ValueError(f"must be {allowed or f'a whole number from {lowest} to {highest}'}; found {found(value)}")
        return value

    return check


def _number_of_text(value: object) -> object:
    # Environment variables are text; these are the digits that a number can be written with there.
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value) else value


def _member(kind: type[StrEnum]) -> Callable[[object], StrEnum]:
    def check(value: object) -> StrEnum:
        text = _text(value)
        if text not in list(kind):
            raise ValueError(one_of(text, kind))
        return kind(text)

    return check


def _duration(value: object) -> timedelta:
    if not isinstance(value, str):
        raise ValueError(f'must be a duration in quotes such as "30s" or "5m"; found {found(value)}')
    try:
        return parse_duration(value)
    except ConfigError as error:
        raise ValueError(str(error)) from None


def _duration_between(lowest: timedelta, highest: timedelta) -> Callable[[object], timedelta]:
    def check(value: object) -> timedelta:
        duration = _duration(value)
        if not lowest <= duration <= highest:
            allowed = f"{format_duration(lowest)} to {format_duration(highest)}"
            raise ValueError(f"must be from {allowed}; found {found(value)}")
        return duration

    return check


def _zone(value: object) -> ZoneInfo:
    name = _text(value)
    try:
        if _NO_PLACES.fullmatch(name) is None:
            return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        pass
    close = nearest(name, _zone_names())
    hint = f"; did you mean {close}?" if close else ""
    raise ValueError(f'must be the name of a time zone such as "UTC" or "Europe/Berlin"; found {found(name)}{hint}')


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def _price(value: object) -> Decimal:
    if not isinstance(value, str) or _PRICE.fullmatch(value) is None:
        raise ValueError(f'must be an exact decimal in quotes such as "0.004"; found {found(value)}')
    return Decimal(value)


def _no_literal_key(value: object) -> object:
    if not isinstance(value, dict):
        raise ValueError(
            "must name the place of the key, not be the key: this file gets into backups, version control and "
            'tickets; write { env = "NAME_OF_A_VARIABLE" } or { file = "PATH" }, and replace the key if it was shared'
        )
    return value


def _variable_name(value: object) -> str:
    if not isinstance(value, str) or _VARIABLE_NAME.fullmatch(value) is None:
        raise ValueError(
            "must be the name of an environment variable, such as NELLIE_API_KEY (what was found is not "
            "shown: it may be the key itself)"
        )
    return value


def _address(check: Callable[[str], str]) -> BeforeValidator:
    return BeforeValidator(lambda value: check(_unshown_text(value)))


def _shape_of_quota(value: object) -> str:
    return AS_TABLE if isinstance(value, dict) else AS_NUMBER


class Table(BaseModel):
    """Any table of the file: no key is accepted that is not declared."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LifetimeQuota(Table):
    """``quota = { lifetime = N }``: a prepaid allowance."""

    lifetime: Annotated[int, BeforeValidator(_whole(0, LARGEST_QUANTITY))]


_PeriodQuota = Annotated[
    int, BeforeValidator(_whole(0, LARGEST_QUANTITY, "a whole number from 0 to 2^63 - 1, or { lifetime = NUMBER }"))
]
_Quota = Annotated[
    Annotated[LifetimeQuota, Tag(AS_TABLE)] | Annotated[_PeriodQuota, Tag(AS_NUMBER)], Discriminator(_shape_of_quota)
]


class MeterTable(Table):
    """``[accounts.meters.NAME]``: what was agreed on one meter."""

    quota: _Quota | None = None
    resets: Annotated[Resets, BeforeValidator(_member(Resets))] = Resets.UNKNOWN
    price: Annotated[Decimal, BeforeValidator(_price)] | None = None


class BillingTable(Table):
    """``[accounts.billing]``: when the account's periods begin."""

    period: Annotated[PeriodKind, BeforeValidator(_member(PeriodKind))] = PeriodKind.NONE
    anchor_day: Annotated[int, BeforeValidator(_whole(1, 31))] = 1
    anchor_month: Annotated[int, BeforeValidator(_whole(1, 12))] = 1
    currency: (
        Annotated[str, BeforeValidator(_matching(_CURRENCY, 'three capitals (ISO 4217) such as "EUR"'))] | None
    ) = None


class ApiKeyTable(Table):
    """``api_key = { env = … }`` or ``{ file = … }``: where the key is kept."""

    env: Annotated[str, BeforeValidator(_variable_name)] | None = None
    file: Annotated[str, BeforeValidator(_unshown_text)] | None = None

    @model_validator(mode="after")
    def _names_one_place(self) -> ApiKeyTable:
        if (self.env is None) == (self.file is None):
            raise ValueError('must name one place: either { env = "NAME" } or { file = "PATH" }')
        return self


class AccountTable(Table):
    """``[[accounts]]``: one set of credentials at a provider."""

    name: Annotated[
        str,
        BeforeValidator(
            _matching(_ACCOUNT_NAME, "1 to 40 of a-z, 0-9, _ and -, beginning with a letter or digit"),
        ),
    ]
    provider: Annotated[str, BeforeValidator(_text)]
    api_key: Annotated[ApiKeyTable, BeforeValidator(_no_literal_key)] | None = None
    base_url: Annotated[str, _address(checked_base_url)] | None = None
    poll_every: Annotated[timedelta, BeforeValidator(_duration)] = timedelta(minutes=5)
    timezone: Annotated[ZoneInfo, BeforeValidator(_zone)] = Field(default_factory=lambda: ZoneInfo("UTC"))
    allow_close_delimited: StrictBool = False
    billing: BillingTable = BillingTable()
    meters: dict[str, MeterTable] = Field(default_factory=dict)


class DatabaseTable(Table):
    """``[database]``: where the history is kept."""

    url: Annotated[str, _address(checked_database_url)] = "sqlite:///usage.db"


class HttpTable(Table):
    """``[http]``: how providers are reached."""

    deadline: Annotated[timedelta, BeforeValidator(_duration_between(timedelta(seconds=1), timedelta(minutes=5)))] = (
        timedelta(seconds=30)
    )
    ca_bundle: Annotated[str, BeforeValidator(_unshown_text)] | None = None
    proxy: Annotated[str, _address(checked_proxy)] | None = None


class DaemonTable(Table):
    """``[daemon]``: how much ``collector run`` does at once."""

    workers: Annotated[int, BeforeValidator(_whole(1, 64)), BeforeValidator(_number_of_text)] = 8


class ConfigFile(Table):
    """The whole file."""

    database: DatabaseTable = DatabaseTable()
    http: HttpTable = HttpTable()
    daemon: DaemonTable = DaemonTable()
    accounts: list[AccountTable] = Field(default_factory=list)


Raw = dict[str, Any]
