"""What each place says of one quota: status, dashboard and reports never contradict each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
import time_machine

from collector.app.status import StatusRow
from collector.app.web.health import Health
from collector.app.web.home import home
from reports.documents.month_words import day_text
from tests.app.console import Console
from tests.app.test_import_rows import HEADER

FIRST = datetime(2026, 2, 1, tzinfo=UTC)
NOW = datetime(2026, 3, 12, 9, tzinfo=UTC)
_PERIOD = '  [accounts.billing]\n  period = "monthly"\n  [accounts.meters.{meter}]\n  quota = {quota}\n'


class Told(NamedTuple):
    """What was printed."""

    status: list[dict[str, object]]
    exhaustion: list[dict[str, object]]
    pages: str
    table: str


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, upgraded_sqlite: Path) -> Iterator[Told]:
    """Forty days of two meters whose quotas of March end, and of one that has none."""
    with pytest.MonkeyPatch.context() as patch, time_machine.travel(NOW, tick=False):
        console = Console(tmp_path_factory.mktemp("outlooks"), patch)
        console.use(upgraded_sqlite)
        console.configure(
            "http://127.0.0.1:9",
            nected=_PERIOD.format(meter="invocations", quota=1400),
            nellie=_PERIOD.format(meter="credits", quota=30_000),
        )
        (console.folder / "facts.csv").write_text(HEADER + "".join(_facts()))
        console.good("import", "facts.csv")
        pages = [
            console.good("report", *words, "--format", "md").out
            for words in (("exhaustion",), ("month", "--period", "2026-03"))
        ]
        yield Told(
            console.json("status"),
            console.json("report", "exhaustion"),
            "\n".join(pages),
            console.good("status").out,
        )


def _facts() -> Iterator[str]:
    for number in range(int((NOW - FIRST) / timedelta(hours=3)) + 1):
        at = (FIRST + number * timedelta(hours=3)).isoformat().replace("+00:00", "Z")
        value = 10 * number + (number // 8) % 3 * 4
        for account, meter, factor in (
            ("nected", "invocations", 1),
            ("nellie", "credits", 20),
            ("nellie", "requests", 1),
        ):
            yield f"{account},{meter},{at},{value * factor if meter != 'requests' else number}\n"


def for_people(words: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d", lambda found: day_text(date.fromisoformat(found[0])), words)


def test_status_has_the_figures_of_the_report(told: Told) -> None:
    keys = {"exhaustion": "status", "exhausts_on": "exhausts_on", "probability": "probability"}
    reported = {(row["account"], row["meter"]): row for row in told.exhaustion}
    assert len(told.status) == len(reported) == 3
    for row in told.status:
        same = reported[row["account"], row["meter"]]
        assert {mine: row[mine] for mine in keys} == {mine: same[other] for mine, other in keys.items()}


def test_documents_say_the_outlook_of_status(told: Told) -> None:
    for row in told.status:
        if row["meter"] == "requests":
            assert row["in_short"] == "no quota"
            continue
        # An interval within one year is shortened in ISO dates only: its beginning and the rest are the same words.
        first, *others = str(row["outlook"]).split(" to ")
        assert told.pages.count(for_people(first)) >= 3
        assert all(for_people(f"2026-{one}" if one[2] == "-" else one) in told.pages for one in others)


def test_table_and_dashboard_have_the_short_words(told: Told) -> None:
    shorts = {str(row["in_short"]) for row in told.status}
    assert all(one in told.table for one in shorts)
    rows = [StatusRow(**row) for row in told.status]  # type: ignore[arg-type]  # as JSON has them
    page = home(rows, Health({}), NOW)
    assert {row["outlook"] for row in page.records.rows} == shorts


def test_what_is_projected_stands_in_the_month_too(told: Told) -> None:
    for row in told.exhaustion:
        if row["quota"] is not None:
            assert f"is expected to come to {row['projected_usage']:,} {row['unit']} by its end" in told.pages
