"""Connections that end by themselves: nobody keeps one by sending, or reading, a byte now and then.

uvicorn bounds how many connections there are and how long one may idle between two requests, but waits for ever for
the rest of a request, and for somebody who does not read his answer. Where many have connected, whoever has waited
longest without having asked is sent away: connections that ask nothing keep nobody out.

Public: ``BriefConnection``.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle


class BriefConnection(H11Protocol):
    """A connection on which a request must arrive, and its answer be read, in bounded time.

    Attributes:
        asking_seconds: How long the head of a request may take to arrive, the first and each that follows.
        answering_seconds: How long answering it may take, until the last byte was taken.
        since: When somebody connected, by the loop's clock.
        most_connections: How many there may be before those that ask nothing are closed, the oldest first.
    """

    asking_seconds = 10.0
    answering_seconds = 60.0
    most_connections = 48
    _timer: asyncio.TimerHandle | None = None
    _waited_for: object = None
    since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to count when somebody connects."""
        super().connection_made(transport)
        self.since = self.loop.time()
        self._count(self.asking_seconds)
        self._make_room()

    def _make_room(self) -> None:
        """Close those that have waited longest without asking."""
        there = [one for one in self.connections if isinstance(one, BriefConnection) and not one.transport.is_closing()]
        asking_nothing = sorted(
            (one for one in there if one is not self and one.asks_nothing), key=lambda one: one.since
        )
        for one in asking_nothing[: max(0, len(there) - self.most_connections)]:
            one.transport.abort()

    @property
    def asks_nothing(self) -> bool:
        """True while no answer is being made on it."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting."""
        self._stop_counting()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Count anew for the next request."""
        super().on_response_complete()
        if not self.transport.is_closing():
            self._count(self.asking_seconds)

    def _count(self, seconds: float) -> None:
        self._stop_counting()
        self._timer = self.loop.call_later(seconds, self._over)

    def _stop_counting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _over(self) -> None:
        """End the connection, unless an answer is being made: that gets its own time, once."""
        cycle: RequestResponseCycle | None = self.cycle  # there is none before the first request
        if cycle is not None and not cycle.response_complete and cycle is not self._waited_for:
            self._waited_for = cycle
            self._count(self.answering_seconds)
        else:
            self.transport.abort()
