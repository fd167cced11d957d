import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from collector.config import Settings
from collector.config.environment import read_overrides, strangers
from collector.errors import ConfigError

Loaded = Callable[..., Settings]
Refused = Callable[..., str]

FILE = '[database]\nurl = "sqlite:////srv/file.db"\n[http]\ndeadline = "20s"\nproxy = "http://file.example"\n'
SECRET = "postgresql://user:hunter2@host/db"


def test_variable_overrides_the_files_value(loaded: Loaded) -> None:
    settings = loaded(FILE, {"COLLECTOR_DATABASE__URL": "sqlite:////srv/variable.db"})

    assert settings.database_url == "sqlite:////srv/variable.db"


def test_variable_leaves_the_tables_other_values_alone(loaded: Loaded) -> None:
    settings = loaded(FILE, {"COLLECTOR_HTTP__DEADLINE": "10s"})

    assert (settings.collector.deadline, settings.collector.proxy) == (timedelta(seconds=10), "http://file.example")


def test_variable_that_was_not_passed_is_not_read(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLECTOR_DATABASE__URL", "sqlite:////srv/process.db")

    assert loaded(FILE, {}).database_url == "sqlite:////srv/file.db"


def test_number_is_read_from_its_digits(loaded: Loaded) -> None:
    assert loaded("", {"COLLECTOR_DAEMON__WORKERS": "16"}).collector.workers == 16


def test_table_is_read_from_json(loaded: Loaded) -> None:
    assert loaded(FILE, {"COLLECTOR_HTTP": '{"deadline": "5s"}'}).collector.deadline == timedelta(seconds=5)


def test_accounts_are_read_from_a_json_list(loaded: Loaded) -> None:
    accounts = [{"name": "a", "provider": "nellie"}, {"name": "b", "provider": "nected"}]
    settings = loaded('[[accounts]]\nname = "file"\nprovider = "nellie"', {"COLLECTOR_ACCOUNTS": json.dumps(accounts)})

    assert [account.name for account in settings.accounts] == ["a", "b"]


def test_place_of_the_configuration_is_no_setting(loaded: Loaded) -> None:
    assert loaded(FILE, {"COLLECTOR_CONFIG": "elsewhere.toml"}).database_url == "sqlite:////srv/file.db"


def test_value_is_read_from_the_file_that_a_variable_names(loaded: Loaded, tmp_path: Path) -> None:
    (tmp_path / "url").write_text(f"{SECRET}\n")
    (tmp_path / "url").chmod(0o600)

    assert loaded(FILE, {"COLLECTOR_DATABASE__URL_FILE": str(tmp_path / "url")}).database_url == SECRET


def test_named_file_with_a_password_open_to_others_is_refused(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "url").write_text(SECRET)
    (tmp_path / "url").chmod(0o640)
    message = refused(FILE, {"COLLECTOR_DATABASE__URL_FILE": str(tmp_path / "url")})

    assert "COLLECTOR_DATABASE__URL_FILE" in message
    assert f"chmod 600 {tmp_path / 'url'}" in message
    assert "hunter2" not in message


def test_named_file_without_a_password_may_be_open(loaded: Loaded, tmp_path: Path) -> None:
    (tmp_path / "accounts").write_text('[{"name": "a", "provider": "nellie"}]')
    (tmp_path / "accounts").chmod(0o644)

    assert len(loaded("", {"COLLECTOR_ACCOUNTS_FILE": str(tmp_path / "accounts")}).accounts) == 1


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "cannot read"), (b"\xff", "not UTF-8")], ids=["missing", "encoding"]
)
def test_unreadable_named_file_is_explained(
    refused: Refused, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / "url").write_bytes(content)
    message = refused(FILE, {"COLLECTOR_DATABASE__URL_FILE": str(tmp_path / "url")})

    assert message.startswith("environment variable COLLECTOR_DATABASE__URL_FILE: ")
    assert reason in message


