"""Fault switches: what the simulator does wrong on purpose, as one immutable value that can be exchanged at run time.

Two kinds, and they do not mix. *Disturbances* (status, success_false, malformed, latency, drop_connection) spoil
answers, the next ``times`` of each account or all of them. *Counter faults* (resets, offsets, corrections,
glitches, window) change what the counters say, as a function of the instant:

    shown(t) = events in [last reset, t] + offsets - corrections since that reset, at least 0

Requests are counted per account, from 0, beginning when the switches are set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from collector.errors import UsageError
from collector.simulator import malformed as breakage

METERS = ("invocations", "requests", "credits")
STATUSES = (401, 403, 429, 500, 503)
LONGEST_WINDOW = 10_000
LONGEST_LATENCY = timedelta(minutes=10)

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Step:
    """An amount by which a counter jumps at an instant, apart from usage.

    Raises:
        UsageError: The meter is unknown or the instant is naive.
    """

    meter: str
    amount: int
    at: datetime

    def __post_init__(self) -> None:
        _require_meter(self.meter)
        _require_zone(self.at)


@dataclass(frozen=True, slots=True)
class Glitch:
    """A wrong value, shown once: in the answer to an account's request number ``index``, counted from 0.

    Raises:
        UsageError: The meter is unknown or the index is negative.
    """

    meter: str
    value: int
    index: int

    def __post_init__(self) -> None:
        _require_meter(self.meter)
        if self.index < 0:
            raise UsageError("a glitch names a request by its index, counted from 0")


@dataclass(frozen=True, slots=True)
class Switches:
    """All faults; the default is a healthy provider.

    Attributes:
        status: Answer with this status and the provider's error body; one of ``STATUSES``.
        times: Only the next so many requests of each account are disturbed; None disturbs all of them.
        retry_after: The text of ``Retry-After`` beside a 429 or 503; empty leaves the header out, None is the default.
        success_false: Answer 200 with a body that says it failed.
        latency: How long an answer is held back, at most ten minutes.
        drop_connection: Close the connection instead of answering.
        malformed: The name of a way to break the body; see ``collector.simulator.malformed``.
        window: Length of the list of recent requests; None leaves it to the simulator.
        resets: Instants at which every counter begins again from zero; an event at that instant counts after it.
        offsets: Jumps of a counter that are no usage.
        corrections: Usage the provider takes back; the amounts are subtracted.
        glitches: Wrong values that the next answer takes back.

    Raises:
        UsageError: A value is out of range.
    """

    status: int | None = None
    times: int | None = None
    retry_after: str | None = None
    success_false: bool = False
    latency: timedelta = timedelta()
    drop_connection: bool = False
    malformed: str | None = None
    window: int | None = None
    resets: tuple[datetime, ...] = ()
    offsets: tuple[Step, ...] = ()
    corrections: tuple[Step, ...] = ()
    glitches: tuple[Glitch, ...] = ()

    def __post_init__(self) -> None:
        if self.status is not None and self.status not in STATUSES:
            raise UsageError(f"the simulator answers with one of the statuses {_listed(STATUSES)}, not {self.status}")
        if self.malformed is not None and self.malformed not in breakage.NAMES:
            raise UsageError(f"a body can be malformed as {_listed(breakage.NAMES)}, not as {self.malformed!r}")
        if self.times is not None and self.times < 0:
            raise UsageError("the number of disturbed requests is 0 or more")
        if self.window is not None and not 0 <= self.window <= LONGEST_WINDOW:
            raise UsageError(f"the list of recent requests has 0 to {LONGEST_WINDOW} entries")
        if not timedelta() <= self.latency <= LONGEST_LATENCY:
            raise UsageError(f"an answer is held back for 0 to {LONGEST_LATENCY.seconds} seconds")
        if self.retry_after is not None and not (self.retry_after.isascii() and self.retry_after.isprintable()):
            raise UsageError("the text of Retry-After is printable ASCII on one line")
        for instant in self.resets:
            _require_zone(instant)

    def disturbs(self, index: int) -> bool:
        """Return whether an account's request number ``index`` is within ``times``."""
        return self.times is None or index < self.times

    def shown(self, meter: str, truth: Callable[[datetime], int], instant: datetime, index: int) -> int:
        """Return what a counter says at ``instant`` to request number ``index``, given its ``truth``."""
        for glitch in self.glitches:
            if glitch.meter == meter and glitch.index == index:
                return glitch.value
        begun = max((reset for reset in self.resets if reset <= instant), default=None)
        value = truth(instant) - (truth(begun - _MICROSECOND) if begun is not None else 0)
        for sign, steps in ((1, self.offsets), (-1, self.corrections)):
            value += sign * sum(
                step.amount
                for step in steps
                if step.meter == meter and step.at <= instant and (begun is None or begun <= step.at)
            )
        return max(value, 0)


HEALTHY = Switches()


class Switchboard:
    """The switches in force and how many requests each account made since they were set; safe between threads."""

    def __init__(self, switches: Switches = HEALTHY) -> None:
        self._lock = Lock()
        self._switches = switches
        self._asked: Counter[str] = Counter()

    def put(self, switches: Switches) -> None:
        """Exchange all switches at once and count from 0 again."""
        with self._lock:
            self._switches = switches
            self._asked = Counter()

    @property
    def switches(self) -> Switches:
        """The switches in force."""
        with self._lock:
            return self._switches

    def take(self, account: str) -> tuple[Switches, int]:
        """Return the switches for ``account``'s next request and that request's number."""
        with self._lock:
            index = self._asked[account]
            self._asked[account] = index + 1
            return self._switches, index


def _require_meter(meter: str) -> None:
    if meter not in METERS:
        raise UsageError(f"the simulated counters are {_listed(METERS)}, not {meter!r}")


def _require_zone(instant: datetime) -> None:
    if instant.tzinfo is None:
        raise UsageError("an instant needs a time zone")


def _listed(names: tuple[object, ...]) -> str:
    return ", ".join(map(str, names))
