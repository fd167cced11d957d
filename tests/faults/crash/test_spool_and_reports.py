"""Killed while it keeps a poll, stores kept ones, or makes a scheduled report, it loses nothing and doubles nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from collector.app.keeping import Keeper
from collector.app.state_folder import state_of
from collector.app.wiring import load_settings, targets
from collector.domain.accounts import Account
from collector.domain.secret import Secret
from collector.notifications.message import Message, Outcome
from collector.polling.one_poll import Poller
from collector.store.accounts import Lease, claim
from collector.store.engine import Database
from collector.store.entries import FinishedPoll
from collector.store.revision import upgrade
from collector.store.spool import Spool
from collector.store.spool_format import parse
from tests.app.scheduled.desk import EVERYBODY, ReportDesk
from tests.app.timepiece import Timepiece
from tests.faults.children import done_in_child
from tests.faults.crash.at_lines import killed_at_line, killed_before_removal, lines_of, spread
from tests.faults.crash.canonical import ledger
from tests.faults.crash.script import KEYS, NAMES, STEP, Scripted, World, configure, instant

KILLS = int(os.environ.get("CRASH_VERB_KILLS", "12"))  # of each kind; `make crash KILLS=5000` for more

pytestmark = pytest.mark.fault("S16")


def kept_poll(number: int) -> FinishedPoll:
    return FinishedPoll("a", "nellie", instant(number), instant(number), "ok", instant(number + 1), body=b"x" * 50_000)


class TestKeeping:
    def test_what_was_told_as_kept_is_kept_and_no_half_has_the_name_of_a_poll(self, tmp_path: Path) -> None:
        spool, noted = Spool(tmp_path / "spool", 1 << 30), tmp_path / "noted"

        def keep(number: int) -> None:
            spool.add(kept_poll(number), "locked")
            with noted.open("a") as file:
                file.write(f"{number}\n")

        total = lines_of(partial(keep, 0))
        for number, line in enumerate(spread(total, 2 * KILLS), 1):
            assert killed_at_line(line, partial(keep, number)) == -9
            files = sorted(spool.folder.glob("*.poll"))
            assert all(parse(one.read_bytes()) for one in files)
        told = {instant(int(one)) for one in noted.read_text().split()}
        found = [one.poll.started_at for one in spool.of_account("a")]
        assert found == sorted(set(found))
        assert told <= set(found)
        assert spool.add(kept_poll(999), "locked").exists()
        assert not list(spool.folder.glob("*.torn"))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    """A folder with a ledger, and three more polls of each account in the spool."""
    before, folder = Path.cwd(), tmp_path / "site"
    folder.mkdir()
    configure(folder)
    database = Database(f"sqlite:///{folder / 'usage.db'}")
    upgrade(database)
    database.close()
    world = World(folder)
    world.start()
    world.live_in_turn(6)
    state = state_of(load_settings(folder / "collector.toml", KEYS), world.database)
    for target in world._targets:
        provider = Scripted(target.account.name)
        for number in range(6, 9):
            provider.number = number
            asked = Poller(world.database, provider, provider.now).ask(target.account, target.provider)
            state.spool.add(asked.poll, "locked")
    world.database.close()
    yield folder
    os.chdir(before)


def replay(folder: Path, hours: int) -> None:
    """Store what is kept of each account, at an hour at which the leases of the killed have ended."""
    settings = load_settings(folder / "collector.toml", KEYS)
    database = Database(f"sqlite:///{folder / 'usage.db'}")
    state = state_of(settings, database)
    now = instant(20) + 60 * hours * STEP
    try:
        for target in targets(database, [one.account(KEYS) for one in settings.accounts]):
            provider = Scripted(target.account.name)
            lease = claim(database, target.row.id, "us", now, now + STEP, force=True)
            assert isinstance(lease, Lease)
            Keeper(Poller(database, provider, provider.now), state).replay(target, lease)
    finally:
        database.close()


def rows(folder: Path) -> Any:
    database = Database(f"sqlite:///{folder / 'usage.db'}")
    try:
        return ledger(database)
    finally:
        database.close()


class TestReplay:
    def test_is_done_once_however_often_it_is_killed(self, site: Path, tmp_path: Path) -> None:
        whole = tmp_path / "whole"
        shutil.copytree(site, whole)
        assert done_in_child(partial(replay, whole, 1)) == 0
        wanted = rows(whole)
        assert len(wanted["poll"]) == len(NAMES) * 9
        shutil.copytree(site, tmp_path / "counted")
        total = lines_of(partial(replay, tmp_path / "counted", 1))
        for number, line in enumerate(spread(total, KILLS // 2)):
            folder = tmp_path / f"killed-{number}"
            shutil.copytree(site, folder)
            assert killed_at_line(line, partial(replay, folder, 1)) == -9
            assert done_in_child(partial(replay, folder, 4)) == 0
            found = rows(folder)
            for table in wanted:
                assert found[table] == wanted[table], (line, table)
            assert not list((folder / "usage.db.state" / "spool").glob("*.poll"))
            shutil.rmtree(folder)

    @pytest.mark.parametrize("number", [1, 5, 9])
    def test_stores_nothing_twice_that_was_stored_and_not_yet_removed(
        self, site: Path, tmp_path: Path, number: int
    ) -> None:
        whole = tmp_path / "whole"
        shutil.copytree(site, whole)
        assert done_in_child(partial(replay, whole, 1)) == 0
        assert killed_before_removal(number, ".poll", partial(replay, site, 1)) == -9
        assert len(rows(site)["poll"]) == len(NAMES) * 6 + number
        assert done_in_child(partial(replay, site, 4)) == 0
        assert rows(site) == rows(whole)

    def test_of_one_ledger_is_done_once_after_many_kills(self, site: Path, tmp_path: Path) -> None:
        whole = tmp_path / "whole"
        shutil.copytree(site, whole)
        assert done_in_child(partial(replay, whole, 1)) == 0
        total = lines_of(partial(replay, shutil.copytree(site, tmp_path / "counted"), 1))
        for number, line in enumerate(spread(total // 9, KILLS)):
            killed_at_line(line, partial(replay, site, 1 + 3 * number))
        assert done_in_child(partial(replay, site, 1 + 3 * KILLS)) == 0
        assert rows(site) == rows(whole)


DAILY = """
[[reports]]
name = "nightly"
report = "daily"
formats = ["html", "md"]
schedule = { every = "day", at = "07:00" }
to = [{ env = "MAIL_URL" }]
"""
MORNING = datetime(2026, 11, 2, 7, 30, tzinfo=UTC)


def contents(folder: Path) -> dict[str, bytes]:
    """Return what is in a folder under a name that people see."""
    found = folder.iterdir() if folder.exists() else ()
    return {one.name: one.read_bytes() for one in found if not one.name.startswith(".")}


class Letterbox:
    """Takes messages into a file, which a kill does not empty."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, address: Secret, message: Message, reached: frozenset[str], *, allow_private: bool) -> Outcome:
        """Take a message."""
        with self._path.open("a") as file:
            file.write(f"{message.id}\n")
        return Outcome(EVERYBODY)

    @property
    def taken(self) -> list[str]:
        """The ids of all messages."""
        return self._path.read_text().split() if self._path.exists() else []


