"""What each single value can be; whole messages, so that a reader sees what an operator sees."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.config import Settings
from collector.config.layout import known_paths
from collector.config.model import ConfigFile
from collector.domain.accounts import Quota, Resets
from collector.domain.periods import Billing, PeriodKind

Loaded = Callable[..., Settings]
Refused = Callable[..., str]

ACCOUNT = '[[accounts]]\nname = "a"\nprovider = "nellie"\n'
METER = ACCOUNT + "[accounts.billing]\nperiod = 'monthly'\n[accounts.meters.credits]\n"
PRICED = METER.replace("[accounts.meters", "currency = 'EUR'\n[accounts.meters")
TOLERANCE = ACCOUNT + "[accounts.billing.tolerance]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[daemon]\nworkers = 0", 'line 2: daemon.workers must be a whole number from 1 to 64; found 0'),
        ("[daemon]\nworkers = 65", 'line 2: daemon.workers must be a whole number from 1 to 64; found 65'),
        ("[daemon]\nworkers = true", 'line 2: daemon.workers must be a whole number from 1 to 64; found true'),
        ("[daemon]\nworkers = 8.0", 'line 2: daemon.workers must be a whole number from 1 to 64; found 8.0'),
        ("[daemon]\nworkers = 'x'", 'line 2: daemon.workers must be a whole number from 1 to 64; found "x"'),
        ("[http]\ndeadline = '0s'", 'line 2: http.deadline must be from 1s to 5m; found "0s"'),
        ("[http]\ndeadline = '301s'", 'line 2: http.deadline must be from 1s to 5m; found "301s"'),
        ("[http]\ndeadline = 30", 'line 2: http.deadline must be a duration in quotes such as "30s" or "5m"; found 30'),
        ("[http]\nca_bundle = ''", "line 2: http.ca_bundle must be text in quotes, not empty"),
        ("[http]\nproxy = 'x y'", "line 2: http.proxy must be an address in printable ASCII without spaces"),
        ("[database]\nurl = 5", "line 2: database.url must be text in quotes, not empty"),
        ("database = 5", "line 1: database must be a table, as under [database]"),
        ("accounts = 5", "line 1: accounts must be a list: write [[accounts]], with two brackets"),
        ("[accounts]", "line 1: accounts must be a list: write [[accounts]], with two brackets"),
        ("accounts = [5]", "line 1: accounts[0] must be a table, as under [[accounts]]"),
        ("[[accounts]]\nprovider = 'nellie'", "line 1: accounts[0].name is required"),
        ("[[accounts]]\nname = 'a'", "line 1: accounts[0].provider is required"),
        ("[[accounts]]\nprovider = 'nellie'\nname = 5", "line 3: accounts[0].name must be text in quotes; found 5"),
        (
            "[[accounts]]\nprovider = 'nellie'\nname = 'Prod'",
            'line 3: accounts[0].name must be 1 to 40 of a-z, 0-9, _ and -, beginning with a letter or digit; '
            'found "Prod"',
        ),
        (ACCOUNT + "poll_every = nan", "line 4: accounts[0].poll_every must be a duration in quotes"),
        (ACCOUNT + "poll_every = 300", "line 4: accounts[0].poll_every must be a duration in quotes"),
        (
            ACCOUNT + "timezone = 'Europe/Berln'",
            'line 4: accounts[0].timezone must be the name of a time zone such as "UTC" or "Europe/Berlin"; '
            'found "Europe/Berln"; did you mean Europe/Berlin?',
        ),
        (
            ACCOUNT + "allow_close_delimited = 'no'",
            'line 4: accounts[0].allow_close_delimited must be true or false; found "no"',
        ),
        (ACCOUNT + "allow_close_delimited = 1", "allow_close_delimited must be true or false; found 1"),
        (ACCOUNT + "api_key = {}", 'line 4: accounts[0].api_key must name one place: either { env = "NAME" } or'),
        (ACCOUNT + "api_key = { env = 'A', file = 'a' }", "line 4: accounts[0].api_key must name one place"),
        (ACCOUNT + "api_key = { file = '' }", "line 4: accounts[0].api_key.file must be text in quotes, not empty"),
        (ACCOUNT + "billing = 5", "line 4: accounts[0].billing must be a table, as under [accounts.billing]"),
        (ACCOUNT + "meters = 5", "line 4: accounts[0].meters must be a table, as under [accounts.meters]"),
        (
            ACCOUNT + "billing.period = 'montly'",
            "line 4: accounts[0].billing.period must be one of daily, monthly, none, weekly, yearly; "
            'found "montly"; did you mean monthly?',
        ),
        (
            ACCOUNT + "[accounts.billing]\nperiod = 'monthly'\nanchor_day = 32",
            "line 6: accounts[0].billing.anchor_day must be a whole number from 1 to 31; found 32",
        ),
        (
            ACCOUNT + "billing.anchor_month = 13",
            "line 4: accounts[0].billing.anchor_month must be a whole number from 1 to 12; found 13",
        ),
        (
            ACCOUNT + "billing.currency = 'eur'",
            'line 4: accounts[0].billing.currency must be a currency of ISO 4217 such as "EUR"; found "eur"; '
            "did you mean EUR?",
        ),
        (ACCOUNT + "billing.currency = 'EURO'", 'such as "EUR"; found "EURO"; did you mean EUR?'),
        (ACCOUNT + "billing.currency = 'XAU'", 'such as "EUR"; found "XAU"; did you mean XAD or XAF?'),
        (ACCOUNT + "billing.currency = 'US$'", 'such as "EUR"; found "US$"; did you mean USD or USN?'),
        (ACCOUNT + "billing.currency = 'DLR'", 'such as "EUR"; found "DLR"; did you mean'),
        (ACCOUNT + "billing.currency = '€'", 'must be a currency of ISO 4217 such as "EUR"; found "€"'),
        (ACCOUNT + "billing.currency = 978", "line 4: accounts[0].billing.currency must be text in quotes; found 978"),
        (
            TOLERANCE + "quantity = -1",
            "line 5: accounts[0].billing.tolerance.quantity must be a whole number from 0 to 9223372036854775807; "
            "found -1",
        ),
        (TOLERANCE + "quantity = 0.5", "must be a whole number from 0 to 9223372036854775807; found 0.5"),
        (
            TOLERANCE + "amount = 0.05",
            'line 5: accounts[0].billing.tolerance.amount must be an exact decimal in quotes such as "0.01"; '
            "found 0.05",
        ),
        (
            TOLERANCE + "percent = '100.1'",
            'line 5: accounts[0].billing.tolerance.percent must be from 0 to 100; found "100.1"',
        ),
        (TOLERANCE + "percent = '5%'", 'must be an exact decimal in quotes such as "0.5"; found "5%"'),
        (ACCOUNT + "poll_every_min = 30", "line 4: accounts[0].poll_every_min must be a duration in quotes"),
        (
            METER + "quota = -1",
            "line 7: accounts[0].meters.credits.quota must be a whole number from 0 to 2^63 - 1, or "
            "{ lifetime = NUMBER }; found -1",
        ),
        (METER + "quota = 9223372036854775808", "or { lifetime = NUMBER }; found 9223372036854775808"),
        (METER + "quota = 1e3", "or { lifetime = NUMBER }; found 1000.0"),
        (METER + "quota = '10000'", 'or { lifetime = NUMBER }; found "10000"'),
        (METER + "quota = true", "or { lifetime = NUMBER }; found true"),
        (
            METER + "quota = { lifetime = -1 }",
            "line 7: accounts[0].meters.credits.quota.lifetime must be a whole number from 0 to 9223372036854775807; "
            "found -1",
        ),
        (METER + "quota = {}", "line 7: accounts[0].meters.credits.quota.lifetime is required"),
        (
            METER + "resets = 'monthly'",
            'line 7: accounts[0].meters.credits.resets must be one of never, period, unknown; found "monthly"',
        ),
        (
            METER + "price = 0.004",
            'line 7: accounts[0].meters.credits.price must be an exact decimal in quotes such as "0.004"; found 0.004',
        ),
        (METER + "price = 1", 'such as "0.004"; found 1'),
        (METER + "price = '-1'", 'such as "0.004"; found "-1"'),
        (METER + "price = '1e-3'", 'such as "0.004"; found "1e-3"'),
        (METER + "price = 'NaN'", 'such as "0.004"; found "NaN"'),
        (METER + "price = '1,5'", 'such as "0.004"; found "1,5"'),
        (
            METER + "prices = '0.004'",
            "line 7: accounts[0].meters.credits.prices must be a list: write [[accounts.meters.NAME.prices]], with "
            "two brackets",
        ),
        (METER + "prices = ['0.004']", "prices[0] must be a table, as under [[accounts.meters.NAME.prices]]"),
        (
            METER + "[[accounts.meters.credits.prices]]\nper_unit = 0.004",
            'line 8: accounts[0].meters.credits.prices[0].per_unit must be an exact decimal in quotes such as "0.004"; '
            "found 0.004",
        ),
        (
            METER + "[[accounts.meters.credits.prices]]\nvalid_form = 2026-07-01",
            "line 8: accounts[0].meters.credits.prices[0].valid_form is unknown; did you mean valid_from?",
        ),
        (
            METER + "[[accounts.meters.credits.prices]]\nvalid_from = 2026-07-01T00:00:00Z",
            "prices[0].valid_from must be a date such as 2026-07-01; found 2026-07-01 00:00:00+00:00",
        ),
        (METER + "prices = [{ valid_from = '20260701' }]", 'must be a date such as 2026-07-01; found "20260701"'),
        (METER + "prices = [{ valid_from = '2026-02-30' }]", 'must be a date such as 2026-07-01; found "2026-02-30"'),
        (METER + "prices = [{ valid_from = 2026 }]", "must be a date such as 2026-07-01; found 2026"),
        (METER + "prices = [{ included = '5' }]", 'must be a whole number from 0 to 9223372036854775807; found "5"'),
        (METER + "prices = [{ mode = 'volumes' }]", 'must be one of graduated, volume; found "volumes"; did you mean'),
        (METER + "prices = [{ minimum = 10 }]", 'must be an exact decimal in quotes such as "10.00"; found 10'),
        (METER + "prices = [{ tiers = 5 }]", "write [[accounts.meters.NAME.prices.tiers]], with two brackets"),
        (
            METER + "prices = [{ tiers = [{ up_to = 0, per_unit = '1' }] }]",
            "line 7: accounts[0].meters.credits.prices[0].tiers[0].up_to must be a whole number from 1 to "
            "9223372036854775807; found 0",
        ),
        (METER + "prices = [{ tiers = [{ up_to = 5 }] }]", "prices[0].tiers[0].per_unit is required"),
    ],
    ids=lambda value: value.splitlines()[-1][:60],
)  # fmt: skip
def test_wrong_value_is_refused_with_place_and_range(refused: Refused, text: str, message: str) -> None:
    assert message in refused(text)


@pytest.mark.parametrize(
    "name",
    ["", "UTC+1", "Mars/Olympus", "europe", "../etc/passwd", "/etc/localtime", "localtime", "right/Europe/Berlin",
     "posix/UTC", "Factory", "Europe", "x" * 5000, "a\0b"],
    ids=lambda name: repr(name)[:30],
)  # fmt: skip
def test_what_is_no_place_has_no_time_zone(refused: Refused, name: str) -> None:
    assert "must be the name of a time zone" in refused(f"{ACCOUNT}timezone = {json.dumps(name)}")


@pytest.mark.parametrize("name", ["a", "0", "nellie-prod", "a_b-c", "a" * 40], ids=str)
def test_name_of_the_users_choice_is_accepted(loaded: Loaded, name: str) -> None:
    assert loaded(f"[[accounts]]\nname = '{name}'\nprovider = 'nellie'").accounts[0].name == name


@pytest.mark.parametrize("name", ["", "-a", "_a", "A", "a b", "a" * 41, "a\n", "é", "a.b", "../a"], ids=repr)
def test_name_that_could_break_a_header_or_a_path_is_refused(refused: Refused, name: str) -> None:
    assert "accounts[0].name must be 1 to 40 of a-z" in refused(
        f"[[accounts]]\nname = {json.dumps(name)}\nprovider = 'nellie'"
    )


@pytest.mark.parametrize("quota", [0, 1, 2**63 - 1], ids=str)
def test_quota_of_a_period_is_exact(loaded: Loaded, quota: int) -> None:
    assert loaded(f"{METER}quota = {quota}").accounts[0].terms["credits"].quota == Quota(quota)


def test_quota_for_life_is_told_from_one_of_a_period(loaded: Loaded) -> None:
    settings = loaded(f"{ACCOUNT}[accounts.meters.credits]\nquota = {{ lifetime = 10000 }}")

    assert settings.accounts[0].terms["credits"].quota == Quota(10_000, lifetime=True)


@pytest.mark.parametrize("price", ["0", "0.004", "1.10", "123456789012345.000000000000000001"], ids=str)
def test_price_is_exact_to_the_digit(loaded: Loaded, price: str) -> None:
    (found,) = loaded(f"{PRICED}price = '{price}'").accounts[0].terms["credits"].prices

    assert str(found.per_unit) == price


@pytest.mark.parametrize("percent", ["0", "100", "100.00", "0.5"], ids=str)
def test_tolerance_in_percent_is_exact(loaded: Loaded, percent: str) -> None:
    assert str(loaded(f"{TOLERANCE}percent = '{percent}'").accounts[0].tolerance.percent) == percent


@pytest.mark.parametrize("written", ["2026-07-01", "'2026-07-01'"], ids=["date", "text"])
def test_day_of_a_price_may_be_a_date_or_text(loaded: Loaded, written: str) -> None:
    settings = loaded(f"{PRICED}prices = [{{ valid_from = {written}, per_unit = '0.004' }}]")

    assert settings.accounts[0].terms["credits"].prices[0].valid_from == date(2026, 7, 1)


def test_what_is_not_said_has_its_default(loaded: Loaded) -> None:
    account = loaded(f"{ACCOUNT}[accounts.meters.credits]").accounts[0]

    assert (account.billing, account.zone.key, account.poll_every, account.allow_close_delimited) == (
        Billing(PeriodKind.NONE),
        "UTC",
        timedelta(minutes=5),
        False,
    )


def test_counter_is_not_assumed_to_reset(loaded: Loaded) -> None:
    assert loaded(f"{ACCOUNT}[accounts.meters.credits]").accounts[0].terms["credits"].resets is Resets.UNKNOWN


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["5m", "UTC", "1"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["env", "quota", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)
_PLACES = [path[2:] for path in known_paths(ConfigFile) if path[:2] == ("accounts", "[]") and len(path) > 2]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(place=st.sampled_from(_PLACES), value=_VALUES)
def test_any_value_anywhere_is_settings_or_an_explained_fault(
    outcome: Callable[..., str], place: tuple[str, ...], value: Any
) -> None:
    for part in reversed(["credits" if part == "*" else part for part in place]):
        value = [value] if part == "[]" else {part: value}
    account = {"name": "a", "provider": "nellie", **value}
    message = outcome("", {"COLLECTOR_ACCOUNTS": json.dumps([account])})

    assert message == "accepted" or "environment variable COLLECTOR_ACCOUNTS: accounts[0]" in message
