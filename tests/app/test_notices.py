"""Notices of faults: what is news, who is told, how often, and that nobody waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from collector.app.notice_words import WORDS, notice
from collector.app.notices import Notices
from collector.config import Settings, TargetSource
from collector.domain.secret import Secret
from collector.errors import ClockError, NotifyError, StorageError, TerminalAskError
from collector.notifications.message import Message, Outcome
from collector.notifications.transport import send
from tests.app.timepiece import NOON
from tests.app.world import World, until
from tests.notifications.sink import Sink

TARGET = TargetSource("env TO", env="TO")
ENVIRON = {"TO": "mailtos://user:a-secret-word@mail.example.com?to=me@example.com"}


class Sent:
    """Keeps what would have been sent; the first ``fails`` attempts do not work."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.fails = 0
        self.going = threading.Event()
        self.going.set()

    def __call__(self, address: Secret, message: Message, reached: frozenset[str], *, allow_private: bool) -> Outcome:
        self.going.wait(10)
        if self.fails:
            self.fails -= 1
            raise NotifyError("the server is away")
        self.messages.append(message)
        return Outcome(frozenset({"me"}))

    @property
    def subjects(self) -> list[str]:
        """The subjects, without what all begin with."""
        return [one.subject.removeprefix("[usage collector] ") for one in self.messages]


@pytest.fixture
def sent() -> Sent:
    """The way out."""
    return Sent()


@pytest.fixture
def told(world: World, sent: Sent) -> Iterator[Callable[[], Notices]]:
    """Return a function that starts notices, as a program does; those before end, their notices sent."""
    running: list[Notices] = []

    def start() -> Notices:
        for one in running:
            assert one.stop(10)
        running.append(Notices(named(world.settings), world.database, world.clock, sent, ENVIRON))
        return running[-1]

    yield start
    sent.going.set()
    for one in running:
        assert one.stop(10)


def named(settings: Settings) -> Settings:
    """Return settings that name somebody."""
    return replace(settings, faults_to=(TARGET,))


def refused(outcome: str = "http_401") -> TerminalAskError:
    """Return what a provider does that rejects the key; what he said is in the message."""
    return TerminalAskError(outcome, "the provider said: <b>BAD KEY nk-0123456789-abcdef</b>")


def play(world: World, daemon: Any, *, minutes: float = 5) -> None:
    """Let time pass and whoever is due be polled."""
    world.clock.passes(60 * minutes)
    world.tick(daemon)


class TestRejectedKeys:
    def test_the_first_of_a_row_is_told_once(self, world: World, told: Callable[[], Notices], sent: Sent) -> None:
        daemon = world.daemon("a")
        daemon.notices = told()
        world.faults["a"] = refused()
        for _ in range(20):
            play(world, daemon)
        told()

        assert len(world.polls) > 3
        assert sent.subjects == ["key rejected: a"]

    def test_a_restart_tells_nobody_again(self, world: World, told: Callable[[], Notices], sent: Sent) -> None:
        world.faults["a"] = refused()
        for _ in range(3):
            daemon = world.daemon("a")
            daemon.notices = told()
            play(world, daemon, minutes=30 * 24 * 60)
        told()

        assert [one for one, _ in world.polls] == ["http_401"] * 3
        assert sent.subjects == ["key rejected: a"]

    def test_that_it_is_accepted_again_is_told(self, world: World, told: Callable[[], Notices], sent: Sent) -> None:
        daemon = world.daemon("a")
        daemon.notices = told()
        world.faults["a"] = refused("http_403")
        play(world, daemon)
        world.faults.clear()
        play(world, daemon)
        play(world, daemon)
        told()

        assert sent.subjects == ["key not allowed: a", "the key of a is accepted again"]

    def test_one_that_comes_and_goes_is_told_once_an_hour(
        self, world: World, told: Callable[[], Notices], sent: Sent
    ) -> None:
        daemon = world.daemon("a")
        daemon.notices = told()
        for number in range(8):
            world.faults = {"a": refused()} if number % 2 == 0 else {}
            play(world, daemon)
        told()

        assert sorted(sent.subjects) == ["key rejected: a", "the key of a is accepted again"]

    def test_another_fault_is_none(self, world: World, told: Callable[[], Notices], sent: Sent) -> None:
        daemon = world.daemon("a")
        daemon.notices = told()
        world.faults["a"] = TerminalAskError("http_4xx", "gone")
        play(world, daemon)
        world.faults.clear()
        play(world, daemon)
        told()

        assert sent.subjects == []

    def test_nothing_of_what_the_provider_said_is_told(
        self, world: World, told: Callable[[], Notices], sent: Sent
    ) -> None:
        daemon = world.daemon("a")
        daemon.notices = told()
        world.faults["a"] = refused()
        play(world, daemon)
        told()
        (message,) = sent.messages

        for text in (message.subject, message.text, message.html, message.brief):
            assert "BAD KEY" not in text
            assert "nk-0123456789" not in text
        assert "collector poll a" in message.text


