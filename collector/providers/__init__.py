"""What is offered to be asked: the providers by name.

A new provider is a module with a class that keeps the contract, an entry here, and recorded payloads in the tests.

Public: ``PROVIDERS``, ``provider_named``.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType

from collector.errors import ConfigError
from collector.providers.contract import Provider
from collector.providers.nected import Nected
from collector.providers.nellie import Nellie
from collector.providers.quoting import inert

_OFFERED: tuple[Provider, ...] = (Nected(), Nellie())

PROVIDERS: Mapping[str, Provider] = MappingProxyType({provider.name: provider for provider in _OFFERED})


def provider_named(name: str) -> Provider:
    """Return the provider that is called ``name`` in configuration and tables.

    Raises:
        ConfigError: There is none; the message gives the nearest valid name and all of them.
    """
    provider = PROVIDERS.get(name)
    if provider is not None:
        return provider
    shown = inert(name, 40)
    nearest = difflib.get_close_matches(shown.lower(), PROVIDERS, n=1, cutoff=0.0)[0]
    raise ConfigError(
        f'no provider is called "{shown}": the nearest valid name is "{nearest}" (valid names: {", ".join(PROVIDERS)})'
    )
