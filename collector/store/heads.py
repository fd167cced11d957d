"""Remembers outside the database which poll of each account it acknowledged last, so that a lost end is noticed.

A database that was restored, copied without its log, or failed over to a server that lagged is sound in itself: only
somebody who remembers can tell. What was found missing is remembered as *lost* until the right database is back, or an
operator accepts it. Several programs of one machine share the file; the higher number stands.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select, tuple_

from collector.errors import StorageError
from collector.store import schema
from collector.store.account_rows import rows_by_name
from collector.store.entries import PollHead
from collector.store.safe_files import place_safely, private_folder

_FORMAT = 1
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Remembered:
    """A poll that the database acknowledged; ``at``, in microseconds since 1970 UTC, is when it was complete."""

    account: str
    number: int
    digest: bytes
    at: int

    @property
    def head(self) -> PollHead:
        """The poll as its row is known."""
        return PollHead(self.number, self.digest)

    @property
    def words(self) -> str:
        """``ACCOUNT=NUMBER:DIGEST`` with the first 12 hexadecimal digits, as ``verify --expect`` takes it."""
        return f"{self.account}={self.number}:{self.digest.hex()[:12]}"


class Heads:
    """The newest poll of each account that the database acknowledged to this machine.

    Args:
        path: The file.
        place: The database; what is remembered of another one is of no use.

    Attributes:
        damage: Why nothing of the file could be read, if it was there: what the database lost is not noticed then.
    """

    def __init__(self, path: Path, place: str) -> None:
        self._path = path
        self._place = hashlib.sha256(place.encode()).hexdigest()[:16]
        self._lock = threading.Lock()
        self.damage: str | None = None
        self._known, self._lost = self._read()
        self._changed = False

    def known(self, account: str) -> Remembered | None:
        """Return what is remembered of an account, or None."""
        with self._lock:
            return self._known.get(account)

    @property
    def all(self) -> tuple[Remembered, ...]:
        """Everything that the database must have, the lost ones too, by account."""
        with self._lock:
            return (*self._lost, *(one for _, one in sorted(self._known.items())))

    @property
    def lost(self) -> tuple[Remembered, ...]:
        """What the database was found not to have any more."""
        with self._lock:
            return self._lost

    def committed(self, account: str, head: PollHead, at: int) -> None:
        """Remember a poll that is stored."""
        with self._lock:
            before = self._known.get(account)
            if before is None or before.number < head.number:
                self._known[account] = Remembered(account, head.number, head.digest, at)
                self._changed = True

    def missing(self, found: Iterable[Remembered]) -> None:
        """Take down what the database was found not to have; what it has from now on is remembered anew.

        Raises:
            StorageError: The file cannot be written.
        """
        gone = tuple(found)
        with self._alone(), self._lock:
            known, lost = self._read()
            self._lost = _together(lost, gone)
            self._known = {name: one for name, one in {**known, **self._known}.items() if one not in gone}
            self._write()

    def forget(self, *, lost_only: bool = False) -> tuple[Remembered, ...]:
        """Forget everything, or only what was lost, and return it.

        Raises:
            StorageError: The file cannot be written.
        """
        with self._alone(), self._lock:
            known, lost = self._read()
            forgotten = lost if lost_only else (*lost, *known.values())
            self._lost, self._known = (), known if lost_only else {}
            if forgotten:
                self._write()
        return forgotten

    def save(self) -> None:
        """Write down what is new; nothing is written where nothing is, and no poll waits for the disk or for others.

        Raises:
            StorageError: The file cannot be written.
        """
        with self._lock:
            if not self._changed:
                return
        with self._alone():
            read = self._read()
            with self._lock:
                self._join(*read)
                data, self._changed = self._written(), False
            try:
                place_safely(self._path, data)
            except OSError:
                with self._lock:
                    self._changed = True
                raise

    def _join(self, known: Mapping[str, Remembered], lost: tuple[Remembered, ...]) -> None:
        """Take over what other programs wrote."""
        self._lost = lost
        for name, one in known.items():
            mine = self._known.get(name)
            if (mine is None or mine.number < one.number) and one not in lost:
                self._known[name] = one

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other programs from the file, and say what is wrong with it."""
        try:
            private_folder(self._path.parent)
            lock = self._path.with_name(f".{self._path.name}.lock")
            handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield
            finally:
                os.close(handle)
        except OSError as error:
            raise StorageError(f"cannot write {self._path}: {error.strerror}") from None

    def _write(self) -> None:
        place_safely(self._path, self._written())

    def _written(self) -> bytes:
        fields = {
            "format": _FORMAT,
            "database": self._place,
            "heads": [_cells(one) for _, one in sorted(self._known.items())],
            "lost": [_cells(one) for one in self._lost],
        }
        return json.dumps(fields, indent=1).encode("ascii") + b"\n"

    def _read(self) -> tuple[dict[str, Remembered], tuple[Remembered, ...]]:
        """Return what the file says; nothing where there is none, it is unreadable, or it is of another database."""
        try:
            fields = json.loads(self._path.read_bytes())
            if fields["format"] != _FORMAT or fields["database"] != self._place:
                return {}, ()
            return {one.account: one for one in map(_of, fields["heads"])}, tuple(map(_of, fields["lost"]))
        except FileNotFoundError:
            return {}, ()
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            said = error.strerror if isinstance(error, OSError) else "it is damaged"
            self.damage = (
                f"what this machine remembers of the database cannot be read ({self._path}: {said}): that the database "
                "lost its end would not be noticed, until its newest polls are remembered anew with the next ones; if "
                "the file belongs to another user, such as root, give it to the collector's (`sudo chown`)"
            )
            return {}, ()


def _cells(one: Remembered) -> list[object]:
    return [one.account, one.number, one.digest.hex(), one.at]


def _of(cells: list[Any]) -> Remembered:
    account, number, digest, at = cells
    return Remembered(str(account), int(number), bytes.fromhex(digest), int(at))


def _together(some: tuple[Remembered, ...], more: tuple[Remembered, ...]) -> tuple[Remembered, ...]:
    return tuple(dict.fromkeys((*some, *more)))


def not_there(connection: Connection, heads: Iterable[Remembered]) -> list[Remembered]:
    """Return which remembered polls the database does not have, in their order."""
    wanted = list(heads)
    ids = {name: row.id for name, row in rows_by_name(connection, list({one.account for one in wanted})).items()}
    digests = _digests(connection, {(ids[one.account], one.number) for one in wanted if one.account in ids})
    return [one for one in wanted if digests.get((ids.get(one.account, 0), one.number)) != one.digest]


def _digests(connection: Connection, keys: Iterable[tuple[int, int]]) -> Mapping[tuple[int, int], bytes]:
    poll = schema.poll
    found: dict[tuple[int, int], bytes] = {}
    wanted = sorted(keys)
    for some in (wanted[start : start + _CHUNK] for start in range(0, len(wanted), _CHUNK)):
        statement = select(poll.c.account, poll.c.id, poll.c.digest).where(tuple_(poll.c.account, poll.c.id).in_(some))
        found |= {(row.account, row.id): bytes(row.digest) for row in connection.execute(statement)}
    return found
