"""What a server writes about time is read or ignored, never guessed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.http.retry_after import LONGEST_WAIT, parse_http_date, parse_retry_after

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

WAITS: dict[str, tuple[list[str], timedelta | None]] = {
    "seconds": (["120"], timedelta(seconds=120)),
    "no time": (["0"], timedelta()),
    "white space": ([" 7 "], timedelta(seconds=7)),
    "more than an hour": (["86400"], LONGEST_WAIT),
    "10^14": (["100000000000000"], LONGEST_WAIT),
    "5000 digits": (["9" * 5000], None),
    "date": (["Sun, 01 Mar 2026 12:00:10 GMT"], timedelta(seconds=10)),
    "date now": (["Sun, 01 Mar 2026 12:00:00 GMT"], timedelta()),
    "date with an offset": (["Sun, 01 Mar 2026 13:00:10 +0100"], timedelta(seconds=10)),
    "date in 9999": (["Fri, 31 Dec 9999 23:59:59 GMT"], LONGEST_WAIT),
    "date that has passed": (["Sun, 01 Mar 2026 11:59:59 GMT"], None),
    "negative": (["-1"], None),
    "plus": (["+1"], None),
    "fraction": (["1.5"], None),
    "word": (["soon"], None),
    "empty": ([""], None),
    "Arabic digits": (["١٢"], None),
    "missing": ([], None),
    "two headers": (["1", "2"], None),
    "two values": (["1, 2"], None),
}

DATES: dict[str, tuple[str, datetime | None]] = {
    "today's form": ("Sun, 06 Nov 1994 08:49:37 GMT", datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
    "RFC 850": ("Sunday, 06-Nov-94 08:49:37 GMT", datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
    "asctime": ("Sun Nov  6 08:49:37 1994", datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
    "no such day": ("Sun, 31 Feb 2026 08:49:37 GMT", None),
    "no such hour": ("Sun, 01 Mar 2026 25:00:00 GMT", None),
    "ISO": ("2026-03-01T12:00:00Z", None),
    "offset beyond the calendar": ("Fri, 31 Dec 9999 23:59:59 -2300", None),
    "endless": ("Sun, " + "0" * 10_000, None),
}


@pytest.mark.parametrize(("values", "wait"), WAITS.values(), ids=WAITS)
def test_wait_is_read_and_capped_or_ignored(values: list[str], wait: timedelta | None) -> None:
    assert parse_retry_after(values, NOW) == wait


@pytest.mark.parametrize(("text", "instant"), DATES.values(), ids=DATES)
def test_http_date_is_read_in_its_three_forms(text: str, instant: datetime | None) -> None:
    assert parse_http_date(text) == instant


@given(st.text() | st.from_regex(r"(Mon|Sunday),? [0-9A-Za-z :+,-]{0,40}", fullmatch=True))
def test_any_text_gives_a_wait_within_an_hour_or_none(text: str) -> None:
    wait = parse_retry_after([text], NOW)
    assert wait is None or timedelta() <= wait <= LONGEST_WAIT
