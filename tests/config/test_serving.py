"""The settings of the dashboard and of notices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from collector.config import Settings
from collector.errors import ConfigError

Loaded = Callable[..., Settings]
ENOUGH = "0123456789abcdef"


def test_without_settings_only_this_machine_is_served(loaded: Loaded) -> None:
    serve = loaded("").serve

    assert (serve.host, serve.port, serve.token({}), serve.trusted_hosts) == ("127.0.0.1", 8321, None, ())


def test_everything_can_be_set(loaded: Loaded) -> None:
    text = '[serve]\nhost = "::1"\nport = 80\ntoken = { env = "TOKEN" }\ntrusted_hosts = ["Usage.Example.COM"]'
    serve = loaded(text).serve
    token = serve.token({"TOKEN": ENOUGH})

    assert (serve.host, serve.port, serve.trusted_hosts) == ("::1", 80, ("usage.example.com",))
    assert token is not None
    assert token.reveal() == ENOUGH


def test_variables_override(loaded: Loaded) -> None:
    serve = loaded("", {"COLLECTOR_SERVE__HOST": "localhost", "COLLECTOR_SERVE__PORT": "81"}).serve

    assert (serve.host, serve.port) == ("localhost", 81)


@pytest.mark.parametrize(
    "line",
    [
        'host = ""', 'host = "127.0.0.1:80"', 'host = "http://x"', 'host = "256.1.1.1"', 'host = "a b"', 'host = "*"',
        "port = 0", "port = 65536", 'port = "x"', f'token = "{ENOUGH}"', "token = {}", "trusted_hosts = [\"*\"]",
        'token = { env = "A", file = "b" }', "hots = 1",
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_and_no_token_shown(loaded: Loaded, line: str) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(f"[serve]\n{line}\n")
    assert "serve." in str(refused.value)
    assert ENOUGH not in str(refused.value)


@pytest.mark.parametrize("token", ["short", "", "changeme", "a b" * 10, "x" * 8])
def test_a_token_that_could_be_guessed_is_refused_unshown(loaded: Loaded, token: str) -> None:
    serve = loaded('[serve]\ntoken = { env = "TOKEN" }').serve
    with pytest.raises(ConfigError, match="the token of the dashboard") as refused:
        serve.token({"TOKEN": token})
    assert not token or token not in str(refused.value).replace("characters", "")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660], ids=oct)
def test_a_token_in_a_file_that_others_can_read_is_refused(mode: int, loaded: Loaded, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(ENOUGH)
    path.chmod(mode)
    serve = loaded(f'[serve]\ntoken = {{ file = "{path}" }}').serve
    with pytest.raises(ConfigError, match="chmod 600"):
        serve.token({})


@pytest.mark.parametrize(
    "name", ["COLLECTOR_SERVE_SERVICE_HOST", "COLLECTOR_SERVE_PORT", "COLLECTOR_SERVE_SERVICE_PORT"]
)
def test_what_a_cluster_sets_is_no_misspelt_setting(loaded: Loaded, name: str) -> None:
    assert [one for one in loaded("", {name: "tcp://10.0.0.1:80"}).warnings if name in one]


def test_the_variable_of_the_token_may_be_called_anything(loaded: Loaded) -> None:
    text = '[serve]\ntoken = { env = "COLLECTOR_SERVE__TOKN" }\n[notify]\nfaults_to = [{ env = "COLLECTOR_TO__ME" }]'
    settings = loaded(text, {"COLLECTOR_SERVE__TOKN": ENOUGH, "COLLECTOR_TO__ME": "mailto://x"})

    assert not [one for one in settings.warnings if "COLLECTOR_" in one]
    assert [one.label for one in settings.faults_to] == ["env COLLECTOR_TO__ME"]


def test_a_literal_address_with_a_password_is_refused_unshown(loaded: Loaded) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded('[notify]\nfaults_to = ["slack://a/b/secret-word"]')
    assert "secret-word" not in str(refused.value)
