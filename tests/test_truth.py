"""The promise as a whole: whatever a provider does for a month, no unit of usage is lost, counted twice or invented.

An independent implementation of both APIs shows a known list of events under a moved clock, twenty requests at a time.
It is polled at irregular times; then the ledger is compared with the events themselves, on both engines.
"""

from __future__ import annotations

import os
import random
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine

from collector.app.clock import SystemClock
from collector.app.wiring import http_client, lease_length, load_settings, open_database, targets
from collector.polling.one_poll import Poller
from collector.store.accounts import Lease, claim
from collector.store.engine import Database
from tests.app.console import Console
from tests.upstream import NECTED, NELLIE, Reply, Upstream

BEGIN = datetime(2026, 3, 10, 9, 17, 3, tzinfo=UTC)  # Berlin sets its clocks forward on the 29th
END = BEGIN + timedelta(days=30)
ZONES = {"nected": ZoneInfo("Asia/Kathmandu"), "nellie": ZoneInfo("Europe/Berlin")}
METERS = {"nected": ("invocations",), "nellie": ("requests", "credits")}
WINDOW = 20


@dataclass(frozen=True, slots=True)
class Request:
    """One request that was really made."""

    name: str
    created_at: datetime
    completed_at: datetime
    status: str
    credits: int

    def shown(self, now: datetime) -> dict[str, object]:
        """Return how the provider lists it."""
        done = self.completed_at <= now
        return {
            "requestId": self.name,
            "status": self.status if done else "processing",
            "createdAt": self.created_at.isoformat(),
            "completedAt": self.completed_at.isoformat() if done else None,
            "creditsUsed": self.credits if done else 0,
        }


class World:
    """What really happened, from some months before we begin to look until the end."""

    def __init__(self, seed: int) -> None:
        chance = random.Random(seed)
        at = BEGIN - timedelta(days=20)
        self.requests: list[Request] = []
        self.events: dict[str, list[tuple[datetime, int]]] = {name: [] for names in METERS.values() for name in names}
        while at < END:
            busy = 1.0 if 6 <= at.hour < 20 and at.weekday() < 5 else 0.15
            at += timedelta(seconds=chance.expovariate(busy / 1800))
            self.events["invocations"].append((at, chance.randint(1, 40)))
            if chance.random() < 0.4:
                self._request(at, chance)
        self.events["requests"] = [(one.created_at, 1) for one in self.requests]
        self.events["credits"] = sorted((one.completed_at, one.credits) for one in self.requests)

    def _request(self, at: datetime, chance: random.Random) -> None:
        failed = chance.random() < 0.1
        ends = at + timedelta(seconds=chance.randint(20, 3000))
        credits = 0 if failed else chance.choice((250, 500))
        self.requests.append(Request(f"r-{len(self.requests)}", at, ends, "failed" if failed else "completed", credits))

    @cached_property
    def _sums(self) -> dict[str, tuple[list[datetime], list[int]]]:
        found = {}
        for meter, events in self.events.items():
            totals, total = [0], 0
            for _, amount in events:
                total += amount
                totals.append(total)
            found[meter] = ([at for at, _ in events], totals)
        return found

    def total(self, meter: str, now: datetime) -> int:
        """Return what was used up to an instant, that instant included."""
        ats, totals = self._sums[meter]
        return totals[bisect_right(ats, now)]

    def used_on(self, meter: str, day: date, zone: ZoneInfo) -> int:
        """Return what was used on a local day."""
        start, end = (datetime.combine(one, datetime.min.time(), zone) for one in (day, day + timedelta(days=1)))
        return sum(amount for at, amount in self.events[meter] if start <= at < end)

    def recent(self, now: datetime) -> list[dict[str, object]]:
        """Return the provider's list: the most recent first."""
        made = [one for one in self.requests if one.created_at <= now][-WINDOW:]
        return [one.shown(now) for one in reversed(made)]


Shows = Callable[[int, int, int], int]
"""What a counter says, from its truth, what it said the last time, and the number of the poll."""


@dataclass(frozen=True, slots=True)
class Story:
    """How a provider behaves.

    Attributes:
        shows: What its counters say.
        resets_at: When a meter began again from zero, if it did.
        taken_back: What it took back in the middle.
        fails: Whether a poll of that number gets no answer.
        declared: Whether the settings say that counters begin again with each month.
    """

    name: str
    shows: Shows = lambda truth, before, number: truth
    resets_at: Callable[[str], datetime | None] = lambda meter: None
    taken_back: int = 0
    fails: Callable[[int], bool] = lambda number: False
    declared: bool = False


