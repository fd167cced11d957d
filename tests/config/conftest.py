"""A configuration folder to write into and load from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from collector.config import Settings, load
from collector.errors import ConfigError
from tests.canary import meant

Loaded = Callable[..., Settings]
Refused = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes ``collector.toml`` with a mode, by default the owner's alone."""

    def write_file(text: str, mode: int = 0o600) -> Path:
        path = meant(tmp_path / "collector.toml")
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return path

    return write_file


@pytest.fixture
def loaded(write: Callable[..., Path]) -> Loaded:
    """Return a function that gives the settings of a text and an environment."""

    def load_text(text: str, environ: Mapping[str, str] | None = None) -> Settings:
        return load(write(text), environ or {})

    return load_text


@pytest.fixture
def refused(write: Callable[..., Path]) -> Refused:
    """Return a function that gives the message with which a text and an environment are refused."""

    def refuse_text(text: str, environ: Mapping[str, str] | None = None) -> str:
        with pytest.raises(ConfigError) as caught:
            load(write(text), environ or {})
        return str(caught.value)

    return refuse_text


@pytest.fixture
def outcome(write: Callable[..., Path]) -> Callable[..., str]:
    """Return a function that gives ``accepted`` or the message with which a text and an environment are refused."""

    def try_text(text: str, environ: Mapping[str, str] | None = None) -> str:
        try:
            load(write(text), environ or {})
        except ConfigError as error:
            return str(error)
        return "accepted"

    return try_text
