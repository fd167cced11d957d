"""Finding and reading the configuration: file, then environment, then checks, then domain values.

Loading reads no account's key. What is wrong is collected and told at once; only an account whose own values are right
is checked against its provider, so that one misspelt key does not set off complaints about what it would have said.

Public: ``find_config``, ``load``, ``FILE_NAME``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from collector.config.accounts import account_faults, account_settings
from collector.config.addresses import absolute_database_url, holds_password
from collector.config.diagnosis import Fault, explained, faults_of
from collector.config.document import Document
from collector.config.durations import format_duration
from collector.config.environment import CONFIG_VARIABLE, read_overrides, strangers
from collector.config.model import AccountTable, ConfigFile, Raw
from collector.config.private_files import read_private
from collector.config.reports import report_faults, report_settings, report_variables, target_source
from collector.config.serving import serve_settings
from collector.config.settings import CollectorSettings, Settings
from collector.errors import ConfigError
from collector.providers import PROVIDERS
from collector.providers.contract import Provider

FILE_NAME = "collector.toml"

_MEBIBYTE = 1024 * 1024
_LONGEST_FILE = 64 * 1024 * 1024
_NAMES_SHOWN = 5


def find_config(explicit: Path | None, environ: Mapping[str, str], cwd: Path, user_config_dir: Path) -> Path:
    """Return the configuration file: ``explicit``, else that of ``COLLECTOR_CONFIG``, else the first that exists.

    A file that was asked for by name is never replaced by another one.

    Raises:
        ConfigError: There is none; the message names every place where it was looked for.
    """
    named = environ.get(CONFIG_VARIABLE)
    if explicit is not None:
        places = {"--config": cwd / explicit}
    elif named:
        places = {CONFIG_VARIABLE: cwd / named}
    else:
        places = {"here": cwd / FILE_NAME, "your settings": user_config_dir / FILE_NAME}
    for path in places.values():
        if _may_be_read(path):
            return path
    tried = ", ".join(f"{path} ({reason})" for reason, path in places.items())
    raise ConfigError(f"there is no configuration file; looked for {tried}. Write one with: collector init")


def load(path: Path, environ: Mapping[str, str], providers: Mapping[str, Provider] = PROVIDERS) -> Settings:
    """Return the settings of the file at ``path``, overridden by the environment's ``COLLECTOR_…`` variables.

    Raises:
        ConfigError: The file cannot be read, holds a password that others can read, or something in it or in the
            environment is unknown, out of range or contradictory. All faults are listed, each with its line.
    """
    path = path.absolute()
    file = read_private(path, _LONGEST_FILE)
    document = Document(path, file.content)
    if _holds_password(document.content):
        file.refuse_others()
    overrides = read_overrides(environ)
    content = _merged(document.content, overrides.content)
    misspelt, others = strangers(environ, _key_variables(content, providers))
    config, faults = _checked(content, providers)
    faults = [*(Fault((), text) for text in misspelt), *faults]
    if config is None or faults:
        raise explained(faults, document, overrides)
    located = partial(_located, path.parent, environ.get("HOME"))
    accounts = tuple(account_settings(table, providers[table.provider], located) for table in config.accounts)
    return Settings(
        path=path,
        database_url=absolute_database_url(config.database.url, path.parent),
        accounts=accounts,
        warnings=tuple(_warnings(config, others)),
        collector=CollectorSettings(
            deadline=config.http.deadline,
            ca_bundle=None if config.http.ca_bundle is None else located(config.http.ca_bundle),
            proxy=config.http.proxy,
            workers=config.daemon.workers,
            allow_private=config.notify.allow_private,
            allow_network_filesystem=config.database.allow_network_filesystem,
            busy_timeout=config.database.busy_timeout,
            connect_patience=config.database.connect_patience,
            state_folder=None if config.daemon.state_folder is None else located(config.daemon.state_folder),
            spool_limit=config.daemon.spool_limit_mib * _MEBIBYTE,
        ),
        reports=tuple(report_settings(table, config.accounts, located) for table in config.reports),
        faults_to=tuple(target_source(one, located) for one in config.notify.faults_to),
        serve=serve_settings(config.serve, located),
    )


def _may_be_read(path: Path) -> bool:
    try:
        return path.exists() and not path.is_dir()
    except OSError:
        # It cannot even be looked at: reading it will say why.
        return True


def _located(folder: Path, home: str | None, text: str) -> Path:
    if home and text.startswith("~/"):
        return Path(home, text[2:])
    return folder / text


def _holds_password(content: Raw) -> bool:
    places = (("database", "url"), ("http", "proxy"))
    tables = ((content.get(table), key) for table, key in places)
    values = (table.get(key) for table, key in tables if isinstance(table, dict))
    return any(isinstance(value, str) and holds_password(value) for value in values)


def _merged(below: Raw, above: Raw) -> Raw:
    merged = dict(below)
    for name, value in above.items():
        known = merged.get(name)
        merged[name] = _merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged


def _key_variables(content: Raw, providers: Mapping[str, Provider]) -> set[str]:
    customary = {provider.key_env for provider in providers.values()}
    places = (account.get("api_key") for account in _raw_accounts(content) if isinstance(account, dict))
    named = (place.get("env") for place in places if isinstance(place, dict))
    return customary.union(
        (name for name in named if isinstance(name, str)), report_variables(content), _token(content)
    )


def _token(content: Raw) -> set[str]:
    serve = content.get("serve")
    place = serve.get("token") if isinstance(serve, dict) else None
    name = place.get("env") if isinstance(place, dict) else None
    return {name} if isinstance(name, str) else set()


def _raw_accounts(content: Raw) -> list[object]:
    accounts = content.get("accounts")
    return accounts if isinstance(accounts, list) else []


def _checked(content: Raw, providers: Mapping[str, Provider]) -> tuple[ConfigFile | None, list[Fault]]:
    config: ConfigFile | None = None
    faults: list[Fault] = []
    try:
        config = ConfigFile.model_validate(content)
        tables = dict(enumerate(config.accounts))
    except ValidationError as error:
        faults = faults_of(error)
        tables = dict(_sound_accounts(content, faults))
    for index, table in tables.items():
        faults.extend(account_faults(table, ("accounts", index), providers))
    faults.extend(_repeated_names(tables))
    if config is not None and not faults:
        faults.extend(report_faults(config, providers))
    return config, faults


def _sound_accounts(content: Raw, faults: Iterable[Fault]) -> Iterable[tuple[int, AccountTable]]:
    broken = {fault.path[1] for fault in faults if len(fault.path) > 1 and fault.path[0] == "accounts"}
    for index, raw in enumerate(_raw_accounts(content)):
        if index not in broken:
            yield index, AccountTable.model_validate(raw)


def _repeated_names(tables: Mapping[int, AccountTable]) -> Iterable[Fault]:
    first: dict[str, int] = {}
    for index, table in tables.items():
        earlier = first.setdefault(table.name, index)
        if earlier != index:
            yield Fault(("accounts", index, "name"), f'must be unique; "{table.name}" is accounts[{earlier}] already')


def _warnings(config: ConfigFile, others: tuple[str, ...]) -> Iterable[str]:
    tables, deadline = config.accounts, config.http.deadline
    if not tables:
        yield "no account is configured; nothing will be polled"
    hurried = [table.name for table in tables if table.poll_every < deadline]
    if hurried:
        yield (
            f"{_listed(hurried)}: poll_every is shorter than the {format_duration(deadline)} one poll may take "
            "(http.deadline); a slow provider will make polls fall out"
        )
    bare = [table.name for table in tables if table.billing.currency is None and _has_price(table)]
    if bare:
        yield f"{_listed(bare)}: a price is given but no billing.currency; no amounts can be told"
    if others:
        yield f"ignored, because they are no settings: environment variables {', '.join(others)}"


def _has_price(table: AccountTable) -> bool:
    return any(meter.price is not None for meter in table.meters.values())


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = len(names) - _NAMES_SHOWN
    return f"accounts {shown} and {more} more" if more > 0 else f"account{'s' if len(names) > 1 else ''} {shown}"
