"""One asking: what is sent, what comes back, what is tried again, and how it is stopped."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.domain.secret import Secret
from collector.errors import AskError, ConfigError, InterruptedAskError
from tests.http.asker import KEY, NOW, Asker
from tests.http.conftest import AskerFactory
from tests.http.fault_server import (
    Exchange,
    FaultServer,
    Sink,
    dead_endpoint,
    hang_up,
    json_response,
    once_each,
    raw,
    response,
    silence,
)

OK = response(b'{"ok": true}')
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n02\r\n1]\r\n0\r\n\r\n"


def outcome_of(asker: Asker, url: str) -> str:
    try:
        asker.ask(url)
    except AskError as error:
        return error.outcome
    return "answered"


class TestRequest:
    def test_request_says_who_we_are_and_nothing_more(self, asker: Asker) -> None:
        with FaultServer(json_response({})) as server:
            asker.ask(server.url)
        assert server.requests[0].decode().splitlines() == [
            "GET /v1/usage HTTP/1.1",
            f"Host: 127.0.0.1:{server.port}",
            "User-Agent: usage-collector/0.1 (tests)",
            "Accept: application/json",
            "Accept-Encoding: identity",
            "Connection: close",
            f"X-API-Key: {KEY.reveal()}",
            "",
        ]

    def test_key_of_one_asking_is_not_sent_with_the_next(self, asker: Asker) -> None:
        with FaultServer(json_response({})) as server:
            asker.ask(server.url)
            asker.ask(server.url, key_header="Nected-API-Key", key=Secret("another"))
        assert b"X-API-Key" not in server.requests[1]

    def test_cookie_is_never_sent_back(self, asker: Asker) -> None:
        cookie = response(headers=[("Set-Cookie", "id=1; Path=/"), ("Set-Cookie", "b=2")])
        with FaultServer([once_each(cookie), once_each(OK)]) as server:
            asker.ask(server.url)
            asker.ask(server.url)
        assert b"cookie" not in server.requests[1].lower()

    def test_environment_is_ignored(
        self, make_asker: AskerFactory, sink: Sink, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login me password secret\n")
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, sink.origin)
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.setenv(name, str(tmp_path / "nothing"))
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.delenv("NO_PROXY", raising=False)
        with FaultServer(json_response({})) as server:
            make_asker().ask(server.url)
        assert b"Authorization" not in server.requests[0]
        assert sink.untouched

    @pytest.mark.parametrize("header", ["", "X API", "X-Key\r\nEvil", "Schlüssel"], ids=repr)
    def test_header_that_no_request_may_carry_is_refused(self, header: str, asker: Asker) -> None:
        with pytest.raises(ConfigError):
            asker.ask("https://localhost/", key_header=header)

    @pytest.mark.parametrize("key", ["", " ", "a\nb", "a\r\nEvil: 1", "schlüssel", " padded", "a\x00"], ids=repr)
    def test_key_that_no_header_may_carry_is_refused_without_showing_it(self, key: str, asker: Asker) -> None:
        with pytest.raises(ConfigError) as caught:
            asker.ask("https://localhost/", key=Secret(key))
        assert key.strip() == "" or key not in str(caught.value)

    def test_address_is_checked_before_anything_is_sent(self, asker: Asker) -> None:
        with pytest.raises(ConfigError, match="https"):
            asker.ask("http://example.com/v1/usage")


class TestAnswer:
    def test_payload_and_bytes_are_given(self, asker: Asker) -> None:
        with FaultServer(json_response(b'{"totalRequests": 42}')) as server:
            answer = asker.ask(server.url)
        assert (answer.payload, answer.body) == ({"totalRequests": 42}, b'{"totalRequests": 42}')

    def test_answer_is_received_at_the_collectors_time(self, asker: Asker) -> None:
        with FaultServer(json_response({}, headers=[("Date", "Sun, 01 Mar 2026 09:00:00 GMT")])) as server:
            answer = asker.ask(server.url)
        assert (answer.received_at, answer.server_date) == (NOW, datetime(2026, 3, 1, 9, tzinfo=UTC))

    @pytest.mark.parametrize("date", ["yesterday", "", "Sun, 99 Mar 2026 09:00:00 GMT"], ids=repr)
    def test_unreadable_date_is_none(self, date: str, asker: Asker) -> None:
        with FaultServer(json_response({}, headers=[("Date", date)])) as server:
            assert asker.ask(server.url).server_date is None

    @pytest.mark.parametrize(
        ("age", "seconds"),
        [
            ("0", 0), ("1", 1), ("90", 90), ("0" * 99 + "7", 7), ("9999999999", 2**31), ("9" * 29, 2**31),
            ("1" + "0" * 5000, 2**31), ("-1", None), ("old", None), ("1.5", None), ("1_0", None), ("", None),
        ],
        ids=lambda value: str(value)[:12],
    )  # fmt: skip
    def test_age_of_a_cached_answer_is_given(self, age: str, seconds: int | None, asker: Asker) -> None:
        with FaultServer(json_response({}, headers=[("Age", age)])) as server:
            assert asker.ask(server.url).age_seconds == seconds

    @pytest.mark.parametrize(
        "kind", ["application/json", "Application/JSON; charset=latin-1", "application/problem+json", None], ids=str
    )
    def test_json_by_any_of_its_names_is_accepted(self, kind: str | None, asker: Asker) -> None:
        with FaultServer(raw(response(b'"\xc3\xbc"', kind=kind))) as server:
            assert asker.ask(server.url).payload == "ü"

    @pytest.mark.parametrize("kind", ["", "text/json", "+json", "application/jsonp"], ids=repr)
    def test_any_other_type_is_refused(self, kind: str, asker: Asker) -> None:
        with FaultServer(raw(response(kind=kind))) as server:
            assert outcome_of(asker, server.url) == "content_type"

    @pytest.mark.parametrize("body", [response(b"[1]"), CHUNKED], ids=["length", "chunks"])
    def test_early_hints_before_an_answer_are_read_over(self, body: bytes, asker: Asker) -> None:
        hint = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nContent-Length: 999\r\n\r\n"
        with FaultServer(raw(hint + b"HTTP/1.1 100 Continue\r\n\r\n" + hint + body)) as server:
            assert asker.ask(server.url).payload == [1]

    @pytest.mark.parametrize("line", [b"HTTP/1.1 200", b"HTTP/1.1 200 ", b"HTTP/1.0 200 Gut \xfc"], ids=repr)
    def test_status_line_needs_no_words(self, line: bytes, asker: Asker) -> None:
        with FaultServer(raw(line + b"\r\nContent-Length: 3\r\n\r\n[1]")) as server:
            assert asker.ask(server.url).payload == [1]

    def test_chunks_are_joined(self, asker: Asker) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        with FaultServer(raw(head + b"3\r\n[1,\r\n3;ext=1\r\n2] \r\n0\r\nTrailer: 1\r\n\r\n")) as server:
            assert asker.ask(server.url).payload == [1, 2]

    def test_answer_ended_by_closing_is_taken_where_the_account_allows_it(self, asker: Asker) -> None:
        with FaultServer(raw(response(b"[1]", length=False))) as server:
            assert asker.ask(server.url, allow_close_delimited=True).payload == [1]

    def test_same_length_twice_is_no_contradiction(self, asker: Asker) -> None:
        with FaultServer(raw(response(b"[1]", headers=[("Content-Length", "3")]))) as server:
            assert asker.ask(server.url).payload == [1]

    def test_body_of_exactly_the_limit_is_read(self, make_asker: AskerFactory) -> None:
        asker = make_asker(max_bytes=1000)
        with FaultServer(json_response(b" " * 997 + b"[1]")) as server:
            assert asker.ask(server.url).payload == [1]

    def test_one_early_100_continue_is_skipped(self, asker: Asker) -> None:
        with FaultServer(raw(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)) as server:
            assert asker.ask(server.url).payload == {"ok": True}

    def test_malformed_json_is_refused_with_its_body(self, asker: Asker) -> None:
        with FaultServer(json_response(b"{'a': 1}")) as server, pytest.raises(AskError) as caught:
            asker.ask(server.url)
        assert (caught.value.outcome, caught.value.body) == ("malformed_json", b"{'a': 1}")


class TestRetries:
    def test_passing_server_fault_is_answered_in_the_same_attempt(self, asker: Asker) -> None:
        bad = raw(response(status=503))
        with FaultServer([bad, bad, json_response({"ok": True})]) as server:
            assert asker.ask(server.url).payload == {"ok": True}
        assert asker.waits == [0.01, 0.02]

    def test_broken_connection_is_tried_again(self, asker: Asker) -> None:
        with FaultServer([hang_up, json_response({"ok": True})]) as server:
            assert asker.ask(server.url).payload == {"ok": True}
        assert asker.waits == [0.01]

    def test_retry_after_the_deadline_is_not_made(self, make_asker: AskerFactory) -> None:
        asker = make_asker(retry_delays=(5.0,))
        with FaultServer(json_response({}, status=500)) as server:
            assert outcome_of(asker, server.url) == "http_5xx"
        assert asker.waits == []

    def test_no_delays_mean_no_retries(self, make_asker: AskerFactory) -> None:
        with FaultServer(json_response({}, status=500)) as server:
            assert outcome_of(make_asker(retry_delays=()), server.url) == "http_5xx"
        assert server.connections == 1

    def test_deadline_spans_all_tries(self, make_asker: AskerFactory) -> None:
        slow = [hang_up, raw(response(status=500)), silence()]
        began = time.monotonic()
        with FaultServer(slow) as server:
            assert outcome_of(make_asker(), server.url) == "timeout_total"
        assert time.monotonic() - began < 0.6

    def test_dead_address_leaves_time_for_the_next(
        self, make_asker: AskerFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asker = make_asker()
        with dead_endpoint() as dead, FaultServer(json_response({"ok": True})) as server:
            found = [(2, 1, 6, "", dead), (2, 1, 6, "", ("127.0.0.1", server.port))]
            monkeypatch.setattr("socket.getaddrinfo", lambda *name, **options: found)
            assert asker.ask("http://localhost:9/v1/usage").payload == {"ok": True}


class TestConnections:
    def test_every_asking_has_a_connection_of_its_own(self, asker: Asker) -> None:
        with FaultServer(json_response({})) as server:
            for _ in range(3):
                asker.ask(server.url)
        assert server.connections == 3

    def test_connection_is_closed_once_the_answer_is_complete(self, asker: Asker) -> None:
        with FaultServer(json_response({})) as server:
            asker.ask(server.url)
            assert server.all_closed()

    def test_server_is_told_that_nothing_follows(self, asker: Asker) -> None:
        with FaultServer(json_response({})) as server:
            asker.ask(server.url)
        assert b"\r\nConnection: close\r\n" in server.requests[0]

    def test_connection_closed_by_the_peer_between_two_askings_has_no_visible_effect(
        self, make_asker: AskerFactory, caplog: pytest.LogCaptureFixture
    ) -> None:
        asker = make_asker(retry_delays=())
        caplog.set_level(logging.INFO)
        with FaultServer([once_each(OK), json_response({"n": 2})]) as server:
            asker.ask(server.url)
            assert asker.ask(server.url).payload == {"n": 2}
        assert (server.connections, asker.waits, caplog.records) == (2, [], [])

    def test_peer_that_hangs_up_is_asked_again_as_often_as_there_are_delays(self, make_asker: AskerFactory) -> None:
        asker = make_asker(retry_delays=(0.01,))
        with FaultServer(hang_up) as server:
            assert outcome_of(asker, server.url) == "conn_error"
        assert (server.connections, asker.waits) == (2, [0.01])

    def test_second_answer_that_came_with_the_first_is_never_taken(self, asker: Asker) -> None:
        def answers_twice(exchange: Exchange) -> None:
            exchange.read_request()
            exchange.send(OK + response(b'{"smuggled": true}'))
            exchange.read_request()

        with FaultServer([answers_twice, json_response({"n": 2})]) as server:
            asker.ask(server.url)
            assert asker.ask(server.url).payload == {"n": 2}


def _echo(exchange: Exchange) -> None:
    while (head := exchange.read_request()) is not None:
        path = head.split(b" ")[1]
        key = head.rpartition(b"X-API-Key: ")[2]
        exchange.send(response(b'{"path": "%s", "key": "%s"}' % (path, key)))


def test_threads_each_get_their_own_answer(make_asker: AskerFactory) -> None:
    asker = make_asker(deadline=NOW - NOW.replace(hour=11))

    def ask_often(thread: int) -> bool:
        asked = [(f"/{thread}/{number}", f"key-{thread}") for number in range(25)]
        answers = [asker.ask(server.origin + path, key=Secret(key)).payload for path, key in asked]
        return answers == [{"path": path, "key": key} for path, key in asked]

    with FaultServer(_echo) as server, ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask_often, range(16)))


class TestStopping:
    @staticmethod
    def interrupted(asker: Asker, url: str, ready: Callable[[], bool]) -> tuple[str, float]:
        outcomes: list[str] = []
        thread = threading.Thread(target=lambda: outcomes.append(outcome_of(asker, url)))
        thread.start()
        until = time.monotonic() + 2
        while not ready() and time.monotonic() < until:
            time.sleep(0.005)
        began = time.monotonic()
        asker.client.abort()
        thread.join(5)
        return outcomes[0], time.monotonic() - began

    @pytest.fixture
    def patient(self, make_asker: AskerFactory) -> Asker:
        return make_asker(deadline=NOW - NOW.replace(hour=11))

    def test_abort_ends_the_wait_for_headers(self, patient: Asker) -> None:
        with FaultServer(silence()) as server:
            outcome, seconds = self.interrupted(patient, server.url, lambda: bool(server.requests))
        assert outcome == "interrupted"
        assert seconds < 1

    def test_abort_ends_the_reading_of_a_body(self, patient: Asker) -> None:
        def half(exchange: Exchange) -> None:
            exchange.read_request()
            exchange.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\n{")
            exchange.read_request()

        with FaultServer(half) as server:
            outcome, seconds = self.interrupted(patient, server.url, lambda: bool(server.requests))
        assert outcome == "interrupted"
        assert seconds < 1

    def test_abort_ends_a_tls_handshake(self, patient: Asker) -> None:
        with FaultServer(lambda exchange: exchange.pause(5)) as server:
            url = server.url.replace("http:", "https:")
            outcome, seconds = self.interrupted(patient, url, lambda: server.connections == 1)
        assert outcome == "interrupted"
        assert seconds < 1

    def test_abort_ends_a_connection_attempt(self, patient: Asker) -> None:
        soon = time.monotonic() + 0.1
        with dead_endpoint() as (host, port):
            url = f"http://{host}:{port}/"
            outcome, seconds = self.interrupted(patient, url, lambda: time.monotonic() > soon)
        assert outcome == "interrupted"
        assert seconds < 1

    def test_abort_ends_the_wait_for_a_name(self, patient: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
        looking, over = threading.Event(), threading.Event()

        def look_up(*name: object, **options: object) -> list[object]:
            looking.set()
            over.wait(10)
            return []

        monkeypatch.setattr("socket.getaddrinfo", look_up)
        outcome, seconds = self.interrupted(patient, "http://localhost:9/", looking.is_set)
        over.set()
        assert outcome == "interrupted"
        assert seconds < 1

    def test_asking_after_abort_sends_nothing(self, asker: Asker) -> None:
        asker.client.abort()
        with FaultServer(json_response({})) as server, pytest.raises(InterruptedAskError):
            asker.ask(server.url)
        assert server.connections == 0

    def test_stop_during_a_pause_ends_the_attempt(self, asker: Asker) -> None:
        asker.stopping = True
        with FaultServer(json_response({}, status=500)) as server:
            assert outcome_of(asker, server.url) == "interrupted"
        assert server.connections == 1
