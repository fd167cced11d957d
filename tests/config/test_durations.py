from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.config.durations import format_duration, parse_duration
from collector.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("30s", timedelta(seconds=30)),
        ("5m", timedelta(minutes=5)),
        ("6h", timedelta(hours=6)),
        ("1d", timedelta(days=1)),
        ("0s", timedelta()),
        ("090m", timedelta(minutes=90)),
        ("999999999d", timedelta(days=999_999_999)),
    ],
    ids=str,
)
def test_number_and_unit_is_a_duration(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "s",
        "-1s",
        "+1s",
        "1.5h",
        "5 m",
        " 5m",
        "5m\n",
        "5M",
        "1h30m",
        "5 parsecs",
        "1e9s",
        "nan",
        "\u0665m",
        "9999999999d",
    ],
    ids=repr,
)
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ConfigError, match='such as "30s", "5m", "6h" or "1d"'):
        parse_duration(text)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(seconds=90), "90s"),
        (timedelta(minutes=90), "90m"),
        (timedelta(hours=36), "36h"),
        (timedelta(hours=48), "2d"),
    ],
    ids=str,
)
def test_largest_whole_unit_is_written(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text


@pytest.mark.parametrize("duration", [timedelta(seconds=-1), timedelta(milliseconds=500)], ids=str)
def test_negative_and_broken_seconds_are_not_written(duration: timedelta) -> None:
    with pytest.raises(ValueError, match="whole number of seconds"):
        format_duration(duration)


@given(
    st.timedeltas(min_value=timedelta(), max_value=timedelta(days=999)).map(
        lambda d: timedelta(seconds=d // timedelta(seconds=1))
    )
)
def test_what_is_written_is_read_back(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration
