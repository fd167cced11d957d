from __future__ import annotations

import gc
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from collector.domain.secret import Secret
from collector.errors import ConfigError, NotifyError, PermanentNotifyError
from collector.notifications.message import Attachment, Message
from collector.notifications.services import send_to_service
from collector.notifications.transport import send
from tests.notifications.sink import free_port

KEY = "Canary-0123456789-sEcret"
NOBODY: frozenset[str] = frozenset()


class Hook:
    """A webhook on loopback that answers what the test says."""

    def __init__(self) -> None:
        self.status = 200
        self.location: str | None = None
        self.bodies: list[Any] = []
        self.refuses: set[str] = set()
        self.too_large = False  # refuses what has files
        self.files: int | None = None  # how many posts of a file are taken; None for all
        self.endless: bytes | None = None
        self.gone = threading.Event()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                body = {"file": self.path} if "filename=" in self.path else json.loads(content)
                hook.bodies.append(body)
                if hook.endless is not None:
                    self.drip(hook.endless)
                    return
                self.send_response(hook.answer(body))
                if hook.location is not None:
                    self.send_header("Location", hook.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def drip(self, piece: bytes) -> None:
                self.send_response(hook.status)
                self.end_headers()
                with suppress(OSError):
                    while not hook.gone.wait(0 if len(piece) > 1 else 0.02):
                        self.wfile.write(piece)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def answer(self, body: dict[str, Any]) -> int:
        files = sum("file" in one for one in self.bodies)
        if body.get("topic") in self.refuses or ("file" in body and self.files is not None and files > self.files):
            return 500
        return 413 if self.too_large and body.get("attachments") else self.status

    @property
    def url(self) -> str:
        return f"json://user:{KEY}@127.0.0.1:{self.server.server_port}/{KEY}"

    def topics(self, *names: str) -> Secret:
        return Secret(f"ntfy://127.0.0.1:{self.server.server_port}/{'/'.join(names)}")

    @property
    def told(self) -> list[str]:
        return [body["topic"] for body in self.bodies]


@pytest.fixture
def hook() -> Iterator[Hook]:
    found = Hook()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.gone.set()
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


def test_service_that_never_takes_the_file_gets_the_words_alone(hook: Hook, message: Message) -> None:
    hook.too_large = True
    outcome = send_to_service(Secret(hook.url), message, NOBODY)
    assert [len(body["attachments"]) for body in hook.bodies] == [1, 0]
    assert outcome.reached


def test_service_that_took_a_part_gets_the_words_once_more_and_no_more(
    hook: Hook, message: Message, tmp_path: Path
) -> None:
    hook.files = 1
    files = [Attachment(tmp_path / name, "text/csv") for name in ("a.csv", "b.csv")]
    for one in files:
        one.path.write_text("day,usage")
    outcome = send_to_service(hook.topics("one"), replace(message, attachments=tuple(files)), NOBODY)
    assert outcome.reached
    assert len(hook.bodies) == 3


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # apprise forgets to close its socket
@pytest.mark.parametrize("address", ["rsyslog://127.0.0.1:9/local5", "syslog://"])
def test_this_machine_s_log_is_a_private_address(address: str, message: Message) -> None:
    with pytest.raises(ConfigError, match="allow_private"):
        send(Secret(address), message, NOBODY, allow_private=False)
    gc.collect()  # and what it forgot ends here, not within another test


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


@pytest.fixture
def brief(message: Message) -> Message:
    """A message without files, which ntfy sends as one JSON body."""
    return replace(message, attachments=())


def test_recipient_who_has_it_is_not_told_again_because_of_another(hook: Hook, brief: Message) -> None:
    hook.refuses = {"two"}
    first = send_to_service(hook.topics("one", "two"), brief, NOBODY)
    hook.refuses = set()
    second = send_to_service(hook.topics("one", "two"), brief, first.reached)
    assert (len(first.reached), first.later) == (1, ("the service did not take the message (HTTP 500)",))
    assert (len(second.reached), second.later) == (2, ())
    assert hook.told == ["one", "two", "two"]


def test_recipient_who_is_none_is_an_error_and_the_others_are_not_told(hook: Hook, brief: Message) -> None:
    with pytest.raises(ConfigError, match="1 of the 2 recipients") as caught:
        send_to_service(Secret("tgram://123456789:ABCdefghijkl/111111111/n!/"), brief, NOBODY)
    assert "n!" not in str(caught.value)


@pytest.mark.parametrize("piece", [b".", b"." * 65536], ids=["drips", "never ends"])
def test_answer_that_never_ends_is_left(hook: Hook, brief: Message, piece: bytes) -> None:
    hook.status, hook.endless = 500, piece
    with pytest.raises(NotifyError):
        send_to_service(Secret(hook.url), brief, NOBODY, seconds=0.3 if len(piece) == 1 else 60)
    assert len(hook.bodies) == 1


def test_proxy_of_the_environment_is_ignored(hook: Hook, brief: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert send_to_service(Secret(hook.url), brief, NOBODY).reached
    assert len(hook.bodies) == 1
