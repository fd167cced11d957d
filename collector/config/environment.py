"""Settings from environment variables such as ``COLLECTOR_DATABASE__URL``.

A variable overrides the file's value of the same name; ``COLLECTOR_ACCOUNTS`` takes all accounts as a JSON list. With
``_FILE`` at its end a variable names the file that holds the value. The variables are those of the mapping that is
passed in, never the process's own.

Other programs use the prefix too (container orchestration invents ``COLLECTOR_PORT`` for a service of that name). So a
variable is an error only if it was clearly meant as a setting: it has a double underscore, or is close to one.

Public: ``read_overrides``, ``Overrides``, ``strangers``, ``PREFIX``, ``CONFIG_VARIABLE``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from collector.config.addresses import holds_password
from collector.config.layout import EACH, known_paths
from collector.config.model import ConfigFile, Raw
from collector.config.private_files import read_private, without_line_end
from collector.config.wording import SettingPath, found, nearest
from collector.errors import ConfigError

PREFIX = "COLLECTOR_"
CONFIG_VARIABLE = "COLLECTOR_CONFIG"
_FROM_FILE = "_FILE"
_LONGEST_FILE = 64 * 1024 * 1024
# What Kubernetes puts beside a service of the name, https://kubernetes.io/docs/concepts/services-networking/service/
_OF_A_CLUSTER = re.compile(r".*_SERVICE_(HOST|PORT(_.*)?)", re.DOTALL)
_TO_A_SERVICE = re.compile(r"(tcp|udp|sctp)://")


class _Variables(ConfigFile, BaseSettings):
    """The fields of the file, as pydantic-settings wants them told."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__")


class _MappingSource(EnvSettingsSource):
    """Reads settings from a given mapping instead of the process's environment."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = {name.lower(): value for name, value in variables.items()}
        super().__init__(_Variables)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return self._variables

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Return the JSON of a list or table; each key once."""
        try:
            return json.loads(value, object_pairs_hook=_unique)
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply or a key given twice"
            name = f"{PREFIX}{field_name.upper()}"
            raise ConfigError(f"environment variable {name}: must be JSON; {reason}") from None


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the environment says.

    Attributes:
        content: The settings, shaped like the file's tables.
        variables: The variable each setting or table came from.
    """

    content: Raw = field(default_factory=dict)
    variables: Mapping[SettingPath, str] = field(default_factory=dict)

    def variable_of(self, path: SettingPath) -> str | None:
        """Return the variable that gave the setting at ``path``, or None if it is the file's."""
        lengths = range(len(path), 0, -1)
        return next((self.variables[path[:length]] for length in lengths if path[:length] in self.variables), None)


def read_overrides(environ: Mapping[str, str]) -> Overrides:
    """Return the settings among the environment's variables.

    Raises:
        ConfigError: A value is no JSON where a list or table is expected, a variable is given both ways, or its file
            cannot be read or is open to other users.
    """
    values: dict[str, str] = {}
    variables: dict[SettingPath, str] = {}
    for name, path in _settings().items():
        by_file = name + _FROM_FILE
        if name in environ and by_file in environ:
            raise ConfigError(f"environment variables {name} and {by_file} are both set; unset one of them")
        if name in environ:
            values[name], variables[path] = environ[name], name
        elif by_file in environ:
            values[name], variables[path] = _content_of(environ[by_file], by_file), by_file
    return Overrides(_MappingSource(values)() if values else {}, variables)


def strangers(environ: Mapping[str, str], key_variables: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the faults and the names of variables that have our prefix and are no settings.

    A fault is a variable that was clearly meant as a setting; the names are those that are probably somebody else's.
    ``key_variables`` are the variables that hold accounts' keys, which may be called anything.
    """
    known = {CONFIG_VARIABLE, *(name + end for name in _settings() for end in ("", _FROM_FILE))}
    faults: list[str] = []
    others: list[str] = []
    for name in sorted(name for name in environ if name.startswith(PREFIX)):
        if name in known or name in key_variables:
            continue
        if _OF_A_CLUSTER.fullmatch(name) or _TO_A_SERVICE.match(environ[name]):
            others.append(_shown(name))
            continue
        close = nearest(name.removeprefix(PREFIX), {other.removeprefix(PREFIX) for other in known}, closeness=0.8)
        if close or "__" in name:
            faults.append(f"environment variable {_shown(name)} is no setting" + _hint(name, close))
        else:
            others.append(_shown(name))
    return tuple(faults), tuple(others)


def _hint(name: str, close: str | None) -> str:
    if name.startswith(f"{PREFIX}ACCOUNTS__"):
        return f"; {PREFIX}ACCOUNTS takes all accounts as one JSON list"
    return f"; did you mean {PREFIX}{close}?" if close else ""


def _shown(name: str) -> str:
    return name if name.isidentifier() else found(name)


def _settings() -> dict[str, SettingPath]:
    return {PREFIX + "__".join(path).upper(): path for path in known_paths(ConfigFile) if EACH not in path}


def _content_of(path: str, variable: str) -> str:
    try:
        file = read_private(Path(path), _LONGEST_FILE)
        text = without_line_end(file.content.decode())
        if holds_password(text):
            file.refuse_others()
    except UnicodeDecodeError:
        raise ConfigError(f"environment variable {variable}: {path} is not UTF-8") from None
    except ConfigError as error:
        raise ConfigError(f"environment variable {variable}: {error}") from None
    return text


def _unique(pairs: list[tuple[str, Any]]) -> Raw:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError
    return table
