import re
from collections.abc import Callable
from decimal import Decimal

import pytest

from collector.config import KeySource, Settings, TemplateAccount, template
from collector.config.layout import ANY, EACH, known_paths
from collector.config.model import ConfigFile
from collector.errors import ConfigError
from collector.providers import PROVIDERS

Loaded = Callable[..., Settings]

_SWITCHED_OFF = re.compile(r"^(\s*)#(?=[\w\[])", re.MULTILINE)
_NAMES = sorted({path[-1] for path in known_paths(ConfigFile)} - {ANY, EACH})


def test_template_is_valid_as_it_is(loaded: Loaded) -> None:
    assert loaded(template()).warnings == ()


def test_template_is_valid_with_every_setting_switched_on(loaded: Loaded) -> None:
    assert loaded(_SWITCHED_OFF.sub(r"\1", template())).warnings == ()


def test_every_line_that_is_switched_off_is_valid_alone(loaded: Loaded) -> None:
    text = template()
    needs_another = {"quota", "anchor_day", "price"}
    for match in _SWITCHED_OFF.finditer(text):
        line = text[match.end() :].partition("\n")[0]
        if line.split(" ")[0] not in needs_another:
            loaded(text[: match.start()] + text[match.end() :])


def test_list_of_prices_is_valid_as_it_is_explained(loaded: Loaded) -> None:
    text = _SWITCHED_OFF.sub(r"\1", template().replace('  #price = "0.004"\n', ""))
    prices = loaded(text.replace("  #   ", "  ")).accounts[0].terms["invocations"].prices

    assert [(price.included, len(price.tiers), price.minimum) for price in prices] == [(1000, 2, Decimal("10.00"))]


@pytest.mark.parametrize("name", _NAMES, ids=str)
def test_template_mentions_every_setting(name: str) -> None:
    assert re.search(rf"\b{name}\b", template())


def test_what_is_written_as_a_default_is_the_default(loaded: Loaded) -> None:
    defaults = ("deadline", "workers", "allow_close_delimited", "anchor_day", "resets", "base_url", "poll_every_min")
    text = re.sub(rf"^(\s*)#(?={'|'.join(defaults)})", r"\1", template(), flags=re.MULTILINE)
    plain, switched_on = loaded(template()), loaded(text)

    assert switched_on.collector == plain.collector
    assert [(account.base_url, account.poll_every_min) for account in switched_on.accounts] == [
        (account.base_url, account.poll_every_min) for account in plain.accounts
    ]


def test_without_any_given_there_is_an_account_of_each_provider(loaded: Loaded) -> None:
    assert [account.provider for account in loaded(template()).accounts] == list(PROVIDERS)


def test_given_accounts_arrive(loaded: Loaded) -> None:
    given = TemplateAccount("trial", "nellie", "TRIAL_KEY", "http://127.0.0.1:8080", "1s", "Europe/Berlin")
    account = loaded(template([given])).accounts[0]

    assert (account.name, account.base_url, account.zone.key) == ("trial", "http://127.0.0.1:8080", "Europe/Berlin")
    assert (account.poll_every.total_seconds(), account.key_source) == (1, KeySource(env="TRIAL_KEY"))


def test_template_without_accounts_is_valid(loaded: Loaded) -> None:
    assert loaded(template([])).accounts == ()


def test_settings_are_explained_once() -> None:
    lines = [line.strip() for line in template().splitlines() if line.lstrip().startswith("# ")]

    assert len(lines) == len(set(lines))


def test_quotes_in_a_given_value_stay_in_their_string(loaded: Loaded) -> None:
    text = template([TemplateAccount("a", "nellie", base_url='https://x.example/"\nname = "b')])

    with pytest.raises(ConfigError, match="base_url must be an address"):
        loaded(text)


def test_unknown_provider_is_refused() -> None:
    with pytest.raises(ConfigError, match="provider of account a must be one of nected, nellie"):
        template([TemplateAccount("a", "neli")])


def test_lines_fit_the_house() -> None:
    assert max(map(len, template().splitlines())) <= 120
