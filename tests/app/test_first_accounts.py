from __future__ import annotations

from pathlib import Path

import pytest

from collector.app.demonstration import ASIDE, is_demonstration, write_demonstration
from collector.app.first_accounts import Choice, choose
from collector.config import TemplateAccount, load, template
from collector.errors import ConfigError

NECTED = {"NECTED_API_KEY": "nec_1234"}
NELLIE = {"NELLIE_API_KEY": "nel_1234"}


class Listener:
    """Keeps what was said."""

    def __init__(self) -> None:
        self.text = ""

    def __call__(self, text: str) -> None:
        self.text += text + "\n"


@pytest.fixture
def said() -> Listener:
    return Listener()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".gitignore").touch()
    return tmp_path


def _names(choice: Choice) -> list[str]:
    return [one.name for one in choice.accounts]


def _write(folder: Path, *accounts: TemplateAccount) -> str:
    text = template(accounts)
    (folder / "collector.toml").write_text(text)
    return text


def test_without_keys_and_settings_both_accounts_are_simulated(folder: Path, said: Listener) -> None:
    choice = choose(folder, {}, said)
    assert (choice.simulated, _names(choice)) == (True, ["nected", "nellie"])


def test_without_keys_it_is_said_in_plain_words(folder: Path, said: Listener) -> None:
    choose(folder, {}, said)
    assert "No NECTED_API_KEY or NELLIE_API_KEY in the environment" in said.text
    assert "All traffic below is simulated." in said.text


def test_a_blank_key_is_no_key(folder: Path, said: Listener) -> None:
    assert choose(folder, {"NELLIE_API_KEY": "  "}, said).simulated


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        pytest.param(NECTED, ["nected"], id="nected"),
        pytest.param(NELLIE, ["nellie"], id="nellie"),
        pytest.param({**NECTED, **NELLIE}, ["nected", "nellie"], id="both"),
    ],
)
def test_keys_write_settings_for_the_accounts_that_have_one(
    environ: dict[str, str], names: list[str], folder: Path, said: Listener
) -> None:
    choice = choose(folder, environ, said)
    assert (choice.simulated, _names(choice)) == (False, names)


def test_real_accounts_are_asked_at_the_providers_own_address(folder: Path, said: Listener) -> None:
    choice = choose(folder, {**NECTED, **NELLIE}, said)
    assert [one.base_url for one in choice.accounts] == ["https://api.nected.ai", "https://api.nelliewriter.com"]


def test_real_and_simulated_history_have_databases_of_their_own(folder: Path, said: Listener) -> None:
    simulated = choose(folder, {}, said).settings.database_url
    assert choose(folder, NELLIE, said).settings.database_url != simulated


def test_keys_put_simulated_settings_aside(folder: Path, said: Listener) -> None:
    choose(folder, {}, said)
    choose(folder, NELLIE, said)
    assert is_demonstration(load(folder / ASIDE, {}))
    assert f"it is {ASIDE} now" in said.text


def test_nothing_put_aside_before_is_overwritten(folder: Path, said: Listener) -> None:
    (folder / ASIDE).write_text("kept")
    write_demonstration(folder / "collector.toml")
    choose(folder, NELLIE, said)
    assert (folder / ASIDE).read_text() == "kept"
    assert is_demonstration(load(folder / "collector.simulated.2.toml", {}))


def test_simulated_settings_are_used_again(folder: Path, said: Listener) -> None:
    choose(folder, {}, said)
    before = (folder / "collector.toml").read_text()
    assert choose(folder, {}, said).simulated
    assert (folder / "collector.toml").read_text() == before


def test_settings_of_ones_own_are_never_edited(folder: Path, said: Listener) -> None:
    text = _write(folder, TemplateAccount("mine", "nellie"))
    choose(folder, {**NECTED, **NELLIE}, said)
    assert (folder / "collector.toml").read_text() == text


def test_only_accounts_with_a_key_are_polled(folder: Path, said: Listener) -> None:
    _write(folder, TemplateAccount("one", "nellie"), TemplateAccount("two", "nellie", key_env="ANOTHER_KEY"))
    assert _names(choose(folder, NELLIE, said)) == ["one"]
    assert "Left out, because they have no key: two (environment variable ANOTHER_KEY)" in said.text


def test_a_key_file_counts_as_a_key(folder: Path, said: Listener) -> None:
    _write(folder, TemplateAccount("mine", "nellie"))
    (folder / "nellie.key").write_text("nel_1234")
    path = folder / "collector.toml"
    path.write_text(path.read_text().replace('{ env = "NELLIE_API_KEY" }', '{ file = "nellie.key" }'))
    assert _names(choose(folder, {}, said)) == ["mine"]


def test_a_key_that_no_account_uses_is_mentioned_with_what_to_add(folder: Path, said: Listener) -> None:
    _write(folder, TemplateAccount("mine", "nellie"))
    choose(folder, {**NECTED, **NELLIE}, said)
    assert "NECTED_API_KEY is set, but no account in collector.toml uses it. To poll it too, add:" in said.text
    assert 'name = "nected"' in said.text


def test_keys_that_fit_no_account_at_all_are_an_error(folder: Path, said: Listener) -> None:
    _write(folder, TemplateAccount("mine", "nellie"))
    with pytest.raises(ConfigError, match="NECTED_API_KEY is set, but no account"):
        choose(folder, NECTED, said)


def test_settings_without_their_keys_stay_and_the_simulated_ones_go_beside_them(folder: Path, said: Listener) -> None:
    text = _write(folder, TemplateAccount("mine", "nellie"))
    choice = choose(folder, {}, said)
    assert choice.settings.path == folder / ASIDE
    assert (folder / "collector.toml").read_text() == text


def test_other_settings_in_the_place_of_the_simulated_ones_are_refused(folder: Path, said: Listener) -> None:
    text = _write(folder, TemplateAccount("mine", "nellie"))
    (folder / ASIDE).write_text(text)
    with pytest.raises(ConfigError, match="kept for the simulated accounts"):
        choose(folder, {}, said)


def test_overrides_in_the_environment_are_ignored_and_named(folder: Path, said: Listener) -> None:
    choice = choose(folder, {"COLLECTOR_DATABASE__URL": "sqlite:///elsewhere.db"}, said)
    assert choice.settings.database_url.endswith("simulated.db")
    assert "COLLECTOR_DATABASE__URL" in said.text


def test_wrong_settings_are_an_error(folder: Path, said: Listener) -> None:
    (folder / "collector.toml").write_text("[databse]\n")
    with pytest.raises(ConfigError, match="databse"):
        choose(folder, NELLIE, said)
