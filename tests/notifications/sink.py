"""A real SMTP server on loopback that keeps what it accepted and can be told to misbehave."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

OK = "250 OK"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class _Tidy(Controller):
    """Closes every connection before its loop ends; aiosmtpd leaves them to the garbage collector."""

    def __init__(self, handler: object) -> None:
        super().__init__(handler, hostname="127.0.0.1", port=free_port(), server_hostname="sink.example")
        self._sessions: list[SMTP] = []

    def factory(self) -> SMTP:
        """Remember every session."""
        made: SMTP = super().factory()  # type: ignore[no-untyped-call]  # aiosmtpd leaves it without types
        self._sessions.append(made)
        return made

    def stop(self, no_assert: bool = False) -> None:
        """Hang up on everybody, then stop."""
        asyncio.run_coroutine_threadsafe(self._hang_up(), self.loop).result(5)
        super().stop(no_assert)

    async def _hang_up(self) -> None:
        for one in self._sessions:
            if isinstance(one.transport, asyncio.WriteTransport):
                one.transport.abort()
        for _ in range(3):
            await asyncio.sleep(0)


class Sink:
    """Keeps what was accepted, by recipient; every answer can be changed.

    Attributes:
        on_recipient: Returns the answer to ``RCPT TO``.
        on_data: Returns the answer to a whole message; called before it is kept.
        drops: How many times the connection is closed after a message instead of an answer.
        keeps_dropped: Whether such a message counts as accepted, as some servers do.
    """

    def __init__(self) -> None:
        self.accepted: list[tuple[tuple[str, ...], EmailMessage]] = []
        self.sessions = 0
        self.on_recipient: Callable[[str], str] = lambda _: OK
        self.on_data: Callable[[], str] = lambda: OK
        self.drops = 0
        self.keeps_dropped = False
        self._controller = _Tidy(self)
        self.port = int(self._controller.port)

    def __enter__(self) -> Sink:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    async def handle_EHLO(  # noqa: N802 - aiosmtpd calls it so
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Count sessions."""
        self.sessions += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(  # noqa: N802 - as above
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[Any]
    ) -> str:
        """Accept a recipient, or not."""
        answer = self.on_recipient(address)
        if answer == OK:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        """Keep a message, refuse it, or hang up."""
        answer = self.on_data()
        assert isinstance(envelope.content, bytes)
        dropped = self.drops > 0
        if answer == OK and (not dropped or self.keeps_dropped):
            letter = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(letter, EmailMessage)
            self.accepted.append((tuple(envelope.rcpt_tos), letter))
        if dropped:
            self.drops -= 1
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        return answer

    @property
    def ids(self) -> list[str]:
        """The Message-ID of everything accepted."""
        return [str(letter["Message-ID"]) for _, letter in self.accepted]

    @property
    def reached(self) -> list[str]:
        """Everybody who got something, each as often as he got it."""
        return [one for recipients, _ in self.accepted for one in recipients]

    def url(self, *to: str, mode: str = "insecure") -> str:
        """Return the address of this server in apprise's grammar."""
        return f"mailto://127.0.0.1:{self.port}/?from=reports@example.com&to={','.join(to)}&mode={mode}"