MIDDLE = BEGIN + timedelta(days=17, hours=5)


def lagging(truth: int, before: int, number: int) -> int:
    """Say a little less than the last time now and then, as a replica that is behind."""
    return before - 1 if number % 11 == 5 else truth


def blinking(truth: int, before: int, number: int) -> int:
    """Say zero now and then."""
    return 0 if number % 13 == 6 else truth


def first_of_april(meter: str) -> datetime:
    """Return when a billing period begins for a meter's account: at its own midnight."""
    zone = next(ZONES[account] for account, meters in METERS.items() if meter in meters)
    return datetime(2026, 4, 1, tzinfo=zone).astimezone(UTC)


WORLD = World(7)
STORIES = (
    Story("counts"),
    Story("fails often", fails=lambda number: number % 4 in {1, 2}),
    Story("lags", lagging),
    Story("blinks", blinking),
    Story("resets", resets_at=lambda meter: MIDDLE),
    Story("takes back", taken_back=60),
    Story("resets with the period", resets_at=first_of_april, declared=True),
)
# PostgreSQL is slower to set up; what differs between engines shows in any story with falls and gaps.
TOLD = [pytest.param(story, "sqlite", id=f"{story.name}, sqlite") for story in STORIES]
TOLD += [
    pytest.param(story, "postgres", id=f"{story.name}, postgres", marks=pytest.mark.postgres)
    for story in STORIES
    if story.name in {"counts", "fails often", "resets"}
]


def instants() -> list[datetime]:
    """Return when we look: at any time of the day, minutes or half a day apart."""
    chance = random.Random(11)
    found = [BEGIN]
    while found[-1] < END - timedelta(hours=12):
        found.append(found[-1] + timedelta(seconds=chance.choice((600, 20_000, 43_000)) * chance.uniform(0.3, 1.0)))
    return found


class Provider(Upstream):
    """Both APIs, telling a story about the world."""

    def __init__(self, story: Story) -> None:
        super().__init__()
        self.story = story
        self.number = 0
        self.seen: dict[str, list[int]] = defaultdict(list)
        self.once_listed: dict[str, set[str]] = defaultdict(set)
        self.answers |= {NECTED: self._invocations, NELLIE: self._usage}

    def _shown(self, meter: str) -> int:
        now, truth = datetime.now(UTC), WORLD.total(meter, datetime.now(UTC))
        reset = self.story.resets_at(meter)
        if reset is not None and now >= reset:
            truth -= WORLD.total(meter, reset)
        if now >= MIDDLE:
            truth -= self.story.taken_back
        shown = self.story.shows(truth, self.seen[meter][-1] if self.seen[meter] else truth, self.number)
        self.seen[meter].append(shown)
        return shown

    def _invocations(self) -> Reply:
        if self.story.fails(self.number):
            return 403, {}, {}
        return 200, {}, {"data": {"invocations": self._shown("invocations")}, "code": "success", "message": "Success."}

    def _usage(self) -> Reply:
        if self.story.fails(self.number):
            return 200, {"Content-Type": "text/html"}, b"<p>Sign in</p>"
        recent = WORLD.recent(datetime.now(UTC))
        for one in recent:
            self.once_listed[str(one["requestId"])].add(str(one["status"]))
        shown = {"totalRequests": self._shown("requests"), "totalCreditsUsed": self._shown("credits")}
        return 200, {}, {"success": True, **shown, "recentRequests": recent}


@dataclass(frozen=True, slots=True)
class Told:
    """What the ledger says in the end."""

    provider: Provider
    daily: bytes
    days: list[dict[str, Any]]
    requests: list[dict[str, Any]]


def settings_of(url: str, database: str, story: Story) -> str:
    accounts = (
        f'[[accounts]]\nname = "{name}"\nprovider = "{name}"\nbase_url = "{url}"\ntimezone = "{zone.key}"\n'
        f'poll_every = "6h"\n{_terms(name) if story.declared else ""}\n'
        for name, zone in ZONES.items()
    )
    return f'[database]\nurl = "{database}"\n{"".join(accounts)}'


def _terms(account: str) -> str:
    meters = (f'[accounts.meters.{meter}]\nresets = "period"\n' for meter in METERS[account])
    return f'[accounts.billing]\nperiod = "monthly"\n{"".join(meters)}'


def collect(console: Console, provider: Provider, clock: time_machine.Traveller) -> None:
    """Poll both accounts at every instant."""
    settings = load_settings(console.folder / "collector.toml")
    system = SystemClock()
    with closing(open_database(settings)) as database, closing(http_client(settings, system)) as client:
        poller = Poller(database, client, system.now)
        wanted = targets(database, [one.account(os.environ) for one in settings.accounts])
        for number, at in enumerate(instants()):
            clock.move_to(at)
            provider.number = number
            for target in wanted:
                lease = claim(database, target.row.id, "us", at, at + lease_length(settings))
                assert isinstance(lease, Lease)
                poller.poll(target, lease)


