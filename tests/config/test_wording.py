from datetime import UTC, date, datetime, time

import pytest

from collector.config.wording import SettingPath, found, nearest, one_of, spelled


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", '"a"'),
        ("é", '"é"'),
        ("a\nb\x1b[31m", '"a\\nb\\u001b[31m"'),
        ("\u202e", '"\\u202e"'),
        ("x" * 1000, f'"{"x" * 60}…"'),
        (True, "true"),
        (5, "5"),
        (-(2**80), "a number of 81 bits"),
        (0.5, "0.5"),
        (float("nan"), "nan"),
        (None, "none"),
        ({"a": 1}, "a table"),
        ([1], "a list"),
        (date(2026, 1, 31), "2026-01-31"),
        (datetime(2026, 1, 31, tzinfo=UTC), "2026-01-31 00:00:00+00:00"),
        (time(1, 30), "01:30:00"),
        (b"x", "a value of type bytes"),
    ],
    ids=lambda value: str(value)[:20].encode("unicode_escape").decode(),
)
def test_value_is_shown_short_and_on_one_line(value: object, text: str) -> None:
    assert found(value) == text


def test_nearest_name_is_found() -> None:
    assert nearest("anchor_dy", ["anchor_day", "anchor_month", "currency"]) == "anchor_day"


def test_no_name_is_suggested_where_none_is_near() -> None:
    assert nearest("zzz", ["anchor_day", "currency"]) is None


def test_unknown_word_is_answered_with_the_allowed_ones() -> None:
    assert one_of("neli", ["nellie", "nected"]) == 'must be one of nected, nellie; found "neli"; did you mean nellie?'


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("database", "url"), "database.url"),
        (("accounts", 3, "meters", "credits", "quota"), "accounts[3].meters.credits.quota"),
        (("accounts", 0, "a b\n"), 'accounts[0]."a b\\n"'),
        (("", "x"), '"".x'),
    ],
    ids=str,
)
def test_place_is_written_as_people_say_it(path: SettingPath, text: str) -> None:
    assert spelled(path) == text
