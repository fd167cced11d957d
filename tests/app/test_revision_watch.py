from __future__ import annotations

import pytest
from sqlalchemy import text

from collector.app.revision_watch import RevisionWatch
from collector.errors import RevisionError
from collector.store.engine import Database
from tests.app.world import World


def _now_another(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0099'"))


def test_another_revision_under_a_running_daemon_is_fatal(world: World) -> None:
    daemon = world.daemon()
    watch = RevisionWatch(world.database, world.clock.monotonic, daemon)
    watch.look()
    _now_another(world.database)
    world.clock.passes(10)
    watch.look()
    assert isinstance(daemon.fatal, RevisionError)
    assert daemon.fatal.exit_code == 6


def test_nothing_is_written_once_another_revision_was_seen(world: World) -> None:
    daemon = world.daemon()
    _now_another(world.database)
    RevisionWatch(world.database, world.clock.monotonic, daemon).look()
    with pytest.raises(RevisionError, match="0099"), world.database.write():
        pass


def test_a_poll_under_way_is_kept_then(world: World) -> None:
    daemon = world.daemon()
    world.holding.clear()
    daemon.tick()
    _now_another(world.database)
    RevisionWatch(world.database, world.clock.monotonic, daemon).look()
    world.holding.set()
    assert daemon.stop(10)
    assert (daemon.state.spool.waiting().count, world.polls) == (1, [])


def test_it_looks_only_now_and_then(world: World) -> None:
    daemon = world.daemon()
    watch = RevisionWatch(world.database, world.clock.monotonic, daemon)
    watch.look()
    _now_another(world.database)
    world.clock.passes(1)
    watch.look()
    assert daemon.fatal is None


def test_a_kept_poll_is_not_stored_into_another_revision(world: World) -> None:
    daemon = world.daemon()
    world.holding.clear()
    daemon.tick()
    other = Database(str(world.database.url))
    world.database.refuse_writes(RevisionError("for a while"))
    world.holding.set()
    assert daemon.stop(10)
    world.database = other
    again = world.daemon()
    _now_another(other)
    world.clock.passes(3600)
    world.tick(again)
    assert isinstance(again.fatal, RevisionError)
    assert world.polls == []
