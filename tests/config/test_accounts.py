from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from collector.config import KeySource, Settings
from collector.config.accounts import account_faults, account_settings
from collector.config.diagnosis import Fault
from collector.config.model import AccountTable
from collector.domain.accounts import Meter, MeterTerms, Quota, Resets, Tolerance
from collector.domain.periods import Billing, PeriodKind
from collector.domain.prices import Price
from collector.providers.contract import Answer, ApiRequest

Loaded = Callable[..., Settings]
Refused = Callable[..., str]

ACCOUNT = '[[accounts]]\nname = "a"\nprovider = "nellie"\n'
NO_MEANING = "has no meaning"

FULL = """
[[accounts]]
name = "nellie-prod"
provider = "nellie"
api_key = { file = "keys/nellie" }
base_url = "https://usage.example/nellie/"
poll_every = "90s"
poll_every_min = "45s"
timezone = "America/New_York"
allow_close_delimited = true
  [accounts.billing]
  period = "yearly"
  anchor_day = 31
  anchor_month = 2
  currency = "USD"
  [accounts.billing.tolerance]
  quantity = 3
  amount = "0.05"
  percent = "0.5"
  [accounts.meters.credits]
  quota = 10000
  resets = "period"
  price = "0.004"
"""


class Dollars:
    """A provider whose meter counts millionths."""

    name = "dollars"
    title = "Dollars"
    base_url = "https://dollars.example"
    key_env = "DOLLARS_KEY"
    meters = (Meter("spent", "dollars", scale=6),)
    requests_meter = None

    def request(self) -> ApiRequest:
        return ApiRequest("/", "X-Key")

    def parse(self, payload: object) -> Answer:
        return Answer({"spent": 0})


def dollars(quota: int) -> AccountTable:
    return AccountTable.model_validate(
        {"name": "a", "provider": "dollars", "meters": {"spent": {"quota": {"lifetime": quota}}}}
    )


def test_everything_said_of_an_account_arrives(loaded: Loaded, tmp_path: Path) -> None:
    account = loaded(FULL).accounts[0]

    assert (account.name, account.provider, account.base_url) == (
        "nellie-prod",
        "nellie",
        "https://usage.example/nellie",
    )
    assert account.zone == ZoneInfo("America/New_York")
    assert (account.poll_every, account.poll_every_min) == (timedelta(seconds=90), timedelta(seconds=45))
    assert account.tolerance == Tolerance(3, Decimal("0.05"), Decimal("0.5"))
    assert account.billing == Billing(PeriodKind.YEARLY, 31, 2, "USD")
    assert account.terms == {"credits": MeterTerms(Quota(10_000), Resets.PERIOD, (Price(Decimal("0.004")),))}
    assert account.allow_close_delimited
    assert account.key_source == KeySource(file=tmp_path / "keys/nellie")


@pytest.mark.parametrize(
    ("provider", "variable", "base_url"),
    [
        ("nellie", "NELLIE_API_KEY", "https://api.nelliewriter.com"),
        ("nected", "NECTED_API_KEY", "https://api.nected.ai"),
    ],
    ids=["nellie", "nected"],
)
def test_provider_says_where_to_ask_and_where_the_key_is_by_custom(
    loaded: Loaded, provider: str, variable: str, base_url: str
) -> None:
    account = loaded(f'[[accounts]]\nname = "a"\nprovider = "{provider}"').accounts[0]

    assert (account.key_source, account.base_url) == (KeySource(env=variable), base_url)


def test_unknown_provider_is_answered_with_the_known_ones(refused: Refused) -> None:
    assert 'line 3: accounts[0].provider must be one of nected, nellie; found "neli"; did you mean nellie?' in refused(
        '[[accounts]]\nname = "a"\nprovider = "neli"\n[accounts.meters.zzz]\n'
    )


def test_unknown_meter_is_answered_with_the_providers_own(refused: Refused) -> None:
    assert (
        "line 4: accounts[0].meters.credit is no meter of nellie; the name must be one of credits, requests; "
        'found "credit"; did you mean credits?'
    ) in refused(f"{ACCOUNT}[accounts.meters.credit]\nquota = {{ lifetime = 5 }}\n")


@pytest.mark.parametrize(
    ("billing", "fault"),
    [
        ('period = "weekly"\nanchor_day = 7', None),
        ('period = "weekly"\nanchor_day = 8', 'must be from 1 to 7 with billing.period "weekly"; found 8'),
        ('period = "monthly"\nanchor_day = 31', None),
        ('period = "yearly"\nanchor_day = 31\nanchor_month = 2', None),
        ('period = "daily"\nanchor_day = 2', f'{NO_MEANING} with billing.period "daily"; found 2'),
        ("anchor_day = 15", f'{NO_MEANING} with billing.period "none"; found 15'),
        ("anchor_day = 1", None),
        ('period = "monthly"\nanchor_month = 2', f'anchor_month {NO_MEANING} with billing.period "monthly", only'),
    ],
    ids=lambda value: str(value)[:60],
)
def test_anchor_fits_the_period(outcome: Callable[..., str], billing: str, fault: str | None) -> None:
    assert (fault or "accepted") in outcome(f"{ACCOUNT}[accounts.billing]\n{billing}\n")


