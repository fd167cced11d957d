"""Every row of the fault table leads to its outcome, within the deadline, and leaves no connection behind."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from typing import Any

import pytest

from collector.domain.secret import Secret
from collector.errors import AskError
from collector.http.faults import Ask
from tests.http.asker import KEY, Asker
from tests.http.conftest import AskerFactory
from tests.http.fault_rows import FAULT_ROWS, FaultRow
from tests.http.fault_server import FaultServer, Sink, json_response, raw, response


def fault_of(asker: Asker, url: str, **options: Any) -> AskError:
    with pytest.raises(AskError) as caught:
        asker.ask(url, **options)
    return caught.value


@pytest.mark.parametrize("row", FAULT_ROWS, ids=lambda row: f"{row.fault} {row.variant}")
def test_fault_leads_to_its_outcome(
    row: FaultRow, make_asker: AskerFactory, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    asker = make_asker()
    with ExitStack() as stack:
        server = stack.enter_context(FaultServer(row.script(sink.origin)))
        url = server.url
        if row.lookup is not None:
            look_up = row.lookup(stack)
            monkeypatch.setattr(socket, "getaddrinfo", lambda *name, **options: look_up())
            url = url.replace("127.0.0.1", "localhost")
        began = time.monotonic()
        try:
            asker.ask(url, allow_close_delimited=row.allow_close_delimited)
        except AskError as error:
            fault = error
        else:
            fault = AskError("answered", "")
        seconds = time.monotonic() - began
        left_open = row.outcome != "answered" and not server.all_closed()

    assert (fault.outcome, fault.transient) == (row.outcome, row.transient)
    assert row.says in str(fault)
    assert getattr(fault, "retry_after", None) == row.retry_after
    assert server.connections == row.connections
    assert not left_open
    assert seconds < 1.5
    assert sink.untouched


def test_every_fault_of_http_has_a_case() -> None:
    assert {row.fault for row in FAULT_ROWS} == {f"H{number}" for number in range(1, 23)}


def test_message_names_the_host_but_neither_path_nor_query(asker: Asker) -> None:
    with FaultServer(json_response({}, status=404)) as server:
        message = str(fault_of(asker, f"{server.url}?token=private"))
    assert message.startswith(f"asked {server.origin}: ")
    assert "usage" not in message.replace(server.origin, "")
    assert "private" not in message


def test_target_of_a_redirect_is_named_without_its_secrets(asker: Asker) -> None:
    location = "https://user:pw@evil.example:8443/login/private?token=private#private"
    with FaultServer(json_response({}, status=302, headers=[("Location", location)])) as server:
        message = str(fault_of(asker, server.url))
    assert "'https://evil.example:8443'" in message
    assert [word for word in ("user", "pw", "private", "login") if word in message] == []


def test_rejected_key_is_named_by_its_fingerprint(asker: Asker) -> None:
    with FaultServer(json_response({}, status=401)) as server:
        message = str(fault_of(asker, server.url))
    assert KEY.fingerprint() in message


def test_status_is_kept_on_the_fault(asker: Asker) -> None:
    with FaultServer(json_response({}, status=503)) as server:
        assert fault_of(asker, server.url).http_status == 503


def test_rejected_answer_keeps_the_first_4_kib(asker: Asker) -> None:
    with FaultServer(json_response(b"<" + b"x" * 9000)) as server:
        assert fault_of(asker, server.url).body == b"<" + b"x" * 4095


def test_rejected_answer_that_echoes_the_key_is_kept_without_it(asker: Asker) -> None:
    echo = b"<" + b"x" * 4085 + KEY.reveal().encode()
    with FaultServer(json_response(echo)) as server:
        body = fault_of(asker, server.url).body
    assert body is not None
    assert KEY.reveal()[:8].encode() not in body


def test_header_that_echoes_the_key_is_quoted_without_it(asker: Asker) -> None:
    with FaultServer(raw(response(kind="x" * 190 + KEY.reveal()))) as server:
        message = str(fault_of(asker, server.url))
    assert KEY.reveal()[:8] not in message


QUOTES = {
    "escape sequence": ("\x1b[31mred", "\\x1b[31mred"),
    "line break": ("a\r\nb", "a\\r\\nb"),
    "right to left": ("a\u202eb", "a\\u202eb"),
    "a megabyte": ("x" * 1_000_000, "x" * 197 + "..."),
}


@pytest.mark.parametrize(("text", "quoted"), QUOTES.values(), ids=QUOTES)
def test_text_of_a_server_is_quoted_on_one_short_line(text: str, quoted: str) -> None:
    assert Ask("https://api.example", Secret("k" * 20)).quote(text) == quoted