class TestStorage:
    def test_what_cannot_be_stored_is_told_once_and_when_it_is_over(
        self, world: World, told: Callable[[], Notices], sent: Sent
    ) -> None:
        notices, daemon = told(), world.daemon("a")
        daemon.notices = notices
        for _ in range(3):
            notices.not_stored(StorageError("the database usage.db cannot be used: database or disk is full"))
        play(world, daemon)
        told()

        assert sent.subjects == ["answers cannot be stored", "answers are stored again"]
        assert "disk is full" in sent.messages[0].text

    def test_a_wrong_clock_or_a_lost_lease_is_none(self, told: Callable[[], Notices], sent: Sent) -> None:
        told().not_stored(ClockError("set it"))
        told()

        assert sent.subjects == []

    def test_troubles_are_told_when_they_begin_and_end(self, told: Callable[[], Notices], sent: Sent) -> None:
        notices = told()
        for troubles in (set[str](), {"spooling"}, {"spooling", "unknown"}, set[str](), {"lost_tail"}):
            notices.watching(troubles.copy)()
        told()

        assert sent.subjects == [
            "answers wait in the spool", "the spool is stored; nothing waits any more", "the database lost facts"
        ]  # fmt: skip

    def test_a_spool_that_was_left_behind_is_no_news_until_it_is_stored(
        self, told: Callable[[], Notices], sent: Sent
    ) -> None:
        notices = told()
        notices.troubled({"spooling"})
        notices.troubled(set())
        told()

        assert sent.subjects == ["the spool is stored; nothing waits any more"]

    def test_an_end_that_nobody_asked_for_is_told_before_it(self, told: Callable[[], Notices], sent: Sent) -> None:
        notices = told()
        notices.ended(StorageError("the database was replaced"))
        assert notices.stop(10)

        assert "the database was replaced" in sent.messages[0].text


class TestSending:
    def test_nobody_waits_for_it(self, told: Callable[[], Notices], sent: Sent, world: World) -> None:
        sent.going.clear()
        notices = told()
        for number in range(1000):
            notices.troubled({"spooling"} if number % 2 else set())
        assert not notices.stop(0)
        sent.going.set()

        assert "there are too many notices to send; one was left out" in world.said

    def test_without_anybody_named_nothing_is_done(self, world: World, sent: Sent) -> None:
        notices = Notices(world.settings, world.database, world.clock, sent, {})
        notices.ended(None)

        assert notices.stop(0)
        assert sent.messages == []

    def test_whoever_the_settings_name_later_is_told(self, world: World, sent: Sent) -> None:
        notices = Notices(world.settings, world.database, world.clock, sent, ENVIRON)
        notices.take(named(world.settings))
        notices.ended(None)

        assert notices.stop(10)
        assert sent.subjects == ["the collector ended"]

    def test_a_server_that_is_away_is_tried_again_and_logged_once(
        self, told: Callable[[], Notices], sent: Sent, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("collector.app.notices._PAUSES", (0.01, 0.01))
        sent.fails = 2
        notices = told()
        notices.ended(None)
        until(lambda: sent.messages)

        assert sent.subjects == ["the collector ended"]
        assert world.said.count("a notice could not be sent: the server is away") == 1

    def test_an_address_that_is_missing_is_logged_unshown(self, world: World, sent: Sent) -> None:
        notices = Notices(named(world.settings), world.database, world.clock, sent, {})
        notices.ended(None)
        assert notices.stop(10)

        assert any(one.startswith("a notice could not be sent: env TO holds no address") for one in world.said)

    def test_a_mail_server_gets_a_mail(self, world: World) -> None:
        with Sink() as sink:
            allowed = replace(world.settings.collector, allow_private=True)
            settings = replace(named(world.settings), collector=allowed)
            notices = Notices(settings, world.database, world.clock, send, {"TO": sink.url("me@example.com")})
            notices.ended(StorageError("<b>gone</b>"))
            assert notices.stop(20)

        ((recipients, letter),) = sink.accepted
        assert recipients == ("me@example.com",)
        assert letter["Subject"] == "[usage collector] the collector ended"
        html = letter.get_body(("html",))
        assert html is not None
        assert "&lt;b&gt;gone&lt;/b&gt;" in html.get_content()


@pytest.mark.parametrize("kind", WORDS)
def test_every_kind_says_what_happened_and_what_to_do(kind: str) -> None:
    began, over = (notice("id", kind, "acct", NOON, (one, "")) for one in (False, True))

    assert "What to do: " in began.text
    assert "2026-03-01 12:00:00Z" in began.text
    assert began.subject != over.subject
    assert "{" not in began.text + over.text
