"""Where ``collector serve`` listens, who may ask it, and under which names it is known: ``[serve]``.

Without a token only this machine may ask; that is decided where the socket is bound, because only there it is known
what a name stands for.

Public: ``ServeTable``, ``ServeSettings``, ``serve_settings``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from collector.config.keys import KeySource
from collector.config.values import checked_text, number_of_text, unshown_text, variable_name, whole
from collector.config.wording import found
from collector.domain.secret import Secret
from collector.errors import ConfigError

_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")
_SHORTEST_TOKEN = 16


def checked_host(value: object) -> str:
    """Return the address or the name of a machine, in small letters."""
    text = checked_text(value).lower()
    try:
        return str(ipaddress.ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        pass
    # What looks like an address and is none must not become the name of something else.
    if _NAME.fullmatch(text) is None or text.rpartition(".")[2].isdigit():
        raise ValueError(f"must be an address or a name such as 127.0.0.1 or usage.example.com; found {found(value)}")
    return text


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TokenTable(_Table):
    """``token = { env = … }`` or ``{ file = … }``: where the token is kept."""

    env: Annotated[str, BeforeValidator(variable_name)] | None = None
    file: Annotated[str, BeforeValidator(unshown_text)] | None = None

    @model_validator(mode="after")
    def _names_one_place(self) -> TokenTable:
        if (self.env is None) == (self.file is None):
            raise ValueError('must name one place: either { env = "NAME" } or { file = "PATH" }')
        return self


def _no_literal_token(value: object) -> object:
    if not isinstance(value, dict):
        raise ValueError(
            'must name the place of the token, not be the token: write { env = "NAME_OF_A_VARIABLE" } or '
            '{ file = "PATH" }'
        )
    return value


class ServeTable(_Table):
    """``[serve]``: the dashboard."""

    host: Annotated[str, BeforeValidator(checked_host)] = "127.0.0.1"
    port: Annotated[int, BeforeValidator(whole(1, 65535)), BeforeValidator(number_of_text)] = 8321
    token: Annotated[TokenTable, BeforeValidator(_no_literal_token)] | None = None
    trusted_hosts: list[Annotated[str, BeforeValidator(checked_host)]] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """The dashboard as configured.

    Attributes:
        host: The address or name to listen on.
        token_source: Where the token is kept; None where none is wanted.
        trusted_hosts: Names that a browser may know it by, beside those of this machine.
    """

    host: str = "127.0.0.1"
    port: int = 8321
    token_source: KeySource | None = None
    trusted_hosts: tuple[str, ...] = ()

    def token(self, environ: Mapping[str, str]) -> Secret | None:
        """Return the token that must be shown, or None where none is wanted.

        Raises:
            ConfigError: It cannot be read, or could be guessed.
        """
        if self.token_source is None:
            return None
        try:
            token = self.token_source.read(environ)
        except ConfigError as error:
            raise ConfigError(f"the token of the dashboard: {error}") from None
        if len(token.reveal()) < _SHORTEST_TOKEN:
            raise ConfigError(
                f"the token of the dashboard has fewer than {_SHORTEST_TOKEN} characters and could be guessed; "
                "make one with: openssl rand -hex 32"
            )
        return token


def serve_settings(table: ServeTable, located: Callable[[str], Path]) -> ServeSettings:
    """Return the settings of a table; ``located`` makes a path of the file absolute."""
    source = None
    if table.token is not None:
        file = None if table.token.file is None else located(table.token.file)
        source = KeySource(env=table.token.env, file=file)
    return ServeSettings(table.host, table.port, source, tuple(table.trusted_hosts))
