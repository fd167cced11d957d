"""The truth: what every simulated account has used at any instant, a pure function of time, seed and key.

Each key is an account with a history of its own. An event at instant t counts at every instant from t on:

    counter(t) = opening balance + events in (genesis, t]

A Nellie request counts as a request when it is made and costs credits when it completes, one to sixty minutes
later. Nothing is replayed and nothing is remembered but caches of bounded size, so any instant may be asked in any
order, from several threads.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from threading import Lock
from uuid import UUID

from collector.domain.instants import SECOND, instant_of, micros_of
from collector.domain.requests import RequestRecord
from collector.simulator.chance import Chance
from collector.simulator.rhythm import Rhythm, Workload
from collector.simulator.running_sum import RunningSum

_SHORTEST_SECONDS = 60
_LONGEST_SECONDS = 3_600

# Source: "Pre-generation Credit Check" in the Nellie reference: model 2.0 costs 250 credits, 3.0 costs 500.
_CREDIT_UNIT = 250
# A byte of luck decides a request's cost in units: 15 of 256 requests fail (5.9 %), 5 of 8 use the cheaper model.
_COSTS = bytes(0 if luck < 15 else 1 if luck < 160 else 2 for luck in range(256))

# Timestamps with whole seconds, as in the documents' sample, and some with milliseconds.
_GRAINS = (SECOND, SECOND, SECOND, 1_000)

# An account's caches take up to 90 KB when both providers are asked; those of the accounts asked longest ago are
# forgotten and cost milliseconds to work out again.
_ACCOUNTS_REMEMBERED = 1_024


@dataclass(frozen=True, slots=True)
class _Job:
    """One Nellie request from beginning to end, in microseconds since 1970 UTC."""

    request_id: str
    created: int
    completed: int
    credits: int

    def as_seen(self, micros: int) -> RequestRecord:
        """Return the record the provider shows at ``micros``."""
        created_at = instant_of(self.created)
        if micros < self.completed:
            return RequestRecord(self.request_id, "processing", created_at, None, 0)
        status = "completed" if self.credits else "failed"
        return RequestRecord(self.request_id, status, created_at, instant_of(self.completed), self.credits)


class History:
    """What one account used, at every instant.

    Args:
        chance: The account's own luck.
        workload: How much the accounts are used.
    """

    def __init__(self, chance: Chance, workload: Workload) -> None:
        self._luck = chance.branch("requests")
        self._invocations = Rhythm(chance.branch("invocations"), workload, workload.invocations_per_weekday)
        self._requests = Rhythm(self._luck, workload, workload.requests_per_weekday, _GRAINS)
        self._units = RunningSum(self._units_of_day)
        self._jobs_in = lru_cache(maxsize=32)(self._jobs_of_cell)
        opening = chance.branch("opening")
        self._opening_invocations = 20_000 + opening.number(480_000, "invocations")
        self._opening_requests = 200 + opening.number(1_800, "requests")
        self._opening_units = self._opening_requests + opening.number(self._opening_requests, "units")

    def invocations_at(self, instant: datetime) -> int:
        """Return the Nected counter at ``instant``."""
        return self._opening_invocations + self._invocations.count_at(micros_of(instant))

    def requests_at(self, instant: datetime) -> int:
        """Return Nellie's counter of requests at ``instant``."""
        return self._opening_requests + self._requests.count_at(micros_of(instant))

    def credits_at(self, instant: datetime) -> int:
        """Return Nellie's counter of credits at ``instant``: those of all requests that are completed by then."""
        micros = micros_of(instant)
        # No request takes longer, so everything made until then is over; only the rest must be looked at.
        settled = self._requests.count_at(micros - _LONGEST_SECONDS * SECOND)
        made = self._requests.count_at(micros)
        late = sum(job.credits for job in self._jobs(settled, made) if job.completed <= micros)
        return (self._opening_units + self._units_of_first(settled)) * _CREDIT_UNIT + late

    def recent(self, instant: datetime, window: int) -> tuple[RequestRecord, ...]:
        """Return the last ``window`` requests as the provider shows them at ``instant``, most recent first.

        Requests of the time before genesis are in the opening balance only; they are never listed.
        """
        micros = micros_of(instant)
        made = self._requests.count_at(micros)
        jobs = tuple(self._jobs(max(0, made - window), made))
        return tuple(job.as_seen(micros) for job in reversed(jobs))

    def requests_between(self, start: datetime, end: datetime) -> tuple[RequestRecord, ...]:
        """Return the requests made in ``(start, end]`` as they ended, oldest first.

        The end is included and the start is not, so that there are exactly ``requests_at(end) - requests_at(start)``.
        """
        first, last = (self._requests.count_at(micros_of(instant)) for instant in (start, end))
        return tuple(job.as_seen(job.completed) for job in self._jobs(first, last))

    def _jobs(self, first: int, end: int) -> Iterator[_Job]:
        """Yield the requests numbered ``first … end - 1`` since genesis, in the order in which they were made."""
        while first < end:
            day, index = self._requests.place_of(first)
            cell = self._requests.cell_holding(day, index)
            skipped = index - cell.first
            jobs = self._jobs_in(day, cell.first)[skipped : skipped + end - first]
            yield from jobs
            first += len(jobs)

    def _jobs_of_cell(self, day: int, index: int) -> tuple[_Job, ...]:
        cell = self._requests.cell_holding(day, index)
        costs = self._costs_of_day(day)
        return tuple(
            self._job(day, number, created, costs[number] * _CREDIT_UNIT)
            for number, created in enumerate(cell.instants, cell.first)
        )

    def _job(self, day: int, number: int, created: int, cost: int) -> _Job:
        draw = self._luck.draw(20, "request", day, number)
        lengths = _LONGEST_SECONDS - _SHORTEST_SECONDS + 1
        seconds = _SHORTEST_SECONDS + int.from_bytes(draw[16:], "big") % lengths
        return _Job(str(UUID(bytes=draw[:16], version=4)), created, created + seconds * SECOND, cost)

    def _costs_of_day(self, day: int) -> bytes:
        return self._luck.draw(self._requests.count_of_day(day), "costs", day).translate(_COSTS)

    def _units_of_day(self, day: int) -> int:
        return sum(self._costs_of_day(day))

    def _units_of_first(self, count: int) -> int:
        """Return what the first ``count`` requests since genesis cost, in units of 250 credits."""
        if count == 0:
            return 0
        day, index = self._requests.place_of(count - 1)
        return self._units.before(day) + sum(self._costs_of_day(day)[: index + 1])


class Traffic:
    """The histories of all accounts, one for each key.

    Args:
        seed: Another seed is another world.
        workload: How much the accounts are used.
        remembered: How many accounts' caches are kept.
    """

    def __init__(
        self, seed: int = 1, workload: Workload | None = None, *, remembered: int = _ACCOUNTS_REMEMBERED
    ) -> None:
        self._seed = seed
        self._remembered = remembered
        self._workload = workload if workload is not None else Workload()
        self._histories: OrderedDict[str, History] = OrderedDict()
        self._lock = Lock()

    def history(self, key: str) -> History:
        """Return the history of the account that ``key`` opens."""
        with self._lock:
            history = self._histories.get(key)
            if history is None:
                history = History(Chance(f"{self._seed}:{key}".encode()), self._workload)
                self._histories[key] = history
            self._histories.move_to_end(key)
            if len(self._histories) > self._remembered:
                self._histories.popitem(last=False)
            return history