def test_quota_per_period_needs_a_period(refused: Refused) -> None:
    message = refused(f"{ACCOUNT}[accounts.meters.credits]\nquota = 10000\n")

    assert "line 5: accounts[0].meters.credits.quota is per billing period, but the account has none" in message
    assert "set billing.period, or write { lifetime = 10000 }" in message


def test_reset_with_the_period_needs_a_period(refused: Refused) -> None:
    message = refused(f'{ACCOUNT}[accounts.meters.credits]\nresets = "period"\n')

    assert 'credits.resets cannot be "period", because the account has none; set billing.period' in message


@pytest.mark.parametrize(
    ("base_url", "interval", "fault"),
    [
        ("https://api.nelliewriter.com", "10s", None),
        ("https://api.nelliewriter.com", "24h", None),
        ("https://api.nelliewriter.com", "9s", 'poll_every must be from 10s to 24h; found "9s"'),
        ("https://api.nelliewriter.com", "1441m", 'poll_every must be from 10s to 24h; found "1441m"'),
        ("https://api.nelliewriter.com", "999999999d", "poll_every must be from 10s to 24h"),
        ("http://127.0.0.1:9", "1s", None),
        ("http://127.0.0.1:9", "0s", 'poll_every must be from 1s to 24h; found "0s"'),
    ],
    ids=str,
)
def test_interval_spares_the_provider(
    outcome: Callable[..., str], base_url: str, interval: str, fault: str | None
) -> None:
    assert (fault or "accepted") in outcome(f'{ACCOUNT}base_url = "{base_url}"\npoll_every = "{interval}"\n')


@pytest.mark.parametrize(
    ("base_url", "intervals", "fault"),
    [
        ("https://api.nelliewriter.com", ("5m", "10s"), None),
        ("https://api.nelliewriter.com", ("5m", "5m"), None),
        ("https://api.nelliewriter.com", ("5m", "9s"), 'poll_every_min must be from 10s to poll_every, 5m; found "9s"'),
        ("https://api.nelliewriter.com", ("5m", "6m"), 'poll_every_min must be from 10s to poll_every, 5m; found "6m"'),
        ("http://127.0.0.1:9", ("5m", "1s"), None),
        ("http://127.0.0.1:9", ("5m", "0s"), 'poll_every_min must be from 1s to poll_every, 5m; found "0s"'),
    ],
    ids=str,
)
def test_shortest_interval_spares_the_provider_and_is_not_the_longer_one(
    outcome: Callable[..., str], base_url: str, intervals: tuple[str, str], fault: str | None
) -> None:
    longest, shortest = intervals
    text = f'{ACCOUNT}base_url = "{base_url}"\npoll_every = "{longest}"\npoll_every_min = "{shortest}"\n'

    assert (fault or "accepted") in outcome(text)


def test_interval_out_of_range_sets_off_no_complaint_about_the_shorter_one(refused: Refused) -> None:
    assert "poll_every_min" not in refused(f'{ACCOUNT}poll_every = "1s"\npoll_every_min = "5s"\n')


@pytest.mark.parametrize(
    ("base_url", "longest", "seconds"),
    [
        ("https://api.nelliewriter.com", "5m", 30),
        ("https://api.nelliewriter.com", "24h", 8640),
        ("https://api.nelliewriter.com", "60s", 10),
        ("https://api.nelliewriter.com", "10s", 10),
        ("http://127.0.0.1:9", "95s", 9),
        ("http://127.0.0.1:9", "1s", 1),
    ],
    ids=str,
)
def test_shortest_interval_is_a_tenth_in_whole_seconds_unless_said(
    loaded: Loaded, base_url: str, longest: str, seconds: int
) -> None:
    account = loaded(f'{ACCOUNT}base_url = "{base_url}"\npoll_every = "{longest}"\n').accounts[0]

    assert account.poll_every_min == timedelta(seconds=seconds)


def test_nothing_is_tolerated_unless_said(loaded: Loaded) -> None:
    assert loaded(ACCOUNT).accounts[0].tolerance == Tolerance()


def test_quota_is_kept_in_the_meters_smallest_unit() -> None:
    settings = account_settings(dollars(5), Dollars(), Path)

    assert settings.terms["spent"].quota == Quota(5_000_000, lifetime=True)


def test_quota_beyond_the_ledger_is_a_fault() -> None:
    faults = list(account_faults(dollars(2**62), ("accounts", 0), {"dollars": Dollars()}))

    assert faults == [Fault(("accounts", 0, "meters", "spent", "quota"), "must be below 2^63 / 10^6 for this meter")]
