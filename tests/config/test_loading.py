import subprocess
import sys
import time
import zoneinfo
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from collector.config import Settings, find_config, load
from collector.errors import ConfigError

Loaded = Callable[..., Settings]
Refused = Callable[..., str]

ACCOUNT = '[[accounts]]\nname = "a"\nprovider = "nellie"\n'


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """Return the four places of a configuration, each in a folder of its own and not yet written."""
    places = {name: tmp_path / name / "collector.toml" for name in ("flag", "variable", "here", "user")}
    for path in places.values():
        path.parent.mkdir()
    return places


def find(places: dict[str, Path], *, flag: bool = False, variable: bool = False) -> Path:
    environ = {"COLLECTOR_CONFIG": str(places["variable"])} if variable else {}
    return find_config(places["flag"] if flag else None, environ, places["here"].parent, places["user"].parent)


@pytest.mark.parametrize(
    ("flag", "variable", "winner"),
    [(True, True, "flag"), (False, True, "variable"), (False, False, "here")],
    ids=["flag", "variable", "here"],
)
def test_nearest_to_the_command_wins(places: dict[str, Path], flag: bool, variable: bool, winner: str) -> None:
    for path in places.values():
        path.touch()

    assert find(places, flag=flag, variable=variable) == places[winner]


def test_users_own_is_the_last_resort(places: dict[str, Path]) -> None:
    places["user"].touch()

    assert find(places) == places["user"]


def test_without_any_every_place_and_the_remedy_are_named(places: dict[str, Path]) -> None:
    with pytest.raises(ConfigError, match="collector init") as caught:
        find(places)
    assert all(str(places[name]) in str(caught.value) for name in ("here", "user"))


@pytest.mark.parametrize("by", ["flag", "variable"], ids=str)
def test_file_asked_for_by_name_is_not_replaced_by_another(places: dict[str, Path], by: str) -> None:
    places["here"].touch()

    with pytest.raises(ConfigError, match="collector init") as caught:
        find(places, flag=by == "flag", variable=by == "variable")
    assert str(places[by]) in str(caught.value)


def test_relative_name_belongs_to_the_working_folder(places: dict[str, Path]) -> None:
    places["here"].touch()

    assert find_config(Path("collector.toml"), {}, places["here"].parent, Path("/nowhere")) == places["here"]


def test_empty_variable_names_no_file(places: dict[str, Path]) -> None:
    places["here"].touch()

    assert find_config(None, {"COLLECTOR_CONFIG": ""}, places["here"].parent, Path("/nowhere")) == places["here"]


def test_folder_is_no_configuration(places: dict[str, Path]) -> None:
    places["here"].mkdir()

    with pytest.raises(ConfigError, match="no configuration file"):
        find(places)


def test_place_that_cannot_be_looked_at_is_left_for_reading_to_explain() -> None:
    path = find_config(Path("x" * 300), {}, Path("/"), Path("/nowhere"))

    with pytest.raises(ConfigError, match="File name too long"):
        load(path, {})


def test_missing_file_is_an_error_of_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*collector\.toml: No such file") as caught:
        load(tmp_path / "collector.toml", {})
    assert caught.value.exit_code == 2


def test_settings_know_their_file_absolutely(
    write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("")
    monkeypatch.chdir(tmp_path)

    assert load(Path("collector.toml"), {}).path == tmp_path / "collector.toml"


@pytest.mark.parametrize("environ", [{}, {"COLLECTOR_DATABASE__URL": "sqlite:///usage.db"}], ids=["file", "variable"])
def test_relative_database_is_beside_the_configuration(loaded: Loaded, tmp_path: Path, environ: dict[str, str]) -> None:
    assert loaded("", environ).database_url == f"sqlite:///{tmp_path}/usage.db"


@pytest.mark.parametrize(
    ("text", "path"),
    [("ca.pem", "{folder}/ca.pem"), ("/etc/ca.pem", "/etc/ca.pem"), ("~/ca.pem", "/home/ada/ca.pem")],
    ids=["relative", "absolute", "home"],
)
def test_certificates_are_located(loaded: Loaded, tmp_path: Path, text: str, path: str) -> None:
    settings = loaded(f'[http]\nca_bundle = "{text}"', {"HOME": "/home/ada"})

    assert settings.collector.ca_bundle == Path(path.format(folder=tmp_path))


def test_no_key_is_needed_to_load(loaded: Loaded) -> None:
    assert [account.name for account in loaded(ACCOUNT, {}).accounts] == ["a"]


def test_no_key_is_read_to_load(loaded: Loaded) -> None:
    assert loaded(f'{ACCOUNT}api_key = {{ file = "missing" }}', {}).accounts[0].key_source.file is not None


def test_sound_settings_have_no_warning(loaded: Loaded) -> None:
    assert loaded(ACCOUNT).warnings == ()


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("", "no account is configured; nothing will be polled"),
        (
            f'{ACCOUNT}poll_every = "10s"',
            "account a: poll_every is shorter than the 30s one poll may take (http.deadline); "
            "a slow provider will make polls fall out",
        ),
        (
            f'{ACCOUNT}[accounts.meters.credits]\nprice = "0.004"',
            "account a: a price is given but no billing.currency; no amounts can be told",
        ),
    ],
    ids=["accounts", "interval", "currency"],
)
def test_what_is_probably_not_meant_is_warned_of(loaded: Loaded, text: str, warning: str) -> None:
    assert loaded(text).warnings == (warning,)


def test_many_accounts_with_the_same_doubt_are_one_short_warning(loaded: Loaded) -> None:
    accounts = "".join(ACCOUNT.replace('"a"', f'"a{number}"') + 'poll_every = "10s"\n' for number in range(9))

    assert loaded(accounts).warnings[0].startswith("accounts a0, a1, a2, a3, a4 and 4 more: poll_every")


@pytest.fixture
def _without_zones_of_the_system() -> Iterator[None]:
    path = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=[])
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath(to=path)
    zoneinfo.ZoneInfo.clear_cache()


@pytest.mark.usefixtures("_without_zones_of_the_system")
def test_zones_are_known_on_a_machine_without_any(loaded: Loaded) -> None:
    assert loaded(f'{ACCOUNT}timezone = "Africa/Cairo"').accounts[0].zone.key == "Africa/Cairo"


def many_accounts(count: int) -> str:
    return "\n".join(
        f'[[accounts]]\nname = "nellie-{number}"\nprovider = "nellie"\napi_key = {{ env = "KEY_{number}" }}\n'
        'timezone = "Europe/Berlin"\n[accounts.billing]\nperiod = "monthly"\nanchor_day = 15\ncurrency = "EUR"\n'
        '[accounts.meters.credits]\nquota = 10000\nprice = "0.004"\n'
        for number in range(count)
    )


def test_a_thousand_accounts_load_in_no_time(loaded: Loaded) -> None:
    text = many_accounts(1000)
    started = time.process_time()
    settings = loaded(text)

    assert len(settings.accounts) == 1000
    assert time.process_time() - started < 1


def test_last_of_a_thousand_accounts_is_found_in_no_time(refused: Refused) -> None:
    text = many_accounts(1000).replace('"nellie-999"', '"nellie-998"')
    started = time.process_time()
    message = refused(text)

    assert f"line {999 * 13 + 2}: accounts[999].name must be unique" in message
    assert time.process_time() - started < 2


def test_package_loads_nothing_heavy() -> None:
    code = "import sys, collector.config; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    folder = Path(__file__).parents[2]
    loaded = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)

    assert not {"pandas", "numpy", "sqlalchemy", "alembic", "requests", "apscheduler"} & set(loaded.stdout.split())
