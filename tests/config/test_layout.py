import pytest

from collector.config.layout import NamePath, generic, header, known_paths, names_in
from collector.config.model import ConfigFile
from collector.config.wording import SettingPath


def test_settings_of_every_depth_are_known() -> None:
    assert {
        ("database", "url"),
        ("accounts", "[]", "api_key", "env"),
        ("accounts", "[]", "billing", "anchor_month"),
        ("accounts", "[]", "meters", "*", "quota", "lifetime"),
    } <= set(known_paths(ConfigFile))


def test_tables_come_before_what_they_contain() -> None:
    paths = known_paths(ConfigFile)

    assert paths.index(("accounts",)) < paths.index(("accounts", "[]", "name"))


def test_names_of_a_table_are_its_own_only() -> None:
    assert names_in(ConfigFile, ("accounts", "[]", "meters", "*")) == (
        "quota",
        "resets",
        "price",
        "prices",
        "max_per_hour",
    )


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        (("accounts", 7, "meters", "credits", "quota"), ("accounts", "[]", "meters", "*", "quota")),
        (
            ("accounts", 7, "meters", "credits", "prices", 0, "tiers", 1, "up_to"),
            ("accounts", "[]", "meters", "*", "prices", "[]", "tiers", "[]", "up_to"),
        ),
        (("accounts", 7, "surprise"), ("accounts", "[]", "surprise")),
        (("http",), ("http",)),
    ],
    ids=str,
)
def test_indices_and_chosen_names_are_made_generic(path: SettingPath, pattern: NamePath) -> None:
    assert generic(ConfigFile, path) == pattern


@pytest.mark.parametrize(
    ("table", "line"),
    [
        (("http",), "[http]"),
        (("accounts", "[]"), "[[accounts]]"),
        (("accounts", "[]", "billing"), "[accounts.billing]"),
        (("accounts", "[]", "meters", "*"), "[accounts.meters.NAME]"),
        (("accounts", "[]", "meters", "*", "prices", "[]"), "[[accounts.meters.NAME.prices]]"),
    ],
    ids=str,
)
def test_header_is_written_as_in_the_file(table: NamePath, line: str) -> None:
    assert header(table) == line
