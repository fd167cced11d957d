"""Chooses whom a first run asks, and writes the settings that it needs.

    keys in the environment ──► the real APIs: collector.toml is written for the accounts that have a key
    none                    ──► the simulated accounts of ``demonstration``

Settings that somebody wrote are used as they are and never edited. Where they and the environment do not go together,
real and simulated settings live side by side: the simulated ones step aside as ``collector.simulated.toml``. Their
databases differ, so real and simulated history never mix. ``COLLECTOR_…`` variables are left out of account: a first
run asks whom the file names and nobody else.

Public: ``Choice``, ``choose``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from collector.app.demonstration import ASIDE, DATABASE, is_demonstration, write_demonstration
from collector.app.first_settings import write_settings
from collector.config import AccountSettings, Settings, TemplateAccount, load, template
from collector.config.loading import FILE_NAME
from collector.errors import ConfigError
from collector.providers import PROVIDERS
from collector.providers.contract import Provider

_OVERRIDES = "COLLECTOR_"


@dataclass(frozen=True, slots=True)
class Choice:
    """Whom a first run asks.

    Attributes:
        settings: What is configured.
        accounts: Those of the configured accounts that have a key.
        simulated: Whether they are the demonstration's.
    """

    settings: Settings
    accounts: tuple[AccountSettings, ...]
    simulated: bool


def choose(folder: Path, environ: Mapping[str, str], say: Callable[[str], None]) -> Choice:
    """Choose whom to ask from the settings in ``folder`` and the keys in ``environ``; write settings if there are none.

    Args:
        folder: Where ``collector.toml`` is, or will be.
        environ: Where keys are looked for.
        say: Called with a sentence for each thing the user should know.

    Raises:
        ConfigError: The settings are wrong, cannot be written, or do not go together with the keys.
    """
    ignored = sorted(name for name in environ if name.startswith(_OVERRIDES))
    if ignored:
        say(f"Not used here, because a first run goes by {FILE_NAME} alone: {', '.join(ignored)}.")
    keyed = [provider for provider in PROVIDERS.values() if environ.get(provider.key_env, "").strip()]
    path = folder / FILE_NAME
    present = _read(path, environ) if path.exists() else None
    if present is not None and not is_demonstration(present):
        return _own(present, keyed, environ, say)
    if not keyed:
        return _simulated(path, environ, say)
    if present is not None:
        _put_aside(path, say)
    write_settings(path, template([TemplateAccount(provider.name, provider.name) for provider in keyed]))
    say(f"Wrote {path.name} for {_listed([provider.title for provider in keyed])}.")
    return _own(_read(path, environ), keyed, environ, say)


def _read(path: Path, environ: Mapping[str, str]) -> Settings:
    return load(path, {name: value for name, value in environ.items() if not name.startswith(_OVERRIDES)})


def _own(
    settings: Settings, keyed: Sequence[Provider], environ: Mapping[str, str], say: Callable[[str], None]
) -> Choice:
    """Choose from settings for real accounts."""
    ready = tuple(one for one in settings.accounts if _has_key(one, environ))
    unused = [provider for provider in keyed if provider.key_env not in {one.key_source.env for one in ready}]
    if not ready and not keyed:
        say(f"No account in {settings.path.name} has its key: {_lacking(settings.accounts)}. It is left as it is.")
        return _simulated(settings.path.with_name(ASIDE), environ, say)
    if not ready:
        raise ConfigError(f"no account in {settings.path} has its key. {_how_to_add(unused, settings.path)}")
    if unused:
        say(_how_to_add(unused, settings.path))
    left_out = [one for one in settings.accounts if one not in ready]
    if left_out:
        say(f"Left out, because they have no key: {_lacking(left_out)}.")
    say(f"Polling {_listed([f'{one.name} at {one.base_url}' for one in ready])}.")
    return Choice(settings, ready, simulated=False)


def _has_key(account: AccountSettings, environ: Mapping[str, str]) -> bool:
    source = account.key_source
    if source.entry is not None:
        try:
            return bool(source.entry.password())
        except ConfigError:
            return False
    return source.file.exists() if source.file is not None else bool(environ.get(source.env or "", "").strip())


def _lacking(accounts: Sequence[AccountSettings]) -> str:
    return ", ".join(f"{one.name} ({one.key_source})" for one in accounts)


def _how_to_add(unused: Sequence[Provider], path: Path) -> str:
    names = _listed([provider.key_env for provider in unused])
    blocks = [f'\n  [[accounts]]\n  name = "{provider.name}"\n  provider = "{provider.name}"' for provider in unused]
    return f"{names} is set, but no account in {path.name} uses it. To poll it too, add:{''.join(blocks)}"


def _simulated(path: Path, environ: Mapping[str, str], say: Callable[[str], None]) -> Choice:
    """Choose the demonstration's accounts; their settings are at ``path``, or written there."""
    names = _listed([provider.key_env for provider in PROVIDERS.values()], "or")
    say(
        f"No {names} in the environment, so this run polls the bundled simulator, on this machine only.\n"
        "All traffic below is simulated."
    )
    if not path.exists():
        write_demonstration(path)
        say(f"Wrote {path.name} for two simulated accounts; their history goes to {DATABASE}.")
    settings = _read(path, environ)
    if not is_demonstration(settings):
        raise ConfigError(f"{path} is kept for the simulated accounts and holds others; rename it and run this again")
    return Choice(settings, settings.accounts, simulated=True)


def _put_aside(path: Path, say: Callable[[str], None]) -> None:
    first = path.with_name(ASIDE)
    names = (first if number == 1 else first.with_suffix(f".{number}.toml") for number in count(1))
    target = next(name for name in names if not name.exists())
    path.rename(target)
    say(f"{path.name} was for simulated accounts; it is {target.name} now. {DATABASE} stays as it is.")


def _listed(names: Sequence[str], word: str = "and") -> str:
    return f" {word} ".join(names)
