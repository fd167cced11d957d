"""A dashboard as it is served: the real server on loopback, in a thread, and ways to ask it."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collector.app.clock import Clock, SystemClock
from collector.app.web.ledger import Ledger
from collector.app.web.serving import Listening, bound, server_of
from collector.app.web.working import Workshop
from collector.app.wiring import load_settings
from collector.domain.secret import Secret

TOKEN = "token-0123456789-abcdef"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        """What came back, read as JSON."""
        return json.loads(self.text)


class Dashboard:
    """A dashboard that answers.

    Attributes:
        address: Host and port.
    """

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, /, **headers: str) -> Answer:
        """Ask for a path; a header's ``_`` stands for ``-``."""
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            got = connection.getresponse()
            return Answer(got.status, {name.lower(): value for name, value in got.getheaders()}, got.read().decode())
        finally:
            connection.close()

    def raw(self, sent: bytes, seconds: float = 10.0) -> bytes:
        """Send bytes and return all that comes back until the server closes."""
        with socket.create_connection(self.address, seconds) as connection:
            connection.sendall(sent)
            return b"".join(iter(lambda: connection.recv(65536), b""))


@contextmanager
def dashboard(
    config: Path, *, token: str | None = None, names: tuple[str, ...] = (), clock: Clock | None = None
) -> Iterator[Dashboard]:
    """Serve what a settings file configures."""
    listening = Listening("127.0.0.1", 0, None if token is None else Secret(token), names)
    workshop = Workshop()
    with (
        closing(bound(listening)) as listener,
        closing(Ledger(load_settings(config, {}), clock or SystemClock())) as ledger,
    ):
        server = server_of(ledger, workshop, listening)
        listener.listen(32)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()
        try:
            yield Dashboard(listener.getsockname()[:2])
        finally:
            server.should_exit = True
            thread.join(20)
            assert workshop.stop(10)
