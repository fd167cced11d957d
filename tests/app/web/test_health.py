"""What health says of each trouble, at the door and in the metrics."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.app.web.health import Health, health_of, unreadable
from collector.app.wiring import load_settings
from collector.errors import StorageError
from collector.store.engine import Database
from collector.store.processes import ProcessRow, record_process
from collector.store.spool import Waiting
from tests.app.timepiece import Timepiece
from tests.app.web.conftest import LAST
from tests.app.web.dashboard import Dashboard, dashboard
from tests.polling.canary import leaks

SOON = LAST + timedelta(minutes=1)


@pytest.fixture
def folder(history: Path, tmp_path: Path) -> Path:
    """The history, for one test alone."""
    shutil.copytree(history, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    """Its database."""
    found = Database(f"sqlite:///{folder / 'usage.db'}")
    yield found
    found.close()


def row(seen_at: Any = SOON, troubles: tuple[str, ...] = ()) -> ProcessRow:
    """Return a collector that was seen."""
    return ProcessRow("host:1:a", "host", 1, LAST, seen_at, "1", troubles)


def health(folder: Path, database: Database, now: Any = SOON) -> Health:
    """Return how it stands."""
    return health_of(load_settings(folder / "collector.toml", {}), database, now)


def test_fresh_values_of_cron_are_in_order_without_a_daemon(folder: Path, database: Database) -> None:
    assert health(folder, database).status == "ok"


def test_a_daemon_that_is_alive_is_in_order(folder: Path, database: Database) -> None:
    record_process(database, row())

    assert health(folder, database).status == "ok"


def test_values_that_are_too_old_and_nobody_who_collects_fail(folder: Path, database: Database) -> None:
    found = health(folder, database, SOON + timedelta(days=2))

    assert set(found.troubles) == {"no_collector", "nothing_fresh", "stale"}
    assert found.failing


def test_a_daemon_that_died_fails(folder: Path, database: Database) -> None:
    record_process(database, row(SOON - timedelta(minutes=10)))
    found = health(folder, database)

    assert set(found.troubles) == {"collector_gone", "no_collector"}
    assert found.failing


def test_a_second_daemon_that_died_only_troubles(folder: Path, database: Database) -> None:
    record_process(database, ProcessRow("b", "host", 2, LAST, SOON - timedelta(minutes=10), "1"))
    record_process(database, row())

    assert (health(folder, database).status, set(health(folder, database).troubles)) == ("troubled", {"collector_gone"})


@pytest.mark.parametrize(
    ("trouble", "status"),
    [("logging_failed", "troubled"), ("reports_stalled", "troubled"), ("new_one", "troubled"), ("spooling", "failing")],
)
def test_what_a_daemon_suffers_is_told(folder: Path, database: Database, trouble: str, status: str) -> None:
    record_process(database, row(troubles=(trouble,)))
    found = health(folder, database)

    assert (found.status, set(found.troubles)) == (status, {trouble})


def test_a_database_that_cannot_be_read_fails() -> None:
    assert unreadable(StorageError("gone")).failing


def test_what_waits_on_this_machine_is_told_though_no_database_says_so(folder: Path, database: Database) -> None:
    waiting = Waiting(3, LAST, "the database is locked", dropped=2)
    settings = load_settings(folder / "collector.toml", {})
    found = health_of(settings, database, SOON, waiting)

    assert set(found.troubles) == {"spooling", "spool_full"}
    assert found.troubles["spooling"].endswith("since 2026-03-03 12:00Z: the database is locked")
    assert set(unreadable(StorageError("gone"), waiting).troubles) == {"database", "spooling", "spool_full"}


def test_the_door_answers_200_or_503(folder: Path, database: Database) -> None:
    clock = Timepiece(SOON)
    with dashboard(folder / "collector.toml", clock=clock) as found:
        good = found.ask("/healthz")
        clock.passes(2 * 86_400)
        bad = found.ask("/healthz")

    assert (good.status, good.json["status"], good.json["troubles"]) == (200, "ok", [])
    assert (bad.status, bad.json["status"]) == (503, "failing")
    assert "start `collector run`" in bad.json["details"]["no_collector"]


def test_a_damaged_database_is_told_and_shows_no_figure(folder: Path) -> None:
    path = folder / "usage.db"
    with dashboard(folder / "collector.toml", clock=Timepiece(SOON)) as found:
        assert found.ask("/readyz").status == 200
        path.write_bytes(b"\xff" * path.stat().st_size)
        answers = {one: found.ask(one) for one in ("/healthz", "/readyz", "/", "/api/status", "/metrics")}

    assert answers["/healthz"].json["troubles"] == ["database"]
    assert [answers[one].status for one in ("/healthz", "/readyz", "/", "/api/status")] == [503] * 4
    assert "usage_database_up 0.0" in answers["/metrics"].text
    assert "Traceback" not in "".join(one.text for one in answers.values())


def test_a_replaced_database_is_read_anew(folder: Path) -> None:
    path = folder / "usage.db"
    with dashboard(folder / "collector.toml", clock=Timepiece(SOON)) as found:
        before = found.ask("/api/status").json
        copy = path.with_name("copy.db")
        shutil.copy(path, copy)
        copy.replace(path)
        found.ask("/api/status")  # the first may learn of it the hard way

        assert found.ask("/api/status").json == before


def values(found: Dashboard) -> dict[str, float]:
    """Return every sample of the metrics."""
    lines = (line.rpartition(" ") for line in found.ask("/metrics").text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def test_metrics_tell_values_ages_polls_and_health(shown: Dashboard) -> None:
    found = values(shown)

    assert found['usage_counter_value{account="nected",meter="invocations",unit="invocations"}'] == 1600
    assert found['usage_counter_age_seconds{account="nected",meter="invocations",unit="invocations"}'] == 60
    assert found['usage_polls_total{outcome="ok"}'] == 14
    assert (found["usage_database_up"], found["usage_healthy"], found["usage_collectors_running"]) == (1, 1, 0)
    assert any(name.startswith("usage_collector_build_info{") for name in found)


def test_metrics_are_the_same_at_every_scrape(shown: Dashboard) -> None:
    assert values(shown) == values(shown)


def test_metrics_hold_no_key_and_nothing_a_provider_wrote(shown: Dashboard) -> None:
    text = shown.ask("/metrics").text

    assert "r-2" not in text
    assert "script" not in text
    assert not leaks(text.encode())