class TestScheduledReport:
    @pytest.fixture
    def desk(
        self, sqlite_database: Database, tmp_path: Path, make_account: Callable[..., Account]
    ) -> Callable[[], ReportDesk]:
        """A function that gives the desk as it was: a report is due, and its data are in."""
        first = ReportDesk(sqlite_database, tmp_path, make_account, DAILY, datetime(2026, 11, 1, 18, tzinfo=UTC))
        first.poll()
        first.work().tick()
        first.clock.passes((MORNING - first.clock.now()).total_seconds())
        first.poll(7)
        sqlite_database.close()
        path, saved = tmp_path / "usage.db", tmp_path / "saved.db"
        assert sqlite_database.path == path
        shutil.copy(path, saved)

        def again() -> ReportDesk:
            sqlite_database.close()
            for log in tmp_path.glob("usage.db-*"):
                log.unlink()
            path.write_bytes(saved.read_bytes())
            shutil.rmtree(first.folder, ignore_errors=True)
            (tmp_path / "letters").unlink(missing_ok=True)
            first.clock = Timepiece(MORNING)
            return first

        return again

    def test_is_made_whole_and_once_however_it_is_killed(self, desk: Callable[[], ReportDesk], tmp_path: Path) -> None:
        box = Letterbox(tmp_path / "letters")
        total = lines_of(desk().work(box).tick)
        assert done_in_child(desk().work(box).tick) == 0
        whole = contents(tmp_path / "reports")
        assert len(whole) == 4
        assert len(box.taken) == 1
        codes = []
        for line in spread(total, KILLS):
            found = desk()
            codes.append(killed_at_line(line, found.work(box).tick))
            left = contents(found.folder)
            assert {name: left[name] for name in left.keys() & whole.keys()}.items() <= whole.items(), line
            for _ in range(3):
                found.clock.passes(3600)
                found.work(box).tick()
            assert contents(found.folder) == whole, line
            assert [one.state.value for one in found.deliveries()] == ["sent"]
            assert len(found.runs("nightly")) == len(set(box.taken)) == 1  # sent again under the same id, if at all
        assert codes.count(-9) >= KILLS - 2  # what is imported by then takes no more lines
