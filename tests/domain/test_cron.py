from datetime import date, time

import pytest

from collector.domain.cron import parse_cron

MONDAY = date(2026, 11, 2)


@pytest.mark.parametrize(
    ("text", "day", "times"),
    [
        ("0 7 * * 1", MONDAY, [(7, 0)]),
        ("0 7 * * mon", MONDAY, [(7, 0)]),
        ("0 7 * * 0", date(2026, 11, 1), [(7, 0)]),
        ("0 7 * * 7", date(2026, 11, 1), [(7, 0)]),
        ("0 7 * * sun-mon", MONDAY, [(7, 0)]),
        ("0 7 * * 2", MONDAY, []),
        ("30 6 1,15 * *", date(2026, 11, 15), [(6, 30)]),
        ("30 6 1,15 * *", date(2026, 11, 16), []),
        ("0 0 13 * 5", date(2026, 11, 13), [(0, 0)]),
        ("0 0 13 * 5", date(2026, 11, 20), [(0, 0)]),
        ("0 0 */2 * 1", MONDAY, []),
        ("0 0 */2 * 1", date(2026, 11, 9), [(0, 0)]),
        ("0 0 */2 * 1", date(2026, 11, 3), []),
        ("0 0 9 * */2", date(2026, 11, 9), []),
        ("0 0 10 * */2", date(2026, 11, 10), [(0, 0)]),
        ("0 0 10 * */2", date(2026, 11, 12), []),
        ("0 0 *,5 * 1", date(2026, 11, 3), []),
        ("0 7 1 JAN *", date(2026, 11, 1), []),
        ("0 7 1 1 *", date(2027, 1, 1), [(7, 0)]),
        ("*/30 9-10 * * *", MONDAY, [(9, 0), (9, 30), (10, 0), (10, 30)]),
        ("5/20 23 * * *", MONDAY, [(23, 5), (23, 25), (23, 45)]),
    ],
)
def test_times_of_a_day_are_as_cron_has_them(text: str, day: date, times: list[tuple[int, int]]) -> None:
    assert list(parse_cron(text).times_on(day)) == [time(*one) for one in times]


@pytest.mark.parametrize(
    "text",
    [
        "", "0 7 * *", "0 7 * * 1 2026", "60 7 * * *", "0 24 * * *", "0 7 0 * *", "0 7 32 * *", "0 7 * 13 *",
        "0 7 * * 8",
        "0 7 * * moon", "0 7 5-1 * *", "0 7 */0 * *", "@daily x x x x", "0,, 7 * * *", "-1 7 * * *", "\u0661 7 * * *",
    ],
)  # fmt: skip
def test_what_cron_does_not_know_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cron"):
        parse_cron(text)