def test_variable_given_both_ways_is_refused(refused: Refused) -> None:
    message = refused(FILE, {"COLLECTOR_DATABASE__URL": SECRET, "COLLECTOR_DATABASE__URL_FILE": "/run/secrets/url"})

    assert message == (
        "environment variables COLLECTOR_DATABASE__URL and COLLECTOR_DATABASE__URL_FILE are both set; unset one of them"
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("[{", "Expecting property name"),
        ("", "Expecting value"),
        ('[{"name": "a", "name": "b"}]', "a key given twice"),
        ("[" * 100_000, "nested too deeply"),
        ("[" + "9" * 5000 + "]", "must be JSON"),
    ],
    ids=["broken", "empty", "duplicate", "depth", "digits"],
)
def test_what_is_no_json_is_refused(refused: Refused, value: str, reason: str) -> None:
    message = refused(FILE, {"COLLECTOR_ACCOUNTS": value})

    assert message.startswith("environment variable COLLECTOR_ACCOUNTS: must be JSON; ")
    assert reason in message


def test_fault_of_a_variable_names_it_instead_of_a_line(refused: Refused) -> None:
    assert "environment variable COLLECTOR_HTTP__DEADLINE: http.deadline must be from 1s to 5m" in refused(
        FILE, {"COLLECTOR_HTTP__DEADLINE": "9h"}
    )


def test_empty_variable_is_a_fault_and_not_the_default(refused: Refused) -> None:
    assert "COLLECTOR_DATABASE__URL: database.url must be text" in refused(FILE, {"COLLECTOR_DATABASE__URL": ""})


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("COLLECTOR_DATABASE_URL", "did you mean COLLECTOR_DATABASE__URL?"),
        ("COLLECTOR_DATABSE__URL", "did you mean COLLECTOR_DATABASE__URL?"),
        ("COLLECTOR_DATABASE__URI", "did you mean COLLECTOR_DATABASE__URL?"),
        ("COLLECTOR_ACCOUNT", "did you mean COLLECTOR_ACCOUNTS?"),
        ("COLLECTOR_CONFIGS", "did you mean COLLECTOR_CONFIG?"),
        ("COLLECTOR_ACCOUNTS__0__NAME", "COLLECTOR_ACCOUNTS takes all accounts as one JSON list"),
        ("COLLECTOR_ZZZ__YYY", "is no setting"),
    ],
    ids=lambda value: value.split()[0],
)
def test_misspelt_variable_is_refused_with_the_nearest_one(refused: Refused, name: str, hint: str) -> None:
    message = refused(FILE, {name: "x"})

    assert f"environment variable {name} is no setting" in message
    assert hint in message


@pytest.mark.parametrize(
    "name",
    ["COLLECTOR_PORT", "COLLECTOR_SERVICE_HOST", "COLLECTOR_PORT_8080_TCP_ADDR", "COLLECTOR_OTLP_ENABLED"],
    ids=str,
)
def test_variable_of_another_program_is_ignored_with_a_warning(loaded: Loaded, name: str) -> None:
    assert [warning for warning in loaded(FILE, {name: "1"}).warnings if name in warning]


def test_variable_of_a_key_may_be_called_anything(loaded: Loaded) -> None:
    account = '[[accounts]]\nname = "a"\nprovider = "nellie"\napi_key = { env = "COLLECTOR_KEYS__NELLIE" }\n'

    assert loaded(account, {"COLLECTOR_KEYS__NELLIE": "nel_key"}).warnings == ()


def test_names_without_the_prefix_are_none_of_ours() -> None:
    assert strangers({"DATABASE__URL": "x", "collector_database__uri": "x"}, ()) == ((), ())


def test_hostile_name_is_shown_on_one_line() -> None:
    faults, _ = strangers({"COLLECTOR_\x1b[31m\n__X": "x"}, ())

    assert faults == ('environment variable "COLLECTOR_\\u001b[31m\\n__X" is no setting',)


def test_nothing_set_overrides_nothing() -> None:
    assert read_overrides({"PATH": "/bin"}).content == {}


@pytest.mark.parametrize("path", ["relative/url", "/nowhere/url"], ids=str)
def test_missing_named_file_is_an_error_of_its_variable(path: str) -> None:
    with pytest.raises(ConfigError, match="COLLECTOR_DATABASE__URL_FILE: cannot read"):
        read_overrides({"COLLECTOR_DATABASE__URL_FILE": path})
