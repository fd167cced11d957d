"""Certificates are always verified, and there is no way around it but naming an authority."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.errors import AskError, ConfigError, TerminalAskError, TransientAskError
from tests.http.certificates import Authority
from tests.http.conftest import AskerFactory
from tests.http.fault_server import (
    Exchange,
    FaultServer,
    hang_up_at_once,
    json_response,
    raw,
)

BAD_SERVERS: dict[str, tuple[Callable[[Authority], ssl.SSLContext], str]] = {
    "self-signed": (Authority.self_signed, "self-signed"),
    "expired": (lambda authority: authority.server(days=-1), "expired"),
    "wrong host": (lambda authority: authority.server("DNS:other.example"), "not valid for '127.0.0.1'"),
    "TLS 1.0": (Authority.outdated, "TLS 1.2"),
}


def test_server_of_a_named_authority_is_asked(make_asker: AskerFactory, authority: Authority) -> None:
    asker = make_asker(ca_bundle=authority.bundle)
    with FaultServer(json_response({"n": 1}), tls=authority.server()) as server:
        assert asker.ask(server.url).payload == {"n": 1}


@pytest.mark.parametrize(("make", "why"), BAD_SERVERS.values(), ids=BAD_SERVERS)
def test_bad_server_gets_no_request(
    make: Callable[[Authority], ssl.SSLContext], why: str, make_asker: AskerFactory, authority: Authority
) -> None:
    asker = make_asker(ca_bundle=authority.bundle)
    with FaultServer(json_response({}), tls=make(authority)) as server, pytest.raises(TerminalAskError) as caught:
        asker.ask(server.url)
    assert caught.value.outcome == "tls_error"
    assert why in str(caught.value)
    assert server.requests == []
    assert server.connections == 1, "never retried within the attempt"


def test_authority_that_was_not_named_is_not_trusted(make_asker: AskerFactory, authority: Authority) -> None:
    with FaultServer(json_response({}), tls=authority.server()) as server, pytest.raises(TerminalAskError) as caught:
        make_asker().ask(server.url)
    assert caught.value.outcome == "tls_error"


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x00" * 64,
        b"\xff" * 64,
        b"\x16\x03\x01\xff\xff" + b"x" * 70_000,
    ],
    ids=["plain HTTP", "SSH", "zeros", "ones", "a record too long"],
)
def test_server_that_speaks_no_tls_behind_https_is_called_so(said: bytes, make_asker: AskerFactory) -> None:
    def answer_at_once(exchange: Exchange) -> None:
        exchange.send(said)
        exchange.pause(0.2)

    with FaultServer(answer_at_once) as server, pytest.raises(TerminalAskError) as caught:
        make_asker().ask(server.url.replace("http:", "https:"))
    assert caught.value.outcome == "tls_error"
    assert "does not speak TLS" in str(caught.value)


def test_hang_up_in_the_handshake_may_pass(make_asker: AskerFactory) -> None:
    with FaultServer(hang_up_at_once) as server, pytest.raises(TransientAskError) as caught:
        make_asker().ask(server.url.replace("http:", "https:"))
    assert caught.value.outcome == "conn_error"
    assert server.connections == 3


def test_slow_handshake_ends_with_the_deadline(make_asker: AskerFactory) -> None:
    def swallow(exchange: Exchange) -> None:
        exchange.pause(5)

    with FaultServer(swallow) as server, pytest.raises(AskError) as caught:
        make_asker().ask(server.url.replace("http:", "https:"))
    assert caught.value.outcome == "timeout_total"


def test_drip_over_tls_ends_with_the_deadline(make_asker: AskerFactory, authority: Authority) -> None:
    def drip(exchange: Exchange) -> None:
        exchange.read_request()
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not exchange.pause(0.02):
            exchange.send(b" ")

    asker = make_asker(ca_bundle=authority.bundle)
    with FaultServer(drip, tls=authority.server()) as server, pytest.raises(AskError) as caught:
        asker.ask(server.url)
    assert caught.value.outcome == "timeout_total"


def test_tls_connection_is_closed_once_the_answer_is_complete(make_asker: AskerFactory, authority: Authority) -> None:
    asker = make_asker(ca_bundle=authority.bundle)
    with FaultServer(json_response({}), tls=authority.server()) as server:
        for _ in range(2):
            asker.ask(server.url)
        assert server.all_closed()
    assert server.connections == 2


@pytest.mark.parametrize("content", [None, "no certificate"], ids=["missing", "not PEM"])
def test_unusable_bundle_is_a_mistake_in_the_settings(
    content: str | None, make_asker: AskerFactory, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)
    with pytest.raises(ConfigError, match="ca_bundle"):
        make_asker(ca_bundle=bundle)


def test_proxy_carries_tls_and_never_sees_the_key(make_asker: AskerFactory, authority: Authority) -> None:
    inner = authority.server()

    def tunnel(exchange: Exchange) -> None:
        exchange.read_request()
        exchange.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        exchange.start_tls(inner)
        json_response({"n": 2})(exchange)

    with FaultServer(tunnel) as proxy:
        asker = make_asker(ca_bundle=authority.bundle, proxy=proxy.origin)
        payloads = [asker.ask("https://localhost:9/v1/usage").payload for _ in range(2)]
    assert payloads == [{"n": 2}, {"n": 2}]
    assert [b"X-API-Key" in request for request in proxy.requests] == [False, True, False, True]


def test_refusing_proxy_is_a_fault_of_the_connection(make_asker: AskerFactory) -> None:
    with FaultServer(raw(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")) as proxy:
        asker = make_asker(proxy=proxy.origin)
        with pytest.raises(TransientAskError) as caught:
            asker.ask("https://localhost:9/v1/usage")
    assert caught.value.outcome == "conn_error"


def test_loopback_is_never_asked_through_the_proxy(make_asker: AskerFactory) -> None:
    with FaultServer(json_response({})) as server, FaultServer(json_response({})) as proxy:
        make_asker(proxy=proxy.origin).ask(server.url)
    assert proxy.connections == 0
