from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from collector.domain.secret import Secret
from collector.errors import ConfigError, NotifyError, PermanentNotifyError
from collector.notifications.message import Message
from collector.notifications.services import send_to_service
from collector.notifications.transport import send

KEY = "Canary-0123456789-sEcret"
NOBODY: frozenset[str] = frozenset()


class Hook:
    """A webhook on loopback that answers what the test says."""

    def __init__(self) -> None:
        self.status = 200
        self.location: str | None = None
        self.bodies: list[Any] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(hook.status)
                if hook.location is not None:
                    self.send_header("Location", hook.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"json://user:{KEY}@127.0.0.1:{self.server.server_port}/{KEY}"


@pytest.fixture
def hook() -> Iterator[Hook]:
    found = Hook()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


def test_webhook_gets_the_key_figures_and_the_file(hook: Hook, message: Message) -> None:
    outcome = send_to_service(Secret(hook.url), message, NOBODY)
    (body,) = hook.bodies
    assert (body["title"], body["message"]) == (message.subject, message.brief)
    assert [one["filename"] for one in body["attachments"]] == ["month-2026-10.html"]
    assert outcome.reached


def test_who_has_it_already_is_not_told_twice(hook: Hook, message: Message) -> None:
    outcome = send_to_service(Secret(hook.url), message, NOBODY)
    send_to_service(Secret(hook.url), message, outcome.reached)
    assert len(hook.bodies) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (500, NotifyError),
        (429, NotifyError),
        (401, NotifyError),
        (400, PermanentNotifyError),
        (413, PermanentNotifyError),
    ],
)
def test_refusal_is_told_apart_by_type_and_shows_no_key(
    hook: Hook, message: Message, status: int, kind: type[NotifyError], caplog: pytest.LogCaptureFixture
) -> None:
    hook.status = status
    with caplog.at_level(logging.INFO), pytest.raises(NotifyError, match=str(status)) as caught:
        send_to_service(Secret(hook.url), message, NOBODY)
    assert type(caught.value) is kind
    assert KEY not in f"{caught.value!r} {caplog.text}"


def test_redirect_is_not_followed(hook: Hook, message: Message) -> None:
    hook.status, hook.location = 307, f"http://127.0.0.1:{hook.server.server_port}/elsewhere"
    with pytest.raises(NotifyError):
        send_to_service(Secret(hook.url), message, NOBODY)
    assert len(hook.bodies) == 1


def test_webhook_at_a_private_address_is_refused(hook: Hook, message: Message) -> None:
    with pytest.raises(ConfigError, match="allow_private"):
        send(Secret(hook.url), message, NOBODY, allow_private=False)
    assert hook.bodies == []


def test_markup_of_chats_is_inert(hook: Hook, message: Message) -> None:
    brief = "<!channel> @everyone [x](https://evil.example) `code` *bold*\x1b[31m \u202eabc"
    send_to_service(Secret(hook.url), replace(message, brief=brief), NOBODY)
    assert not set("<>@[]`*\x1b\u202e") & set(hook.bodies[0]["message"])
    assert "://" not in hook.bodies[0]["message"]


def test_address_that_is_none_is_not_shown(message: Message) -> None:
    with pytest.raises(ConfigError) as caught:
        send(Secret(f"nosuch://{KEY}"), message, NOBODY, allow_private=True)
    assert KEY not in str(caught.value)
