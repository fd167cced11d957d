"""Proves the chain of polls of each account, and says which row was changed where it breaks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from collector.domain.alterations import Alteration, Hints, Origin, alteration
from collector.domain.chains import Break, Fault, Links
from collector.domain.digest import chained
from collector.domain.instants import instant_of
from collector.store import schema
from collector.store.verifying.accounts import Ledger, MeterOf
from collector.store.verifying.findings import Advance, Check, Place, instant_words, plain
from collector.store.verifying.poll_facts import IMPORT, OK, PollFactsOf, StoredPoll
from collector.store.verifying.raw import raw, text_of

_EVERY = 2000
_SEARCHED = 25
_WIDEST = 5000
_LISTED = 500


@dataclass(frozen=True, slots=True)
class Head:
    """The newest poll of an account and its digest: whoever keeps it notices an older or shortened database."""

    number: int
    digest: bytes

    @property
    def words(self) -> str:
        """``NUMBER:DIGEST`` with the first 12 hexadecimal digits."""
        return f"{self.number}:{self.digest.hex()[:12]}"


def prove_polls(
    connection: Connection, ledger: Ledger, check: Check, expected: Iterable[tuple[int, str]], advance: Advance
) -> tuple[Head | None, frozenset[int]]:
    """Recompute an account's chain; return its head, None without polls, and the imports whose rows do not fit.

    Args:
        connection: A reading transaction.
        ledger: Whose.
        check: Where to say what was proved and found.
        expected: Numbers and first digits of digests that must be in the chain.
        advance: Is told of progress.
    """
    stored = PollFactsOf(connection, ledger)
    links: Links[StoredPoll] = Links(lambda previous, one: chained(previous, one.facts))
    court = _Court(connection, ledger, check)
    wanted = dict(expected)
    head = None
    last_good: tuple[int, int] | None = None
    for count, one in enumerate(stored, 1):
        court.judge(links.add(one.number, one.digest, one))
        last_good = court.in_order(last_good, one)
        head = Head(one.number, one.digest)
        court.expect(one, wanted.pop(one.number, None))
        check.counted["polls"] += 1
        if not count % _EVERY:
            advance(_EVERY)
    court.judge(links.end())
    court.strays(stored)
    court.missing(wanted, head)
    check.counted["changes of request records"] += stored.changes
    return head, frozenset(court.broken_imports)


class _Court:
    """Turns breaks of one account's chain into findings about rows."""

    def __init__(self, connection: Connection, ledger: Ledger, check: Check) -> None:
        self._connection = connection
        self._ledger = ledger
        self._check = check
        self._meters: dict[str, MeterOf] = {one.name: one for one in ledger.meters}
        self._searched = 0
        self._renamed: dict[str, str] = {}
        self._known: dict[tuple[str, int], int] = {}
        self.broken_imports: set[int] = set()

    def judge(self, breaks: Iterator[Break[StoredPoll]]) -> None:
        for one in breaks:
            if one.link is None:
                self._missing_rows(one)
            elif one.fault is Fault.STRANGE:
                self._find_poll(one.number, "polls are numbered from 1 on; this number was changed")
            elif one.fault is Fault.DIGEST:
                self._find_poll(one.number, "its digest was changed: the next poll follows from another one")
            else:
                self._explain(one, one.link)

    def in_order(self, before: tuple[int, int] | None, one: StoredPoll) -> tuple[int, int] | None:
        """Hold that good polls go forward in time, and return the newest of them."""
        if one.facts.kind == IMPORT or one.facts.outcome != OK:
            return before
        at = one.facts.finished_at
        if before is not None and at <= before[1]:
            self._find_poll(
                one.number,
                f"finished_at {instant_words(at)} is not after that of poll {before[0]}, {instant_words(before[1])}",
            )
            return before
        return one.number, at

    def expect(self, one: StoredPoll, digits: str | None) -> None:
        if digits is not None and not one.digest.hex().startswith(digits):
            self._find_poll(
                one.number,
                f"its digest begins with {one.digest.hex()[:12]}, {digits} was expected: this is another history",
            )

    def missing(self, wanted: Mapping[int, str], head: Head | None) -> None:
        for number, digits in wanted.items():
            newest = "the account has no polls" if head is None else f"the newest poll is {head.number}"
            self._find_poll(
                number, f"{digits} was expected here, but {newest}: rows were removed, or a backup restored"
            )

    def strays(self, stored: PollFactsOf) -> None:
        for poll, request in stored.strays.changes:
            place = self._ledger.place("usage_request_change", poll=poll, request_id=plain(request))
            self._check.find(place, f"there is no poll {poll} that could have brought it")
        for poll, name, observed_at in stored.strays.imported:
            place = self._ledger.of_meter(self._meters[name], "imported", observed_at=observed_at)
            self._check.find(place, f"poll {poll}, which is said to have brought it, is no import")

    def _find_poll(self, number: int, fault: str) -> None:
        self._check.find(self._ledger.place("poll", id=number), fault)

    def _missing_rows(self, one: Break[StoredPoll]) -> None:
        rest = "" if one.until == one.number else f", and all up to {one.until}"
        self._find_poll(one.number, f"the row is missing{rest}; the poll after it cannot be proved")

    def _explain(self, one: Break[StoredPoll], poll: StoredPoll) -> None:
        assert one.previous is not None and one.digest is not None  # noqa: S101, PT018 - of every break of facts
        if self._is_known(one.previous, one.digest, poll):
            return
        found = None
        if self._searched < _SEARCHED:
            hints = Hints(self._neighbours(poll), self._maybe_left(poll), self._other_names())
            found = alteration(one.previous, one.digest, poll.facts, hints)
        if found is None:
            self._searched += 1
            self._suspect(one, poll)
        else:
            self._name(poll, found)

    def _is_known(self, previous: bytes, digest: bytes, poll: StoredPoll) -> bool:
        """Tell whether what was already found to be changed explains this poll as well."""
        facts = poll.facts
        values = {
            self._renamed.get(f"meter {name}", name): self._known.get((name, poll.runs[name].observed), value)
            for name, value in facts.values.items()
        }
        for name, run in poll.runs.items():
            if name not in facts.values and (name, run.observed) in self._known:
                values[name] = self._known[name, run.observed]
        account = self._renamed.get("account", facts.account)
        return chained(previous, replace(facts, account=account, values=values)) == digest

    def _neighbours(self, poll: StoredPoll) -> dict[str, Iterable[int]]:
        """Return what the values may have been: a counter's value lies between those of its neighbours."""
        snapshot = schema.snapshot
        found: dict[str, Iterable[int]] = {}
        for meter in self._ledger.meters:
            run = poll.runs.get(meter.name)
            at = poll.facts.finished_at if run is None else run.observed
            mine = select(snapshot.c.value).where(snapshot.c.meter == meter.id)
            before = mine.where(snapshot.c.observed_at < at).order_by(snapshot.c.observed_at.desc()).limit(1)
            after = mine.where(snapshot.c.observed_at > at).order_by(snapshot.c.observed_at).limit(1)
            ends = [self._connection.scalar(one) for one in (before, after)]
            near = [one for one in (*ends, None if run is None else run.value) if one is not None]
            if near:
                low, high = min(near), max(near)
                step = range(low, high + 1) if high - low < _WIDEST else (*near, *range(low, low + _WIDEST))
                found[meter.name] = [*near, *step]
        return found

    def _other_names(self) -> list[str]:
        rows = self._connection.execute(select(raw(self._connection, schema.account.c.name)))
        return [name for row in rows if (name := text_of(row.name)) != self._ledger.name]

    def _maybe_left(self, poll: StoredPoll) -> list[str]:
        """Return requests that may have left the list with this poll: nothing else says when they were last seen."""
        request = schema.usage_request
        if not poll.facts.format:
            return []
        listed = (
            select(raw(self._connection, request.c.request_id))
            .where(request.c.account == self._ledger.id, request.c.first_seen_at < instant_of(poll.facts.finished_at))
            .order_by(request.c.last_seen_at.is_not(None), request.c.last_seen_at.desc())
            .limit(_LISTED)
        )
        return [text_of(row.request_id) for row in self._connection.execute(listed)]

    def _name(self, poll: StoredPoll, found: Alteration) -> None:
        was = f"the digest of poll {poll.number} proves that it was {_shown(found.column, found.was)}"
        match found.origin:
            case Origin.VALUE:
                self._name_value(poll, found)
            case Origin.CHANGE:
                place = self._ledger.place("usage_request_change", poll=poll.number, request_id=plain(found.name))
                fault = (
                    "was added" if not found.column else f"{found.column} is {_shown(found.column, found.now)}; {was}"
                )
                self._check.find(place, fault)
            case Origin.LEFT:
                place = self._ledger.place("usage_request", request_id=plain(found.name))
                verb = (
                    "it left the list"
                    if len(found.facts.listing.left) > len(poll.facts.listing.left)
                    else "it did not leave"
                )
                self._check.find(
                    place, f"last_seen_at was changed: the digest of poll {poll.number} proves that {verb}"
                )
            case Origin.ACCOUNT:
                self._renamed["account"] = str(found.was)
                place = Place("account", {"id": self._ledger.id}, self._ledger.name)
                self._check.find(place, f"name is {plain(found.now)}; {was}")
            case Origin.METER:
                self._renamed[f"meter {found.name}"] = str(found.was)
                place = Place("meter", {"id": self._meters[found.name].id}, f"{self._ledger.name}/{found.name}")
                self._check.find(place, f"name is {plain(found.now)}; {was}")
            case Origin.POLL:
                self._find_poll(poll.number, f"{found.name} is {_shown(found.name, found.now)}; {was}")

    def _name_value(self, poll: StoredPoll, found: Alteration) -> None:
        run = poll.runs.get(found.name)
        meter = self._meters[found.name]
        at = poll.facts.finished_at
        place = self._ledger.of_meter(meter, "snapshot", observed_at=at if run is None else run.observed)
        proof = f"the digest of poll {poll.number}, at {instant_words(at)}, proves"
        if found.was is None:
            self._check.find(place, f"it covers poll {poll.number}; {proof} that the meter was not seen there")
            return
        assert isinstance(found.was, int)  # noqa: S101 - values are integers
        if run is not None:
            self._known[found.name, run.observed] = found.was
        if found.now is not None:
            self._check.find(place, f"value is {found.now}; {proof} that it was {found.was}")
        elif run is not None and run.value == found.was:
            self._check.find(
                place, f"it ends at {instant_words(run.confirmed)}; {proof} that {found.was} was seen there"
            )
        else:
            self._check.find(place, f"no snapshot covers this instant; {proof} that there was one of {found.was}")

    def _suspect(self, one: Break[StoredPoll], poll: StoredPoll) -> None:
        suspects = [
            self._ledger.of_meter(self._meters[name], "snapshot", observed_at=run.observed).words
            for name, run in poll.runs.items()
        ]
        suspects += [
            self._ledger.place("usage_request_change", poll=poll.number, request_id=plain(change.request_id)).words
            for change in poll.facts.changes[:5]
        ]
        if poll.facts.imported is not None:
            self.broken_imports.add(poll.number)
            suspects.append(f"the rows of imported and usage_request_change with poll={poll.number}")
        own = "its own columns" if one.fault is Fault.FACTS else "its own columns or its digest"
        before = "the start of the chain" if poll.number == 1 else f"poll {poll.number - 1}"
        also = f", or {', '.join(suspects)}" if suspects else ""
        self._find_poll(poll.number, f"it does not follow from {before}: changed were {own}{also}")


def _shown(column: str, value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, int) and (column.endswith("_at") or column in {"missed_after", "missed_before"}):
        return instant_words(value)
    return plain(value)
