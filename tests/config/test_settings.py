from collections.abc import Callable
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest

from collector.config import AccountSettings, Settings, double_counting
from collector.domain.accounts import Account
from collector.domain.secret import Secret
from collector.errors import ConfigError

Loaded = Callable[..., Settings]


def account(name: str, more: str = "") -> str:
    return f'[[accounts]]\nname = "{name}"\nprovider = "nellie"\n{more}\n'


def test_account_carries_the_key_as_it_is_now(loaded: Loaded) -> None:
    settings = loaded(account("a")).accounts[0]

    assert settings.account({"NELLIE_API_KEY": "nel_one"}).key == Secret("nel_one")
    assert settings.account({"NELLIE_API_KEY": "nel_two"}).key == Secret("nel_two")


def test_account_carries_everything_else_that_was_configured(loaded: Loaded) -> None:
    settings = loaded(account("a", 'poll_every = "90s"\nallow_close_delimited = true')).accounts[0]
    built = settings.account({"NELLIE_API_KEY": "nel_one"})
    shared = {field.name for field in fields(Account)} - {"key"}

    assert {name: getattr(built, name) for name in shared} == {name: getattr(settings, name) for name in shared}


def test_settings_say_everything_that_an_account_has_but_the_key() -> None:
    assert {field.name for field in fields(Account)} ^ {field.name for field in fields(AccountSettings)} == {
        "key",
        "key_source",
    }


def test_missing_key_names_the_account_and_the_variable(loaded: Loaded) -> None:
    settings = loaded(account("nellie-prod")).accounts[0]

    with pytest.raises(ConfigError, match="account nellie-prod: the environment variable NELLIE_API_KEY is not set"):
        settings.account({})


def test_relative_key_file_is_beside_the_configuration(loaded: Loaded, tmp_path: Path) -> None:
    (tmp_path / "nellie.key").write_text("nel_one\n")
    (tmp_path / "nellie.key").chmod(0o600)
    settings = loaded(account("a", 'api_key = { file = "nellie.key" }')).accounts[0]

    assert settings.account({}).key == Secret("nel_one")


def test_settings_do_not_show_passwords(loaded: Loaded) -> None:
    settings = loaded('[database]\nurl = "postgresql://u:hunter2@h/d"\n[http]\nproxy = "http://u:hunter2@p"\n')

    assert "hunter2" not in repr(settings)


def test_settings_of_the_collector_itself_have_defaults(loaded: Loaded) -> None:
    collector = loaded("").collector

    assert (collector.deadline, collector.ca_bundle, collector.proxy, collector.workers) == (
        timedelta(seconds=30),
        None,
        None,
        8,
    )


def test_same_key_at_the_same_address_is_warned_of(loaded: Loaded) -> None:
    settings = loaded(account("a") + account("b", 'api_key = { env = "B" }') + account("c", 'api_key = { env = "C" }'))
    warnings = double_counting(settings, {"NELLIE_API_KEY": "nel_same", "B": "nel_same", "C": "nel_other"})

    assert warnings == (
        "accounts a, b use the same key at https://api.nelliewriter.com: their usage will double count if summed",
    )


def test_same_key_at_another_address_is_another_account(loaded: Loaded) -> None:
    settings = loaded(account("a") + account("b", 'base_url = "https://usage.example"'))

    assert double_counting(settings, {"NELLIE_API_KEY": "nel_same"}) == ()


def test_addresses_spelt_differently_are_the_same_one(loaded: Loaded) -> None:
    settings = loaded(account("a") + account("b", 'base_url = "https://API.nelliewriter.com/"'))

    assert len(double_counting(settings, {"NELLIE_API_KEY": "nel_same"})) == 1


def test_accounts_without_a_key_are_not_compared(loaded: Loaded) -> None:
    assert double_counting(loaded(account("a") + account("b")), {}) == ()