@pytest.fixture(scope="module")
def shelf() -> dict[tuple[str, str], Told]:
    """What was told already, by story and engine."""
    return {}


@pytest.fixture
def told(
    story: Story, engine: str, shelf: dict[tuple[str, str], Told], request: pytest.FixtureRequest, tmp_path: Path
) -> Told:
    key = story.name, engine
    if key not in shelf:
        database: Database = request.getfixturevalue(f"{engine}_database")
        url = database.url.set(drivername=database.url.get_backend_name()).render_as_string(hide_password=False)
        shelf[key] = _told(story, url, tmp_path / "told")
    return shelf[key]


def _told(story: Story, database: str, folder: Path) -> Told:
    folder.mkdir()
    provider = Provider(story)
    with pytest.MonkeyPatch.context() as patch, provider, time_machine.travel(BEGIN, tick=False) as clock:
        console = Console(folder, patch)
        console.write(settings_of(provider.url, database, story))
        collect(console, provider, clock)
        daily = console.good("report", "daily", "--json")
        return Told(provider, daily.out.encode(), daily.rows, console.json("report", "requests"))


@pytest.mark.parametrize(("story", "engine"), TOLD)
class TestLedger:
    @pytest.mark.parametrize("meter", [name for names in METERS.values() for name in names])
    def test_days_add_up_to_the_counter_s_growth(self, meter: str, told: Told) -> None:
        first, last = told.provider.seen[meter][0], told.provider.seen[meter][-1]
        growth = last - first
        reset = told.provider.story.resets_at(meter)
        if reset is not None:
            growth += last_before(meter, reset, told.provider)
        assert sum(day["usage"] for day in told.days if day["meter"] == meter) == growth

    def test_truth_of_every_whole_day_lies_within_its_bounds(self, told: Told) -> None:
        whole = [day for day in told.days if not day["partial"]]
        assert len(whole) > 3 * 25
        assert [day for day in whole if not within(day, told.provider.story)] == []

    def test_every_request_that_was_ever_listed_stands_once(self, told: Told) -> None:
        names = [row["request_id"] for row in told.requests]
        assert len(names) == len(set(names))
        assert set(names) == set(told.provider.once_listed)

    def test_request_that_was_listed_as_final_is_final(self, told: Told) -> None:
        truth = {one.name: one for one in WORLD.requests}
        for row in told.requests:
            final = told.provider.once_listed[row["request_id"]] - {"processing"}
            request = truth[row["request_id"]]
            expected = (request.status, request.credits) if final else ("processing", 0)
            assert (row["status"], row["credits_used"]) == expected


def last_before(meter: str, at: datetime, provider: Provider) -> int:
    """Return what the counter said when it was last polled before an instant."""
    numbers = [number for number, when in enumerate(instants()) if not provider.story.fails(number)]
    polled = [instants()[number] for number in numbers]
    return provider.seen[meter][bisect_right(polled, at - timedelta(microseconds=1)) - 1]


def within(day: dict[str, Any], story: Story) -> bool:
    """Tell whether what really happened on a day lies within its bounds."""
    zone = ZONES[day["account"]]
    used = WORLD.used_on(day["meter"], date.fromisoformat(day["day"]), zone)
    if story.taken_back and MIDDLE.astimezone(zone).date().isoformat() == day["day"]:
        used -= story.taken_back
    lower, upper = day["lower"], day["upper"]
    return bool(lower <= used and (upper is None or used <= upper) and lower <= day["usage"])


@pytest.mark.postgres
@pytest.mark.parametrize(("story", "engine"), [param for param in TOLD if param.values[1] == "postgres"])
def test_both_engines_tell_the_same_to_the_byte(
    story: Story, engine: str, told: Told, shelf: dict[tuple[str, str], Told], tmp_path: Path, upgraded_sqlite: Path
) -> None:
    other = shelf.get((story.name, "sqlite"))
    if other is None:
        copy = tmp_path / "usage.db"
        copy.write_bytes(upgraded_sqlite.read_bytes())
        other = _told(story, f"sqlite:///{copy}", tmp_path / "other")
    assert told.daily == other.daily
    assert told.requests == other.requests


def test_history_is_long_and_irregular() -> None:
    found = instants()
    assert len(found) > 80
    assert found[-1] - found[0] > timedelta(days=29)
