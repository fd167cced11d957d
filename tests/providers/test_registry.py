from __future__ import annotations

from collections.abc import MutableMapping

import pytest

from collector.errors import ConfigError
from collector.providers import PROVIDERS, provider_named


def test_both_founding_providers_are_offered() -> None:
    assert list(PROVIDERS) == ["nected", "nellie"]


@pytest.mark.parametrize("name", PROVIDERS)
def test_provider_is_registered_under_its_own_name(name: str) -> None:
    assert provider_named(name).name == name


@pytest.mark.parametrize("name", PROVIDERS)
def test_counter_tied_to_the_list_is_a_meter(name: str) -> None:
    provider = provider_named(name)
    assert provider.requests_meter in {None, *(meter.name for meter in provider.meters)}


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("nely", "nellie"), ("Nellie", "nellie"), ("necked", "nected"), ("NECTED ", "nected")],
)
def test_unknown_name_is_answered_with_the_nearest_valid_one(name: str, nearest: str) -> None:
    with pytest.raises(ConfigError, match=f'nearest valid name is "{nearest}"'):
        provider_named(name)


@pytest.mark.parametrize("name", ["", "zzz", "\ud800"])
def test_name_like_no_other_is_still_answered_with_all_valid_ones(name: str) -> None:
    with pytest.raises(ConfigError, match="valid names: nected, nellie"):
        provider_named(name)


def test_hostile_name_is_quoted_inert() -> None:
    with pytest.raises(ConfigError) as unknown:
        provider_named("\x1b[2J\n" + "x" * 10_000)
    assert str(unknown.value).isprintable()
    assert len(str(unknown.value)) < 200


def test_offer_cannot_be_changed() -> None:
    assert not isinstance(PROVIDERS, MutableMapping)
