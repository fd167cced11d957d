"""Polls accounts once, now: what ``collector poll`` does.

Asks always, unless the provider's own ``Retry-After`` is not over or another collector is asking at this moment. One
account's fault never keeps another from being polled. While the database cannot be used, the answers are kept in the
spool; what waits there of an account is stored before it is asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

import structlog

from collector.app import logs
from collector.app.clock import SystemClock, lease_owner
from collector.app.keeping import Keeper, is_storage_away
from collector.app.state_folder import StateFolder, check_heads, state_of
from collector.app.stopping import stopping_on_signals
from collector.app.wiring import http_client, lease_length, targets
from collector.config import AccountSettings, Settings
from collector.domain.accounts import Account
from collector.domain.instants import format_instant
from collector.errors import CollectorError, StorageError
from collector.http import HttpClient
from collector.polling.one_poll import Polled, Poller, Target
from collector.store.accounts import Lease, Refusal, claim, release
from collector.store.engine import Database


@dataclass(frozen=True, slots=True)
class Turn:
    """What happened to one account.

    Attributes:
        polled: The poll, or None where it was not made.
        skipped: Why no poll was made although nothing is wrong, or None.
        error: Why no poll could be made or stored, or None.
    """

    account: str
    polled: Polled | None = None
    skipped: str | None = None
    error: CollectorError | None = None

    @property
    def exit_code(self) -> int:
        """0 for a good or a skipped poll, 1 for a failed one, else the error's."""
        if self.error is not None:
            return self.error.exit_code
        return 0 if self.polled is None or self.polled.ok else 1


def poll_now(
    settings: Settings,
    database: Database,
    accounts: Sequence[AccountSettings],
    environ: Mapping[str, str],
    *,
    force: bool = False,
    done: Callable[[Turn], None] = lambda _: None,
) -> list[Turn]:
    """Poll ``accounts`` once each, several at a time, and return what happened in their order.

    Args:
        settings: What is configured.
        database: Where the facts go.
        accounts: Whom to poll.
        environ: Where keys are read from.
        force: Ask even before the provider's own ``Retry-After`` is over.
        done: Called after each account, from the thread that called us.
    """
    ready, turns = _with_keys(accounts, environ)
    logs.protect([account.key for account in ready])
    clock, state = SystemClock(), state_of(settings, database)
    check_heads(state, database)
    with _client(settings, clock) as client, ThreadPoolExecutor(settings.collector.workers) as pool:
        keeper = Keeper(Poller(database, client, clock.now), state)
        for turn in pool.map(_turns(settings, database, ready, keeper, force=force), ready):
            turns[turn.account] = turn
            done(turn)
    _save(state)
    return [turns[one.name] for one in accounts]


def _turns(
    settings: Settings, database: Database, ready: Sequence[Account], keeper: Keeper, *, force: bool
) -> Callable[[Account], Turn]:
    """Return what polls an account; where not even its row can be had, by keeping the answer."""
    try:
        wanted = {one.account.name: one for one in targets(database, ready)}
    except StorageError as error:
        if not is_storage_away(error):
            raise
        fault = error
        return lambda account: _asked_only(account, keeper, fault)
    owner = lease_owner()
    return lambda account: _take_turn(wanted[account.name], keeper, owner, settings, force=force)


def _save(state: StateFolder) -> None:
    try:
        state.heads.save()
    except StorageError as error:
        structlog.get_logger().warning(f"the newest polls cannot be remembered: {error}")


def _with_keys(
    accounts: Sequence[AccountSettings], environ: Mapping[str, str]
) -> tuple[list[Account], dict[str, Turn]]:
    ready, turns = [], {}
    for one in accounts:
        try:
            ready.append(one.account(environ))
        except CollectorError as error:
            turns[one.name] = Turn(one.name, error=error)
    return ready, turns


@contextmanager
def _client(settings: Settings, clock: SystemClock) -> Iterator[HttpClient]:
    """Open the HTTP client; a SIGINT or SIGTERM closes its sockets, so that a poll ends as *interrupted*."""
    client = http_client(settings, clock)

    def stop() -> None:
        clock.stopping.set()
        client.abort()

    try:
        with stopping_on_signals(stop):
            yield client
    finally:
        client.close()


def _take_turn(target: Target, keeper: Keeper, owner: str, settings: Settings, *, force: bool) -> Turn:
    name, database = target.account.name, keeper.poller.database
    try:
        lease = _claimed(target, keeper, owner, settings, force=force)
        if isinstance(lease, Turn):
            return lease
        with _given_back(database, lease):
            return Turn(name, _replayed_and_polled(target, lease, keeper))
    except CollectorError as error:
        return Turn(name, error=error)
    except Exception as error:  # noqa: BLE001 - the turn's edge: one account's fault must not keep the others from being told
        structlog.get_logger().exception("a poll ended unexpectedly", account=name)
        kind = type(error).__name__
        return Turn(name, error=CollectorError(f"a fault in the collector ended the poll ({kind}); please report it"))


def _claimed(target: Target, keeper: Keeper, owner: str, settings: Settings, *, force: bool) -> Lease | Turn:
    """Return the account's lease, or what happened instead."""
    name, now = target.account.name, keeper.poller.now()
    try:
        until = now + lease_length(settings)
        lease = claim(keeper.poller.database, target.row.id, owner, now, until, force=force)
    except StorageError as error:
        if not is_storage_away(error):
            raise
        return _asked_only(target.account, keeper, error)
    return Turn(name, skipped=_reason(lease)) if isinstance(lease, Refusal) else lease


def _replayed_and_polled(target: Target, lease: Lease, keeper: Keeper) -> Polled:
    kept, fault = keeper.catch_up(target, lease)
    return keeper.poll(target, replace(lease, failures=kept.failures), fault=fault)


def _asked_only(account: Account, keeper: Keeper, fault: CollectorError) -> Turn:
    """Ask an account that cannot be claimed, because the database cannot be used, and keep the answer."""
    _, error = keeper.poll_unleased(account, 0, fault)
    return Turn(account.name, error=error)


@contextmanager
def _given_back(database: Database, lease: Lease) -> Iterator[None]:
    """Give the lease back where the poll was not stored: the next one need not wait for its end."""
    try:
        yield
    except BaseException:
        with suppress(CollectorError):
            release(database, lease)
        raise


def _reason(refusal: Refusal) -> str:
    if refusal.not_before is not None:
        return (
            f"the provider asked to be left alone until {format_instant(refusal.not_before.replace(microsecond=0))}; "
            "--force asks anyway"
        )
    return f"already fresh: {refusal.held_by} is polling it at this moment"
