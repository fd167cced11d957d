"""Three months with two stops and the end of summer time: each period's report exists once and is mailed once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from collector.domain.secret import Secret
from collector.notifications.message import Message, Outcome
from collector.notifications.transport import send
from tests.app.scheduled.desk import TO, ReportDesk
from tests.notifications.sink import Sink

TEXT = """
[[reports]]
name = "nightly"
report = "daily"
schedule = { every = "day", at = "02:30" }
to = [{ env = "MAIL_URL" }]
[[reports]]
name = "weekly"
report = "burn"
schedule = { cron = "0 7 * * 1" }
to = [{ env = "MAIL_URL" }]
[[reports]]
name = "monthly"
report = "month"
schedule = { every = "month", at = "07:00" }
formats = ["html", "csv"]
to = [{ env = "MAIL_URL" }]
"""
START = datetime(2026, 8, 20, 12, tzinfo=UTC)
END = datetime(2026, 11, 20, 12, tzinfo=UTC)
# The second stop lies over the end of summer time on 25 October and over a Monday.
STOPS = ((datetime(2026, 9, 28, tzinfo=UTC), 5), (datetime(2026, 10, 23, tzinfo=UTC), 4))
STEP = timedelta(hours=6)


def stopped(now: datetime) -> bool:
    return any(begin <= now < begin + timedelta(days=days) for begin, days in STOPS)


def days(first: date, last: date) -> list[str]:
    return [str(first + timedelta(days=number)) for number in range((last - first).days + 1)]


def by_mail(address: Secret, message: Message, reached: frozenset[str], *, allow_private: bool) -> Outcome:
    return send(address, message, reached, allow_private=allow_private)


def test_each_period_is_made_once_and_mailed_once(open_desk: Callable[..., ReportDesk]) -> None:
    desk = open_desk(TEXT, START)
    with Sink() as sink:
        desk.environ = {TO: sink.url("ann@example.com")}
        work, running = desk.work(by_mail), True
        while desk.clock.now() < END:
            if stopped(desk.clock.now()):
                running = False
            else:
                work = work if running else desk.work(by_mail)  # a stop is a new process
                desk.poll()
                for _ in range(2 if running else 12):
                    work.tick()
                running = True
            desk.clock.passes(STEP.total_seconds())

    nightly, weekly, monthly = (desk.runs(name) for name in ("nightly", "weekly", "monthly"))
    assert [one.period for one in nightly] == days(date(2026, 8, 20), date(2026, 11, 19))
    assert [one.period for one in weekly] == [f"2026-W{week}" for week in range(34, 47)]
    assert [one.period for one in monthly] == ["2026-08", "2026-09", "2026-10"]
    every = [*nightly, *weekly, *monthly]
    assert all(one.made_at is not None and one.missing == () for one in every)
    subjects = Counter(str(letter["Subject"]) for _, letter in sink.accepted)
    assert subjects == Counter(
        {
            **{f"daily {one.period} – {one.period}": 1 for one in nightly},
            **{f"burn {one.period} – {one.period}": 1 for one in weekly},
            **{f"month {one.period}": 1 for one in monthly},
        }
    )
    assert len(set(sink.ids)) == len(sink.ids) == len(every)
    assert {"monthly-2026-10.csv", "monthly-latest.csv →", "nightly-2026-10-25.html"} <= set(desk.files)
    assert [name for name in desk.files if name.endswith(".letter")] == []
